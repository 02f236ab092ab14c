"""The layout of the clustering's models (see `duma.models.layouts`)."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Self

import msgpack

from duma import _core
from duma.configuration import read_configuration
from duma.convert.converter import build_converter
from duma.engines.clustering_configuration import Compressive, read_clustering_configuration
from duma.errors import DumaError, ModelFileError
from duma.models.clustering_model import ClusteringModel, Point, read_clustering_model
from duma.models.converter_change import ConverterChange
from duma.models.layouts import Content
from duma.models.report import Report, report_left_out, shown
from duma.models.weight_manager import (
    WeightManager,
    differing_documents,
    merged_weights,
    read_weight_manager,
)

_DIGITS = 12  # to which features and weights are compared, unless a tolerance is given


class ClusteringLayout:
    """See `duma.models.layouts.Layout`. Clusters are not in model files: who loads the points finds them anew."""

    def __init__(self, config_text: str) -> None:
        self.configuration = read_clustering_configuration(read_configuration(config_text)[1])
        build_converter(self.configuration.converter)  # the rules must make sense before they are compared

    @property
    def compressive(self) -> bool:
        """Whether points are compressed."""
        return isinstance(self.configuration.storage, Compressive)

    def read(self, user_data: memoryview) -> ClusteringModel:
        """The points. Raises `ModelFileError`."""
        return read_clustering_model(user_data, compressive=self.compressive)

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        model = self.read(user_data)
        features = Counter(feature for point in model.own() for feature, _ in point.features)
        return {
            "revision": model.revision,
            "points": sum(map(len, model.levels)),
            "levels": [len(level) for level in model.levels] if self.compressive else None,
            "total_weight": sum(point.weight for point in model.own()),
            "others": {shown(server): len(points) for server, points in model.others},
            "features": len(features),
            "most_frequent": {shown(feature): count for feature, count in features.most_common(top)},
            "documents": model.weights.total().documents,
        }

    def difference(
        self, user_data: memoryview, other: Self, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        a, b = self.read(user_data), other.read(other_data)
        points_a, points_b = (
            Counter(_compared(point, tolerance) for point in model.own()) for model in (a, b)
        )
        documents = differing_documents(a.weights.total(), b.weights.total())
        only_a, only_b = points_a - points_b, points_b - points_a
        revision = {"a": a.revision, "b": b.revision}
        return {
            "same": not only_a and not only_b and documents is None and a.revision == b.revision,
            "revision": revision,
            "points": {
                "a": points_a.total(),
                "b": points_b.total(),
                "only_a": {"count": only_a.total(), "examples": _ids(only_a, top)},
                "only_b": {"count": only_b.total(), "examples": _ids(only_b, top)},
            },
            "documents": documents,
        }

    def converted(self, user_data: memoryview, wanted: Self) -> tuple[Content, Report]:
        model, report = self.read(user_data), Report()
        change = ConverterChange(self.configuration.converter, wanted.configuration.converter)
        if change.changed:
            model = _converted_again(model, wanted.configuration.converter)
            report.changes.append(
                "the converter is another one: features are made anew of the data that points keep"
            )
            if self.compressive:
                report.cautions.append(
                    "only the points that are kept count as documents; dropped ones do not"
                )
        if self.configuration.method != wanted.configuration.method:
            report.changes.append("clusters are found by another method, or with other parameters")
        if wanted.compressive and not self.compressive:
            model = replace(model, buckets=0)
            report.changes.append("the points are compressed with the first one that is added")
        elif self.compressive and not wanted.compressive:
            model = replace(model, levels=[list(model.own())], buckets=None)
            report.cautions.append(
                "points that stand for several keep their weights, which dbscan does not look at"
            )
        elif self.configuration.storage != wanted.configuration.storage:
            report.changes.append("the storage has other parameters from now on")
        return model, report

    def merged(
        self, parts: Sequence[memoryview], names: Sequence[str], *, for_cluster: bool
    ) -> tuple[Content, Report]:
        if for_cluster:
            raise ModelFileError(
                "each point of a clustering belongs to one server of a cluster, so the same points cannot be "
                "given to several; merge them for one server instead"
            )
        models, report = [self.read(part) for part in parts], Report()
        versions = [model.weights.version for model in models]
        if len({*versions}) > 1:
            report_left_out(report, names, versions)
            models = [model for model in models if model.weights.version == max(versions)]
        if any(model.others for model in models):
            report.cautions.append(
                "points of other servers in the files are left out: their own files have them"
            )
        levels = zip_longest(*(model.levels for model in models), fillvalue=())
        merged = ClusteringModel(
            max(model.revision for model in models),
            [],
            [[point for level in same for point in level] for same in levels],
            max(model.buckets or 0 for model in models) if self.compressive else None,
            merged_weights([model.weights for model in models], max(versions), report),
        )
        report.changes.append(f"{len(models)} models become one of {sum(map(len, merged.levels))} points")
        return merged, report


def _compared(point: Point, tolerance: float) -> tuple[bytes, float, tuple[tuple[bytes, float], ...]]:
    """A point as one that can be counted: numbers that differ by no more than about `tolerance` are the same."""

    def rounded(value: float) -> float:
        return round(value / tolerance) if tolerance else float(f"{value:.{_DIGITS}g}")

    return point.id, rounded(point.weight), tuple((key, rounded(value)) for key, value in point.features)


def _ids(points: Counter[Any], top: int) -> list[str]:
    return [shown(id_) for id_, *_ in list(points)[:top]]


def _converted_again(model: ClusteringModel, converter: dict[str, Any]) -> ClusteringModel:
    """The points with the features that this converter makes, in their order. Raises `ModelFileError`."""
    weigher = _core.Weigher(build_converter(converter))

    def again(point: Point) -> Point:
        try:
            features = msgpack.unpackb(weigher.update(point.datum), raw=True)
        except DumaError as error:
            raise ModelFileError(f"the point {shown(point.id)} cannot be converted: {error}") from error
        return replace(point, features=tuple((key, value) for key, value in features))

    levels = [[again(point) for point in level] for level in model.levels]
    weights = _weights(weigher)
    others = [(server, [again(point) for point in points]) for server, points in model.others]
    return replace(model, levels=levels, others=others, weights=weights)


def _weights(weigher: _core.Weigher) -> WeightManager:
    snapshot, data = weigher.snapshot(), b""
    while piece := snapshot.next(1 << 20):
        data += piece
    return read_weight_manager(msgpack.unpackb(data, raw=True, strict_map_key=False)[1][0])
