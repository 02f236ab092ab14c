"""The nearest neighbour engine: signatures to the bit, order to the tie, and everything against brute force."""

import math
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import duma
from duma import Datum
from duma.errors import ConfigurationError, ModelFileError

A, B, C = Datum({"x": 1, "y": 2}), Datum({"x": 2, "y": 1}), Datum({"x": 1, "y": 2})
METHODS = ["lsh", "minhash", "euclid_lsh"]


def engine(method: str, hash_num: int = 16, **parameter: Any) -> duma.NearestNeighbor:
    converter = {"num_rules": [{"key": "*", "type": "num"}]}
    return duma.NearestNeighbor(
        {"method": method, "parameter": {"hash_num": hash_num, **parameter}, "converter": converter}
    )


def filled(method: str, hash_num: int = 16, **parameter: Any) -> duma.NearestNeighbor:
    nn = engine(method, hash_num, **parameter)
    for key, datum in (("a", A), ("b", B), ("c", C)):
        assert nn.set_row(key, datum) is True
    return nn


def saved(nn: duma.NearestNeighbor) -> Any:
    """The table, as it is saved."""
    data = b"".join(nn.snapshot().chunks())
    return msgpack.unpackb(data, strict_map_key=False)[1][0]


# Bits of the signatures of {x: 1, y: 2} and {x: 2, y: 1}, as the original computes them.
SIGNATURES = [
    ("lsh", 16, [0x4FAB], [0x0FAA]),
    ("lsh", 64, [0x4DF224766B504FAB], [0x49D27477E7120FAA]),
    ("lsh", 80, [0x4DF224766B504FAB, 0x8E0A], None),
    ("minhash", 16, [0xC7D5], [0xD7F7]),
]


@pytest.mark.parametrize(("method", "bits", "a", "b"), SIGNATURES)
@pytest.mark.parametrize("parameter", [{}, {"threads": 2}, {"threads": -1}])
def test_signatures_are_those_of_the_original(
    method: str, bits: int, a: list[int], b: list[int] | None, parameter: dict[str, int]
) -> None:
    nn = filled(method, bits, **parameter)
    keys, count, versions, columns, clock, index = saved(nn)
    assert (keys, count, clock, index) == (["a", "b", "c"], 3, 3, {"a": 0, "b": 1, "c": 2})
    assert versions == [[[""], 0], [[""], 1], [[""], 2]]
    [[column_type, words]] = columns
    assert column_type == [10, bits]
    assert words[: len(a)] == a
    if b:
        assert words[len(a) : 2 * len(a)] == b


def test_bytes_of_keys_count_as_signed() -> None:
    nn = engine("lsh", 64)
    nn.set_row("é", Datum({"é": 1.0}))
    [[_, [word]]] = saved(nn)[3]
    assert word == _signature([(16429991568035989313, 1.0)], 64)[0]


NEIGHBORS = {
    "lsh": [("a", 0), ("c", 0), ("b", 0.125)],
    "minhash": [("a", 0), ("c", 0), ("b", 0.1875)],
    "euclid_lsh": [("a", 0), ("c", 0), ("b", 0.87247044356077308)],
}


@pytest.mark.parametrize("method", METHODS)
def test_distances_are_those_of_the_original(method: str) -> None:
    nn = filled(method)
    assert nn.neighbor_row_from_id("a", 10) == NEIGHBORS[method]
    assert nn.neighbor_row_from_datum(A, 2) == NEIGHBORS[method][:2]
    similar = [
        (key, -distance if method == "euclid_lsh" else 1 - distance) for key, distance in NEIGHBORS[method]
    ]
    assert nn.similar_row_from_id("a", 10) == similar
    assert nn.similar_row_from_datum(A, 10) == similar


def test_equal_distances_stand_in_the_order_of_the_rows() -> None:
    nn = filled("lsh")
    assert nn.neighbor_row_from_datum(Datum({"x": 3, "y": 1}), 5) == [("b", 0), ("a", 0.125), ("c", 0.125)]
    assert nn.neighbor_row_from_datum(Datum({}), 5) == [("b", 0.5), ("a", 0.625), ("c", 0.625)]


def test_a_row_that_is_set_again_is_replaced_and_keeps_its_place() -> None:
    nn = filled("lsh")
    nn.set_row("a", B)
    assert nn.get_all_rows() == ["a", "b", "c"]
    assert nn.neighbor_row_from_id("b", 9) == [("a", 0), ("b", 0), ("c", 0.125)]
    assert saved(nn)[2] == [[[""], 3], [[""], 1], [[""], 2]]


def test_nothing_is_found_where_nothing_can_be() -> None:
    nn = filled("lsh")
    assert nn.neighbor_row_from_id("unknown", 5) == []
    assert nn.neighbor_row_from_id("a", 0) == []
    assert engine("lsh").neighbor_row_from_datum(A, 5) == []
    nn.clear()
    assert nn.get_all_rows() == []
    assert nn.neighbor_row_from_datum(A, 5) == []
    assert nn.status() == {"update_row_cnt": "0", "data": "0"}


@pytest.mark.parametrize("bits", [1, 5, 6, 7, 63, 65])
def test_signatures_of_every_length(bits: int) -> None:
    nn = filled("euclid_lsh", bits, cache_size=1)
    assert [key for key, _ in nn.neighbor_row_from_id("b", 1)] == ["b"]


# --- oracle: the definitions, in NumPy ---


def _gaussians(seed: int, n: int) -> Any:
    """Normal numbers of the reference's generator, with the C library's functions in double precision."""
    state = [seed]
    for i in range(1, 20):
        state.append((1812433253 * (state[-1] ^ state[-1] >> 30) + i) % 2**32)
    if ((state[0] & 1) ^ (state[3] & 0x5986F054)).bit_count() % 2 == 0:
        state[0] ^= 1
    words = [sum(state[4 * i + j] << 32 * j for j in range(4)) for i in range(5)]
    mask = sum(m << 32 * j for j, m in enumerate((0xFDFF37FF, 0xEF7F3F7D, 0xFF777B7D, 0x7FF7FB2F)))
    lanes = [(1 << 32) - 1 << 32 * j for j in range(4)]
    numbers: list[int] = []
    while len(numbers) < n + 1:
        for i in range(5):
            before, last = words[i - 2 if i >= 2 else i + 3], words[i - 1]
            ahead = words[(i + 2) % 5]
            right = sum((ahead & lane) >> 13 & lane for lane in lanes)
            left = sum((last & lane) << 15 & lane for lane in lanes)
            words[i] ^= (words[i] << 24) % 2**128 ^ right & mask ^ before >> 24 ^ left
            numbers += [words[i] >> 32 * j & 0xFFFFFFFF for j in range(4)]
    drawn = 1 - (np.array(numbers[: n + n % 2], dtype=np.uint32) >> 8).astype(float) * 2.0**-24
    radius, angle = np.sqrt(-2 * np.log(drawn[::2])), 2 * math.pi * drawn[1::2]
    return np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1).reshape(-1)[:n]


def _hash(name: str) -> int:
    h = 14695981039346656037
    for byte in name.encode():
        h = h * 1099511628211 % 2**64 ^ (byte if byte < 128 else byte + 2**64 - 256)
    return h


def _projection(features: list[tuple[int, float]], bits: int) -> Any:
    return sum((value * _gaussians(h % 2**32, bits) for h, value in features), np.zeros(bits))


def _signature(features: list[tuple[int, float]], bits: int) -> list[int]:
    positive = _projection(features, bits) > 0
    return [
        sum(int(bit) << i for i, bit in enumerate(positive[start : start + 64]))
        for start in range(0, bits, 64)
    ]


ROWS = st.lists(
    st.dictionaries(st.sampled_from("abcdefgh"), st.floats(-10, 10, width=32), min_size=1),
    min_size=1,
    max_size=12,
)


@settings(max_examples=25, deadline=None)
@given(rows=ROWS, bits=st.sampled_from([8, 64, 100]), k=st.integers(1, 15))
def test_searches_agree_with_brute_force(rows: list[dict[str, float]], bits: int, k: int) -> None:
    names = {name: _hash(f"{name}@num") for name in "abcdefgh"}
    features = [[(names[name], value) for name, value in row.items() if value] for row in rows]
    sums = np.array([_projection(f, bits) for f in features])
    if np.any(np.abs(sums[np.any(sums != 0, axis=1)]) < 1e-4):
        return  # a sum so near to 0 has the sign that rounding gives it
    signs = sums > 0
    hamming = (signs != signs[-1]).sum(axis=1)
    norms = np.array([math.sqrt(sum(value * value for _, value in f)) for f in features])
    a, b = norms[-1], norms
    angle = np.cos(hamming * math.pi / bits)
    estimates = np.where(
        hamming == 0, np.abs(a - b), np.sqrt(np.maximum(0, a * a + b * b - 2 * a * b * angle))
    )
    for method, distances in (("lsh", hamming / bits), ("euclid_lsh", estimates)):
        nn = engine(method, bits)
        for i, row in enumerate(rows):
            nn.set_row(str(i), Datum(row))
        found = nn.neighbor_row_from_datum(Datum(rows[-1]), k)
        assert [distance for _, distance in found] == pytest.approx(sorted(distances)[:k])
        assert [distances[int(key)] for key, _ in found] == pytest.approx([d for _, d in found])


@settings(max_examples=15, deadline=None)
@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from("abcdefgh"), st.floats(0.1, 10), min_size=1), min_size=2, max_size=4
    )
)
def test_minhash_estimates_the_weighted_jaccard_similarity(rows: list[dict[str, float]]) -> None:
    bits = 4096
    nn = engine("minhash", bits)
    for i, row in enumerate(rows):
        nn.set_row(str(i), Datum(row))
    similarity = dict(nn.similar_row_from_datum(Datum(rows[0]), 10))
    for i, row in enumerate(rows):
        names = {*row, *rows[0]}
        smaller = sum(min(row.get(name, 0), rows[0].get(name, 0)) for name in names)
        larger = sum(max(row.get(name, 0), rows[0].get(name, 0)) for name in names)
        # A draw in which the winners differ still agrees in its one bit if their names' last bits do.
        parity = {name: _hash(f"{name}@num") & 1 for name in names}
        if len(set(parity.values())) == 2:
            chance = smaller / larger
            assert similarity[str(i)] >= chance - 0.05


@settings(max_examples=30, deadline=None)
@given(
    keys=st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), max_size=12),
    threads=st.sampled_from([0, 2, 5]),
)
def test_threads_and_saving_change_no_answer(keys: list[str], threads: int) -> None:
    plain, threaded = engine("euclid_lsh", 32), engine("euclid_lsh", 32, threads=threads)
    for i, key in enumerate(keys):
        for nn in (plain, threaded):
            nn.set_row(key, Datum({"x": i % 5, "y": -i, key: 1}))
    data = b"".join(threaded.snapshot().chunks())
    loaded = engine("euclid_lsh", 32)
    loaded.adopt(loaded.read_model(memoryview(data)))
    query = Datum({"x": 2, "y": -3})
    assert plain.neighbor_row_from_datum(query, 4) == threaded.neighbor_row_from_datum(query, 4)
    assert loaded.get_all_rows() == plain.get_all_rows() == list(dict.fromkeys(keys))
    assert b"".join(loaded.snapshot().chunks()) == data


def test_many_rows_are_searched_by_several_threads() -> None:
    plain, threaded = engine("lsh", 256), engine("lsh", 256, threads=3)
    row = bytes(32)
    keys = [f"row{i}" for i in range(70_000)]
    words = [int.from_bytes(row[:7], "big") ^ (i * 2654435761 % 2**32) for i in range(4 * len(keys))]
    table = [keys, len(keys), [[[""], i] for i in range(len(keys))], [[[10, 256], words]], len(keys), {}]
    empty = [[0], [0, [{}], [{}], [{}], {}], [0, [{}], [{}], [{}], {}]]
    data = msgpack.packb([1, [table, empty]])
    for nn in (plain, threaded):
        nn.adopt(nn.read_model(memoryview(data)))
    assert plain.neighbor_row_from_id("row5", 50) == threaded.neighbor_row_from_id("row5", 50)
    assert len(plain.neighbor_row_from_id("row5", 2**32 - 1)) == len(keys)


# --- what is refused ---


@pytest.mark.parametrize(
    ("method", "parameter", "message"),
    [
        ("lsh", {}, '"hash_num" is not found (.parameter)'),
        ("lsh", {"hash_num": "8"}, "Integer is expected, but String is given. (.parameter.hash_num)"),
        ("lsh", {"hash_num": 64.0}, "Integer is expected, but Float is given. (.parameter.hash_num)"),
        ("lsh", {"hash_num": 0}, "invalid parameter (expected: 1 <= hash_num)"),
        ("minhash", {"hash_num": 1 << 30}, "invalid parameter (expected: bits of a signature <= 16777216)"),
        ("lsh", {"hash_num": 8, "cache_size": -1}, "invalid parameter (expected: 0 <= cache_size)"),
        ("minhash", {"hash_num": 8, "cache_size": 1}, '"cache_size" is not used (.parameter)'),
        ("lsh", {"hash_num": 8, "unlearner": "lru"}, '"unlearner" is not used (.parameter)'),
        ("lsh", None, "Object is expected, but Null is given. ()"),
        ("cosine", {"hash_num": 8}, "unsupported method (cosine)"),
    ],
)
def test_configurations_that_are_refused(method: str, parameter: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        duma.NearestNeighbor({"method": method, "parameter": parameter, "converter": {}})
    assert message in " ".join([str(raised.value), *raised.value.messages])


def _table(**changes: Any) -> Any:
    table = {
        "keys": ["a", "b"],
        "count": 2,
        "versions": [[["h"], 7], [["h"], 9]],
        "columns": [[[10, 16], [1, 2]]],
        "clock": 10,
        "index": {"a": 0, "b": 1},
    }
    return list((table | changes).values())


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": ["a", "a"]},
        {"count": 3},
        {"versions": [[["h"], 7]]},
        {"columns": []},
        {"columns": [[[10, 16], [1]]]},
        {"columns": [[[10, 64], [1, 2]]]},
        {"columns": [[[9, 0], [1.0, 2.0]]]},
        {"clock": "ten"},
    ],
)
def test_a_broken_table_is_refused_and_changes_nothing(changes: Any) -> None:
    empty = [[0], [0, [{}], [{}], [{}], {}], [0, [{}], [{}], [{}], {}]]
    nn = filled("lsh")
    before = b"".join(nn.snapshot().chunks())
    good = msgpack.packb([1, [_table(), empty]])
    other = engine("lsh")
    other.adopt(other.read_model(memoryview(good)))
    assert saved(other)[:3] == [["a", "b"], 2, [[["h"], 7], [["h"], 9]]]
    with pytest.raises(ModelFileError, match="user data is broken"):
        nn.read_model(memoryview(msgpack.packb([1, [_table(**changes), empty]])))
    assert b"".join(nn.snapshot().chunks()) == before
