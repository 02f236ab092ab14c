"""The user data of a linear classifier or regression.

    [1, [model, weight manager]]     model = [S, L], or [U, S, L] with an unlearner; [S] of a regression
    S = [rows, [{label: id}, {id: label}, next id], unmixed rows, [version]]
    rows = {feature: {label id: [weight, covariance, 0]}}
    L = [{label: count} before the last MIX, {label: count} since, [version]]

A cell's weights are those of `rows` plus those of `unmixed`, the differences since the last MIX; a
standalone server has no unmixed rows. Rows stay in the file until one is asked for: in memory are the
features' names and two numbers for each, about 150 bytes and the name.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from duma.models.name_ids import read_ids
from duma.models.packed import PackedReader, broken, integer, name, packer, unpacked
from duma.models.weight_manager import WeightManager, pack_weight_manager, read_weight_manager

Cells = dict[int, tuple[float, float]]  # label id -> weight, covariance
Rows = Mapping[bytes, Cells]  # by feature; a row may be made anew each time it is asked for

_VERSION = 1


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How often each label was trained, before the last MIX (`master`) and since (`diff`)."""

    master: dict[bytes, int] = field(default_factory=dict)
    diff: dict[bytes, int] = field(default_factory=dict)
    version: int = 0

    def total(self) -> dict[bytes, int]:
        """Both added."""
        return summed([self.master, self.diff])

    def packed(self) -> bytes:
        """The same as MessagePack."""
        return bytes(packer().pack([self.master, self.diff, [self.version]]))


@dataclass(frozen=True)
class LinearModel:
    """A linear model. `unlearner` is the unlearner's own data, None where there is none."""

    rows: Rows
    unmixed: Rows
    version: int
    labels: dict[bytes, int]  # ids by name
    next_label_id: int
    counts: LabelCounts | None  # None for a regression
    unlearner: Any
    weights: WeightManager

    def names(self) -> Rows:
        """All features, as the keys of rows in which both parts are added."""
        return self.rows if not self.unmixed else folded(self.rows, self.unmixed)

    def label_counts(self) -> dict[bytes, int]:
        """How often each label was trained; a regression does not count."""
        return self.counts.total() if self.counts else {}

    def chunks(self) -> Iterator[bytes]:
        """The user data, piece by piece."""
        out = packer()
        yield out.pack_array_header(2) + out.pack(_VERSION) + out.pack_array_header(2)
        yield out.pack_array_header(_elements(self.unlearner is not None, self.counts is not None))
        if self.unlearner is not None:
            yield out.pack(self.unlearner)
        yield out.pack_array_header(4)
        yield from _pack_rows(self.rows)
        yield out.pack([self.labels, {id_: label for label, id_ in self.labels.items()}, self.next_label_id])
        yield from _pack_rows(self.unmixed)
        yield out.pack([self.version])
        if self.counts is not None:
            yield self.counts.packed()
        yield from pack_weight_manager(self.weights)

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks; they are made for it, and thrown away."""
        return sum(map(len, self.chunks()))


def read_linear_model(user_data: memoryview, *, unlearner: bool, counts: bool) -> LinearModel:
    """Read user data; rows are read from it later, so it must stay. Raises `ModelFileError`."""
    reader = PackedReader(user_data)
    _exactly(reader, 2, "user data")
    reader.skip()  # the version, which was checked with the file
    _exactly(reader, 2, "a linear engine's data")
    _exactly(
        reader, _elements(unlearner, counts), f"a linear model with{'' if unlearner else 'out'} unlearner"
    )
    unlearner_data = reader.value("the unlearner's data") if unlearner else None

    surplus = reader.array("the weight store") - 4
    if surplus < 0:
        broken("the weight store has fewer than 4 elements")
    rows = StoredRows(user_data, reader)
    labels, next_label_id = read_ids(reader.value("the label registry"), "the label registry", "a label")
    unmixed = StoredRows(user_data, reader)
    version = _version(reader.value("the weight store's version"))
    reader.skip(surplus)

    label_counts = read_label_counts(reader.value("the label counts")) if counts else None
    weights = read_weight_manager(reader.value("the weight manager"))
    return LinearModel(rows, unmixed, version, labels, next_label_id, label_counts, unlearner_data, weights)


class StoredRows(Mapping[bytes, Cells]):
    """Rows where they lie in user data. Asking for one raises `ModelFileError` when it is broken."""

    def __init__(self, user_data: memoryview, reader: PackedReader) -> None:
        self._data = user_data
        self._places = array("Q")  # begin and end of each row's cells
        self._index: dict[bytes, int] = {}
        for i in range(reader.map("the table of weights")):
            self._index[name(reader.value("a feature"), "a feature")] = i
            self._places.append(reader.position)
            reader.skip()
            self._places.append(reader.position)

    def __len__(self) -> int:
        return len(self._index)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._index)

    def __contains__(self, feature: object) -> bool:
        return feature in self._index

    def __getitem__(self, feature: bytes) -> Cells:
        i = self._index[feature]
        row = unpacked(
            self._data[self._places[2 * i] : self._places[2 * i + 1]], f"the row of {feature!r:.100}"
        )
        if type(row) is not dict:
            broken(f"the row of {feature!r:.100} is not a map")
        return {_cell_label(id_, feature): _cell(values, feature) for id_, values in row.items()}


class MadeRows(Mapping[bytes, Cells]):
    """Rows that a function makes for each of some features."""

    def __init__(self, features: Iterable[bytes], make: Callable[[bytes], Cells]) -> None:
        self._features = dict.fromkeys(features)
        self._make = make

    def __len__(self) -> int:
        return len(self._features)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._features)

    def __contains__(self, feature: object) -> bool:
        return feature in self._features

    def __getitem__(self, feature: bytes) -> Cells:
        if feature not in self._features:
            raise KeyError(feature)
        return self._make(feature)


def folded(rows: Rows, unmixed: Rows) -> Rows:
    """Both parts added, cell by cell."""
    if not unmixed:
        return rows

    def add(feature: bytes) -> Cells:
        cells = dict(rows.get(feature, {}))
        for label, (weight, covariance) in unmixed.get(feature, {}).items():
            old = cells.get(label, (0.0, 0.0))
            cells[label] = (old[0] + weight, old[1] + covariance)
        return cells

    return MadeRows([*rows, *unmixed], add)


def summed(counts: Iterable[Mapping[bytes, int]]) -> dict[bytes, int]:
    """The sum for every label."""
    total: dict[bytes, int] = {}
    for part in counts:
        for label, count in part.items():
            total[label] = total.get(label, 0) + count
    return total


def _pack_rows(rows: Rows) -> Iterator[bytes]:
    out = packer()
    yield out.pack_map_header(len(rows))
    for feature, cells in rows.items():
        row = {label: (weight, covariance, 0.0) for label, (weight, covariance) in cells.items()}
        yield out.pack(feature) + out.pack(row)


def _exactly(reader: PackedReader, elements: int, what: str) -> None:
    found = reader.array(what)
    if found != elements:
        broken(f"{what} is an array of {elements}, not of {found}")


def _elements(unlearner: bool, counts: bool) -> int:
    """How many there are in the array that is the model."""
    return 1 + unlearner + counts


def read_label_counts(value: Any) -> LabelCounts:
    """From unpacked user data. Raises `ModelFileError`."""
    if type(value) is not list or len(value) < 3:
        broken("the label counts are not an array of 3")
    return LabelCounts(_counts(value[0]), _counts(value[1]), _version(value[2]))


def _counts(value: Any) -> dict[bytes, int]:
    if type(value) is not dict:
        broken("the label counts are not maps")
    return {name(label, "a label"): integer(count, "a label's count") for label, count in value.items()}


def _version(value: Any) -> int:
    if type(value) is not list:
        broken("a version is not an array")
    return integer(value[0], "a version") if value else 0


def _cell_label(value: Any, feature: bytes) -> int:
    return integer(value, f"a label id in the row of {feature!r:.100}")


def _cell(values: Any, feature: bytes) -> tuple[float, float]:
    if type(values) is not list or any(type(value) not in (int, float) for value in values):
        broken(f"a cell in the row of {feature!r:.100} is not an array of numbers")
    weight, covariance = [*values, 0, 0][:2]
    return float(weight), float(covariance)
