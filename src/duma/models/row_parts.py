"""The parts of which models with rows are made. What all of them have: one thing about each of some rows.

A part is read as what a server answers from: what came since the last MIX hides what was there before. As
long as nothing is taken away from it or added to it, it is written as the bytes that were read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

from duma.models.packed import broken, name


@dataclass(frozen=True)
class RowPart:
    """`rows` holds what is kept of each row; `mixed` says whether some of it was in a MIX."""

    what: ClassVar[str]  # an example: "a column table"

    rows: dict[bytes, Any]
    raw: memoryview | None
    mixed: bool

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        """From the MessagePack of the part alone. Raises `ModelFileError`."""
        raise NotImplementedError

    def chunks(self) -> Iterator[bytes]:
        """The same as MessagePack, piece by piece."""
        if self.raw is None:
            yield from self.packed()
        else:
            for at in range(0, len(self.raw), 1 << 20):
                yield bytes(self.raw[at : at + (1 << 20)])

    def packed(self) -> Iterator[bytes]:
        """What `rows` holds as MessagePack, all as new since the last MIX."""
        raise NotImplementedError

    def facts(self) -> dict[str, Any]:
        """What there is to say of all rows together, as JSON values."""
        return {"rows": len(self.rows)} | ({"mixed": True} if self.mixed else {})

    def shown(self, row: bytes) -> Any:
        """What there is of a row, as a JSON value."""
        raise NotImplementedError

    def compared(self, row: bytes) -> Any:
        """What must be alike in two models: numbers, bytes, or tuples and maps of them."""
        return self.rows[row]

    def clock(self, row: bytes) -> int:  # noqa: ARG002 - most parts have none
        """When the row was written: of two the later has the larger number."""
        return 0

    def joined(self, others: Sequence[Self], chosen: Mapping[bytes, int]) -> Self:
        """The rows in `chosen`, each from the part with this number: 0 is this one, then come the `others`."""
        parts = [self, *others]
        rows = {row: parts[i].rows[row] for row, i in chosen.items() if row in parts[i].rows}
        return replace(self, rows=rows, raw=None, mixed=False)


def read_rows(value: Any, what: str, read: Callable[[Any, bytes], Any]) -> dict[bytes, Any]:
    """A map from rows to what `read` makes of their values. Raises `ModelFileError`."""
    if type(value) is not dict:
        broken(f"{what} is not a map of rows")
    return {name(row, f"a row of {what}"): read(content, row) for row, content in value.items()}


def hidden_by(master: Mapping[bytes, Any], diff: Mapping[bytes, Any]) -> dict[bytes, Any]:
    """Both together: rows in `diff` count, and those with None are removed."""
    return {row: content for row, content in {**master, **diff}.items() if content is not None}


def alike(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two values of `RowPart.compared` are the same, but for `tolerance` in numbers with a fraction."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a == b or abs(a - b) <= tolerance or (a != a and b != b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(alike(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(x, b[key], tolerance) for key, x in a.items())
    return bool(a == b)
