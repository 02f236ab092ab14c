"""Undoing as a user does it: on a running server, and as the documentation says."""

import re
import shlex
from pathlib import Path

import pytest
from journaled_folder import flip, labeled, loaded, make_incident, output, rows, segment, state, trained
from markdown import Page
from server_process import serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight requests, two poisoned ones, a snapshot, the wrong clear, and one more request."""
    return make_incident(tmp_path)


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
        if SHOWN in command and " backup " not in command and ("--skip-damaged" in command) == damaged
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
