"""`duma recover`: a model as it was, or without what went wrong."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from journaled_folder import (
    HAM,
    POISON,
    SPAM,
    START,
    TRAINING,
    JournaledFolder,
    apply,
    call,
    contents,
    failure,
    flip,
    labeled,
    loaded,
    make_incident,
    output,
    rows,
    segment,
    state,
    trained,
)
from server_process import CONFIG, Server, free_port, write_config

import duma
from duma.commands.times import format_time

RANDOM = {
    **CONFIG,
    "parameter": {
        "regularization_weight": 1.0,
        "unlearner": "random",
        "unlearner_parameter": {"max_size": 3, "seed": 7},
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight requests, two poisoned ones, a snapshot, the wrong clear, and one more request."""
    return make_incident(tmp_path)


def test_the_wrong_clear_is_found_and_undone(folder: Path, tmp_path: Path) -> None:
    (found,) = rows("journal", "search", folder, "--method", "clear")
    assert (found["name"], found["client"], found["kind"]) == ("clear", HAM, "request")
    out = tmp_path / "fixed.jubatus"
    text = output("recover", folder, "--to", f"before={found['record']}", "-o", out)
    assert state(loaded(out)) == trained(*TRAINING, *POISON)
    assert f"written      {out}" in text
    output("recover", folder, "--without", found["record"], "-o", tmp_path / "all.jubatus")
    assert state(loaded(tmp_path / "all.jubatus")) == trained(
        *TRAINING, *POISON, ("train", labeled("new", "begin again"))
    )


def test_a_poisoned_batch_is_left_out(folder: Path, tmp_path: Path) -> None:
    by_client = rows("journal", "search", folder, "--client", "10.0.0.66")
    by_text = rows("journal", "search", folder, "--contains", "pills", "--decode")
    assert [row["record"] for row in by_text] == [row["record"] for row in by_client]
    assert by_text[0]["arguments"] == [labeled("good", "buy cheap pills")]
    first, last = by_text[0]["record"], by_text[-1]["record"]
    (clear,) = rows("journal", "search", folder, "--method", "clear")

    out = tmp_path / "clean.jubatus"
    without = ["--without", f"{first}..{last}", "--without", clear["record"]]
    text = output("recover", folder, *without, "-o", out)
    assert f"left out     record {first}: train from {SPAM}" in text
    assert f"left out     record {clear['record']}: clear from {HAM}" in text
    assert "(record 0)" in text, "the later snapshot has the poison"
    assert state(loaded(out)) == trained(*TRAINING, ("train", labeled("new", "begin again")))


def test_the_folder_is_left_as_it_is(folder: Path, tmp_path: Path) -> None:
    before = contents(folder)
    output("recover", folder, "-o", tmp_path / "out.jubatus")
    output("recover", folder, "--into", tmp_path / "new")
    output("journal", "stat", folder)
    assert contents(folder) == before
    assert state(loaded(tmp_path / "out.jubatus")) == trained(("train", labeled("new", "begin again")))


def test_recovery_to_a_time(folder: Path, tmp_path: Path) -> None:
    third = rows("journal", "show", folder, "--last", 100)[2]
    out = tmp_path / "third.jubatus"
    text = output("recover", folder, "--to", third["time"], "-o", out)
    assert state(loaded(out)) == trained(*TRAINING[:3])
    assert f"record {third['record']}, {third['time']}" in text
    output("recover", folder, "--to", format_time(START * 10**9), "-o", tmp_path / "first.jubatus")
    assert state(loaded(tmp_path / "first.jubatus")) == trained()
    too_early = failure("recover", folder, "--to", "2001-01-01", "--dry-run")
    assert "no snapshot is old enough" in too_early
    output("recover", folder, "--to", "now", "-o", tmp_path / "now.jubatus")
    assert state(loaded(tmp_path / "now.jubatus")) == trained(("train", labeled("new", "begin again")))


@pytest.mark.parametrize("sequence", range(17))
def test_recovery_to_each_record(folder: Path, tmp_path: Path, sequence: int) -> None:
    requests = [row["record"] for row in rows("journal", "show", folder) if row["kind"] == "request"]
    calls = [*TRAINING, *POISON, ("clear",)]
    output("recover", folder, "--to", sequence, "-o", tmp_path / "out.jubatus")
    expected = trained(*calls[: sum(number <= sequence for number in requests)])
    assert state(loaded(tmp_path / "out.jubatus")) == expected


def test_a_dry_run_says_the_same_and_writes_nothing(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jubatus"
    dry = output("recover", folder, "--without", 3, "-o", out, "--dry-run")
    assert not out.exists()
    wet = output("recover", folder, "--without", 3, "-o", out)
    assert dry.replace("would replay", "replayed    ") == "".join(
        line for line in wet.splitlines(keepends=True) if not line.startswith(("written", "next"))
    )


# --- a folder for a server ---


def test_a_server_starts_on_the_new_folder_and_goes_on(folder: Path, tmp_path: Path) -> None:
    port = free_port()
    into = tmp_path / "again" / f"127.0.0.1_{port}_classifier"
    into.parent.mkdir()
    text = output("recover", folder, "--to", 5, "--into", into)
    assert text.splitlines()[-1] == (
        f"next         duma serve classifier --datadir {into.parent} --listen 127.0.0.1 --port {port}"
    )
    words = ["-b", "127.0.0.1", "-d", str(into.parent), "-f", write_config(tmp_path), "--journal", "always"]
    for labels in ({"good": 2, "bad": 1}, {"good": 2, "bad": 2}):
        server = Server(tmp_path, "jubaclassifier", "-p", str(port), *words)
        try:
            client = server.connect(port)
            assert client.call("get_labels") == labels
            client.call("train", labeled("bad", "more"))
            client.close()
        finally:
            server.end()
    assert [row["name"] for row in rows("journal", "show", into)].count("train") == 2


def test_random_choices_go_on_in_the_new_folder(tmp_path: Path) -> None:
    made = JournaledFolder(tmp_path / "a_1_classifier", RANDOM)
    calls = [("train", labeled(f"label{i}", f"text{i}")) for i in range(12)]
    for call_ in calls[:4]:
        made.send(HAM, *call_)
    made.snapshot()
    for call_ in calls[4:8]:
        made.send(HAM, *call_)
    made.close()
    into = tmp_path / "b_2_classifier"
    output("recover", made.path, "--into", into)
    (event,) = rows("journal", "show", into)
    assert event["name"] == "hidden_state"

    output("recover", into, "--into", tmp_path / "c_3_classifier")
    (same,) = rows("journal", "show", tmp_path / "c_3_classifier", "--decode")
    assert same["value"] == made.engine.hidden_state().decode()
    output("recover", into, "-o", tmp_path / "c.jubatus")
    assert state(loaded(tmp_path / "c.jubatus", RANDOM)) == state(made.engine)


def test_random_choices_follow_what_is_left(tmp_path: Path) -> None:
    """A state of random draws behind a left-out record is of another history."""
    made = JournaledFolder(tmp_path / "a_1_classifier", RANDOM)
    calls = [("train", labeled(f"label{i}", f"text{i}")) for i in range(12)]
    numbers = []
    for i, call_ in enumerate(calls):
        numbers.append(made.send(HAM, *call_))
        if i == 7:
            made.snapshot()
    made.close()
    output("recover", made.path, "--without", numbers[5], "-o", tmp_path / "out.jubatus")
    expected = trained(*calls[:5], *calls[6:], config=RANDOM)
    assert state(loaded(tmp_path / "out.jubatus", RANDOM)) == expected


# --- what a journal may hold ---


def test_a_load_is_done_again(tmp_path: Path) -> None:
    other = duma.Classifier(CONFIG)
    apply(other, "train", labeled("other", "model"))
    other.save(tmp_path / "other.jubatus")
    made = JournaledFolder(tmp_path / "a_1_classifier")
    made.send(HAM, *TRAINING[0])
    number = made.load(tmp_path / "other.jubatus")
    made.send(HAM, *TRAINING[1])
    made.close()
    (tmp_path / "other.jubatus").unlink()

    output("recover", made.path, "-o", tmp_path / "all.jubatus")
    assert state(loaded(tmp_path / "all.jubatus")) == state(made.engine)
    output("recover", made.path, "--without", number, "-o", tmp_path / "without.jubatus")
    assert state(loaded(tmp_path / "without.jubatus")) == trained(*TRAINING[:2])

    (copy,) = made.folder.snapshots.glob("loaded-*")
    copy.unlink()
    text = failure("recover", made.path, "-o", tmp_path / "none.jubatus")
    assert f"record {number} of the journal loaded {tmp_path / 'other.jubatus'}" in text
    assert "No such file" in text


def test_a_request_that_failed_fails_again(tmp_path: Path) -> None:
    made = JournaledFolder(tmp_path / "a_1_classifier")
    broken = [*labeled("good", "first half"), ["bad", [[["no$key", "x"]], [], []]]]
    made.send(HAM, "train", broken)
    made.send(HAM, "delete_label", "unknown")
    made.close()
    text = output("recover", made.path, "-o", tmp_path / "out.jubatus")
    assert "replayed     2 requests, 1 of which failed, as they did when they were sent" in text
    assert state(loaded(tmp_path / "out.jubatus")) == state(made.engine) != trained()


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (("event", b"mix", b"\xc0"), "an event 'mix', which this version does not know"),
        (("event", b"load", b"\xc0"), "(load) cannot be read: b'\\xc0', expected a map"),
        (("event", b"load", b"\x83\xa4file\xa4../x\xa2id\xa0\xa4path\xa0"), "expected a file in the"),
        (("event", b"load", b"\x81"), "(load) cannot be read: not MessagePack"),
        (("event", b"client", b"\x91\x01"), "(client) cannot be read"),
        (("event", b"from", b"\xa1x"), "(from) cannot be read"),
        (("request", "fly", b"\x90"), "a request 'fly', which a classifier does not know"),
        (("request", "train", b"\x01"), "its 1 bytes are not the parameters of a request"),
        (("request", "train", b"\x92\xa0"), "its 2 bytes are not the parameters of a request"),
        (("request", "train", b"\x91\xa0\xc0"), "its 3 bytes are not the parameters of a request"),
    ],
)
def test_a_record_that_cannot_be_replayed_is_an_error(
    tmp_path: Path, record: tuple[Any, Any, Any], text: str
) -> None:
    made = JournaledFolder(tmp_path / "a_1_classifier")
    kind, name, payload = record
    number = made.event(name, payload) if kind == "event" else made.record(name, payload)
    made.close()
    told = failure("recover", made.path, "-o", tmp_path / "out.jubatus")
    assert f"record {number} of the journal" in told
    assert text in told
    assert not (tmp_path / "out.jubatus").exists()


# --- damage ---


def test_damage_stops_recovery_until_it_is_skipped(folder: Path, tmp_path: Path) -> None:
    flip(segment(folder), b"bad word5")
    lost = 8  # behind two events that say who sends
    out = tmp_path / "out.jubatus"
    whole = output("recover", folder, "--to", 14, "-o", tmp_path / "later.jubatus")
    assert "\nlost" not in whole, "the snapshot behind the damage has all"
    assert "; the snapshot has what was there" in whole

    told = failure("recover", folder, "--to", 9, "-o", out)
    assert f"{segment(folder)} is damaged at offset" in told
    assert f"records {lost} to {lost} are lost" in told
    assert "--skip-damaged" in told
    assert not out.exists()

    text = output("recover", folder, "--to", 9, "--skip-damaged", "-o", out)
    assert f"records {lost} to {lost} are lost" in text
    assert state(loaded(out)) == trained(*TRAINING[:5], TRAINING[6])


def test_a_damaged_snapshot_is_passed_over(folder: Path, tmp_path: Path) -> None:
    newest = sorted((folder / "snapshots").iterdir())[-1]
    data = bytearray(newest.read_bytes())
    data[-1] ^= 1
    newest.write_bytes(data)
    text = output("recover", folder, "--to", 14, "-o", tmp_path / "out.jubatus")
    assert "snapshot was passed over: invalid crc32 checksum" in text
    assert state(loaded(tmp_path / "out.jubatus")) == trained(*TRAINING, *POISON)
    result = call("journal", "stat", folder)
    assert result.exit_code == 1
    assert f"{newest.name}\t{len(data)} bytes" in result.stdout
    for snapshot in (folder / "snapshots").iterdir():
        snapshot.write_bytes(b"")
    assert "has no whole snapshot" in failure("recover", folder, "--dry-run")


def test_a_torn_tail_is_no_damage(folder: Path, tmp_path: Path) -> None:
    path = segment(folder)
    with path.open("ab") as file:
        file.write(b"\x00" * 50)
    before = contents(folder)
    text = output("recover", folder, "-o", tmp_path / "out.jubatus")
    assert "unfinished" in text
    assert "unfinished\t" in output("journal", "stat", folder)
    assert contents(folder) == before


def test_the_journal_is_read_while_it_is_written(tmp_path: Path) -> None:
    made = JournaledFolder(tmp_path / "a_1_classifier")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            made.send(HAM, "train", labeled("good", "word"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(10):
            numbers = [row["record"] for row in rows("journal", "show", made.path, "--all")]
            assert numbers == list(range(1, len(numbers) + 1))
            assert json.loads(output("journal", "stat", made.path, "--json"))["damages"] == []
            output("recover", made.path, "-o", tmp_path / f"{i}.jubatus")
    finally:
        stop.set()
        writer.join()
        made.close()


# --- refusals ---


def test_targets_that_are_refused(folder: Path, tmp_path: Path) -> None:
    existing = tmp_path / "existing"
    existing.write_text("precious")
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    before = contents(tmp_path)
    for target, why in [
        (existing, "exists already"),
        (dangling, "exists already"),
        (tmp_path, "exists already"),
        (folder / "out.jubatus", "is inside of"),
        (folder / "snapshots" / "out.jubatus", "is inside of"),
        (folder / ".." / folder.name / "new", "is inside of"),
        (tmp_path / "missing" / "out.jubatus", "there is no folder"),
    ]:
        for option in ("-o", "--into"):
            assert why in failure("recover", folder, option, target)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--to", "5"], 2, "either --output FILE or --into FOLDER"),
        (["-o", "a", "--into", "b"], 2, "either --output FILE or --into FOLDER"),
        (["--to", "soon", "--dry-run"], 2, "'soon' is not a time"),
        (["--to", "before=x", "--dry-run"], 2, "'before=x' is not before= and the number of a record"),
        (["--to", "before=0", "--dry-run"], 2, "'before=0' is not before= and the number of a record"),
        (["--without", "5..", "--dry-run"], 2, "'5..' is not the number of a record"),
        (["--without", "7..5", "--dry-run"], 2, "'7..5' is not the number of a record"),
        (["--to", "400", "--dry-run"], 1, "ends with record 18, there is no record 400"),
        (["--without", "400", "--dry-run"], 1, "records 400..400 cannot be left out"),
        (["--without", "17..19", "--dry-run"], 1, "those that would be replayed are 1..18"),
        (["--without", "7", "--to", "5", "--dry-run"], 1, "those that would be replayed are 1..5"),
    ],
)
def test_wrong_words(folder: Path, words: list[str], status: int, text: str) -> None:
    assert text in " ".join(failure("recover", folder, *words, status=status).split())


def test_what_is_too_old_is_refused(folder: Path, tmp_path: Path) -> None:
    first = sorted((folder / "snapshots").iterdir())[0]
    first.unlink()
    for words in (["--to", "5"], ["--without", "5"]):
        text = failure("recover", folder, *words, "-o", tmp_path / "out.jubatus")
        assert "no snapshot is old enough" in text
        assert "has record 14 already" in text
