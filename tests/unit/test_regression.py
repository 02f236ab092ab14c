"""The regression: Jubatus' numbers to the bit, its configuration, what it remembers beside the model."""

from pathlib import Path
from typing import Any

import msgpack
import pytest
from server_process import serving, write_config

import duma
from duma.errors import ArgumentMismatch, ConfigurationError, ModelFileError

NUMBERS = {"num_rules": [{"key": "*", "type": "num"}]}
SEQUENCE = [
    (1.0, {"a": 1, "b": 2}),
    (-0.5, {"b": 1, "c": 1}),
    (2.0, {"a": 1, "b": 2}),
    (0.25, {"a": 0.5, "c": -1}),
]
QUERY = duma.Datum({"a": 1, "b": 1, "c": 1})


def regression(method: str = "PA", converter: Any = NUMBERS, **parameter: Any) -> Any:
    if method == "perceptron":
        parameter.setdefault("learning_rate", 0.1)
    else:
        parameter.setdefault("sensitivity", 0.1)
        if method != "PA":
            parameter.setdefault("regularization_weight", 1.0)
    return duma.Regression({"method": method, "parameter": parameter, "converter": converter})


def learn(model: Any, sequence: Any = SEQUENCE) -> list[float]:
    """Teaches one datum after another; the estimate of `QUERY` after each."""
    estimates = []
    for score, values in sequence:
        assert model.train([(score, duma.Datum(values))]) == 1
        estimates += model.estimate([QUERY])
    return estimates


def tree(model: Any) -> Any:
    """All that is saved."""
    return msgpack.unpackb(b"".join(model.snapshot().chunks()), strict_map_key=False)


def cells(model: Any) -> dict[str, tuple[float, float]]:
    """Weight and covariance by key, as they are saved."""
    table = tree(model)[1][0][0][0]
    return {key: tuple(row[0][:2]) for key, row in table.items()}


# --- what Jubatus 1.1.1 computed ---

_PA = (
    [0.6000000000000001, -0.2249999988824129, 0.8083558594987761, 0.9452496278153399],
    [(0.4075581844771656, 0.0), (0.6764039061462528, 0.0), (-0.13871246280807842, 0.0)],
)


@pytest.mark.parametrize(
    ("method", "c", "estimates", "final"),
    [
        (
            "perceptron",
            None,
            [0.30000000447034836, 0.16000000178813933, 0.6520000076889992, 0.6496000078067183],
            [(0.26640000333935027, 0.0), (0.4580000055730343, 0.0), (-0.07480000110566616, 0.0)],
        ),
        ("PA", None, *_PA),
        (
            "PA1",
            0.1,
            [0.30000000447034836, 0.10000000149011612, 0.4000000059604645, 0.4000000059604645],
            [(0.20000000298023224, 0.0), (0.30000000447034836, 0.0), (-0.10000000149011612, 0.0)],
        ),
        ("PA2", 1.0, *_PA),
        ("PA2", 0.001, *_PA),  # C has no effect
        (
            "CW",
            1.0,
            [1.2000000000000002, -0.3954277975049849, 0.34437744370351187, 0.9623515265457521],
            [
                (0.2518174377123812, 0.17319299973576865),
                (0.7498353153636744, 0.07280834837477887),
                (-0.03930122653030366, 0.07990161224476555),
            ],
        ),
        (
            "AROW",
            1.0,
            [0.4499999992549419, 0.05000000039026847, 0.687200000005109, 0.7209427381875109],
            [
                (0.4907053941636659, 0.5477178423236515),
                (0.4591999996304512, 0.17600000000000002),
                (-0.22896265560660622, 0.38174273858921165),
            ],
        ),
        (
            "NHERD",
            1.0,
            [0.44999999925494194, 0.09406779687535954, 0.2700828939631367, 0.29007484947698037],
            [
                (0.26248688424934835, 0.09243913592623608),
                (0.34676517283536207, 0.024370067539849778),
                (-0.31917720760773005, 0.15856061035865013),
            ],
        ),
    ],
)
def test_numbers_of_jubatus(method: str, c: float | None, estimates: Any, final: Any) -> None:
    model = regression(method, **({} if c is None else {"regularization_weight": c}))
    assert model.estimate([QUERY, duma.Datum()]) == [0.0, 0.0]
    assert learn(model) == estimates
    assert cells(model) == dict(zip(("a@num", "b@num", "c@num"), final, strict=True))


def test_the_model_file_of_the_specification() -> None:
    model = regression()
    model.train([(1.5, duma.Datum({"a": 1.0}))])
    assert b"".join(model.snapshot().chunks()).hex() == (
        "920192919481a56140" + "6e756d8100" + "93cb3ff8000000000000cb0000000000000000cb0000000000000000"
        "9381a12b008100a12b01809100" + "939100950091809180918080950091809180918080"
    )


# --- from here on, what follows from the rules ---


@pytest.mark.parametrize("method", ["AROW", "CW", "NHERD"])
def test_a_feature_that_comes_twice_is_learned_twice_from_its_new_state(method: str) -> None:
    twice = {"num_rules": [{"key": "*", "type": "num"}, {"key": "a", "type": "num"}]}
    model = regression(method, twice)
    model.train([(1.0, duma.Datum({"a": 1.0}))])
    once = regression(method)
    once.train([(1.0, duma.Datum({"a": 2.0}))])
    ((_, covariance),) = cells(model).values()
    assert covariance not in (1.0, *cells(once).values())
    if method == "AROW":  # V = 2, beta = 1/3, loss = 0.9
        loss = 1.0 - 0.10000000149011612
        first, second = 1.0, 1 - 1 / 3
        assert cells(model)["a@num"] == pytest.approx(
            (loss / 3 * first + loss / 3 * second, second - second * second / 3)
        )


@pytest.mark.parametrize(
    ("method", "labels"), [("perceptron", "1"), ("PA", "0"), ("PA1", "1"), ("AROW", "0"), ("CW", "0")]
)
def test_a_datum_without_features(method: str, labels: str) -> None:
    model = regression(method)
    assert model.train([(0.0, duma.Datum()), (5.0, duma.Datum())]) == 2
    assert model.status() == {"num_features": "0", "num_classes": labels, "storage": "local_storage"}
    assert model.estimate([duma.Datum()]) == [0.0]


def test_loading_and_clearing_forget_the_targets_but_a_hidden_state_brings_them_back(tmp_path: Path) -> None:
    model, same, fresh = regression(), regression(), regression()
    learn(model)
    model.save(tmp_path / "m")
    for other in (same, fresh):
        learn(other, SEQUENCE[:2])
        other.load(tmp_path / "m")
    assert fresh.hidden_state() == regression().hidden_state() != model.hidden_state()
    same.set_hidden_state(model.hidden_state())
    assert learn(same) == learn(model) != learn(fresh)
    model.clear()
    assert model.hidden_state() == regression().hidden_state()
    assert learn(model) == learn(regression())


def test_methods_without_statistics_have_no_hidden_state() -> None:
    model = regression("AROW")
    learn(model)
    assert model.hidden_state() == b""
    model.set_hidden_state(b"")


@pytest.mark.parametrize("method", ["perceptron", "PA", "PA1", "PA2", "CW", "AROW", "NHERD"])
def test_served_saved_and_embedded_models_are_the_same(method: str, tmp_path: Path) -> None:
    converter = {
        "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "bm25"}],
        "num_rules": [{"key": "*", "type": "num"}, {"key": "n", "type": "log"}],
    }
    model = regression(method, converter)
    records = [(n % 7 - 2.5, duma.Datum({"t": f"w{n % 5} x w{n % 3}", "n": n % 10 / 10})) for n in range(300)]
    queries = [record for _, record in records]
    config = write_config(tmp_path, model.config_text)
    with serving(tmp_path, "-f", config, command="jubaregression") as (_, client, _):
        wire = [[score, record.to_wire()] for score, record in records]
        asked = [record.to_wire() for record in queries]
        for start in range(0, len(records), 50):
            assert client.call("train", wire[start : start + 50]) == 50
            model.train(records[start : start + 50])
        assert client.call("estimate", asked) == model.estimate(queries)
        ((_, path),) = client.call("save", "m").items()
        ((_, status),) = client.call("get_status").items()
        assert (status["update_count"], status["type"]) == ("6", "regression")
        assert "diff_document_count" not in status
    loaded = regression(method, converter)
    loaded.load(path)
    assert loaded.estimate(queries) == model.estimate(queries)
    assert tree(loaded) == tree(model)


def test_bad_records_change_nothing() -> None:
    model = regression()
    train = type(model).methods["train"]
    for bad in ([["x", [[], [], []]]], [[1.0]], [[1.0, [[["k"]], [], []]]], 5):
        with pytest.raises((ArgumentMismatch, TypeError)):
            train.call_packed(
                model, [msgpack.packb([[1.0, [[], [["a", 1.0]], []]], *bad] if bad != 5 else 5)]
            )
    assert model.status()["num_features"] == "0"
    learned = train.call_packed(model, [msgpack.packb([[7, [[], [["a", 1.0]], []], "more"]])])
    assert msgpack.unpackb(learned) == 1
    with pytest.raises(duma.errors.DumaError, match=r"cannot contain '\$': a\$"):
        model.train([(1.0, duma.Datum({"b": 1.0})), (1.0, duma.Datum({"a$": 1.0}))])
    assert model.status()["num_features"] == "2"


def test_a_broken_file_is_refused() -> None:
    data = b"".join(regression().snapshot().chunks())
    for broken in (data[:-1], b"\x92\x01\x90", data.replace(b"\x91\x94", b"\x92\x94", 1)):
        with pytest.raises(ModelFileError, match="user data is broken"):
            regression().read_model(memoryview(broken))


@pytest.mark.parametrize(
    ("method", "parameter", "text"),
    [
        ("PA", None, "Object is expected, but Null is given. ()"),
        ("PA", 5, "Object is expected, but Integer is given. (.parameter)"),
        ("PA", {}, '"sensitivity" is not found (.parameter)'),
        ("perceptron", {"sensitivity": 1}, '"sensitivity" is not used (.parameter)'),
        ("perceptron", {"learning_rate": 0}, "0.0 < learning_rate"),
        ("PA", {"sensitivity": -1}, "0.0 <= sensitivity"),
        ("AROW", {"sensitivity": -1, "regularization_weight": 0}, "0.0 < regularization_weight"),
        ("AROW", {"sensitivity": -1, "regularization_weight": 1}, "0.0 <= sensitivity"),
        ("arow", {}, "unsupported method (arow)"),
    ],
)
def test_configurations_that_are_refused(method: str, parameter: Any, text: str) -> None:
    config = {"method": method, "parameter": parameter, "converter": NUMBERS}
    with pytest.raises(ConfigurationError) as caught:
        duma.Regression(config)
    assert text in str(caught.value) or text in caught.value.messages


@pytest.mark.parametrize(
    ("name", "alias"),
    [("PA1", "passive_aggressive_1"), ("CW", "confidence_weighted"), ("NHERD", "normal_herd")],
)
def test_other_names_of_methods(name: str, alias: str) -> None:
    assert learn(regression(alias)) == learn(regression(name))
