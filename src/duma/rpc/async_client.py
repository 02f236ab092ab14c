"""The asynchronous client: the same methods as the synchronous one, to be awaited.

    async with Classifier("127.0.0.1", 9199, "") as client:
        await client.train([("spam", Datum({"title": "cheap pills"}))])

Any number of calls may wait for their answers at the same time; they share one connection. It is opened with
the first call, and again when the server has closed it.
"""

import asyncio
import builtins
import socket
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from duma.engines.declaration import Declared, Method
from duma.rpc.errors import RPCError, TimeoutError, TransportError  # noqa: A004 - the name that callers know
from duma.rpc.exchange import Answer, BaseClient, Exchange, make_client_class, pack_params, reason, result_of


class Connection:
    """The connection to one server; `close` it to free the socket."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout
        self._stream: _Stream | None = None
        self._opening = asyncio.Lock()

    async def call(self, method: Method, params: bytes) -> Answer:
        """Send a call and wait for its answer.

        Raises `TransportError` and `TimeoutError`; the call may have been executed then.
        """
        try:
            async with asyncio.timeout(self.timeout):
                if self._stream is not None and self._stream.idle:
                    await asyncio.sleep(0)  # lets it be seen that the server has closed meanwhile
                try:
                    return await (await self._open()).call(method, params)
                except _NothingSent:
                    return await (await self._open()).call(method, params)
        except RPCError:
            raise
        except builtins.TimeoutError as error:
            raise TimeoutError(f"{self.host}:{self.port} did not answer in {self.timeout:g} s") from error

    def close(self) -> None:
        """Close the connection; calls that wait fail, and the next call opens it again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    async def _open(self) -> "_Stream":
        async with self._opening:
            if self._stream is None or self._stream.closed:
                where = f"{self.host}:{self.port}"
                loop = asyncio.get_running_loop()
                try:
                    _, self._stream = await loop.create_connection(
                        lambda: _Stream(where, loop), self.host, self.port, family=socket.AF_UNSPEC
                    )
                except OSError as error:
                    raise TransportError(f"cannot connect to {where}: {reason(error)}") from error
            return self._stream


class _NothingSent(TransportError):
    """The connection ended before the first byte, so sending again is safe."""


class _Stream(asyncio.Protocol):
    """An open connection: hands each answer to the call that waits for it."""

    def __init__(self, where: str, loop: asyncio.AbstractEventLoop) -> None:
        self._where = where
        self._loop = loop
        self._exchange = Exchange()
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._transport: asyncio.Transport
        self._last_word = ""
        self._writable = asyncio.Event()
        self._writable.set()
        self.closed = False

    async def call(self, method: Method, params: bytes) -> Answer:
        await self._writable.wait()
        if self.closed:
            raise _NothingSent(self._why_closed(None))
        id_, data = self._exchange.request(method, params)
        answer: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting[id_] = answer
        self._transport.write(data)
        try:
            return await answer
        finally:
            self._waiting.pop(id_, None)

    @property
    def idle(self) -> bool:
        """Whether no call waits for its answer."""
        return not self._waiting

    def close(self) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for answer in self._exchange.receive(data):
                waiting = self._waiting.get(answer.id)
                if waiting is None:
                    # To nobody: of a call that ended with a timeout, or the reason why the server closes.
                    if isinstance(answer.error, bytes):
                        self._last_word = answer.error.decode("utf-8", "replace")
                elif not waiting.done():
                    waiting.set_result(answer)
        except TransportError as error:
            self._last_word = str(error)
            self._transport.abort()

    def eof_received(self) -> None:
        self.closed = True
        self._transport.abort()  # what is not sent yet is of no use any more

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._writable.set()
        error = TransportError(self._why_closed(exc))
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(error)

    def _why_closed(self, exc: Exception | None) -> str:
        return f"{self._where} closed the connection: {self._last_word or exc or 'no answer'}"


class AsyncClient(BaseClient[Connection]):
    """Base of the asynchronous clients; `async_client_class` makes one for an engine.

    `name` is the cluster's (any, for a single server); `timeout` in seconds, for each call as a whole. Calls
    raise the errors of `duma.rpc.errors`, and `ArgumentMismatch` for a value that the method does not take.
    """

    def __init__(self, host: str, port: int, name: str, timeout: float = 10) -> None:
        super().__init__(Connection(host, port, timeout), name)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]: ...

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        self._connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        await asyncio.sleep(0)  # the transport closes its socket with the loop's next turn

    async def _call(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        answer = await self._connection.call(method, pack_params(method, self._name, args, kwargs))
        return result_of(method, answer)


def async_client_class(engine: type[Declared]) -> type[AsyncClient]:
    """The asynchronous client of an engine: the engine's methods, and those that every server has."""

    def make(method: Method) -> Callable[..., Any]:
        async def call(self: AsyncClient, *args: Any, **kwargs: Any) -> Any:
            return await self._call(method, args, kwargs)

        return call

    return make_client_class(AsyncClient, engine, make)
