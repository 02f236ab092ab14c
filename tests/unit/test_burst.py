"""The burst engine: detection against all sequences of states, windows, what it saves, what it refuses."""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from server_process import serving, write_config

import duma
from duma.engines.burst_detection import burst_weights
from duma.errors import ArgumentMismatch, ConfigurationError, DumaError, ModelFileError

NO_LIMIT = 1.7976931348623157e308
NONE = (-1.0, [])


def config(n: int = 5, h: float = 10, rotate: int = 5, reuse: int = 5, threshold: float = -1) -> Any:
    return {
        "method": "any",
        "parameter": {
            "window_batch_size": n,
            "batch_interval": h,
            "result_window_rotate_size": rotate,
            "max_reuse_batch_num": reuse,
            "costcut_threshold": threshold,
        },
    }


def burst(*keywords: tuple[str, float, float], **more: Any) -> Any:
    made = duma.Burst(config(**more))
    for keyword in keywords:
        assert made.add_keyword(keyword) is True
    return made


def tree(model: Any) -> Any:
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


# --- detection ---


def costs(d: int, r: int, p: float) -> float:
    """-ln of a binomial probability, by another way than the engine's."""
    return (
        -math.log(math.comb(d, r))
        - (r * math.log(p) if r else 0)
        - ((d - r) * math.log1p(-p) if d > r else 0)
    )


def cheapest(
    counts: Sequence[tuple[int, int]], s: float, gamma: float, threshold: float
) -> tuple[list[bool], float]:
    """The cheapest of all sequences of states, and how much more the next one costs."""
    n = len(counts)
    p0 = sum(r for _, r in counts) / sum(d for d, _ in counts)
    extra = [costs(d, r, s * p0) - costs(d, r, p0) for d, r in counts]
    barred = [d == 0 or more > threshold * math.log(n) for (d, _), more in zip(counts, extra, strict=True)]
    found = []
    for states in itertools.product([False, True], repeat=n):
        cost = sum(more for more, bursts in zip(extra, states, strict=True) if bursts)
        cost += gamma * math.log(n) * sum(b and not a for a, b in itertools.pairwise([False, *states]))
        # A barred batch ends a burst, so that one behind it begins anew, and the window does not end in it.
        cost += (
            gamma
            * math.log(n)
            * sum(
                a and b and bar for (a, b), bar in zip(itertools.pairwise(states), barred[:-1], strict=True)
            )
        )
        if not any(a and bar for a, bar in zip(states, barred, strict=True)):
            found.append((cost, states))
    found.sort()
    (best, states), *others = found
    return list(states), (others[0][0] if others else math.inf) - best


BATCHES = st.lists(
    st.integers(0, 12).flatmap(lambda d: st.tuples(st.just(d), st.integers(0, d))), min_size=2, max_size=7
)


@given(
    counts=BATCHES,
    s=st.sampled_from([1.001, 1.5, 2.0, 4.0]),
    gamma=st.sampled_from([0.01, 0.1, 0.5, 1.0]),
    threshold=st.sampled_from([NO_LIMIT, 0.5, 2.0]),
)
@settings(max_examples=150, deadline=None)
def test_detection_finds_the_cheapest_sequence(
    counts: list[tuple[int, int]], s: float, gamma: float, threshold: float
) -> None:
    documents, relevant = (sum(column) for column in zip(*counts, strict=True))
    assume(relevant and s * relevant < documents)
    states, margin = cheapest(counts, s, gamma, threshold)
    assume(margin > 1e-9)  # of two that cost the same either will do
    p0 = relevant / documents
    p1 = s * p0
    expected = [
        max(0.0, r * math.log(s) + (d - r) * math.log((1 - p1) / (1 - p0))) if bursts else 0.0
        for (d, r), bursts in zip(counts, states, strict=True)
    ]
    assert burst_weights(counts, [], s, gamma, threshold) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("relevant", "expected"),
    [
        ([9, 0, 0, 0, 9], [6.2383246250395077, 0, 0, 0, 6.2383246250395077]),
        ([5] * 5, [math.inf] * 5),
        ([0] * 5, [0.0] * 5),
    ],
)
def test_detection_with_nothing_known(relevant: list[int], expected: list[float]) -> None:
    found = burst_weights([(9, r) for r in relevant], [], 2.0, 1.0, NO_LIMIT)
    assert found == pytest.approx(expected, rel=1e-12)


def test_what_is_known_stays() -> None:
    counts = [(9, 1), (9, 6), (9, 6), (9, 1), (9, 1)]
    fresh = burst_weights(counts, [], 2.0, 0.5, NO_LIMIT)
    assert [weight > 0 for weight in fresh] == [False, True, True, False, False]
    known = burst_weights(counts, [5.0, 0.0, -1.0], 2.0, 0.5, NO_LIMIT)
    assert (known[0], known[1]) == (0.0, 0.0)  # the first bursts, but is not explained better by it
    assert burst_weights(counts, fresh, 2.0, 0.5, NO_LIMIT) == fresh
    assert burst_weights(counts, [0.0] * 5, 2.0, 0.5, NO_LIMIT) == [0.0] * 5
    assert burst_weights(counts, [0.0, math.inf], 9.0, 0.5, NO_LIMIT) == [0.0, *[math.inf] * 4]


def test_a_burst_probability_of_one() -> None:
    assert burst_weights([(4, 4), (4, 0)], [], 2.0, 1.0, NO_LIMIT) == [0.0, 0.0]
    assert burst_weights([(1, 1), (1, 0)], [], 2.0, 1.0, 0.5) == [0.0, 0.0]


@given(
    st.lists(
        st.integers(0, 5).flatmap(lambda d: st.tuples(st.just(d), st.integers(0, d))), min_size=1, max_size=4
    ),
    st.lists(st.sampled_from([0.0, 1.0, math.inf, -1.0]), max_size=4),
    st.sampled_from([1.0000001, 2.0, 1e300, math.inf]),
    st.sampled_from([1e-300, 1.0, 1e300, math.inf]),
    st.sampled_from([NO_LIMIT, 1e-9]),
)
@settings(max_examples=150, deadline=None)
def test_there_is_always_a_weight(
    counts: Any, known: list[float], s: float, gamma: float, threshold: float
) -> None:
    found = burst_weights(counts, known[: len(counts)], s, gamma, threshold)
    assert len(found) == len(counts)
    assert all(weight >= 0 for weight in found)


# --- windows ---


def documents(batch: int, relevant: int, count: int = 9, word: str = "k") -> list[tuple[float, str]]:
    return [(batch * 10 + 0.5 + i / 2, f"a {word}" if i < relevant else "a") for i in range(count)]


def test_a_worked_example() -> None:
    model = burst(("k", 2.0, 0.5))
    seen = {}
    for batch, relevant in enumerate([1, 1, 6, 6, 1, 1]):
        assert model.add_documents(documents(batch, relevant)) == 9
        seen[batch] = model.get_result("k")
    for batch, start, rows in (
        (0, -20, [(0, 0, 0), (0, 0, 0), (9, 1, 0), (0, 0, 0), (0, 0, 0)]),
        (2, -20, [(0, 0, 0), (0, 0, 0), (9, 1, 0), (9, 1, 0), (9, 6, 2.5192519642554627)]),
        (3, 10, [(9, 1, 0), (9, 6, 0), (9, 6, 0), (0, 0, 0), (0, 0, 0)]),
        (4, 10, [(9, 1, 0), (9, 6, 1.1240803483242323), (9, 6, 1.1240803483242323), (9, 1, 0), (0, 0, 0)]),
        (5, 10, [(9, 1, 0), (9, 6, 2.0794415416798357), (9, 6, 2.0794415416798357), (9, 1, 0), (9, 1, 0)]),
    ):
        assert seen[batch].start_pos == start
        assert seen[batch].batches == [(d, r, pytest.approx(weight, rel=1e-12)) for d, r, weight in rows]
    assert model.get_result_at("k", 35.0) == seen[5]
    assert model.get_result_at("k", 5.0).start_pos == -20
    assert model.get_result_at("k", 60.0) == model.get_result_at("k", -20.1) == NONE
    assert model.get_all_bursted_results_at(25.0) == {"k": seen[5]}
    assert model.get_all_bursted_results_at(15.0) == model.get_all_bursted_results_at(math.nan) == {}
    assert model.get_all_bursted_results() == {}


def test_a_burst_in_the_last_batch() -> None:
    model = burst(("k", 2.0, 0.5))
    for batch, relevant in enumerate([1, 1, 6]):
        model.add_documents(documents(batch, relevant))
    assert model.get_all_bursted_results() == {"k": model.get_result("k")}


def test_a_document_older_than_the_newest_window_is_refused() -> None:
    model = burst(("k", 2.0, 1.0))
    for batch in range(4):
        model.add_documents(documents(batch, 1))
    assert model.get_result("k").start_pos == 10
    assert model.add_documents([(9.9, "k"), (10.0, "k"), (-500.0, "k")]) == 1
    assert model.get_result("k").batches[0][:2] == (10, 2)
    before = tree(model)
    assert model.add_documents([(9.9, "k")]) == 0
    assert tree(model) == before


def test_a_document_that_one_keyword_refuses_counts_for_the_others() -> None:
    model = burst(("old", 2.0, 1.0))
    model.add_documents([(100.0, "old")])
    model.add_keyword(("new", 2.0, 1.0))
    assert model.add_documents([(5.0, "new")]) == 0
    assert model.get_result("new") == NONE  # nothing is computed anew
    assert model.add_documents([(101.0, "")]) == 1
    assert model.get_result("new").start_pos == 80
    assert model.get_result("new").batches[2][:2] == (1, 0)
    assert tree(model)[1][2]["new"][0][-1][1] == 80  # the window with the first one does not overlap


def test_windows_that_were_left_behind() -> None:
    model = burst(("k", 2.0, 1.0), rotate=2)
    for position in (0.0, 1000.0, 2000.0):
        model.add_documents([(position, "k")])
    assert [window[1] for window in tree(model)[1][1]["k"][1][0]] == [1980.0, 980.0]
    assert [window[1] for window in tree(model)[1][2]["k"][0]] == [1980.0]
    assert model.get_result_at("k", 0.0) == NONE


def test_positions_beyond_32_bits() -> None:
    model = burst(("k", 2.0, 1.0), h=0.5)
    assert model.add_documents([(1.6e9, "k"), (1.6e9 + 1, "k")]) == 2
    assert [batch[0] for batch in model.get_result("k").batches] == [0, 0, 1, 0, 1]


@pytest.mark.parametrize("position", [math.nan, math.inf, -math.inf, 1e300])
def test_positions_that_no_window_has(position: float) -> None:
    model = burst(("k", 2.0, 1.0), h=1e-9)
    assert model.add_documents([(position, "k"), (1.0, "k"), (position, "k")]) == 1
    assert model.get_result("k").batches[2][:2] == (1, 1)


def test_without_keywords_every_document_counts() -> None:
    model = burst()
    assert model.add_documents([(1.0, "a"), (-5.0, "b"), (math.nan, "c")]) == 3
    assert model.add_documents([]) == 0


def test_keywords_are_found_byte_by_byte() -> None:
    model = burst(("", 2.0, 1.0), ("é", 2.0, 1.0), ("\udcc3", 2.0, 1.0), n=1)
    assert model.add_documents([(0.0, "café"), (0.0, "tea"), (0.0, "\udcc3")]) == 3
    counts = {keyword: model.get_result(keyword).batches[0][1] for keyword in ("", "é", "\udcc3")}
    assert counts == {"": 3, "é": 1, "\udcc3": 2}


def test_keywords_come_and_go() -> None:
    model = burst(("a", 2.0, 1.0), ("b", 1.001, 0.1))
    assert model.add_keyword(("a", 3.0, 1.0)) is False
    assert model.get_all_keywords() == [("a", 2.0, 1.0), ("b", 1.001, 0.1)]
    assert model.status() == {"all_keywords": "a,b", "processed_keywords": "a,b"}
    assert [model.remove_keyword("a"), model.remove_keyword("a")] == [True, False]
    assert model.get_result("a") == model.get_result_at("a", 0.0) == NONE
    assert model.remove_all_keywords() is True
    assert model.get_all_keywords() == []
    for wrong, text in (((1.0, 1.0), "scaling_param must be > 1."), ((2.0, 0.0), "gamma must be > 0.")):
        with pytest.raises(DumaError) as caught:
            model.add_keyword(("a", *wrong))
        assert str(caught.value) == f"invalid parameter (expected: {text})"


class Direct:
    """Every document again for each window: what is counted, without windows that share batches."""

    def __init__(self, n: int, h: float) -> None:
        self.n, self.h = n, h
        self.documents: list[tuple[float, bool]] = []
        self.start: float | None = None

    def add(self, position: float, relevant: bool) -> None:
        newest = self.start
        if newest is None or position >= newest + self.n * self.h:
            base = newest or 0.0
            self.start = base + self.h * (math.floor((position - base) / self.h) - self.n // 2)
        elif position < newest:
            return
        self.documents.append((position, relevant))

    def newest(self) -> list[tuple[int, int]]:
        assert self.start is not None
        rows = [[0, 0] for _ in range(self.n)]
        for position, relevant in self.documents:
            batch = math.floor((position - self.start) / self.h)
            if 0 <= batch < self.n:
                rows[batch][0] += 1
                rows[batch][1] += relevant
        return [(d, r) for d, r in rows]


@given(
    n=st.integers(1, 7),
    steps=st.lists(st.tuples(st.integers(-30, 60), st.booleans()), min_size=1, max_size=60),
    calls=st.integers(1, 7),
)
@settings(max_examples=60, deadline=None)
def test_windows_count_what_they_cover(n: int, steps: list[tuple[int, bool]], calls: int) -> None:
    model, direct, position = burst(("k", 2.0, 1.0), n=n, h=8.0, rotate=3), Direct(n, 8.0), 0
    stream = []
    for step, relevant in steps:
        position += step
        stream.append((float(position), "k" if relevant else ""))
        direct.add(float(position), relevant)
    for at in range(0, len(stream), calls):
        model.add_documents(stream[at : at + calls])
    ((newest, *_),) = (windows for windows, *_ in tree(model)[1][2].values())
    assert newest[1] == direct.start
    assert [tuple(batch) for batch in newest[0]] == direct.newest()


# --- model files ---

SAVED = [
    [5, 10.0, 5, 5, NO_LIMIT],
    {
        "he": [
            [2.0, 1.0],
            [
                [
                    [[[4, 0, 0.0], [4, 0, 0.0], [4, 2, 0.0], [4, 2, 0.0], [0, 0, 0.0]], 10.0, 10.0],
                    [[[0, 0, 0.0], [0, 0, 0.0], [4, 0, 0.0], [4, 0, 0.0], [4, 0, 0.0]], -20.0, 10.0],
                ],
                5,
                -20.0,
            ],
        ]
    },
    {
        "he": [
            [
                [[[4, 0], [4, 0], [4, 2], [4, 2], [0, 0]], 10.0, 10.0],
                [[[0, 0], [0, 0], [4, 0], [4, 0], [4, 0]], -20.0, 10.0],
            ],
            5,
            10.0,
            5,
        ]
    },
]


def saving() -> Any:
    model = burst(("he", 2.0, 1.0))
    for batch in range(5):
        model.add_documents(documents(batch, 2 if batch > 2 else 0, count=4, word="the"))
    return model


def test_what_is_saved() -> None:
    model = saving()
    assert tree(model) == [1, SAVED]
    data = b"".join(model.snapshot().chunks())
    assert data.hex().startswith(
        "9201"
        + "939505cb40240000000000000505cb7fefffffffffffff81a268659292cb4000000000000000cb3ff0000000000000"
        "93929395930400cb0000000000000000"
    )
    assert model.snapshot().size == len(data)


def test_a_snapshot_is_of_its_moment() -> None:
    model = saving()
    snapshot = model.snapshot()
    model.add_documents(documents(5, 4, count=4, word="the"))
    model.add_keyword(("x", 2.0, 1.0))
    assert msgpack.unpackb(b"".join(snapshot.chunks())) == [1, SAVED]


def test_a_loaded_model_goes_on(tmp_path: Path) -> None:
    model, other = saving(), burst(("lost", 2.0, 1.0))
    model.save(tmp_path / "m")
    other.load(tmp_path / "m")
    assert other.get_all_keywords() == [("he", 2.0, 1.0)]
    for batch, relevant in ((5, 4), (6, 0), (7, 3)):
        for each in (model, other):
            each.add_documents(documents(batch, relevant, count=4, word="he"))
        assert tree(other) == tree(model)


def changed(*path: Any, value: Any) -> Any:
    """The saved data with something else at one place."""
    data = json.loads(json.dumps(SAVED))
    *way, last = path
    place = data
    for step in way:
        place = place[step]
    place[last] = value
    return data


def adopted(data: Any) -> Any:
    model = burst()
    model.adopt(model.read_model(memoryview(msgpack.packb([1, data], use_bin_type=False))))
    return model


def test_keywords_that_other_servers_count() -> None:
    model = adopted([SAVED[0], SAVED[1], {}])
    assert model.status() == {"all_keywords": "he", "processed_keywords": ""}
    assert model.add_documents([(1000.0, "the")]) == 1
    assert model.get_result("he").start_pos == 10
    assert model.get_all_bursted_results_at(35.0) == {}
    assert tree(model)[1] == [SAVED[0], SAVED[1], {}]


def test_results_without_batches_are_none() -> None:
    data = changed(1, "he", 1, 0, value=[[[], -1.0, 1.0]])
    assert adopted(data).get_result("he") == NONE


@pytest.mark.parametrize(
    "data",
    [
        [],
        SAVED[:2],
        [*SAVED, []],
        changed(0, value=[5, 10.0, 5, 5]),
        changed(0, 0, value=0),
        changed(0, 1, value=0.0),
        changed(0, 1, value=math.inf),
        changed(0, 2, value=0),
        changed(0, 3, value=-1),
        changed(1, value=[]),
        changed(1, "he", 0, value=[1.0, 1.0]),
        changed(1, "he", 0, value=[2.0, 0.0]),
        changed(1, "he", 1, 0, value={}),
        changed(1, "he", 1, 0, 0, 0, 0, value=[4, 5, 0.0]),
        changed(1, "he", 1, 0, 0, 0, 0, value=[2**31, 5, 0.0]),
        changed(1, "he", 1, 0, 0, 2, value=11.0),
        changed(1, "he", 1, 0, 0, 1, value=math.nan),
        changed(2, value={"she": SAVED[2]["he"]}),
        changed(2, "he", 0, 0, 0, value=[[4, 0]]),
        changed(2, "he", 0, 0, 0, 0, value=[4]),
        changed(2, "he", 0, 0, 0, value={}),
    ],
)
def test_broken_user_data_are_refused(data: Any) -> None:
    with pytest.raises(ModelFileError, match=r"^user data is broken: "):
        adopted(data)


def test_every_broken_off_file_is_refused() -> None:
    data = b"".join(saving().snapshot().chunks())
    for end in range(len(data)):
        with pytest.raises(ModelFileError, match=r"^user data is broken: "):
            burst().read_model(memoryview(data[:end]))


# --- configuration and calls ---


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (config(n=0), "invalid parameter (expected: window_batch_size should > 0)"),
        (config(n=2**31 - 1), "invalid parameter (expected: window_batch_size should <= 100000)"),
        (config(h=0), "invalid parameter (expected: batch_interval should > 0)"),
        (config(rotate=-1), "invalid parameter (expected: result_window_rotate_size should > 0)"),
        (config(reuse=-1, n=-1), "invalid parameter (expected: window_batch_size should > 0)"),
        (config(reuse=-1), "invalid parameter (expected: max_reuse_batch_num should >= 0)"),
        ({"method": "burst"}, '"parameter" is not found ()'),
        ({"method": 5, "parameter": {}}, "String is expected, but Integer is given. (.method)"),
        ({"method": "", "parameter": {}}, '"costcut_threshold" is not found (.parameter)'),
        ({"method": "", "parameter": None}, "Object is expected, but Null is given. (.parameter)"),
    ],
)
def test_configurations_that_are_refused(wrong: Any, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        duma.Burst(wrong)
    assert any(text in message for message in (str(caught.value), *caught.value.messages))


def test_a_threshold_ends_bursts() -> None:
    counts = [(9, 6), (9, 0), (9, 6), (9, 1), (9, 1)]
    free, cut = (burst_weights(counts, [], 2.0, 0.5, threshold) for threshold in (NO_LIMIT, 0.1))
    assert [weight > 0 for weight in cut] == [True, False, True, False, False]
    assert cut[0] == free[0]


def test_wrong_arguments_change_nothing() -> None:
    model = burst(("k", 2.0, 1.0))
    add = type(model).methods["add_documents"]
    for wrong in ([[1.0, "k"], [2.0]], [[1.0, "k"], ["2", "k"]], [[1.0, "k"], 5], {}):
        with pytest.raises(ArgumentMismatch):
            add.call_packed(model, [msgpack.packb(wrong)])
    assert model.get_result("k") == NONE
    assert add.call_packed(model, [msgpack.packb([[1, "k", "more"]])]) == b"\x01"


def test_served_like_jubatus(tmp_path: Path) -> None:
    with serving(tmp_path, "-f", write_config(tmp_path, config()), command="jubaburst") as (_, client, _):
        assert client.call("add_keyword", ["k", 2.0, 0.5]) is True
        for batch, relevant in enumerate([1, 1, 6]):
            assert client.call("add_documents", documents(batch, relevant)) == 9
        ((start, batches),) = client.call("get_all_bursted_results").values()
        assert (start, batches[:4]) == (-20.0, [[0, 0, 0.0], [0, 0, 0.0], [9, 1, 0.0], [9, 1, 0.0]])
        assert batches[4] == [9, 6, pytest.approx(2.5192519642554627, rel=1e-12)]
        assert client.call("get_result", "none") == [-1.0, []]
        ((_, status),) = client.call("get_status").items()
        assert (status["all_keywords"], status["processed_keywords"], status["update_count"]) == (
            "k",
            "k",
            "4",
        )
