"""What every engine must keep to, with a real server: saving, loading, replaying, undoing, refusing."""

import itertools
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from battery import SUBJECTS, Embedded, Subject
from battery_variants import VARIANTS
from lives import Lives, lives
from server_process import CallError, Client, until

from duma.engines.engine import Engine
from duma.engines.registry import ENGINES
from duma.server.history import History
from duma.server.journal_events import LOAD
from duma.server.replay import Replayer
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder
from duma.store.model_file import read_model, write_model
from duma.store.recovery import Until, go_back, recover

pytestmark = pytest.mark.parametrize(
    "subject",
    [
        *SUBJECTS,
        *(pytest.param(variant, marks=pytest.mark.slow) for variant in VARIANTS),
    ],
    ids=lambda subject: subject.name,
)


@pytest.fixture
def server(tmp_path: Path, subject: Subject) -> Iterator[Lives]:
    words = ("--journal", "always")
    with lives(tmp_path / "data", *words, engine=subject.type, config=subject.config) as made:
        yield made


def teach(subject: Subject, learner: Any, updates: slice = slice(None)) -> None:
    for method, arguments in subject.updates[updates]:
        learner.call(method, *arguments)


def twin(subject: Subject, server: Lives) -> Embedded:
    """An engine that is as the server was when it began."""
    engine = subject.engine()
    if state := server.hidden_state():
        engine.set_hidden_state(state)
    return Embedded(engine)


def test_every_engine_is_in_the_battery(subject: Subject) -> None:
    assert subject.type in ENGINES
    assert sorted(each.type for each in SUBJECTS) == sorted(ENGINES)


def test_the_calls_of_the_battery_show_something(subject: Subject) -> None:
    engine = Embedded(subject.engine())
    seen = [subject.answers(engine.call)]
    for method, arguments in subject.updates:
        engine.call(method, *arguments)
        seen.append(subject.answers(engine.call))
    assert all(before != after for before, after in itertools.pairwise(seen))


def test_save_and_load(server: Lives, subject: Subject) -> None:
    client = server.start()
    empty = subject.answers(client.call)
    teach(subject, client)
    learned = subject.answers(client.call)
    client.call("save", "m")
    client.call("clear")
    assert subject.answers(client.call) == empty
    assert client.call("load", "m") is True
    assert subject.answers(client.call) == learned
    assert subject.answers(Embedded(loaded(subject, server.model("m"))).call) == learned


def test_replay_equals_what_was_lost(server: Lives, subject: Subject) -> None:
    client = server.start()
    teach(subject, client)
    learned = subject.answers(client.call)
    for _ in range(2):
        server.kill()
        assert subject.answers(server.start().call) == learned
    # It also goes on as if nothing had been.
    client = server.client()
    teach(subject, client)
    never_stopped = twin(subject, server)
    teach(subject, never_stopped)
    teach(subject, never_stopped)
    assert subject.answers(client.call) == subject.answers(never_stopped.call)


def test_clear(server: Lives, subject: Subject) -> None:
    client = server.start()
    empty = subject.answers(client.call)
    teach(subject, client)
    assert client.call("clear") is True
    assert subject.answers(client.call) == empty
    server.kill()
    client = server.start()
    assert subject.answers(client.call) == empty
    teach(subject, client)
    never_stopped = twin(subject, server)
    teach(subject, never_stopped)
    never_stopped.call("clear")
    teach(subject, never_stopped)
    assert subject.answers(client.call) == subject.answers(never_stopped.call)


def test_a_clear_is_undone(server: Lives, subject: Subject) -> None:
    client = server.start()
    teach(subject, client)
    learned = subject.answers(client.call)
    client.call("clear")
    teach(subject, client, slice(2))
    server.kill()
    (clear,) = [e.record.sequence for e in History(DiskFiles(), server.folder) if e.name == "clear"]
    engine = subject.engine()
    replayer = Replayer(engine, server.folder)
    with DataFolder.open(DiskFiles(), server.folder) as folder:
        until_clear = Until(sequence=clear - 1)
        recovered = recover(DiskFiles(), folder, load=replayer.load, apply=replayer.apply, until=until_clear)
        assert subject.answers(Embedded(engine).call) == learned
        go_back(DiskFiles(), folder, recovered)
    assert subject.answers(server.start().call) == learned


def test_refused_files_leave_the_model(server: Lives, subject: Subject) -> None:
    client = server.start()
    teach(subject, client)
    client.call("save", "good")
    until(lambda: server.status(client)["last_snapshot_position"] != "0")  # it may record a hidden state
    learned, good = subject.answers(client.call), server.model("good")
    position = server.status(client)["journal_position"]
    refused = {
        "cannot open input file": None,
        "cannot read input file": good.read_bytes()[:-1],
        "invalid file format": b"J" + good.read_bytes()[1:],
        "invalid format version": rewritten_bytes(good, 15, 2),
        "cannot load model file created before v1.0.0": rewritten_bytes(good, 19, 0),
        "invalid crc32 checksum": rewritten_bytes(good, -1, good.read_bytes()[-1] ^ 1),
        "server type mismatched": rewritten(server, subject, engine_type="another"),
        "server config mismatched": rewritten(server, subject, config_text=json.dumps(subject.other_config)),
        "user data version mismatched": rewritten(server, subject, user_data=b"\x92\x63\x90"),
        "invalid user container": rewritten(server, subject, user_data=b"\x91\x01"),
        "user data is broken": rewritten(server, subject, user_data=b"\x92\x01\xc0"),
    }
    for text, data in refused.items():
        if data is not None:
            server.model("bad").write_bytes(data)
        with pytest.raises(CallError) as caught:
            client.call("load", "bad")
        assert str(caught.value).startswith(text)
        assert str(server.model("bad")) in str(caught.value)
        assert subject.answers(client.call) == learned
    assert server.status(client)["journal_position"] == position
    assert not list(server.snapshots.glob("load*"))
    assert "Traceback" not in server.server.output
    assert client.call("load", "good") is True
    assert subject.answers(client.call) == learned


def test_saves_of_one_id_at_the_same_time(server: Lives, subject: Subject) -> None:
    client = server.start()
    teach(subject, client)
    others = [server.client() for _ in range(4)]
    for _ in range(3):
        for other in others:
            other.send("save", "m")
        for other in others:
            other.receive()
    assert subject.answers(Embedded(loaded(subject, server.model("m"))).call) == subject.answers(client.call)
    assert not list(server.datadir.glob(".duma-*"))


@pytest.mark.slow
def test_what_is_saved_during_training_is_a_state_between_two_updates(
    server: Lives, subject: Subject
) -> None:
    rounds = 30
    client = server.start()
    trained = threading.Event()

    def train(other: Client) -> None:
        try:
            for _ in range(rounds):
                teach(subject, other)
        finally:
            trained.set()

    thread = threading.Thread(target=train, args=[server.client()])
    thread.start()
    saves = 0
    while not trained.is_set():
        client.call("save", f"s{saves}")
        saves += 1
    thread.join()
    never_stopped = twin(subject, server)
    states = [subject.timeless(never_stopped.tree())]
    for _ in range(rounds):
        for method, arguments in subject.updates:
            never_stopped.call(method, *arguments)
            states.append(subject.timeless(never_stopped.tree()))
    assert saves > 2
    for number in range(saves):
        saved = Embedded(loaded(subject, server.model(f"s{number}"))).tree()
        assert subject.timeless(saved) in states


@pytest.mark.slow
def test_snapshots_come_and_go_with_the_journal(server: Lives, subject: Subject) -> None:
    words = ("--keep-last", "2", "--journal-segment-size", "4096", "--snapshot-journal-size", "0")
    client = server.start(*words)
    for position in range(5):
        for _ in range(10):
            teach(subject, client)
        before = server.status(client)["last_snapshot_position"]
        client.call("save", "m")
        until(lambda before=before: server.status(client)["last_snapshot_position"] != before)
        kept = min(position + 2, 2)
        until(lambda kept=kept: len(list(server.snapshots.glob("*Z.jubatus"))) == kept)
    learned = subject.answers(client.call)
    newest = max(server.snapshots.glob("*Z.jubatus"))
    assert subject.answers(Embedded(loaded(subject, newest)).call) == learned
    first_record = min(int(path.name[:20]) for path in server.journal.iterdir())
    oldest_snapshot = min(int(path.name[:20]) for path in server.snapshots.glob("*Z.jubatus"))
    assert 1 < first_record <= oldest_snapshot + 1
    server.kill()
    assert subject.answers(server.start().call) == learned
    server.kill()
    newest.write_bytes(newest.read_bytes()[:-1])
    assert subject.answers(server.start().call) == learned


def test_a_load_is_recorded_and_replayed(server: Lives, subject: Subject) -> None:
    client = server.start()
    teach(subject, client, slice(3))
    client.call("save", "m")
    teach(subject, client, slice(3, None))
    client.call("load", "m")
    teach(subject, client, slice(2, 5))
    learned = subject.answers(client.call)
    server.kill()
    never_stopped = twin(subject, server)
    teach(subject, never_stopped, slice(3))
    saved = b"".join(never_stopped.engine.snapshot().chunks())
    teach(subject, never_stopped, slice(3, None))
    never_stopped.engine.adopt(never_stopped.engine.read_model(memoryview(saved)))
    teach(subject, never_stopped, slice(2, 5))
    assert subject.answers(never_stopped.call) == learned
    loads = [e.record for e in History(DiskFiles(), server.folder) if e.record.name == LOAD]
    assert len(loads) == 1
    # The file of that name may be another one by now, or gone, and snapshots behind the load may be damaged.
    server.model("m").unlink()
    for path in server.snapshots.glob("*Z.jubatus"):
        if int(path.name[:20]) >= loads[0].sequence:
            path.unlink()
    assert subject.answers(server.start().call) == learned


def loaded(subject: Subject, path: Path) -> Engine:
    """An engine with the model of a file."""
    engine = subject.engine()
    with read_model(DiskFiles(), path, user_data_version=engine.user_data_version) as file:
        file.check(engine.type, engine.config_text)
        with file.user_data as data:
            engine.adopt(engine.read_model(data))
    return engine


def rewritten_bytes(path: Path, offset: int, value: int) -> bytes:
    data = bytearray(path.read_bytes())
    data[offset] = value
    return bytes(data)


def rewritten(server: Lives, subject: Subject, *, user_data: bytes | None = None, **changes: str) -> bytes:
    """The good file with something changed and everything else, the checksum too, in order."""
    with read_model(DiskFiles(), server.model("good")) as file, file.user_data as view:
        fields = {"engine_type": subject.type, "model_id": "good", "config_text": file.config_text}
        snapshot = Piece(bytes(view) if user_data is None else user_data)
    path = server.logs / "rewritten"
    write_model(DiskFiles(), path, **{**fields, **changes}, timestamp=1, snapshot=snapshot)
    return path.read_bytes()


class Piece:
    """A snapshot of given bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data
