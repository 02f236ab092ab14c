"""One running server: an engine, the methods that every server has, and the port they are called on."""

import asyncio
import logging
import threading
import time
from typing import TYPE_CHECKING

from duma.engines.common import CommonMethods
from duma.engines.declaration import Method
from duma.engines.engine import Engine
from duma.rpc.server import BoundMethod, Limits, RpcServer
from duma.server.model_files import ModelFiles
from duma.server.settings import Settings
from duma.server.status import server_status

if TYPE_CHECKING:
    from duma.server.durability import Durability

_log = logging.getLogger(__name__)


class ModelServer(CommonMethods):
    """Serves one engine.

    Its public methods beside `start` and `stop` are called by clients, in any thread.
    """

    def __init__(self, settings: Settings, engine: Engine, durability: "Durability | None" = None) -> None:
        self._settings = settings
        self._engine = engine
        self._start_time = 0.0
        self._update_count = 0
        self._counting = threading.Lock()
        options = settings.options
        limits = Limits(
            max_message_bytes=options.max_message_size,
            max_depth=options.max_nesting,
            max_connections=options.max_connections,
            max_buffered_bytes=options.max_buffered_size,
            idle_seconds=options.timeout,
        )
        self._durability = durability
        self._rpc = RpcServer(
            self._methods(),
            limits,
            options.thread,
            on_update=self._count_update,
            log=durability.journal if durability else None,
        )
        self.files = ModelFiles(
            engine, settings, self._rpc.run_exclusive, durability.load if durability else None
        )

    async def start(self) -> None:
        """Open the port. From here requests are answered. Raises `OSError`."""
        address, port = self._settings.address, self._settings.options.rpc_port
        if not address.loopback_only:
            _log.warning(
                "listening on %s without TLS or a token: whoever reaches port %d can read and change "
                "the model (--listen_addr 127.0.0.1 accepts this machine only)",
                address.listen,
                port,
            )
        self._start_time = time.time()
        if self._durability is not None:
            self._durability.start(self._rpc.run_exclusive)
        await self._rpc.start(address.listen, port)
        _log.info("start listening at port %d", port)
        _log.info("%s RPC server startup", self._settings.program)

    async def stop(self) -> None:
        """Close the port, finish and answer the calls that run, take the last snapshot."""
        if self._durability is not None:
            await asyncio.to_thread(self._durability.stop_snapshots)
        await self._rpc.stop()
        if self._durability is not None:
            await asyncio.to_thread(self._durability.close)
        _log.info("%s RPC server stopped", self._settings.program)

    def save(self, id: str) -> dict[str, str]:  # noqa: A002 - clients pass it by this name
        path = self.files.save(id)
        if self._durability is not None:
            self._durability.want_snapshot()
        _log.info("saved model to %s", path)
        return {self._member: str(path)}

    def load(self, id: str) -> bool:  # noqa: A002
        path = self.files.load(id)
        _log.info("loaded model from %s", path)
        return True

    def get_status(self) -> dict[str, dict[str, str]]:
        status = server_status(self._settings, self.files, self._start_time, self._update_count)
        counts = self._rpc.counts.values()
        own = {
            "connections": self._rpc.connections,
            "refused_connections": self._rpc.refused_connections,
            "requests": sum(count.requests for count in counts) + self._rpc.unknown_requests,
            "errors": sum(count.errors for count in counts) + self._rpc.unknown_requests,
        }
        status.update({key: str(value) for key, value in own.items()})
        status.update(self._durability.status() if self._durability else {"journal": "off"})
        return {self._member: {**self._engine.status(), **status}}

    @property
    def _member(self) -> str:
        return f"{self._settings.address.advertised}_{self._settings.options.rpc_port}"

    def _methods(self) -> dict[str, BoundMethod]:
        bound = {name: BoundMethod(method, self._engine) for name, method in self._engine.methods.items()}
        # Both read or write a file, and take a turn among the updates only for the moment that needs one.
        bound["save"] = BoundMethod(self.methods["save"], self, blocking=True, ordered=False)
        bound["load"] = BoundMethod(self.methods["load"], self, blocking=True, ordered=False)
        bound["get_status"] = BoundMethod(self.methods["get_status"], self)
        return bound

    def _count_update(self, _method: Method) -> None:
        with self._counting:  # a load counts as well, and does not run in the update order
            self._update_count += 1
