"""Appending to the journal.

`append` only takes a record into memory: it is called in the order of the updates, from whichever thread does
them. `write` gives everything appended so far to the file at once, with a mark behind it; `sync` makes what
is written last. Each is safe to call from any thread. The first failure is final: the kernel may have
forgotten what it could not write, so that a second sync that succeeds would prove nothing. All later calls
raise the first failure.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, Self

from duma._core import JournalFrames
from duma.errors import JournalError
from duma.store.files import File, Files, in_blocks
from duma.store.journal.damage import End
from duma.store.journal.record import MAX_BODY, MAX_NAME, REQUEST, encoded_mark
from duma.store.journal.segment import HEADER_SIZE, SegmentHeader, create_segment, segment_path

SEGMENT_SIZE = 64 << 20
_BLOCK = 1 << 20


class JournalWriter:
    """Appends to a journal; there is one for a journal at a time. Open it with `start` or `resume`."""

    def __init__(
        self,
        files: Files,
        folder: Path,
        end: End,
        path: Path,
        file: File,
        *,
        segment_size: int = SEGMENT_SIZE,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self.identity = end.identity
        self._files = files
        self._folder = folder
        self._segment_size = segment_size
        self._clock = clock

        self._append_lock = threading.Lock()  # guards what `append` changes; held briefly
        self._frames = JournalFrames(end.identity, end.sequence, end.checksum)
        self._failure: JournalError | None = None

        self._write_lock = threading.Lock()  # taken before the other two
        self._sync_lock = threading.Lock()
        self._file = file
        self._path = path
        self._size = end.offset
        self._written = self._durable = end.sequence
        self._written_checksum = end.checksum

    @classmethod
    def start(
        cls,
        files: Files,
        folder: Path,
        *,
        identity: int,
        sequence: int = 0,
        checksum: int = 0,
        segment_size: int = SEGMENT_SIZE,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Open a new segment behind record `sequence`, which has `checksum`. Raises `JournalError`."""
        path = segment_path(folder, sequence + 1, identity)
        try:
            file = create_segment(files, folder, SegmentHeader(identity, sequence + 1, clock(), checksum))
        except OSError as error:
            raise _failed(path, error) from error
        end = End(identity, sequence, checksum, path, HEADER_SIZE, HEADER_SIZE)
        return cls(files, folder, end, path, file, segment_size=segment_size, clock=clock)

    @classmethod
    def resume(
        cls,
        files: Files,
        folder: Path,
        end: End,
        *,
        segment_size: int = SEGMENT_SIZE,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """Go on at the end of the last segment, which has no torn tail (any more). Raises `JournalError`.

        What was found there may be in the kernel's memory only, and after a failed sync the kernel does not
        write it by itself: it is written again, so that syncing it means something.
        """
        path = end.path
        if path is None:
            raise JournalError(f"the last segment of the journal in {folder} cannot be continued")
        try:
            file = files.open(path, writing=True)
            for offset in range(end.durable_offset, end.offset, _BLOCK):
                file.write_at(offset, file.read_at(offset, min(_BLOCK, end.offset - offset)))
            file.sync()
            mark = encoded_mark(end.identity, end.checksum, end.sequence, end.sequence, clock())
            file.append(mark)
            file.sync()
        except OSError as error:
            raise _failed(path, error) from error
        end = end._replace(offset=end.offset + len(mark), durable_offset=end.offset + len(mark))
        return cls(files, folder, end, path, file, segment_size=segment_size, clock=clock)

    @property
    def position(self) -> tuple[int, int]:
        """Sequence number and checksum of the record appended last."""
        with self._append_lock:
            return self._frames.sequence, self._frames.checksum

    @property
    def written(self) -> int:
        """The last record that survives the end of the process."""
        return self._written

    @property
    def durable(self) -> int:
        """The last record that survives the end of the machine."""
        return self._durable

    @property
    def pending_size(self) -> int:
        """Bytes appended and not yet written."""
        return self._frames.pending

    def append(self, name: bytes, payload: bytes | memoryview, now: int, kind: int = REQUEST) -> int:
        """Append a record; returns its sequence number. `now` is nanoseconds since 1970.

        Raises `JournalError` after a failure, and for a record that is too large.
        """
        size = len(name) + len(payload)
        if len(name) > MAX_NAME or size > MAX_BODY:
            raise JournalError(
                f"record for the journal is too large: {size} bytes with a name of {len(name)}, "
                f"expected at most {MAX_BODY} with a name of {MAX_NAME}"
            )
        with self._append_lock:
            if self._failure is not None:
                self._refuse()
            return self._frames.append(kind, name, payload, now)

    def write(self) -> int:
        """Write all that has been appended; returns the last record written. Raises `JournalError`."""
        with self._write_lock:
            with self._append_lock:
                if self._failure is not None:
                    self._refuse()
                batch = self._frames.take()
                sequence, checksum = self._frames.sequence, self._frames.checksum
            if batch:
                try:
                    self._write_batch(batch, sequence, checksum)
                except BaseException as error:
                    self._fail(error)
            return sequence

    def sync(self) -> int:
        """Make lasting what has been written; returns the last record that is. Raises `JournalError`."""
        with self._sync_lock:
            with self._append_lock:
                if self._failure is not None:
                    self._refuse()
                written = self._written
            if written > self._durable:
                try:
                    self._file.sync()
                except BaseException as error:
                    self._fail(error)
                self._durable = written
            return self._durable

    def commit(self) -> int:
        """Write and sync all that has been appended; returns the last record that is lasting.

        Raises `JournalError`.
        """
        self.write()
        return self.sync()

    def lasting_end(self) -> End:
        """Sync what has been written, and say where it ends. Raises `JournalError`."""
        with self._write_lock:
            size = self._size
            end = End(self.identity, self._written, self._written_checksum, self._path, size, size)
        self.sync()  # outside of the lock, which updates wait for
        return end

    def close(self) -> None:
        """Commit, and mark the end as synced. After a failure only the file is closed.

        Raises `JournalError` when the commit fails.
        """
        try:
            if self._failure is None:
                durable = self.commit()
                with self._write_lock, self._sync_lock:
                    mark = encoded_mark(
                        self.identity, self._written_checksum, self._written, durable, self._clock()
                    )
                    try:
                        self._file.append(mark)
                        self._file.sync()
                    except BaseException as error:
                        self._fail(error)
        finally:
            with self._append_lock:
                self._failure = self._failure or JournalError(f"journal {self._path} is closed")
            self._file.close()

    def _write_batch(self, batch: bytes, sequence: int, checksum: int) -> None:
        if self._size > HEADER_SIZE and self._size + len(batch) > self._segment_size:
            self._next_segment()
        mark = encoded_mark(self.identity, checksum, sequence, self._durable, self._clock())
        for block in in_blocks((batch, mark), _BLOCK):
            self._file.append(block)
        with self._append_lock:  # so that `sync` sees all three or none
            self._size += len(batch) + len(mark)
            self._written, self._written_checksum = sequence, checksum

    def _next_segment(self) -> None:
        with self._sync_lock:
            self._file.sync()
            self._durable = self._written
            self._file.close()
            header = SegmentHeader(self.identity, self._written + 1, self._clock(), self._written_checksum)
            self._path = segment_path(self._folder, header.first, self.identity)
            self._file = create_segment(self._files, self._folder, header)
            self._size = HEADER_SIZE

    def _fail(self, error: BaseException) -> NoReturn:
        # Whatever it was: the batch is not in the file, and what is appended later would leave a gap.
        failure = _failed(self._path, error)
        with self._append_lock:
            self._failure = self._failure or failure
        if isinstance(error, Exception):
            raise failure from error
        raise error

    def _refuse(self) -> NoReturn:
        assert self._failure is not None
        raise JournalError(str(self._failure)) from self._failure


def _failed(path: Path, error: BaseException) -> JournalError:
    why = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return JournalError(
        f"journal cannot be written: {path}: {why}; updates are refused until the server is started again"
    )
