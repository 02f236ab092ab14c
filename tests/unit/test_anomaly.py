"""The anomaly engine: the original's numbers to the bit, and everything against the definitions."""

import math
import threading
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lof_oracle import LofOracle, Vector
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

import duma
from duma import Datum
from duma.configuration import UnsupportedMethod
from duma.errors import DumaError, ModelFileError

INDEXES: dict[str, dict[str, Any]] = {
    "inverted_index": {},
    "inverted_index_euclid": {},
    "lsh": {"hash_num": 64},
    "minhash": {"hash_num": 64},
    "euclid_lsh": {"hash_num": 8, "table_num": 2, "bin_width": 10.0, "probe_num": 8, "seed": 1091},
    "nearest_neighbor_recommender": {"method": "euclid_lsh", "parameter": {"hash_num": 64}},
}
SIGNATURES = ["lsh", "minhash", "euclid_lsh"]
ALL = [("lof", index) for index in INDEXES] + [("light_lof", method) for method in SIGNATURES]
EXACT = ("lof", "inverted_index_euclid")
LIGHT = ("light_lof", "euclid_lsh")


CONVERTER = {
    "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf1"}],
    "num_rules": [{"key": "*", "type": "num"}],
}


def engine(which: tuple[str, str] = EXACT, k: int = 2, reverse_k: int = 3, **parameter: Any) -> duma.Anomaly:
    method, index = which
    inner = {"hash_num": 64} if method == "light_lof" else INDEXES.get(index, {})
    config = {
        "method": method,
        "parameter": {
            "nearest_neighbor_num": k,
            "reverse_nearest_neighbor_num": reverse_k,
            "method": index,
            "parameter": inner,
            **parameter,
        },
        "converter": CONVERTER,
    }
    return duma.Anomaly(config)


def point(x: float) -> Datum:
    return Datum({"x": x})


def datum(row: Vector) -> Datum:
    return Datum({f"x{i}": float(x) for i, x in enumerate(row)})


def model(anomaly: duma.Anomaly) -> Any:
    """The user data, as it is saved."""
    data = b"".join(anomaly.snapshot().chunks())
    return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape")


def densities(anomaly: duma.Anomaly) -> dict[str, tuple[float, float]]:
    """The k-distance and the density of each point of lof."""
    *_, table, _ = model(anomaly)[1][0]
    return {id_: tuple(values) for id_, values in table[1].items() if values[0] >= 0}


# --- the numbers of the original ---

ADDED = {
    LIGHT: [math.inf, 1, 1.5, 7.5],
    EXACT: [math.inf, 0.99999999999999956, 1.4999999999999993, 7.4999999999999964],
}
ASKED = {LIGHT: [1, 7.7142857142857144], EXACT: [0.99999999999999956, 7.7142857142857109]}


@pytest.mark.parametrize("which", [LIGHT, EXACT])
def test_scores_are_those_of_the_original(which: tuple[str, str]) -> None:
    anomaly = engine(which)
    assert [anomaly.add(point(x)) for x in (1, 2, 3, 10)] == list(zip("0123", ADDED[which], strict=True))
    assert [anomaly.calc_score(point(x)) for x in (2.5, 20)] == ASKED[which]
    assert anomaly.get_all_rows() == ["0", "1", "2", "3"]


def test_the_first_point_of_lof_is_dense_without_bounds_and_that_of_light_lof_infinitely() -> None:
    anomaly = engine(EXACT)
    anomaly.add(point(1))
    assert densities(anomaly) == {"0": (0, 999999999999999.9)}
    light = engine(LIGHT)
    light.add(point(1))
    assert model(light)[1][0][1][3] == [[[9, 0], [0.0]], [[9, 0], [math.inf]]]


def test_equal_points() -> None:
    light, exact = engine(LIGHT), engine(EXACT)
    assert [light.add(point(5)).score for _ in range(4)] == [math.inf, 1, 1, 1]
    assert [exact.add(point(5)).score for _ in range(4)] == [math.inf, 0, 0, 0]
    assert light.calc_score(point(5.5)) == math.inf
    assert exact.calc_score(point(5.5)) == 999999999999999.88
    assert light.add(point(6)).score == math.inf
    assert exact.add(point(6)).score == 1999999999999999.8


@pytest.mark.parametrize("which", [LIGHT, EXACT])
def test_equal_points_are_ignored_when_asked_to(which: tuple[str, str]) -> None:
    anomaly = engine(which, ignore_kth_same_point=True)
    first, *others = [anomaly.add(point(5)) for _ in range(4)]
    assert [first.score, *(other.score for other in others)] == (
        [math.inf, 1, 1, 1] if which == LIGHT else [math.inf, 0, 0, 0]
    )
    assert anomaly.get_all_rows() == ["0"]
    assert anomaly.status()["num_ignored"] == "3"
    assert anomaly.add(point(6)).id == "4"
    assert anomaly.add_bulk([point(6), point(7), point(7)]) == ["6"]
    assert anomaly.status()["num_ignored"] == "5"
    anomaly.clear()
    assert anomaly.status()["num_ignored"] == "0"
    assert anomaly.add(point(5)).id == "8"


def test_saved_models_are_those_of_the_original() -> None:
    exact, light = engine(EXACT), engine(LIGHT)
    for x in (1, 2):
        exact.add(point(x))
        light.add(point(x))
    dense = [1.0, 0.99999999999999955591]
    rows = [{"0": {0: 1.0}, "1": {0: 2.0}}, [{"x@num": 0}, {0: "x@num"}, 1]]
    index = [{}, {"x@num": {0: 1.0, 1: 2.0}}, {}, {0: 1.0, 1: 4.0}, [{"0": 0, "1": 1}, {0: "0", 1: "1"}, 2]]
    assert model(exact)[0] == 1
    assert model(exact)[1][0] == [[{}, {"0": dense, "1": dense}, 2, 3, False], [rows, index]]
    [_, [[points, scores], _]] = model(light)
    word = points[3][0][1][0]
    assert points == [
        ["0", "1"],
        2,
        [[[""], 0], [[""], 1]],
        [[[10, 64], [word, word]], [[9, 0], [1.0, 2.0]]],
        2,
        {"0": 0, "1": 1},
    ]
    assert scores == [
        ["0", "1"],
        2,
        [[[""], 4], [[""], 3]],
        [[[9, 0], [1.0, 1.0]], [[9, 0], [1.0, 1.0]]],
        5,
        {"0": 0, "1": 1},
    ]


def test_a_row_without_features_is_stored_but_nobodys_neighbor() -> None:
    anomaly = engine(EXACT)
    anomaly.add(point(1))
    anomaly.add(point(0))
    assert anomaly.get_all_rows() == ["0"]
    assert set(densities(anomaly)) == {"0", "1"}


# --- the definitions ---


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(0, 6))
def test_lof_follows_the_definitions(seed: int, k: int, more: int) -> None:
    numbers = np.random.default_rng(seed)
    anomaly, oracle = engine(EXACT, k, k + more), LofOracle(k, k + more)
    for step in range(40):
        row = numbers.normal(size=3)
        known = numbers.choice(list(oracle.rows)) if oracle.rows else None
        what = numbers.choice(["add", "add", "add", "bulk", "update", "overwrite", "clear"])
        if what == "bulk":
            rows = numbers.normal(size=(3, 3))
            ids = anomaly.add_bulk([datum(one) for one in rows])
            oracle.put_all(zip(ids, rows, strict=True))
        elif what == "clear" and known is not None and len(oracle.rows) > 1:
            anomaly.clear_row(str(known))
            oracle.remove(str(known))
        elif what == "update" and known is not None:
            assert anomaly.update(str(known), datum(row[:2])) == pytest.approx(
                oracle.put(str(known), np.append(row[:2], oracle.rows[str(known)][2])), rel=1e-6
            )
        elif what == "overwrite" and known is not None:
            oracle.remove(str(known))
            expected = oracle.put(str(known), row)
            assert anomaly.overwrite(str(known), datum(row)) == pytest.approx(expected, rel=1e-6)
        else:
            added = anomaly.add(datum(row))
            assert added.score == pytest.approx(oracle.put(added.id, row), rel=1e-6), step
    assert sorted(anomaly.get_all_rows()) == sorted(oracle.rows)
    for query in numbers.normal(size=(5, 3)):
        assert anomaly.calc_score(datum(query)) == pytest.approx(oracle.score(query), rel=1e-6)
    assert densities(anomaly) == pytest.approx(
        {id_: pytest.approx((oracle.k_distance[id_], oracle.density[id_]), rel=1e-6) for id_ in oracle.rows}
    )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(0, 6), st.sampled_from([None, 12]))
def test_light_lof_follows_the_definitions(seed: int, k: int, more: int, max_size: int | None) -> None:
    numbers = np.random.default_rng(seed)
    # One feature: signatures are equal or opposite, so that distances are those on a line.
    forgetting = {"unlearner": "lru", "unlearner_parameter": {"max_size": max_size}} if max_size else {}
    anomaly, oracle = engine(LIGHT, k, k + more, **forgetting), LofOracle(k, k + more, light=True)
    recent: list[str] = []
    for _ in range(30):
        row = numbers.normal(size=1)
        if recent and numbers.random() < 0.3:
            id_ = str(numbers.choice(recent))
            expected = oracle.put(id_, row)
            recent.remove(id_)
            assert anomaly.overwrite(id_, datum(row)) == pytest.approx(expected, rel=1e-9)
        else:
            if len(recent) == max_size:
                oracle.evict(recent.pop(0))
            added = anomaly.add(datum(row))
            id_ = added.id
            assert added.score == pytest.approx(oracle.put(id_, row), rel=1e-9)
        recent.append(id_)
    if not max_size:
        rows = numbers.normal(size=(5, 1))
        oracle.put_all(zip(anomaly.add_bulk([datum(one) for one in rows]), rows, strict=True))
    assert sorted(anomaly.get_all_rows()) == sorted(oracle.rows)
    for query in numbers.normal(size=(5, 1)):
        assert anomaly.calc_score(datum(query)) == pytest.approx(oracle.score(query), rel=1e-9)


def test_as_scikit_learn_where_all_densities_are_estimated() -> None:
    k, rows = 6, np.random.default_rng(7).normal(size=(120, 4))
    rows[::20] *= 4
    anomaly = engine(EXACT, k, len(rows))
    ids = anomaly.add_bulk([datum(row) for row in rows])
    distances, _ = NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(rows)  # each is its own neighbour
    known = densities(anomaly)
    assert [known[id_][0] for id_ in ids] == pytest.approx(distances[:, -1], rel=1e-6)
    # There a point is not among its own neighbours, which changes densities, but not what is an outlier.
    theirs = LocalOutlierFactor(n_neighbors=k - 1, novelty=True).fit(rows)
    queries = np.random.default_rng(8).normal(size=(60, 4)) * np.linspace(0.5, 4, 60)[:, None]
    ours = [anomaly.calc_score(datum(query)) for query in queries]
    assert np.corrcoef(np.log(ours), np.log(-theirs.score_samples(queries)))[0, 1] > 0.98


@pytest.mark.parametrize("which", ALL)
def test_an_outlier_scores_above_its_peers_with_every_index(which: tuple[str, str]) -> None:
    anomaly = engine(which, 5, 20)
    numbers = np.random.default_rng(3)
    rows = [{"x": 5 + a, "y": 5 + b, "z": 1.0} for a, b in numbers.normal(scale=0.5, size=(60, 2))]
    anomaly.add_bulk([Datum(row) for row in rows])
    for row in rows[:10]:
        anomaly.add(Datum({**row, "x": row["x"] + 0.01}))
    usual = anomaly.calc_score(Datum({"x": 5.0, "y": 5.0, "z": 1.0}))
    assert anomaly.calc_score(Datum({"x": -50.0, "z": -90.0, "other": 30.0})) > usual or which[1] == "minhash"
    assert len(anomaly.get_all_rows()) == 70


@pytest.mark.parametrize("which", [LIGHT, EXACT])
def test_scores_are_asked_for_while_points_arrive(which: tuple[str, str]) -> None:
    unlearner = {"unlearner": "lru", "unlearner_parameter": {"max_size": 150}}
    anomaly, alone = engine(which, 5, 20, **unlearner), engine(which, 5, 20, **unlearner)
    rows = [datum(row) for row in np.random.default_rng(5).normal(size=(400, 3))]

    def fill(filled: duma.Anomaly) -> None:
        for at in range(0, len(rows), 100):
            filled.add_bulk(rows[at : at + 50])
            for row in rows[at + 50 : at + 100]:
                filled.add(row)

    anomaly.add_bulk(rows[:20])
    alone.add_bulk(rows[:20])
    thread = threading.Thread(target=fill, args=(anomaly,))
    thread.start()
    while thread.is_alive():
        assert 0.1 < anomaly.calc_score(rows[0]) < 100
        assert len(anomaly.get_all_rows()) <= 200
        anomaly.status()
        anomaly.snapshot()
    fill(alone)
    assert model(anomaly) == model(alone)


# --- ids ---


@pytest.mark.parametrize("which", [LIGHT, EXACT])
def test_new_ids_follow_the_largest_number_that_was_loaded(which: tuple[str, str]) -> None:
    anomaly = engine(which)
    for id_ in ("7", "12 monkeys", "nine", "-30", "18446744073709551615"):
        anomaly.overwrite(id_, point(float(len(id_))))
    assert anomaly.add(point(3)).id == "0"
    assert anomaly.status()["max_id"] == "12"
    loaded = reloaded(anomaly)
    assert [loaded.add(point(x)).id for x in (1, 2)] == ["13", "14"]
    loaded.clear()
    assert loaded.add(point(1)).id == "15"


def test_the_first_id_after_a_model_without_numbers_is_1() -> None:
    assert reloaded(engine(EXACT)).add(point(1)).id == "1"


def reloaded(anomaly: duma.Anomaly) -> duma.Anomaly:
    other = duma.Anomaly(anomaly.get_config())
    other.adopt(other.read_model(memoryview(b"".join(anomaly.snapshot().chunks()))))
    return other


@pytest.mark.parametrize("which", ALL)
def test_a_loaded_model_with_its_hidden_state_goes_on_as_the_saved_one(which: tuple[str, str]) -> None:
    anomaly = engine(
        which, ignore_kth_same_point=True, unlearner="random", unlearner_parameter={"max_size": 6}
    )
    rows = [Datum({"x": x, "y": 20 - x}) for x in (1.0, 2.0, 3.5, 3.5, 3.5, 9.0, 1.5, 12.0, 4.0)]
    for row in rows:
        anomaly.add(row)
    other = reloaded(anomaly)
    other.set_hidden_state(anomaly.hidden_state())
    assert model(other) == model(anomaly)
    for row in rows:
        assert other.add(Datum({"x": row.num_values[0][1] + 0.25})) == anomaly.add(
            Datum({"x": row.num_values[0][1] + 0.25})
        )
    assert other.add_bulk(rows) == anomaly.add_bulk(rows)
    assert model(other) == model(anomaly)
    assert other.status() == anomaly.status()


# --- forgetting ---


def test_a_removed_row_is_no_neighbor_and_leaves_a_mark() -> None:
    anomaly = engine(EXACT)
    for x in (1, 2, 3, 10):
        anomaly.add(point(x))
    assert anomaly.clear_row("3")
    assert anomaly.clear_row("unknown")
    assert anomaly.get_all_rows() == ["0", "1", "2"]
    assert anomaly.status() == {"storage": "lof", "max_id": "2", "num_id_master": "0", "num_id_diff": "5"}
    assert model(anomaly)[1][0][0][1]["3"] == [-1, 0.142857142857142849]
    assert model(reloaded(anomaly)) == model(anomaly)
    assert anomaly.update("3", point(10)) == 7.4999999999999964
    assert anomaly.status()["num_id_diff"] == "5"


def test_marks_of_removed_rows_do_not_pile_up() -> None:
    anomaly = engine(("lof", "lsh"))
    for i in range(17_000):
        anomaly.clear_row(f"row {i}")
    assert anomaly.status()["num_id_diff"] == str(16 * 1024)


def test_light_lof_cannot_update_or_remove() -> None:
    anomaly = engine(LIGHT)
    with pytest.raises(UnsupportedMethod, match=r"unsupported method \(update_row\)"):
        anomaly.update("0", point(1))
    with pytest.raises(UnsupportedMethod, match=r"unsupported method \(clear_row\)"):
        anomaly.clear_row("0")


STICKY = {"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "*"}}


@pytest.mark.parametrize(("which", "what"), [(LIGHT, "ID"), (EXACT, "row")])
def test_without_room_a_call_fails_and_changes_nothing(which: tuple[str, str], what: str) -> None:
    anomaly = engine(which, **STICKY)
    assert anomaly.add_bulk([point(1), point(2)]) == ["0", "1"]
    before = model(anomaly)
    expected = f"cannot add new {what} as number of sticky {what}s reached the maximum size of unlearner: 2"
    with pytest.raises(DumaError, match=expected):
        anomaly.add(Datum({"x": 3, "text": "and words"}))
    with pytest.raises(DumaError, match="unlearner: new"):
        anomaly.overwrite("new", Datum({"text": "more words"}))
    assert model(anomaly) == before
    assert anomaly.calc_score(point(2)) == pytest.approx(1)


def test_light_lof_takes_out_again_what_there_is_no_room_for() -> None:
    anomaly = engine(LIGHT, **STICKY)
    with pytest.raises(DumaError, match="unlearner: 2"):
        anomaly.add_bulk([point(1), point(2), point(3), point(4)])
    assert anomaly.get_all_rows() == ["0", "1"]
    assert math.isfinite(anomaly.calc_score(point(3)))


def test_lof_passes_over_what_there_is_no_room_for() -> None:
    anomaly = engine(EXACT, **STICKY)
    assert anomaly.add_bulk([point(1), point(2), point(3), point(4)]) == ["0", "1"]


@pytest.mark.parametrize("which", ALL)
def test_more_new_rows_than_there_is_room_for(which: tuple[str, str]) -> None:
    anomaly = engine(which, unlearner="lru", unlearner_parameter={"max_size": 3})
    assert anomaly.add_bulk([point(x) for x in range(1, 8)]) == [str(i) for i in range(7)]
    assert sorted(anomaly.get_all_rows()) == ["4", "5", "6"]
    anomaly.calc_score(point(5))
    assert model(reloaded(anomaly)) == model(anomaly)


def test_light_lof_with_an_unlearner_takes_any_numbers_of_neighbors() -> None:
    for k, reverse_k in ((0, 0), (1, 0), (3, 1), (-1, -1)):
        anomaly = engine(
            LIGHT,
            k,
            reverse_k,
            ignore_kth_same_point=True,
            unlearner="lru",
            unlearner_parameter={"max_size": 3},
        )
        for x in (1, 1, 2, 3, 4):
            anomaly.add(point(x))
        anomaly.calc_score(point(3))
        assert model(reloaded(anomaly)) == model(anomaly)


# --- configuration ---

REFUSED = [
    ({"k": 1}, r"invalid parameter \(expected: 2 <= nearest_neighbor_num\)"),
    (
        {"reverse_k": 1},
        r"invalid parameter \(expected: nearest_neighbor_num <= reverse_nearest_neighbor_num\)",
    ),
    ({"which": ("lof", "light")}, r"unsupported method \(light\)"),
    ({"which": ("nothing", "lsh")}, r"unsupported method \(nothing\)"),
    ({"unlearner": "lru"}, "unlearner is set but unlearner_parameter is not found"),
    ({"unlearner": "fifo", "unlearner_parameter": {}}, r"unsupported method \(unlearner\(fifo\)\)"),
    ({"other": 1}, r'"other" is not used \(.parameter\)'),
    ({"method": 3}, r"String is expected, but Integer is given. \(.parameter.method\)"),
    (
        {"parameter": {"unlearner": "lru", "unlearner_parameter": {"max_size": 1}}},
        "beside nearest_neighbor_num",
    ),
    ({"which": LIGHT, "parameter": {"hash_num": 0}}, r"invalid parameter \(expected: 1 <= hash_num\)"),
    ({"which": LIGHT, "parameter": {}}, r'"hash_num" is not found \(.parameter.parameter\)'),
]


@pytest.mark.parametrize(("changed", "text"), REFUSED)
def test_wrong_configurations_are_refused_in_the_words_of_jubatus(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(DumaError, match=text):
        engine(**changed)


def test_an_unlearner_parameter_alone_is_ignored() -> None:
    assert engine(EXACT, unlearner_parameter={"max_size": 1}).add(point(1)).id == "0"


# --- broken models ---


@pytest.mark.parametrize("which", ALL)
def test_a_model_that_is_cut_anywhere_is_refused(which: tuple[str, str]) -> None:
    anomaly = engine(which, unlearner="lru", unlearner_parameter={"max_size": 3})
    anomaly.add_bulk([point(x) for x in (1, 2, 3, 4)])
    data = b"".join(anomaly.snapshot().chunks())
    for end in range(0, len(data), 7):
        with pytest.raises(ModelFileError):
            anomaly.read_model(memoryview(data[:end]))
    assert len(anomaly.get_all_rows()) == 3


def test_numbers_of_neighbors_in_a_model_are_checked() -> None:
    anomaly = engine(EXACT)
    anomaly.add(point(1))
    tree = model(anomaly)
    for numbers in ((0, 3), (2, 1), (2**40, 2**41)):
        tree[1][0][0][2:4] = numbers
        with pytest.raises(ModelFileError, match="numbers of neighbours"):
            anomaly.read_model(memoryview(msgpack.packb(tree, use_bin_type=False)))
