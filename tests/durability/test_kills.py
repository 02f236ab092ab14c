"""A real server, killed again and again under load: what was answered is there, once; nothing is there twice."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lives import Lives, labeled, lives
from server_process import Client
from witness import Barrier, Update, Witness

CONNECTIONS = 4
SMALL = ("--journal-segment-size", "8192", "--snapshot-journal-size", "20000", "--keep-last", "2")


class Load:
    """Client threads that call until the server is gone."""

    def __init__(self, server: Lives, witness: Witness, life: int, seed: int, *, barriers: bool) -> None:
        self.unexpected: list[BaseException] = []
        self._witness = witness
        self._life = life
        witness.begin(CONNECTIONS)
        works: list[Callable[[Client, random.Random], None]] = [
            lambda client, chance, number=number: self._update(client, chance, number)
            for number in range(CONNECTIONS)
        ]
        if barriers:
            works.append(self._place_barriers)
        self._threads = [
            threading.Thread(
                target=self._run, args=(work, server.client(), random.Random(f"{seed} {number}"))
            )
            for number, work in enumerate(works)
        ]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        assert self.unexpected == []

    def _run(
        self, work: Callable[[Client, random.Random], None], client: Client, chance: random.Random
    ) -> None:
        try:
            with contextlib.suppress(EOFError, ConnectionError):
                work(client, chance)
        except BaseException as error:
            self.unexpected.append(error)

    def _update(self, client: Client, chance: random.Random, number: int) -> None:
        """One after the other, or several sent before the first is answered."""
        updates = self._witness.updates[number]
        while True:
            sent = [
                self._send(client, chance, f"{self._life}-{number}", updates)
                for _ in range(chance.choice([1, 1, 7]))
            ]
            for update, answer in sent:
                assert client.receive() == answer
                update.done()

    def _send(
        self, client: Client, chance: random.Random, prefix: str, updates: list[Update]
    ) -> tuple[Update, Any]:
        kind = chance.random()
        count = 0 if kind < 0.2 else chance.choice([1, 1, 5])
        update = Update(label=f"{prefix}-{len(updates)}", count=count)
        updates.append(update)
        if count == 0:
            client.send("set_label", update.label)
            return update, True
        # The long ones go to the update thread, the short ones run on the event loop.
        text = f"{update.label} {chance.randrange(50)} " * (700 if kind > 0.95 else 1)
        client.send("train", labeled(update.label, text, count))
        return update, count

    def _place_barriers(self, client: Client, chance: random.Random) -> None:
        barriers, saved = self._witness.barriers, []
        while True:
            time.sleep(chance.uniform(0, 0.1))
            kind = chance.choice(["save", "save", "load", "clear"])
            if kind == "load" and not saved:
                continue
            model_id = f"{self._life}-{len(barriers)}" if kind == "save" else chance.choice([*saved, ""])
            if kind == "load":
                model_id = chance.choice(saved)
            barriers.append(Barrier(kind=kind, model_id=model_id))
            answer = client.call(kind, *([] if kind == "clear" else [model_id]))
            assert answer if kind == "save" else answer is True
            barriers[-1].done()
            if kind == "save":
                saved.append(model_id)


def live_and_die(server: Lives, kills: int, seed: int, longest: float) -> Witness:
    """Kill a server so many times, check after each, and once more after a proper end."""
    chance, witness = random.Random(seed), Witness()
    client = server.start()
    for life in range(kills):
        load = Load(server, witness, life, seed + life, barriers=life % 3 == 2)
        time.sleep(chance.uniform(0.02, longest))
        server.kill()
        load.join()
        for _ in range(chance.choice([0, 0, 1])):  # killed while it recovers, or soon after
            server.spawn()
            time.sleep(chance.uniform(0.1, 0.6))
            server.kill()
        client = server.start()
        witness.check(client.call("get_labels"))
        if life % 10 == 9:  # so that the models stay small
            client.call("clear")
            witness.seen = {}
        assert_quiet(server)
    labels = client.call("get_labels")
    server.stop()
    assert server.start().call("get_labels") == labels
    return witness


def assert_quiet(server: Lives) -> None:
    """No failure in the log of this life."""
    levels = (" WARN ", " ERROR ", " FATAL ", "Traceback")
    bad = [line for line in server.server.output.splitlines() if any(level in line for level in levels)]
    strange = [line for line in bad if "recovery: " not in line]
    assert strange == []
    assert server.server.errors == ""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["always", "interval"])
def test_a_killed_server_has_every_answered_update_once(tmp_path: Path, mode: str) -> None:
    with lives(tmp_path / "data", "--journal", mode, *SMALL) as server:
        witness = live_and_die(server, kills=8, seed=1, longest=0.5)
        assert witness.acknowledged > 100


@pytest.mark.parametrize("mode", ["always", "interval"])
def test_a_server_that_is_ended_under_load_leaves_nothing_to_replay(tmp_path: Path, mode: str) -> None:
    with lives(tmp_path / "data", "--journal", mode, *SMALL) as server:
        witness = Witness()
        server.start()
        for life in range(4):
            load = Load(server, witness, life, life, barriers=life % 2 == 1)
            time.sleep(0.3)
            server.stop()
            load.join()
            assert_quiet(server)
            client = server.start()
            assert server.status(client)["recovered_records"] == "0"
            assert server.status(client)["recovery_report"] == ""
            witness.check(client.call("get_labels"))
        assert witness.acknowledged > 50


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "kills", "seed"), [("always", 150, 10_000), ("interval", 50, 20_000)])
def test_hundreds_of_kills(tmp_path: Path, mode: str, kills: int, seed: int) -> None:
    with lives(tmp_path / "data", "--journal", mode, *SMALL) as server:
        witness = live_and_die(server, kills, seed, longest=1.2)
        assert witness.acknowledged > 100 * kills
        # Segments, snapshots and loaded models have been removed all the time. How many are there at the end depends
        # on how much was learned since the last snapshots, and on whether the kill came before the last removal.
        firsts = [int(path.name[:20]) for path in server.folder.rglob("*.journal")]
        assert min(firsts) > max(firsts) / 2
        assert len(list(server.snapshots.glob("*Z.jubatus"))) in (2, 3)
