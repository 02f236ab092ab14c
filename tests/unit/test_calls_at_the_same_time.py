"""Embedded models and served ones under several callers at once."""

import threading
from typing import Any

import pytest

import duma

WORDS = "deep sea fish and deep water "
CALLING_BACK: dict[str, dict[str, Any]] = {
    "converter": {
        "method": "PA",
        "converter": {
            "string_types": {"word": {"method": "regexp", "pattern": "[a-z]+"}},
            "string_rules": [{"key": "*", "type": "word", "sample_weight": "bin", "global_weight": "bin"}],
        },
    },
    "unlearner": {
        "method": "PA",
        "parameter": {"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "/x.*/"}},
        "converter": {"num_rules": [{"key": "*", "type": "num"}]},
    },
}


@pytest.mark.parametrize("who", CALLING_BACK)
def test_a_long_update_that_calls_back_and_short_calls(who: str) -> None:
    """Short calls keep the interpreter's lock, and the update needs it: neither may wait for the other."""
    model = duma.Classifier(CALLING_BACK[who])
    records = [(f"label{i % 5}", duma.Datum({"text": WORDS * 20, "n": 1.0})) for i in range(2000)]
    learner = threading.Thread(target=model.train, args=(records,), daemon=True)
    learner.start()
    calls = 0
    while learner.is_alive():
        model.status()
        model.hidden_state()
        model.get_labels()
        model.classify([duma.Datum({"n": 1.0})])
        calls += 1
    assert calls
    assert sum(model.get_labels().values()) <= 2000
