"""What clients know of their updates, and which models that allows after a crash.

Every update teaches a label of its own so many times, so that it can be told whether it was applied, twice, or
in part. One connection clears, saves and loads in between. Clocks order what happened on different connections:
when an update was sent and answered against when a clear was.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Call:
    """A call: `sent` and `answered` are times, `answered` is infinite as long as it is not."""

    sent: float = field(default_factory=time.monotonic)
    answered: float = math.inf

    @property
    def acknowledged(self) -> bool:
        return self.answered < math.inf

    def done(self) -> None:
        self.answered = time.monotonic()

    def surely_before(self, other: "Call") -> bool:
        return self.answered < other.sent


@dataclass(slots=True)
class Update(Call):
    """Teaches a label `count` times (0: `set_label`)."""

    label: str = ""
    count: int = 1


@dataclass(slots=True)
class Barrier(Call):
    """`clear`, `save` or `load`; those of a life are called one after the other, each with `model_id`."""

    kind: str = ""
    model_id: str = ""


class Witness:
    """The calls since the model was last seen; `seen` are its labels then, with their counts."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.updates: list[list[Update]] = []
        self.barriers: list[Barrier] = []
        self.acknowledged = 0  # updates of all lives

    def begin(self, connections: int) -> None:
        """A life begins."""
        self.updates = [[] for _ in range(connections)]
        self.barriers = []

    def check(self, found: dict[str, int]) -> None:
        """Hold the model that was found against the calls of the life that ended; the next goes on from it."""
        known = set(self.seen)
        for label, count in self.seen.items():
            self._check_one(label, count, found, {0})
        for connection in self.updates:
            last = -1  # number of the last that was found
            for number, update in enumerate(connection):
                known.add(update.label)
                self._check_one(update.label, update.count, found, self._slots(update))
                if update.label in found:
                    last = number
            self._check_prefix(connection, found, last)
            self.acknowledged += sum(update.acknowledged for update in connection)
        assert set(found) <= known, "labels that nobody taught"
        self.seen = found
        self.begin(0)

    def _slots(self, update: Update) -> set[int]:
        """Before which barriers (their number: behind all) an update may have been applied; -1: never."""
        slots = set() if update.acknowledged else {-1}
        for slot in range(len(self.barriers) + 1):
            too_late = slot > 0 and update.surely_before(self.barriers[slot - 1])
            too_early = slot < len(self.barriers) and self.barriers[slot].surely_before(update)
            if not (too_late or too_early):
                slots.add(slot)
        return slots

    def _check_one(self, label: str, count: int, found: dict[str, int], slots: set[int]) -> None:
        allowed = {present for slot in slots for present in self._ends(slot)}
        assert (label in found) in allowed, f"{label} is {'' if label in found else 'not '}there"
        if label in found:
            assert found[label] == count, f"{label} was taught {found[label]} times, expected {count}"

    def _ends(self, slot: int) -> Iterator[bool]:
        """Whether an update is in the model at the end, if it was applied in this slot."""
        sure = [barrier for barrier in self.barriers if barrier.acknowledged]
        for barriers in {
            len(sure),
            len(self.barriers),
        }:  # the last may be unanswered, and have happened or not
            present, saved = False, {}
            for number in range(barriers + 1):
                if number == slot:
                    present = True
                if number == barriers:
                    break
                barrier = self.barriers[number]
                if barrier.kind == "clear":
                    present = False
                elif barrier.kind == "save":
                    saved[barrier.model_id] = present
                else:
                    present = saved[barrier.model_id]
            yield present

    def _check_prefix(self, connection: list[Update], found: dict[str, int], last: int) -> None:
        """Without barriers, what is there of a connection is a prefix of what it sent."""
        if not self.barriers:
            there = [update.label in found for update in connection]
            assert there == [number <= last for number in range(len(connection))], (
                "updates in between are lost"
            )
