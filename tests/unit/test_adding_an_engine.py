"""An engine of about thirty lines and a line in the registry: that is all that a new engine needs.

`docs/architecture.md` promises it; here it is done with `tally_engine`.
"""

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import CallError, Server, free_port, write_config

import duma
import duma.client
import duma.client.aio
from duma.engines.registry import ENGINES
from duma.errors import ArgumentMismatch, ConfigurationError, ModelFileError

CONFIG = {"step": 2}
DOORS = (duma, duma.client, duma.client.aio)

# A command as it would be installed, in a process that knows the engine.
PROGRAM = """
import sys
from duma.engines.registry import ENGINES
ENGINES["tally"] = "tally_engine:Tally"
from duma.commands import {module}
{call}
"""
DUMA = PROGRAM.format(module="main", call="main.main(prog_name='duma')")
JUBATALLY = PROGRAM.format(module="juba", call="sys.exit(juba.run('tally'))")


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(ENGINES, "tally", "tally_engine:Tally")
    yield
    for door in DOORS:
        vars(door).pop("Tally", None)  # the doors remember what they have found


def start(folder: Path, program: str, *words: str) -> Server:
    here = {"PYTHONPATH": str(Path(__file__).parent), "XDG_STATE_HOME": str(folder)}
    return Server(folder, Path(sys.executable).name, "-c", program, *words, env=here)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, int]]:
    port = free_port()
    words = ["-p", str(port), "-b", "127.0.0.1", "-f", write_config(tmp_path, CONFIG), "-d", str(tmp_path)]
    running = start(tmp_path, JUBATALLY, *words)
    try:
        running.connect(port).close()
        yield running, port
    finally:
        running.end()


def test_it_is_embedded_saves_and_loads(tmp_path: Path) -> None:
    tally = duma.Tally(CONFIG)
    assert tally.push(["sea", "deep", "sea"]) is True
    tally.save(tmp_path / "m.jubatus")
    assert tally.clear() is True
    assert tally.count("sea") == 0
    tally.load(tmp_path / "m.jubatus")
    assert (tally.count("sea"), tally.count(word="deep")) == (4, 2)
    with pytest.raises(ArgumentMismatch):
        tally.count(5)
    with pytest.raises(ConfigurationError, match='"step" is not found'):
        duma.Tally({})


def test_a_file_of_another_configuration_or_engine_is_refused(tmp_path: Path) -> None:
    duma.Tally({"step": 1}).save(tmp_path / "m.jubatus")
    with pytest.raises(ModelFileError, match="server config mismatched"):
        duma.Tally(CONFIG).load(tmp_path / "m.jubatus")
    classifier = {"method": "PA", "converter": {}}
    with pytest.raises(ModelFileError, match="server type mismatched: tally, expected classifier"):
        duma.Classifier(classifier).load(tmp_path / "m.jubatus")


def test_it_is_served_and_has_a_client(server: tuple[Server, int]) -> None:
    _, port = server
    with duma.client.Tally("127.0.0.1", port, "") as client:
        assert client.push(["sea", "deep", "sea"]) is True
        (path,) = client.save("m").values()
        assert Path(path).name == f"127.0.0.1_{port}_tally_m.jubatus"
        assert client.clear() is True
        assert client.count("sea") == 0
        assert client.load("m") is True
        assert client.count("sea") == 4
        status = client.get_status()[f"127.0.0.1_{port}"]
        assert (status["type"], status["num_words"], status["PROGNAME"]) == ("tally", "2", "jubatally")
        assert status["update_count"] == "3"  # push, clear, load
        with pytest.raises(ArgumentMismatch):
            client.push("sea")
    embedded = duma.Tally(CONFIG)
    embedded.load(path)
    assert embedded.count("sea") == 4


def test_it_has_an_asynchronous_client(server: tuple[Server, int]) -> None:
    async def session() -> tuple[bool, int]:
        async with duma.client.aio.Tally("127.0.0.1", server[1], "") as client:
            return await client.push(["sea"]), await client.count("sea")

    assert asyncio.run(session()) == (True, 2)


def test_wrong_arguments_are_answered_as_everywhere(server: tuple[Server, int]) -> None:
    running, port = server
    client = running.connect(port)
    with pytest.raises(CallError) as caught:
        client.call("push", 5)
    assert (caught.value.error, caught.value.result) == (2, b"std::bad_cast")
    assert client.call("count", "sea") == 0
    client.close()


def test_duma_serve_knows_it(tmp_path: Path) -> None:
    port = free_port()
    words = ["serve", "tally", "--port", str(port), "--config", write_config(tmp_path, CONFIG)]
    running = start(tmp_path, DUMA, *words)
    try:
        running.connect(port).close()
        with duma.client.Tally("127.0.0.1", port, "") as client:
            assert client.get_config() == (tmp_path / "config.json").read_text()
        running.signal(signal.SIGTERM)
        assert running.wait() == 0
    finally:
        running.end()


def test_duma_serve_without_a_default_configuration_asks_for_one(tmp_path: Path) -> None:
    running = start(tmp_path, DUMA, "serve", "tally")
    try:
        assert running.wait() == 2
        assert "--config" in running.errors
        assert "Traceback" not in running.errors
    finally:
        running.end()
