"""Stat, bandit and burst, called one by one, in this process and over a socket, beside plain Python and River.

    python -m benchmarks.small_engines

River's rows appear where it is installed. Rates are calls per second, for burst documents per second. It closes with
what a snapshot of a million keys costs the updates that wait for it.
"""

import math
import random
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import Any

import msgpack

import duma
from benchmarks import measure
from benchmarks.measure import Row, print_table
from benchmarks.served import answer_size, connect, free_port, server_process, windowed

CALLS = 2000
DEPTHS = (1, 64)
KEYS = [f"key{n}" for n in range(100)]
ARMS = [f"arm{n}" for n in range(10)]
WINDOW = 10_000

STAT = {"window_size": WINDOW}
BANDIT = {"method": "ucb1", "parameter": {"assume_unrewarded": False}}
BURST = {
    "method": "burst",
    "parameter": {
        "window_batch_size": 5,
        "batch_interval": 10,
        "result_window_rotate_size": 5,
        "max_reuse_batch_num": 5,
        "costcut_threshold": -1,
    },
}
WORDS = [f"word{n}" for n in range(200)]


def rate(work: Callable[[], int]) -> float:
    """Items per second, in half a second at a time."""
    return measure.rate(work, seconds=0.5)


def repeated(call: Callable[[], object], calls: int = CALLS) -> Callable[[], int]:
    def work() -> int:
        for _ in range(calls):
            call()
        return calls

    return work


def served(config: dict[str, Any], engine: str, before: list[Any], method: str, *arguments: Any) -> list[Row]:
    """The rates of one call over a socket, with one call and with many in flight."""
    rows, port = [], free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        server_process(config, Path(folder), port, engine=engine),
        connect(port) as connection,
    ):
        for name, *parameters in before:
            answer_size(connection, _request(name, parameters))
        request = _request(method, list(arguments))
        size = answer_size(connection, request)
        for depth in DEPTHS:

            def work(depth: int = depth) -> int:
                windowed(connection, request, size, depth, CALLS)
                return CALLS // depth * depth

            rows.append(Row(f"served, {depth} in flight", rate(work)))
    return rows


def _request(method: str, arguments: list[Any]) -> bytes:
    packed: bytes = msgpack.packb([0, 1, method, ["", *arguments]], use_bin_type=False)
    return packed


# --- stat ---


class PlainStat:
    """A window without sums: what one writes first."""

    def __init__(self) -> None:
        self.window: deque[tuple[str, float]] = deque(maxlen=WINDOW)

    def push(self, key: str, value: float) -> None:
        self.window.append((key, value))

    def stddev(self, key: str) -> float:
        return statistics.pstdev([value for each, value in self.window if each == key])


def stat() -> None:
    model: Any = duma.Stat(STAT)
    plain, pairs = PlainStat(), cycle([(key, n * 0.37 % 5) for n, key in enumerate(KEYS * 7)])
    rows = [
        Row("embedded, push", rate(repeated(lambda: model.push(*next(pairs))))),
        Row("a deque, append", rate(repeated(lambda: plain.push(*next(pairs))))),
    ]
    if find_spec("river"):
        from river import stats, utils

        rolling = {key: utils.Rolling(stats.Var, window_size=WINDOW // len(KEYS)) for key in KEYS}

        def river_push() -> None:
            key, value = next(pairs)
            rolling[key].update(value)

        rows.append(Row("River, rolling variance of each key", rate(repeated(river_push))))
    rows += served(STAT, "stat", [], "push", "key1", 1.5)
    print_table("stat: push into a window of 10,000, 100 keys", rows, "calls/s", rows[0].rate, "embedded")
    rows = [
        Row("embedded, stddev", rate(repeated(lambda: model.stddev("key1")))),
        Row("a deque, pstdev of the key's numbers", rate(repeated(lambda: plain.stddev("key1"), 10))),
        *served(STAT, "stat", [("push", "key1", 1.5)], "stddev", "key1"),
    ]
    print_table("stat: deviation of a key", rows, "calls/s", rows[0].rate, "embedded")
    falling = duma.Stat({"window_size": 1_000_000})
    numbers = iter(range(100_000_000, 0, -1))
    for _ in range(1_000_000):
        falling.push("k", float(next(numbers)))
    rows = [
        rows[0],
        Row(
            "embedded, push, falling numbers", rate(repeated(lambda: falling.push("k", float(next(numbers)))))
        ),
    ]
    print_table("stat: every push drops the largest of a million", rows, "calls/s", rows[0].rate, "stddev")


# --- bandit ---


class PlainUcb1:
    """UCB1 for one player, as in the paper."""

    def __init__(self) -> None:
        self.trials, self.sums = dict.fromkeys(ARMS, 0), dict.fromkeys(ARMS, 0.0)

    def select(self) -> str:
        total = sum(self.trials.values())
        for arm, trials in self.trials.items():
            if not trials:
                return arm
        return max(
            ARMS,
            key=lambda arm: (
                self.sums[arm] / self.trials[arm] + math.sqrt(2 * math.log(total) / self.trials[arm])
            ),
        )

    def reward(self, arm: str, reward: float) -> None:
        self.trials[arm] += 1
        self.sums[arm] += reward


def bandit() -> None:
    model: Any = duma.Bandit(BANDIT)
    for arm in ARMS:
        model.register_arm(arm)
    plain, draws = PlainUcb1(), random.Random(1)

    def play() -> None:
        arm = model.select_arm("p")
        model.register_reward("p", arm, float(draws.random() < 0.5))

    def play_plain() -> None:
        plain.reward(plain.select(), float(draws.random() < 0.5))

    rows = [
        Row("embedded, select and reward", rate(repeated(play))),
        Row("plain Python, select and reward", rate(repeated(play_plain))),
    ]
    if find_spec("river"):
        from river import bandit as river_bandit

        policy = river_bandit.UCB(delta=1, seed=1)

        def play_river() -> None:
            policy.update(policy.pull(ARMS), float(draws.random() < 0.5))

        rows.append(Row("River, pull and update", rate(repeated(play_river))))
    before = [("register_arm", arm) for arm in ARMS] + [("register_reward", "p", arm, 0.5) for arm in ARMS]
    rows += served(BANDIT, "bandit", before, "select_arm", "p")
    print_table("bandit: UCB1 among 10 arms", rows, "rounds/s", rows[0].rate, "embedded")


# --- burst ---


def burst() -> None:
    draws = random.Random(2)
    texts = [" ".join(draws.choices(WORDS, k=30)) for _ in range(1000)]
    rows = []
    for keywords in (1, 10, 100):
        model: Any = duma.Burst(BURST)
        for word in WORDS[:keywords]:
            model.add_keyword((word, 2.0, 1.0))
        time_of = iter(range(1 << 60))

        def work(model: Any = model, time_of: Any = time_of) -> int:
            documents = [(next(time_of) / 100, text) for text in texts]
            return int(model.add_documents(documents))

        rows.append(Row(f"embedded, {keywords} keywords, 1,000 at a time", rate(work)))

        def one(model: Any = model, time_of: Any = time_of) -> object:
            return model.add_documents([(next(time_of) / 100, texts[0])])

        rows.append(Row(f"embedded, {keywords} keywords, one at a time", rate(repeated(one, 20))))
    rows.append(Row("plain Python: whether 10 words are in a text", rate(lambda: _searched(texts))))
    added = [("add_keyword", [WORDS[0], 2.0, 1.0])]
    for row in served(BURST, "burst", added, "add_documents", [[5.0, texts[0]]]):
        rows.append(Row(f"{row.name}, 1 keyword, one at a time", row.rate))
    print_table("burst: texts of 30 words", rows, "documents/s", rows[0].rate, "the first")


def _searched(texts: list[str]) -> int:
    for text in texts:
        for word in WORDS[:10]:
            word in text  # noqa: B015 - the search is what is measured
    return len(texts)


# --- snapshots ---


def snapshots() -> None:
    stat_model: Any = duma.Stat({"window_size": 1_000_000})
    bandit_model: Any = duma.Bandit(BANDIT)
    bandit_model.register_arm("a")
    for n in range(1_000_000):
        stat_model.push(f"key{n}", float(n))
        bandit_model.register_reward(f"player{n}", "a", 1.0)
    print("\nsnapshots of a million keys: what updates wait, and what writing takes in a thread")
    for name, model in (("stat", stat_model), ("bandit", bandit_model)):
        start = time.perf_counter()
        snapshot = model.snapshot()
        taken = time.perf_counter()
        size = sum(map(len, snapshot.chunks()))
        packed = time.perf_counter() - taken
        print(f"  {name:<10}{(taken - start) * 1000:>8.1f} ms   {packed:>6.2f} s for {size / 1e6:.0f} MB")


if __name__ == "__main__":
    stat()
    bandit()
    burst()
    snapshots()
