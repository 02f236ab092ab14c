"""Every crash and every failing call of a server's life: what was acknowledged is there afterwards.

A life is played on the simulated disk. For each of its calls it is played again up to a crash in that call,
and from each disk that may be found then, a server recovers. Recovery itself is crashed at each of its calls
as well.
"""

import contextlib
import errno
import itertools
from dataclasses import dataclass, field

import pytest
from simulated_disk import Crash, SimulatedDisk
from toy_server import DATA, ToyServer

from duma.errors import DumaError, JournalError


@dataclass
class Witness:
    """What a client knows: the numbers asked for, how many of them were acknowledged, and how many synced."""

    asked: list[int] = field(default_factory=list)
    written: int = 0
    synced: int = 0

    def check(self, found: list[int], sure: int) -> None:
        assert found == self.asked[: len(found)]
        assert len(found) >= sure


def live(disk: SimulatedDisk, witness: Witness, *, always: bool, numbers: "itertools.count[int]") -> None:
    """A server's life of updates, commits, snapshots, segment changes and retention."""
    server = ToyServer(disk)
    witness.asked = server.numbers[:]
    witness.written = witness.synced = len(server.numbers)

    def add(count: int, **options) -> None:
        for _ in range(count):
            witness.asked.append(number := next(numbers))
            server.add(number, **options)

    def commit() -> None:
        witness.written = server.writer.write()
        if always:
            witness.synced = server.writer.sync()

    add(2)
    commit()
    add(1, event=True)
    add(1, size=700)  # larger than a sector and than a segment
    commit()
    add(3)
    server.snapshot()
    witness.written = witness.synced = server.writer.durable
    add(4)
    commit()
    server.writer.sync()
    witness.synced = server.writer.durable
    add(2, size=150)
    commit()
    server.snapshot()
    witness.written = witness.synced = server.writer.durable
    server.retain()
    add(3, size=100)
    commit()
    server.snapshot()
    witness.written = witness.synced = server.writer.durable
    server.retain()
    add(2)
    commit()
    add(1)
    server.close()
    witness.written = witness.synced = len(witness.asked)


def play(always: bool = True, **faults) -> tuple[SimulatedDisk, Witness]:
    disk, witness = SimulatedDisk(**faults), Witness()
    with contextlib.suppress(Crash):
        live(disk, witness, always=always, numbers=itertools.count(1))
    return disk, witness


def survivors(disk: SimulatedDisk, witness: Witness, seed: int):
    """Disks that may be found after a crash, each with how many numbers must be there."""
    yield disk.killed(), witness.written
    for number, kept in enumerate((0.0, 1.0, 0.5, 0.85)):
        yield disk.lost_power(seed * 31 + number, kept), witness.synced


def recover_and_go_on(disk: SimulatedDisk, witness: Witness, sure: int) -> None:
    recover_from_the_oldest_snapshot(disk.killed(), witness, sure)
    server = ToyServer(disk)
    witness.check(server.numbers, sure)
    recovered = server.recovered
    assert not recovered.damages
    assert not recovered.damaged_snapshots
    # No snapshot knows of records that the journal has lost.
    assert recovered.end is None or recovered.end.sequence == recovered.position.sequence
    expected = [*server.numbers, 1001, 1002]
    server.add(1001)
    server.writer.commit()
    server.add(1002)
    server.writer.commit()
    again = ToyServer(disk.lost_power(0, 0.0))
    assert again.numbers == expected
    again.snapshot()
    again.retain()
    again.close()
    assert ToyServer(again.disk).numbers == expected


def recover_from_the_oldest_snapshot(disk: SimulatedDisk, witness: Witness, sure: int) -> None:
    """Whichever snapshots are there, the journal reaches back to the oldest one."""
    folder = DATA / "snapshots"
    newer = [name for name in disk.listing(folder) if not name.startswith(".")][1:]
    for name in newer:  # the names of snapshots sort by position
        disk.put(folder / name, b"damaged")
    server = ToyServer(disk)
    witness.check(server.numbers, sure)
    assert len(server.recovered.damaged_snapshots) == len(newer)


CALLS = len(play()[0].calls)
CALLS_INTERVAL = len(play(always=False)[0].calls)


def test_a_life_without_crash():
    disk, witness = play()
    names = {name for name, _ in disk.calls}
    assert {"create", "write", "sync", "rename", "sync_folder", "remove"} <= names
    server = ToyServer(disk)
    assert server.numbers == witness.asked == list(range(1, 20))
    assert server.recovered.report() == []


@pytest.mark.parametrize("always", [True, False])
def test_every_crash(always):
    points = 0
    for crash_at in range(CALLS if always else CALLS_INTERVAL):
        for seed in range(2):
            disk, witness = play(always, crash_at=crash_at, seed=seed)
            assert disk.crashed
            for survivor, sure in survivors(disk, witness, crash_at * 7 + seed):
                recover_and_go_on(survivor, witness, sure)
                points += 1
    assert points > 1000


@pytest.mark.slow
def test_every_crash_while_recovering_from_every_crash():
    """Recovery is done again after a crash at each of its calls, and ends in a state as allowed as the first
    one's.
    """
    points = 0
    for crash_at in range(0, CALLS, 2):
        disk, witness = play(crash_at=crash_at, seed=crash_at)
        found = [disk.killed(), disk.lost_power(crash_at, 0.6)]
        for survivor, sure in zip(found, (witness.written, witness.synced), strict=True):
            for second in itertools.count():
                trial = survivor.killed()
                trial.crash_at = second
                with contextlib.suppress(Crash):
                    ToyServer(trial)
                if not trial.crashed:
                    break
                for kept in (0.0, 0.6):
                    # What was not synced when the first process died may still be lost now.
                    server = ToyServer(trial.lost_power(second, kept))
                    witness.check(server.numbers, min(sure, witness.synced))
                    points += 1
    assert points > 1000


@pytest.mark.slow
@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("always", [True, False])
def test_every_failing_call(always, error):
    """The server says so and stops its updates; a restart on the same machine, and then a power cut, lose
    nothing.
    """
    for fail_at in range(CALLS if always else CALLS_INTERVAL):
        disk, witness = SimulatedDisk(fail_at=fail_at, error=error, seed=fail_at), Witness()
        with pytest.raises(DumaError, match="simulated failure"):
            live(disk, witness, always=always, numbers=itertools.count(1))
        disk.fail_at = -1
        for survivor, sure in survivors(disk, witness, fail_at):
            recover_and_go_on(survivor, witness, sure)


@pytest.mark.parametrize("crash_at", [20, 60, 100, 130])
def test_every_failing_call_while_recovering(crash_at):
    """Either it is answered by an error and the next start finds everything, or it did no harm."""
    disk, witness = play(crash_at=crash_at, seed=crash_at)
    for survivor in (disk.killed(), disk.lost_power(crash_at, 0.5)):
        for fail_at in itertools.count():
            trial = survivor.killed()
            trial.fail_at = fail_at
            with contextlib.suppress(DumaError):
                ToyServer(trial).close()
            if fail_at >= len(trial.calls):
                break
            trial.fail_at = -1
            recover_and_go_on(trial.lost_power(0, 0.0), witness, witness.synced)


def test_the_first_failure_is_final():
    disk = SimulatedDisk()
    server = ToyServer(disk)
    server.add(1)
    server.writer.commit()
    server.add(2)
    disk.fail_at = len(disk.calls) + 1  # the sync after the write
    with pytest.raises(JournalError) as first:
        server.writer.commit()
    assert str(first.value).startswith("journal cannot be written: /data/127.0.0.1_9199_toy/journal/0000")
    assert "simulated failure; updates are refused until the server is started again" in str(first.value)
    calls = len(disk.calls)
    for call in (lambda: server.add(3), server.writer.write, server.writer.sync, server.writer.commit):
        with pytest.raises(JournalError) as later:
            call()
        assert str(later.value) == str(first.value)
    assert len(disk.calls) == calls  # nothing was tried again
    assert server.writer.durable == 1
    server.writer.close()


def test_what_was_seen_after_a_failed_sync_is_written_again():
    """The kernel shows what it failed to write, and would never write it by itself."""
    disk = SimulatedDisk()
    server = ToyServer(disk)
    server.add(1)
    disk.fail_at = len(disk.calls) + 1
    with pytest.raises(JournalError):
        server.writer.commit()
    assert disk.calls[-1][0] == "sync"
    restarted = ToyServer(disk.killed())
    assert restarted.numbers == [1]
    assert ToyServer(restarted.disk.lost_power(0, 0.0)).numbers == [1]
