"""The clustering engine: finds groups among datums."""

from typing import Any, NamedTuple

from duma import _core
from duma.convert.converter import build_converter
from duma.engines.clustering_configuration import (
    CLUSTERING_FORM,
    Compressive,
    Dbscan,
    Simple,
    WithCenters,
    read_clustering_configuration,
)
from duma.engines.core_model import CoreEngine
from duma.engines.datum import Datum
from duma.engines.declaration import BROADCAST, RANDOM, Aggregator, Packed, analysis, update
from duma.engines.wire_types import UInt


class IndexedPoint(NamedTuple):
    """A datum with an id, under which answers name it. Ids are not keys: the same one may come again."""

    id: str
    point: Datum


class WeightedDatum(NamedTuple):
    """A point of a cluster; it stands for `weight` points."""

    weight: float
    point: Datum


class WeightedIndex(NamedTuple):
    """A point of a cluster by its id; it stands for `weight` points."""

    weight: float
    id: str


def _push_is_slow(engine: "Clustering") -> bool:
    return engine._model.push_is_slow()


def _points_are_many(engine: "Clustering") -> bool:
    return engine._model.points_are_many()


def _centers_are_large(engine: "Clustering") -> bool:
    return engine._model.centers_are_large()


class Clustering(CoreEngine):
    """Finds groups among datums: k-means, mixtures of Gaussians, DBSCAN.

    Pushed points are kept, all of them or weighted ones in their place, and clustered anew whenever a bucket is full.
    The algorithms are described in the core's `clustering/`.
    """

    type = "clustering"
    configuration_form = CLUSTERING_FORM
    _model: _core.Clusterer

    def build(self, configuration: Any) -> None:
        settings = read_clustering_configuration(configuration)
        self._model = _core.Clusterer(
            _method(settings.method),
            _storage(settings.storage, settings.method),
            build_converter(settings.converter),
        )

    @update(route=RANDOM, slow=_push_is_slow)
    def push(self, points: Packed[list[IndexedPoint]]) -> bool:
        """Add points one after the other, with a clustering whenever one is due; returns true."""
        self._model.push(points)
        return True

    @analysis(route=RANDOM)
    def get_revision(self) -> UInt:
        """How often a clustering was due."""
        return UInt(self._model.get_revision() % 2**32)

    @analysis(route=RANDOM, slow=_points_are_many)
    def get_core_members(self) -> Packed[list[list[WeightedDatum]]]:
        """The points of every cluster."""
        return self._model.get_core_members()  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_points_are_many)
    def get_core_members_light(self) -> Packed[list[list[WeightedIndex]]]:
        """The points of every cluster, by their ids."""
        return self._model.get_core_members_light()  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_centers_are_large)
    def get_k_center(self) -> Packed[list[Datum]]:
        """The centers of the clusters."""
        return self._model.get_k_center()  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_centers_are_large)
    def get_nearest_center(self, point: Packed[Datum]) -> Packed[Datum]:
        """The center of the cluster that a datum belongs to."""
        return self._model.get_nearest_center(point)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_points_are_many)
    def get_nearest_members(self, point: Packed[Datum]) -> Packed[list[WeightedDatum]]:
        """The points of the cluster that a datum belongs to."""
        return self._model.get_nearest_members(point)  # type: ignore[return-value]

    @analysis(route=RANDOM, slow=_points_are_many)
    def get_nearest_members_light(self, point: Packed[Datum]) -> Packed[list[WeightedIndex]]:
        """The points of the cluster that a datum belongs to, by their ids."""
        return self._model.get_nearest_members_light(point)  # type: ignore[return-value]

    @update(route=BROADCAST, aggregator=Aggregator.ALL_AND, slow=_points_are_many)
    def clear(self) -> bool:
        """Forget all points; returns true."""
        self.forget()
        return True

    def adopt(self, model: Any) -> None:
        # Clusters are not in model files. They are found here and not while the file is read, since the draws go
        # on from where they are in the order of updates.
        model.take_over(self._model)
        super().adopt(model)

    def hidden_state(self) -> bytes:
        # What was drawn and counted, and the clusters: they are of the points that there were when they were found.
        return self._model.hidden_state()

    def set_hidden_state(self, state: bytes) -> None:
        self._model.set_hidden_state(state)


def _method(given: WithCenters | Dbscan) -> _core.ClusteringMethod:
    if isinstance(given, Dbscan):
        return _core.ClusteringMethod.dbscan(given.eps, given.min_core_point, given.distance)
    if given.method == "kmeans":
        return _core.ClusteringMethod.kmeans(given.k, given.seed, given.distance)
    return _core.ClusteringMethod.gmm(given.k, given.seed)


def _storage(given: Simple | Compressive, method: WithCenters | Dbscan) -> _core.ClusteringStorage:
    if isinstance(given, Simple):
        return _core.ClusteringStorage.simple(given.bucket_size)
    return _core.ClusteringStorage.compressive(
        given.bucket_size,
        given.bucket_length,
        given.compressed_bucket_size,
        given.bicriteria_base_size,
        given.forgetting_factor,
        given.forgetting_threshold,
        given.seed % 2**32,
        for_gmm=isinstance(method, WithCenters) and method.method == "gmm",
    )
