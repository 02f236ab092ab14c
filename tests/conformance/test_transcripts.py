"""Every transcript, against its juba* command as users start it; with Duma's own saved files and with Jubatus'."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from replay import load, recorded_model, replay, transcripts


@contextmanager
def server(engine: str, config: dict[str, Any], folder: Path) -> Iterator[socket.socket]:
    """A connection to a fresh server of this engine."""
    (folder / "config.json").write_text(json.dumps(config))
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [str(Path(sys.executable).with_name(f"juba{engine}")), "-p", str(port), "-b", "127.0.0.1"]
    command += ["-f", str(folder / "config.json"), "-d", str(folder)]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            yield connect(port, process, folder / "log")
        finally:
            process.terminate()
            assert process.wait(10) == 0


def connect(port: int, process: subprocess.Popen[bytes], log: Path) -> socket.socket:
    for _ in range(1000):
        try:
            return socket.create_connection(("127.0.0.1", port), 30)
        except ConnectionRefusedError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.01)
    raise TimeoutError(log.read_text())


@pytest.mark.parametrize("own_file", [True, False], ids=["own-file", "jubatus-file"])
@pytest.mark.parametrize("name", transcripts())
def test_answers_as_jubatus_did(name: str, own_file: bool, tmp_path: Path) -> None:
    transcript = load(name)
    with server(transcript["engine"], transcript["config"], tmp_path) as connection, connection:
        replay(transcript, connection, None if own_file else recorded_model(name))
