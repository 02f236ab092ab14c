"""What `docs/compatibility.md` says of the classifier, where no other test holds it."""

import threading
from pathlib import Path
from typing import Any

import pytest
from server_process import CallError, serving, write_config

import duma
from duma import Datum
from duma.errors import DumaError

NUMBERS = {"num_rules": [{"key": "*", "type": "num"}]}


def classifier(method: str = "PA", converter: Any = NUMBERS, **parameter: Any) -> Any:
    return duma.Classifier({"method": method, "parameter": parameter, "converter": converter})


def labels(model: Any) -> set[str]:
    """What `classify` reports."""
    return {estimate.label for estimate in model.classify([Datum()])[0]}


# --- kept ---


def test_pa_counts_a_label_that_it_passes_over_and_does_not_report_it() -> None:
    model = classifier()
    model.train([("a", Datum({"x": 1.0})), ("b", Datum({"x": -5.0}))])
    assert (labels(model), model.get_labels()) == ({"a"}, {"a": 1, "b": 1})
    assert model.delete_label("b") is False
    assert model.get_labels() == {"a": 1}


@pytest.mark.parametrize(
    ("method", "reported"), [("AROW", False), ("NHERD", False), ("CW", True), ("PA1", True)]
)
def test_a_label_without_features(method: str, reported: bool) -> None:
    model = classifier(method, regularization_weight=1.0)
    model.train([("a", Datum())])
    assert model.get_labels() == {"a": 1}
    assert labels(model) == ({"a"} if reported else set())


def test_a_label_is_seen_by_the_unlearner_when_it_changes_weights() -> None:
    model = classifier(unlearner="lru", unlearner_parameter={"max_size": 1})
    model.train([("a", Datum({"x": 1.0})), ("b", Datum({"x": -5.0}))])
    assert model.get_labels() == {"a": 1, "b": 1}
    assert model.status()["num_unlearner_unlearned_ids"] == "1"


def test_integers_of_a_configuration_have_32_bits() -> None:
    model = classifier(unlearner="lru", unlearner_parameter={"max_size": 2**32 + 1})
    model.train([("a", Datum({"x": 1.0})), ("b", Datum({"y": 1.0}))])
    assert model.get_labels() == {"b": 1}


def test_the_regularization_weight_is_of_single_precision() -> None:
    model = classifier("PA1", regularization_weight=0.1)
    model.train([("a", Datum({"x": 1.0}))])
    assert model.classify([Datum({"x": 1.0})]) == [[("a", 0.10000000149011612)]]


def test_parameters_of_an_unlearner_without_one_are_ignored() -> None:
    assert classifier(unlearner_parameter={"nonsense": 1}).status()["num_classes"] == "0"


def test_a_pattern_of_keys_is_tied_to_the_start_only() -> None:
    model = classifier("perceptron", {"num_rules": [{"key": "/b/", "type": "num"}]})
    model.train([("a", Datum({"ab": 1.0, "bc": 1.0}))])
    assert model.status()["num_features"] == "1"


@pytest.mark.parametrize("text", ["{%s} more", '{"method": "CW", %s}', '{%s, "parameter": {}}'])
def test_json_that_is_accepted(text: str) -> None:
    members = '"method": "PA", "converter": {"hash_max_size": 007}'
    assert duma.Classifier(text % members).status()


# --- changed ---


def test_two_escapes_of_json_are_one_character() -> None:
    config = r'{"method": "PA", "converter": {"num_rules": [{"key": "\ud83d\ude00", "type": "num"}]}}'
    model = duma.Classifier(config)
    model.train([("a", Datum({"\N{GRINNING FACE}": 1.0}))])
    assert model.status()["num_features"] == "1"


def test_the_empty_label_is_an_ordinary_one() -> None:
    model = classifier("perceptron")
    model.train([("", Datum({"x": 1.0})), ("b", Datum({"x": 1.0}))])
    scores = dict(model.classify([Datum({"x": 1.0})])[0])
    assert scores == {"": 0.0, "b": 1.0}


def test_the_order_of_labels_stays_over_saving_and_loading(tmp_path: Path) -> None:
    names = [f"label {n}" for n in range(60)]
    model, other = classifier(), classifier()
    model.train([(name, Datum({name: 1.0})) for name in names])
    model.save(tmp_path / "m.jubatus")
    other.load(tmp_path / "m.jubatus")
    assert model.classify([Datum()]) == other.classify([Datum()])


def test_two_saves_of_one_id_at_once_both_succeed(tmp_path: Path) -> None:
    with serving(tmp_path) as (server, client, port):
        client.call("train", [[str(n), [[["k", f"{n}"]], [], []]] for n in range(1000)])
        answers = []

        def save() -> None:
            own = server.connect(port)
            answers.append(own.call("save", "m"))
            own.close()

        threads = [threading.Thread(target=save) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 4
        assert client.call("load", "m") is True
        assert not list(tmp_path.glob(".duma-*"))


@pytest.mark.parametrize(
    ("label", "key", "text"),
    [
        ("a", "x$", "feature key cannot contain '$': x$"),
        ("b", "x", "cannot add new label as number of sticky"),
    ],
)
def test_a_record_that_cannot_be_learned_is_its_senders_mistake(
    tmp_path: Path, label: str, key: str, text: str
) -> None:
    unlearner = {"unlearner": "lru", "unlearner_parameter": {"max_size": 1, "sticky_pattern": "*"}}
    config = {"method": "PA", "parameter": unlearner, "converter": NUMBERS}
    model = duma.Classifier(config)
    model.train([("a", Datum({"x": 1.0}))])
    with pytest.raises(DumaError, match=text.replace("$", r"\$")):
        model.train([("a", Datum({"x": 1.0})), (label, Datum({key: 1.0}))])
    assert model.get_labels()["a"] == 2

    with serving(tmp_path, "-f", write_config(tmp_path, config)) as (server, client, _):
        client.call("train", [["a", [[], [["x", 1.0]], []]]])
        with pytest.raises(CallError, match=text.replace("$", r"\$")):
            client.call("train", [[label, [[], [[key, 1.0]], []]]])
        server.wait_for("WARN  ")
        assert "Traceback" not in server.output
