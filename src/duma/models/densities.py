"""The densities of lof's points in user data.

    [those before the last MIX, those since, neighbours, reverse neighbours, whether same points are ignored]

each {id: [distance of the k-th neighbour, local reachability density]}; with a distance below 0 the point is removed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from duma.models.packed import PackedReader, broken, fields, integer, number, packer
from duma.models.row_parts import RowPart, hidden_by, read_rows


class Density(NamedTuple):
    """Of a point."""

    distance: float
    reachability: float


class LofSettings(NamedTuple):
    """What a server takes from a model instead of its configuration."""

    nearest_neighbor_num: int
    reverse_nearest_neighbor_num: int
    ignore_kth_same_point: bool


@dataclass(frozen=True)
class Densities(RowPart):
    """See `RowPart`; `raw` is only the two maps."""

    what = "lof's densities"

    rows: dict[bytes, Density]
    settings: LofSettings

    @classmethod
    def read(cls, raw: memoryview) -> Self:
        reader = PackedReader(raw)
        if reader.array(cls.what) != 5:
            broken(f"{cls.what} are not an array of 5")
        begin = reader.position
        master, diff = (read_rows(reader.value("its points"), cls.what, _density) for _ in range(2))
        end = reader.position
        k, reverse_k = (
            integer(reader.value("a number of neighbours"), "a number of neighbours") for _ in range(2)
        )
        ignored = reader.value("whether same points are ignored")
        if type(ignored) is not bool:
            broken("whether same points are ignored is neither true nor false")
        return cls(hidden_by(master, diff), raw[begin:end], bool(master), LofSettings(k, reverse_k, ignored))

    def chunks(self) -> Iterator[bytes]:
        out = packer()
        yield out.pack_array_header(5)
        yield from super().chunks()
        for value in self.settings:
            yield out.pack(value)

    def packed(self) -> Iterator[bytes]:
        out = packer()
        yield out.pack({}) + out.pack_map_header(len(self.rows))
        for row, density in self.rows.items():
            yield out.pack(row) + out.pack(density)

    def facts(self) -> dict[str, Any]:
        return super().facts() | self.settings._asdict()

    def shown(self, row: bytes) -> Any:
        return self.rows[row]._asdict()


def _density(value: Any, row: bytes) -> Density | None:
    distance, reachability = (
        number(each, f"a density of {row!r:.100}")
        for each in fields(value, 2, f"the densities of {row!r:.100}")
    )
    return None if distance < 0 else Density(distance, reachability)
