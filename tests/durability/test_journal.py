"""The journal's files: what is written is read, and whatever is changed or missing is noticed."""

import struct
from pathlib import Path

import pytest
from google_crc32c import extend, value
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_disk import SimulatedDisk

from duma.errors import JournalError
from duma.store.files import DiskFiles
from duma.store.journal import EVENT, REQUEST, JournalDamaged, JournalReader, JournalWriter
from duma.store.journal.repair import cut_after, cut_tail
from duma.store.journal.segment import segments

FOLDER = Path("/journal")
IDENTITY = 0x8F31C2AA


def new_writer(disk, folder: Path = FOLDER, **options) -> JournalWriter:
    return JournalWriter.start(disk, folder, identity=IDENTITY, clock=lambda: 77, **options)


def read(disk, folder: Path = FOLDER, **options) -> tuple[JournalReader, list]:
    reader = JournalReader(disk, folder, **options)
    return reader, list(reader)


@pytest.fixture
def disk() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    return disk


def three_segments() -> dict[str, bytes]:
    """A closed journal of 12 records in 3 segments, in batches of 2."""
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    writer = new_writer(disk, segment_size=300)
    for number in range(1, 13):
        writer.append(b"add", b"payload %d" % number, 1000 + number)
        if number % 2 == 0:
            writer.commit()
    writer.close()
    names = disk.listing(FOLDER)
    assert len(names) == 3
    return {name: disk.content(FOLDER / name) for name in names}


def disk_with(content: dict[str, bytes]) -> SimulatedDisk:
    disk = SimulatedDisk()
    for name, data in content.items():
        disk.put(FOLDER / name, data)
    return disk


CONTENT = three_segments()
RECORDS = read(disk_with(CONTENT))[1]
PLACES = [(name, offset) for name, data in CONTENT.items() for offset in range(len(data))]


def test_layout_byte_for_byte(disk):
    writer = new_writer(disk)
    writer.append(b"train", b"\x91\x01", 5)
    writer.append(b"drawn", b"\x07", -6, EVENT)
    writer.commit()
    fields = b"dumajrnl" + struct.pack(">IIQqI", 1, IDENTITY, 1, 77, 0)
    header = fields + struct.pack(">I", value(fields))
    first = struct.pack(">IIBB2sQq", 0, 7, 1, 5, b"\xa7\xd5", 1, 5) + b"train\x91\x01"
    first_crc = extend(IDENTITY, first)
    second = struct.pack(">IIBB2sQq", first_crc, 6, 2, 5, b"\xa7\xd5", 2, -6) + b"drawn\x07"
    second_crc = extend(IDENTITY, second)
    mark = struct.pack(">IIBB2sQqQ", second_crc, 8, 0, 0, b"\xa7\xd5", 2, 77, 0)
    frames = b"".join(struct.pack(">I", extend(IDENTITY, frame)) + frame for frame in (first, second, mark))
    assert disk.listing(FOLDER) == ["00000000000000000001-8f31c2aa.journal"]
    assert disk.content(FOLDER / "00000000000000000001-8f31c2aa.journal") == header + frames


def test_reads_what_was_written(tmp_path):
    files = DiskFiles()
    writer = new_writer(files, tmp_path, segment_size=100_000)
    given_records = [
        (
            b"method%d" % number,
            bytes([number % 256]) * (number * 37 % 5000),
            number,
            (REQUEST, EVENT)[number % 2],
        )
        for number in range(1, 400)
    ]
    given_records[50] = (b"large", b"\xa7\xd5" * 1_500_000, 51, REQUEST)  # larger than a block, full of tags
    for number, record in enumerate(given_records, 1):
        assert writer.append(*record) == number
        if number % 7 == 0:
            writer.commit()
    writer.close()
    assert len(list(tmp_path.iterdir())) > 5
    steps = []
    reader, records = read(files, tmp_path, progress=lambda done, total: steps.append((done, total)))
    assert [(r.name, r.payload, r.time, r.kind) for r in records] == given_records
    assert [r.sequence for r in records] == list(range(1, 400))
    assert reader.tail is None
    assert not reader.damages
    total = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert steps == sorted(steps)
    assert steps[-1] == (total, total)
    _, records = read(files, tmp_path, after=390)
    assert [r.sequence for r in records] == list(range(391, 400))


def test_a_view_can_be_appended_and_its_memory_used_again(disk):
    writer = new_writer(disk)
    buffer = bytearray(b"first")
    writer.append(b"add", memoryview(buffer), 1)
    buffer[:] = b"other"
    writer.close()
    assert read(disk)[1][0].payload == b"first"


def test_goes_on_where_it_ended(disk):
    writer = new_writer(disk)
    writer.append(b"add", b"1", 1)
    writer.close()
    reader, _ = read(disk)
    writer = JournalWriter.resume(disk, FOLDER, reader.end)
    assert writer.position == (1, reader.end.checksum)
    assert writer.append(b"add", b"2", 2) == 2
    assert (writer.written, writer.durable, writer.pending_size) == (1, 1, 32 + 4)
    assert writer.write() == 2
    assert (writer.written, writer.durable, writer.pending_size) == (2, 1, 0)
    assert writer.sync() == 2
    writer.close()
    assert [record.payload for record in read(disk)[1]] == [b"1", b"2"]
    assert len(disk.listing(FOLDER)) == 1


def test_too_large_and_closed(disk):
    writer = new_writer(disk)
    with pytest.raises(JournalError, match="too large: 256 bytes with a name of 256"):
        writer.append(b"n" * 256, b"", 1)
    writer.close()
    with pytest.raises(JournalError, match="is closed"):
        writer.append(b"add", b"", 1)


def read_changed(name: str, data: bytes) -> None:
    """Read with one file changed: either it is noticed, or no record is wrong and none is lost.

    A file that was cut at a batch's end is a whole journal as it once was.
    """
    try:
        reader, records = read(disk_with(CONTENT | {name: data}))
    except JournalError:
        return
    assert records == RECORDS[: len(records)]
    cut = name == list(CONTENT)[-1] and CONTENT[name].startswith(data)
    assert len(records) == len(RECORDS) or reader.tail is not None or cut


def test_every_changed_byte_is_noticed_or_harmless():
    for number, (name, offset) in enumerate(PLACES):
        for difference in (0xFF, 1 << number % 8):
            data = bytearray(CONTENT[name])
            data[offset] ^= difference
            read_changed(name, bytes(data))


def test_every_truncation_is_noticed_or_an_older_state():
    for name, offset in PLACES:
        read_changed(name, CONTENT[name][:offset])


@settings(max_examples=300)
@given(st.sampled_from(PLACES), st.integers(0, 300), st.binary(max_size=80))
def test_every_exchanged_range_is_noticed_or_harmless(place, size, inserted):
    name, offset = place
    data = CONTENT[name]
    changed = data[:offset] + inserted + data[offset + size :]
    read_changed(name, changed)


def frames_of(data: bytes) -> list[tuple[int, int]]:
    """Where the frames of a segment begin, and their kinds."""
    offset, found = 40, []
    while offset < len(data):
        found.append((offset, data[offset + 12]))
        offset += 32 + int.from_bytes(data[offset + 8 : offset + 12], "big")
    return found


def damaged_at(number: int) -> tuple[SimulatedDisk, str]:
    """A journal of which one record's last byte is changed."""
    for name, data in CONTENT.items():
        first = int(name[:20])
        starts = [offset for offset, kind in frames_of(data) if kind]
        if first <= number < first + len(starts):
            changed = bytearray(data)
            changed[starts[number - first] + 40] ^= 1
            return disk_with(CONTENT | {name: bytes(changed)}), name
    raise AssertionError


@pytest.mark.parametrize("number", range(1, 11))
def test_damage_in_the_middle_stops_and_can_be_skipped(number):
    disk, name = damaged_at(number)
    with pytest.raises(JournalDamaged) as caught:
        read(disk)
    damage = caught.value.damage
    assert (damage.path.name, damage.first_lost, damage.last_lost) == (name, number, number)
    assert f"/{name} is damaged at offset {damage.offset}" in str(caught.value)
    assert f"records {number} to {number} are lost" in str(caught.value)
    reader, records = read(disk, skip_damaged=True)
    assert records == [record for record in RECORDS if record.sequence != number]
    assert reader.damages == [damage]
    assert reader.end.sequence == 12
    # A snapshot that has the lost record makes the damage harmless.
    reader, records = read(disk, after=number)
    assert records == RECORDS[number:]


def test_a_journal_goes_on_behind_skipped_damage():
    disk, _ = damaged_at(10)
    reader, _ = read(disk, skip_damaged=True)
    writer = JournalWriter.resume(disk, FOLDER, reader.end)
    writer.append(b"add", b"13", 13)
    writer.close()
    with pytest.raises(JournalDamaged):
        read(disk)
    assert [record.sequence for record in read(disk, skip_damaged=True)[1]] == [*range(1, 10), 11, 12, 13]


def test_what_was_synced_is_never_taken_for_a_torn_tail():
    """The last batch, closed: the mark behind it says that it had been synced."""
    for number in (11, 12):
        with pytest.raises(JournalDamaged, match=f"records {number} to {number} are lost"):
            read(damaged_at(number)[0])


def test_a_missing_segment_is_damage():
    names = list(CONTENT)
    for missing in names[:2]:
        disk = disk_with({name: data for name, data in CONTENT.items() if name != missing})
        with pytest.raises(JournalDamaged, match=r"it begins with record \d+, expected \d+; records"):
            read(disk)
    assert read(disk_with({names[2]: CONTENT[names[2]]}), after=int(names[2][:20]) - 1)[1]


def test_a_damaged_header_loses_nothing():
    for name, data in CONTENT.items():
        reader, records = read(disk_with(CONTENT | {name: b"\0" * 40 + data[40:]}))
        assert records == RECORDS
        assert [str(damage.path) for damage in reader.damages] == [f"/journal/{name}"]
        assert "no record is lost" in str(reader.damages[0])


def test_a_segment_without_whole_header_at_the_end_is_damage():
    name = list(CONTENT)[-1]
    disk = disk_with(CONTENT | {name: CONTENT[name][:39]})
    with pytest.raises(JournalDamaged, match="record 9 and all after it are lost"):
        read(disk)
    # The last mark is all that is left, with its first byte gone, and large enough to pass for an empty segment.
    with pytest.raises(JournalDamaged, match="record 9 and all after it are lost"):
        read(disk_with(CONTENT | {name: b"\0" + CONTENT[name][-39:]}))
    with pytest.raises(JournalDamaged, match="records 9 to 12 are lost"):
        read(disk_with(CONTENT | {name: b"\0" + CONTENT[name][-40:]}))
    reader, _ = read(disk, skip_damaged=True)
    assert reader.end.path is None
    with pytest.raises(JournalError, match="cannot be continued"):
        JournalWriter.resume(disk, FOLDER, reader.end)


def test_sound_files_of_elsewhere_are_refused(disk):
    writer = new_writer(disk, segment_size=300)
    for number in range(1, 13):
        writer.append(b"add", b"another %d" % number, 1)
        if number % 2 == 0:
            writer.commit()
    other = {name: disk.content(FOLDER / name) for name in disk.listing(FOLDER)}
    assert other.keys() == CONTENT.keys()
    for name in list(CONTENT)[1:]:
        with pytest.raises(JournalError, match="does not continue the journal before it"):
            read(disk_with(CONTENT | {name: other[name]}), skip_damaged=True)
    first, second, _ = CONTENT
    with pytest.raises(JournalError, match="not what its name says"):
        read(disk_with({first: CONTENT[second]}))
    renamed = second.replace("8f31c2aa", "00000001")
    with pytest.raises(JournalError, match="it is of journal"):
        read(
            disk_with(
                {first: CONTENT[first], renamed: CONTENT[second], list(CONTENT)[2]: CONTENT[list(CONTENT)[2]]}
            )
        )


def test_a_snapshot_of_another_journal_is_refused():
    for after in range(1, 13):
        assert read(disk_with(CONTENT), after=after, after_checksum=RECORDS[after - 1].checksum)
        with pytest.raises(JournalError, match=f"does not belong to the snapshot: its record {after} has"):
            read(disk_with(CONTENT), after=after, after_checksum=RECORDS[after - 1].checksum ^ 1)
    with pytest.raises(JournalError, match="it is of journal 8f31c2aa"):
        read(disk_with(CONTENT), identity=1)


def torn_disk() -> SimulatedDisk:
    """Two synced records, three that were written only; the third's first byte did not reach the disk."""
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    writer = new_writer(disk)
    writer.append(b"add", b"1", 1)
    writer.append(b"add", b"2", 2)
    writer.commit()
    size = len(disk.content(FOLDER / "00000000000000000001-8f31c2aa.journal"))
    for number in (3, 4, 5):
        writer.append(b"add", b"%d" % number, number)
    writer.write()
    data = bytearray(disk.content(FOLDER / "00000000000000000001-8f31c2aa.journal"))
    data[size] ^= 1
    return disk_with({"00000000000000000001-8f31c2aa.journal": bytes(data)})


def test_a_torn_tail_is_cut_and_kept():
    disk = torn_disk()
    for number in (1, 2):
        reader, records = read(disk)
        assert [record.sequence for record in records] == [1, 2]
        tail = reader.tail
        before = disk.content(tail.path)
        assert (tail.first_lost, tail.last_readable, tail.offset + tail.size) == (3, 5, len(before))
        assert "where record 3 should be; whole ones up to 5 are behind it" in str(tail)
        kept = cut_tail(disk, tail)
        assert kept.name == f"00000000000000000001-8f31c2aa.journal.torn-{number}"
        assert disk.content(kept) == before[tail.offset :]
        assert disk.content(tail.path) == before[: tail.offset]
        assert read(disk)[0].tail is None
        disk.put(tail.path, before)  # the same again, for a second name


def test_a_client_cannot_write_frames(disk):
    """Data that look like a frame are found only with the journal's identity, which no client knows."""
    body = struct.pack(">IIBB2sQqQ", 0, 8, 0, 0, b"\xa7\xd5", 1, 1, 1)
    frame = struct.pack(">I", value(body)) + body
    writer = new_writer(disk)
    writer.append(b"add", frame, 1)
    writer.write()
    path = FOLDER / disk.listing(FOLDER)[0]
    data = bytearray(disk.content(path))
    data[41] ^= 1
    disk.put(path, bytes(data))
    reader, records = read(disk)
    assert (records, reader.tail.first_lost, reader.tail.last_readable) == ([], 1, None)


@pytest.mark.parametrize("sequence", range(13))
def test_cut_after_a_record(sequence):
    disk = disk_with(CONTENT)
    kept = cut_after(disk, FOLDER, sequence)
    assert all(".journal.undone-1" in path.name for path in kept)
    reader, records = read(disk)
    assert records == RECORDS[:sequence]
    writer = JournalWriter.resume(disk, FOLDER, reader.end)
    writer.append(b"add", b"new", 1)
    writer.close()
    assert [record.payload for record in read(disk)[1]][sequence:] == [b"new"]
    assert len(segments(disk, FOLDER)) == sum(int(name[:20]) <= sequence + 1 for name in CONTENT)


def test_a_disk_that_cannot_read_is_no_torn_tail():
    disk = disk_with(CONTENT)
    read(disk)
    for number in range(len(disk.calls)):
        failing = disk_with(CONTENT)
        failing.fail_at = number
        with pytest.raises(JournalError, match=r"journal cannot be read: .*: simulated failure"):
            read(failing)
