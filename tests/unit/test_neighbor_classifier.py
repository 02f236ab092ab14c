"""The classifier's methods by neighbours: Jubatus' numbers to the bit, and brute force in Python."""

import math
from collections import Counter
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duma
from duma.errors import ConfigurationError, DumaError, ModelFileError

NUMBERS = {"num_rules": [{"key": "*", "type": "num"}]}


def neighbors(method: str, k: int, a: float, converter: Any = NUMBERS, **parameter: Any) -> Any:
    parameter = {"nearest_neighbor_num": k, "local_sensitivity": a, **parameter}
    if method not in ("cosine", "euclidean"):
        parameter |= {"method": method, "parameter": {"hash_num": 64}}
        method = "NN"
    return duma.Classifier({"method": method, "parameter": parameter, "converter": converter})


def scores(model: Any, values: dict[str, float]) -> dict[str, float]:
    [answer] = model.classify([duma.Datum(values)])
    assert [label for label, _ in answer] == sorted(label for label, _ in answer)
    return dict(answer)


def tree(model: Any) -> Any:
    """All that is saved."""
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


def ids(model: Any) -> list[str]:
    """The ids of the records of NN, by row."""
    records: list[str] = tree(model)[1][0][-2][0]
    return records


# --- what Jubatus 1.1.1 computed ---

RECORDS = [("P", {"a": 1, "b": 2}), ("N", {"b": 1, "c": 1}), ("P", {"a": 1})]


@pytest.mark.parametrize(
    ("method", "k", "a", "expected"),
    [
        ("cosine", 1, 1, {"N": 0.0, "P": 0.9499777630764182}),
        ("cosine", 2, 1, {"N": 0.0, "P": 1.6960795691563204}),
        ("cosine", 3, 1, {"N": 0.6065306597126334, "P": 1.6960795691563204}),
        ("cosine", 3, 0.1, {"N": 0.9512294237919928, "P": 1.9660169269114216}),
        ("cosine", -1, 1, {"N": 0.6065306597126334, "P": 1.6960795691563204}),
        ("euclidean", 1, 1, {"N": 0.0, "P": 0.36787944117144233}),
        ("euclidean", 2, 1, {"N": 0.0, "P": 0.7357588823428847}),
        ("euclidean", 3, 1, {"N": 0.2431167344342142, "P": 0.7357588823428847}),
        ("euclidean", 3, 0.1, {"N": 0.8681234435651515, "P": 1.8096748333752934}),
    ],
)
def test_numbers_of_jubatus(method: str, k: int, a: float, expected: dict[str, float]) -> None:
    model = neighbors(method, k, a)
    assert model.train([(label, duma.Datum(values)) for label, values in RECORDS]) == 3
    assert scores(model, {"a": 1, "b": 1}) == expected


# --- from here on, what follows from the rules ---

VALUES = st.dictionaries(st.sampled_from("abcde"), st.integers(-3, 3), max_size=4)
LABELS = st.sampled_from(["x", "y", "a_b", "a_", "é", "_"])


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(["cosine", "euclidean"]),
    k=st.integers(1, 12),
    a=st.sampled_from([0.0, 0.5, 2.0]),
    records=st.lists(st.tuples(LABELS, VALUES), max_size=15),
    query=VALUES,
)
def test_exact_methods_are_brute_force(method: str, k: int, a: float, records: Any, query: Any) -> None:
    model = neighbors(method, k, a)
    model.train([(label, duma.Datum(values)) for label, values in records])
    ranked = []
    length = sum(x * x for x in query.values())
    columns = 0  # a record without features is none
    for label, values in records:
        square = sum(x * x for x in values.values())
        if square == 0:
            continue
        columns += 1
        dot = sum(x * values.get(key, 0) for key, x in query.items())
        if method == "euclidean":
            ranked.append((-math.sqrt(max(0.0, length + square - 2 * dot)), columns, label))
        elif length and dot:
            exact = square == length == dot
            cosine = 1.0 if exact else dot / math.sqrt(square) / math.sqrt(length)
            ranked.append((cosine, columns, label))
    expected = {label: 0.0 for label, _ in records}
    for score, _, label in sorted(ranked, reverse=True)[:k]:
        distance = 1 - max(-1.0, min(1.0, score)) if method == "cosine" else -score
        expected[label] += math.exp(-a * distance)
    assert scores(model, query) == expected
    assert model.get_labels() == Counter(label for label, _ in records)


@settings(max_examples=25, deadline=None)
@given(
    method=st.sampled_from(["lsh", "minhash", "euclid_lsh"]),
    k=st.integers(0, 8),
    records=st.lists(st.tuples(LABELS, VALUES), max_size=12),
    queries=st.lists(VALUES, min_size=1, max_size=3),
)
def test_signatures_vote_by_the_distances_of_the_nearest_neighbor_engine(
    method: str, k: int, records: Any, queries: Any
) -> None:
    model = neighbors(method, k, 0.5)
    parameter = {"method": method, "parameter": {"hash_num": 64}, "converter": NUMBERS}
    rows = duma.NearestNeighbor(parameter)

    def in_order(values: Any) -> Any:  # the classifier's own: sums are rounded
        return duma.Datum(dict(sorted(values.items())))

    for row, (label, values) in enumerate(records):
        model.train([(label, duma.Datum(values))])
        rows.set_row(f"{row}", in_order(values))
    answers = model.classify([in_order(query) for query in queries])
    for query, answer in zip(queries, answers, strict=True):
        expected = {label: 0.0 for label, _ in records}
        for row, distance in rows.neighbor_row_from_datum(in_order(query), k):
            expected[records[int(row)][0]] += math.exp(-0.5 * distance)
        assert dict(answer) == expected


def test_features_of_the_same_name_are_added_up() -> None:
    twice = {"num_rules": [{"key": "*", "type": "num"}, {"key": "b", "type": "num"}]}
    model, added = neighbors("cosine", 1, 1, twice), neighbors("cosine", 1, 1)
    model.train([("x", duma.Datum({"b": 1.0, "a": 1.0}))])
    added.train([("x", duma.Datum({"b": 2.0, "a": 1.0}))])
    index, expected = tree(model)[1][0][0], tree(added)[1][0][0]
    assert index[3] == expected[3] == {0: 5.0}
    assert index[1] == expected[1] == {"a@num": {0: 1.0}, "b@num": {0: 2.0}}


def test_labels_with_signatures() -> None:
    model = neighbors("lsh", 3, 0)
    assert [model.set_label("new"), model.set_label("new")] == [True, False]
    model.train([(label, duma.Datum({"n": 1.0})) for label in ("a_b", "a", "a_b", "a_c")])
    assert model.get_labels() == {"a": 1, "a_b": 2, "a_c": 1, "new": 0}
    assert all(len(id_.rpartition("_")[2]) == 8 for id_ in ids(model))
    assert [model.delete_label(label) for label in ("b", "a_b", "a_b", "new")] == [False, True, False, True]
    assert sorted(id_.rpartition("_")[0] for id_ in ids(model)) == ["a", "a_c"]
    assert scores(model, {"n": 1.0}) == {"a": 1.0, "a_c": 1.0}
    model.clear()
    assert (model.get_labels(), scores(model, {"n": 1.0}), ids(model)) == ({}, {}, [])


@pytest.mark.parametrize("method", ["cosine", "euclidean"])
def test_labels_of_exact_methods_cannot_be_deleted(method: str) -> None:
    model = neighbors(method, 3, 0)
    model.train([("x", duma.Datum({"n": 1.0})), ("y", duma.Datum())])
    assert [model.set_label("x"), model.set_label("z"), model.delete_label("x")] == [False, True, False]
    assert model.get_labels() == {"x": 1, "y": 1, "z": 0}
    assert scores(model, {"n": 1.0}) == {"x": 1.0, "y": 0.0, "z": 0.0}
    model.clear()
    assert model.get_labels() == {}


def bounded(kind: str, size: int, **more: Any) -> Any:
    return neighbors("lsh", 9, 0, unlearner=kind, unlearner_parameter={"max_size": size, **more})


def test_lru_forgets_the_oldest_record_and_a_label_with_its_last() -> None:
    model = bounded("lru", 3)
    model.set_label("w")
    for step, label in enumerate("xxyz"):
        model.train([(label, duma.Datum({"n": step + 1.0}))])
    assert model.get_labels() == {"w": 0, "x": 1, "y": 1, "z": 1}
    model.train([("y", duma.Datum({"n": 1.0}))])
    assert model.get_labels() == {"w": 0, "y": 2, "z": 1}
    assert scores(model, {"n": 1.0}) == {"w": 0.0, "y": 2.0, "z": 1.0}
    assert model.delete_label("y")  # makes room
    model.train([("x", duma.Datum({"n": 1.0})), ("x", duma.Datum({"n": 1.0}))])
    assert model.get_labels() == {"w": 0, "x": 2, "z": 1}


def test_sticky_records_are_never_forgotten() -> None:
    model = bounded("lru", 2, sticky_pattern="keep_*")
    records = [(label, duma.Datum({"n": 1.0})) for label in ("keep", "x", "keep")]
    assert model.train(records) == 3
    assert model.get_labels() == {"keep": 2}
    before = tree(model)
    text = (
        r"cannot add new ID as number of sticky IDs reached the maximum size of unlearner: x_[a-zA-Z0-9]{8}"
    )
    with pytest.raises(DumaError, match=text):
        model.train([("x", duma.Datum({"n": 1.0}))])
    assert tree(model) == before


def test_random_forgets_by_a_seed_and_goes_on_from_a_hidden_state() -> None:
    model, same = bounded("random", 4, seed=7), bounded("random", 4, seed=8)
    records = [(f"l{i}", duma.Datum({"n": i + 1.0})) for i in range(40)]
    same.set_hidden_state(model.hidden_state())
    for one in (model, same):
        one.train(records[:20])
    assert tree(model) == tree(same)
    assert len(ids(model)) == 4
    saved = memoryview(b"".join(model.snapshot().chunks()))
    drawn = model.hidden_state()
    for one in (model, same):
        one.train(records[20:])
        one.adopt(one.read_model(saved))
        assert one.hidden_state() != drawn  # ids are not drawn again
        one.train(records[20:])
    assert tree(model) == tree(same)
    with pytest.raises((TypeError, ValueError)):
        model.set_hidden_state(b"\x92\x01")


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from(["lru", "random"]),
    steps=st.lists(st.sampled_from(["x", "y", "z", "delete x", "delete y", "snapshot"]), max_size=30),
)
def test_an_unlearner_knows_the_records_and_snapshots_keep_theirs(kind: str, steps: list[str]) -> None:
    model = bounded(kind, 5, **({"seed": 3} if kind == "random" else {}))
    recent: list[str] = []  # labels, the last one learned first
    taken = []
    for step in steps:
        if step == "snapshot":
            taken.append((model.snapshot(), tree(model)))
        elif step.startswith("delete"):
            model.delete_label(step[-1])
            recent = [label for label in recent if label != step[-1]]
        else:
            model.train([(step, duma.Datum({"n": 1.0}))])
            recent = [step, *recent][:5]
        unlearner, records, _ = tree(model)[1][0]
        held = unlearner[0] if kind == "lru" else unlearner[1]
        assert sorted(held) == sorted(records[0])
        if kind == "lru":
            assert [id_[0] for id_ in held] == recent
        assert model.get_labels() == Counter(id_[0] for id_ in held)
    for snapshot, expected in taken:
        assert msgpack.unpackb(b"".join(snapshot.chunks()), strict_map_key=False) == expected
        assert snapshot.size > 0


@pytest.mark.parametrize("method", ["lsh", "minhash", "euclid_lsh", "cosine", "euclidean"])
def test_a_saved_model_answers_the_same(method: str) -> None:
    idf = {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}
    converter = {"string_rules": [idf], **NUMBERS}
    model, loaded = neighbors(method, 5, 1, converter), neighbors(method, 5, 1, converter)
    datums = [duma.Datum({"t": f"w{i % 5} w{i % 3}", "n": i % 4}) for i in range(60)]
    model.train([(f"l{i % 7}", datum) for i, datum in enumerate(datums)])
    loaded.adopt(loaded.read_model(memoryview(b"".join(model.snapshot().chunks()))))
    assert loaded.classify(datums) == model.classify(datums)
    assert (tree(loaded), loaded.get_labels()) == (tree(model), model.get_labels())
    assert set(loaded.status()) >= {"weight_manager_version", "diff_document_count"}
    assert "num_features" not in loaded.status()


@pytest.mark.parametrize("method", ["lsh", "cosine"])
def test_broken_files_are_refused(method: str) -> None:
    model = neighbors(method, 5, 1)
    model.train([(label, duma.Datum(values)) for label, values in RECORDS])
    data = b"".join(model.snapshot().chunks())
    answer = scores(model, {"a": 1})
    broken = [data[:end] for end in range(0, len(data), 7)]
    broken += [b"\x92\x01\xc0", data[:3] + b"\x93" + data[4:]]
    for one in broken:
        with pytest.raises(ModelFileError, match="user data is broken"):
            model.adopt(model.read_model(memoryview(one)))
    other = bounded("lru", 4) if method == "lsh" else neighbors("lsh", 5, 1)
    with pytest.raises(ModelFileError, match="user data is broken"):
        other.read_model(memoryview(data))
    assert scores(model, {"a": 1}) == answer


def test_a_record_that_cannot_be_converted_ends_the_call() -> None:
    model = neighbors("euclid_lsh", 5, 1)
    with pytest.raises(DumaError, match=r"cannot contain '\$'"):
        model.train([("x", duma.Datum({"a": 1})), ("x", duma.Datum({"$": 1})), ("x", duma.Datum({"b": 1}))])
    assert model.get_labels() == {"x": 1}


LSH = {"method": "lsh", "parameter": {"hash_num": 64}}
BOTH = {"nearest_neighbor_num": 1, "local_sensitivity": 1}


@pytest.mark.parametrize(
    ("method", "parameter", "text"),
    [
        ("NN", None, "parameter block is not specified in config"),
        ("cosine", None, "parameter block is not specified in config"),
        ("NN", {**BOTH, **LSH, "local_sensitivity": -1}, "local_sensitivity should >= 0"),
        ("cosine", {"nearest_neighbor_num": 0, "local_sensitivity": -1}, "local_sensitivity should >= 0"),
        ("euclidean", {"nearest_neighbor_num": 0, "local_sensitivity": 0}, "nearest neighbor num >= 1"),
        ("cosine", {**BOTH, "unlearner": "lru"}, '"unlearner" is not used (.parameter)'),
        ("NN", {**BOTH, "method": "lsh"}, '"parameter" is not found (.parameter)'),
        ("NN", {**BOTH, **LSH, "method": "euclid"}, "unsupported method (euclid)"),
        ("NN", {**BOTH, **LSH, "parameter": {}}, '"hash_num" is not found (.parameter.parameter)'),
        ("NN", {**BOTH, **LSH, "parameter": {"hash_num": 0}}, "1 <= hash_num"),
        ("NN", {**BOTH, **LSH, "unlearner": "lru"}, "unlearner_parameter is not found"),
        ("Cosine", BOTH, "unsupported method (classifier(Cosine))"),
    ],
)
def test_configurations_that_are_refused(method: str, parameter: Any, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        duma.Classifier({"method": method, "parameter": parameter, "converter": NUMBERS})
    assert text in str(caught.value) or any(text in message for message in caught.value.messages)


def test_no_neighbours_are_asked_for() -> None:
    model = duma.Classifier(
        {
            "method": "nearest_neighbor",
            "parameter": {**LSH, **BOTH, "nearest_neighbor_num": 0},
            "converter": NUMBERS,
        }
    )
    model.train([("x", duma.Datum({"n": 1.0}))])
    assert scores(model, {"n": 1.0}) == {"x": 0.0}
