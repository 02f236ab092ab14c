"""What `duma serve` starts with when no configuration is given: sensible for mixed texts and numbers."""

from typing import Any

from duma.convert.schema import CONVERTER_MEMBER

_CONVERTER: dict[str, Any] = CONVERTER_MEMBER.example

DEFAULT_CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "bandit": {"method": "ucb1", "parameter": {"assume_unrewarded": False}},
    "burst": {
        "method": "burst",
        "parameter": {
            "window_batch_size": 5,
            "batch_interval": 10,
            "result_window_rotate_size": 5,
            "max_reuse_batch_num": 5,
            "costcut_threshold": -1,
        },
    },
    "anomaly": {
        "method": "lof",
        "parameter": {
            "nearest_neighbor_num": 10,
            "reverse_nearest_neighbor_num": 30,
            "ignore_kth_same_point": True,
            "method": "inverted_index_euclid",
            "parameter": {},
        },
        "converter": _CONVERTER,
    },
    "classifier": {
        "method": "AROW",
        "parameter": {"regularization_weight": 1.0},
        "converter": _CONVERTER,
    },
    "clustering": {
        "method": "kmeans",
        "parameter": {"k": 3, "seed": 0},
        "compressor_method": "simple",
        "compressor_parameter": {"bucket_size": 100},
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
    "recommender": {
        "method": "inverted_index",
        "parameter": {},
        "converter": _CONVERTER,
    },
    "stat": {"window_size": 128},
    "weight": {
        "converter": {
            **_CONVERTER,
            "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}],
        },
    },
}
