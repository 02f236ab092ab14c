"""Labels of a classifier: where the core keeps their weights, saved models of many, errors that name them."""

from pathlib import Path
from typing import Any

import pytest

import duma
from duma.errors import ArgumentMismatch, DumaError

COVARIANCE = ("CW", "AROW", "NHERD")


def classifier(method: str = "AROW", **parameter: Any) -> Any:
    return duma.Classifier(
        {
            "method": method,
            "parameter": {"regularization_weight": 1.0, **parameter},
            "converter": {"num_rules": [{"key": "*", "type": "num"}]},
        }
    )


def reloaded(model: Any, path: Path, **parameter: Any) -> Any:
    model.save(path)
    other = classifier(**parameter)
    other.load(path)
    return other


def test_features_that_only_late_labels_know(tmp_path: Path) -> None:
    model = classifier()
    names = [f"label{i}" for i in range(40)]
    for name in names:
        model.set_label(name)
    for i, name in enumerate(names):
        model.train([(name, duma.Datum({f"x{i}": 1.0}))])
    query = [duma.Datum({f"x{i}": 1.0 for i in range(len(names))})]
    assert model.status()["num_features"] == "40"
    other = reloaded(model, tmp_path / "many")
    assert other.status() == model.status()
    assert other.classify(query) == model.classify(query)
    for name in names[::2]:
        assert model.delete_label(name)
    other = reloaded(model, tmp_path / "half")
    assert other.status() == model.status()
    assert other.classify(query) == model.classify(query)


@pytest.mark.parametrize("method", COVARIANCE)
def test_two_labels_that_are_left_of_three(method: str, tmp_path: Path) -> None:
    model = classifier(method)
    for name in "abc":
        model.set_label(name)
    model.delete_label("a")
    other = classifier(method)
    model.save(tmp_path / "m")
    other.load(tmp_path / "m")
    query = [duma.Datum({"x": 1.0, "y": 1.0})]
    for label, key in [("b", "x"), ("c", "y"), ("c", "x"), ("b", "y")]:
        for one in (model, other):
            one.train([(label, duma.Datum({key: 2.0}))])
        assert other.classify(query) == model.classify(query)


def test_draws_go_on_when_a_model_is_adopted(tmp_path: Path) -> None:
    parameter = {"unlearner": "random", "unlearner_parameter": {"max_size": 3, "seed": 7}}
    model, other = (classifier(**parameter) for _ in range(2))

    def learn(one: Any, first: int) -> None:
        one.train([(f"label{i}", duma.Datum({"x": 1.0})) for i in range(first, first + 20)])

    learn(model, 0)
    learn(other, 0)
    model.save(tmp_path / "m")
    with (tmp_path / "m").open("rb") as file:
        data = file.read()
    size = int.from_bytes(data[40:48], "big")
    read = model.read_model(memoryview(data)[-size:])
    # Whatever is drawn between reading and adopting, the draws after it are those that come anyway.
    model.clear()
    other.clear()
    learn(model, 100)
    learn(other, 100)
    before = other.hidden_state()
    model.adopt(read)
    assert model.hidden_state() == before
    assert model.get_labels().keys() != other.get_labels().keys()


def test_what_is_no_datum_is_refused() -> None:
    model = classifier()
    with pytest.raises(ArgumentMismatch, match=r"^a Datum is expected, but list is given$"):
        model.classify([[[], [], []]])
    with pytest.raises(ArgumentMismatch, match=r"^a Datum is expected, but dict is given$"):
        model.train([("label", {"x": 1.0})])


def test_errors_can_name_labels_and_keys_of_any_bytes() -> None:
    model = classifier(unlearner="lru", unlearner_parameter={"max_size": 1, "sticky_pattern": "*"})
    model.train([("first", duma.Datum({"x": 1.0}))])
    with pytest.raises(DumaError, match="maximum size of unlearner: \udcff東"):
        model.set_label("\udcff東")
    with pytest.raises(DumaError, match=r"^feature key cannot contain '\$': \udc80\$$"):
        model.classify([duma.Datum({"\udc80$": 1.0})])
    assert model.get_labels() == {"first": 1}
