"""The MessagePack-RPC server: listens, and hands each connection its place.

Whatever a client sends is answered, refused or ends its connection; nothing that a call does ends the server.
The parts: `wire` (messages), `dispatch` (from a request to its answer), `scheduling` (where and in which
order calls run), `connection` (one client, and the limits).
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from typing import TypeVar

from duma.engines.declaration import Method
from duma.rpc.connection import Connection, Connections, Limits
from duma.rpc.dispatch import BoundMethod, Dispatcher, MethodCount
from duma.rpc.scheduling import UpdateLog

__all__ = ["BoundMethod", "Limits", "MethodCount", "RpcServer", "UpdateLog"]

T = TypeVar("T")

logger = logging.getLogger("duma.rpc")

_BACKLOG = 1024


class RpcServer:
    """Serves methods to MessagePack-RPC clients.

    `threads`: how many large analyses run at the same time. `on_update` is told of each counted update whose
    arguments could be read, also of one that failed, in the thread that runs it. With a `log`, an update is
    recorded before it is applied and answered once the log says that it is durable.
    """

    def __init__(
        self,
        methods: Mapping[str, BoundMethod],
        limits: Limits | None = None,
        threads: int = 2,
        *,
        on_update: Callable[[Method], None] | None = None,
        log: UpdateLog | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._dispatcher = Dispatcher(methods, threads, on_update, log)
        self._connections = Connections(self.limits, self._dispatcher)
        self._listener: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._log = log

    async def start(self, host: str, port: int) -> int:
        """Listen on an IPv4 address and return the port (0: takes a free one). Raises `OSError`."""
        loop = asyncio.get_running_loop()
        connections = self._connections
        if self._log is not None:

            def changed() -> None:
                loop.call_soon_threadsafe(connections.release_durable)

            self._log.subscribe(changed)
        self._listener = await loop.create_server(
            lambda: Connection(connections, loop),
            host,
            port,
            family=socket.AF_INET,
            backlog=_BACKLOG,
            reuse_address=True,
        )
        self._sweep()
        bound: int = self._listener.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Accept nothing more, answer the calls that run, close every connection, end the threads."""
        if self._listener is not None:
            await _stop_listening(self._listener)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await self._connections.finish()
        await asyncio.to_thread(self._dispatcher.stop)

    def run_exclusive(self, function: Callable[[], T]) -> T:
        """Run `function` as if it were an update, with no other running; returns or raises what it does.

        For worker threads: it waits for the updates before it. An update may call it within its own turn.
        """
        return self._dispatcher.order.run(function)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections.open)

    @property
    def refused_connections(self) -> int:
        """How many connections were refused or ended because of a limit."""
        return self._connections.refused

    @property
    def buffered_bytes(self) -> int:
        """Bytes of requests that are being received or wait, of all connections."""
        return self._connections.buffered_bytes

    @property
    def counts(self) -> dict[str, MethodCount]:
        """The calls of each method since the start."""
        return {name.decode(): service.count for name, service in self._dispatcher.services.items()}

    @property
    def unknown_requests(self) -> int:
        """Requests for methods that do not exist."""
        return self._dispatcher.unknown_requests

    def _sweep(self) -> None:
        idle = self.limits.idle_seconds
        if not idle:
            return
        loop = asyncio.get_running_loop()
        self._connections.sweep(loop.time())
        self._sweeper = loop.call_later(min(1.0, max(0.05, idle / 10)), self._sweep)


async def _stop_listening(listener: asyncio.Server) -> None:
    # When its listener is closed, asyncio forgets connections that it has accepted but not announced yet;
    # their clients would wait for ever. So these get their turn first.
    loop = asyncio.get_running_loop()
    for listening in listener.sockets:
        loop.remove_reader(listening.fileno())
    for _ in range(2):  # the transport is made, then announced
        await asyncio.sleep(0)
    listener.close()
