"""Clients of Duma and Jubatus servers, with the names and the behaviour of Jubatus' own Python client.

    from duma.client import Classifier, Datum

    with Classifier("127.0.0.1", 9199, "") as client:
        client.train([("spam", Datum({"title": "cheap pills"}))])
        client.classify([Datum({"title": "deep sea"})])

There is a client for every engine of the registry, and `duma.client.aio` has the same clients for asyncio.
"""

from typing import Any

from duma.engines.bandit_model import ArmInfo
from duma.engines.burst import Document, KeywordWithParams, Window
from duma.engines.burst_windows import Batch
from duma.engines.classifier import EstimateResult, LabeledDatum
from duma.engines.clustering import IndexedPoint, WeightedDatum, WeightedIndex
from duma.engines.datum import Datum
from duma.engines.graph import Edge, Node, PresetQuery, Query, ShortestPathQuery
from duma.engines.registry import class_names, engine_class
from duma.engines.regression import ScoredDatum
from duma.engines.weight import Feature
from duma.rpc.client import Client, client_class
from duma.rpc.errors import (
    InterfaceMismatch,
    RPCError,
    TimeoutError,  # noqa: A004 - the name that callers know
    TransportError,
    TypeMismatch,
    UnknownMethod,
)

__all__ = [
    "ArmInfo",
    "Batch",
    "Client",
    "Datum",
    "Document",
    "Edge",
    "EstimateResult",
    "Feature",
    "IndexedPoint",
    "InterfaceMismatch",
    "KeywordWithParams",
    "LabeledDatum",
    "Node",
    "PresetQuery",
    "Query",
    "RPCError",
    "ScoredDatum",
    "ShortestPathQuery",
    "TimeoutError",
    "TransportError",
    "TypeMismatch",
    "UnknownMethod",
    "WeightedDatum",
    "WeightedIndex",
    "Window",
    *class_names(),
]


def __getattr__(name: str) -> Any:
    if name not in class_names():
        raise AttributeError(f"module 'duma.client' has no attribute {name!r}")
    globals()[name] = made = client_class(engine_class(class_names()[name]))
    return made
