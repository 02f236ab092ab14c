"""What reading a journal finds besides records: where it ends, torn tails, damage."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from duma.errors import JournalError


class End(NamedTuple):
    """Where a journal ends: its last record, and `offset` in its last segment, behind the last good frame.

    Before `durable_offset` everything was synced for certain. `path` is None if the segment cannot be
    continued.
    """

    identity: int
    sequence: int
    checksum: int
    path: Path | None
    offset: int
    durable_offset: int


@dataclass(frozen=True, slots=True)
class Damage:
    """A bad place that no crash explains. The records from `first_lost` to `last_lost` are lost, none if
    `last_lost` is less; `last_lost` is None when it is not known.
    """

    path: Path
    offset: int
    size: int
    why: str
    first_lost: int
    last_lost: int | None

    def __str__(self) -> str:
        if self.last_lost is None:
            lost = f"record {self.first_lost} and all after it are lost"
        elif self.last_lost < self.first_lost:
            lost = "no record is lost"
        else:
            lost = f"records {self.first_lost} to {self.last_lost} are lost"
        return f"{self.path} is damaged at offset {self.offset} ({self.size} bytes): {self.why}; {lost}"


class JournalDamaged(JournalError):
    """The journal has `damage` in its middle."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(str(damage))


@dataclass(frozen=True, slots=True)
class TornTail:
    """What a crash left at the end of the last segment; record `first_lost` and those after it were not
    synced.

    `last_readable` is the last record in it that is whole, but behind one that is not; None if there is none.
    """

    path: Path
    offset: int
    size: int
    why: str
    first_lost: int
    last_readable: int | None

    def __str__(self) -> str:
        whole = "" if self.last_readable is None else f"; whole ones up to {self.last_readable} are behind it"
        return (
            f"{self.path} ends with {self.size} bytes that were not written to the end ({self.why}), "
            f"where record {self.first_lost} should be{whole}"
        )
