"""Starting a server on the data folder that one left: what goes on, what is refused, and in which words."""

import signal
from pathlib import Path

from server_process import CONFIG, Server, free_port, run, serving, write_config

DATUM = [[["t", "deep sea"]], [], []]


def left_behind(folder: Path) -> int:
    """A server has learned on this port and ended."""
    with serving(folder, "--journal", "interval") as (server, client, port):
        client.call("train", [["a", DATUM]])
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    return port


def test_another_configuration_is_refused_in_one_line(tmp_path: Path) -> None:
    port = left_behind(tmp_path)
    other = write_config(tmp_path, {**CONFIG, "method": "PA", "parameter": {}}, "other.json")
    words = ["-p", str(port), "-b", "127.0.0.1", "-d", str(tmp_path), "--journal", "interval"]
    refused = run(tmp_path, *words, "-f", other)
    assert refused.process.returncode == 1
    (line,) = [line for line in refused.output.splitlines() if "FATAL" in line]
    assert "server config mismatched" in line
    assert '"AROW"' in line
    assert '"PA"' in line
    assert "duma model convert" in line
    assert "Traceback" not in refused.output + refused.errors


def test_duma_serve_goes_on_with_the_configuration_that_it_has(tmp_path: Path) -> None:
    port = left_behind(tmp_path)
    server = Server(tmp_path, "duma", "serve", "classifier", "--port", str(port), "--datadir", str(tmp_path))
    try:
        client = server.connect(port)
        assert client.call("get_labels") == {"a": 1}
        assert '"AROW"' in client.call("get_config")
        client.close()
    finally:
        server.end()


def test_an_unknown_mode_is_named(tmp_path: Path) -> None:
    words = [
        "-p",
        str(free_port()),
        "-f",
        write_config(tmp_path),
        "-d",
        str(tmp_path),
        "--journal",
        "sometimes",
    ]
    refused = run(tmp_path, *words)
    assert refused.process.returncode == 1
    assert refused.errors.startswith(
        "option value is invalid: --journal=sometimes (not off, interval, always)"
    )
