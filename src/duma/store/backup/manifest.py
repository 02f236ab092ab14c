"""The manifest: what a backup consists of. A JSON object:

format         "duma backup"
version        1
id             <time, to the second>-<8 hex digits>
time           when the data folder was looked at, UTC: 2026-01-31T23:59:59.123456Z
engine_type    as in the model file
configuration  SHA-256 of the configuration's text
journal        identity of the journal, 8 hex digits
sequence       the last record in the backup: its number ...
checksum       ... and its checksum, 8 hex digits
state          digest of the model's state, or null if nobody computed it
files          [{"name": path in the data folder, "kind": snapshot, segment or loaded, "size": bytes,
                 "pieces": [[SHA-256, bytes], ...]}, ...]
sha256         of the manifest without this entry, as JSON with sorted keys and without spaces
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from duma.errors import BackupError

FORMAT = "duma backup"
FORMAT_VERSION = 1
KINDS = ("snapshot", "segment", "loaded")

_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"(snapshots|journal)/[0-9A-Za-z][0-9A-Za-z._-]*")


class ManifestDamaged(BackupError):
    """A manifest is not what it should be, or not of this version."""


class Piece(NamedTuple):
    """A part of a file; `size` is bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class BackedUpFile:
    """A file of the data folder; `name` is its path in it."""

    name: str
    kind: str
    size: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """See the table above. `time` is Unix time in microseconds."""

    id: str
    time: int
    engine_type: str
    configuration: str
    journal: int
    sequence: int
    checksum: int
    state: str | None
    files: tuple[BackedUpFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def snapshot(self) -> str:
        """The name of its snapshot."""
        return next(file.name for file in self.files if file.kind == "snapshot")

    def pieces(self) -> Iterator[Piece]:
        """The pieces of all files; one may come several times."""
        for file in self.files:
            yield from file.pieces


def new_id(microseconds: int) -> str:
    """An id that nobody else has."""
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y%m%dT%H%M%SZ}-{os.urandom(4).hex()}"


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


def format_manifest(manifest: Manifest) -> bytes:
    """The JSON."""
    fields = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "id": manifest.id,
        "time": format_utc(manifest.time),
        "engine_type": manifest.engine_type,
        "configuration": manifest.configuration,
        "journal": f"{manifest.journal:08x}",
        "sequence": manifest.sequence,
        "checksum": f"{manifest.checksum:08x}",
        "state": manifest.state,
        "files": [
            {"name": file.name, "kind": file.kind, "size": file.size, "pieces": file.pieces}
            for file in manifest.files
        ],
    }
    fields["sha256"] = _checksum(fields)
    return json.dumps(fields, separators=(",", ":")).encode()


def parse_manifest(data: bytes, where: str) -> Manifest:
    """Read and check one; `where` it is, for messages. Raises `ManifestDamaged`."""
    try:
        fields = json.loads(data)
        stated = fields.pop("sha256")
        found = FORMAT, FORMAT_VERSION
        if (fields["format"], fields["version"]) != found:
            raise ManifestDamaged(
                f"{where} is a {fields['format']!r} of version {fields['version']}, expected {found[0]!r} of "
                f"version {found[1]}: it was written by a newer version of Duma"
            )
        computed = _checksum(fields)
        if computed != stated:
            raise ManifestDamaged(f"{where} is damaged: its SHA-256 is {computed}, expected {stated}")
        return _checked(_manifest(fields))
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration) as error:
        raise ManifestDamaged(f"{where} is no manifest of a backup, or damaged: {error!r}") from error


def format_utc(microseconds: int) -> str:
    """A time as in the manifest."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06}Z"


def parse_utc(text: str) -> int:
    """Microseconds since 1970. Raises `ValueError`."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds


def _manifest(fields: dict[str, Any]) -> Manifest:
    return Manifest(
        id=fields["id"],
        time=parse_utc(fields["time"]),
        engine_type=fields["engine_type"],
        configuration=fields["configuration"],
        journal=int(fields["journal"], 16),
        sequence=int(fields["sequence"]),
        checksum=int(fields["checksum"], 16),
        state=fields["state"],
        files=tuple(
            BackedUpFile(
                file["name"],
                file["kind"],
                int(file["size"]),
                tuple(Piece(sha256, int(size)) for sha256, size in file["pieces"]),
            )
            for file in fields["files"]
        ),
    )


def _checked(manifest: Manifest) -> Manifest:
    """What restoring relies on: no name leads out of the folder. Raises `ValueError` and `StopIteration`."""
    if not is_id(manifest.id):
        raise ValueError(f"id {manifest.id!r}")
    manifest.snapshot  # noqa: B018 - there is one
    names = [file.name for file in manifest.files]
    for file in manifest.files:
        if not _FILE_NAME.fullmatch(file.name) or file.kind not in KINDS or names.count(file.name) > 1:
            raise ValueError(f"file {file.name!r} of kind {file.kind!r}")
        if sum(piece.size for piece in file.pieces) != file.size:
            raise ValueError(f"pieces of {file.name} have another size than {file.size}")
        if not all(_SHA256.fullmatch(piece.sha256) and piece.size > 0 for piece in file.pieces):
            raise ValueError(f"pieces of {file.name}")
    return manifest


def _checksum(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
