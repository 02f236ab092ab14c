"""The synchronous client, used like Jubatus' own:

    with Classifier("127.0.0.1", 9199, "") as client:
        client.train([("spam", Datum({"title": "cheap pills"}))])

A client belongs to one thread at a time. It connects with its first call, and again if the server closed the
connection in between.
"""

import builtins
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from duma.engines.declaration import Declared, Method
from duma.rpc.errors import RPCError, TimeoutError, TransportError  # noqa: A004 - the name that callers know
from duma.rpc.exchange import Answer, BaseClient, Exchange, make_client_class, pack_params, reason, result_of

_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)  # cheap to make for each call
_RECEIVE = 256 * 1024
_GATHERED = 1024 * 1024  # bytes of requests that a pipeline keeps before it sends them

Call = tuple[Method, bytes]  # with its packed parameters


class Connection:
    """The connection to one server; `close` it to free the socket."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self.host = host
        self.port = port
        self.timeout = timeout
        self._socket: socket.socket | None = None
        self._exchange = Exchange()

    def call(self, calls: Sequence[Call]) -> list[Answer]:
        """Send the calls together and wait for their answers, which are returned in the same order.

        Raises `TransportError` and `TimeoutError`; some of the requests may have been executed then.
        """
        deadline = time.monotonic() + self.timeout
        reused = self._alive()
        if not reused:
            self._connect(deadline)
        try:
            return self._transfer(calls, deadline)
        except _NothingSent:
            if not reused:
                raise
        # The server closed at the very moment of sending; nothing has reached it, so sending again is safe.
        self._connect(deadline)
        return self._transfer(calls, deadline)

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _alive(self) -> bool:
        """Whether the connection is open, as far as can be known without sending."""
        if self._socket is None:
            return False
        try:
            alive = self._socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            alive = False
        if not alive:
            self.close()
        return alive

    def _connect(self, deadline: float) -> None:
        self.close()
        seconds = max(0.001, deadline - time.monotonic())
        try:
            connected = socket.create_connection((self.host, self.port), seconds)
        except builtins.TimeoutError as error:
            raise TimeoutError(
                f"{self._where} did not accept the connection in {self.timeout:g} s"
            ) from error
        except OSError as error:
            raise TransportError(f"cannot connect to {self._where}: {reason(error)}") from error
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)
        self._socket = connected
        self._exchange = Exchange()

    def _transfer(self, calls: Sequence[Call], deadline: float) -> list[Answer]:
        assert self._socket is not None
        transfer = _Transfer(self._socket, self._exchange, calls)
        try:
            answers = transfer.run(deadline)
        except OSError as error:
            if isinstance(error, builtins.TimeoutError):
                if transfer.unsent:
                    self.close()  # half a request has been sent
                raise TimeoutError(f"{self._where} did not answer in {self.timeout:g} s") from error
            self.close()
            kind = TransportError if transfer.began else _NothingSent
            why = transfer.last_word or reason(error)
            raise kind(f"{self._where} closed the connection: {why}") from error
        if transfer.unsent:
            self.close()  # refused before it was sent
        return answers

    @property
    def _where(self) -> str:
        return f"{self.host}:{self.port}"


class _NothingSent(TransportError):
    """The connection failed before the first byte."""


class _Transfer:
    """Sends requests and takes answers at the same time: a server stops reading if nobody takes its answers.

    Raises `OSError`.
    """

    def __init__(self, sock: socket.socket, exchange: Exchange, calls: Sequence[Call]) -> None:
        requests = [exchange.request(method, params) for method, params in calls]
        self._socket = sock
        self._exchange = exchange
        self._order = [id_ for id_, _ in requests]
        self.unsent = memoryview(b"".join(data for _, data in requests))
        self.began = False
        self.last_word = ""  # an error that is no answer to one of the requests, as of a server that is full

    def run(self, deadline: float) -> list[Answer]:
        answers: dict[int, Answer] = {}
        missing = set(self._order)
        self._send()
        with _Selector() as selector:
            waiting_for = _READ | (_WRITE if self.unsent else 0)
            selector.register(self._socket, waiting_for)
            while missing:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise builtins.TimeoutError
                if ready[0][1] & _WRITE:
                    self._send()
                    if not self.unsent:
                        selector.modify(self._socket, _READ)
                if ready[0][1] & _READ:
                    for answer in self._receive():
                        if answer.id in missing:
                            missing.remove(answer.id)
                            answers[answer.id] = answer
                        elif isinstance(answer.error, bytes):
                            self.last_word = answer.error.decode("utf-8", "replace")
        return [answers[id_] for id_ in self._order]

    def _send(self) -> None:
        try:
            sent = self._socket.send(self.unsent)
        except BlockingIOError:
            return
        except OSError:
            if not self.began:
                raise
            sent = len(self.unsent)  # cannot be sent any more; the answer may tell why
        self.began = True
        self.unsent = self.unsent[sent:]

    def _receive(self) -> Iterator[Answer]:
        try:
            data = self._socket.recv(_RECEIVE)
        except BlockingIOError:
            return iter(())
        if not data:
            raise ConnectionResetError("no answer")
        return self._exchange.receive(data)


class Client(BaseClient[Connection]):
    """Base of the synchronous clients; `client_class` makes one for an engine.

    `name` is the cluster's (any, for a single server); `timeout` in seconds, for each call as a whole. Calls
    raise the errors of `duma.rpc.errors`, and `ArgumentMismatch` for a value that the method does not take.
    """

    def __init__(self, host: str, port: int, name: str, timeout: float = 10) -> None:
        super().__init__(Connection(host, port, timeout), name)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Callable[..., Any]: ...

    def pipeline(self) -> "Pipeline":
        """Calls that are sent together; see `Pipeline`."""
        return Pipeline(self)

    def close(self) -> None:
        """Close the connection; a later call opens it again."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: Method, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        [answer] = self._connection.call([(method, pack_params(method, self._name, args, kwargs))])
        return result_of(method, answer)


class Pipeline:
    """Calls without waiting for each answer. The methods are the client's, and return futures:

        with client.pipeline() as pipeline:
            learned = [pipeline.train(batch) for batch in batches]
        print(sum(future.result() for future in learned))

    What was gathered is sent at the end of the block, and when it has become 1 MiB.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._calls: list[Call] = []
        self._futures: list[Future[Any]] = []
        self._bytes = 0

    def __getattr__(self, name: str) -> Callable[..., Future[Any]]:
        method = self._client.methods.get(name)
        if method is None:
            raise AttributeError(f"{type(self._client).__name__} has no method {name}")

        def call(*args: Any, **kwargs: Any) -> Future[Any]:
            params = pack_params(method, self._client.get_name(), args, kwargs)
            future: Future[Any] = Future()
            self._calls.append((method, params))
            self._futures.append(future)
            self._bytes += len(params)
            if self._bytes >= _GATHERED:
                self.send()
            return future

        return call

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.send()

    def send(self) -> None:
        """Send what was gathered and wait for its answers. An error of the connection is raised here."""
        calls, futures = self._calls, self._futures
        self._calls, self._futures, self._bytes = [], [], 0
        if not calls:
            return
        try:
            answers = self._client.get_client().call(calls)
        except RPCError as error:
            for future in futures:
                future.set_exception(error)
            raise
        for (method, _), future, answer in zip(calls, futures, answers, strict=True):
            try:
                future.set_result(result_of(method, answer))
            except RPCError as error:
                future.set_exception(error)


def client_class(engine: type[Declared]) -> type[Client]:
    """The synchronous client of an engine: the engine's methods, and those that every server has."""

    def make(method: Method) -> Callable[..., Any]:
        def call(self: Client, *args: Any, **kwargs: Any) -> Any:
            return self._call(method, args, kwargs)

        return call

    return make_client_class(Client, engine, make)
