"""The recommender: numbers to the bit, order to the tie, rows that come and go, and everything against brute force."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duma
from duma import Datum
from duma.errors import ConfigurationError, DumaError, ModelFileError

A, B, C = Datum({"x": 1, "y": 2}), Datum({"x": 2, "y": 1}), Datum({"z": 3})
LATTICES = {"hash_num": 4, "table_num": 2, "bin_width": 1, "probe_num": 8, "seed": 1091}
TABLE = {"method": "lsh", "parameter": {"hash_num": 16}}
PARAMETERS: dict[str, Any] = {
    "inverted_index": {},
    "inverted_index_euclid": {},
    "lsh": {"hash_num": 16},
    "minhash": {"hash_num": 16},
    "euclid_lsh": LATTICES,
    "nearest_neighbor_recommender": TABLE,
}
EVERY_METHOD = pytest.mark.parametrize("method", PARAMETERS)
EMPTY = Datum({})
STATISTICS = [[0], [0, [{}], [{}], [{}], {}], [0, [{}], [{}], [{}], {}]]


def engine(method: str, **parameter: Any) -> duma.Recommender:
    converter = {
        "num_rules": [{"key": "*", "type": "num"}],
        "string_rules": [{"key": "*", "type": "str", "sample_weight": "bin", "global_weight": "bin"}],
    }
    return duma.Recommender(
        {"method": method, "parameter": PARAMETERS[method] | parameter, "converter": converter}
    )


def filled(method: str, **parameter: Any) -> duma.Recommender:
    recommender = engine(method, **parameter)
    for key, datum in (("a", A), ("b", B), ("c", C)):
        assert recommender.update_row(key, datum) is True
    return recommender


def user_data(recommender: duma.Recommender) -> bytes:
    snapshot = recommender.snapshot()
    data = b"".join(snapshot.chunks())
    assert snapshot.size == len(data)
    return data


def tree(data: bytes) -> Any:
    return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape")


def packed(value: Any) -> bytes:
    data: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogateescape")
    return data


def loaded(recommender: duma.Recommender, method: str, **parameter: Any) -> duma.Recommender:
    other = engine(method, **parameter)
    other.adopt(other.read_model(memoryview(user_data(recommender))))
    return other


def asked(recommender: duma.Recommender, *queries: Datum) -> Any:
    """The answers to every kind of question."""
    rows = recommender.get_all_rows()
    return [
        rows,
        [recommender.similar_row_from_id(key, 4) for key in [*rows, "unknown"]],
        [recommender.decode_row(key) for key in rows],
        [
            [recommender.similar_row_from_datum(query, k) for k in (1, 3, 100)]
            + [recommender.complete_row_from_datum(query)]
            for query in (*queries, A, EMPTY)
        ],
    ]


# --- numbers and bytes of the original ---


def test_cosines() -> None:
    recommender = filled("inverted_index")
    assert recommender.similar_row_from_id("a", 9) == [("a", 1), ("b", 0.79999999999999993)]
    assert recommender.similar_row_from_datum(Datum({"x": 3, "y": 1}), 9) == [
        ("b", 0.98994949366116647),
        ("a", 0.70710678118654746),
    ]
    assert recommender.similar_row_from_id("unknown", 9) == []
    assert recommender.similar_row_from_datum(EMPTY, 9) == []


def test_euclidean_distances() -> None:
    recommender = filled("inverted_index_euclid")
    of_nothing = [("b", -2.2360679774997898), ("a", -2.2360679774997898), ("c", -3)]
    assert recommender.similar_row_from_id("unknown", 9) == of_nothing
    assert recommender.similar_row_from_datum(EMPTY, 9) == of_nothing
    assert recommender.similar_row_from_datum(Datum({"x": 1}), 9) == [
        ("b", -(2**0.5)),
        ("a", -2),
        ("c", -(10**0.5)),
    ]


def test_rows_without_a_common_feature_can_be_left_out() -> None:
    recommender = filled("inverted_index_euclid", ignore_orthogonal=True)
    assert recommender.similar_row_from_id("unknown", 9) == []
    # The product is 0, but features are in common.
    crossing = Datum({"x": 2, "y": -1})
    assert recommender.similar_row_from_datum(crossing, 9) == [("b", -2), ("a", -(10**0.5))]


def test_of_equal_scores_the_later_row_comes_first() -> None:
    recommender = engine("inverted_index")
    for key in ("q", "a", "z", "m"):
        recommender.update_row(key, A)
    assert [key for key, _ in recommender.similar_row_from_datum(A, 9)] == ["m", "z", "a", "q"]
    recommender.clear_row("a")
    recommender.update_row("a", A)  # it has its old place
    assert [key for key, _ in recommender.similar_row_from_datum(A, 3)] == ["m", "z", "a"]


def test_of_equal_signatures_the_greater_key_comes_first() -> None:
    recommender = engine("lsh")
    for key in ("q", "a", "z", "m"):
        recommender.update_row(key, A)
    assert recommender.similar_row_from_datum(A, 3) == [("z", 1), ("q", 1), ("m", 1)]


@EVERY_METHOD
def test_calculations_are_the_same_for_every_method(method: str) -> None:
    recommender = engine(method)
    assert recommender.calc_similarity(A, B) == 0.79999999999999993
    assert recommender.calc_similarity(A, EMPTY) == 0
    assert recommender.calc_l2norm(Datum({"x": 3, "y": -4})) == 5


def test_completion_is_the_mean_of_the_rows_found() -> None:
    for method, mean in (("lsh", {"x": 7 / 3, "y": 1.0, "z": 1.0}), ("inverted_index", {"x": 3.5, "y": 1.5})):
        recommender = engine(method)
        recommender.update_row("a", Datum({"x": 5, "y": 2}))
        recommender.update_row("b", B)
        recommender.update_row("c", C)
        assert dict(recommender.complete_row_from_id("a").num_values) == mean
        assert dict(recommender.complete_row_from_datum(Datum({"x": 5, "y": 2})).num_values) == mean
    assert engine("inverted_index").complete_row_from_id("a") == EMPTY


ROWS = (
    "92 81 a1 61 82 00 cb 3f f0 00 00 00 00 00 00 01 cb 40 00 00 00 00 00 00 00 93 82 a5 78 40 6e 75 6d 00 a5 79"
    "40 6e 75 6d 01 82 00 a5 78 40 6e 75 6d 01 a5 79 40 6e 75 6d 02"
)
WEIGHTS = "93 91 00 95 00 91 80 91 80 91 80 80 95 00 91 80 91 80 91 80 80"
INDEXES = {
    "inverted_index": (
        "95 80 82 a5 78 40 6e 75 6d 81 00 cb 3f f0 00 00 00 00 00 00 a5 79 40 6e 75 6d 81 00"
        "cb 40 00 00 00 00 00 00 00 80 81 00 cb 40 14 00 00 00 00 00 00 93 81 a1 61 00 81 00 a1 61 01"
    ),
    "lsh": "92 80 81 a1 61 92 10 a8 00 00 00 00 00 00 4f ab",
    "euclid_lsh": (
        "97 80 81 a1 61 93 92 cf 4f 6f ee 41 a5 0a 2a 3d cf 5a 59 f1 43 0c 92 db 9d"
        "92 08 a8 00 00 00 00 00 00 00 ab cb 40 01 e3 77 9b 97 f4 a8"
        "80 82 cf 4f 6f ee 41 a5 0a 2a 3d 91 00 cf 5a 59 f1 43 0c 92 db 9d 91 00"
        "98 ca 3e a7 fd 52 ca 3e fc 1d b1 ca 3d aa 23 75 ca 3d 4d 43 40"
        "ca 3e 4e 1e 83 ca 3f 1f 12 f9 ca 3e f0 a1 e8 ca 3b b4 fe 92"
        "02 93 81 a1 61 00 81 00 a1 61 01"
    ),
    "nearest_neighbor_recommender": "96 91 a1 61 01 91 92 91 a0 00 91 92 92 0a 10 91 cd 4f ab 01 81 a1 61 00",
}


@pytest.mark.parametrize("method", INDEXES)
def test_a_saved_model_has_the_bytes_of_the_original(method: str) -> None:
    recommender = engine(method)
    recommender.update_row("a", A)
    assert user_data(recommender).hex(" ") == bytes.fromhex(
        f"92 01 92 92 {ROWS} {INDEXES[method]} {WEIGHTS}"
    ).hex(" ")


@pytest.mark.parametrize(("kind", "ids"), [("lru", "92 91 a1 61 90"), ("random", "92 81 a1 61 00 91 a1 61")])
def test_an_unlearner_is_saved_before_the_rows(kind: str, ids: str) -> None:
    recommender = engine("lsh", unlearner=kind, unlearner_parameter={"max_size": 5})
    recommender.update_row("a", A)
    whole = f"92 01 92 93 {ids} {ROWS} {INDEXES['lsh']} {WEIGHTS}"
    assert user_data(recommender).hex(" ") == bytes.fromhex(whole).hex(" ")


RECORDED = sorted((Path(__file__).parents[1] / "conformance" / "models").glob("recommender-*.jubatus"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_what_the_original_saved_is_saved_again(path: Path) -> None:
    content = path.read_bytes()
    system = int.from_bytes(content[32:40], "big")
    data = content[48 + system :]
    transcript = path.parents[1] / "transcripts" / f"{path.stem}.json"
    recommender = duma.Recommender(json.loads(transcript.read_text())["config"])
    recommender.adopt(recommender.read_model(memoryview(data)))

    assert tree(user_data(recommender)) == tree(data)


# --- rows ---


@EVERY_METHOD
def test_an_update_adds_to_a_row(method: str) -> None:
    recommender = filled(method)
    recommender.update_row("a", Datum({"y": 5, "w": 7, "name": "bob"}))
    recommender.update_row("a", Datum({"x": 0}))  # a 0 is no feature
    decoded = recommender.decode_row("a")
    assert decoded.num_values == [("x", 1), ("y", 5), ("w", 7)]
    assert decoded.string_values == [("name", "bob")]
    whole = Datum({"x": 1, "y": 5, "w": 7, "name": "bob"})
    assert recommender.similar_row_from_datum(whole, 1)[0].id == "a"
    assert recommender.decode_row("unknown") == EMPTY


@EVERY_METHOD
def test_a_row_that_is_cleared_is_gone(method: str) -> None:
    recommender = filled(method)
    assert recommender.clear_row("a") is True
    assert recommender.clear_row("unknown") is True
    assert sorted(recommender.get_all_rows()) == ["b", "c"]
    assert recommender.decode_row("a") == EMPTY
    assert "a" not in {key for key, _ in recommender.similar_row_from_datum(A, 9)}
    recommender.update_row("a", B)
    assert recommender.decode_row("a") == B
    assert recommender.status() == {"clear_row_cnt": "2", "update_row_cnt": "4"}
    recommender.clear()
    assert recommender.get_all_rows() == []
    assert recommender.similar_row_from_datum(A, 9) == []
    assert recommender.status() == {"clear_row_cnt": "0", "update_row_cnt": "0"}


def test_a_table_fills_the_place_of_a_cleared_row_with_the_last() -> None:
    recommender = filled("nearest_neighbor_recommender")
    recommender.update_row("d", A)
    recommender.clear_row("a")
    assert recommender.get_all_rows() == ["d", "b", "c"]


def test_what_features_say_of_a_datum() -> None:
    converter = {
        "num_rules": [{"key": "*", "type": "num"}, {"key": "*", "type": "str"}, {"key": "*", "type": "log"}],
        "string_rules": [
            {"key": "*", "type": "str", "sample_weight": "bin", "global_weight": "bin"},
            {"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"},
        ],
    }
    recommender = duma.Recommender({"method": "inverted_index", "converter": converter})
    recommender.update_row("a", Datum({"city": "a$b c", "mail": "x@y#z", "age": 25.5}))
    decoded = recommender.decode_row("a")
    assert sorted(decoded.string_values) == [("city", "a$b c"), ("mail", "x@y#z")]
    assert decoded.num_values == [("age", 25.5), ("age", 25.5)]


@EVERY_METHOD
def test_limits_by_score_and_by_share(method: str) -> None:
    recommender = filled(method)
    every = recommender.similar_row_from_datum(A, 9)
    least = every[-1].score
    assert recommender.similar_row_from_datum_and_score(A, least) == every
    assert recommender.similar_row_from_datum_and_score(A, least + 1e-9) == [
        r for r in every if r.score > least
    ]
    assert recommender.similar_row_from_id_and_score("a", 0.0) == [
        row for row in recommender.similar_row_from_id("a", 9) if row.score >= 0
    ]
    assert recommender.similar_row_from_datum_and_rate(A, 1.0) == every
    assert recommender.similar_row_from_id_and_rate("a", 0.34) == recommender.similar_row_from_id("a", 2)
    for rate in (0.0, -1.0, 1.01, float("nan")):
        for call, query in (("id", "a"), ("datum", A)):
            with pytest.raises(DumaError) as raised:
                getattr(recommender, f"similar_row_from_{call}_and_rate")(query, rate)
            assert str(raised.value) == "invalid parameter (expected: 0 < rate <= 1)"


# --- unlearning ---


@EVERY_METHOD
def test_the_row_that_was_updated_least_recently_is_forgotten(method: str) -> None:
    recommender = engine(method, unlearner="lru", unlearner_parameter={"max_size": 2})
    recommender.update_row("a", A)
    recommender.update_row("b", B)
    recommender.similar_row_from_id("a", 1)  # a search is no use
    recommender.update_row("a", Datum({"y": 3}))
    recommender.update_row("c", A)
    assert sorted(recommender.get_all_rows()) == ["a", "c"]
    assert recommender.decode_row("b") == EMPTY


@EVERY_METHOD
def test_rows_that_must_stay_can_fill_the_model(method: str) -> None:
    recommender = engine(
        method, unlearner="lru", unlearner_parameter={"max_size": 2, "sticky_pattern": "keep*"}
    )
    recommender.update_row("keep1", A)
    recommender.update_row("keep2", B)
    before = user_data(recommender)
    what = (
        "ID as number of sticky IDs"
        if method == "nearest_neighbor_recommender"
        else "row as number of sticky rows"
    )
    with pytest.raises(DumaError) as raised:
        recommender.update_row("c", C)
    assert str(raised.value) == f"cannot add new {what} reached the maximum size of unlearner: c"
    assert user_data(recommender) == before


def test_draws_go_on_after_loading() -> None:
    settings_ = {"unlearner": "random", "unlearner_parameter": {"max_size": 3, "seed": 4}}
    recommender = engine("inverted_index", **settings_)
    for i in range(10):
        recommender.update_row(f"row{i}", Datum({"x": i + 1}))
    saved = recommender.read_model(memoryview(user_data(recommender)))
    other = engine("inverted_index", **settings_)
    other.adopt(other.read_model(memoryview(user_data(recommender))))
    other.set_hidden_state(recommender.hidden_state())
    recommender.adopt(saved)  # the draws are not those of the time of reading
    assert recommender.status() == {"clear_row_cnt": "0", "update_row_cnt": "10"}
    for i in range(20):
        for one in (recommender, other):
            one.update_row(f"more{i}", Datum({"x": i + 1}))
    assert recommender.get_all_rows() == other.get_all_rows()


# --- against the definitions ---

NAMES = "abcdef"
NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-10, 10, width=16))
ROW = st.dictionaries(st.sampled_from(NAMES), NUMBERS, max_size=5)
STEPS = st.lists(st.tuples(st.sampled_from("stuvwxyz"), st.none() | ROW), max_size=40)


@settings(max_examples=60, deadline=None)
@given(steps=STEPS, query=ROW, k=st.integers(1, 9))
def test_exact_searches_agree_with_brute_force(steps: Any, query: dict[str, float], k: int) -> None:
    cosine, euclid = engine("inverted_index"), engine("inverted_index_euclid")
    rows: dict[str, dict[str, float]] = {}
    for key, row in steps:
        for recommender in (cosine, euclid):
            recommender.clear_row(key) if row is None else recommender.update_row(key, Datum(row))
        if row is None:
            rows.pop(key, None)
        else:
            rows.setdefault(key, {}).update({name: value for name, value in row.items() if value})

    def vector(row: dict[str, float]) -> Any:
        return np.array([row.get(name, 0.0) for name in NAMES])

    q = vector(query)
    vectors = {key: vector(row) for key, row in rows.items() if any(row.values())}
    cosines = sorted(
        (float(v @ q / np.linalg.norm(v) / np.linalg.norm(q)) for v in vectors.values() if abs(v @ q) > 1e-9),
        reverse=True,
    )
    found = [score for _, score in cosine.similar_row_from_datum(Datum(query), k) if abs(score) > 1e-9]
    assert found == pytest.approx(cosines[: len(found)], abs=1e-6)
    assert len(found) >= min(k, len(cosines)) - (k > len(cosines))
    distances = sorted(-float(np.linalg.norm(v - q)) for v in vectors.values())[::-1]
    assert [s for _, s in euclid.similar_row_from_datum(Datum(query), k)] == pytest.approx(
        distances[:k], abs=1e-5
    )
    assert sorted(euclid.get_all_rows()) == sorted(cosine.get_all_rows()) == sorted(vectors)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, more=STEPS, query=ROW, method=st.sampled_from(list(PARAMETERS)), full=st.booleans())
def test_a_loaded_model_answers_and_goes_on_as_the_saved_one(
    steps: Any, more: Any, query: dict[str, float], method: str, full: bool
) -> None:
    parameter = {"unlearner": "lru", "unlearner_parameter": {"max_size": 3}} if full else {}
    recommender = engine(method, **parameter)

    def update(one: duma.Recommender, all_steps: Any) -> None:
        for key, row in all_steps:
            one.clear_row(key) if row is None else one.update_row(key, Datum(row))

    update(recommender, steps)
    other = loaded(recommender, method, **parameter)
    assert asked(other, Datum(query)) == asked(recommender, Datum(query))
    assert tree(user_data(other)) == tree(user_data(recommender))
    update(recommender, more)
    update(other, more)
    assert asked(other, Datum(query)) == asked(recommender, Datum(query))


def test_a_snapshot_shows_no_later_update() -> None:
    for method in PARAMETERS:
        recommender = engine(method)
        for i in range(1500):
            recommender.update_row(f"row{i}", Datum({"x": i + 1, f"y{i % 3}": 1}))
        before = user_data(recommender)
        snapshot = recommender.snapshot()
        for i in range(0, 1500, 3):
            recommender.clear_row(f"row{i}")
            recommender.update_row(f"row{i + 1}", Datum({"x": -1, "new": 5}))
            recommender.update_row(f"other{i}", Datum({"x": 2, "y0": 9}))
        assert b"".join(snapshot.chunks()) == before
        assert tree(user_data(loaded(recommender, method))) == tree(user_data(recommender))


def test_lattices_find_the_nearest_rows() -> None:
    recommender = engine("euclid_lsh", hash_num=8, table_num=8, bin_width=8.0, probe_num=64)
    points = np.random.default_rng(3).normal(size=(400, 5)) * 3
    for i, point in enumerate(points):
        recommender.update_row(str(i), Datum(dict(zip(NAMES, point, strict=False))))
    hits = 0
    for i in range(50):
        near = np.argsort(np.linalg.norm(points - points[i], axis=1))[:20]
        query = Datum(dict(zip(NAMES, points[i], strict=False)))
        found = recommender.similar_row_from_datum(query, 5)
        assert found[0] == (str(i), 0)
        hits += sum(int(key) in near for key, _ in found)
    assert hits > 125  # the estimates come from 64 bits


def test_rows_that_come_and_go_leave_a_bounded_trace() -> None:
    recommender = engine("inverted_index", unlearner="lru", unlearner_parameter={"max_size": 10})
    for i in range(66_000):
        recommender._model.update_row(b"row%d" % i, packed(Datum({"x": 1.0}).to_wire()))
    data = tree(user_data(recommender))
    ids = data[1][0][2][4][0]
    assert len(ids) == 65_536 + 10
    assert ids["row65999"] == 65_999
    assert "row453" not in ids
    assert "row454" in ids
    assert data[1][0][2][4][2] == 66_000


@pytest.mark.parametrize(("method", "place"), [("inverted_index", 4), ("euclid_lsh", 6)])
def test_of_the_rows_that_a_file_has_without_need_a_bounded_number_is_kept(method: str, place: int) -> None:
    data = tree(user_data(filled(method)))
    index = data[1][0][1]
    gone = {f"gone{i}": i + 3 for i in range(66_000)}
    index[place] = [index[place][0] | gone, {}, 66_003]
    if method == "euclid_lsh":
        index[3][5] = [4, 66_000]  # a cell in which two of them stood
    recommender = engine(method)
    recommender.adopt(recommender.read_model(memoryview(packed(data))))
    assert recommender.get_all_rows() == ["a", "b", "c"]
    kept = tree(user_data(recommender))[1][0][1]
    ids, _, next_id = kept[place]
    assert (len(ids), next_id) == (65_536 + 3, 66_003)
    assert {"a", "b", "c", "gone464", "gone65999"} <= set(ids)
    assert "gone463" not in ids
    assert method != "euclid_lsh" or kept[3][5] == [66_000]


@EVERY_METHOD
def test_searches_beside_updates(method: str) -> None:
    recommender = engine(method, unlearner="lru", unlearner_parameter={"max_size": 40})
    # Calls of this size let other threads run.
    query = Datum({f"feature{i}": 1.0 for i in range(400)})

    def search() -> None:
        for _ in range(15):
            scores = [score for _, score in recommender.similar_row_from_datum(query, 9)]
            assert scores == sorted(scores, reverse=True)
            recommender.complete_row_from_datum(query)
            recommender.similar_row_from_id("row5", 3)
            assert len(recommender.get_all_rows()) <= 40

    def update() -> None:
        for i in range(90):
            row = Datum({f"feature{j % 400}": 1.0 + i for j in range(i, i + 300)})
            recommender.update_row(f"row{i % 60}", row)
            recommender.clear_row(f"row{i % 7}")

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(update), pool.submit(search), pool.submit(search)]:
            done.result()


# --- models of a cluster ---


def _mixed(method: str) -> Any:
    """User data with rows a (mixed), b (mixed, changed since) and c (only here)."""
    recommender = filled(method)
    data = tree(user_data(recommender))
    rows, index = data[1][0]
    if method.startswith("inverted_index"):
        index[0] = {"x@num": {0: 1.0, 1: 7.0}, "y@num": {0: 2.0, 1: 1.0}}
        index[1] = {"x@num": {1: 2.0}, "z@num": {2: 3.0}}
        index[2], index[3] = {0: 5.0, 1: 50.0}, {1: -45.0, 2: 9.0}
    else:
        index[0] = {key: index[1].pop(key) for key in ("a",)} | {"b": index[1]["c"]}
    if method == "euclid_lsh":
        # Bucket -> ids: what the master's rows had when they were mixed.
        index[2] = {}
        for key, id_ in (("a", 0), ("b", 1)):
            for bucket in index[0][key][0]:
                index[2].setdefault(bucket, []).append(id_)
        index[3] = {}
        for key, id_ in (("b", 1), ("c", 2)):
            for bucket in index[1][key][0]:
                index[3].setdefault(bucket, []).append(id_)
    del rows[0]["a"]  # rows of other servers are in the index only
    return data


@pytest.mark.parametrize(
    "method", ["inverted_index", "inverted_index_euclid", "lsh", "minhash", "euclid_lsh"]
)
def test_what_a_cluster_mixed_is_kept(method: str) -> None:
    data = _mixed(method)
    recommender = engine(method)
    recommender.adopt(recommender.read_model(memoryview(packed(data))))
    assert tree(user_data(recommender)) == data
    assert sorted(recommender.get_all_rows()) == ["a", "b", "c"]
    plain = filled(method)
    _assert_same_rows(recommender, plain, method)
    for one in (recommender, plain):
        one.clear_row("a")
        one.update_row("b", Datum({"x": 4}))
    _assert_same_rows(recommender, plain, method)
    again = loaded(recommender, method)
    assert asked(again) == asked(recommender)
    assert tree(user_data(again)) == tree(user_data(recommender))


def _assert_same_rows(mixed: duma.Recommender, plain: duma.Recommender, method: str) -> None:
    for query in (A, B, C):
        found, expected = (set(one.similar_row_from_datum(query, 9)) for one in (mixed, plain))
        if method == "euclid_lsh":  # b stands in the master's buckets, too, and is found by them
            expected |= {row for row in found if row.id == "b"}
        assert found == expected


# --- what is refused ---


@pytest.mark.parametrize(
    ("method", "parameter", "message"),
    [
        ("lsh", {}, '"hash_num" is not found (.parameter)'),
        ("lsh", None, "Object is expected, but Null is given. ()"),
        ("lsh", {"hash_num": "8"}, "Integer is expected, but String is given. (.parameter.hash_num)"),
        ("lsh", {"hash_num": 0}, "invalid parameter (expected: 1 <= hash_num)"),
        ("lsh", {"hash_num": 1 << 40}, "invalid parameter (expected: bits of a signature <= 16777216)"),
        ("lsh", {"hash_num": 8, "cache_size": -1}, "invalid parameter (expected: 0 <= cache_size)"),
        ("minhash", {"hash_num": 8, "threads": 1}, '"threads" is not used (.parameter)'),
        ("inverted_index", {"foo": 1}, '"foo" is not used (.parameter)'),
        ("inverted_index", [], "Object is expected, but Array is given. (.parameter)"),
        ("inverted_index", {"ignore_orthogonal": True}, '"ignore_orthogonal" is not used (.parameter)'),
        (
            "inverted_index_euclid",
            {"ignore_orthogonal": 1},
            "Bool is expected, but Integer is given. (.parameter.ignore_orthogonal)",
        ),
        ("euclid_lsh", LATTICES | {"table_num": 0}, "invalid parameter (expected: 1 <= table_num)"),
        ("euclid_lsh", LATTICES | {"bin_width": 0}, "invalid parameter (expected: 0.0 < bin_width)"),
        ("euclid_lsh", LATTICES | {"probe_num": -1}, "invalid parameter (expected: 0 <= probe_num)"),
        ("euclid_lsh", LATTICES | {"seed": 2**32 - 1}, "invalid parameter (expected: 0 <= seed)"),
        (
            "euclid_lsh",
            LATTICES | {"table_num": 1 << 40},
            "invalid parameter (expected: bits of a signature <= 16777216)",
        ),
        ("nearest_neighbor_recommender", {"method": "lsh"}, '"parameter" is not found (.parameter)'),
        (
            "nearest_neighbor_recommender",
            {"method": "lsh", "parameter": {"hash_num": 0}},
            "invalid parameter (expected: 1 <= hash_num)",
        ),
        ("nearest_neighbor_recommender", {"method": "x", "parameter": {}}, "unsupported method (x)"),
        ("inverted_index", {"unlearner": "lru"}, "unlearner is set but unlearner_parameter is not found"),
        (
            "inverted_index",
            {"unlearner_parameter": {"max_size": 1}},
            "unlearner_parameter is set but unlearner is not found",
        ),
        (
            "inverted_index",
            {"unlearner": "fifo", "unlearner_parameter": {}},
            "unsupported method (unlearner(fifo))",
        ),
        (
            "inverted_index",
            {"unlearner": "lru", "unlearner_parameter": {"max_size": 0}},
            "max_size must be a positive integer",
        ),
        ("cosine", {}, "unsupported method (cosine)"),
    ],
)
def test_configurations_that_are_refused(method: str, parameter: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        duma.Recommender({"method": method, "parameter": parameter, "converter": {}})
    assert message in " ".join([str(raised.value), *raised.value.messages])


@pytest.mark.parametrize("method", ["inverted_index", "inverted_index_euclid"])
@pytest.mark.parametrize("given", [{}, {"parameter": None}, {"parameter": {}}])
def test_exact_methods_need_no_parameter(method: str, given: dict[str, Any]) -> None:
    assert duma.Recommender({"method": method, "converter": {}} | given).get_all_rows() == []


def test_an_unlearners_parameter_alone_is_ignored_by_tables() -> None:
    assert engine("nearest_neighbor_recommender", unlearner_parameter={"max_size": 1}).get_all_rows() == []


def _breakages(method: str) -> list[tuple[tuple[Any, ...], Any]]:
    """Places in user data, from the driver's on, and what must not stand there."""
    common: list[tuple[tuple[Any, ...], Any]] = [
        ((0,), []),
        ((0, 0), []),
        ((0, 0, 0, "a"), {9: 1.0}),
        ((0, 0, 1, 0), {"x@num": 0, "y@num": 0, "z@num": 2}),
        ((0, 0, 1, 0), {"x@num": 2**63, "y@num": 0, "z@num": 2}),
        ((0, 1), []),
        ((1,), {}),
    ]
    own: dict[str, list[tuple[tuple[Any, ...], Any]]] = {
        "inverted_index": [
            ((0, 1, 1), {"x@num": {7: 1.0}}),
            ((0, 1, 1), {"x@num": {0: "one"}}),
            ((0, 1, 3), {7: 1.0}),
            ((0, 1, 4, 0), {"a": 0, "b": 0}),
        ],
        "lsh": [
            ((0, 1, 1, "a"), [17, bytes(8)]),
            ((0, 1, 1, "a"), [16, bytes(16)]),
            ((0, 1, 0), {"a": [0, b""]}),
        ],
        "euclid_lsh": [
            ((0, 1, 1, "a"), [[1], [8, bytes(8)], 1.0]),
            ((0, 1, 1, "a"), [[1, 2], [0, b""], 1.0]),
            ((0, 1, 1, "d"), [[1, 2], [8, bytes(8)], 1.0]),
            ((0, 1, 1, "\udcff"), [[1, 2], [8, bytes(8)], 1.0]),  # the error names it
            ((0, 1, 3), {5: [9]}),
            ((0, 1, 4), [0.5]),
            ((0, 1, 5), 3),
        ],
        "nearest_neighbor_recommender": [((0, 1, 1), 7)],
    }
    return common + own.get(method, [])


@EVERY_METHOD
def test_a_broken_model_is_refused_and_changes_nothing(method: str) -> None:
    recommender = filled(method)
    before = user_data(recommender)
    for place, value in _breakages(method):
        data = tree(before)
        at = data[1]
        for step in place[:-1]:
            at = at[step]
        at[place[-1]] = value
        with pytest.raises(ModelFileError, match="user data is broken"):
            recommender.read_model(memoryview(packed(data)))
    for end in range(0, len(before), 7):
        with pytest.raises(ModelFileError):
            recommender.read_model(memoryview(before[:end]))
    assert user_data(recommender) == before
