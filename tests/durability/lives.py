"""A server that lives again and again: the same port and datadir, whatever ended it."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from server_process import CONFIG, Client, Server, free_port, write_config

from duma.server.journal_events import HIDDEN_STATE
from duma.store.files import DiskFiles
from duma.store.journal import JournalReader


class Lives:
    """Starts `duma serve ENGINE` on one datadir; `words` are options of every life.

    `server` is the process of the life that goes on, or of the last one.
    """

    def __init__(
        self,
        datadir: Path,
        *words: str,
        config: Any = CONFIG,
        engine: str = "classifier",
        logs: Path | None = None,
    ) -> None:
        self.datadir = datadir
        self.port = free_port()
        self.engine = engine
        self.words = words
        self.config = config
        self.logs = logs or datadir.with_name(datadir.name + "-logs")
        self.logs.mkdir(exist_ok=True)
        datadir.mkdir(exist_ok=True)
        self.server: Server
        self._clients: list[Client] = []

    @property
    def folder(self) -> Path:
        """The data folder: journal and snapshots."""
        return self.datadir / f"127.0.0.1_{self.port}_{self.engine}"

    @property
    def journal(self) -> Path:
        return self.folder / "journal"

    @property
    def snapshots(self) -> Path:
        return self.folder / "snapshots"

    def model(self, model_id: str) -> Path:
        """Where the server saves an id."""
        return self.datadir / f"127.0.0.1_{self.port}_{self.engine}_{model_id}.jubatus"

    def spawn(self, *more: str) -> Server:
        """Begin a life without waiting for it to answer."""
        words = ["--port", str(self.port), "--listen", "127.0.0.1", "--datadir", str(self.datadir)]
        if self.config is not None:
            words += ["--config", write_config(self.logs, self.config)]
        self.server = Server(self.logs, "duma", "serve", self.engine, *words, *self.words, *more)
        return self.server

    def start(self, *more: str) -> Client:
        """Begin a life; returns a client of it."""
        return self._kept(self.spawn(*more).connect(self.port))

    def client(self) -> Client:
        """One more client; all are closed with the last life."""
        return self._kept(Client(self.port))

    def kill(self) -> None:
        """End it as a crash does."""
        self.server.process.kill()
        self.server.wait()

    def stop(self) -> None:
        """End it as an operator does."""
        self.server.signal(signal.SIGTERM)
        assert self.server.wait() == 0, self.server.output

    def refused(self, *more: str) -> str:
        """Begin a life that ends by itself with status 1; returns the last line of its log."""
        server = self.spawn(*more)
        assert server.wait() == 1, server.output
        assert "Traceback" not in server.output + server.errors
        return server.output.splitlines()[-1]

    def end(self) -> None:
        """Leave nothing behind."""
        for client in self._clients:
            client.close()
        if hasattr(self, "server"):
            self.server.end()

    def status(self, client: Client) -> dict[str, str]:
        status: dict[str, str] = client.call("get_status")[f"127.0.0.1_{self.port}"]
        return status

    def hidden_state(self) -> bytes:
        """The first hidden state in the journal: what draws began with; empty if the engine has none."""
        for record in JournalReader(DiskFiles(), self.journal):
            if record.name == HIDDEN_STATE:
                return bytes(record.payload)
        return b""

    def _kept(self, client: Client) -> Client:
        self._clients.append(client)
        return client


@contextlib.contextmanager
def lives(datadir: Path, *words: str, **options: Any) -> Iterator[Lives]:
    """Lives that end with the block."""
    made = Lives(datadir, *words, **options)
    try:
        yield made
    finally:
        made.end()


def labeled(label: str, text: str, count: int = 1) -> list[Any]:
    """An argument of `train`: `count` datums with one label."""
    return [[label, [[["text", text]], [], []]]] * count
