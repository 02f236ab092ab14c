"""The journal's checksum, held against another implementation."""

import google_crc32c
from hypothesis import given
from hypothesis import strategies as st

from duma._core import JournalFrames, crc32c


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
def test_checksum(data: bytes, before: int) -> None:
    assert crc32c(data) == google_crc32c.value(data)
    assert crc32c(data, before) == google_crc32c.extend(before, data)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_checksum_goes_on(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == crc32c(first + second)


def test_frames_are_taken_once() -> None:
    frames = JournalFrames(7, 0, 0)
    assert frames.append(1, b"train", b"\x92\xa0\x90", 5) == 1
    assert frames.append(1, b"clear", memoryview(b"\x91\xa0"), 6) == 2
    taken = frames.take()
    assert len(taken) == 2 * 32 + 5 + 3 + 5 + 2
    assert frames.take() == b""
    assert frames.sequence == 2
    assert int.from_bytes(taken[40:44]) == frames.checksum
