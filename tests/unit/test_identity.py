"""One model, whichever way it is called: embedded, served, and saved and loaded again; the same to the last bit."""

import asyncio
import json
import shutil
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_classifiers import CALLS, Call, configurations, datums
from server_process import free_port

import duma
from duma.client import Classifier as Client
from duma.client import RPCError
from duma.embedded import embedded_class
from duma.engines.registry import engine_class
from duma.server.options import parse_server_options
from duma.server.server import ModelServer
from duma.server.settings import check_early, check_options
from duma.store.files import DiskFiles
from duma.store.model_file import read_model

MODELS = Path(__file__).parents[1] / "conformance" / "models"
TRANSCRIPTS = MODELS.with_name("transcripts")
BAD_CALL = object()
ANALYSES = {
    "bandit": {"get_arm_info"},
    "burst": {"get_result", "get_result_at", "get_all_bursted_results", "get_all_keywords"},
    "classifier": {"classify"},
    "clustering": {"get_core_members", "get_k_center", "get_nearest_center", "get_nearest_members_light"},
    "regression": {"estimate"},
    "stat": {"sum", "stddev", "max", "min", "moment", "entropy"},
    "weight": {"calc_weight"},
}


def exact(value: Any) -> Any:
    """The value with its floats as bits, so that NaN equals NaN and 0.0 is not -0.0."""
    if isinstance(value, float):
        return "nan" if value != value else struct.pack(">d", value)
    if isinstance(value, (list, tuple)):
        return [exact(item) for item in value]
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    return value


def contents(path: Path) -> tuple[Any, Any]:
    """What a model file says of itself, without time and id; and its user data as a tree."""
    with read_model(DiskFiles(), path) as file:
        with file.user_data as data:
            tree = msgpack.unpackb(data, raw=True, strict_map_key=False, use_list=False)
        return (file.version, file.engine_type, json.loads(file.config_text)), exact(tree)


class Served:
    """A model server on a port of its own in a running event loop, and a client of it."""

    def __init__(
        self, config: dict[str, Any], folder: Path, port: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        words = ["-p", str(port), "-b", "127.0.0.1", "-d", str(folder)]
        options = parse_server_options(words)
        address, log_config = check_early(options)
        made = check_options("jubaclassifier", "classifier", options, address, log_config, "{}")
        self._loop = loop
        self._server = ModelServer(made, engine_class("classifier")(config))
        self.path = folder / f"127.0.0.1_{port}_classifier_m.jubatus"
        self._run(self._server.start())
        self.client = Client("127.0.0.1", port, "")

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    def stop(self) -> None:
        self.client.close()
        self._run(self._server.stop())


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop that runs in a thread."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


@contextmanager
def served(config: dict[str, Any], folder: Path, port: int, loop: Any) -> Iterator[Served]:
    made = Served(config, folder, port, loop)
    try:
        yield made
    finally:
        made.stop()


def outcome(model: Any, call: Call) -> Any:
    """What a call gives, or the text of its error."""
    method, arguments = call
    try:
        return exact(getattr(model, method)(*arguments))
    except (duma.errors.DumaError, RPCError, ValueError, RuntimeError) as error:
        return BAD_CALL, str(error)


class Triplet:
    """The three models. `loaded` is a fresh one after each save."""

    def __init__(self, config: dict[str, Any], served: Served, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.embedded = duma.Classifier(config)
        self.loaded = duma.Classifier(config)
        self.served = served

    def call(self, call: Call) -> None:
        expected = outcome(self.embedded, call)
        assert outcome(self.loaded, call) == expected
        assert outcome(self.served.client, call) == expected

    def same(self) -> None:
        assert self.loaded.status() == self.embedded.status()
        paths = [self.folder / "embedded", self.folder / "loaded", self.served.path]
        self.embedded.save(paths[0])
        self.loaded.save(paths[1])
        self.served.client.save("m")
        first, second, third = map(contents, paths)
        assert first == second == third

    def save_and_load(self) -> None:
        """A fresh model takes the place of the loaded one, and the server loads what was saved elsewhere."""
        self.same()
        state = self.embedded.hidden_state()
        self.loaded = duma.Classifier(self.config)
        self.loaded.load(self.served.path)
        self.loaded.set_hidden_state(state)  # a model file does not hold where random draws are
        shutil.copy(self.folder / "embedded", self.served.path)
        self.served.client.load("m")


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
@given(config=configurations(), calls=st.lists(CALLS, max_size=12), queries=st.lists(datums(), max_size=3))
def test_every_way_to_call_gives_the_same(
    config: dict[str, Any], calls: list[Call], queries: list[Any], tmp_path: Path, loop: Any
) -> None:
    with served(config, tmp_path, free_port(), loop) as server:
        models = Triplet(config, server, tmp_path)
        for call in calls:
            if call[0] == "save":
                models.save_and_load()
            else:
                models.call(call)
        models.call(("classify", (queries,)))
        models.same()


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.jubatus")), ids=lambda path: path.stem)
def test_recorded_models_survive_being_saved_again(path: Path, tmp_path: Path) -> None:
    transcript = json.loads((TRANSCRIPTS / f"{path.stem}.json").read_text())
    engine = embedded_class(transcript["engine"])
    queries = [
        (
            engine.methods[call["method"]],
            [msgpack.packb(parameter, use_bin_type=False) for parameter in call["params"]],
        )
        for call in transcript["calls"]
        if call["method"] in engine.methods
        and not engine.methods[call["method"]].updates
        and "error" not in call
    ]
    assert queries
    with read_model(DiskFiles(), path) as file:
        config_text, again = file.config_text, tmp_path / file.model_id
    first, second = (engine(config_text) for _ in range(2))
    first.load(path)
    first.save(again)
    second.load(again)
    assert contents(again) == contents(path)
    with read_model(DiskFiles(), path) as old, read_model(DiskFiles(), again) as new:
        assert (new.config_text, new.model_id, new.version) == (old.config_text, old.model_id, old.version)
    for ask, packed in queries:
        assert ask.call_packed(second, packed) == ask.call_packed(first, packed)
    assert second.status() == first.status()
