"""Segments: their names, their header, and how one comes to be."""

import re
import struct
from pathlib import Path
from typing import NamedTuple

from duma._core import crc32c
from duma.store.files import File, Files
from duma.store.temporary import whole_file

MAGIC = b"dumajrnl"
FORMAT_VERSION = 1
HEADER_SIZE = 40

_HEADER = struct.Struct(">8s II Qq I")
_CRC = struct.Struct(">I")
_NAME = re.compile(r"(\d{20})-([0-9a-f]{8})\.journal")


class Segment(NamedTuple):
    """A file of the journal, with the number of its first record and the journal's identity from its name."""

    first: int
    identity: int
    path: Path


class SegmentHeader(NamedTuple):
    identity: int
    first: int
    time: int
    previous: int


class BadSegmentHeader(Exception):
    """The first bytes of a segment are not a header; the text says why."""


def segments(files: Files, folder: Path) -> list[Segment]:
    """The segments of a journal in their order."""
    found = [_NAME.fullmatch(name) for name in files.names(folder)]
    return sorted(Segment(int(match[1]), int(match[2], 16), folder / match[0]) for match in found if match)


def segment_path(folder: Path, first: int, identity: int) -> Path:
    """Where the segment that begins with a record is."""
    return folder / f"{first:020}-{identity:08x}.journal"


def create_segment(files: Files, folder: Path, header: SegmentHeader) -> File:
    """A new segment, lastingly in its folder and open for appending."""
    path = segment_path(folder, header.first, header.identity)
    fields = _HEADER.pack(MAGIC, FORMAT_VERSION, header.identity, header.first, header.time, header.previous)
    with whole_file(files, path) as file:
        file.append(fields + _CRC.pack(crc32c(fields)))
    return files.open(path, writing=True)


def read_header(file: File) -> SegmentHeader:
    """Raises `BadSegmentHeader`."""
    data = file.read_at(0, HEADER_SIZE)
    if len(data) < HEADER_SIZE:
        raise BadSegmentHeader(f"{len(data)} bytes, expected a header of {HEADER_SIZE}")
    magic, version, *fields = _HEADER.unpack_from(data)
    (stored,) = _CRC.unpack_from(data, _HEADER.size)
    computed = crc32c(data[: _HEADER.size])
    if magic != MAGIC:
        raise BadSegmentHeader(f"begins with {magic!r}, expected {MAGIC!r}")
    if computed != stored:
        raise BadSegmentHeader(f"checksum of the header is {computed:08x}, expected {stored:08x}")
    if version != FORMAT_VERSION:
        raise BadSegmentHeader(f"format version {version}, expected {FORMAT_VERSION}")
    return SegmentHeader(*fields)
