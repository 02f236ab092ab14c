"""`--load-policy`: whether a server takes models of another configuration."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from model_making import QUERY, config, saved, scores, trained
from server_process import CallError, Client, Server, run, serving, write_config

import duma

OLD, NEW = config("PA"), config("AROW", regularization_weight=0.5)
LOSING = config("AROW", converter={"num_rules": [{"key": "*", "type": "num"}]})
COMPATIBLE = ["--load_policy", "compatible"]


def classify(client: Client) -> dict[str, float]:
    datum = duma.Datum(QUERY)
    return dict(client.call("classify", [datum.to_wire()])[0])


def model_for(folder: Path, port: int) -> Path:
    """A model of the old configuration, where the server looks for the id `m`."""
    return saved(folder / f"127.0.0.1_{port}_classifier_m.jubatus", OLD)


def test_strict_servers_refuse(tmp_path: Path) -> None:
    with serving(tmp_path, "-f", write_config(tmp_path, NEW)) as (_, client, port):
        model_for(tmp_path, port)
        with pytest.raises(CallError, match=r"^server config mismatched: "):
            client.call("load", "m")


@pytest.mark.parametrize("journal", ["off", "always"])
def test_compatible_servers_convert_and_say_so(tmp_path: Path, journal: str) -> None:
    words = ["-f", write_config(tmp_path, NEW), *COMPATIBLE, "--journal", journal]
    with serving(tmp_path, *words) as (server, client, port):
        model_for(tmp_path, port)
        assert client.call("load", "m") is True
        assert classify(client) == scores(trained(OLD))
        assert json.loads(client.call("get_config")) == NEW
        said = "is converted to the server's configuration: the method: PA becomes AROW; weights carry over"
        assert said in server.output


def test_a_converted_load_survives_a_crash(tmp_path: Path) -> None:
    config_path = write_config(tmp_path, NEW)
    words = ["-f", config_path, "--journal", "always"]
    with serving(tmp_path, *words, *COMPATIBLE) as (server, client, port):
        model_for(tmp_path, port)
        client.call("load", "m")
        client.call("train", [["ham", duma.Datum(QUERY).to_wire()]])
        learned = classify(client)
        server.signal(signal.SIGKILL)
        server.wait()
    # Whether such a file may be loaded was decided then.
    words += ["-p", str(port), "-b", "127.0.0.1", "-d", str(tmp_path)]
    server = Server(tmp_path, "jubaclassifier", *words)
    try:
        client = server.connect(port)
        assert classify(client) == learned
        client.close()
    finally:
        server.end()


def test_compatible_servers_refuse_what_would_be_lost(tmp_path: Path) -> None:
    with serving(tmp_path, "-f", write_config(tmp_path, LOSING), *COMPATIBLE) as (server, client, port):
        path = model_for(tmp_path, port)
        client.call("train", [["other", [[], [["n", 1.0]], []]]])
        with pytest.raises(CallError) as caught:
            client.call("load", "m")
        text = str(caught.value)
        assert text.startswith(
            "server config mismatched, and converting the model would lose 5 of 6 features (text$"
        )
        assert text.endswith(f"duma model convert --accept-loss`): {path}")
        assert client.call("get_labels") == {"other": 1}
        assert "Traceback" not in server.output


def test_starting_with_a_model_and_another_configuration(tmp_path: Path) -> None:
    words = ["-m", str(saved(tmp_path / "m", OLD)), "-f", write_config(tmp_path, NEW)]
    with serving(tmp_path, *words, *COMPATIBLE) as (_, client, _):
        assert json.loads(client.call("get_config")) == NEW
        assert classify(client) == scores(trained(OLD))
    with serving(tmp_path, *words) as (_, client, _):
        assert json.loads(client.call("get_config")) == OLD
    with serving(tmp_path, *words[:2], *COMPATIBLE) as (_, client, _):
        assert json.loads(client.call("get_config")) == OLD


@pytest.mark.parametrize(
    ("configuration", "text"),
    [(LOSING, "would lose 5 of 6 features"), ({"method": "PA"}, "invalid configuration")],
)
def test_a_start_that_would_lose_something(tmp_path: Path, configuration: Any, text: str) -> None:
    words = ["-m", str(saved(tmp_path / "m", OLD)), "-f", write_config(tmp_path, configuration)]
    server = run(tmp_path, *words, *COMPATIBLE, "-d", str(tmp_path))
    assert (server.wait(), server.errors) == (1, "")
    assert text in server.output.splitlines()[-1]
    assert "Traceback" not in server.output


def test_no_such_policy(tmp_path: Path) -> None:
    server = run(tmp_path, "-f", write_config(tmp_path), "--load_policy", "lenient")
    assert server.wait() == 1
    assert server.errors.startswith("option value is invalid: --load_policy=lenient (not strict, compatible)")
