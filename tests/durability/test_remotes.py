"""What backups ask of a place, held against each kind of place: the simulated disk, a real folder, an object store."""

import contextlib
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from object_store import BUCKET, s3_server
from server_process import free_port
from simulated_disk import SimulatedDisk

from duma.errors import BackupError
from duma.store.backup.folder_remote import FolderRemote
from duma.store.backup.lease import Lease, LeaseLost, PlaceTaken
from duma.store.backup.remote import AlreadyThere, Changed, Missing, Remote, open_remote


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with s3_server() as url:
        yield url


@pytest.fixture(params=["simulated", "folder", pytest.param("s3", marks=pytest.mark.slow)])
def remote(request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Remote:
    if request.param == "simulated":
        return FolderRemote(SimulatedDisk(), Path("/backup/place"))
    if request.param == "folder":
        return open_remote(str(tmp_path / "backup" / "place"))
    use_s3(monkeypatch, request.getfixturevalue("s3"))
    return open_remote(f"s3://{BUCKET}/{tmp_path.name}")


def use_s3(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name, value in environment(url).items():
        monkeypatch.setenv(name, value)


def environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def test_objects_are_written_read_listed_and_removed(remote: Remote) -> None:
    assert list(remote.entries("pieces/")) == []
    for name, data in (("pieces/a", b"one"), ("pieces/b", b""), ("backups/a.json", bytes(range(256)) * 5000)):
        remote.put(name, data)
        assert remote.get(name)[0] == data
    remote.put("pieces/a", b"two, and longer")
    listed = {entry.name: entry for entry in remote.entries("pieces/")}
    assert {name: entry.size for name, entry in listed.items()} == {"pieces/a": 15, "pieces/b": 0}
    remote.remove(["pieces/a", "pieces/not there", "backups/a.json"])
    assert [entry.name for entry in remote.entries("pieces/")] == ["pieces/b"]
    with pytest.raises(Missing, match="has no pieces/a"):
        remote.get("pieces/a")
    remote.remove(["pieces/a"])


def test_the_time_of_an_object_is_when_it_was_written(remote: Remote) -> None:
    if isinstance(remote, FolderRemote) and isinstance(remote._files, SimulatedDisk):
        remote._files.now = time.time()
    before = time.time()
    remote.put("pieces/a", b"one")
    (entry,) = remote.entries("pieces/")
    assert before - 2 <= entry.modified <= time.time() + 2


def test_a_new_object_is_written_once(remote: Remote) -> None:
    remote.put_new("writer.json", b"one")
    with pytest.raises(AlreadyThere, match=r"has writer.json already"):
        remote.put_new("writer.json", b"two")
    assert remote.get("writer.json")[0] == b"one"


def test_an_object_is_replaced_if_it_is_still_the_same(remote: Remote) -> None:
    first = remote.put_new("writer.json", b"one")
    assert remote.get("writer.json")[1] == first
    second = remote.replace("writer.json", b"two", first)
    with pytest.raises(Changed, match=r"writer.json in .* was changed by somebody else"):
        remote.replace("writer.json", b"three", first)
    assert remote.get("writer.json") == (b"two", second)
    remote.remove(["writer.json"])
    with pytest.raises(Changed):
        remote.replace("writer.json", b"four", second)


def test_of_many_who_claim_at_once_one_wins(remote: Remote) -> None:
    if isinstance(remote, FolderRemote) and isinstance(remote._files, SimulatedDisk):
        pytest.skip("the simulated disk has one thread")
    won, refused, start = [], [], threading.Barrier(6)

    def claim(number: int) -> None:
        start.wait()
        try:
            won.append(Lease.claim(remote, journal=1, owner=f"owner {number}"))
        except PlaceTaken as error:
            refused.append(str(error))

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(refused)) == (1, 5)
    won[0].renew()
    won[0].release()
    Lease.claim(remote, journal=1, owner="next")
    with pytest.raises(LeaseLost):
        won[0].renew()


def test_what_a_folder_cannot_do_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    remote = open_remote(str(tmp_path / "file" / "place"))
    with pytest.raises(
        BackupError, match=r"file/place: pieces/a cannot be written: .*Not a directory|File exists"
    ):
        remote.put("pieces/a", b"")
    with pytest.raises(Missing):
        remote.get("pieces/a")


@pytest.mark.parametrize("place", ["", "ftp://host/x", "file://", "a\0b", "s4://bucket"])
def test_what_is_no_place_is_told(place: str) -> None:
    with pytest.raises(BackupError, match="is no place for backups"):
        open_remote(place)


def test_a_place_that_is_not_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("obstore", reason="needs pip install '.[remote]'")
    use_s3(monkeypatch, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("duma.store.backup.object_remote._RETRIES", {"max_retries": 0})
    with pytest.raises(BackupError, match=r"s3://backups/x: pieces/a cannot be read: .*127\.0\.0\.1"):
        open_remote("s3://backups/x").get("pieces/a")


def test_leftovers_of_crashed_writers_are_not_listed_and_go(tmp_path: Path) -> None:
    place = tmp_path / "place"
    open_remote(str(place)).put("pieces/a", b"one")
    (place / "pieces" / ".duma-00000000.tmp").write_bytes(b"half")
    assert [entry.name for entry in open_remote(str(place)).entries("pieces/")] == ["pieces/a"]
    open_remote(str(place)).put("pieces/b", b"two")
    assert sorted(path.name for path in (place / "pieces").iterdir()) == ["a", "b"]
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(place)
    open_remote(str(place)).put("pieces/c", b"three")
