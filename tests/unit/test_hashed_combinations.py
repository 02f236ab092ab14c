"""Combined features whose keys are hashed: a model knows them by their hashes, not by the names before."""

from pathlib import Path
from typing import Any

import pytest

import duma


@pytest.mark.parametrize("global_weight", ["bin", "idf"])
def test_a_loaded_model_knows_them(global_weight: str, tmp_path: Path) -> None:
    rule = {"key": "*", "type": "str", "sample_weight": "bin", "global_weight": global_weight}
    config: dict[str, Any] = {
        "method": "perceptron",
        "converter": {
            "string_rules": [rule],
            "num_rules": [{"key": "*", "type": "num"}],
            "combination_rules": [{"key_left": "*", "key_right": "*", "type": "mul"}],
            "hash_max_size": 1000,
        },
    }
    model, loaded = duma.Classifier(config), duma.Classifier(config)
    model.train([("a", duma.Datum({"x": 0.25, "y": 0.25})), ("b", duma.Datum({"x": -3.0, "t": "word"}))])
    model.save(tmp_path / "m")
    loaded.load(tmp_path / "m")
    query = [duma.Datum({"x": 2.0, "y": 5.0, "t": "word"}), duma.Datum({"x": 1.0, "new": 1.0})]
    assert loaded.classify(query) == model.classify(query)


def test_names_before_the_hash_are_not_kept() -> None:
    """With one bucket, everything that is combined meets in it, whether it was ever seen or not."""
    config = {
        "method": "perceptron",
        "converter": {
            "num_rules": [{"key": "*", "type": "num"}],
            "combination_rules": [{"key_left": "*", "key_right": "*", "type": "add"}],
            "hash_max_size": 1,
        },
    }
    model = duma.Classifier(config)
    model.train([("a", duma.Datum({"x": 1.0}))])
    ((result,),) = model.classify([duma.Datum({"new": 1.0, "newer": 2.0})])
    assert result == ("a", 1.0 + 2.0 + 3.0)
