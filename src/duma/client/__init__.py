"""Clients of Duma and Jubatus servers, with the names and the behaviour of Jubatus' own Python client.

    from duma.client import Classifier, Datum

    with Classifier("127.0.0.1", 9199, "") as client:
        client.train([("spam", Datum({"title": "cheap pills"}))])
        client.classify([Datum({"title": "deep sea"})])

`duma.client.aio` has the same clients for asyncio.
"""

from duma.engines.classifier import Classifier as _Classifier
from duma.engines.classifier import EstimateResult, LabeledDatum
from duma.engines.datum import Datum
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
    "Classifier",
    "Client",
    "Datum",
    "EstimateResult",
    "InterfaceMismatch",
    "LabeledDatum",
    "RPCError",
    "TimeoutError",
    "TransportError",
    "TypeMismatch",
    "UnknownMethod",
]

Classifier = client_class(_Classifier)
