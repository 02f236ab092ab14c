"""The engines by name. Adding one is a line here, a file beside this one, and its algorithm."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duma.engines.engine import Engine

ENGINES = {
    "bandit": "duma.engines.bandit:Bandit",
    "burst": "duma.engines.burst:Burst",
    "classifier": "duma.engines.classifier:Classifier",
    "clustering": "duma.engines.clustering:Clustering",
    "recommender": "duma.engines.recommender:Recommender",
    "regression": "duma.engines.regression:Regression",
    "stat": "duma.engines.stat:Stat",
    "weight": "duma.engines.weight:Weight",
    "graph": "duma.engines.graph:Graph",
    "anomaly": "duma.engines.anomaly:Anomaly",
    "nearest_neighbor": "duma.engines.nearest_neighbor:NearestNeighbor",
}


def engine_class(engine_type: str) -> "type[Engine]":
    """The class of an engine, imported when asked for. Raises `KeyError` for an unknown type."""
    module, _, name = ENGINES[engine_type].partition(":")
    loaded: type[Engine] = getattr(import_module(module), name)
    return loaded


def class_names() -> dict[str, str]:
    """Engine types by the names of their classes."""
    return {place.partition(":")[2]: engine_type for engine_type, place in ENGINES.items()}
