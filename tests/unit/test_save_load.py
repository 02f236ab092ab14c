"""`save`, `load` and `--model_file` of a running server, with real files."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from server_process import CONFIG, CallError, Client, run, serving, write_config

from duma.store.files import DiskFiles
from duma.store.model_file import read_model, write_model

RECORD = [["spam", [[["text", "buy now"]], [], []]], ["ham", [[["text", "see you"]], [["n", 2.0]], []]]]
QUERY = [[[["text", "buy you"]], [["n", 1.0]], []]]


class Piece:
    """A snapshot of given bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data)

    def chunks(self) -> Iterator[bytes]:
        yield self.data


def models(folder: Path) -> list[str]:
    return sorted(
        path.name for path in folder.iterdir() if path.name not in ("config.json", "stdout0", "stderr0")
    )


def test_save_writes_a_file_and_says_where(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, port):
        client.call("train", RECORD)
        before = int(time.time())
        answer = client.call("save", "m.1")
        path = tmp_path / f"127.0.0.1_{port}_classifier_m.1.jubatus"
        assert answer == {f"127.0.0.1_{port}": str(path)}
        assert models(tmp_path) == [path.name]
        with read_model(DiskFiles(), path) as file:
            assert (file.engine_type, file.model_id) == ("classifier", "m.1")
            assert json.loads(file.config_text) == CONFIG
            assert before <= file.timestamp <= time.time()
            assert file.version == (1, 1, 1)
        status = client.call("get_status")[f"127.0.0.1_{port}"]
        assert status["last_saved_path"] == str(path)
        assert before <= int(status["last_saved"]) <= time.time()


def test_load_brings_back_what_was_saved(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, port):
        client.call("train", RECORD)
        learned = client.call("classify", QUERY)
        (path,) = client.call("save", "m").values()
        client.call("clear")
        assert client.call("classify", QUERY) == [[]]
        assert client.call("load", "m") is True
        assert client.call("classify", QUERY) == learned
        assert client.call("get_labels") == {"ham": 1, "spam": 1}
        status = client.call("get_status")[f"127.0.0.1_{port}"]
        assert status["last_loaded_path"] == path
        assert int(status["last_loaded"]) > 0


def test_save_overwrites(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, _):
        client.call("save", "m")
        client.call("train", RECORD)
        client.call("save", "m")
        assert len(models(tmp_path)) == 1
        client.call("clear")
        client.call("load", "m")
        assert client.call("get_labels") == {"ham": 1, "spam": 1}


@pytest.mark.parametrize(
    ("model_id", "text"),
    [
        ("", "empty id is not allowed"),
        ("../escape", "model ID contains invalid character"),
        ("/tmp/escape", "model ID contains invalid character"),
        ("..", "model ID contains invalid character"),
        (".hidden", "model ID contains invalid character"),
        ("a b", "model ID contains invalid character"),
        (b"\xff", "model ID contains invalid character"),
        ("x" * 101, "model ID is too long"),
    ],
)
def test_bad_ids_touch_nothing(tmp_path: Path, model_id: Any, text: str) -> None:
    inner = tmp_path / "data"
    inner.mkdir()
    with serving(inner) as (_, client, _):
        for method in ("save", "load"):
            with pytest.raises(CallError) as caught:
                client.call(method, model_id)
            assert str(caught.value).startswith(text)
        assert models(inner) == []
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_save_into_a_folder_that_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with serving(folder) as (_, client, port):
        shutil.rmtree(folder)
        with pytest.raises(CallError) as caught:
            client.call("save", "m")
        assert str(caught.value).startswith(f"cannot write output file: {folder}")
        assert client.call("get_status")[f"127.0.0.1_{port}"]["last_saved"] == "0"


def test_refused_loads_leave_the_model_and_say_why(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client, port):
        client.call("train", RECORD)
        learned = client.call("classify", QUERY)
        (saved,) = client.call("save", "good").values()
        good = Path(saved).read_bytes()

        def refusal(data: bytes) -> str:
            bad = tmp_path / f"127.0.0.1_{port}_classifier_bad.jubatus"
            bad.write_bytes(data)
            with pytest.raises(CallError) as caught:
                client.call("load", "bad")
            assert client.call("classify", QUERY) == learned
            assert client.call("get_status")[f"127.0.0.1_{port}"]["last_loaded"] == "0"
            return str(caught.value)

        assert refusal(good[:20]).startswith("cannot read input file")
        assert refusal(b"J" + good[1:]).startswith("invalid file format")
        assert refusal(good[:-1]).startswith("cannot read input file")
        assert refusal(good[:-1] + bytes([good[-1] ^ 1])).startswith("invalid crc32 checksum: ")
        text = refusal(rewritten(saved, tmp_path, engine_type="stat"))
        assert text.startswith("server type mismatched: stat, expected classifier")
        other = {**CONFIG, "method": "PA"}
        text = refusal(rewritten(saved, tmp_path, config_text=json.dumps(other)))
        assert text.startswith(
            f"server config mismatched: {json.dumps(other)}, expected {json.dumps(CONFIG)}"
        )
        assert refusal(rewritten(saved, tmp_path, user_data=b"\x92\x01")).startswith("user data is broken")
        assert refusal(rewritten(saved, tmp_path, user_data=b"\x92\x02\x90")).startswith(
            "user data version mismatched: 2, expected 1"
        )
        assert refusal(rewritten(saved, tmp_path, user_data=b"\x92\x01\x90")).startswith(
            "user data is broken"
        )
        with pytest.raises(CallError, match=r"^cannot open input file: .*_classifier_missing\.jubatus"):
            client.call("load", "missing")
        assert "Traceback" not in server.output

        client.call("load", "good")
        assert client.call("classify", QUERY) == learned


def rewritten(path: str, folder: Path, *, user_data: bytes | None = None, **changes: str) -> bytes:
    """A model file with something changed and everything else, the checksum too, in order."""
    changed = folder / "rewritten"
    with read_model(DiskFiles(), Path(path)) as file, file.user_data as view:
        fields = {"engine_type": file.engine_type, "model_id": file.model_id, "config_text": file.config_text}
        snapshot = Piece(bytes(view) if user_data is None else user_data)
    write_model(DiskFiles(), changed, **{**fields, **changes}, timestamp=1, snapshot=snapshot)
    return changed.read_bytes()


def test_the_order_of_one_connection_holds_over_save_and_load(tmp_path: Path) -> None:
    with serving(tmp_path) as (_, client, _):
        for call in (["train", RECORD], ["save", "m"], ["clear"], ["load", "m"], ["get_labels"], ["clear"]):
            client.send(*call)
        answers = [client.receive() for _ in range(6)]
        assert answers[0] == 2
        assert answers[2:] == [True, True, {"ham": 1, "spam": 1}, True]


def test_saves_of_one_id_at_the_same_time(tmp_path: Path) -> None:
    with serving(tmp_path, "-c", "4") as (_, client, port):
        client.call("train", RECORD)
        others = [Client(port) for _ in range(4)]
        for other in others:
            other.send("save", "m")
        paths = {path for other in others for path in other.receive().values()}
        for other in others:
            other.close()
        assert len(paths) == 1
        assert len(models(tmp_path)) == 1
        client.call("load", "m")


# --- --model_file -----------------------------------------------------------------------------------------


def saved_model(folder: Path) -> tuple[Path, Any]:
    folder.mkdir()
    with serving(folder) as (_, client, _):
        client.call("train", RECORD)
        (path,) = client.call("save", "m").values()
        return Path(path), client.call("classify", QUERY)


def test_starting_with_a_model(tmp_path: Path) -> None:
    path, learned = saved_model(tmp_path / "first")
    with serving(tmp_path, "-m", str(path)) as (_, client, port):
        assert client.call("classify", QUERY) == learned
        assert json.loads(client.call("get_config")) == CONFIG
        status = client.call("get_status")[f"127.0.0.1_{port}"]
        assert (status["last_loaded_path"], status["configpath"]) == (str(path), "")
        assert int(status["last_loaded"]) > 0
        assert status["update_count"] == "0"


def test_the_configuration_of_the_model_wins(tmp_path: Path) -> None:
    path, _ = saved_model(tmp_path / "first")
    other = write_config(tmp_path, "this is not read", "other.json")
    with serving(tmp_path, "-m", str(path), "-f", other) as (server, client, port):
        assert json.loads(client.call("get_config")) == CONFIG
        assert client.call("get_status")[f"127.0.0.1_{port}"]["configpath"] == other
        assert "both model file and configuration are specified; using" in server.output


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"engine_type": "stat"}, "server type mismatched: stat, expected classifier"),
        ({"config_text": '{"method": 1}'}, "invalid configuration: "),
        ({"config_text": "{"}, "syntax error in configuration: "),
        ({"user_data": b"\x92\x01\x90"}, "user data is broken"),
    ],
)
def test_a_model_that_does_not_fit_stops_the_start(tmp_path: Path, changes: Any, text: str) -> None:
    path, _ = saved_model(tmp_path / "first")
    path.write_bytes(rewritten(str(path), tmp_path, **changes))
    server = run(tmp_path, "-m", str(path))
    assert (server.wait(), server.errors) == (1, "")
    assert text in server.output.splitlines()[-1]
    assert str(path) in server.output.splitlines()[-1]
    assert "Traceback" not in server.output
