"""A server in a process of its own, and requests written to it as fast as it takes them."""

import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@contextmanager
def classifier_server(config: dict[str, Any]) -> Iterator[socket.socket]:
    """A connection to a fresh `jubaclassifier`, which ends with the block."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        server_process(config, Path(folder), port),
        connect(port) as connection,
    ):
        yield connection


@contextmanager
def server_process(
    config: dict[str, Any] | None, folder: Path, port: int, *options: str, engine: str = "classifier"
) -> Iterator[subprocess.Popen[bytes]]:
    """A server with its models in `folder`; without a configuration the options name a model."""
    command = [str(Path(sys.executable).parent / f"juba{engine}"), "-p", str(port), "-b", "127.0.0.1"]
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
        command += ["-f", str(folder / "config.json")]
    with _process([*command, "-d", str(folder), "-t", "0", *options]) as process:
        connect(port).close()
        yield process


@contextmanager
def echo_server() -> Iterator[socket.socket]:
    """A connection to an asyncio server that answers each message with one of the same size, and does nothing else."""
    port = free_port()
    with _process([sys.executable, "-m", "benchmarks.served", str(port)]), connect(port) as connection:
        yield connection


@contextmanager
def _process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def connect(port: int) -> socket.socket:
    """A connection to a server that may be starting still."""
    for _ in range(3000):
        try:
            connection = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
    raise TimeoutError(f"no server on port {port}")


def stream(connection: socket.socket, requests: list[bytes]) -> None:
    """Write all requests while answers are read; return when each has one. Answers must come in few distinct sizes."""
    sender = threading.Thread(target=lambda: [connection.sendall(r) for r in requests])
    sender.start()
    unpacker = msgpack.Unpacker(raw=True, max_buffer_size=1 << 30)
    answered = 0
    while answered < len(requests):
        unpacker.feed(_received(connection))
        while True:
            try:
                unpacker.skip()
            except msgpack.OutOfData:
                break
            answered += 1
    sender.join()


def windowed(connection: socket.socket, request: bytes, answer_size: int, depth: int, calls: int) -> None:
    """`calls` calls of one request with `depth` of them in flight; each answer is `answer_size` bytes."""
    window = request * depth
    for _ in range(calls // depth):
        connection.sendall(window)
        missing = answer_size * depth
        while missing:
            missing -= len(_received(connection))


def answer_size(connection: socket.socket, request: bytes) -> int:
    """The size of the answer to a request. Raises if it is an error."""
    connection.sendall(request)
    answer = _received(connection)
    error = msgpack.unpackb(answer, raw=True)[2]
    if error is not None:
        raise RuntimeError(f"the server answered {error!r}")
    return len(answer)


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise EOFError("the server closed the connection")
    return data


class _Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]


async def _serve_echo(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Echo, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve_echo(int(sys.argv[1])))
