"""The features of rows in user data.

[{row: {column: value}}, [{feature: column}, {column: feature}, next column]]
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from duma.models.name_ids import pack_names, read_names
from duma.models.packed import broken, fields, number, packer, unpacked
from duma.models.report import shown
from duma.models.row_parts import RowPart, read_rows

Features = dict[bytes, float]


@dataclass(frozen=True)
class SparseRows(RowPart):
    """See `RowPart`; `features` are all that have a column, in their order."""

    what = "a table of rows' features"

    rows: dict[bytes, Features]
    features: tuple[bytes, ...]

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        table, ids = fields(unpacked(raw, cls.what), 2, cls.what)
        names = read_names(ids, "the list of features", "a feature")
        rows = read_rows(table, cls.what, lambda cells, row: _features(cells, names, row))
        return cls(rows, raw, False, tuple(names.values()))

    def packed(self) -> Iterator[bytes]:
        out = packer()
        columns = {feature: column for column, feature in enumerate(self.features)}
        yield out.pack_array_header(2) + out.pack_map_header(len(self.rows))
        for row, features in self.rows.items():
            cells = sorted((columns[feature], value) for feature, value in features.items())
            yield out.pack(row) + out.pack(dict(cells))
        yield from pack_names(self.features)

    def facts(self) -> dict[str, Any]:
        return super().facts() | {"features": len(self.features)}

    def shown(self, row: bytes) -> Any:
        return {shown(feature): value for feature, value in self.rows[row].items()}

    def joined(self, others: Sequence[Self], chosen: Mapping[bytes, int]) -> Self:
        features = dict.fromkeys(feature for part in [self, *others] for feature in part.features)
        return replace(super().joined(others, chosen), features=tuple(features))


def _features(cells: Any, names: Mapping[int, bytes], row: bytes) -> Features:
    if type(cells) is not dict:
        broken(f"the features of the row {row!r:.100} are not a map")
    features = {}
    for column, value in cells.items():
        if type(column) is not int or column not in names:
            broken(f"the row {row!r:.100} has a column {column!r:.50} without a feature")
        features[names[column]] = number(value, f"a value of the row {row!r:.100}")
    return features
