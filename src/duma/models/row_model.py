"""Models with rows: of the recommender, of neighbours and of outliers.

    [1, [body, weight manager]]     body = a part, or an array: [unlearner, part or array..., label counts]

Unlearner and label counts stand there for engines that have them. What the parts are says a `Shape`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from duma.models.linear_model import LabelCounts, read_label_counts
from duma.models.packed import PackedReader, broken, packer
from duma.models.row_parts import RowPart
from duma.models.weight_manager import WeightManager, pack_weight_manager, read_weight_manager

_VERSION = 1


@dataclass(frozen=True, slots=True)
class PartShape:
    """A part: its name for people, its kind, and whether it only follows from other parts of all rows."""

    title: str
    kind: type[RowPart]
    follows: bool = False


Body = PartShape | tuple["Body", ...]


@dataclass(frozen=True, slots=True)
class Shape:
    """How the parts of a model are nested, and what stands beside them in the outermost array."""

    body: Body
    unlearner: bool = False
    label_counts: bool = False


@dataclass(frozen=True)
class RowModel:
    """The parts by their titles; `unlearner` is its own data, None where there is none, as are `counts`."""

    shape: Shape
    parts: dict[str, RowPart]
    unlearner: Any
    counts: LabelCounts | None
    weights: WeightManager

    def ids(self) -> dict[bytes, None]:
        """All rows. What only follows from rows may outlive them."""
        own = [self.parts[shape.title] for shape in self.part_shapes() if not shape.follows]
        return dict.fromkeys(row for part in own for row in part.rows)

    def part_shapes(self) -> list[PartShape]:
        """What the parts are, in the order of `parts`."""
        return list(_flat(self.shape.body))

    def only(self, rows: Mapping[bytes, Any]) -> "RowModel":
        """The same with no other rows. Label counts are counted anew."""
        return joined([self], dict.fromkeys(rows, 0))

    def chunks(self) -> Iterator[bytes]:
        """The user data, piece by piece."""
        out = packer()
        yield out.pack_array_header(2) + out.pack(_VERSION) + out.pack_array_header(2)
        yield from self._packed(self.shape.body, outermost=True)
        yield from pack_weight_manager(self.weights)

    def _packed(self, body: Body, *, outermost: bool) -> Iterator[bytes]:
        if isinstance(body, PartShape):
            yield from self.parts[body.title].chunks()
            return
        out = packer()
        yield out.pack_array_header(_elements(self.shape, body, outermost=outermost))
        if outermost and self.unlearner is not None:
            yield out.pack(self.unlearner)
        for each in body:
            yield from self._packed(each, outermost=False)
        if outermost and self.counts is not None:
            yield self.counts.packed()

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks; they are made for it, and thrown away."""
        return sum(map(len, self.chunks()))


def read_row_model(user_data: memoryview, shape: Shape) -> RowModel:
    """Read user data, which must stay: parts that do not change are written from it. Raises `ModelFileError`."""
    reader = PackedReader(user_data)
    _exactly(reader, 2, "user data")
    reader.skip()  # the version, which was checked with the file
    _exactly(reader, 2, "the engine's data")
    parts: dict[str, RowPart] = {}
    unlearner, counts = None, None

    def read(body: Body, *, outermost: bool) -> None:
        nonlocal unlearner, counts
        if isinstance(body, PartShape):
            begin = reader.position
            reader.skip()
            parts[body.title] = body.kind.read(user_data[begin : reader.position])
            return
        _exactly(reader, _elements(shape, body, outermost=outermost), "the model")
        if outermost and shape.unlearner:
            unlearner = reader.value("the unlearner's data")
        for each in body:
            read(each, outermost=False)
        if outermost and shape.label_counts:
            counts = read_label_counts(reader.value("the label counts"))

    read(shape.body, outermost=True)
    weights = read_weight_manager(reader.value("the weight manager"))
    return RowModel(shape, parts, unlearner, counts, weights)


def joined(models: list[RowModel], chosen: Mapping[bytes, int]) -> RowModel:
    """The rows in `chosen`, each from the model with that number; all else is that of the first model.

    Label counts are counted anew: labels stand in the ids of rows.
    """
    first, *others = models
    parts = {
        title: part.joined([other.parts[title] for other in others], chosen)
        for title, part in first.parts.items()
    }
    merged = replace(first, parts=parts)
    if first.counts is None:
        return merged
    counts = {label: 0 for model in models if model.counts for label in model.counts.total()}
    for row in merged.ids():
        label = row.rsplit(b"_", 1)[0]
        counts[label] = counts.get(label, 0) + 1
    return replace(merged, counts=LabelCounts({}, counts, 0))


def _flat(body: Body) -> Iterator[PartShape]:
    if isinstance(body, PartShape):
        yield body
    else:
        for each in body:
            yield from _flat(each)


def _elements(shape: Shape, body: tuple[Body, ...], *, outermost: bool) -> int:
    return len(body) + (shape.unlearner + shape.label_counts if outermost else 0)


def _exactly(reader: PackedReader, elements: int, what: str) -> None:
    found = reader.array(what)
    if found != elements:
        broken(f"{what} is an array of {elements}, not of {found}")
