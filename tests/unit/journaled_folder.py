"""Data folders for the tests, made as a server makes them, with a clock of their own, and commands run on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import msgpack
from click.testing import CliRunner, Result
from server_process import CONFIG

import duma
from duma.commands.main import main
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


TRAINING = [("train", labeled(label, f"{label} word{i}")) for i, label in enumerate(["good", "bad"] * 4)]
POISON = [("train", labeled("good", "buy cheap pills")), ("train", labeled("good", "buy more pills"))]


def make_incident(where: Path) -> Path:
    """A data folder with eight requests, two poisoned ones, a snapshot, the wrong clear, and one more request."""
    made = JournaledFolder(where / "data" / "127.0.0.1_9199_classifier")
    for call_ in TRAINING:
        made.send(HAM, *call_)
    for call_ in POISON:
        made.send(SPAM, *call_)
    made.snapshot()
    made.send(HAM, "clear")
    made.send(HAM, "train", labeled("new", "begin again"))
    made.close()
    return made.path


def flip(path: Path, text: bytes) -> int:
    """Change one byte of `text`, which is in a file once; returns its offset."""
    data = bytearray(path.read_bytes())
    assert data.count(text) == 1
    offset = data.index(text)
    data[offset] ^= 0xFF
    path.write_bytes(data)
    return offset


def segment(folder: Path) -> Path:
    (path,) = (folder / "journal").glob("*.journal")
    return path


def call(*words: Any) -> Result:
    """Run `duma` with these words, in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def output(*words: Any) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def failure(*words: Any, status: int = 1) -> str:
    result = call(*words)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    return result.stderr


def rows(*words: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output(*words, "--json").splitlines()]


def loaded(path: Path, config: Any = CONFIG) -> Any:
    engine = duma.Classifier(config)
    engine.load(path)
    return engine


def trained(*calls: Any, config: Any = CONFIG) -> Any:
    """What an engine has learned after these calls."""
    engine = duma.Classifier(config)
    for method, *arguments in calls:
        apply(engine, method, *arguments)
    return state(engine)
