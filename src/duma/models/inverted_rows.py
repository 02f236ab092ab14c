"""Inverted indexes in user data: the rows of each feature.

    [postings before the last MIX, those since, squared lengths before it, changes since, row ids]
    postings = {feature: {row's id: value}}, squared lengths = {row's id: number}

A value of 0 since the last MIX says that the one before is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from duma.models.name_ids import pack_names, read_names
from duma.models.packed import broken, fields, name, number, packer, unpacked
from duma.models.report import shown
from duma.models.row_parts import RowPart


class Row(NamedTuple):
    """A row's features and the square of its length."""

    features: dict[bytes, float]
    norm: float


@dataclass(frozen=True)
class InvertedRows(RowPart):
    """See `RowPart`."""

    what = "an inverted index"

    rows: dict[bytes, Row]

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        mixed, diff, mixed_norms, norms, ids = fields(unpacked(raw, cls.what), 5, cls.what)
        names = read_names(ids, "the rows of an inverted index", "a row")
        features: dict[int, dict[bytes, float]] = {id_: {} for id_ in names}
        for postings in (mixed, diff):
            if type(postings) is not dict:
                broken("the postings of an inverted index are not a map")
            for feature, cells in postings.items():
                for id_, value in _numbers(cells, features, "a feature's rows").items():
                    features[id_][name(feature, "a feature")] = value
        norms_mixed, norms_new = (
            _numbers(part, features, "the squared lengths") for part in (mixed_norms, norms)
        )
        rows = {}
        for id_, row in names.items():
            kept = {feature: value for feature, value in features[id_].items() if value}
            if kept:
                # A MIX adds up what several servers have of one row; only its values tell how long it is.
                norm = (
                    sum(value * value for value in kept.values()) if norms_mixed else norms_new.get(id_, 0.0)
                )
                rows[row] = Row(kept, norm)
        return cls(rows, raw, bool(norms_mixed))

    def packed(self) -> Iterator[bytes]:
        out = packer()
        postings: dict[bytes, dict[int, float]] = {}
        for id_, row in enumerate(self.rows.values()):
            for feature, value in row.features.items():
                postings.setdefault(feature, {})[id_] = value
        yield out.pack_array_header(5) + out.pack({}) + out.pack_map_header(len(postings))
        for feature, cells in postings.items():
            yield out.pack(feature) + out.pack(cells)
        yield out.pack({}) + out.pack({id_: row.norm for id_, row in enumerate(self.rows.values())})
        yield from pack_names(self.rows)

    def facts(self) -> dict[str, Any]:
        features = {feature for row in self.rows.values() for feature in row.features}
        return super().facts() | {"features": len(features)}

    def shown(self, row: bytes) -> Any:
        return {shown(feature): value for feature, value in self.rows[row].features.items()}

    def compared(self, row: bytes) -> Any:
        return self.rows[row].features


def _numbers(value: Any, ids: dict[int, Any], what: str) -> dict[int, float]:
    if type(value) is not dict:
        broken(f"{what} in an inverted index are not a map")
    for id_ in value:
        if type(id_) is not int or id_ not in ids:
            broken(f"{what} in an inverted index name the row {id_!r:.50}, which has no id")
    return {id_: number(each, what) for id_, each in value.items()}
