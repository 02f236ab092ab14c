"""What a clustering has saved: its points, level by level.

    [1, [[[revision, others], own...], weight manager]]
    own    = points with the storage `simple`; [points...], buckets with `compressive`
    others = [[server, points]...], of the other servers of a cluster
    point  = [id, weight, [[feature, value]...], datum]

A point whose fields are missing at the end has none of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgpack

from duma.models.packed import PackedReader, broken, integer, name, packer
from duma.models.weight_manager import WeightManager, pack_weight_manager, read_weight_manager


@dataclass(frozen=True, slots=True)
class Point:
    """A stored point; `features` in the order of their names."""

    id: bytes
    weight: float
    features: tuple[tuple[bytes, float], ...]
    datum: bytes  # MessagePack


@dataclass(frozen=True)
class ClusteringModel:
    """The points, as user data.

    `buckets` is how many were full, or None with the storage `simple`, which has one level.
    """

    revision: int
    others: list[tuple[bytes, list[Point]]]
    levels: list[list[Point]]
    buckets: int | None
    weights: WeightManager = field(default_factory=WeightManager)

    def own(self) -> Iterator[Point]:
        """The server's own points."""
        for level in self.levels:
            yield from level

    def chunks(self) -> Iterator[bytes]:
        """The user data, piece by piece."""
        out = packer()
        yield out.pack_array_header(2) + out.pack(1) + out.pack_array_header(2)
        yield out.pack_array_header(2 if self.buckets is None else 3)
        yield out.pack_array_header(2) + out.pack(self.revision) + out.pack_array_header(len(self.others))
        for server, points in self.others:
            yield out.pack_array_header(2) + out.pack(server)
            yield from _pack_points(out, points)
        if self.buckets is None:
            yield from _pack_points(out, list(self.own()))
        else:
            yield out.pack_array_header(len(self.levels))
            for level in self.levels:
                yield from _pack_points(out, level)
            yield out.pack(self.buckets)
        yield from pack_weight_manager(self.weights)

    @cached_property
    def size(self) -> int:
        """Bytes of all chunks; they are made for it, and thrown away."""
        return sum(map(len, self.chunks()))


def read_clustering_model(user_data: memoryview, *, compressive: bool) -> ClusteringModel:
    """From user data. Raises `ModelFileError`."""
    reader = PackedReader(user_data)
    _expect(reader, 2, "user data")
    reader.skip()  # the version, which was checked with the file
    _expect(reader, 2, "a clustering's data")
    _expect(reader, 3 if compressive else 2, "the storage")
    _expect(reader, 2, "the storage's head")
    revision = integer(reader.value("the revision"), "the revision")
    others = []
    for _ in range(reader.array("the points of other servers")):
        _expect(reader, 2, "the points of another server")
        others.append((name(reader.value("a server's name"), "a server's name"), _points(reader)))
    if not compressive:
        levels, buckets = [_points(reader)], None
    else:
        levels = [_points(reader) for _ in range(reader.array("the levels"))] or [[]]
        buckets = integer(reader.value("the number of buckets"), "the number of buckets")
    weights = read_weight_manager(reader.value("the weight manager"))
    return ClusteringModel(revision, others, levels, buckets, weights)


def _points(reader: PackedReader) -> list[Point]:
    return [_point(reader.value("a point")) for _ in range(reader.array("a list of points"))]


def _point(value: Any) -> Point:
    if type(value) is not list:
        broken("a point is not an array")
    missing = [b"", 0.0, [], [[], [], []]]
    id_, weight, features, datum = (value + missing[len(value) :])[:4]
    pairs = type(features) is list and all(type(pair) is list and len(pair) == 2 for pair in features)
    if not pairs or type(weight) not in (int, float) or type(datum) is not list:
        broken(f"the point {id_!r:.100} is not [id, weight, features, datum]")
    named = tuple((name(key, "a feature's name"), number) for key, number in features)
    if any(type(number) not in (int, float) for _, number in named):
        broken(f"the point {id_!r:.100} has a feature that is not a number")
    return Point(name(id_, "a point's id"), float(weight), named, msgpack.packb(datum, use_bin_type=False))


def _pack_points(out: msgpack.Packer, points: list[Point]) -> Iterator[bytes]:
    yield out.pack_array_header(len(points))
    for point in points:
        yield out.pack_array_header(4) + out.pack([point.id, point.weight, point.features])[1:] + point.datum


def _expect(reader: PackedReader, elements: int, what: str) -> None:
    if reader.array(what) != elements:
        broken(f"{what} is not an array of {elements}")
