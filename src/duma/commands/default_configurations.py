"""What `duma serve` starts with when no configuration is given: sensible for mixed texts and numbers."""

from typing import Any

from duma.convert.schema import CONVERTER_MEMBER

_CONVERTER: dict[str, Any] = CONVERTER_MEMBER.example

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
    "graph": {
        "method": "graph_wo_index",
        "parameter": {"damping_factor": 0.9, "landmark_num": 5},
    },
    "nearest_neighbor": {
        "method": "lsh",
        "parameter": {"hash_num": 128},
        "converter": _CONVERTER,
    },
    "weight": {
        "converter": {
            **_CONVERTER,
            "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}],
        },
    },
}
