"""Every transcript, against its juba* command; with Duma's own saved files and with Jubatus'."""

import json
import multiprocessing
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from replay import load, recorded_model, replay, transcripts

# Every server is a process of its own, forked from one that has imported what they all need.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["duma.server.launch", "duma.server.server", "duma.server.durability", "duma._core"]
)


@contextmanager
def server(engine: str, config: dict[str, Any], folder: Path) -> Iterator[socket.socket]:
    """A connection to a fresh server of this engine."""
    (folder / "config.json").write_text(json.dumps(config))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    words = ["-p", str(port), "-b", "127.0.0.1", "-f", str(folder / "config.json"), "-d", str(folder)]
    process = FORKS.Process(target=run_juba, args=(engine, words, str(folder / "log")))
    process.start()
    try:
        yield connect(port, process, folder / "log")
    finally:
        process.terminate()
        process.join(10)
        assert process.exitcode == 0
        process.close()


def run_juba(engine: str, words: list[str], log: str) -> None:
    """What `juba<engine>` does with these words; what it says goes to the file `log`."""
    from duma.commands.juba import run

    output = os.open(log, os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    raise SystemExit(run(engine, words))


def connect(port: int, process: BaseProcess, log: Path) -> socket.socket:
    for _ in range(1000):
        try:
            return socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            assert process.is_alive(), log.read_text()
            time.sleep(0.01)
    raise TimeoutError(log.read_text())


@pytest.mark.parametrize("own_file", [True, False], ids=["own-file", "jubatus-file"])
@pytest.mark.parametrize("name", transcripts())
def test_answers_as_jubatus_did(name: str, own_file: bool, tmp_path: Path) -> None:
    transcript = load(name)
    with server(transcript["engine"], transcript["config"], tmp_path) as connection, connection:
        replay(transcript, connection, None if own_file else recorded_model(name))
