"""`duma backup`: copies of a data folder elsewhere, and servers that go on from them."""

import dataclasses
import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from journaled_folder import (
    HAM,
    TRAINING,
    JournaledFolder,
    apply,
    call,
    contents,
    failure,
    labeled,
    loaded,
    output,
    state,
    trained,
)
from markdown import Page
from server_process import COMMANDS, CONFIG, Server, free_port, serving, until, write_config

import duma
from duma.commands.backup import backup
from duma.store.backup.folder_remote import FolderRemote
from duma.store.backup.lease import Lease
from duma.store.backup.manifest import format_manifest
from duma.store.backup.place import Place
from duma.store.files import DiskFiles

DRAWS = {
    **CONFIG,
    "parameter": {
        "regularization_weight": 1.0,
        "unlearner": "random",
        "unlearner_parameter": {"max_size": 3},
    },
}


@pytest.fixture
def made(tmp_path: Path) -> JournaledFolder:
    """A data folder with requests before and behind its newest snapshot; the server is still running."""
    made = JournaledFolder(tmp_path / "data" / "127.0.0.1_9199_classifier")
    for request in TRAINING[:5]:
        made.send(HAM, *request)
    made.snapshot()
    for request in TRAINING[5:]:
        made.send(HAM, *request)
    return made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "backup"


def listed(place: Path, status: int = 0) -> list[dict[str, Any]]:
    result = call("backup", "list", place, "--json")
    assert result.exit_code == status, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def create(made: JournaledFolder, place: Path, *words: str) -> str:
    """Make a backup; returns its id."""
    text = output("backup", "create", made.path, place, *words)
    return text.split()[1]


def test_a_backup_is_made_verified_listed_and_restored(
    made: JournaledFolder, place: Path, tmp_path: Path
) -> None:
    before = contents(made.path)
    text = output("backup", "create", made.path, place)
    assert "verified     it has the state of the data folder it was made of (" in text
    (row,) = listed(place)
    sequence = made.writer.position[0]
    assert (row["record"], row["type"], row["journal"]) == (sequence, "classifier", "8f31c2aa")
    assert row["id"] in text
    assert row["verified"]
    assert contents(made.path) == before

    out = tmp_path / "out.jubatus"
    text = output("backup", "restore", place, "-o", out)
    assert f"next         duma serve classifier --model-file {out}" in text
    assert state(loaded(out)) == trained(*TRAINING)

    into = tmp_path / "again" / "127.0.0.1_9300_classifier"
    into.parent.mkdir()
    text = output("backup", "restore", place, "--into", into)
    assert f"--datadir {into.parent} --listen 127.0.0.1 --port 9300" in text
    output("recover", into, "-o", tmp_path / "recovered.jubatus")
    assert state(loaded(tmp_path / "recovered.jubatus")) == trained(*TRAINING)


def test_a_table_for_people(made: JournaledFolder, place: Path) -> None:
    backup_id = create(made, place, "--no-verify")
    title, columns, row = output("backup", "list", place).splitlines()
    assert title == f"# backups in {place}"
    assert columns.split("\t")[:2] == ["id", "time"]
    assert row.split("\t")[0] == backup_id
    assert row.split("\t")[6] == "", "it was not verified"


def test_the_second_backup_sends_what_is_new(made: JournaledFolder, place: Path) -> None:
    create(made, place, "--no-verify")
    assert "sent         0 bytes in 0 pieces" in output("backup", "create", made.path, place, "--no-verify")
    made.send(HAM, "train", labeled("good", "more"))
    assert "in 1 pieces" in output("backup", "create", made.path, place, "--no-verify")
    assert len(listed(place)) == 3


def test_an_earlier_backup_is_restored_by_its_id(made: JournaledFolder, place: Path, tmp_path: Path) -> None:
    first = create(made, place, "--no-verify")
    made.send(HAM, "clear")
    create(made, place, "--no-verify")
    output("backup", "restore", place, "-o", tmp_path / "newest.jubatus")
    output("backup", "restore", place, "--id", first, "-o", tmp_path / "first.jubatus")
    assert state(loaded(tmp_path / "newest.jubatus")) == trained(*TRAINING, ("clear",))
    assert state(loaded(tmp_path / "first.jubatus")) == trained(*TRAINING)


def test_a_model_that_was_loaded_comes_along(made: JournaledFolder, place: Path, tmp_path: Path) -> None:
    other = duma.Classifier(CONFIG)
    apply(other, "train", labeled("other", "quite different"))
    other.save(tmp_path / "other.jubatus")
    made.load(tmp_path / "other.jubatus")
    made.send(HAM, "train", labeled("good", "after"))
    assert "it has the state of the data folder" in output("backup", "create", made.path, place)
    output("backup", "restore", place, "-o", tmp_path / "out.jubatus")
    assert state(loaded(tmp_path / "out.jubatus")) == state(made.engine)


def test_draws_go_on_where_they_were(tmp_path: Path, place: Path) -> None:
    """Without a seed: what the restored folder draws next is what the first one would have."""
    made = JournaledFolder(tmp_path / "data" / "127.0.0.1_9199_classifier", DRAWS)
    for i in range(10):
        made.send(HAM, "train", labeled(f"label{i}", f"word{i}"))
    assert "it has the state of the data folder" in output("backup", "create", made.path, place)
    restored = tmp_path / "restored"
    output("backup", "restore", place, "--into", restored)
    for path in (made.path, restored):
        output("recover", path, "-o", tmp_path / f"{path.name}.jubatus")
    assert state(loaded(tmp_path / "restored.jubatus", DRAWS)) == state(made.engine)


# --- verify


def test_verify_tells_what_it_compared_with(made: JournaledFolder, place: Path) -> None:
    create(made, place, "--no-verify")
    first = output("backup", "verify", place)
    assert "it can be recovered; there is no state to compare with (" in first
    second = output("backup", "verify", place)
    assert "it has the state of the earlier verification (" in second
    assert first.split("(")[-1] == second.split("(")[-1]
    assert listed(place)[0]["verified"]


def test_verify_finds_what_is_damaged_or_missing(made: JournaledFolder, place: Path) -> None:
    create(made, place, "--no-verify")
    made.snapshot()
    create(made, place, "--no-verify")
    assert output("backup", "verify", place, "--all").count("verified") == 2
    pieces = sorted((place / "pieces").iterdir())
    damaged = pieces[0].read_bytes()
    pieces[0].write_bytes(damaged[:-1] + bytes([damaged[-1] ^ 1]))
    result = run("verify", place, "--all")
    assert result.returncode == 1
    assert f"Error: pieces/{pieces[0].name} in {place} is damaged: its SHA-256 is" in result.stderr
    pieces[0].unlink()
    assert any(row["problem"] == "1 pieces are missing" for row in listed(place, status=1))
    assert f"lacks pieces/{pieces[0].name}" in run("verify", place, "--all").stderr


def test_verify_finds_another_state(made: JournaledFolder, place: Path) -> None:
    """Whole, and of the right position, but not what the data folder had."""
    create(made, place)
    found = Place(FolderRemote(DiskFiles(), place))
    manifest = found.find("latest")
    wrong = dataclasses.replace(manifest, state="0" * 64)
    (place / "backups" / f"{manifest.id}.json").write_bytes(format_manifest(wrong))
    text = failure_of("verify", place)
    assert (
        f"backup {manifest.id} in {place} restores to another state: {manifest.state}, expected 000" in text
    )


def test_verify_finds_a_backup_that_no_server_could_start_on(made: JournaledFolder, place: Path) -> None:
    """All checksums of the backup are right: it was made of a folder whose journal lies."""
    made.record("no_such_method", b"\x91\xa0")
    text = failure("backup", "create", made.path, place)
    assert "cannot be recovered: record 13 of the journal is a request 'no_such_method'" in text
    assert not (place / "backups").exists()
    create(made, place, "--no-verify")
    assert "'no_such_method'" in failure_of("verify", place)


# --- refusals


def test_what_is_refused_says_why(made: JournaledFolder, place: Path, tmp_path: Path) -> None:
    assert "has no backup" in failure("backup", "restore", place, "-o", tmp_path / "x")
    assert "has no backup" in failure("backup", "prune", place)
    assert not place.exists(), "nothing is made where nothing is"
    assert "is no data folder" in failure("backup", "create", tmp_path, place)
    create(made, place, "--no-verify")
    exists = failure("backup", "restore", place, "-o", place)
    assert "exists already, and is not overwritten" in exists
    assert "there is no folder" in failure("backup", "restore", place, "--into", tmp_path / "no" / "where")
    assert "'nonsense' is no id of a backup" in failure(
        "backup", "restore", place, "--id", "nonsense", "-o", tmp_path / "x"
    )
    unknown = "20260131T235959Z-00000000"
    assert f"has no backup {unknown}" in failure("backup", "verify", place, unknown)
    assert "is no place for backups" in failure("backup", "list", "ftp://host/folder")
    failure("backup", "restore", place, status=2)
    failure("backup", "restore", place, "-o", "a", "--into", "b", status=2)


def test_another_server_is_refused_unless_it_takes_over(
    made: JournaledFolder, place: Path, tmp_path: Path
) -> None:
    create(made, place, "--no-verify")
    output("recover", made.path, "--into", tmp_path / "other")
    other = tmp_path / "other"
    text = failure("backup", "create", other, place)
    assert (
        f"has backups of journal 8f31c2aa ({os.uname().nodename}:{made.path} (process {os.getpid()}" in text
    )
    output("backup", "create", other, place, "--take-over")
    assert [row["journal"] == "8f31c2aa" for row in listed(place)] == [True, False]
    lease = Lease.claim(FolderRemote(DiskFiles(), place), journal=None, owner="somebody")
    with lease.held():
        assert "is being written by somebody (process" in failure("backup", "create", other, place)
        assert "is being written by somebody (process" in failure("backup", "prune", place)


# --- prune and copy


def test_prune_keeps_what_the_rule_keeps(made: JournaledFolder, place: Path) -> None:
    ids = []
    for word in "abcd":
        made.send(HAM, "train", labeled("good", word))
        made.snapshot()
        ids.append(create(made, place, "--no-verify"))
    output("backup", "verify", place, ids[0])
    dry = output("backup", "prune", place, "--keep-last", "2", "--grace", "0", "--dry-run")
    assert f"would remove {ids[1]}" in dry
    assert len(listed(place)) == 4
    text = output("backup", "prune", place, "--keep-last", "2", "--grace", "0")
    assert f"removed      {ids[1]}" in text
    assert dry.splitlines()[-1].replace("would be ", "") == text.splitlines()[-1]
    assert [row["id"] for row in listed(place)] == [ids[0], ids[2], ids[3]]
    assert output("backup", "verify", place, "--all").count("verified") == 3


def test_copies_can_be_restored(made: JournaledFolder, place: Path, tmp_path: Path) -> None:
    ids = [create(made, place, "--no-verify")]
    made.send(HAM, "train", labeled("good", "more"))
    ids.append(create(made, place, "--no-verify"))
    target = tmp_path / "target"
    output("backup", "copy", place, target, "latest")
    assert [row["id"] for row in listed(target)] == ids[1:]
    text = output("backup", "copy", place, target)
    assert f"copied       {ids[0]}" in text
    assert f"is there     {ids[1]}" in text
    assert [row["id"] for row in listed(target)] == ids
    assert output("backup", "verify", target, "--all").count("verified") == 2


# --- processes


def test_a_server_on_another_folder_answers_alike(tmp_path: Path, place: Path) -> None:
    """The backup is made while the server learns; a new one starts on it and goes on."""
    question = [[[["text", "good word1 word2"]], [], []]]
    with serving(tmp_path, "--journal", "always") as (server, client, port):
        for request in TRAINING:
            client.call(*request)
        folder = tmp_path / f"127.0.0.1_{port}_classifier"
        output("backup", "create", folder, place)
        answer, labels = client.call("classify", question), client.call("get_labels")
        server.signal(signal.SIGKILL)
    new = tmp_path / "new"
    new.mkdir()
    port = free_port()
    output("backup", "restore", place, "--into", new / f"127.0.0.1_{port}_classifier")
    words = ["serve", "classifier", "-p", str(port), "--datadir", str(new)]
    again = Server(tmp_path, "duma", *words)
    try:
        client = again.connect(port)
        assert client.call("classify", question) == answer
        assert client.call("get_labels") == labels
        client.call("train", labeled("good", "and on"))
        status = client.call("get_status")[f"127.0.0.1_{port}"]
        assert status["recovery_report"] == ""
        client.close()
    finally:
        again.end()
    restored = new / f"127.0.0.1_{port}_classifier"
    assert "it has the state" in output("backup", "create", restored, place, "--take-over")


def test_a_killed_create_is_gone_on_with(made: JournaledFolder, place: Path) -> None:
    """A large file makes many pieces; the process is killed when some of them are there."""
    large = made.folder.snapshots / f"loaded-{made.writer.position[0]:020}.jubatus"
    large.write_bytes(os.urandom(64 << 20))
    command = [str(COMMANDS / "duma"), "backup", "create", str(made.path), str(place), "--no-verify"]
    process = subprocess.Popen(command)
    pieces = place / "pieces"
    until(lambda: pieces.exists() and len(list(pieces.glob("[0-9a-f]*"))) >= 3)
    process.kill()
    process.wait()
    there = len(list(pieces.glob("[0-9a-f]*")))
    assert listed(place) == [], "what is not whole is not listed"
    text = output("backup", "create", made.path, place, "--no-verify", "--take-over")
    sent = int(text.split(" pieces;")[0].split()[-1])
    assert 0 < sent == len(list(pieces.iterdir())) - there
    assert len(listed(place)) == 1
    assert not list(pieces.glob(".*")), "leftovers of the killed process"
    output("backup", "restore", place, "--into", place.parent / "restored")
    assert (place.parent / "restored" / "snapshots" / large.name).read_bytes() == large.read_bytes()


def run(*words: Any) -> "subprocess.CompletedProcess[str]":
    command = [str(COMMANDS / "duma"), "backup", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def failure_of(*words: Any) -> str:
    """`verify` tells of each backup, and goes on; what it printed on standard error."""
    result = run(*words)
    assert result.returncode == 1, result.stdout
    assert "Traceback" not in result.stderr
    return result.stderr


def test_the_configuration_is_in_the_backup(made: JournaledFolder, place: Path, tmp_path: Path) -> None:
    create(made, place, "--no-verify")
    output("backup", "restore", place, "-o", tmp_path / "out.jubatus")
    config = json.loads(Path(write_config(tmp_path)).read_text())
    assert json.loads(loaded(tmp_path / "out.jubatus").get_config()) == config


def test_the_examples_of_the_page_do_what_it_says(
    made: JournaledFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One after the other, with folders below `tmp_path` in the place of all others."""
    monkeypatch.chdir(tmp_path)
    page = Page(Path(__file__).parents[2] / "docs" / "backup-and-recovery.md")
    commands = [text for _, text in page.commands() if text.startswith("duma backup ")]
    assert {text.split()[2] for text in commands} == set(backup.commands)
    for number, text in enumerate(commands):
        made.snapshot()
        program, *words = shlex.split(text)
        datadir = made.path.parent
        if "--into" in words:
            datadir = tmp_path / f"datadir{number}"
            datadir.mkdir()
        moved = {"/var/lib/duma": datadir, "s3://": tmp_path / "s3", "/mnt": tmp_path / "mnt"}
        for shown, own in moved.items():
            words = [re.sub(f"^{shown}", f"{own}/", word) for word in words]
        assert program == "duma"
        assert output(*words)
        for option in ("-o", "--into"):
            assert option not in words or Path(words[words.index(option) + 1]).exists()
