"""A server that backs itself up while it runs: what it sends, what it removes, and what it says when it cannot."""

import json
import shutil
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from lives import Lives, labeled, lives
from server_process import Client, until

from duma.server.backup_verification import verify
from duma.store.backup.folder_remote import FolderRemote
from duma.store.backup.lease import Lease
from duma.store.backup.place import Place, needed_pieces
from duma.store.backup.restoration import restore
from duma.store.files import DiskFiles

QUESTION = [[[["text", "good word1 word2"]], [], []]]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(FolderRemote(DiskFiles(), tmp_path / "backup"))


def backing_up(tmp_path: Path, *words: str, verify_interval: int = 0) -> AbstractContextManager[Lives]:
    own = ["--backup-to", str(tmp_path / "backup"), "--backup-interval", "1"]
    own += ["--backup-verify-interval", str(verify_interval)]
    return lives(tmp_path / "data", *own, *words)


def teach(client: Client, count: int = 20, label: str = "good") -> None:
    for i in range(count):
        client.call("train", labeled(label, f"word{i}"))


def backed_up(server: Lives, client: Client) -> None:
    """Wait until all that was answered is in a backup."""
    position = int(server.status(client)["journal_position"])
    until(lambda: int(server.status(client)["last_backup_position"]) >= position)


def test_a_lost_machine_loses_no_more_than_the_interval(tmp_path: Path, place: Place) -> None:
    with backing_up(tmp_path) as server:
        client = server.start()
        teach(client)
        backed_up(server, client)
        answer = client.call("classify", QUESTION)
        server.kill()
        shutil.rmtree(server.datadir)
        verify(place, place.find("latest"))
        server.datadir.mkdir()
        restore(DiskFiles(), place, place.find("latest"), server.folder)
        client = server.start()
        assert client.call("classify", QUESTION) == answer
        teach(client, 3)
        backed_up(server, client)
        status = server.status(client)
        assert status["backup_to"] == str(tmp_path / "backup")
        assert status["backup_failure"] == ""


def test_of_one_snapshot_the_last_backup_is_kept(tmp_path: Path, place: Place) -> None:
    with backing_up(tmp_path, "--keep-last", "2") as server:
        client = server.start()
        for _ in range(3):
            teach(client, 3)
            backed_up(server, client)
        (only,) = place.listing().backups
        assert only.sequence == int(server.status(client)["journal_position"])
        client.call("save", "now")  # a snapshot is taken
        until(lambda: place.find("latest").snapshot != only.snapshot)
        teach(client, 1)
        backed_up(server, client)
        kept = place.listing().backups
        assert [manifest.snapshot == only.snapshot for manifest in kept] == [True, False]
        assert needed_pieces(kept) <= set(place.pieces())


def test_the_end_is_sent_and_the_place_is_given_back(tmp_path: Path, place: Place) -> None:
    with backing_up(tmp_path, "--backup-interval", "3600") as server:
        client = server.start()
        until(lambda: place.listing().backups)
        teach(client)
        server.stop()
        newest = place.find("latest")
        assert newest.sequence > 20
        writer = json.loads((tmp_path / "backup" / "writer.json").read_bytes())
        assert writer["until"] is None
        client = server.start()
        assert int(server.status(client)["journal_position"]) >= newest.sequence
        until(lambda: place.find("latest").id != newest.id or int(server.status(client)["last_backup"]) > 0)


def test_the_newest_backup_is_verified(tmp_path: Path, place: Place) -> None:
    with backing_up(tmp_path, verify_interval=3600) as server:
        client = server.start()
        teach(client)
        until(lambda: int(server.status(client)["last_verified_backup"]) > 0)
        (verified,) = place.verifications().values()
        assert place.manifest(verified.id).sequence > 0
        server.kill()
        client = server.start()  # it need not be done again
        until(lambda: int(server.status(client)["last_backup"]) > 0)
        assert int(server.status(client)["last_verified_backup"]) > 0
        assert len(place.verifications()) == 1


def test_a_killed_server_goes_on_at_once(tmp_path: Path) -> None:
    with backing_up(tmp_path) as server:
        client = server.start()
        teach(client)
        backed_up(server, client)
        server.kill()
        client = server.start()
        teach(client, 2)
        backed_up(server, client)
        assert server.status(client)["backup_failure"] == ""
        assert "no backup was made" not in server.server.output


def test_failures_are_shown_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "backup").write_bytes(b"in the way")
    with backing_up(tmp_path) as server:
        client = server.start()
        until(lambda: server.status(client)["backup_failure"])
        assert "cannot be" in server.status(client)["backup_failure"]
        assert client.call("train", labeled("good", "goes on")) == 1
        (tmp_path / "backup").unlink()
        backed_up(server, client)
        assert server.status(client)["backup_failure"] == ""
        assert server.server.output.count("no backup was made") == 1
        assert "go on" in server.server.output


def test_another_writer_is_waited_for_and_one_that_takes_over_ends_it(tmp_path: Path, place: Place) -> None:
    other = Lease.claim(place.remote, journal=None, owner="somebody", duration=1.5)
    with backing_up(tmp_path) as server:
        client = server.start()
        until(lambda: "is being written by somebody" in server.status(client)["backup_failure"])
        teach(client, 2)
        backed_up(server, client)  # its time is over
        other = Lease.claim(place.remote, journal=None, owner="somebody", take_over=True)
        teach(client, 2)
        until(lambda: "was taken over by somebody" in server.status(client)["backup_failure"])
        before = len(place.listing().backups)
        teach(client, 2)
        server.stop()
        assert len(place.listing().backups) == before
        other.release()


def test_what_cannot_be_is_refused_at_the_start(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "off", "--backup-to", "x") as server:
        process = server.spawn()
        assert process.wait() == 1
        assert process.errors.startswith("--backup_to needs a journal")
    with lives(tmp_path / "data", "--backup-to", "ftp://host/x") as server:
        assert "server failed to start: ftp://host/x is no place for backups" in server.refused()
