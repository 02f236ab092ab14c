"""The engines whose user data can be looked into. Adding one is a line here and a file beside this one."""

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, Protocol

from duma.errors import DumaError, ModelFileError
from duma.models.report import Report


class UnknownLayout(DumaError):
    """The user data of an engine that only the engine itself can read."""


class Content(Protocol):
    """User data to be written: what `duma.store.model_file.write_model` calls a snapshot."""

    @property
    def size(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...


class Layout(Protocol):
    """One engine's user data under one configuration. All methods raise `ModelFileError` for broken data."""

    def details(self, user_data: memoryview, top: int) -> dict[str, Any]:
        """What it holds, as JSON values."""

    def difference(
        self, user_data: memoryview, other: Any, other_data: memoryview, tolerance: float, top: int
    ) -> dict[str, Any]:
        """Where it differs from data with the layout `other`; `same` says whether it does not."""

    def converted(self, user_data: memoryview, wanted: Any) -> tuple[Content, Report]:
        """The same under the configuration of the layout `wanted`."""

    def merged(
        self, parts: Sequence[memoryview], names: Sequence[str], *, for_cluster: bool
    ) -> tuple[Content, Report]:
        """Data of several servers with this configuration as one."""


_LAYOUTS = {
    "anomaly": "duma.models.anomaly:AnomalyLayout",
    "bandit": "duma.models.bandit:BanditLayout",
    "burst": "duma.models.burst:BurstLayout",
    "classifier": "duma.models.linear_classifier:classifier_layout",
    "clustering": "duma.models.clustering:ClusteringLayout",
    "graph": "duma.models.graph:GraphLayout",
    "nearest_neighbor": "duma.models.nearest_neighbor:NearestNeighborLayout",
    "recommender": "duma.models.recommender:RecommenderLayout",
    "regression": "duma.models.linear_regression:regression_layout",
    "stat": "duma.models.stat:StatLayout",
    "weight": "duma.models.weight:WeightLayout",
}


def layout(engine_type: str, config_text: str) -> Layout:
    """The layout of an engine's user data. Raises `UnknownLayout` and `ConfigurationError`."""
    if engine_type not in _LAYOUTS:
        raise UnknownLayout(
            f"models of the engine {engine_type!r} cannot be looked into by this version "
            f"(known: {', '.join(_LAYOUTS)})"
        )
    module, _, name = _LAYOUTS[engine_type].partition(":")
    made: Layout = getattr(import_module(module), name)(config_text)
    return made


def check_alike(a: Layout, b: Layout) -> None:
    """Raises `ModelFileError` for layouts of one engine whose methods have nothing in common."""
    if type(a) is not type(b):
        raise ModelFileError("one of the methods keeps weights of features, the other one rows")
