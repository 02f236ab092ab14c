"""The `duma` command: serving with friendlier defaults."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from server_process import COMMANDS, Server, free_port, run, write_config

from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.engines.registry import ENGINES, engine_class


def test_version(tmp_path: Path) -> None:
    server = run(tmp_path, "--version", command="duma")
    assert server.wait() == 0
    assert server.output.startswith("duma ")
    assert "Jubatus 1.1.1" in server.output


@pytest.mark.parametrize("engine_type", ENGINES)
def test_every_engine_has_a_default_configuration(engine_type: str) -> None:
    engine = engine_class(engine_type)(DEFAULT_CONFIGURATIONS[engine_type])
    assert engine.type == engine_type


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["serve"], "Missing argument"),
        (["serve", "nonsense"], "'nonsense' is not"),
        (["serve", "classifier", "--port", "0"], "0 is not in the range 1<=x<=65535"),
        (["serve", "classifier", "--port", "x"], "'x' is not a valid integer"),
        (
            ["serve", "classifier", "--max-message-size", "1T"],
            "'1T' is not bytes, or a number with K, M or G",
        ),
        (["serve", "classifier", "--zookeeper", "localhost"], "No such option"),
        (["nonsense"], "No such command"),
    ],
)
def test_wrong_words(tmp_path: Path, words: list[str], text: str) -> None:
    server = run(tmp_path, *words, command="duma")
    assert (server.wait(), server.output) == (2, "")
    assert text in server.errors
    assert "Traceback" not in server.errors


def test_wrong_configuration(tmp_path: Path) -> None:
    path = write_config(tmp_path, "{}")
    server = run(tmp_path, "serve", "classifier", "--config", path, command="duma", env=state(tmp_path))
    assert (server.wait(), server.errors) == (1, "")
    assert server.output.splitlines()[-1].endswith(path)


def test_help_names_options_defaults_and_variables(tmp_path: Path) -> None:
    server = run(tmp_path, "serve", "--help", command="duma")
    text = " ".join(server.output.split())
    assert "-p, --port INTEGER RANGE" in text
    assert "env var: DUMA_PORT; default: 9199" in text
    assert "--max-message-size" in text
    assert "--zookeeper" not in text


def state(folder: Path) -> dict[str, str]:
    return {"XDG_STATE_HOME": str(folder / "state")}


def test_serving_with_defaults(tmp_path: Path) -> None:
    port = free_port()
    server = Server(tmp_path, "duma", "serve", "classifier", "-p", str(port), env=state(tmp_path))
    try:
        client = server.connect(port)
        assert client.call("train", [["a", [[["k", "some words"]], [["n", 1.0]], []]]]) == 1
        ((member, status),) = client.call("get_status").items()
        assert member == f"127.0.0.1_{port}"
        assert (status["timeout"], status["PROGNAME"], status["configpath"]) == ("0", "duma", "")
        assert status["datadir"] == str(tmp_path / "state" / "duma" / "classifier")
        (path,) = client.call("save", "m").values()
        assert Path(path).parent == tmp_path / "state" / "duma" / "classifier"
        client.close()
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        assert "without TLS" not in server.output
    finally:
        server.end()


def test_environment_variables(tmp_path: Path) -> None:
    port = free_port()
    env = {
        **state(tmp_path),
        "DUMA_PORT": str(port),
        "DUMA_CONFIG": write_config(tmp_path),
        "DUMA_THREADS": "5",
        "DUMA_TIMEOUT": "30",
        "DUMA_DATADIR": str(tmp_path),
        "DUMA_MAX_MESSAGE_SIZE": "64K",
    }
    server = Server(tmp_path, "duma", "serve", "classifier", "--threads", "3", env=env)
    try:
        client = server.connect(port)
        ((_, status),) = client.call("get_status").items()
        assert (status["threadnum"], status["timeout"]) == ("3", "30")
        assert status["configpath"] == f"{tmp_path}/config.json"
        with pytest.raises(Exception, match="larger than the limit of 65536 bytes"):
            client.call("classify", [[[["k", "x" * 70000]], [], []]])
        client.close()
    finally:
        server.end()


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    server = run(tmp_path, "serve", "classifier", command="duma", env=state(tmp_path))
    assert (server.wait(), server.output) == (1, "")
    assert server.errors.startswith("Error: cannot create the directory for models ")


def test_banner_on_a_terminal(tmp_path: Path) -> None:
    port = free_port()
    leader, follower = pty.openpty()
    words = [COMMANDS / "duma", "serve", "classifier", "-p", str(port)]
    process = subprocess.Popen(
        words, stdout=follower, env={**os.environ, **state(tmp_path), "COLUMNS": "100"}
    )
    os.close(follower)
    shown = b""
    try:
        while f'Classifier("127.0.0.1", {port}, "")'.encode() not in shown:
            shown += os.read(leader, 4096)
    finally:
        process.send_signal(signal.SIGTERM)
        os.close(leader)
        process.wait()
    assert b"built in" in shown


def test_the_juba_commands_do_not_load_what_only_people_need() -> None:
    program = "import sys, duma.commands.juba, duma.server.launch; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert "duma.server.server" in loaded.split()
    assert not {"click", "rich", "numpy", "xml", "xml.etree"} & set(loaded.split())
