"""A server that is killed and started again and again answers like an engine that was never stopped, to the bit."""

import random
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from lives import Lives, lives
from random_classifiers import CALLS, Call, configurations
from server_process import Client

import duma
from duma.engines.engine import Engine

LIMITS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a server starts several times in each example
UPDATES = [name for name, method in duma.Classifier.methods.items() if method.updates]


@st.composite
def any_configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Also with a random unlearner that chooses its seed itself."""
    config = draw(configurations())
    settings = config["parameter"].get("unlearner_parameter", {})
    if "seed" in settings and draw(st.booleans()):
        del settings["seed"]
    return config


def wire(engine: Engine, call: Call) -> list[bytes]:
    """The MessagePack of a call's arguments."""
    name, arguments = call
    method = engine.methods[name]
    return [parameter.type.pack(value) for parameter, value in zip(method.parameters, arguments, strict=True)]


def asked(client: Client, name: str, arguments: list[bytes]) -> str:
    """What a server answers. Floats are told apart to the last bit by their shortest decimal form."""
    params = msgpack.packb([""] + [0] * len(arguments))[:2] + b"".join(arguments)
    client.id += 1
    client.socket.sendall(b"\x94\x00" + msgpack.packb(client.id) + msgpack.packb(name) + params)
    while True:
        for _, _, error, result in client.unpacker:
            return repr(result) if error is None else f"error: {error}"
        data = client.socket.recv(1 << 16)
        assert data, "the server closed the connection"
        client.unpacker.feed(data)


class Twin:
    """An engine that is never stopped; it saves into memory."""

    def __init__(self, config: Any, hidden_state: bytes) -> None:
        self.engine: Any = duma.Classifier(config)
        if hidden_state:
            self.engine.set_hidden_state(hidden_state)
        self.saved = b""

    def ask(self, name: str, arguments: list[bytes]) -> str:
        if name == "save":
            self.saved = b"".join(self.engine.snapshot().chunks())
            return "saved"
        if name == "load":
            self.engine.adopt(self.engine.read_model(memoryview(self.saved)))
            return "True"
        try:
            answer = self.engine.methods[name].call_packed(self.engine, arguments)
        except Exception as error:
            return f"error: {str(error).encode('utf-8', 'surrogateescape')!r}"
        return repr(msgpack.unpackb(answer, raw=True, strict_map_key=False))


def live(
    server: Lives, calls: list[Call], kills: set[int]
) -> tuple[list[tuple[str, list[bytes], str]], bytes]:
    """The calls with their answers, and the hidden state that the server began with.

    A server is killed behind the calls whose numbers are in `kills`.
    """
    pattern: Any = duma.Classifier(server.config)
    client, saved = server.start(), False
    hidden_state: bytes | None = None
    answers = []
    for number, call in enumerate(calls):
        name = call[0]
        if name == "load" and not saved:
            continue
        if name in ("save", "load"):
            arguments = [msgpack.packb("m")]
            answer = asked(client, name, arguments)
            saved = saved or name == "save"
            if name == "save":
                assert not answer.startswith("error")
                answer = "saved"
        else:
            arguments = wire(pattern, call)
            answer = asked(client, name, arguments)
        answers.append((name, arguments, answer))
        if hidden_state is None and name in UPDATES:
            hidden_state = server.hidden_state()  # it is in the journal before the first update
        if number in kills:
            server.kill()
            client = server.start()
    client.call("save", "end")
    return answers, hidden_state or b""


def hold_against_a_twin(
    folder: Path, config: Any, calls: list[Call], kills: set[int], words: list[str]
) -> None:
    with lives(folder, *words, config=config) as server:
        answers, hidden_state = live(server, calls, kills)
        twin = Twin(config, hidden_state)
        for number, (name, arguments, answer) in enumerate(answers):
            assert answer == twin.ask(name, arguments), (number, name)
        twin.engine.save(folder / "twin.jubatus")
        assert contents(server.model("end")) == contents(folder / "twin.jubatus")


def contents(path: Path) -> Any:
    """The user data of a model file; maps may have any order."""
    data = path.read_bytes()
    size = int.from_bytes(data[32:40], "big")
    return exact(msgpack.unpackb(data[48 + size :], raw=True, strict_map_key=False))


def exact(value: Any) -> Any:
    """The value with its floats in their shortest decimal form, so that NaN equals NaN and 0.0 is not -0.0."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, list):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return value


def more_calls(count: int) -> Any:
    load = st.just(("load", ()))
    return st.lists(st.one_of(CALLS, CALLS, CALLS, CALLS, load), min_size=count // 2, max_size=count)


@settings(max_examples=4, deadline=None, phases=NO_SHRINKING, suppress_health_check=LIMITS)
@given(
    any_configurations(), more_calls(30), st.sets(st.integers(0, 29), min_size=1, max_size=2), st.integers()
)
def test_killed_and_never_stopped_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, config: Any, calls: list[Call], kills: set[int], seed: int
) -> None:
    words = random.Random(seed).choice([["--journal", "always"], ["--journal-segment-size", "4096"]])
    hold_against_a_twin(tmp_path_factory.mktemp("data"), config, calls, kills, words)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=NO_SHRINKING, suppress_health_check=LIMITS)
@given(
    any_configurations(), more_calls(80), st.sets(st.integers(0, 79), min_size=1, max_size=4), st.integers()
)
def test_killed_and_never_stopped_are_the_same_for_many(
    tmp_path_factory: pytest.TempPathFactory, config: Any, calls: list[Call], kills: set[int], seed: int
) -> None:
    words = random.Random(seed).choice([["--journal", "always"], ["--journal-segment-size", "4096"]])
    hold_against_a_twin(tmp_path_factory.mktemp("data"), config, calls, kills, words)


def test_many_draws_without_a_seed_go_on_over_kills_snapshots_and_loads(tmp_path: Path) -> None:
    config = {
        "method": "PA",
        "parameter": {"unlearner": "random", "unlearner_parameter": {"max_size": 5}},
        "converter": {
            "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}]
        },
    }
    chance = random.Random(7)
    calls: list[Call] = []
    for number in range(300):
        datum = duma.Datum({"text": " ".join(chance.choices(["a", "b", "c", "d", "e"], k=4))})
        calls.append(("train", ([(f"label{chance.randrange(20)}", datum)],)))
        if number % 10 == 0:
            calls.append(("classify", ([datum],)))
        if number % 40 == 20:
            calls.append((chance.choice(["save", "load"]), ()))
    hold_against_a_twin(
        tmp_path / "data", config, calls, {0, 60, 199, 290}, ["--keep-last", "1", "--journal", "always"]
    )
