"""Real servers for the tests: started as a user starts them, and called over a socket."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgpack

COMMANDS = Path(sys.executable).parent
CONFIG: dict[str, Any] = {
    "method": "AROW",
    "parameter": {"regularization_weight": 1.0},
    "converter": {
        "string_rules": [{"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"}],
        "num_rules": [{"key": "*", "type": "num"}],
    },
}
DEADLINE = 20.0  # seconds; only a hanging test gets there


class CallError(Exception):
    """A call that was answered by an error; `error` and `result` as they came."""

    def __init__(self, error: Any, result: Any) -> None:
        self.error, self.result = error, result
        super().__init__(error.decode() if isinstance(error, bytes) else f"{error} {result}")


class Client:
    """Calls methods one after the other on one connection. Answers come with text decoded."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection((host, port), DEADLINE)
        self.unpacker = msgpack.Unpacker(raw=True, strict_map_key=False)
        self.id = 0

    def send(self, method: str, *arguments: Any) -> None:
        self.id += 1
        self.socket.sendall(msgpack.packb([0, self.id, method, ["", *arguments]], use_bin_type=False))

    def receive(self) -> Any:
        while True:
            for _, _, error, result in self.unpacker:
                if error is not None:
                    raise CallError(error, result)
                return _text(result)
            data = self.socket.recv(1 << 16)
            if not data:
                raise EOFError("the server closed the connection")
            self.unpacker.feed(data)

    def call(self, method: str, *arguments: Any) -> Any:
        self.send(method, *arguments)
        return self.receive()

    def close(self) -> None:
        self.socket.close()


class Server:
    """A server process; `output` and `errors` are what it has written so far."""

    def __init__(self, folder: Path, command: str, *words: str, env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        count = len(list(folder.glob("stdout*")))
        self._paths = folder / f"stdout{count}", folder / f"stderr{count}"
        with self._paths[0].open("wb") as out, self._paths[1].open("wb") as err:
            self.process = subprocess.Popen(
                [str(COMMANDS / command), *words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
            )

    @property
    def output(self) -> str:
        return self._paths[0].read_text()

    @property
    def errors(self) -> str:
        return self._paths[1].read_text()

    def wait(self) -> int:
        return self.process.wait(DEADLINE)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait_for(self, text: str) -> None:
        until(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output + self.errors

    def connect(self, port: int) -> Client:
        def answers() -> bool:
            assert self.process.poll() is None, self.output + self.errors
            with contextlib.suppress(ConnectionRefusedError):
                connected.append(Client(port))
            return bool(connected)

        connected: list[Client] = []
        until(answers)
        return connected[0]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def serving(
    folder: Path, *words: str, command: str = "jubaclassifier"
) -> Iterator[tuple[Server, Client, int]]:
    """A classifier that listens on loopback with `folder` as its datadir; killed after the block."""
    port = free_port()
    basic = ["-p", str(port), "-b", "127.0.0.1", "-d", str(folder)]
    if not {"-f", "-m"} & set(words):
        basic += ["-f", write_config(folder)]
    server = Server(folder, command, *basic, *words)
    try:
        client = server.connect(port)
        try:
            yield server, client, port
        finally:
            client.close()
    finally:
        server.end()


def run(
    folder: Path, *words: str, command: str = "jubaclassifier", env: Mapping[str, str] | None = None
) -> Server:
    """A command that has ended by itself."""
    server = Server(folder, command, *words, env=env)
    try:
        server.wait()
    finally:
        server.end()
    return server


def write_config(folder: Path, config: Any = CONFIG, name: str = "config.json") -> str:
    path = folder / name
    path.write_text(config if isinstance(config, str) else json.dumps(config))
    return str(path)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Any) -> None:
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return {_text(key): _text(item) for key, item in value.items()}
    return value
