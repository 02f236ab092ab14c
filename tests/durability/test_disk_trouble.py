"""Disks that are full, read only, emptied or damaged, under real servers."""

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lives import Lives, labeled, lives
from server_process import CallError, Client, run, until
from small_disk import SmallDisk, small_disk

QUERY = [[[["text", "word"]], [], []]]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", "4m") as made:
        yield made


def teach(client: Client, count: int, first: int = 0, size: int = 20) -> None:
    """As many updates, each with a label of its own."""
    for number in range(first, first + count):
        words = " ".join(f"w{number}-{i}" for i in range(size))
        assert client.call("train", labeled(f"label{number}", words)) == 1


def labels(client: Client) -> set[str]:
    return set(client.call("get_labels"))


def refusal(client: Client, method: str, *arguments: Any) -> str:
    with pytest.raises(CallError) as caught:
        client.call(method, *arguments)
    return str(caught.value)


def no_leftovers(folder: Path) -> bool:
    return not list(folder.rglob(".duma-*"))


# --- full --------------------------------------------------------------------------------------------------


def test_a_save_on_a_full_disk_leaves_model_older_file_and_journal(disk: SmallDisk, tmp_path: Path) -> None:
    words = ("--journal", "always", "--keep-last", "1")
    with lives(disk.path, *words, logs=tmp_path / "logs") as server:
        client = server.start()
        teach(client, 40, size=200)
        client.call("save", "m")
        saved = server.model("m").read_bytes()
        teach(client, 10, first=40)
        server.stop()  # with its snapshot, so that no other is taken below
        client = server.start()
        disk.fill(left=len(saved) // 2)
        text = refusal(client, "save", "m")
        assert text.startswith(f"cannot write output file: {server.model('m')}: No space left on device")
        assert server.model("m").read_bytes() == saved
        assert no_leftovers(disk.path)
        teach(client, 5, first=50)  # what is left is still there for the journal
        disk.empty()
        client.call("save", "m")
        assert len(labels(client)) == 55
        client.call("clear")
        client.call("load", "m")
        assert len(labels(client)) == 55


def fill_disk(server: Lives, disk: SmallDisk | None) -> None:
    """Let the next writes to the journal fail."""
    if disk is not None:
        disk.fill()
    else:
        segment = max(server.journal.glob("*.journal"))
        limits = (segment.stat().st_size + 3000, resource.RLIM_INFINITY)
        resource.prlimit(server.server.process.pid, resource.RLIMIT_FSIZE, limits)


def fails_at_last(client: Client) -> tuple[set[str], str]:
    """Updates until one is refused; the labels that were acknowledged, and why."""
    acknowledged = set()
    for number in range(10_000):
        try:
            teach(client, 1, first=number)
        except CallError as error:
            return acknowledged, str(error)
        acknowledged.add(f"label{number}")
    raise AssertionError("every update was written")


@pytest.mark.parametrize("mode", ["always", "interval"])
@pytest.mark.parametrize("how", ["full", "limited"])
def test_a_journal_that_cannot_be_written_stops_updates_only(tmp_path: Path, how: str, mode: str) -> None:
    if how == "full":
        with small_disk(tmp_path / "disk", "4m") as disk:
            stops_updates_only(disk.path, tmp_path, mode, disk)
    else:
        stops_updates_only(tmp_path / "data", tmp_path, mode, None)


def stops_updates_only(datadir: Path, folder: Path, mode: str, disk: SmallDisk | None) -> None:
    with lives(datadir, "--journal", mode, logs=folder / "logs") as server:
        client = server.start()
        teach(client, 3)
        client.call("save", "m")
        fill_disk(server, disk)
        acknowledged, text = fails_at_last(client)
        assert text.startswith(f"journal cannot be written: {server.journal}")
        assert text.endswith("; updates are refused until the server is started again")
        for method, *arguments in (
            ["train", labeled("late", "x")],
            ["clear"],
            ["load", "m"],
            ["set_label", "late"],
        ):
            assert refusal(server.client(), method, *arguments) == text
        assert refusal(client, "clear") == text
        assert len(client.call("classify", QUERY)) == 1
        assert acknowledged <= labels(client)
        assert server.status(client)["journal_failure"] == text
        assert server.server.output.count(" FATAL [update_journal.py:") == 1
        server.stop()
        assert "Traceback" not in server.server.output
        if disk is not None:
            disk.empty()
        client = server.start()
        # What was refused may be there or not; nothing behind it is.
        there = labels(client)
        assert acknowledged <= there <= acknowledged | {f"label{len(acknowledged)}"}
        teach(client, 1, first=20_000)


def test_a_disk_too_full_to_begin_with(disk: SmallDisk, tmp_path: Path) -> None:
    with lives(disk.path, "--journal", "always", logs=tmp_path / "logs") as server:
        disk.fill()
        line = server.refused()
        assert "server failed to start: " in line
        assert "No space left on device" in line
        disk.empty()
        teach(server.start(), 1)


def test_a_snapshot_that_fails_is_reported_and_taken_later(disk: SmallDisk, tmp_path: Path) -> None:
    with lives(disk.path, "--journal", "always", logs=tmp_path / "logs") as server:
        client = server.start()
        teach(client, 30, size=400)
        client.call("save", "m")
        until(lambda: server.status(client)["last_snapshot_position"] != "0")
        teach(client, 1, first=30)
        position = server.status(client)["last_snapshot_position"]
        disk.fill(left=20_000)
        server.stop()
        assert "no snapshot could be taken: cannot write output file" in server.server.output
        assert "Traceback" not in server.server.output
        disk.empty()
        client = server.start()
        assert server.status(client)["last_snapshot_position"] == position
        assert len(labels(client)) == 31
        assert server.status(client)["recovery_report"] == ""
        server.stop()
        client = server.start()
        assert int(server.status(client)["last_snapshot_position"]) > int(position)


# --- read only, gone ---------------------------------------------------------------------------------------


def test_a_disk_that_is_read_only(disk: SmallDisk, tmp_path: Path) -> None:
    with lives(disk.path, "--journal", "always", logs=tmp_path / "logs") as server:
        teach(server.start(), 2)
        server.kill()
        disk.read_only(True)
        started = server.spawn()
        assert started.wait() == 1
        assert "can't use datadir: Permission denied" in started.errors + started.output
        disk.read_only(False)
        assert labels(server.start()) == {"label0", "label1"}


@pytest.mark.parametrize("mode", ["always", "interval"])
def test_a_journal_that_is_removed_underneath(tmp_path: Path, mode: str) -> None:
    words = ("--journal", mode, "--journal-interval", "10")
    with lives(tmp_path / "data", *words) as server:
        client = server.start()
        teach(client, 3)
        server.stop()
        client = server.start()
        shutil.rmtree(server.journal)
        acknowledged, text = fails_at_last(client)
        assert acknowledged == set() or mode == "interval"
        assert "the file has been removed" in text
        assert len(client.call("classify", QUERY)) == 1
        server.stop()
        client = server.start()
        assert labels(client) == {"label0", "label1", "label2"}
        assert "has no journal behind it" in server.status(client)["recovery_report"]


def test_snapshots_that_are_removed_underneath_come_again(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        client = server.start()
        teach(client, 3)
        shutil.rmtree(server.snapshots)
        teach(client, 1, first=3)
        client.call("save", "m")
        until(lambda: server.snapshots.is_dir() and list(server.snapshots.glob("*Z.jubatus")))
        client.call("load", "m")
        server.kill()
        assert len(labels(server.start())) == 4


def test_a_load_whose_copy_cannot_be_kept_leaves_the_model(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        client = server.start()
        client.call("save", "m")
        teach(client, 3)
        server.stop()
        client = server.start()
        shutil.rmtree(server.snapshots)
        text = refusal(client, "load", "m")
        assert text.startswith(f"the file cannot be kept with the journal: {server.snapshots}")
        assert len(labels(client)) == 3


def test_two_servers_cannot_use_one_folder(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        client = server.start()
        teach(client, 3)
        first = server.server
        line = server.refused()
        server.server = first
        assert f"data folder {server.folder} is in use by another server" in line
        teach(client, 3, first=3)
        server.kill()
        assert len(labels(server.start())) == 6


# --- damaged -----------------------------------------------------------------------------------------------


def test_a_damaged_newest_snapshot_falls_back(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        for life in range(3):
            teach(server.start(), 2, first=2 * life)
            server.stop()
        newest = max(server.snapshots.glob("*Z.jubatus"))
        data = bytearray(newest.read_bytes())
        data[len(data) // 2] ^= 1
        newest.write_bytes(data)
        client = server.start()
        assert len(labels(client)) == 6
        report = server.status(client)["recovery_report"]
        assert report.startswith("snapshot was passed over: invalid crc32 checksum: ")
        assert str(newest) in report
        assert f"recovery: {report}" in server.server.output


def test_damage_in_the_middle_stops_the_start_and_names_the_way_on(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        client = server.start()
        teach(client, 20)
        server.kill()
        (segment,) = server.journal.glob("*.journal")
        whole = segment.read_bytes()
        damaged = bytearray(whole)
        damaged[len(damaged) // 2] ^= 1
        segment.write_bytes(damaged)
        line = server.refused()
        assert f"server failed to start: {segment} is damaged at offset" in line
        assert "lost; `duma recover" in line
        command = line.split("`")[1].split()
        assert command[:2] == ["duma", "recover"]
        model = tmp_path / "model.jubatus"
        recovered = run(server.logs, *command[1:], "-o", str(model), command="duma")
        assert recovered.wait() == 0, recovered.output + recovered.errors
        with lives(tmp_path / "new", config=None) as another:
            there = labels(another.start("--model-file", str(model)))
        assert there < {f"label{number}" for number in range(20)}
        assert len(there) == 19
        assert segment.read_bytes() == damaged
        segment.write_bytes(whole)
        assert len(labels(server.start())) == 20


def test_a_torn_tail_is_cut_kept_and_reported(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        teach(server.start(), 5)
        server.kill()
        (segment,) = server.journal.glob("*.journal")
        with segment.open("ab") as file:
            file.write(segment.read_bytes()[-100:-3])
        client = server.start()
        assert len(labels(client)) == 5
        report = server.status(client)["recovery_report"]
        assert f"{segment} ends with 97 bytes that were not written to the end" in report
        kept = segment.with_name(f"{segment.name}.torn-1")
        assert str(kept) in report
        assert kept.stat().st_size == 97
        teach(client, 1, first=5)
        server.kill()
        client = server.start()
        assert len(labels(client)) == 6
        assert server.status(client)["recovery_report"] == ""
