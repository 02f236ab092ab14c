"""`duma journal` and `duma recover`: finding what went wrong, and a model without it."""

import json
import os
import pty
import re
import shlex
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from journaled_folder import HAM, SPAM, START, JournaledFolder, apply, contents, labeled, state
from markdown import Page
from server_process import COMMANDS, CONFIG, Server, free_port, serving, write_config

import duma
from duma.commands.main import main
from duma.commands.times import format_time

RANDOM = {
    **CONFIG,
    "parameter": {
        "regularization_weight": 1.0,
        "unlearner": "random",
        "unlearner_parameter": {"max_size": 3, "seed": 7},
    },
}


def call(*words: Any) -> Result:
    """Run `duma` with these words, in this process."""
    return CliRunner().invoke(main, [str(word) for word in words])


def output(*words: Any) -> str:
    result = call(*words)
    assert result.exit_code == 0, result.output
    return result.stdout


def failure(*words: Any, status: int = 1) -> str:
    result = call(*words)
    assert result.exit_code == status, result.output
    assert result.stdout == ""
    return result.stderr


def rows(*words: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output(*words, "--json").splitlines()]


def loaded(path: Path, config: Any = CONFIG) -> Any:
    engine = duma.Classifier(config)
    engine.load(path)
    return engine


def trained(*calls: Any, config: Any = CONFIG) -> Any:
    """What an engine has learned after these calls."""
    engine = duma.Classifier(config)
    for method, *arguments in calls:
        apply(engine, method, *arguments)
    return state(engine)


TRAINING = [("train", labeled(label, f"{label} word{i}")) for i, label in enumerate(["good", "bad"] * 4)]
POISON = [("train", labeled("good", "buy cheap pills")), ("train", labeled("good", "buy more pills"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight requests, two poisoned ones, a snapshot, the wrong clear, and one more request."""
    made = JournaledFolder(tmp_path / "data" / "127.0.0.1_9199_classifier")
    for call_ in TRAINING:
        made.send(HAM, *call_)
    for call_ in POISON:
        made.send(SPAM, *call_)
    made.snapshot()
    made.send(HAM, "clear")
    made.send(HAM, "train", labeled("new", "begin again"))
    made.close()
    return made.path


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


def flip(path: Path, text: bytes) -> int:
    """Change one byte of `text`, which is in a file once; returns its offset."""
    data = bytearray(path.read_bytes())
    assert data.count(text) == 1
    offset = data.index(text)
    data[offset] ^= 0xFF
    path.write_bytes(data)
    return offset


def segment(folder: Path) -> Path:
    (path,) = (folder / "journal").glob("*.journal")
    return path


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


def test_damage_is_shown_and_counted(folder: Path) -> None:
    flip(segment(folder), b"bad word5")
    result = call("journal", "show", folder)
    assert result.exit_code == 0
    assert "records 8 to 8 are lost" in result.stderr
    numbers = [int(line.split("\t")[0]) for line in result.stdout.splitlines()]
    assert 7 in numbers
    assert 8 not in numbers
    assert 9 in numbers

    result = call("journal", "stat", folder)
    assert result.exit_code == 1
    assert "DAMAGED\t" in result.stdout


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


def test_folders_that_are_none(folder: Path, tmp_path: Path) -> None:
    datadir = folder.parent
    assert rows("journal", "show", datadir) == rows("journal", "show", folder)
    assert rows("journal", "show", folder / "journal") == rows("journal", "show", folder)
    assert "is no data folder" in failure("journal", "show", folder / "snapshots")
    assert "No such file" in failure("journal", "stat", tmp_path / "missing")
    (datadir / "127.0.0.1_9200_classifier" / "journal").mkdir(parents=True)
    text = failure("recover", datadir, "--dry-run")
    assert "several data folders, name one of them: 127.0.0.1_9199_classifier, 127.0.0.1_9200" in text
    empty = datadir / "127.0.0.1_9200_classifier"
    assert "cannot be listed" in failure("recover", empty, "--dry-run")
    (empty / "snapshots").mkdir()
    assert "holds no snapshot" in failure("recover", empty, "--dry-run")
    assert output("journal", "show", empty) == ""


# --- show, search, stat ---


def test_show_by_record_and_time(folder: Path) -> None:
    everything = rows("journal", "show", folder, "--all")
    assert [row["record"] for row in everything] == list(range(1, 19))
    assert [row["name"] for row in everything[:3]] == ["client", "from", "train"]
    fifth, eighth = everything[4], everything[7]
    for start, stop in [(5, 8), (fifth["time"], eighth["time"]), (5, eighth["time"])]:
        assert rows("journal", "show", folder, "--from", start, "--to", stop) == everything[4:8]
    assert rows("journal", "show", folder, "--last", 2) == everything[-2:]
    assert rows("journal", "show", folder, "--from", "-1m") == []
    assert rows("journal", "show", folder, "--from", 17) == everything[16:], "clients are known as well"


def test_search_by_size_and_time(folder: Path) -> None:
    everything = rows("journal", "show", folder)
    size = len(b"\x92\xa0\x91\x92\xa4good\x93\x91\x92\xa4text\xafbuy cheap pills\x90\x90")
    assert [row["bytes"] for row in rows("journal", "search", folder, "--min-size", size)] == [size]
    since, until = everything[2]["time"], everything[4]["time"]
    assert rows("journal", "search", folder, "--since", since, "--until", until) == everything[2:5]
    assert rows("journal", "search", folder, "--client", SPAM, "--method", "clear") == []
    assert [row["name"] for row in rows("journal", "search", folder, "--method", "clear,client")] == [
        "client",
        "client",
        "client",
        "clear",
    ]


def test_plain_lines_keep_to_their_columns(tmp_path: Path) -> None:
    made = JournaledFolder(tmp_path / "a_1_classifier")
    made.send(HAM, "train", [["good\n9\tx", [[["\x1b[31m", b"\xff"]], [["n", 1.5]], [["b", b"\xff\x00"]]]]])
    made.record("train", b"\x92\xa0\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00")
    made.record("train", b"\xc1")
    made.close()
    first, second, third = output("journal", "show", made.path, "--decode").splitlines()
    assert len(first.split("\t")) == 7
    assert first.split("\t")[-1] == (
        r"train(data=[LabeledDatum(label='good\n9\tx', "
        r"data=Datum(" + "\\x1b[31m" + r"='\udcff', n=1.5, b=b'\xff\x00'))])"
    )
    assert second.split("\t")[-1] == "train(data='inf')"
    assert third.split("\t")[-1] == r"\xc1"
    decoded = rows("journal", "show", made.path, "--decode")
    assert decoded[0]["arguments"] == [
        [["good\n9\tx", [[["\x1b[31m", r"\xff"]], [["n", 1.5]], [["b", "\\xff\0"]]]]]
    ]
    assert [row["arguments"] for row in decoded[1:]] == [["inf"], "\\xc1"]


def test_stat_counts(folder: Path) -> None:
    summary = json.loads(output("journal", "stat", folder, "--json"))
    assert summary["records"] == summary["last"] == 18
    assert summary["requests"]["train"][0] == 11
    assert summary["requests"]["clear"] == [1, 2]
    assert [row["record"] for row in summary["snapshots"]] == [0, 14]
    assert all(row["whole"] for row in summary["snapshots"])
    assert [row["bytes"] for row in summary["segments"]] == [segment(folder).stat().st_size]
    assert (summary["damages"], summary["unfinished"], summary["set_aside"]) == ([], None, [])
    plain = [line.split("\t") for line in output("journal", "stat", folder).splitlines()]
    assert ["request", "clear", "1", "2 bytes"] in plain


def on_a_terminal(*words: Any) -> str:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200", "TERM": "xterm"}
    command = [COMMANDS / "duma", *map(str, words)]
    process = subprocess.Popen(command, stdout=follower, stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    while True:
        try:
            data = os.read(leader, 4096)
        except OSError:  # the terminal's other side is closed
            break
        shown += data
        if not data:
            break
    os.close(leader)
    assert process.wait() == 0, shown
    return shown.decode()


def test_tables_and_progress_on_a_terminal(folder: Path, tmp_path: Path) -> None:
    shown = on_a_terminal("journal", "show", folder, "--decode")
    assert "record" in shown.splitlines()[0]
    assert SPAM in shown
    assert "Datum(text='buy cheap pills')" in shown
    assert "clear" in on_a_terminal("journal", "stat", folder)
    assert "replaying" in on_a_terminal("recover", folder, "-o", tmp_path / "out.jubatus")


# --- with a real server ---


def test_undoing_on_a_running_server(tmp_path: Path) -> None:
    with serving(tmp_path, "--journal", "always") as (_, client, port):
        client.call("train", labeled("good", "right"))
        client.call("train", labeled("bad", "wrong"))
        client.call("clear")
        folder = tmp_path / f"127.0.0.1_{port}_classifier"
        (found,) = rows("journal", "search", folder, "--method", "clear", "--since", "-5m")
        host, client_port = client.socket.getsockname()
        assert found["client"] == f"{host}:{client_port}"
        saved = tmp_path / f"127.0.0.1_{port}_classifier_undone.jubatus"
        output("recover", folder, "--to", f"before={found['record']}", "-o", saved)
        client.call("load", "undone")
        assert client.call("get_labels") == {"good": 1, "bad": 1}
        # The load is undone like any other update, even though there is a snapshot with it now.
        output("recover", folder, "--to", found["record"], "-o", tmp_path / "cleared.jubatus")
        assert state(loaded(tmp_path / "cleared.jubatus")) == trained()
        output("recover", folder, "-o", tmp_path / "now.jubatus")
        assert loaded(tmp_path / "now.jubatus").get_labels() == {"good": 1, "bad": 1}


# --- the documentation ---

PAGE = Page(Path(__file__).parents[2] / "docs" / "backup-and-recovery.md")
SHOWN = "/var/lib/duma/127.0.0.1_9199_classifier"


@pytest.mark.parametrize("damaged", [False, True])
def test_the_examples_of_the_page_do_what_it_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if damaged:
        flip(segment(folder), b"begin again")
    commands = [
        command.replace("/var/lib/duma", str(folder.parent))
        for block in PAGE.blocks()
        if block.language == "sh"
        for command in block.text.splitlines()
        if SHOWN in command and ("--skip-damaged" in command) == damaged
    ]
    assert commands
    for command in commands:
        program, *words = shlex.split(command)
        assert program == "duma"
        text = output(*words)
        if damaged:
            assert "\nlost         " in text
        if "-o" in words:
            assert Path(words[words.index("-o") + 1]).exists()


def test_the_report_on_the_page_is_the_one_that_is_printed(folder: Path) -> None:
    (shown,) = (block.text for block in PAGE.blocks() if "would replay" in block.text)
    printed = output("recover", folder, "--without", "13..14", "--dry-run")
    time = re.compile(r"\d{8}T\d{6}Z|\d{4}-\d\d-\d\dT[\d:.+]+")
    assert time.sub("", printed).replace(str(folder), SHOWN) == time.sub("", shown)
