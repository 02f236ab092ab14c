"""The regression's methods by neighbours: Jubatus' numbers to the bit, and brute force in NumPy."""

import re
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duma
from duma.errors import ConfigurationError, DumaError, ModelFileError

NUMBERS = {"num_rules": [{"key": "*", "type": "num"}]}


def neighbors(method: str, k: int, converter: Any = NUMBERS, **parameter: Any) -> Any:
    parameter = {"nearest_neighbor_num": k, **parameter}
    if method not in ("cosine", "euclidean"):
        parameter |= {"method": method, "parameter": {"hash_num": 64}}
        method = "nearest_neighbor"
    return duma.Regression({"method": method, "parameter": parameter, "converter": converter})


def tree(model: Any) -> Any:
    """All that is saved."""
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


# --- what Jubatus 1.1.1 computed ---

RECORDS = [(1.0, {"a": 1, "b": 2}), (2.0, {"b": 1, "c": 1}), (4.0, {"a": 1})]


@pytest.mark.parametrize(
    ("k", "weight", "cosine", "euclidean"),
    [
        (1, "uniform", 1, 4),
        (1, "distance", 1, 4),
        (2, "uniform", 2.5, 2.5),
        (2, "distance", 1.4472564460292991, 2.5),
        (3, "uniform", 2.3333333333333335, 2.3333333333333335),
        (3, "distance", 1.4916516527141994, 2.3693980625181292),
    ],
)
def test_numbers_of_jubatus(k: int, weight: str, cosine: float, euclidean: float) -> None:
    for method, expected in (("cosine", cosine), ("euclidean", euclidean)):
        model = neighbors(method, k, weight=weight)
        assert model.train([(target, duma.Datum(values)) for target, values in RECORDS]) == 3
        assert model.estimate([duma.Datum({"a": 1, "b": 1})]) == [expected]


# --- from here on, what follows from the rules ---

VALUES = st.dictionaries(st.sampled_from("abcd"), st.integers(-3, 3), max_size=4)


def vector(values: dict[str, int]) -> Any:
    return np.array([values.get(key, 0) for key in "abcd"], dtype=float)


def estimate(distances: Any, targets: Any, weight: str, zero: float) -> float:
    """From neighbours, nearest first."""
    if len(targets) == 0:
        return 0.0
    if weight == "uniform":
        return float(np.mean(targets))
    if distances[0] <= zero:
        apart = np.append(distances, np.inf) > zero
        return float(np.mean(targets[: int(np.argmax(apart))]))
    return float(np.average(targets, weights=1 / distances))


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(["cosine", "euclidean"]),
    k=st.integers(1, 10),
    weight=st.sampled_from(["uniform", "distance"]),
    records=st.lists(st.tuples(st.integers(-8, 8), VALUES), max_size=12),
    query=VALUES,
)
def test_exact_methods_are_brute_force(method: str, k: int, weight: str, records: Any, query: Any) -> None:
    model = neighbors(method, k, weight=weight)
    model.train([(target, duma.Datum(values)) for target, values in records])
    kept = [(target, vector(values)) for target, values in records if any(values.values())]
    targets = np.array([target for target, _ in kept], dtype=float)
    rows = np.array([row for _, row in kept]).reshape(-1, 4)
    asked = vector(query)
    if method == "cosine":
        dots, lengths = rows @ asked, np.sum(rows * rows, axis=1)
        near = dots != 0
        targets, dots, lengths = targets[near], dots[near], lengths[near]
        squared = asked @ asked
        exact = (lengths == squared) & (lengths == dots)
        cosines = np.where(exact, 1.0, dots / np.sqrt(lengths) / np.sqrt(squared or 1.0))
        distances = 1 - np.clip(cosines, -1, 1)
        keys = -cosines
    else:
        distances = keys = np.sqrt(np.maximum(0, np.sum((rows - asked) ** 2, axis=1)))
    order = np.lexsort((-np.arange(len(keys)), keys))[:k]  # of equal ones the later record
    expected = estimate(distances[order], targets[order], weight, np.finfo(float).eps)
    assert model.estimate([duma.Datum(query)]) == [pytest.approx(expected, rel=1e-12)]


@settings(max_examples=25, deadline=None)
@given(
    method=st.sampled_from(["lsh", "minhash", "euclid_lsh"]),
    k=st.integers(1, 6),
    weight=st.sampled_from(["uniform", "distance"]),
    records=st.lists(st.tuples(st.integers(-8, 8), VALUES), max_size=10),
    query=VALUES,
)
def test_signatures_estimate_by_the_distances_of_the_nearest_neighbor_engine(
    method: str, k: int, weight: str, records: Any, query: Any
) -> None:
    model = neighbors(method, k, weight=weight)
    parameter = {"method": method, "parameter": {"hash_num": 64}, "converter": NUMBERS}
    rows = duma.NearestNeighbor(parameter)
    for row, (target, values) in enumerate(records):
        model.train([(target, duma.Datum(values))])
        rows.set_row(f"{row}", duma.Datum(values))
    found = rows.neighbor_row_from_datum(duma.Datum(query), k)
    targets = np.array([records[int(row)][0] for row, _ in found], dtype=float)
    expected = estimate(np.array([distance for _, distance in found]), targets, weight, 0)
    assert model.estimate([duma.Datum(query)]) == [pytest.approx(expected, rel=1e-12)]


def test_a_feature_that_comes_twice_stays_twice() -> None:
    """The last value is kept, the norm is of it alone; a query's norm counts both."""
    twice = {"num_rules": [{"key": "*", "type": "num"}, {"key": "b", "type": "num"}]}
    model = neighbors("cosine", 1, twice)
    model.train([(1.0, duma.Datum({"b": 3.0}))])
    index = tree(model)[1][0][0]
    assert (index[1], index[3]) == ({"b@num": {0: 3.0}}, {0: 9.0})


def test_an_unlearner_bounds_the_records() -> None:
    limit = {"unlearner": "lru", "unlearner_parameter": {"max_size": 3}}
    model = neighbors("lsh", 9, **limit)
    for target in range(8):
        model.train([(target, duma.Datum({"n": 1.0}))])
    assert model.estimate([duma.Datum({"n": 1.0})]) == [(5 + 6 + 7) / 3]
    unlearner, records, targets = tree(model)[1][0]
    assert sorted(unlearner[0]) == sorted(records[0]) == sorted(targets[0])
    assert all(re.fullmatch("[a-zA-Z0-9]{8}", id_) for id_ in records[0])
    assert targets[3] == [[[9, 0], [targets_of(id_, unlearner[0]) for id_ in targets[0]]]]
    full = neighbors("lsh", 9, unlearner="lru", unlearner_parameter={"max_size": 1, "sticky_pattern": "*"})
    full.train([(1.0, duma.Datum())])
    with pytest.raises(
        DumaError, match=r"number of sticky IDs reached the maximum size of unlearner: \w{8}$"
    ):
        full.train([(1.0, duma.Datum())])
    assert full.estimate([duma.Datum()]) == [1.0]


def targets_of(id_: str, recent: list[str]) -> float:
    return 7.0 - recent.index(id_)


@pytest.mark.parametrize("method", ["lsh", "minhash", "euclid_lsh", "cosine", "euclidean"])
def test_a_saved_model_answers_the_same_and_draws_on(method: str) -> None:
    idf = {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}
    converter = {"string_rules": [idf], **NUMBERS}
    model, loaded = neighbors(method, 5, converter), neighbors(method, 5, converter)
    datums = [duma.Datum({"t": f"w{i % 5} w{i % 3}", "n": i % 4}) for i in range(60)]
    model.train([(i / 3, datum) for i, datum in enumerate(datums)])
    state = model.hidden_state()
    loaded.adopt(loaded.read_model(memoryview(b"".join(model.snapshot().chunks()))))
    assert loaded.estimate(datums) == model.estimate(datums)
    assert tree(loaded) == tree(model)
    assert loaded.hidden_state() != state
    loaded.set_hidden_state(state)
    for one in (model, loaded):
        one.train([(1.5, datums[0])])
    assert tree(loaded) == tree(model)
    assert loaded.status() == {}
    model.clear()
    assert model.estimate(datums[:2]) == [0.0, 0.0]


@pytest.mark.parametrize("method", ["lsh", "euclidean"])
def test_broken_files_are_refused(method: str) -> None:
    model = neighbors(method, 5)
    model.train([(target, duma.Datum(values)) for target, values in RECORDS])
    data = b"".join(model.snapshot().chunks())
    answer = model.estimate([duma.Datum({"a": 1})])
    for one in [data[:end] for end in range(0, len(data), 7)] + [b"\x92\x01\xc0"]:
        with pytest.raises(ModelFileError, match="user data is broken"):
            model.adopt(model.read_model(memoryview(one)))
    assert model.estimate([duma.Datum({"a": 1})]) == answer


def test_a_record_without_target_says_nothing() -> None:
    """Such files come from clusters that were stopped in the middle."""
    model = neighbors("lsh", 5)
    model.train([(3.0, duma.Datum({"n": 1.0})), (9.0, duma.Datum({"n": 1.0}))])
    data = b"".join(model.snapshot().chunks())
    first = tree(model)[1][0][0][0][0].encode()
    place = data.rindex(first, 0, data.rindex(first))  # where the table of targets names it, twice
    other = data[:place] + data[place:].replace(first, b"nobody's")
    model.adopt(model.read_model(memoryview(other)))
    assert model.estimate([duma.Datum({"n": 1.0})]) == [9.0]


LSH = {"method": "lsh", "parameter": {"hash_num": 64}}


@pytest.mark.parametrize(
    ("method", "parameter", "text"),
    [
        ("NN", None, "parameter block is not specified in config"),
        ("NN", {**LSH, "nearest_neighbor_num": 0}, "nearest_neighbor_num should >= 1"),
        ("cosine", {"nearest_neighbor_num": -1}, "nearest neighbor num >= 1"),
        (
            "euclidean",
            {"nearest_neighbor_num": 1, "weight": "none"},
            "weight option must be distance or uniform",
        ),
        ("euclidean", {"nearest_neighbor_num": 1.0}, "Integer is expected, but Float is given"),
        ("cosine", {"nearest_neighbor_num": 1, "unlearner": "lru"}, '"unlearner" is not used (.parameter)'),
        ("NN", {**LSH, "nearest_neighbor_num": 1, "local_sensitivity": 1}, '"local_sensitivity" is not used'),
        (
            "NN",
            {**LSH, "nearest_neighbor_num": 1, "unlearner": "x", "unlearner_parameter": {}},
            "unlearner(x)",
        ),
    ],
)
def test_configurations_that_are_refused(method: str, parameter: Any, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        duma.Regression({"method": method, "parameter": parameter, "converter": NUMBERS})
    assert text in str(caught.value) or any(text in message for message in caught.value.messages)


def test_a_weight_may_be_null() -> None:
    model = neighbors("euclidean", 2, weight=None)
    model.train([(1.0, duma.Datum({"n": 1})), (2.0, duma.Datum({"n": 2}))])
    assert model.estimate([duma.Datum({"n": 1})]) == [1.5]
