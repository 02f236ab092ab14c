"""Embedded models and served ones under several callers at once."""

import contextlib
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from server_process import CONFIG, Client, serving

import duma

WORDS = "deep sea fish and deep water "
CALLING_BACK: dict[str, dict[str, Any]] = {
    "converter": {
        "method": "PA",
        "converter": {
            "string_types": {"word": {"method": "regexp", "pattern": "[a-z]+"}},
            "string_rules": [{"key": "*", "type": "word", "sample_weight": "bin", "global_weight": "bin"}],
        },
    },
    "unlearner": {
        "method": "PA",
        "parameter": {"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "/x.*/"}},
        "converter": {"num_rules": [{"key": "*", "type": "num"}]},
    },
    "neighbors": {
        "method": "NN",
        "parameter": {
            "method": "lsh",
            "parameter": {"hash_num": 64},
            "nearest_neighbor_num": 3,
            "local_sensitivity": 1.0,
            "unlearner": "lru",
            "unlearner_parameter": {"max_size": 50, "sticky_pattern": "/x.*/"},
        },
        "converter": {"num_rules": [{"key": "*", "type": "num"}]},
    },
}


@pytest.mark.parametrize("who", CALLING_BACK)
def test_a_long_update_that_calls_back_and_short_calls(who: str) -> None:
    """Short calls keep the interpreter's lock, and the update needs it: neither may wait for the other."""
    model = duma.Classifier(CALLING_BACK[who])
    records = [(f"label{i % 5}", duma.Datum({"text": WORDS * 20, "n": 1.0})) for i in range(2000)]
    learner = threading.Thread(target=model.train, args=(records,), daemon=True)
    learner.start()
    calls = 0
    while learner.is_alive():
        model.status()
        model.hidden_state()
        model.get_labels()
        model.classify([duma.Datum({"n": 1.0})])
        calls += 1
    assert calls
    assert sum(model.get_labels().values()) <= 2000


BATCH, BATCHES, LEARNERS = 200, 15, 3


def test_clients_of_one_server(tmp_path: Path) -> None:
    """Learners, askers, a saver and one who loads, and every answer is one that the model could give."""
    labels = [f"label{i}" for i in range(4)]
    with serving(tmp_path, "-c", "2") as (server, client, port):
        learning = threading.Event()
        learning.set()
        saves: list[str] = []

        def learn(number: int) -> None:
            with client_of(port) as own:
                for i in range(BATCHES):
                    records = [[labels[(i + j) % 4], text_record(number, j)] for j in range(BATCH)]
                    assert own.call("train", records) == BATCH

        def ask() -> None:
            with client_of(port) as own:
                while learning.is_set():
                    # Some are small and answered where they arrive, some go to a thread.
                    for count in (1, 500):
                        answers = own.call("classify", [text_record(1, j) for j in range(count)])
                        assert len(answers) == count
                        for scores in answers:
                            assert {label for label, _ in scores} <= set(labels)
                            assert all(math.isfinite(score) for _, score in scores)
                    assert sum(own.call("get_labels").values()) <= LEARNERS * BATCHES * BATCH
                    assert own.call("get_status")

        def save(name: str) -> None:
            with client_of(port) as own:
                while learning.is_set():
                    saves.extend(own.call("save", f"{name}{len(saves)}").values())

        with ThreadPoolExecutor(8) as pool:
            others = [pool.submit(ask), pool.submit(ask), pool.submit(save, "a"), pool.submit(save, "b")]
            learners = [pool.submit(learn, number) for number in range(LEARNERS)]
            try:
                for learner in learners:
                    learner.result()
            finally:
                learning.clear()
            for other in others:
                other.result()

        total = LEARNERS * BATCHES * BATCH
        assert sum(client.call("get_labels").values()) == total
        status = client.call("get_status")[f"127.0.0.1_{port}"]
        assert int(status["update_count"]) == LEARNERS * BATCHES
        assert status["errors"] == "0"
        assert saves
        for path in set(saves):
            model = duma.Classifier(CONFIG)
            model.load(path)
            trained = sum(model.get_labels().values())
            assert trained % BATCH == 0  # between two updates, never within one
            assert 0 <= trained <= total
        assert "Traceback" not in server.output


def test_loads_beside_updates(tmp_path: Path) -> None:
    """Each load is whole: what was learned is what the file has and whole calls after it."""
    with serving(tmp_path, "-c", "2") as (server, client, port):
        client.call("train", [["base", text_record(0, j)] for j in range(1000)])
        client.call("save", "base")

        def learn() -> None:
            with client_of(port) as own:
                for _ in range(60):
                    assert own.call("train", [["more", text_record(1, j)] for j in range(BATCH)]) == BATCH

        def load() -> None:
            with client_of(port) as own:
                for _ in range(20):
                    assert own.call("load", "base") is True

        def look() -> None:
            with client_of(port) as own:
                for _ in range(300):
                    counts = own.call("get_labels")
                    assert counts["base"] == 1000
                    [scores] = own.call("classify", [text_record(0, 1)])
                    assert {label for label, _ in scores} in ({"base"}, {"base", "more"})

        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for work in (learn, load, look, look)]:
                done.result()
        assert client.call("load", "base") is True
        assert client.call("get_labels") == {"base": 1000}
        assert "Traceback" not in server.output


def text_record(number: int, j: int) -> list[Any]:
    return [[["text", f"{WORDS} word{j % 50} w{number}"]], [["n", j / 100]], []]


def client_of(port: int) -> contextlib.closing[Client]:
    return contextlib.closing(Client(port))
