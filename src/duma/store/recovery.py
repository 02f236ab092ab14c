"""Recovery: the newest whole snapshot, then the journal behind it.

`recover` loads and replays, repairs a torn tail, and says what it found; `open_writer` goes on from there. A
snapshot that is damaged is passed over for the one before. Damage in the middle of the journal stops recovery
(`JournalDamaged`), unless it is told to skip it.

With `until`, recovery ends at an earlier position and changes nothing on the disk. `go_back` then makes that
position the journal's end: what came later is set aside, and the next `recover` ends there.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from duma.errors import JournalError, ModelFileError
from duma.store.files import Files
from duma.store.folder import DataFolder
from duma.store.journal import Damage, End, JournalDamaged, JournalReader, JournalWriter, Record, TornTail
from duma.store.journal.repair import cut_after, cut_tail, set_aside
from duma.store.journal.writer import SEGMENT_SIZE
from duma.store.model_file import ModelFile
from duma.store.snapshots import Position, StoredSnapshot, list_snapshots, open_snapshot


@dataclass(frozen=True, slots=True)
class Until:
    """Where to stop: behind record `sequence`, or before the first record later than `time` (nanoseconds
    since 1970).
    """

    sequence: int | None = None
    time: int | None = None

    def has(self, record: Record) -> bool:
        """Whether a record is before the stop."""
        return (self.sequence is None or record.sequence <= self.sequence) and (
            self.time is None or record.time <= self.time
        )

    def has_snapshot(self, snapshot: StoredSnapshot) -> bool:
        """Whether all records in a snapshot are certainly before the stop (its time is cut to a second)."""
        return (self.sequence is None or snapshot.sequence <= self.sequence) and (
            self.time is None or (snapshot.time + 1) * 1_000_000_000 <= self.time
        )


@dataclass(slots=True)
class Recovered:
    """What recovery found and did."""

    position: Position
    snapshot: StoredSnapshot | None = None
    replayed: int = 0
    damaged_snapshots: list[tuple[StoredSnapshot, str]] = field(default_factory=list)
    damages: list[Damage] = field(default_factory=list)
    tail: TornTail | None = None
    tail_kept: Path | None = None
    end: End | None = None

    def report(self) -> list[str]:
        """What a person should know, a line each; empty when all was well."""
        lines = [f"snapshot was passed over: {why}" for _, why in self.damaged_snapshots]
        lines += [str(damage) for damage in self.damages]
        if self.tail is not None:
            lines.append(f"{self.tail}; it was cut off and is kept in {self.tail_kept}")
        if self.end is None and self.snapshot is not None:
            lines.append(
                f"{self.snapshot.path} has no journal behind it: it has been removed, and with it what came "
                f"after record {self.position.sequence}"
            )
        if self.end is not None and self.end.sequence < self.position.sequence:
            lines.append(
                f"the journal ends with record {self.end.sequence}, before the snapshot, which has record "
                f"{self.position.sequence}; nothing is lost, but the records between can be replayed no more"
            )
        return lines


def recover(
    files: Files,
    folder: DataFolder,
    *,
    load: Callable[[ModelFile], None],
    apply: Callable[[Record], None],
    until: Until | None = None,
    skip_damaged: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Recovered:
    """Bring the last state back: `load` is called with at most one snapshot, then `apply` with each record
    behind it.

    `progress(done, total)` is told bytes of the journal. Raises `JournalError` (`JournalDamaged` where
    skipping helps), and what `load` and `apply` raise.
    """
    recovered = _load_snapshot(files, folder, load, until)
    start = recovered.position
    reader = JournalReader(
        files,
        folder.journal,
        after=start.sequence,
        after_checksum=start.checksum if recovered.snapshot else None,
        identity=start.identity if recovered.snapshot else None,
        skip_damaged=skip_damaged,
        progress=progress,
    )
    last: Record | None = None
    try:
        for record in reader:
            if until is not None and not until.has(record):
                break
            apply(record)
            last = record
            recovered.replayed += 1
    except JournalDamaged as error:
        if recovered.damaged_snapshots:
            passed_over = "; ".join(why for _, why in recovered.damaged_snapshots)
            error.add_note(f"snapshots that are damaged as well: {passed_over}")
        raise
    recovered.damages, recovered.tail, recovered.end = reader.damages, reader.tail, reader.end
    if last is not None:
        recovered.position = Position(last.sequence, start.identity, last.checksum)
    if until is not None and until.sequence is not None and until.sequence > recovered.position.sequence:
        raise JournalError(
            f"the journal in {folder.journal} ends with record {recovered.position.sequence}, "
            f"recovery until record {until.sequence} is not possible"
        )
    end = reader.end
    if end is not None:
        recovered.position = recovered.position._replace(identity=end.identity)
        if (
            end.sequence > recovered.position.sequence
        ):  # the last records are lost, and their numbers are used up
            recovered.position = Position(end.sequence, end.identity, end.checksum)
    if until is None and reader.tail is not None:
        recovered.tail_kept = cut_tail(files, reader.tail)
    return recovered


def open_writer(
    files: Files,
    folder: DataFolder,
    recovered: Recovered,
    *,
    segment_size: int = SEGMENT_SIZE,
    clock: Callable[[], int] = time.time_ns,
) -> JournalWriter:
    """Go on with the journal where recovery (without `until`) ended. Raises `JournalError`."""
    end, position = recovered.end, recovered.position
    if end is not None and end.path is not None and end.sequence >= position.sequence:
        return JournalWriter.resume(files, folder.journal, end, segment_size=segment_size, clock=clock)
    return JournalWriter.start(
        files,
        folder.journal,
        identity=position.identity,
        sequence=position.sequence,
        checksum=position.checksum,
        segment_size=segment_size,
        clock=clock,
    )


def go_back(files: Files, folder: DataFolder, recovered: Recovered) -> list[Path]:
    """After recovery with `until`: set aside all that is later; returns the files that have it now.

    Raises `JournalError`. After a crash in between, the next recovery ends at the old end or at the new one.
    """
    sequence = recovered.position.sequence
    try:
        kept = [
            set_aside(files, snapshot.path, "undone")
            for snapshot in list_snapshots(files, folder.snapshots)
            if snapshot.sequence > sequence
        ]
    except OSError as error:
        raise JournalError(
            f"later snapshots cannot be set aside: {error.filename}: {error.strerror or error}"
        ) from error
    return kept + cut_after(files, folder.journal, sequence)


def _load_snapshot(
    files: Files, folder: DataFolder, load: Callable[[ModelFile], None], until: Until | None
) -> Recovered:
    """Load the newest whole snapshot that is not too late."""
    recovered = Recovered(Position(0, int.from_bytes(os.urandom(4), "big"), 0))
    try:
        snapshots = list_snapshots(files, folder.snapshots)
    except OSError as error:
        raise JournalError(
            f"snapshots cannot be listed: {folder.snapshots}: {error.strerror or error}"
        ) from error
    for stored in reversed(snapshots):
        if until is not None and not until.has_snapshot(stored):
            continue
        try:
            model, position = open_snapshot(files, stored)
        except ModelFileError as error:
            recovered.damaged_snapshots.append((stored, str(error)))
            continue
        with model:
            load(model)
        recovered.position, recovered.snapshot = position, stored
        break
    return recovered
