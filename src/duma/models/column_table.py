"""Tables of signatures and numbers in user data.

    [[row...], count, [[[owner], clock]...], [[[type, bits], values]...], clock, {row: place}]

A column of type 10 has `bits` bits of each row, as words of 64 of them; one of type 9 a number of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self

from duma.models.packed import broken, fields, integer, name, number, packer, unpacked
from duma.models.report import shown
from duma.models.row_parts import RowPart

_REAL, _BITS = 9, 10

Cell = float | tuple[int, ...]  # a number, or the words of a signature


class Row(NamedTuple):
    """A row: who wrote it, when on the table's clock, and its cells by column."""

    owner: bytes
    written: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ColumnTable(RowPart):
    """See `RowPart`; `now` is what the clock shows, `columns` their types and bits."""

    what = "a column table"

    rows: dict[bytes, Row]
    columns: tuple[tuple[int, int], ...]
    now: int

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        keys, count, versions, columns, now, _ = fields(unpacked(raw, cls.what), 6, cls.what)
        if type(columns) is not list:
            broken("the columns of a column table are not an array")
        if type(keys) is not list or count != len(keys):
            broken("the rows of a column table are not an array of as many ids as it has rows")
        fields(versions, len(keys), "the versions of a column table")
        types, cells = [], []
        for column in columns:
            of_all = _column(column, len(keys))
            types.append(of_all[0])
            cells.append(of_all[1])
        by_row = zip(*cells, strict=True) if cells else [()] * len(keys)
        rows = {
            name(key, "a row's id"): Row(*_version(version), tuple(row))
            for key, version, row in zip(keys, versions, by_row, strict=False)
        }
        if len(rows) < len(keys):
            broken("a row stands twice in a column table")
        return cls(rows, raw, False, tuple(types), integer(now, "the clock of a column table"))

    def packed(self) -> Iterator[bytes]:
        out, count = packer(), len(self.rows)
        yield out.pack_array_header(6) + out.pack_array_header(count)
        for key in self.rows:
            yield out.pack(key)
        yield out.pack(count) + out.pack_array_header(count)
        for row in self.rows.values():
            yield out.pack([[row.owner], row.written])
        yield out.pack_array_header(len(self.columns))
        for i, (kind, bits) in enumerate(self.columns):
            yield out.pack_array_header(2) + out.pack([kind, bits])
            yield out.pack_array_header(count * _words(kind, bits))
            for row in self.rows.values():
                cell = row.cells[i]
                yield b"".join(map(out.pack, cell)) if isinstance(cell, tuple) else out.pack(cell)
        yield out.pack(self.now) + out.pack_map_header(count)
        for place, key in enumerate(self.rows):
            yield out.pack(key) + out.pack(place)

    def facts(self) -> dict[str, Any]:
        bits = [bits for kind, bits in self.columns if kind == _BITS]
        return super().facts() | ({"bits": bits[0]} if bits else {}) | {"clock": self.now}

    def shown(self, row: bytes) -> Any:
        found = self.rows[row]
        cells = [
            "".join(f"{word:016x}" for word in cell) if isinstance(cell, tuple) else cell
            for cell in found.cells
        ]
        return {"owner": shown(found.owner), "clock": found.written, "values": cells}

    def compared(self, row: bytes) -> Any:
        return self.rows[row].cells  # whoever wrote it, and when

    def clock(self, row: bytes) -> int:
        return self.rows[row].written

    def joined(self, others: Sequence[Self], chosen: Mapping[bytes, int]) -> Self:
        now = max(part.now for part in [self, *others])
        if any(other.columns != self.columns for other in others):
            broken("the columns of two tables with one configuration have different types")
        return replace(super().joined(others, chosen), now=now)


def _words(kind: int, bits: int) -> int:
    return -(-bits // 64) if kind == _BITS else 1


def _version(value: Any) -> tuple[bytes, int]:
    owner, clock = fields(value, 2, "a row's version")
    return name(fields(owner, 1, "a row's owner")[0], "a row's owner"), integer(clock, "a row's clock")


def _column(value: Any, count: int) -> tuple[tuple[int, int], list[Cell]]:
    column_type, values = fields(value, 2, "a column")
    kind, bits = (integer(n, "a column's type") for n in fields(column_type, 2, "a column's type"))
    if kind not in (_REAL, _BITS):
        broken(f"a column has the type {kind}, where there are only numbers (9) and signatures (10)")
    words = _words(kind, bits)
    if type(values) is not list or len(values) != count * words:
        broken("a column has not as many values as its table has rows")
    if kind == _REAL:
        return (kind, bits), [number(value, "a number of a row") for value in values]
    for word in values:
        integer(word, "a word of a signature")
    return (kind, bits), [tuple(values[at : at + words]) for at in range(0, count * words, words)]
