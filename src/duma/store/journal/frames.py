"""Reading the frames of a segment, good ones in a row or whatever good ones there are."""

import errno
import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from duma._core import crc32c
from duma.store.files import File
from duma.store.journal.record import EVENT, HEADER, HEADER_SIZE, MARK, TAG, TAG_OFFSET, Record

_BLOCK = 1 << 20


class Frame(NamedTuple):
    """A good frame: where it begins and ends, the checksum it states for the record before, and what it
    holds.
    """

    offset: int
    end: int
    previous: int
    record: Record


class BadFrame(Exception):
    """At `offset` there is no good frame; the text says why."""

    def __init__(self, offset: int, why: str) -> None:
        self.offset = offset
        super().__init__(why)


class Window:
    """A part of a file in memory. `loaded(offset)` is called whenever the window moves."""

    def __init__(self, file: File, loaded: Callable[[int], None]) -> None:
        self.size = file.size()
        self.data = b""
        self.start = 0
        self._file = file
        self._loaded = loaded

    def load(self, offset: int, wanted: int) -> int:
        """Have `wanted` bytes from `offset` on in `data`; returns where they begin in it.

        The file must have them: the caller has compared with `size`, and no more memory is taken than the
        file is large.
        """
        index = offset - self.start
        if index >= 0 and index + wanted <= len(self.data):
            return index
        self._loaded(offset)
        self.data = self._file.read_at(offset, min(max(wanted, _BLOCK), self.size - offset))
        self.start = offset
        if len(self.data) < wanted:
            raise OSError(errno.EIO, f"{os.strerror(errno.EIO)}: the file became shorter while it was read")
        return 0


def read_frames(window: Window, identity: int, offset: int) -> Iterator[Frame]:
    """The frames from an offset to the end of the file. Raises `BadFrame` at the first place that is none."""
    unpack = HEADER.unpack_from
    size = window.size
    while offset < size:
        if size - offset < HEADER_SIZE:
            raise BadFrame(
                offset, f"{size - offset} bytes are left, expected a frame of {HEADER_SIZE} or more"
            )
        index = window.load(offset, HEADER_SIZE)
        checksum, previous, length, kind, name_length, tag, sequence, time = unpack(window.data, index)
        end = offset + HEADER_SIZE + length
        if tag != TAG or kind > EVENT or name_length > length:
            raise BadFrame(offset, "no frame begins here")
        if end > size:
            raise BadFrame(
                offset, f"a frame of {end - offset} bytes begins, but only {size - offset} are left"
            )
        index = window.load(offset, HEADER_SIZE + length)
        data = window.data
        stop = index + HEADER_SIZE + length
        computed = crc32c(memoryview(data)[index + 4 : stop], identity)
        if computed != checksum:
            raise BadFrame(offset, f"checksum is {computed:08x}, expected {checksum:08x}")
        name = index + HEADER_SIZE
        payload = name + name_length
        record = Record(sequence, time, kind, data[name:payload], data[payload:stop], checksum)
        yield Frame(offset, end, previous, record)
        offset = end


def good_frames(window: Window, identity: int, offset: int, expected: int) -> Iterator[Frame]:
    """The frames at or behind an offset, whatever is between them, where `expected` is the next record's
    number.

    Lower numbers are what somebody sent as data: bytes of this very journal.
    """
    while offset < window.size:
        try:
            for frame in read_frames(window, identity, offset):
                offset = frame.end
                sequence = frame.record.sequence + (frame.record.kind == MARK)
                if sequence >= expected:
                    yield frame
                    expected = sequence + (frame.record.kind != MARK)
            return
        except BadFrame as bad:
            offset = _next_tag(window, bad.offset + 1 + TAG_OFFSET) - TAG_OFFSET


def _next_tag(window: Window, offset: int) -> int:
    """The offset of the next tag of a frame, or the end of the file."""
    while offset + len(TAG) <= window.size:
        index = window.load(offset, len(TAG))
        found = window.data.find(TAG, index)
        if found >= 0:
            return window.start + found
        offset = window.start + len(window.data) - len(TAG) + 1
    return window.size + TAG_OFFSET
