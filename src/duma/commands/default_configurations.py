"""What `duma serve` starts with when no configuration is given: sensible for mixed texts and numbers."""

from typing import Any

_CONVERTER: dict[str, Any] = {
    "string_rules": [{"key": "*", "type": "space", "sample_weight": "bin", "global_weight": "bin"}],
    "num_rules": [{"key": "*", "type": "num"}],
}

DEFAULT_CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "classifier": {
        "method": "AROW",
        "parameter": {"regularization_weight": 1.0},
        "converter": _CONVERTER,
    },
    "regression": {
        "method": "AROW",
        "parameter": {"sensitivity": 0.1, "regularization_weight": 1.0},
        "converter": _CONVERTER,
    },
    "nearest_neighbor": {
        "method": "lsh",
        "parameter": {"hash_num": 128},
        "converter": _CONVERTER,
    },
    "recommender": {
        "method": "inverted_index",
        "converter": _CONVERTER,
    },
    "weight": {
        "converter": {
            **_CONVERTER,
            "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}],
        },
    },
}
