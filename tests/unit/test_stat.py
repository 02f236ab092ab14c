"""The stat engine: closed forms, the window, what it saves, and times that survive a crash."""

import math
import statistics
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from server_process import serving, write_config

import duma
from duma.engines.stat_series import Series
from duma.errors import ArgumentMismatch, ConfigurationError, DumaError, ModelFileError

NUMBERS = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))


def stat(window_size: int = 128) -> Any:
    return duma.Stat({"window_size": window_size})


def pushed(window_size: int, *pairs: tuple[str, float]) -> Any:
    model = stat(window_size)
    for key, value in pairs:
        assert model.push(key, value) is True
    return model


def tree(model: Any) -> Any:
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


EXAMPLE = (("a", 1.0), ("a", 5.0), ("b", 3.0))


def test_a_worked_example() -> None:
    model = pushed(3, *EXAMPLE)
    assert (model.sum("a"), model.stddev("a"), model.max("a"), model.min("a")) == (6, 2, 5, 1)
    assert (model.moment("a", 1, 1), model.moment("a", 2, 3), model.moment("a", 3, 0)) == (2, 4, 63)
    assert model.entropy("") == pytest.approx(0.63651416829481278, rel=1e-15)
    model.push("b", 7.0)
    assert (model.sum("a"), model.min("a"), model.entropy("a")) == (5, 5, model.entropy("b"))


@given(
    window=st.integers(1, 60),
    pairs=st.lists(st.tuples(st.sampled_from("abc"), NUMBERS), min_size=1, max_size=200),
    center=NUMBERS,
)
@settings(max_examples=60, deadline=None)
def test_closed_forms(window: int, pairs: list[tuple[str, float]], center: float) -> None:
    model = pushed(window, *pairs)
    left = pairs[-window:]
    shares = []
    for key in {key for key, _ in left}:
        values = np.array([value for each, value in left if each == key])
        scale = max(abs(value) for _, value in pairs) + abs(center) + 1
        assert (model.max(key), model.min(key)) == (values.max(), values.min())
        assert model.sum(key) == pytest.approx(values.sum(), abs=1e-9 * scale)
        assert model.moment(key, 2, center) == pytest.approx(
            ((values - center) ** 2).mean(), abs=1e-8 * scale**2
        )
        assert model.moment(key, 5, center) == pytest.approx(
            ((values - center) ** 5).mean(), abs=1e-12 * scale**5
        )
        shares.append(len(values) / len(left))
    assert model.entropy("") == pytest.approx(-sum(p * math.log(p) for p in shares), abs=1e-12)
    with pytest.raises(DumaError, match=r"^sum: key z not found$"):
        model.sum("z")


def test_the_deviation_of_a_population() -> None:
    values = [0.5, 0.25, 8.0, 3.5]
    model = pushed(10, *(("k", value) for value in values))
    assert model.stddev("k") == pytest.approx(statistics.pstdev(values))
    assert model.moment("k", 1, 0) == pytest.approx(statistics.fmean(values))


def test_rounding_may_leave_no_deviation() -> None:
    assert math.isnan(pushed(10, *[("k", 0.7)] * 6).stddev("k"))
    assert pushed(10, *[("k", 1.1)] * 3).stddev("k") == 0


def test_sums_keep_what_was_rounded_away() -> None:
    model = pushed(2, ("k", 1e20), ("k", 1.0), ("k", 1.0))
    assert (model.sum("k"), model.max("k")) == (0.0, 1.0)


@pytest.mark.parametrize("degree", [-1, -(2**31)])
def test_a_negative_degree(degree: int) -> None:
    assert stat().moment("unknown", degree, 0.0) == -1


@pytest.mark.parametrize("method", ["sum", "stddev", "max", "min", "moment"])
def test_an_unknown_key(method: str) -> None:
    with pytest.raises(DumaError) as caught:
        getattr(stat(), method)("none", *([0, 0.0] if method == "moment" else []))
    assert str(caught.value) == f"{method}: key none not found"


def test_an_entropy_of_nothing_is_a_negative_zero() -> None:
    for model in (stat(), pushed(5, ("k", 1.0), ("k", 2.0))):
        assert math.copysign(1, model.entropy("")) == -1
        assert model.methods["entropy"].call_packed(model, [b"\xa1k"]) == bytes.fromhex("cb8000000000000000")


def test_powers_beyond_doubles() -> None:
    model = pushed(5, ("k", -1e300))
    assert (model.moment("k", 3, 0.0), model.moment("k", 4, 0.0)) == (-math.inf, math.inf)
    model.push("k", math.inf)
    assert math.isnan(model.moment("k", 3, 0.0))
    assert math.isnan(model.stddev("k"))


def test_nan_is_no_extreme() -> None:
    model = pushed(3, ("k", 2.0), ("k", math.nan), ("k", 1.0), ("k", 0.5))
    assert (model.max("k"), model.min("k")) == (1.0, 0.5)


@given(st.lists(st.tuples(st.booleans(), st.integers(-9, 9)), max_size=300))
@settings(max_examples=60, deadline=None)
def test_extremes_of_a_queue(steps: list[tuple[bool, int]]) -> None:
    series, queue = Series(), []
    for come, value in steps:
        if come or not queue:
            series.push(float(value))
            queue.append(value)
        else:
            series.pop()
            queue.pop(0)
        assert (len(series), series.values()) == (len(queue), queue)
        assert (series.largest(), series.least()) == (max(queue, default=0), min(queue, default=0))


def test_a_long_queue_forgets() -> None:
    series = Series()
    for value in range(1000):
        series.push(float(value))
    for value in range(990):
        assert (series.largest(), series.least()) == (999, value)
        series.pop()
    assert series.values() == list(range(990, 1000))
    series.push(math.nan)
    for _ in range(10):
        series.pop()
    assert (series.largest(), series.least()) == (0, 0)


def test_what_is_saved() -> None:
    model = stat(3)
    model.clock = lambda: 0x6B02A40A * 10**9 + 5
    for key, value in EXAMPLE:
        model.push(key, value)
    data = b"".join(model.snapshot().chunks())
    assert data.hex() == (
        "9201" + "9503" + "93"
        "92ce6b02a40a92a161cb3ff0000000000000"
        "92ce6b02a40a92a161cb4014000000000000"
        "92ce6b02a40a92a162cb4008000000000000"
        "82"
        "a1619502cb4018000000000000cb403a000000000000cb4014000000000000cb3ff0000000000000"
        "a1629501cb4008000000000000cb4022000000000000cb4008000000000000cb4008000000000000"
        "cb0000000000000000" + "cb0000000000000000"
    )
    assert model.snapshot().size == len(data)


def test_a_snapshot_is_of_its_moment() -> None:
    model = pushed(3, *EXAMPLE)
    snapshot, expected = model.snapshot(), tree(model)
    for key, value in EXAMPLE:
        model.push(key, value + 1)
    assert msgpack.unpackb(b"".join(snapshot.chunks()), strict_map_key=False) == expected != tree(model)


def test_loading_replaces_everything(tmp_path: Path) -> None:
    model, other = pushed(40, *EXAMPLE), pushed(40, ("z", 1.0))
    for n in range(60):
        model.push(f"k{n % 2}", float(n % 7))
    model.save(tmp_path / "m")
    other.load(tmp_path / "m")
    assert tree(other) == tree(model)
    for n in range(100):
        for each in (model, other):
            each.push(f"k{n % 3}", n / 3)
        assert tree(other)[1][2:] == tree(model)[1][2:]
    with pytest.raises(DumaError):
        other.sum("z")


def test_mixed_numbers_decide_the_entropy_until_all_is_forgotten() -> None:
    model = pushed(5, ("a", 1.0))
    data = [1, [5, [[7, ["a", 1.0]]], {"a": [1, 1.0, 1.0, 1.0, 1.0]}, 2 * math.log(2), 3.0, "more"], "more"]
    model.adopt(model.read_model(memoryview(msgpack.packb(data))))
    for _ in range(2):
        assert model.entropy("") == pytest.approx(0.636514168294813)
        model.push("b", 2.0)
    model.clear()
    assert model.entropy("") == 0


def test_sums_of_keys_that_the_window_does_not_have() -> None:
    """Jubatus leaves them behind, and saves them."""
    model = stat(2)
    data = [1, [2, [], {"old": [2, 3.0, 5.0, 2.0, 1.0]}, 0.0, 0.0]]
    model.adopt(model.read_model(memoryview(msgpack.packb(data))))
    assert (model.sum("old"), model.moment("old", 3, 0.0)) == (3, 0)
    for value in (7.0, 8.0, 9.0):
        model.push("old", value)
    assert (model.sum("old"), model.max("old")) == (20, 9)


@pytest.mark.parametrize(
    "data",
    [
        [],
        [5],
        [0, [], {}, 0.0, 0.0],
        [-1, [], {}, 0.0, 0.0],
        [5, {}, {}, 0.0, 0.0],
        [5, [[1, ["a"]]], {"a": [1, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [[1, ["a", 1.0, 2.0]]], {"a": [1, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [[1, ["a", "1"]]], {"a": [1, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [[1, ["a", 1.0]]], {}, 0.0, 0.0],
        [5, [[1, ["a", 1.0]]] * 2, {"a": [1, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [], {"a": [0, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [], {"a": [1, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [], {5: [1, 1.0, 1.0, 1.0, 1.0]}, 0.0, 0.0],
        [5, [], {}, 0.0, -1.0],
        [5, [], {}, 0.0],
    ],
)
def test_broken_user_data_are_refused(data: Any) -> None:
    packed = msgpack.packb([1, data], use_bin_type=False)
    with pytest.raises(ModelFileError, match=r"^user data is broken: "):
        stat(5).read_model(memoryview(packed))


def test_every_broken_off_file_is_refused() -> None:
    data = b"".join(pushed(3, *EXAMPLE).snapshot().chunks())
    for end in range(len(data)):
        with pytest.raises(ModelFileError, match=r"^user data is broken: "):
            stat(3).read_model(memoryview(data[:end]))


def test_a_window_without_a_limit() -> None:
    model = pushed(-1, *[("k", float(n)) for n in range(1000)])
    assert (model.sum("k"), tree(model)[1][0]) == (499500, 2**64 - 1)


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"window_size": 0}, "invalid parameter (expected: 1 <= window_size)"),
        ({"window_size": 2**32}, "invalid parameter (expected: 1 <= window_size)"),
        ({"window_size": 2.0}, "Integer is expected, but Float is given. (.window_size)"),
        ({}, '"window_size" is not found ()'),
        ({"window_size": 1, "more": 1}, '"more" is not used ()'),
    ],
)
def test_configurations_that_are_refused(config: Any, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r".*") as caught:
        duma.Stat(config)
    assert text in str(caught.value) or text in caught.value.messages


def test_keys_need_not_be_text() -> None:
    model = stat()
    push = type(model).methods["push"]
    assert push.call_packed(model, [b"\xa2\xff\x01", b"\x05"]) == b"\xc3"
    assert b"\xa2\xff\x01" in b"".join(model.snapshot().chunks())
    with pytest.raises(ArgumentMismatch):
        push.call_packed(model, [b"\x05", b"\x05"])


def test_served_like_jubatus(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"window_size": 3})
    with serving(tmp_path, "-f", config, command="jubastat") as (_, client, _):
        for key, value in EXAMPLE:
            assert client.call("push", key, value) is True
        assert (client.call("sum", "a"), client.call("moment", "a", 3, 0.0)) == (6.0, 63.0)
        ((_, status),) = client.call("get_status").items()
        assert (status["update_count"], status["type"], status["storage"]) == ("3", "stat", "stat")
