"""Backups in an object store, by real servers and commands, as far as a loss of everything else."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from lives import labeled, lives
from object_store import BUCKET, s3_server
from server_process import COMMANDS, until
from test_remotes import environment

from duma.store.backup.remote import open_remote

pytestmark = pytest.mark.slow

QUESTION = [[[["text", "good word1 word2"]], [], []]]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with s3_server() as url:
        for name, value in environment(url).items():
            monkeypatch.setenv(name, value)
        yield f"s3://{BUCKET}/{tmp_path.name}"


def run(*words: object, status: int = 0) -> str:
    command = [str(COMMANDS / "duma"), "backup", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=dict(os.environ))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_server_comes_back_on_an_empty_machine(tmp_path: Path, place: str) -> None:
    with lives(tmp_path / "data", "--backup-to", place, "--backup-interval", "1", config=None) as server:
        client = server.start()
        for i in range(30):
            client.call("train", labeled(("good", "bad")[i % 2], f"word{i}"))
        position = int(server.status(client)["journal_position"])
        until(lambda: int(server.status(client)["last_backup_position"]) == position)
        until(lambda: int(server.status(client)["last_verified_backup"]) > 0)
        answer = client.call("classify", QUESTION)
        server.kill()
        shutil.rmtree(server.datadir)

        assert re.search(r"^verified     it ", run("verify", place), re.MULTILINE)
        server.datadir.mkdir()
        run("restore", place, "--into", server.folder)
        client = server.start()
        assert client.call("classify", QUESTION) == answer
        assert server.status(client)["recovery_report"] == ""
        assert int(server.status(client)["journal_position"]) == position
        client.call("train", labeled("good", "and on"))
        position = int(server.status(client)["journal_position"])
        server.stop()
    assert f"as of record {position}, " in run("verify", place)


def test_commands_over_an_object_store(tmp_path: Path, place: str) -> None:
    with lives(tmp_path / "data") as server:
        client = server.start()
        for i in range(10):
            client.call("train", labeled("good", f"word{i}"))
        text = run("create", server.folder, place)
        assert "it has the state of the data folder it was made of" in text
        client.call("train", labeled("bad", "another"))
        text = run("create", server.folder, place, "--no-verify")
        assert " in 1 pieces" in text
    assert len(run("list", place).splitlines()) == 4
    run("copy", place, tmp_path / "copy")
    assert run("verify", tmp_path / "copy", "--all").count("verified") == 2
    run("copy", tmp_path / "copy", f"{place}/again", "latest")
    assert "pieces       " in run("prune", f"{place}/again", "--keep-last", 1, "--grace", 0)
    text = run("prune", place, "--keep-last", 1, "--grace", 0)
    assert text.count("kept ") == 2, "the newest and the newest verified"
    run("restore", f"{place}/again", "-o", tmp_path / "model.jubatus")


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_killed_upload_is_gone_on_with(tmp_path: Path, place: str, pieces: int) -> None:
    with lives(tmp_path / "data") as server:
        client = server.start()
        client.call("train", labeled("good", "word"))
        server.stop()
        large = server.snapshots / f"loaded-{1:020}.jubatus"
        large.write_bytes(os.urandom(48 << 20))
        for snapshot in sorted(server.snapshots.glob("0*"))[1:]:
            snapshot.unlink()  # so that the record is behind the snapshot
        command = [str(COMMANDS / "duma"), "backup", "create", str(server.folder), place, "--no-verify"]
        process = subprocess.Popen(command)
        until(lambda: stored_pieces(place) >= pieces or process.poll() is not None)
        process.kill()
        process.wait()
        there = stored_pieces(place)
        assert "no backups" in run("list", place)
        text = run("create", server.folder, place, "--no-verify", "--take-over")
    sent = re.search(r"in (\d+) pieces", text)
    assert sent is not None
    assert pieces <= there
    assert 0 < int(sent[1]) <= stored_pieces(place) - there  # one more may have come when it was dead
    run("restore", place, "--into", tmp_path / "restored")
    assert (tmp_path / "restored" / "snapshots" / large.name).read_bytes() == large.read_bytes()


def stored_pieces(place: str) -> int:
    return len(list(open_remote(place).entries("pieces/")))
