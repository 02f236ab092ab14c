"""The clients of `duma.client` for asyncio: every method is a coroutine, and calls may overlap.

from duma.client.aio import Classifier
"""

from duma.engines.classifier import Classifier as _Classifier
from duma.rpc.async_client import AsyncClient, async_client_class

__all__ = ["AsyncClient", "Classifier"]

Classifier = async_client_class(_Classifier)
