"""Snapshots: the model as it was at a position of the journal.

A snapshot is a model file, which Jubatus loads like any other. Its model id says to which position it
belongs, so that the checksum of the file holds for that as well:

    snapshot 53210 8f31c2aa 1b09d77c    last record in it, identity of the journal, checksum of the record

Its name has the number and the time, and lets snapshots be listed without opening them:

    00000000000000053210-20260131T235959Z.jubatus
"""

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from duma.errors import ModelFileError
from duma.store.files import Files
from duma.store.model_file import ModelFile, Snapshot, read_model, write_model

_NAME = re.compile(r"(\d{20})-([1-9]\d{3})(0[1-9]|1[0-2])(\d\d)T(\d\d)(\d\d)(\d\d)Z\.jubatus")
_ID = re.compile(r"snapshot (\d+) ([0-9a-f]{8}) ([0-9a-f]{8})")


class Position(NamedTuple):
    """A position in a journal: behind a record, which is 0 before the first one."""

    sequence: int
    identity: int
    checksum: int


@dataclass(frozen=True, slots=True)
class StoredSnapshot:
    """A snapshot in its folder, as its name says. `time` is Unix time in seconds."""

    path: Path
    sequence: int
    time: int


def list_snapshots(files: Files, folder: Path) -> list[StoredSnapshot]:
    """The snapshots in a folder, the newest position last."""
    found = []
    for name in files.names(folder):
        match = _NAME.fullmatch(name)
        if match:
            year, month, day, hour, minute, second = map(int, match.groups()[1:])
            time = calendar.timegm((year, month, day, hour, minute, second))
            found.append(StoredSnapshot(folder / name, int(match[1]), time))
    return sorted(found, key=lambda snapshot: (snapshot.sequence, snapshot.time))


def write_snapshot(
    files: Files,
    folder: Path,
    snapshot: Snapshot,
    position: Position,
    *,
    engine_type: str,
    config_text: str,
    time: int,
    commit: Callable[[], object],
) -> StoredSnapshot:
    """Store the model as it was at a position; `time` is Unix time in seconds.

    `commit` makes the journal lasting up to that position (`JournalWriter.commit`) and is called before the
    snapshot gets its name: a snapshot must not know of records that the journal may still lose. Raises
    `ModelFileError`, and what `commit` raises.
    """
    name = f"{position.sequence:020}-{datetime.fromtimestamp(time, UTC):%Y%m%dT%H%M%SZ}.jubatus"
    write_model(
        files,
        folder / name,
        engine_type=engine_type,
        model_id=f"snapshot {position.sequence} {position.identity:08x} {position.checksum:08x}",
        config_text=config_text,
        timestamp=time,
        snapshot=snapshot,
        before_rename=commit,
    )
    return StoredSnapshot(folder / name, position.sequence, time)


def open_snapshot(files: Files, stored: StoredSnapshot) -> tuple[ModelFile, Position]:
    """Open a snapshot after checking it whole. Raises `ModelFileError`."""
    model = read_model(files, stored.path)
    match = _ID.fullmatch(model.model_id)
    if match is None or int(match[1]) != stored.sequence:
        model.close()
        raise ModelFileError(
            f"not the snapshot that its name says: {stored.path}: its model id is {model.model_id!r}, "
            f"expected 'snapshot {stored.sequence} ...'"
        )
    return model, Position(int(match[1]), int(match[2], 16), int(match[3], 16))


def verify_snapshot(files: Files, stored: StoredSnapshot) -> None:
    """Read a whole snapshot and check it. Raises `ModelFileError`."""
    open_snapshot(files, stored)[0].close()
