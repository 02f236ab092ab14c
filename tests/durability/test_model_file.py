"""Model files: the container byte by byte, every refusal, every damaged byte, every crash and failure of a
save."""

import contextlib
import errno
import os
import stat
import struct
import zlib
from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_disk import Crash, SimulatedDisk

from duma.errors import ModelFileError
from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model

FOLDER = Path("/models")
PATH = FOLDER / "127.0.0.1_9199_weight_t1.jubatus"
CONFIG = '{"converter":{}}'
WEIGHT_MODEL = bytes.fromhex("92 01 91 93 91 00 95 00 91 80 91 80 91 80 80 95 00 91 80 91 80 91 80 80")
WEIGHT_FILE = (
    bytes.fromhex(
        "6a 75 62 61 74 75 73 00 00 00 00 00 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 c9 ed d0 51"
        "00 00 00 00 00 00 00 22 00 00 00 00 00 00 00 18 95 01 ce 65 53 f1 00 a6 77 65 69 67 68 74 a2 74"
        "31 b0 7b 22 63 6f 6e 76 65 72 74 65 72 22 3a 7b 7d 7d"
    )
    + WEIGHT_MODEL
)


class Bytes:
    """A snapshot of given bytes."""

    def __init__(self, data: bytes, chunk: int = 700) -> None:
        self.data = data
        self.chunk = chunk
        self.size = len(data)

    def chunks(self):
        return (self.data[start : start + self.chunk] for start in range(0, self.size, self.chunk))


def user_data(text: str) -> bytes:
    return msgpack.packb([1, [text]], use_bin_type=False)


def save(files, path: Path = PATH, data: bytes = WEIGHT_MODEL, **changes) -> None:
    fields = {"engine_type": "weight", "model_id": "t1", "config_text": CONFIG, "timestamp": 1700000000}
    write_model(files, path, snapshot=Bytes(data), **(fields | changes))


def container(system=None, user: bytes = WEIGHT_MODEL, *, magic=b"jubatus\0", form=1, version=(1, 1, 1)):
    """A file with a right checksum around whatever is given."""
    if system is None:
        system = [1, 1700000000, "weight", "t1", CONFIG]
    if not isinstance(system, bytes):
        system = msgpack.packb(system, use_bin_type=False)
    head = magic + struct.pack(">QIII", form, *version)
    rest = struct.pack(">QQ", len(system), len(user)) + system + user
    return head + struct.pack(">I", zlib.crc32(head + rest)) + rest


def load(content: bytes, engine_type: str = "weight", config_text: str | None = CONFIG) -> bytes:
    disk = SimulatedDisk()
    disk.put(PATH, content)
    with read_model(disk, PATH) as model:
        model.check(engine_type, config_text, str.__eq__)
        return bytes(model.user_data)


@pytest.fixture
def disk() -> SimulatedDisk:
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    return disk


def test_writes_jubatus_container_byte_for_byte(disk):
    save(disk)
    assert disk.content(PATH) == WEIGHT_FILE
    assert disk.listing(FOLDER) == [PATH.name]


def test_reads_back_what_was_written(tmp_path):
    path = tmp_path / "model.jubatus"
    config = '{"name": "caf\u00e9 \udcff"}'  # not every configuration is UTF-8
    data = user_data("x" * 3_000_000)
    save(DiskFiles(), path, data, config_text=config, version=(1, 0, 7), timestamp=5)
    with read_model(DiskFiles(), path) as model:
        assert (model.version, model.timestamp, model.engine_type) == ((1, 0, 7), 5, "weight")
        assert (model.model_id, model.config_text) == ("t1", config)
        view = model.user_data
        assert view == data
        model.release(2_000_000)
        assert view == data
    assert view == data  # a view outlives the file


def test_mode_is_that_of_jubatus(tmp_path):
    before = os.umask(0o027)
    try:
        save(DiskFiles(), tmp_path / "model.jubatus")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "model.jubatus").stat().st_mode) == 0o640


def test_bytes_after_the_user_data_are_not_read():
    assert load(WEIGHT_FILE + b"anything") == WEIGHT_MODEL


def test_absent_configuration_is_not_compared():
    assert load(WEIGHT_FILE, config_text=None) == WEIGHT_MODEL


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WEIGHT_FILE[:47], "cannot read input file"),
        (b"", "cannot read input file"),
        (container(magic=b"jubatux\0"), "invalid file format"),
        (container(form=2), "invalid format version: 2, expected 1"),
        (container(version=(0, 9, 3)), "cannot load model file created before v1.0.0: 0.9.3"),
        (container(version=(2, 0, 0)), "cannot load model file created before v1.0.0: 2.0.0"),
        (WEIGHT_FILE[:-1], "cannot read input file"),
        (WEIGHT_FILE[:40] + b"\xff" * 8 + WEIGHT_FILE[48:], "cannot read input file"),
        (
            WEIGHT_FILE[:28] + b"\0\0\x0a\xbc" + WEIGHT_FILE[32:],
            "invalid crc32 checksum: c9edd051, expected abc",
        ),
        (container(b"\xc1"), "parse error"),
        (container(b""), "insufficient bytes"),
        (container(b"\x95\x01"), "insufficient bytes"),
        (container({"a": 1}), "system data is broken"),
        (container([1, "now", "weight", "t1", CONFIG]), "system data is broken"),
        (container([True, 0, "weight", "t1", CONFIG]), "system data is broken"),
        (
            container([2, 0, "weight", "t1", CONFIG]),
            "invalid system data version: saved version: 2, expected 1",
        ),
        (container([]), "invalid system data version: saved version: 0, expected 1"),
        (container([1, 0, "stat", "t1", CONFIG]), "server type mismatched: stat, expected weight"),
        (container([1, 0, "weight", "t1", "{}"]), "server config mismatched: {}, expected " + CONFIG),
        (container([1, 0, "weight"]), "server config mismatched: , expected " + CONFIG),
        (container(user=b""), "insufficient bytes"),
        (container(user=b"\xc0"), "user data is broken"),
        (container(user=b"\x93\x01\x90\x90"), "invalid user container"),
        (container(user=b"\xdc\x00\x03\x01"), "invalid user container"),
        (container(user=b"\x92\x02\x90"), "user data version mismatched: 2, expected 1"),
        (container(user=b"\x92\xa1x\x90"), "user data is broken"),
        (container(user=b"\x92"), "insufficient bytes"),
        (container(user=b"\x92\xc1\x90"), "parse error"),
    ],
)
def test_refuses_with_jubatus_text(content, message):
    with pytest.raises(ModelFileError) as caught:
        load(content)
    assert str(caught.value).startswith(message)
    assert str(PATH) in str(caught.value)


def test_checks_come_in_jubatus_order():
    """Each further defect is found only when those before it are mended."""
    broken_user = b"\xc0"
    with pytest.raises(ModelFileError, match=r"^invalid crc32"):
        load(container([1, 0, "stat", "t1", "{}"], broken_user)[:-1] + b"\xc1")
    with pytest.raises(ModelFileError, match=r"^server type"):
        load(container([1, 0, "stat", "t1", "{}"], broken_user))
    with pytest.raises(ModelFileError, match=r"^server config"):
        load(container([1, 0, "weight", "t1", "{}"], broken_user))
    with pytest.raises(ModelFileError, match=r"^user data is broken"):
        load(container(user=broken_user))


def test_absent_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"^cannot open input file: .*none.jubatus: No such file"):
        read_model(DiskFiles(), tmp_path / "none.jubatus")
    with pytest.raises(ModelFileError, match=r"^cannot read input file: .*: Is a directory"):
        read_model(DiskFiles(), tmp_path)


LARGER_FILE = container(user=user_data("y" * 500))


@settings(max_examples=600)
@given(st.integers(0, len(LARGER_FILE) - 1), st.integers(1, 255))
def test_every_changed_byte_is_detected(position, difference):
    content = bytearray(LARGER_FILE)
    content[position] ^= difference
    with pytest.raises(ModelFileError):
        load(bytes(content))


def test_every_truncation_is_detected():
    for size in range(len(LARGER_FILE)):
        with pytest.raises(ModelFileError, match=r"^cannot read input file"):
            load(LARGER_FILE[:size])


OLD = user_data("old" * 300)
NEW = user_data("new" * 700)


def run_save(**faults) -> SimulatedDisk:
    """Save NEW where OLD is, on a disk that fails or crashes at some call of this save."""
    disk = SimulatedDisk()
    disk.make_folder(FOLDER)
    disk.sync_folder(Path("/"))
    save(disk, data=OLD)
    disk.calls.clear()
    for name, value in faults.items():
        setattr(disk, name, value)
    with contextlib.suppress(Crash):
        save(disk, data=NEW)
    return disk


CALLS = len(run_save().calls)


def saved(disk: SimulatedDisk) -> bytes:
    disk.crash_at = disk.fail_at = -1
    return load(disk.content(PATH))


@pytest.mark.parametrize("number", range(CALLS))
def test_every_crash_leaves_the_old_file_or_the_new_one(number):
    disk = run_save(crash_at=number)
    assert disk.crashed
    found = set()
    for seed in range(8):
        for survivor in disk.survivors(seed):
            found.add(saved(survivor))
            save(survivor, data=NEW)
            assert survivor.listing(FOLDER) == [PATH.name]  # what the crash left behind is gone
    assert found <= {OLD, NEW}


def test_a_save_that_has_returned_is_lasting():
    for survivor in run_save().survivors(1, mixed=8):
        assert saved(survivor) == NEW


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("number", range(CALLS))
def test_every_failure_leaves_the_old_file_and_no_other(disk, number, error):
    save(disk, data=OLD)
    disk.calls.clear()
    disk.fail_at, disk.error = number, error
    with pytest.raises(ModelFileError) as caught:
        save(disk, data=NEW)
    assert str(caught.value) == f"cannot write output file: {PATH}: simulated failure"
    assert disk.listing(FOLDER) == [PATH.name]
    # Only the last step, the folder's sync, comes after the rename.
    assert saved(disk) == (NEW if disk.calls[number][0] == "sync_folder" else OLD)


def test_a_model_that_breaks_its_word_is_not_saved(disk):
    snapshot = Bytes(OLD)
    snapshot.size += 1
    save(disk, data=OLD)
    with pytest.raises(ModelFileError, match=r"were announced"):
        write_model(
            disk, PATH, engine_type="weight", model_id="", config_text="", timestamp=0, snapshot=snapshot
        )
    assert load(disk.content(PATH)) == OLD
    assert disk.listing(FOLDER) == [PATH.name]


def test_two_saves_at_once_do_not_disturb_each_other(tmp_path):
    """The second one begins while the first is writing, and neither takes the other's temporary file for a
    leftover.
    """
    path = tmp_path / "model.jubatus"

    class Interrupted(Bytes):
        def chunks(self):
            save(DiskFiles(), path, OLD)
            assert load(path.read_bytes()) == OLD
            yield self.data

    fields = {"engine_type": "weight", "model_id": "t1", "config_text": CONFIG, "timestamp": 1}
    write_model(DiskFiles(), path, snapshot=Interrupted(NEW), **fields)
    assert load(path.read_bytes()) == NEW
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
