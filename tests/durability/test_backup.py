"""Backups on a disk that forgets, tears and fails: what is listed can be restored, whatever happens."""

import contextlib
import errno
import itertools
import json
from dataclasses import replace
from pathlib import Path

import pytest
from backed_up_folder import PLACE, RESTORED, back_up, check_listed, creator_on, numbers_in, place_on, writing
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_disk import Crash, SimulatedDisk
from toy_server import DATA, ToyServer

from duma.errors import BackupError, DumaError, JournalError
from duma.store.backup.copying import copy_backup
from duma.store.backup.folder_remote import FolderRemote
from duma.store.backup.lease import DURATION, Lease, LeaseLost, PlaceTaken
from duma.store.backup.manifest import format_manifest
from duma.store.backup.place import Place, Verification, needed_pieces
from duma.store.backup.pruning import prune
from duma.store.backup.restoration import restore
from duma.store.backup.sending import GRACE, Sender
from duma.store.backup.source import SourceReader
from duma.store.files import make_folders
from duma.store.retention import Rule


def served(disk=None, numbers: int = 6) -> ToyServer:
    """A server with a snapshot in the middle and several segments."""
    server = ToyServer(disk or SimulatedDisk())
    server.snapshot()
    add(server, numbers)
    server.snapshot()
    add(server, numbers)
    return server


def add(server: ToyServer, count: int, size: int = 60) -> None:
    for _ in range(count):
        server.add(len(server.numbers) + 1, size=size)
    server.writer.commit()


# --- a running server's folder


def test_a_backup_of_a_running_server_is_what_it_knows():
    server = served()
    manifest, creator = back_up(server.disk)
    assert numbers_in(server.disk, manifest) == server.numbers
    assert manifest.sequence == len(server.numbers)
    assert [file.kind for file in manifest.files][:2] == ["snapshot", "segment"]
    assert creator.sender.sent.pieces == len(needed_pieces([manifest]))
    assert "lock" not in str(manifest.files), "the server holds it, and goes on"


def test_only_what_is_behind_the_newest_snapshot_is_taken():
    server = served()
    names = [file.name for file in back_up(server.disk)[0].files]
    assert sum(name.startswith("snapshots/") for name in names) == 1
    assert not any(name.endswith("00000000000000000001-") for name in names)
    first = int(names[1].removeprefix("journal/")[:20])
    assert 1 < first <= 7


def test_a_restored_server_goes_on():
    server = served()
    manifest, _ = back_up(server.disk)
    disk = server.disk
    disk.put(RESTORED.parent / "here", b"")
    restore(disk, place_on(disk), manifest, RESTORED)
    restored = ToyServer(disk.lost_power(0, 0.0), RESTORED)
    add(restored, 3)
    restored.close()
    assert ToyServer(restored.disk, RESTORED).numbers == [*server.numbers, 13, 14, 15]


def test_what_is_not_synced_is_synced_first():
    """The backup must not know of records that the machine may still lose."""
    server = served()
    server.add(13)
    server.writer.write()
    manifest, _ = back_up(server.disk)
    assert manifest.sequence == 13
    assert ToyServer(server.disk.lost_power(0, 0.0)).numbers == server.numbers


def test_a_write_in_progress_is_left_out():
    server = served()
    last = DATA / "journal" / server.disk.listing(DATA / "journal")[-1]
    server.disk.put(last, server.disk.content(last) + b"half a frame")
    manifest, _ = back_up(server.disk)
    assert numbers_in(server.disk, manifest) == server.numbers


def test_snapshots_and_segments_that_are_removed_meanwhile():
    """Retention runs between any two calls; the backup is then one of the newer snapshot."""
    for number in itertools.count():
        server = served()
        disk, call, count = server.disk, server.disk.call, itertools.count()

        def called(*arguments, **options):
            if next(count) == number:  # noqa: B023 - called in this round only
                disk.call = call  # noqa: B023
                server.snapshot()  # noqa: B023
                server.retention.apply()  # noqa: B023
                server.snapshot_taken = True  # noqa: B023
            return call(*arguments, **options)  # noqa: B023

        disk.call = called
        with SourceReader(disk, DATA).open() as source:
            names = [file.name for file in source.files]
            for file in source.files:
                assert len(file.file.read_at(0, file.size)) == file.size
        if not hasattr(server, "snapshot_taken"):
            break
        assert source.position.sequence == len(server.numbers)
        assert sum(name.startswith("snapshots/") for name in names) == 1
    assert number > 10


def test_a_damaged_journal_is_not_backed_up():
    server = served()
    add(server, 6)
    first = next(file.name for file in back_up(server.disk.killed())[0].files if file.kind == "segment")
    content = bytearray(server.disk.content(DATA / first))
    content[-50] ^= 1
    server.disk.put(DATA / first, bytes(content))
    with pytest.raises(JournalError, match="is damaged at offset"):
        back_up(server.disk)
    assert place_on(server.disk).listing().backups == []


def test_a_damaged_snapshot_is_passed_over():
    server = served()
    newest = server.disk.listing(DATA / "snapshots")[-1]
    server.disk.put(DATA / "snapshots" / newest, b"damaged")
    manifest, _ = back_up(server.disk)
    assert numbers_in(server.disk, manifest) == server.numbers
    assert newest not in manifest.snapshot


def test_model_files_that_were_loaded_are_taken_if_replay_needs_them():
    server = served()
    for record in (3, 9, 40):
        server.disk.put(DATA / "snapshots" / f"loaded-{record:020}.jubatus", b"model" * record)
    manifest, _ = back_up(server.disk)
    assert [(file.name, file.size) for file in manifest.files if file.kind == "loaded"] == [
        ("snapshots/loaded-00000000000000000009.jubatus", 45)
    ]


def test_a_folder_without_a_snapshot_is_refused():
    server = ToyServer(SimulatedDisk())
    add(server, 2)
    with pytest.raises(BackupError, match="has no whole snapshot, which a backup begins with"):
        back_up(server.disk)


# --- sending


def test_only_what_is_new_is_sent():
    server = served()
    first, _ = back_up(server.disk)
    add(server, 1)
    second, creator = back_up(server.disk)
    new = needed_pieces([second]) - needed_pieces([first])
    assert creator.sender.sent.pieces == len(new) <= 2
    _, again = back_up(server.disk)
    assert again.sender.sent.pieces == 0


def test_one_creator_reads_only_what_has_grown():
    server = served()
    disk, reader = server.disk, SourceReader(server.disk, DATA)
    end = server.writer.lasting_end
    with writing(disk, journal=reader.identity()) as lease:
        creator = creator_on(disk, lease)
        with reader.open(end) as source:
            creator.create(source)
        add(server, 1)
        segments = [DATA / "journal" / name for name in disk.listing(DATA / "journal")[-2:]]
        calls = len(disk.calls)
        with reader.open(end) as source:
            manifest = creator.create(source)
    read = [path for name, path in disk.calls[calls:] if name == "read" and path.is_relative_to(DATA)]
    assert len(read) <= 2
    assert set(read) <= set(segments), "the snapshot is not read again"
    assert numbers_in(disk, manifest) == server.numbers


@pytest.mark.parametrize("kept", [0.0, 1.0, 0.6])
def test_a_broken_off_backup_is_gone_on_with(kept):
    server = served(numbers=25)
    whole = len(needed_pieces([back_up(server.disk.killed())[0]]))
    assert whole > 6
    sent = []
    for crash_at in range(20, 400, 10):
        disk = server.disk.killed()
        disk.crash_at = crash_at
        with contextlib.suppress(Crash):
            back_up(disk)
        if not disk.crashed:
            break
        disk = disk.lost_power(crash_at, kept)
        there = len(place_on(disk).pieces())
        disk.now += DURATION + 1
        _, creator = back_up(disk)
        assert creator.sender.sent.pieces == whole - there
        sent.append(whole - there)
    assert min(sent) < whole / 2 < max(sent)


# --- crashes


def life(disk) -> None:
    """Backups, a restored one, and pruning."""
    make_folders(disk, RESTORED.parent)
    server = served(disk, 4)
    back_up(disk)
    add(server, 1)
    back_up(disk)
    server.snapshot()
    add(server, 2)
    disk.now += 2 * GRACE
    manifest, _ = back_up(disk)
    with writing(disk) as lease:
        prune(place_on(disk), lease, Rule(last=1), clock=lambda: disk.now)
    restore(disk, place_on(disk), manifest, RESTORED)


ASKED = list(range(1, 100))


def test_a_life_without_crash():
    disk = SimulatedDisk()
    life(disk)
    assert check_listed(disk, ASKED) == [ASKED[:11]]
    assert ToyServer(disk.lost_power(0, 0.0), RESTORED).numbers == ASKED[:11]
    assert disk.listing(RESTORED.parent) == [RESTORED.name]


@pytest.mark.slow
def test_every_crash_leaves_whole_backups():
    """Whatever is listed can be restored, a restored folder is whole or not there, and all goes on afterwards."""
    disk = SimulatedDisk()
    life(disk)
    begin = next(number for number, (_, path) in enumerate(disk.calls) if path.is_relative_to(PLACE))
    points = 0
    for crash_at in range(begin, len(disk.calls)):
        disk = SimulatedDisk(crash_at=crash_at, seed=crash_at)
        with contextlib.suppress(Crash):
            life(disk)
        if not disk.crashed:
            continue  # a file that is not there was asked for
        kept = (None, 0.0, 0.5, 0.85)[crash_at % 4]
        survivor = disk.killed() if kept is None else disk.lost_power(crash_at, kept)
        found = check_listed(survivor, ASKED)
        if survivor.exists(RESTORED):
            assert ToyServer(survivor.killed(), RESTORED).numbers == ASKED[:11]
        survivor.now += DURATION + 1
        manifest, _ = back_up(survivor)
        assert numbers_in(survivor, manifest) == ASKED[: manifest.sequence]
        with writing(survivor) as lease:
            prune(place_on(survivor), lease, Rule(last=1), grace=0, clock=lambda now=survivor.now: now + 1)
        assert len(check_listed(survivor, ASKED)) == 1
        points += len(found) + 1
    assert points > 500


def test_every_failing_call_is_an_error_and_does_no_harm():
    disk = SimulatedDisk()
    life(disk)
    begin = next(number for number, (_, path) in enumerate(disk.calls) if path.is_relative_to(PLACE))
    for fail_at in range(begin, len(disk.calls)):
        disk = SimulatedDisk(fail_at=fail_at, error=errno.ENOSPC, seed=fail_at)
        with contextlib.suppress(DumaError):
            life(disk)
        disk.fail_at = -1
        assert all(numbers == ASKED[: len(numbers)] for numbers in check_listed(disk, ASKED))
        if disk.exists(RESTORED):
            assert ToyServer(disk, RESTORED).numbers == ASKED[:11]


def test_a_failed_restoration_leaves_nothing():
    server = served()
    manifest, _ = back_up(server.disk)
    disk = server.disk
    disk.put(RESTORED.parent / "here", b"")
    sha256 = manifest.files[-1].pieces[-1].sha256
    disk.put(PLACE / "pieces" / sha256, b"x")
    with pytest.raises(BackupError, match="is damaged: 1 bytes, expected"):
        restore(disk, place_on(disk), manifest, RESTORED)
    assert disk.listing(RESTORED.parent) == ["here"]


def test_nothing_is_restored_over_something():
    server = served()
    manifest, _ = back_up(server.disk)
    with pytest.raises(BackupError, match="exists already, and is not overwritten"):
        restore(server.disk, place_on(server.disk), manifest, DATA)


# --- damage


def test_every_damaged_byte_of_a_piece_and_of_a_manifest_is_found():
    server = served(numbers=2)
    manifest, _ = back_up(server.disk)
    disk = server.disk
    for folder in ("pieces", "backups"):
        for name in disk.listing(PLACE / folder):
            path = PLACE / folder / name
            content = disk.content(path)
            for offset in range(0, len(content), 1 if folder == "backups" else 7):
                damaged = bytearray(content)
                damaged[offset] ^= 1 << offset % 8
                disk.put(path, bytes(damaged))
                with pytest.raises(BackupError, match=r"damaged|no manifest|is a 'duma|version"):
                    numbers_in(disk, place_on(disk).manifest(manifest.id))
            disk.put(path, content)
    assert numbers_in(disk, place_on(disk).manifest(manifest.id)) == server.numbers


def test_a_damaged_manifest_is_reported_beside_the_others():
    server = served()
    first, _ = back_up(server.disk)
    second, _ = back_up(server.disk)
    server.disk.put(PLACE / "backups" / f"{first.id}.json", b"{}")
    listing = place_on(server.disk).listing()
    assert [manifest.id for manifest in listing.backups] == [second.id]
    assert list(listing.damaged) == [first.id]


@pytest.mark.parametrize(
    "name",
    ["../lock", "/etc/passwd", "lock", "journal/../../x", "journal/.duma-00000000.tmp", "journal/a/b", ""],
)
def test_no_manifest_leads_out_of_the_folder(name):
    server = served()
    manifest, _ = back_up(server.disk)
    evil = replace(manifest, files=(*manifest.files[:1], replace(manifest.files[1], name=name)))
    path = PLACE / "backups" / f"{manifest.id}.json"
    server.disk.put(path, format_manifest(evil))
    with pytest.raises(BackupError, match="is no manifest of a backup, or damaged"):
        place_on(server.disk).manifest(manifest.id)


def test_a_piece_that_was_lost_is_sent_again():
    server = served()
    first, _ = back_up(server.disk)
    disk = server.disk
    lost = first.files[0].pieces[0].sha256
    disk.remove(PLACE / "pieces" / lost)
    with pytest.raises(BackupError, match=f"lacks pieces/{lost}, which the backup needs"):
        numbers_in(disk, first)
    second, creator = back_up(disk)
    assert creator.sender.sent.pieces == 1
    assert numbers_in(disk, first) == numbers_in(disk, second) == server.numbers


# --- two writers


def test_another_journal_and_another_writer_are_refused():
    server = served()
    disk = server.disk
    other = ToyServer(disk, Path("/other/127.0.0.1_9200_toy"))
    other.snapshot()
    back_up(disk)
    with pytest.raises(PlaceTaken, match=f"has backups of journal {server.writer.identity:08x} .test:/data"):
        back_up(disk, other.folder.path)
    remote, now = FolderRemote(disk, PLACE), lambda: disk.now
    lease = Lease.claim(remote, journal=server.writer.identity, owner="one:/data", clock=now)
    with pytest.raises(
        PlaceTaken, match=r"is being written by one:/data .process \d+, since 1970.*--take-over"
    ):
        back_up(disk)
    disk.now += DURATION + 1
    manifest, _ = back_up(disk)  # its time is over
    with pytest.raises(LeaseLost, match="was taken over by test:/data"):
        lease.keep()
    assert place_on(disk).listing().newest() == manifest


def test_who_was_shut_out_writes_no_manifest():
    server = served()
    disk, reader = server.disk, SourceReader(server.disk, DATA)
    lease = Lease.claim(
        FolderRemote(disk, PLACE), journal=reader.identity(), owner="one", clock=lambda: disk.now
    )
    with reader.open() as source:
        creator = creator_on(disk, lease)
        taken_over, _ = back_up(disk, take_over=True)
        with pytest.raises(LeaseLost, match="was taken over by test:/data"):
            creator.create(source)
    assert place_on(disk).listing().backups == [taken_over]


def test_an_earlier_process_of_the_only_possible_owner_is_no_other_writer():
    server = served()
    disk, identity = server.disk, server.writer.identity
    remote, now = FolderRemote(disk, PLACE), lambda: disk.now
    first = Lease.claim(remote, journal=identity, owner="host:/data", exclusive=True, clock=now)
    second = Lease.claim(remote, journal=identity, owner="host:/data", exclusive=True, clock=now)
    second.renew()
    with pytest.raises(LeaseLost):
        first.renew()
    with pytest.raises(PlaceTaken):
        Lease.claim(remote, journal=identity, owner="host:/data", clock=now)


def test_of_two_who_claim_at_once_one_wins(monkeypatch):
    """The other one's claim happens between any two calls of the first; it does not wait for locks."""
    monkeypatch.setattr("duma.store.backup.folder_remote._PATIENCE", 0)
    for number in itertools.count():
        disk, won = SimulatedDisk(), []
        call, count = disk.call, itertools.count()

        def called(*arguments, **options):
            if next(count) == number:  # noqa: B023 - called in this round only
                disk.call = call  # noqa: B023
                with contextlib.suppress(BackupError):
                    won.append(claim(disk, "two"))  # noqa: B023
            return call(*arguments, **options)  # noqa: B023

        disk.call = called
        with contextlib.suppress(PlaceTaken):
            won.append(claim(disk, "one"))
        if next(count) <= number:
            break
        for lease in won:
            with contextlib.suppress(LeaseLost):
                lease.renew()
        holder = json.loads(disk.content(PLACE / "writer.json"))["owner"]
        assert holder in ("one", "two")
        assert len(won) == 1, f"call {number}"
    assert number > 10


def claim(disk, owner: str) -> Lease:
    return Lease.claim(FolderRemote(disk, PLACE), journal=1, owner=owner, clock=lambda: disk.now)


# --- pruning and copying


def test_pruning_keeps_the_newest_and_the_newest_verified():
    server = served()
    disk, made = server.disk, []
    for _ in range(4):
        add(server, 2)
        server.snapshot()
        made.append(back_up(disk)[0])
    place = place_on(disk)
    place.put_verification(Verification(made[1].id, 1, "0" * 64, "source"))
    with writing(disk) as lease:
        would = prune(place, lease, Rule(last=1), grace=0, dry_run=True, clock=lambda: disk.now + 1)
        assert len(place.listing().backups) == 4
        did = prune(place, lease, Rule(last=1), grace=0, clock=lambda: disk.now + 1)
    assert (would.removed, would.pieces, would.bytes) == (did.removed, did.pieces, did.bytes)
    assert did.removed == [made[0].id, made[2].id]
    assert did.pieces > 0
    assert [len(numbers) for numbers in check_listed(disk, ASKED)] == [made[1].sequence, made[3].sequence]
    assert set(place.pieces()) == needed_pieces([made[1], made[3]])


def test_pruning_does_not_touch_what_it_cannot_understand():
    server = served()
    disk = server.disk
    first, _ = back_up(disk)
    server.snapshot()
    second, _ = back_up(disk)
    path = PLACE / "backups" / f"{first.id}.json"
    disk.put(path, disk.content(path)[:-1])
    with writing(disk) as lease:
        pruned = prune(place_on(disk), lease, Rule(last=1), grace=0, clock=lambda: disk.now + 1)
        assert (pruned.removed, pruned.pieces, list(pruned.broken)) == ([], 0, [first.id])
        pruned = prune(
            place_on(disk), lease, Rule(last=1), grace=0, remove_broken=True, clock=lambda: disk.now + 1
        )
    assert pruned.removed == [first.id]
    assert set(place_on(disk).pieces()) == needed_pieces([second])


def test_a_broken_backup_does_not_count():
    server = served()
    disk = server.disk
    first, _ = back_up(disk)
    add(server, 2)
    server.snapshot()
    second, _ = back_up(disk)
    only_second = sorted(needed_pieces([second]) - needed_pieces([first]))
    disk.remove(PLACE / "pieces" / only_second[0])
    with writing(disk) as lease:
        pruned = prune(place_on(disk), lease, Rule(last=1), grace=0, clock=lambda: disk.now + 1)
    assert (pruned.removed, list(pruned.broken)) == ([], [second.id])
    assert numbers_in(disk, first) == ASKED[: first.sequence]


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from(["add", "snapshot", "back up", "broken off", "prune", "hour", "verify"]), max_size=25
    ),
    last=st.integers(1, 3),
    hours=st.integers(0, 3),
)
def test_pruning_never_removes_what_is_needed(steps, last, hours):
    server = ToyServer(SimulatedDisk())
    server.snapshot()
    disk, place, newest = server.disk, place_on(server.disk), None
    for step in [*steps, "back up", "prune"]:
        match step:
            case "add":
                add(server, 2)
            case "snapshot":
                server.snapshot()
                server.retain()
            case "back up":
                newest = back_up(disk)[0]
            case "broken off":
                break_off(disk)
            case "hour":
                disk.now += GRACE + 1
            case "verify":
                for manifest in place.listing().backups[:1]:
                    place.put_verification(Verification(manifest.id, 1, "0" * 64, "source"))
            case "prune":
                with writing(disk) as lease:
                    prune(place, lease, Rule(last=last, hours=hours), clock=lambda: disk.now)
        check_listed(disk, ASKED)
    assert newest in place.listing().backups
    disk.now += GRACE + 1
    with writing(disk) as lease:
        prune(place, lease, Rule(last=last, hours=hours), clock=lambda: disk.now)
    assert set(place.pieces()) == needed_pieces(place.listing().backups)


def break_off(disk) -> None:
    """A backup whose writer gets no further than to its first pieces."""
    put, left = FolderRemote.put, itertools.count(2, -1)

    def putting(self, name, data):
        if next(left) == 0:
            raise BackupError("broken off")
        put(self, name, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FolderRemote, "put", putting)
        with contextlib.suppress(BackupError):
            back_up(disk)


def test_copies_are_the_same_backups():
    server = served()
    disk, made = server.disk, []
    for _ in range(2):
        add(server, 2)
        made.append(back_up(disk)[0])
    remote = FolderRemote(disk, Path("/elsewhere"))
    lease = Lease.claim(remote, journal=made[0].journal, owner="copy", clock=lambda: disk.now)
    with lease.held():
        sender = Sender(Place(remote), lease, clock=lambda: disk.now)
        for manifest in made:
            copy_backup(place_on(disk), sender, manifest)
    assert Place(remote).listing().backups == place_on(disk).listing().backups == made
    assert sender.sent.pieces == len(needed_pieces(made)) == len(Place(remote).pieces())
    damaged = made[1].files[0].pieces[0]
    disk.put(PLACE / "pieces" / damaged.sha256, bytes(damaged.size))
    third = FolderRemote(disk, Path("/third"))
    lease = Lease.claim(third, journal=made[0].journal, owner="copy", clock=lambda: disk.now)
    with pytest.raises(BackupError, match="is damaged: its SHA-256 is"), lease.held():
        copy_backup(place_on(disk), Sender(Place(third), lease), made[1])
    assert Place(third).listing().backups == []
