"""Recovery, snapshots and retention of a server that lives on, without crashes (those are in
test_crashes.py).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_disk import SimulatedDisk
from toy_server import DATA, SECOND, START, ToyServer

from duma.errors import JournalError, ModelFileError
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder, data_folder_path
from duma.store.journal import Committer, JournalDamaged
from duma.store.model_file import read_model
from duma.store.recovery import Until, go_back
from duma.store.retention import Retention, Rule
from duma.store.snapshots import StoredSnapshot, list_snapshots, verify_snapshot


@pytest.fixture
def disk() -> SimulatedDisk:
    return SimulatedDisk()


def grown(disk, numbers: range, *, snapshots: tuple[int, ...] = (), **options) -> ToyServer:
    """A server that was told numbers, took a snapshot after some of them, and was closed."""
    server = ToyServer(disk, **options)
    for number in numbers:
        server.add(number)
        server.writer.commit()
        if number in snapshots:
            server.snapshot()
    server.close()
    return server


def damage(disk: SimulatedDisk, path: Path, offset: int) -> None:
    data = bytearray(disk.content(path))
    data[offset] ^= 0x55
    disk.put(path, bytes(data))


def test_the_newest_snapshot_and_what_follows(disk):
    grown(disk, range(1, 11), snapshots=(4, 8))
    server = ToyServer(disk)
    assert server.numbers == list(range(1, 11))
    assert (server.recovered.snapshot.sequence, server.recovered.replayed) == (8, 2)
    assert server.recovered.report() == []


def test_a_snapshot_is_a_model_file_that_tells_its_position(disk):
    server = grown(disk, range(1, 6), snapshots=(5,))
    (stored,) = list_snapshots(disk, server.folder.snapshots)
    assert stored.path.name == "00000000000000000005-20231114T221325Z.jubatus"
    assert (stored.sequence, stored.time) == (5, START + 5)
    with read_model(disk, stored.path) as model:
        model.check("toy", "{}")
        sequence, checksum = server.writer.position
        assert model.model_id == f"snapshot {sequence} {server.writer.identity:08x} {checksum:08x}"
        assert model.timestamp == START + 5
    renamed = StoredSnapshot(stored.path.with_name("00000000000000000004-20231114T221325Z.jubatus"), 4, 0)
    disk.put(renamed.path, disk.content(stored.path))
    with pytest.raises(ModelFileError, match="not the snapshot that its name says"):
        verify_snapshot(disk, renamed)


def test_a_damaged_snapshot_is_passed_over(disk):
    grown(disk, range(1, 11), snapshots=(4, 8))
    stored = list_snapshots(disk, DATA / "snapshots")
    damage(disk, stored[1].path, 80)
    server = ToyServer(disk)
    assert server.numbers == list(range(1, 11))
    assert (server.recovered.snapshot.sequence, server.recovered.replayed) == (4, 6)
    (line,) = server.recovered.report()
    assert line.startswith("snapshot was passed over: invalid crc32 checksum")
    assert stored[1].path.name in line
    server.close()
    damage(disk, stored[0].path, 80)
    server = ToyServer(disk)
    assert (server.numbers, server.recovered.replayed) == (list(range(1, 11)), 10)
    assert len(server.recovered.report()) == 2


def test_without_whole_snapshot_and_without_beginning_nothing_starts(disk):
    server = grown(disk, range(1, 31), snapshots=(20,), segment_size=200)
    ToyServer(disk).retain()
    assert disk.listing(server.folder.journal)[0] > "00000000000000000010"
    disk = disk.killed()
    damage(disk, list_snapshots(disk, server.folder.snapshots)[0].path, 100)
    with pytest.raises(JournalDamaged, match=r"records 1 to \d+ are lost") as caught:
        ToyServer(disk)
    assert "snapshots that are damaged as well: invalid crc32" in caught.value.__notes__[0]


def test_an_unfit_model_stops_recovery(disk, monkeypatch):
    """A sound snapshot that the engine refuses is not damage, and an older one would be refused as well."""
    grown(disk, range(1, 11), snapshots=(4, 8))

    def refuse(_, model):
        model.check("toy", '{"other": 1}')

    monkeypatch.setattr(ToyServer, "load", refuse)
    with pytest.raises(ModelFileError, match=r"^server config mismatched"):
        ToyServer(disk)
    monkeypatch.undo()
    assert ToyServer(disk).numbers == list(range(1, 11))  # and the folder is not locked any more


def test_skipping_damage_is_explicit_and_reported(disk):
    server = grown(disk, range(1, 11))
    first = server.folder.journal / disk.listing(server.folder.journal)[0]
    damage(disk, first, 40 + 32 + 1)
    with pytest.raises(JournalDamaged, match="records 1 to 1 are lost"):
        ToyServer(disk)

    class Lenient(ToyServer):
        def apply(self, record):
            self.numbers.append(record.sequence)

    server = Lenient(disk, skip_damaged=True)
    assert server.numbers == list(range(2, 11))
    assert ["records 1 to 1 are lost" in line for line in server.recovered.report()] == [True]
    server.snapshot()
    server.close()
    assert ToyServer(disk).numbers == list(range(2, 11))  # behind a snapshot the damage does not matter


def test_numbers_of_skipped_records_at_the_end_are_not_used_again(disk):
    server = grown(disk, range(1, 4), segment_size=10_000)
    (name,) = disk.listing(server.folder.journal)
    data = disk.content(server.folder.journal / name)
    damage(disk, server.folder.journal / name, data.rindex(b"add") + 1)
    server = ToyServer(disk, segment_size=10_000, skip_damaged=True)
    assert (server.numbers, server.recovered.position.sequence) == ([1, 2], 3)
    assert server.writer.position[0] == 3


def test_a_lost_journal_leaves_the_snapshot(disk):
    server = grown(disk, range(1, 11), snapshots=(8,))
    kept = {name: disk.content(server.folder.journal / name) for name in disk.listing(server.folder.journal)}
    for name in kept:
        disk.remove(server.folder.journal / name)
    server = ToyServer(disk)
    assert server.numbers == list(range(1, 9))
    server.add(100)
    server.close()
    assert ToyServer(disk.killed()).numbers == [*range(1, 9), 100]


def test_a_journal_that_ends_before_the_snapshot(disk):
    server = grown(disk, range(1, 11), snapshots=(10,), segment_size=10_000)
    (name,) = disk.listing(server.folder.journal)
    data = disk.content(server.folder.journal / name)
    disk.put(server.folder.journal / name, data[: len(data) // 2])
    server = ToyServer(disk)
    assert server.numbers == list(range(1, 11))
    assert any(
        "before the snapshot, which has record 10; nothing is lost" in line
        for line in server.recovered.report()
    )
    server.add(11)
    server.close()
    assert ToyServer(disk).numbers == list(range(1, 12))


def test_snapshot_and_journal_of_different_servers(disk):
    grown(disk, range(1, 11), snapshots=(8,))
    other = SimulatedDisk()
    grown(other, range(1, 11), snapshots=(8,))
    for stored in list_snapshots(other, DATA / "snapshots"):
        disk.put(stored.path, other.content(stored.path))
    with pytest.raises(JournalError, match=r"it is of journal"):
        ToyServer(disk)


@pytest.mark.parametrize("sequence", [1, 3, 4, 7, 8, 10])
def test_back_to_a_position(disk, sequence):
    grown(disk, range(1, 11), snapshots=(4, 8))
    before = disk.listing(DATA / "journal")
    server = ToyServer(disk, until=Until(sequence=sequence))
    assert server.numbers == list(range(1, sequence + 1))
    assert disk.listing(DATA / "journal") == before  # nothing has been changed yet
    kept = go_back(disk, server.folder, server.recovered)
    assert all("undone-1" in path.name for path in kept)
    server.folder.close()
    server = ToyServer(disk)
    assert server.numbers == list(range(1, sequence + 1))
    assert server.recovered.report() == []
    server.add(77)
    server.close()
    assert ToyServer(disk).numbers == [*range(1, sequence + 1), 77]


def test_back_to_a_time(disk):
    grown(disk, range(1, 11), snapshots=(4, 8))
    for seconds in range(1, 10):
        until = Until(time=(START + seconds) * SECOND + 1)
        server = ToyServer(disk, until=until)
        assert server.numbers == list(range(1, seconds + 2))
        server.folder.close()


def test_back_to_a_position_that_is_not_there(disk):
    grown(disk, range(1, 4))
    with pytest.raises(JournalError, match="ends with record 3, recovery until record 9 is not possible"):
        ToyServer(disk, until=Until(sequence=9))


def test_two_servers_do_not_share_a_folder(tmp_path):
    path = data_folder_path(tmp_path, "127.0.0.1", 9199, "classifier")
    assert path == tmp_path / "127.0.0.1_9199_classifier"
    with DataFolder.open(DiskFiles(), path):
        with pytest.raises(JournalError, match="in use by another server"):
            DataFolder.open(DiskFiles(), path)
        assert sorted(entry.name for entry in path.iterdir()) == ["journal", "lock", "snapshots"]
    DataFolder.open(DiskFiles(), path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match=r"data folder cannot be used: .*file"):
        DataFolder.open(DiskFiles(), tmp_path / "file" / "data")


def stored(hours: list[int]) -> list[StoredSnapshot]:
    start = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())
    return [
        StoredSnapshot(Path(str(number)), number, start + hour * 3600) for number, hour in enumerate(hours)
    ]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (Rule(last=1), [9]),
        (Rule(last=3), [7, 8, 9]),
        (Rule(last=99), list(range(10))),
        (Rule(last=1, hours=3), [5, 8, 9]),  # the newest of each of the last three hours that have any
        (Rule(last=1, days=2), [3, 9]),
        (Rule(last=2, hours=1, days=9), [1, 3, 8, 9]),
    ],
)
def test_rule(rule, kept):
    snapshots = stored([0, 0, 24, 47, 48, 50, 51, 51, 51, 52])
    assert sorted(snapshot.sequence for snapshot in rule.kept(snapshots)) == kept


@given(st.lists(st.integers(0, 400), max_size=40), st.integers(1, 5), st.integers(0, 5), st.integers(0, 5))
def test_rule_keeps_the_newest_and_no_more_than_it_says(hours, last, hourly, daily):
    snapshots = stored(sorted(hours))
    kept = Rule(last, hourly, daily).kept(snapshots)
    assert set(snapshots[-last:]) <= kept <= set(snapshots)
    assert len(kept) <= last + hourly + daily


def test_rule_without_any_is_refused():
    with pytest.raises(ValueError, match="at least the last snapshot"):
        Rule(last=0)


def test_retention_keeps_what_the_kept_snapshots_need(disk):
    server = grown(disk, range(1, 31), snapshots=(5, 10, 20, 25), segment_size=200)
    server = ToyServer(disk, segment_size=200)
    retained = server.retain()
    assert [snapshot.sequence for snapshot in retained.kept] == [20, 25]
    assert [path.name[:20].lstrip("0") for path in retained.removed[:2]] == ["5", "10"]
    firsts = [int(name[:20]) for name in disk.listing(server.folder.journal)]
    assert firsts[0] <= 21 < firsts[1] + 1
    assert server.retain().removed == []
    server.close()
    damage(disk, retained.kept[1].path, 80)
    assert ToyServer(disk).numbers == list(range(1, 31))


def test_retention_does_not_count_damaged_snapshots(disk):
    grown(disk, range(1, 31), snapshots=(5, 10, 20, 25), segment_size=200)
    paths = [snapshot.path for snapshot in list_snapshots(disk, DATA / "snapshots")]
    server = ToyServer(disk)
    damage(disk, paths[3], 80)
    retained = server.retain()
    assert [snapshot.sequence for snapshot in retained.kept] == [10, 20]
    assert [(snapshot.path, why[:21]) for snapshot, why in retained.damaged] == [
        (paths[3], "invalid crc32 checksu")
    ]
    assert retained.removed[0] == paths[0]
    for path in paths[1:3]:
        damage(disk, path, 80)
    journal = disk.listing(DATA / "journal")
    later = Retention(disk, server.folder.journal, server.folder.snapshots, Rule(last=1))
    assert later.apply().removed == []  # no whole snapshot: the journal is all there is
    assert disk.listing(DATA / "journal") == journal


def acknowledging(
    server: ToyServer, interval: float | None
) -> tuple[Committer, list[int], list[JournalError]]:
    acknowledged: list[int] = []
    failures: list[JournalError] = []
    committer = Committer(
        server.writer, interval=interval, committed=acknowledged.append, failed=failures.append
    )
    return committer, acknowledged, failures


def test_always_tells_what_is_durable(tmp_path):
    server = ToyServer(DiskFiles(), tmp_path / "data", segment_size=100_000)
    reached = threading.Event()
    told: list[tuple[int, int]] = []

    def committed(sequence: int) -> None:
        told.append((sequence, server.writer.durable))
        if sequence == 3000:
            reached.set()

    committer = Committer(server.writer, interval=None, committed=committed, failed=pytest.fail)
    for number in range(1, 3001):
        server.add(number)
        if number % 30 == 0:
            assert committer.flush() <= number
    assert reached.wait(30)
    assert told == sorted(told)
    assert all(sequence == durable for sequence, durable in told)
    server.add(3001)
    committer.close()
    server.folder.close()
    assert ToyServer(DiskFiles(), tmp_path / "data").numbers == list(range(1, 3002))


def test_interval_tells_what_is_written_at_once(tmp_path):
    server = ToyServer(DiskFiles(), tmp_path / "data", segment_size=100_000)
    committer, acknowledged, failures = acknowledging(server, 0.001)
    for number in range(1, 101):
        server.add(number)
        assert committer.flush() == number
    while server.writer.durable < 100:
        time.sleep(0.001)
    server.add(101)
    committer.close()
    server.folder.close()
    assert (acknowledged, failures) == ([], [])
    assert ToyServer(DiskFiles(), tmp_path / "data").numbers == list(range(1, 102))


@pytest.mark.parametrize("interval", [None, 0.001])
def test_a_failure_is_told_once(disk, interval):
    server = ToyServer(disk)
    failed = threading.Event()
    failures: list[str] = []

    def fail(error: JournalError) -> None:
        failures.append(str(error))
        failed.set()

    committer = Committer(server.writer, interval=interval, committed=lambda _: None, failed=fail)
    disk.fail_at = len(disk.calls) + 1  # the sync after the write
    server.add(1)
    committer.flush()
    assert failed.wait(30)
    with pytest.raises(JournalError, match="simulated failure"):
        server.add(2)
    committer.close()
    assert len(failures) == 1


KILLED = """
import sys
from pathlib import Path
from duma.store.files import DiskFiles
from toy_server import ToyServer

server = ToyServer(DiskFiles(), Path(sys.argv[1]), segment_size=20_000)
number = len(server.numbers)
while True:
    for _ in range(10):
        number += 1
        server.add(number, size=number % 50)
    print(server.writer.commit(), flush=True)
    if number % 200 == 0:
        server.snapshot()
        server.retain()
"""


def test_a_killed_process_loses_nothing_that_it_acknowledged(tmp_path):
    """A real process, a real disk, a real SIGKILL at any moment, several times over."""
    acknowledged = 0
    path = [str(Path(__file__).parent), *sys.path]
    for life in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path / "data")],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(path)},
        )
        with process:
            for _ in range(40 + 17 * life):
                acknowledged = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split("\n")
        acknowledged = max([acknowledged, *map(int, rest[:-1])])
    server = ToyServer(DiskFiles(), tmp_path / "data")
    assert server.numbers == list(range(1, len(server.numbers) + 1))
    assert len(server.numbers) >= acknowledged > 1000
    server.close()
