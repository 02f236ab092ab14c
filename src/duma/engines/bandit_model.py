"""What the bandit engine has learned: the arms, and for each player how often each arm was tried and what it gave.

User data: `[[arm...], mixed, unmixed]`, both tables `{player: [total, {arm: [trials, weight]}]}`. `mixed` is what the
servers of a cluster share since the last MIX, `unmixed` what this one has learned since; their sum counts.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from duma.engines.packed import (
    LazySnapshot,
    PackedReader,
    broken,
    fields,
    in_pieces,
    integer,
    number,
    packer,
    read_user_data,
    text,
)
from duma.engines.shared_collections import Entries, SharedMap
from duma.engines.wire_types import Int

MOST_TRIALS = 2**31 - 1  # counters stay there
_FEW_DELETED = 1000
_PROGRESS = 1024  # players between two reports


class ArmInfo(NamedTuple):
    """What a player knows of an arm: how often it was tried, and the sum of its rewards (for exp3, its weight)."""

    trial_count: Int
    weight: float

    @property
    def expectation(self) -> float:
        """The mean reward; 0 before the first trial."""
        return self.weight / self.trial_count if self.trial_count else 0.0

    def plus(self, trials: int, weight: float) -> "ArmInfo":
        """The same with more trials and weight."""
        return ArmInfo(Int(min(self.trial_count + trials, MOST_TRIALS)), self.weight + weight)


_UNTRIED = ArmInfo(Int(0), 0.0)


class Row(NamedTuple):
    """A player in a table: the trials of all arms, and the arms by name. Never changed, but replaced.

    `epoch` is how many deletions of arms are done in it.
    """

    total: int
    arms: Mapping[str, ArmInfo]
    epoch: int = 0


class Standing(NamedTuple):
    """What decides a player's next selection: the trials of all arms, and each arm in the order of registration."""

    total: int
    arms: list[ArmInfo]


class UnknownArm(Exception):
    """A name that no registered arm has."""


class BanditModel:
    """Arms and tables.

    Neither registering nor deleting an arm goes through the players: an arm that a row lacks counts as untried, and
    deleted arms leave a row when it is next looked at. The lock is held for single steps, and lets analyses see the
    model between two updates.
    """

    def __init__(self) -> None:
        self._arms: dict[str, None] = {}  # in the order of registration
        self._mixed: SharedMap[Row] = SharedMap()
        self._unmixed: SharedMap[Row] = SharedMap()
        self._epoch = 0
        self._deleted: dict[str, int] = {}  # the epoch that began with the last deletion of an arm
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Registered arms."""
        return len(self._arms)

    def __contains__(self, arm: str) -> bool:
        """Whether an arm is registered."""
        return arm in self._arms

    def arms(self) -> list[str]:
        """The registered arms, in the order of registration."""
        with self._lock:
            return list(self._arms)

    def place(self, arm: str) -> int:
        """Where a registered arm is in that order."""
        return self.arms().index(arm)

    def register(self, arm: str) -> bool:
        """Add an arm; false if there is one of this name."""
        with self._lock:
            if arm in self._arms:
                return False
            self._arms[arm] = None
            return True

    def delete(self, arm: str) -> bool:
        """Remove an arm and all that is known of it; false if there is none of this name."""
        with self._lock:
            known = arm in self._arms
            if known or self._mixed:  # a MIX may have brought what is known of arms that were deleted
                self._arms.pop(arm, None)
                self._epoch += 1
                self._deleted[arm] = self._epoch
                if len(self._deleted) > max(_FEW_DELETED, len(self._mixed) + len(self._unmixed)):
                    self._settle()
            return known

    def _settle(self) -> None:
        """Finish all deletions, so that their names can be forgotten."""
        current = self._current
        self._mixed = SharedMap((player, current(row)) for player, row in self._mixed.items())
        self._unmixed = SharedMap((player, current(row)) for player, row in self._unmixed.items())
        self._deleted = {}

    def standing(self, player: str) -> Standing:
        """What a player knows; of an unknown one, nothing is tried."""
        with self._lock:
            return self._standing(player)

    def _standing(self, player: str) -> Standing:
        rows = [self._current(row) for t in (self._unmixed, self._mixed) if (row := t.get(player))]
        if len(rows) == 2:
            first, second = rows
            pairs = [(first.arms.get(arm, _UNTRIED), second.arms.get(arm, _UNTRIED)) for arm in self._arms]
            return Standing(first.total + second.total, [a.plus(*b) for a, b in pairs])
        if rows:
            (row,) = rows
            return Standing(row.total, [row.arms.get(arm, _UNTRIED) for arm in self._arms])
        return Standing(0, [_UNTRIED] * len(self._arms))

    def info(self, player: str) -> dict[str, ArmInfo]:
        """What a player knows of each arm."""
        with self._lock:
            return dict(zip(self._arms, self._standing(player).arms, strict=True))

    def add(self, player: str, arm: str, trials: int, weight: float) -> None:
        """Add trials (0 or 1) and weight to an arm of a player, who is known from now on.

        Raises `UnknownArm`; the player is known then, too.
        """
        with self._lock:
            old = self._unmixed.get(player)
            row = Row(0, {}, self._epoch) if old is None else self._current(old)
            if arm not in self._arms:
                self._unmixed[player] = row
                raise UnknownArm(arm)
            info = row.arms.get(arm, _UNTRIED).plus(trials, weight)
            total = min(row.total + trials, MOST_TRIALS)
            self._unmixed[player] = Row(total, {**row.arms, arm: info}, self._epoch)

    def reset(self, player: str) -> bool:
        """Forget a player; false if there was none."""
        with self._lock:
            known = [table.pop(player) is not None for table in (self._mixed, self._unmixed)]
            return any(known)

    def _current(self, row: Row) -> Row:
        return _without_deleted(row, self._deleted, self._epoch)

    def snapshot(self) -> LazySnapshot:
        """The user data as they are now."""
        with self._lock:
            arms, mixed, unmixed = list(self._arms), self._mixed.copy(), self._unmixed.copy()
            deleted, epoch = self._deleted.copy(), self._epoch
        return _packed(arms, mixed, unmixed, lambda row: _without_deleted(row, deleted, epoch))

    def restore(self, data: "BanditData") -> None:
        """Fill an empty model."""
        self._arms = dict.fromkeys(data.arms)
        self._mixed, self._unmixed = SharedMap(data.mixed.items()), SharedMap(data.unmixed.items())


def _without_deleted(row: Row, deleted: Mapping[str, int], epoch: int) -> Row:
    """The row without arms that were deleted since it was written."""
    if row.epoch == epoch:
        return row
    kept = {arm: info for arm, info in row.arms.items() if deleted.get(arm, 0) <= row.epoch}
    gone = sum(info.trial_count for arm, info in row.arms.items() if arm not in kept)
    return Row(max(0, row.total - gone), kept, epoch)


class BanditData(NamedTuple):
    """What user data hold."""

    arms: Sequence[str]
    mixed: Mapping[str, Row]
    unmixed: Mapping[str, Row]

    def packed(self) -> LazySnapshot:
        """The user data."""
        return _packed(self.arms, self.mixed, self.unmixed, lambda row: row)


def _packed(
    arms: Sequence[str], mixed: Entries[Row], unmixed: Entries[Row], current: Callable[[Row], Row]
) -> LazySnapshot:
    """User data; `current` makes the row to be written of a row."""

    def chunks() -> Iterator[bytes]:
        out = packer()

        def packed(player: str, row: Row, others: Mapping[str, ArmInfo]) -> bytes:
            data: bytes = out.pack(player) + out.pack((row.total, {**others, **row.arms}))
            return data

        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(3) + out.pack(list(arms))
        # Jubatus writes every registered arm into the unmixed rows, and into the others what a MIX brought.
        untried = dict.fromkeys(arms, _UNTRIED)
        for table, others in ((mixed, {}), (unmixed, untried)):
            yield out.pack_map_header(len(table))
            yield from in_pieces(packed(player, current(row), others) for player, row in table.items())

    return LazySnapshot(chunks)


def read_bandit_model(user_data: memoryview, progress: Callable[[int], None] | None = None) -> BanditModel:
    """The model in user data. Raises `ModelFileError`."""
    model = BanditModel()
    model.restore(read_bandit_data(user_data, progress))
    return model


def read_bandit_data(user_data: memoryview, progress: Callable[[int], None] | None = None) -> BanditData:
    """What user data hold. Raises `ModelFileError`."""
    reader, elements = read_user_data(user_data, "the bandit's data")
    if elements < 3:
        broken(f"the bandit's data is an array of {elements}, not of 3")
    arms = [text(reader.value("an arm"), "an arm") for _ in range(reader.array("the arms"))]
    if len(set(arms)) < len(arms):
        broken("an arm is there twice")
    names = {arm: arm for arm in arms}  # one object for each arm, however many players know it
    mixed, unmixed = (_table(reader, names, progress) for _ in range(2))
    return BanditData(arms, mixed, unmixed)


def _table(
    reader: PackedReader, names: dict[str, str], progress: Callable[[int], None] | None
) -> dict[str, Row]:
    table = {}
    for players in range(reader.map("a table of players")):
        player = text(reader.value("a player"), "a player")
        table[player] = _row(reader.value("what a player knows"), names)
        if progress is not None and players % _PROGRESS == 0:
            progress(reader.position)
    return table


def _row(value: Any, names: dict[str, str]) -> Row:
    total, arms = fields(value, 2, "what a player knows")
    if type(arms) is not dict:
        broken(f"what a player knows of arms is {arms!r:.50}, not a map")
    known = {}
    for arm, info in arms.items():
        trials, weight = fields(info, 2, "what a player knows of an arm")
        name = text(arm, "an arm")
        known[names.setdefault(name, name)] = ArmInfo(Int(_count(trials)), number(weight, "a weight"))
    return Row(_count(total), known)


def _count(value: Any) -> int:
    if integer(value, "a count of trials") > MOST_TRIALS:
        broken(f"a count of trials is {value}, more than {MOST_TRIALS}")
    return int(value)
