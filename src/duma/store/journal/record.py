"""The layout of a frame; see the table in `duma.store.journal`."""

import struct
from typing import NamedTuple

from google_crc32c import extend

MARK = 0
REQUEST = 1
EVENT = 2

TAG = b"\xa7\xd5"
TAG_OFFSET = 14
HEADER_SIZE = 32
MAX_NAME = 255
MAX_BODY = 0xFFFF_FFFF

# checksum; previous, length, kind, name length, tag, sequence, time
HEADER = struct.Struct(">I II BB 2s Qq")
_REST = struct.Struct(">II BB 2s Qq")
DURABLE = struct.Struct(">Q")


class Record(NamedTuple):
    """One record of the journal. `time` is nanoseconds since 1970; the next record states its `checksum`."""

    sequence: int
    time: int
    kind: int
    name: bytes
    payload: bytes
    checksum: int


def encoded(
    identity: int,
    previous: int,
    kind: int,
    name: bytes,
    payload: bytes | memoryview,
    sequence: int,
    time: int,
) -> tuple[int, bytes]:
    """The checksum of a frame, and what follows it in the file."""
    header = _REST.pack(previous, len(name) + len(payload), kind, len(name), TAG, sequence, time)
    rest = b"".join((header, name, payload))
    return extend(identity, rest), rest


def encoded_mark(identity: int, previous: int, sequence: int, durable: int, time: int) -> bytes:
    """A whole mark: records up to `durable` were synced before it is written."""
    checksum, rest = encoded(identity, previous, MARK, b"", DURABLE.pack(durable), sequence, time)
    return checksum.to_bytes(4, "big") + rest
