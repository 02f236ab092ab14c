"""Duma: online machine learning that never loses what it has learned.

`duma.Classifier(config)` is an engine in this process; `duma.client` has the clients of a server. Nothing is imported
before it is used.
"""

from typing import Any

from duma.engines.registry import class_names

__all__ = ["Datum", *class_names()]


def __getattr__(name: str) -> Any:
    found: Any
    if name == "Datum":
        from duma.engines.datum import Datum

        found = Datum
    elif name in class_names():
        from duma.embedded import embedded_class

        found = embedded_class(class_names()[name])
    else:
        raise AttributeError(f"module 'duma' has no attribute {name!r}")
    globals()[name] = found
    return found
