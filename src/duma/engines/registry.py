"""The engines by name. Adding one is a line here, a file beside this one, and its algorithm."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duma.engines.engine import Engine

ENGINES = {
    "classifier": "duma.engines.classifier:Classifier",
    "regression": "duma.engines.regression:Regression",
    "recommender": "duma.engines.recommender:Recommender",
    "nearest_neighbor": "duma.engines.nearest_neighbor:NearestNeighbor",
    "anomaly": "duma.engines.anomaly:Anomaly",
    "clustering": "duma.engines.clustering:Clustering",
    "stat": "duma.engines.stat:Stat",
    "graph": "duma.engines.graph:Graph",
    "bandit": "duma.engines.bandit:Bandit",
    "burst": "duma.engines.burst:Burst",
    "weight": "duma.engines.weight:Weight",
}


def engine_class(engine_type: str) -> "type[Engine]":
    """The class of an engine, imported when asked for. Raises `KeyError` for an unknown type."""
    module, _, name = ENGINES[engine_type].partition(":")
    loaded: type[Engine] = getattr(import_module(module), name)
    return loaded


def class_names() -> dict[str, str]:
    """Engine types by the names of their classes."""
    return {place.partition(":")[2]: engine_type for engine_type, place in ENGINES.items()}
