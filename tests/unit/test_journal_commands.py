"""`duma journal`: finding who sent what, and when."""

import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest
from journaled_folder import (
    HAM,
    SPAM,
    JournaledFolder,
    call,
    failure,
    flip,
    make_incident,
    output,
    rows,
    segment,
)
from server_process import COMMANDS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight requests, two poisoned ones, a snapshot, the wrong clear, and one more request."""
    return make_incident(tmp_path)


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
