"""Data folders for the tests, made as a server makes them, with a clock of their own."""

import hashlib
from pathlib import Path
from typing import Any

import msgpack
from server_process import CONFIG

import duma
from duma.engines.engine import Engine
from duma.server.journal_events import CLIENT, FROM, HIDDEN_STATE, LOAD
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder
from duma.store.journal import EVENT, JournalWriter
from duma.store.snapshots import Position, write_snapshot

SECOND = 1_000_000_000
START = 1_700_000_000  # Unix time of the folder's beginning; a second passes before every request
SPAM, HAM = "10.0.0.66:4000", "10.0.0.7:5000"


class JournaledFolder:
    """A classifier whose updates go into the folder's journal."""

    def __init__(self, path: Path, config: Any = CONFIG) -> None:
        self.path = path
        self.seconds = START
        self.engine: Any = duma.Classifier(config)
        self.folder = DataFolder.open(DiskFiles(), path)
        self.writer = JournalWriter.start(DiskFiles(), self.folder.journal, identity=0x8F31C2AA)
        self._clients: list[str] = []
        self._client = ""
        self.snapshot()

    def send(self, client: str, method: str, *arguments: Any) -> int:
        """Record and apply a request; returns its number."""
        self.seconds += 1
        if client not in self._clients:
            self._clients.append(client)
            self.event(CLIENT, msgpack.packb([self._clients.index(client), client], use_bin_type=False))
        if client != self._client:
            self._client = client
            self.event(FROM, msgpack.packb(self._clients.index(client)))
        sequence = self.record(method, msgpack.packb(["", *arguments], use_bin_type=False))
        apply(self.engine, method, *arguments)
        return sequence

    def record(self, name: str, payload: bytes) -> int:
        """Record a request without applying it."""
        sequence = self.writer.append(name.encode(), payload, self.seconds * SECOND)
        self.writer.commit()
        return sequence

    def event(self, name: bytes, payload: bytes) -> int:
        sequence = self.writer.append(name, payload, self.seconds * SECOND, EVENT)
        self.writer.commit()
        return sequence

    def load(self, model: Path) -> int:
        """Load a model file as a server does, which keeps a copy."""
        name = f"loaded-{self.writer.position[0] + 1:020}.jubatus"
        (self.folder.snapshots / name).write_bytes(model.read_bytes())
        event = {"file": name, "id": "other", "path": str(model)}
        sequence = self.event(LOAD, msgpack.packb(event, use_bin_type=False))
        self.engine.load(model)
        return sequence

    def snapshot(self) -> Path:
        """Take a snapshot; returns its file."""
        sequence, checksum = self.writer.position
        stored = write_snapshot(
            DiskFiles(),
            self.folder.snapshots,
            self.engine.snapshot(),
            Position(sequence, self.writer.identity, checksum),
            engine_type="classifier",
            config_text=self.engine.config_text,
            time=self.seconds,
            commit=self.writer.commit,
        )
        if state := self.engine.hidden_state():
            self.event(HIDDEN_STATE, state)
        self._clients, self._client = [], ""
        return stored.path

    def close(self) -> None:
        self.writer.close()
        self.folder.close()


def labeled(label: str, text: str) -> list[Any]:
    """An argument of `train`: one labelled datum."""
    return [[label, [[["text", text]], [], []]]]


def apply(engine: Engine, method: str, *arguments: Any) -> None:
    """Call a method as the server does; an error is the caller's."""
    packed = [msgpack.packb(argument, use_bin_type=False) for argument in arguments]
    try:
        engine.methods[method].call_packed(engine, packed)
    except Exception:
        assert "$" in str(arguments), "only a datum that cannot be converted fails in these tests"


def state(engine: Engine) -> Any:
    """All that an engine has learned, whatever order its maps have."""
    return msgpack.unpackb(b"".join(engine.snapshot().chunks()), strict_map_key=False)


def contents(folder: Path) -> dict[str, str]:
    """A digest of each file in a folder, and of those below."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
