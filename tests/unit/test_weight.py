"""The weight engine: features with their weights, statistics that only `update` changes, its counters."""

from pathlib import Path
from typing import Any

import msgpack
import pytest
from server_process import serving, write_config

import duma
from duma.engines.weight import Feature
from duma.errors import ConfigurationError, ModelFileError


def converter(global_weight: str, **more: Any) -> dict[str, Any]:
    rule = {"key": "*", "type": "space", "sample_weight": "tf", "global_weight": global_weight}
    return {"converter": {"string_rules": [rule], **more}}


def text(key: str, value: str) -> duma.Datum:
    return duma.Datum({key: value})


def values(features: list[Feature]) -> dict[str, float]:
    """The values by the words in the features' names."""
    return {feature.key.partition("$")[2].partition("@")[0]: feature.value for feature in features}


@pytest.mark.parametrize(("kind", "one"), [("idf", 0), ("idf1", 1)])
def test_idf(kind: str, one: int) -> None:
    weight = duma.Weight(converter(kind))
    first = weight.update(text("k1", "red blue blue"))
    assert first == ([(f"k1$blue@space#tf/{kind}", 2.0), (f"k1$red@space#tf/{kind}", 1.0)] if one else [])
    assert values(weight.update(text("k2", "red red"))) == {
        "red": pytest.approx(0.8109302162163288 + 2 * one)
    }
    for _ in range(2):
        assert values(weight.calc_weight(text("k1", "red blue blue"))) == pytest.approx(
            {"red": 0.4054651081081644 + one, "blue": 0.8109302162163288 + 2 * one}
        )
        assert values(weight.calc_weight(text("k1", "zz"))) == {"zz": pytest.approx(1.0986122886681098 + one)}


def test_bm25() -> None:
    weight = duma.Weight(converter("bm25"))

    assert values(weight.update(text("t", "x y"))) == {"x": -1.0986122886681098, "y": -1.0986122886681098}
    assert values(weight.update(text("t", "x x z w"))) == {"x": -2.023293375631441}
    assert values(weight.update(text("t", "q"))) == pytest.approx({"q": 0.6666707293217169})
    assert values(weight.calc_weight(text("t", "x z"))) == pytest.approx(
        {"x": -0.5425320417928454, "z": 0.5425320417928454}
    )


def test_duplicates_are_one_feature_and_keys_are_in_the_order_of_their_bytes() -> None:
    rules = [{"key": "*", "type": "num"}, {"key": "b", "type": "num"}]
    weight = duma.Weight({"converter": {"num_rules": rules}})
    datum = duma.Datum({"é": 1.0, "b": 2.0, "a": 0.0, "Z": 3.0})
    expected = [("Z@num", 3.0), ("b@num", 4.0), ("é@num", 1.0)]
    assert weight.update(datum) == weight.calc_weight(datum) == expected


def test_hashed_and_combined_features() -> None:
    combination = {"key_left": "a@num", "key_right": "b@num", "type": "mul"}
    weight = duma.Weight(
        {"converter": {"num_rules": [{"key": "*", "type": "num"}], "combination_rules": [combination]}}
    )
    datum = duma.Datum({"a": 2.0, "b": 3.0})
    assert weight.update(datum) == [("a@num", 2.0), ("a@num&b@num/mul", 6.0), ("b@num", 3.0)]
    hashed = duma.Weight({"converter": {"num_rules": [{"key": "*", "type": "num"}], "hash_max_size": 1}})
    assert hashed.update(datum) == [("0", 5.0)]


def test_what_is_saved() -> None:
    weight = duma.Weight(converter("idf"))
    data = b"".join(weight.snapshot().chunks())
    assert data.hex() == "920191" + "939100950091809180918080950091809180918080"
    weight.update(text("t", "a b"))
    counts = {b"t$a@space#tf/idf": 1.0, b"t$b@space#tf/idf": 1.0}
    data = b"".join(weight.snapshot().chunks())
    assert msgpack.unpackb(data, raw=True) == [
        1,
        [[[0], [1, [counts], [{}], [{}], {}], [0, [{}], [{}], [{}], {}]]],
    ]
    assert len(data) == 73 + 3


def test_nothing_is_kept_without_statistics() -> None:
    weight = duma.Weight(converter("bin"))
    weight.update(text("t", "a b"))
    assert set(weight.status().values()) == {"0"}


def test_it_saves_loads_and_clears(tmp_path: Path) -> None:
    weight, other = (duma.Weight(converter("bm25")) for _ in range(2))
    for n in range(50):
        weight.update(text("t", f"word{n} word{n % 7} sea"))
    weight.save(tmp_path / "m")
    other.load(tmp_path / "m")
    assert other.status() == weight.status()
    query = text("t", "sea word3 word4 word4 new")
    assert other.calc_weight(query) == weight.calc_weight(query)
    assert other.update(query) == weight.update(query)
    assert weight.clear() is True
    assert weight.calc_weight(query) == duma.Weight(converter("bm25")).calc_weight(query)
    with pytest.raises(ModelFileError, match="user data is broken: a weight engine's data is an array of 1"):
        weight.read_model(memoryview(b"\x92\x01\x92\x90\x90"))


def test_a_server_does_not_count_its_updates(tmp_path: Path) -> None:
    config = write_config(tmp_path, {**converter("idf"), "method": 5, "parameter": None})
    with serving(tmp_path, "-f", config, command="jubaweight") as (_, client, _):
        assert client.call("update", [[["t", "a b"]], [], []]) == []
        assert client.call("calc_weight", [[["t", "c"]], [], []]) == [
            ["t$c@space#tf/idf", 0.6931471805599453]
        ]
        ((_, status),) = client.call("get_status").items()
        assert (status["update_count"], status["diff_document_count"]) == ("0", "1")
        assert client.call("clear") is True
        ((_, status),) = client.call("get_status").items()
        assert (status["update_count"], status["diff_document_count"]) == ("0", "0")


def test_configurations_that_are_refused() -> None:
    with pytest.raises(ConfigurationError, match='"converter" is not found'):
        duma.Weight({"method": "AROW"})
    with pytest.raises(ConfigurationError, match='"more" is not used'):
        duma.Weight({"converter": {}, "more": 1})
