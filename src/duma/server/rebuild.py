"""Building a model again from a data folder, as it was earlier or as it would be without some records.

The folder is only read. The journal is read twice: first to find where to stop and what will be left out,
then to replay it behind the newest snapshot that has none of what is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duma.engines.engine import Engine
from duma.engines.registry import ENGINES, engine_class
from duma.errors import JournalError
from duma.server.history import Entry, History, find_snapshots
from duma.server.journal_events import HIDDEN_STATE
from duma.server.replay import Replayer
from duma.store.files import Files
from duma.store.folder import DataFolder
from duma.store.journal import EVENT, REQUEST, Record, TornTail
from duma.store.model_file import ModelFile
from duma.store.recovery import Recovered, Until, recover
from duma.store.snapshots import StoredSnapshot

_SECOND = 1_000_000_000
_LEFT_OUT_KEPT = 20


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build: everything, or all up to and with record `sequence` or `time` (nanoseconds since 1970);
    without the records `without`; passing over damage or not.
    """

    sequence: int | None = None
    time: int | None = None
    without: tuple[range, ...] = ()
    skip_damaged: bool = False

    def ends_before(self, record: Record) -> bool:
        """Whether a record, and so every later one, is not wanted."""
        return (self.sequence is not None and record.sequence > self.sequence) or (
            self.time is not None and record.time > self.time
        )

    def leaves_out(self, sequence: int) -> bool:
        """Whether a record is left out."""
        return any(sequence in records for records in self.without)

    @property
    def first_left_out(self) -> int | None:
        """The first record that is left out."""
        return min((records.start for records in self.without), default=None)


@dataclass(slots=True)
class Survey:
    """What a plan means for a folder: the `last` record that is wanted, the first few that are left out and
    how many there are, and the torn tail if reading came to it.
    """

    last: int
    left_out: list[Entry]
    left_out_count: int
    tail: TornTail | None


@dataclass(slots=True)
class Rebuilt:
    """A model that was built, or what would be: `engine` is None if nothing was replayed but only counted.

    `time` is that of the last record in it, or else of the snapshot. `failed` requests failed as they did
    when they were sent.
    """

    recovered: Recovered
    snapshot: StoredSnapshot
    engine_type: str
    config_text: str
    engine: Engine | None
    time: int
    requests: int
    failed: int


def survey(files: Files, folder: Path, plan: Plan) -> Survey:
    """Read the journal and find what a plan means. Raises `JournalError` when it cannot be done."""
    history = History(files, folder)
    snapshots = find_snapshots(files, folder)
    if not snapshots:
        raise JournalError(f"{folder} holds no snapshot, which rebuilding a model begins with")
    left_out: list[Entry] = []
    left_out_count = 0
    first = end = 0
    following: Record | None = None
    for entry in history:
        if plan.ends_before(entry.record):
            following = entry.record
            break
        end = entry.record.sequence
        first = first or end
        if plan.leaves_out(end):
            left_out_count += 1
            if len(left_out) < _LEFT_OUT_KEPT:
                left_out.append(entry)
    last = max(end, snapshots[-1].sequence) if following is None else following.sequence - 1
    if plan.sequence is not None:
        if following is None and plan.sequence > last:
            raise JournalError(f"{folder} ends with record {last}, there is no record {plan.sequence}")
        last = plan.sequence
    for records in plan.without:
        if not records or records.start < max(first, 1) or records.stop - 1 > last:
            raise JournalError(
                f"records {records.start}..{records.stop - 1} cannot be left out: "
                f"those that would be replayed are {first}..{last}"
            )
    _check_snapshots(snapshots, plan, last, replays=end > 0)
    return Survey(last, left_out, left_out_count, history.tail)


def rebuild(
    files: Files,
    folder: Path,
    plan: Plan,
    last: int,
    *,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Rebuilt:
    """Build the model up to and with record `last`, or with `dry_run` only count what would be replayed.

    `progress(done, total)` is told bytes of the journal. Raises `JournalError` (`JournalDamaged` where
    skipping helps) and `ModelFileError`.
    """
    work = _Rebuilding(folder, plan, dry_run=dry_run)
    recovered = recover(
        files,
        DataFolder(folder),
        load=work.load,
        apply=work.apply,
        until=_Until(last=last, first_left_out=plan.first_left_out),
        skip_damaged=plan.skip_damaged,
        progress=progress,
    )
    if recovered.snapshot is None:
        raise work.no_snapshot()
    if recovered.position.sequence < last and not recovered.damages:
        damaged = "".join(f"; {why}" for _, why in recovered.damaged_snapshots)
        end = recovered.position.sequence
        raise JournalError(f"record {last} cannot be reached: the journal ends with record {end}{damaged}")
    return Rebuilt(
        recovered,
        recovered.snapshot,
        work.engine_type,
        work.config_text,
        work.engine,
        work.time or recovered.snapshot.time * _SECOND,
        work.requests,
        work.replayer.failed if work.replayer else 0,
    )


@dataclass(frozen=True)
class _Until(Until):
    """Up to and with record `last`, from a snapshot that does not have `first_left_out`."""

    last: int = 0
    first_left_out: int | None = None

    def has(self, record: Record) -> bool:
        return record.sequence <= self.last

    def has_snapshot(self, snapshot: StoredSnapshot) -> bool:
        return _can_begin(snapshot, self.last, self.first_left_out)


class _Rebuilding:
    """What `recover` calls: makes the engine for the snapshot, and applies the records that are wanted."""

    def __init__(self, folder: Path, plan: Plan, *, dry_run: bool) -> None:
        self.engine: Engine | None = None
        self.engine_type = self.config_text = ""
        self.replayer: Replayer | None = None
        self.requests = 0
        self.time = 0
        self._folder = folder
        self._plan = plan
        self._dry_run = dry_run
        self._records = 0

    def load(self, model: ModelFile) -> None:
        self.engine_type, self.config_text = model.engine_type, model.config_text
        if self.engine_type not in ENGINES:
            raise JournalError(
                f"{model.path} is of the engine {self.engine_type}, which this version cannot serve"
            )
        if self._dry_run:
            return
        self.engine = engine_class(self.engine_type)(self.config_text)
        self.replayer = Replayer(self.engine, self._folder)
        self.replayer.load(model)

    def apply(self, record: Record) -> None:
        if not self.engine_type:
            raise self.no_snapshot()
        self._records += 1
        if not self._wanted(record):
            return
        self.time = record.time
        self.requests += record.kind == REQUEST
        if self.replayer is not None:
            self.replayer.apply(record)

    def no_snapshot(self) -> JournalError:
        return JournalError(
            f"{self._folder} has no whole snapshot to begin with; `duma journal stat` says what is damaged"
        )

    def _wanted(self, record: Record) -> bool:
        if record.kind == EVENT and record.name == HIDDEN_STATE:
            # The one behind the snapshot belongs to it. Later ones repeat what replay comes to by itself; if
            # something was left out before them, they are of another history.
            first_left_out = self._plan.first_left_out
            return self._records == 1 or first_left_out is None or record.sequence < first_left_out
        return not self._plan.leaves_out(record.sequence)


def _can_begin(snapshot: StoredSnapshot, last: int, first_left_out: int | None) -> bool:
    return snapshot.sequence <= last and (first_left_out is None or snapshot.sequence < first_left_out)


def _check_snapshots(snapshots: list[StoredSnapshot], plan: Plan, last: int, *, replays: bool) -> None:
    """Raise `JournalError` unless one is from before all that is wanted."""
    fitting = [stored for stored in snapshots if _can_begin(stored, last, plan.first_left_out)]
    if plan.time is not None and not replays:
        fitting = [stored for stored in fitting if stored.time * _SECOND <= plan.time]
    if not fitting:
        oldest = snapshots[0]
        raise JournalError(
            f"no snapshot is old enough: the oldest, {oldest.path}, has record {oldest.sequence} already; "
            "what was before it cannot be rebuilt any more"
        )
