"""The index of euclid_lsh in user data: rows by the cells of random lattices.

    [rows before the last MIX, rows since, cells before, cells since, shifts, lattices, row ids]
    rows = {row: [[cell...], signature, length]}, cells = {cell: [row's id...]}

A row without cells since the last MIX is removed. The shifts are where the lattices lie.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from duma.models.name_ids import pack_names, read_names
from duma.models.packed import PackedReader, broken, fields, integer, number, packer
from duma.models.row_parts import RowPart, hidden_by, read_rows
from duma.models.signature_rows import Signature, read_signature


class Row(NamedTuple):
    """A row: its cell in each lattice, its signature and its length."""

    cells: tuple[int, ...]
    signature: Signature
    length: float


@dataclass(frozen=True)
class LatticeRows(RowPart):
    """See `RowPart`; `shifts` is MessagePack, of single-precision numbers."""

    what = "an index of lattices"

    rows: dict[bytes, Row]
    shifts: bytes
    lattices: int

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        reader = PackedReader(raw)
        if reader.array(cls.what) != 7:
            broken(f"{cls.what} is not an array of 7")
        master, diff = (read_rows(reader.value("its rows"), cls.what, _row) for _ in range(2))
        reader.skip(2)  # the cells say what the rows say
        begin = reader.position
        reader.skip()
        shifts = bytes(raw[begin : reader.position])
        lattices = integer(reader.value("the number of lattices"), "the number of lattices")
        names = read_names(reader.value("its rows' ids"), "the rows of an index", "a row")
        rows = hidden_by(master, diff)
        in_order = dict.fromkeys([*(row for row in names.values() if row in rows), *rows])
        return cls({row: rows[row] for row in in_order}, raw, bool(master), shifts, lattices)

    def packed(self) -> Iterator[bytes]:
        out = packer()
        cells: dict[int, list[int]] = {}
        yield out.pack_array_header(7) + out.pack({}) + out.pack_map_header(len(self.rows))
        for id_, (key, row) in enumerate(self.rows.items()):
            yield out.pack(key) + out.pack(row)
            for cell in dict.fromkeys(row.cells):
                cells.setdefault(cell, []).append(id_)
        yield out.pack({}) + out.pack_map_header(len(cells))
        for cell, ids in cells.items():
            yield out.pack(cell) + out.pack(ids)
        yield self.shifts + out.pack(self.lattices)
        yield from pack_names(self.rows)

    def facts(self) -> dict[str, Any]:
        cells = {cell for row in self.rows.values() for cell in row.cells}
        return super().facts() | {"lattices": self.lattices, "cells": len(cells)}

    def shown(self, row: bytes) -> Any:
        found = self.rows[row]
        return {
            "cells": [f"{cell:016x}" for cell in found.cells],
            "signature": found.signature.words.hex(),
            "length": found.length,
        }


def _row(value: Any, row: bytes) -> Row | None:
    cells, signature, length = fields(value, 3, f"the row {row!r:.100} of an index")
    if type(cells) is not list:
        broken(f"the cells of the row {row!r:.100} are not an array")
    if not cells:
        return None
    return Row(
        tuple(integer(cell, "a cell") for cell in cells),
        read_signature(signature, row),
        number(length, f"the length of the row {row!r:.100}"),
    )
