"""The layout of a frame; see the table in `duma.store.journal`."""

import struct
from typing import NamedTuple

from duma._core import crc32c

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
DURABLE = struct.Struct(">Q")


class Record(NamedTuple):
    """One record of the journal. `time` is nanoseconds since 1970; the next record states its `checksum`."""

    sequence: int
    time: int
    kind: int
    name: bytes
    payload: bytes
    checksum: int


def encoded_mark(identity: int, previous: int, sequence: int, durable: int, time: int) -> bytes:
    """A whole mark: records up to `durable` were synced before it is written."""
    payload = DURABLE.pack(durable)
    frame = HEADER.pack(0, previous, len(payload), MARK, 0, TAG, sequence, time) + payload
    return crc32c(frame[4:], identity).to_bytes(4, "big") + frame[4:]
