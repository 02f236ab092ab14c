"""The clients of `duma.client` for asyncio: every method is a coroutine, and calls may overlap.

from duma.client.aio import Classifier
"""

from typing import Any

from duma.engines.registry import class_names, engine_class
from duma.rpc.async_client import AsyncClient, async_client_class

__all__ = ["AsyncClient", *class_names()]


def __getattr__(name: str) -> Any:
    if name not in class_names():
        raise AttributeError(f"module 'duma.client.aio' has no attribute {name!r}")
    globals()[name] = made = async_client_class(engine_class(class_names()[name]))
    return made
