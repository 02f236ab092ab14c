"""A real RPC server in a thread of the test, and a peer that sends it bytes."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import msgpack
from counting import Counting, bound

from duma.rpc.server import RpcServer

DEADLINE = 10.0  # seconds; only a hanging test gets there


class Running:
    """A server that accepts connections on `port`; `model` is what it serves."""

    def __init__(self, model: Counting, **options: Any) -> None:
        self.model = model
        self.server = RpcServer(bound(model), **options)
        self.port = 0
        self.stopping: asyncio.Event
        self.loop: asyncio.AbstractEventLoop
        self.loop_errors: list[dict[str, Any]] = []
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._started.wait(DEADLINE)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: self.loop_errors.append(context))
        self.stopping = asyncio.Event()
        self.port = await self.server.start("127.0.0.1", 0)
        self._started.set()
        await self.stopping.wait()
        await self.server.stop()

    def begin_stop(self) -> None:
        self.loop.call_soon_threadsafe(self.stopping.set)

    def stop(self) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                self.begin_stop()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        assert self.loop_errors == [], self.loop_errors

    def on_loop(self, function: Any) -> Any:
        """Run `function` on the server's event loop."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(DEADLINE)


@contextlib.contextmanager
def serving(model: Counting | None = None, **options: Any) -> Iterator[Running]:
    running = Running(model or Counting(), **options)
    try:
        yield running
    finally:
        running.model.gate.set()
        running.stop()


class Peer:
    """Sends what a test wants sent."""

    def __init__(self, port: int, receive_buffer: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        try:
            self.socket.connect(("127.0.0.1", port))
        except OSError:
            self.socket.close()
            raise
        self.unpacker = msgpack.Unpacker(raw=True)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *messages: Any) -> None:
        self.socket.sendall(b"".join(m if isinstance(m, bytes) else packed(m) for m in messages))

    def read(self, n: int) -> bytes:
        """Exactly `n` bytes."""
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            assert piece, f"closed after {data!r}"
            data += piece
        return data

    def answers(self, n: int) -> list[Any]:
        """The next `n` responses."""
        found: list[Any] = []
        while len(found) < n:
            found += self._buffered()
            if len(found) < n:
                data = self.socket.recv(1 << 16)
                assert data, f"closed after {found!r}"
                self.unpacker.feed(data)
        return found

    def call(self, method: str, *arguments: Any, id_: int = 1) -> tuple[Any, Any]:
        """Error and result of one call."""
        self.send([0, id_, method, ["", *arguments]])
        [[kind, answered, error, result]] = self.answers(1)
        assert (kind, answered) == (1, id_)
        return error, result

    def rest(self) -> bytes:
        """All that comes until the server closes."""
        data = b""
        while True:
            try:
                piece = self.socket.recv(1 << 16)
            except ConnectionResetError:
                return data
            if not piece:
                return data
            data += piece

    def _buffered(self) -> list[Any]:
        return list(self.unpacker)


def packed(value: Any) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=False)
    return data
