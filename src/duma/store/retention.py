"""What is kept: snapshots by count and age, and the journal from the oldest kept snapshot on.

A snapshot counts only if it is whole: it is read and checked before anything is removed for its sake. Damaged
ones are neither counted nor removed, but reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar

from duma.errors import JournalError, ModelFileError
from duma.store.files import Files
from duma.store.journal.segment import Segment, segments
from duma.store.snapshots import StoredSnapshot, list_snapshots, verify_snapshot

_HOUR = 3600
_DAY = 24 * _HOUR


class Aged(Protocol):
    """What a rule decides about: the higher of two `sequence`s is newer; `time` is Unix time in seconds."""

    @property
    def sequence(self) -> int: ...

    @property
    def time(self) -> int: ...


T = TypeVar("T", bound=Aged)


@dataclass(frozen=True, slots=True)
class Rule:
    """Keep the `last` newest snapshots (at least 1), and the newest of each of the last `hours` hours and
    `days` days (UTC) in which there are any.
    """

    last: int = 3
    hours: int = 0
    days: int = 0

    def __post_init__(self) -> None:
        if self.last < 1 or self.hours < 0 or self.days < 0:
            raise ValueError(f"a retention rule keeps at least the last snapshot: {self}")

    def kept(self, snapshots: Iterable[T]) -> set[T]:
        """Those of whole snapshots that are kept."""
        newest_first = sorted(
            snapshots, key=lambda snapshot: (snapshot.sequence, snapshot.time), reverse=True
        )
        kept = set(newest_first[: self.last])
        for count, seconds in ((self.hours, _HOUR), (self.days, _DAY)):
            of_period: dict[int, T] = {}
            for snapshot in newest_first:
                of_period.setdefault(snapshot.time // seconds, snapshot)
            kept.update(of_period[period] for period in sorted(of_period, reverse=True)[:count])
        return kept


@dataclass(slots=True)
class Retained:
    """What applying a rule did."""

    kept: list[StoredSnapshot] = field(default_factory=list)
    removed: list[Path] = field(default_factory=list)
    damaged: list[tuple[StoredSnapshot, str]] = field(default_factory=list)


class Retention:
    """Applies a rule to a server's folders, again and again; each snapshot is checked once."""

    def __init__(self, files: Files, journal: Path, snapshots: Path, rule: Rule) -> None:
        self._files = files
        self._journal = journal
        self._snapshots = snapshots
        self._rule = rule
        self._whole: set[StoredSnapshot] = set()

    def apply(self) -> Retained:
        """Remove what the rule does not keep. Raises `JournalError`."""
        try:
            return self._apply()
        except OSError as error:
            raise JournalError(
                f"old snapshots and journal cannot be removed: {error.filename}: {error.strerror or error}"
            ) from error

    def _apply(self) -> Retained:
        result = Retained()
        whole = []
        for snapshot in list_snapshots(self._files, self._snapshots):
            try:
                self._verify(snapshot)
                whole.append(snapshot)
            except ModelFileError as error:
                if isinstance(error.__cause__, OSError):  # perhaps only for now: nothing is removed
                    raise JournalError(f"old snapshots and journal are not removed: {error}") from error
                result.damaged.append((snapshot, str(error)))
        kept = self._rule.kept(whole)
        result.kept = [snapshot for snapshot in whole if snapshot in kept]
        if not kept:
            return result
        removed = [snapshot.path for snapshot in whole if snapshot not in kept]
        self._remove(removed, self._snapshots)
        # Lastingly gone are the snapshots that need it; now the journal may go.
        oldest = min(snapshot.sequence for snapshot in kept)
        old_journal = self._journal_before(oldest)
        self._remove(old_journal, self._journal)
        result.removed = removed + old_journal
        return result

    def _verify(self, snapshot: StoredSnapshot) -> None:
        if snapshot not in self._whole:
            verify_snapshot(self._files, snapshot)
            self._whole.add(snapshot)

    def _journal_before(self, sequence: int) -> list[Path]:
        """Segments with no record behind a position, and what was set aside of them."""
        found = segments(self._files, self._journal)
        old: list[Segment] = []
        for segment, following in pairwise(found):
            if following.first > sequence + 1:
                break
            old.append(segment)
        names = self._files.names(self._journal)
        return [
            self._journal / name for segment in old for name in names if name.startswith(segment.path.name)
        ]

    def _remove(self, paths: list[Path], folder: Path) -> None:
        for path in paths:
            self._files.remove(path)
        if paths:
            self._files.sync_folder(folder)
