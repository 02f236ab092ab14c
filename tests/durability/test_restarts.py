"""What a server has and does after an end of any kind, beside the model itself."""

import shutil
from pathlib import Path

import pytest
from lives import Lives, labeled, lives
from server_process import CONFIG, Client, Server, free_port, run, until

from duma.server.loaded_models import LoadedModels
from duma.store.files import DiskFiles

DRAWS = {
    **CONFIG,
    "parameter": {
        "regularization_weight": 1.0,
        "unlearner": "random",
        "unlearner_parameter": {"max_size": 3},
    },
}


def teach(client: Client, count: int = 30) -> None:
    for i in range(count):
        client.call("train", labeled(f"label{i}", f"word{i}"))


def snapshot_names(server: Lives) -> list[str]:
    return sorted(path.name for path in server.snapshots.iterdir())


def test_draws_without_a_seed_are_the_same_after_a_first_life_without_updates(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always", config=DRAWS) as server:
        server.start()
        server.kill()
        client = server.start()
        teach(client)
        learned = client.call("get_labels")
        for _ in range(2):
            server.kill()
            client = server.start()
            assert client.call("get_labels") == learned


@pytest.mark.parametrize("config", [CONFIG, DRAWS])
def test_idle_lives_take_no_snapshots_and_remove_none(tmp_path: Path, config: object) -> None:
    with lives(tmp_path / "data", "--keep-last", "2", config=config) as server:
        for text in ("one", "two"):
            server.start().call("train", labeled("a", text))
            server.stop()
        kept = snapshot_names(server)
        assert len(kept) == 2
        for _ in range(3):
            server.start()
            server.stop()
        assert snapshot_names(server) == kept


def test_lives_too_short_for_a_snapshot_come_to_one_together(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--snapshot-journal-size", "10000") as server:
        for life in range(4):
            client = server.start()
            assert server.status(client)["last_snapshot_position"] == "0"
            client.call("train", labeled("a", f"{life} " * 1500))
            server.kill()
        client = server.start()
        until(lambda: server.status(client)["last_snapshot_position"] != "0")
        assert server.status(client)["journal_bytes_since_snapshot"] == "0"
        assert client.call("get_labels") == {"a": 4}


def test_a_load_alone_is_kept_by_a_snapshot_at_the_end(tmp_path: Path) -> None:
    with lives(tmp_path / "data") as server:
        client = server.start()
        client.call("train", labeled("a", "one"))
        client.call("save", "m")
        client.call("clear")
        server.stop()
        server.start().call("load", "m")
        server.stop()
        client = server.start()
        assert client.call("get_labels") == {"a": 1}
        assert server.status(client)["recovered_records"] == "0"


# A first start that crashed leaves a journal without records and no snapshot, which is no loss.
@pytest.mark.parametrize(("how", "records"), [("damaged", 0), ("damaged", 3), ("removed", 3)])
def test_a_journal_without_what_it_began_with_is_refused(tmp_path: Path, how: str, records: int) -> None:
    """The first snapshot need not be of an empty model: replaying onto one would be a silent loss."""
    with lives(tmp_path / "data", "--journal", "always") as server:
        client = server.start()
        for i in range(records):
            client.call("train", labeled(f"label{i}", "text"))
        server.kill()
        (first,) = server.snapshots.glob("*.jubatus")
        whole = first.read_bytes()
        if how == "removed":
            first.unlink()
        else:
            first.write_bytes(whole[:-1])
        line = server.refused()
        assert f"{server.folder} has no whole snapshot" in line
        assert "put a snapshot back from a backup, or move the folder away" in line
        first.write_bytes(whole)
        assert server.start().call("get_labels") == {f"label{i}": 1 for i in range(records)}


def test_all_snapshots_gone_and_the_journal_already_cut(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--keep-last", "1", "--journal-segment-size", "4096") as server:
        for _ in range(3):
            client = server.start()
            client.call("train", labeled("a", "text " * 1000))
            server.stop()
        kept = tmp_path / "kept"
        shutil.copytree(server.snapshots, kept)
        for path in server.snapshots.iterdir():
            path.unlink()
        assert "has no whole snapshot" in server.refused()
        shutil.copytree(kept, server.snapshots, dirs_exist_ok=True)
        assert server.start().call("get_labels") == {"a": 3}


def test_what_is_being_loaded_is_not_removed_with_old_loads(tmp_path: Path) -> None:
    source = tmp_path / "model"
    source.write_bytes(b"contents")
    loaded = LoadedModels(DiskFiles(), tmp_path)
    loaded.copy(source)
    loaded.settle(3)
    copy = loaded.copy(source)
    loaded.remove_up_to(10)
    assert copy.read_bytes() == b"contents"
    assert loaded.settle(11).name == "loaded-00000000000000000011.jubatus"
    assert sorted(path.name for path in tmp_path.glob("load*")) == ["loaded-00000000000000000011.jubatus"]


def test_a_datadir_that_was_moved(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        teach(server.start(), 3)
        server.kill()
        server.datadir = server.datadir.rename(tmp_path / "moved")
        assert len(server.start().call("get_labels")) == 3


def test_another_port_begins_anew_and_says_what_lies_beside(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        teach(server.start(), 3)
        assert "is a new data folder" not in server.server.output
        server.kill()
        old, server.port = server.folder, free_port()
        assert server.start().call("get_labels") == {}
        assert (
            f"{server.folder} is a new data folder, but there are others, of other addresses or ports: {old.name}; "
            "to go on with one of those, end this server and give that folder this name"
        ) in server.server.output
        server.stop()
        shutil.rmtree(server.folder)
        old.rename(server.folder)
        assert len(server.start().call("get_labels")) == 3
        assert "is a new data folder" not in server.server.output


def test_a_journal_that_is_not_used_is_mentioned(tmp_path: Path) -> None:
    with lives(tmp_path / "data", "--journal", "always") as server:
        teach(server.start(), 3)
        server.kill()
        server.words = ("--journal", "off")
        assert server.start().call("get_labels") == {}
        assert f"the journal is off: the model in {server.folder} is neither used nor" in server.server.output


def test_a_model_file_begins_a_folder_and_is_refused_later(tmp_path: Path) -> None:
    """The first snapshot has the model; after that neither `-m` nor `-f` is needed."""
    with lives(tmp_path / "first") as first:
        client = first.start()
        teach(client, 3)
        client.call("save", "m")
    words = ("-d", str(tmp_path), "-b", "127.0.0.1", "-p", str(free_port()), "--journal", "always")
    model = ("-m", str(first.model("m")))
    for more, labels in ((model, 4), ((), 5)):
        server = Server(tmp_path, "jubaclassifier", *words, *more)
        client = server.connect(int(words[5]))
        client.call("set_label", f"more{labels}")
        assert len(client.call("get_labels")) == labels
        client.close()
        server.end()
    refused = run(tmp_path, *words, *model)
    assert refused.wait() == 1
    assert refused.output.splitlines()[-1].endswith(
        "holds a model already: start without --model_file and load the file over RPC, or choose another --datadir"
    )


def test_nothing_to_begin_with(tmp_path: Path) -> None:
    server = run(tmp_path, "-d", str(tmp_path), "--journal", "always")
    assert server.wait() == 1
    assert server.errors.startswith("config path or model file must be specified for standalone mode\nusage:")
    assert not list(tmp_path.glob("*_classifier"))
