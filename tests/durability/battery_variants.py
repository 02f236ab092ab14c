"""Further configurations for the battery: engines with models of more than one kind."""

from battery import Subject, _datum

WORDS_AND_NUMBERS = {
    "string_rules": [{"key": "*", "type": "space", "sample_weight": "tf", "global_weight": "idf"}],
    "num_rules": [{"key": "*", "type": "num"}],
}

VARIANTS = [
    Subject(
        type="classifier",
        variant="NN",
        config={
            "method": "NN",
            "parameter": {
                "method": "euclid_lsh",
                "parameter": {"hash_num": 64},
                "nearest_neighbor_num": 3,
                "local_sensitivity": 0.25,
                "unlearner": "random",
                "unlearner_parameter": {"max_size": 5},
            },
            "converter": WORDS_AND_NUMBERS,
        },
        other_config={
            "method": "NN",
            "parameter": {
                "method": "lsh",
                "parameter": {"hash_num": 64},
                "nearest_neighbor_num": 3,
                "local_sensitivity": 0.25,
            },
            "converter": WORDS_AND_NUMBERS,
        },
        updates=(
            ("train", ([["spam", _datum("buy now cheap", length=3.0)]],)),
            ("train", ([["ham", _datum("see you now")], ["spam", _datum("cheap cheap", length=2.0)]],)),
            ("set_label", ("new",)),
            ("train", ([["news_of_rain", _datum("rain in the east", length=9.5)]],)),
            ("delete_label", ("ham",)),
            ("train", ([[f"label{i}", _datum(f"word{i} rain", length=float(i))] for i in range(12)],)),
        ),
        analyses=(
            ("get_labels", ()),
            ("classify", ([_datum("buy now and see the rain", length=1.0), _datum("")],)),
        ),
    ),
    Subject(
        type="regression",
        variant="cosine",
        config={
            "method": "cosine",
            "parameter": {"nearest_neighbor_num": 3, "weight": "distance"},
            "converter": WORDS_AND_NUMBERS,
        },
        other_config={
            "method": "cosine",
            "parameter": {"nearest_neighbor_num": 2},
            "converter": WORDS_AND_NUMBERS,
        },
        updates=(
            ("train", ([[3.5, _datum("two rooms and a view", area=1.5)]],)),
            ("train", ([[-9.0, _datum("no view")], [40.25, _datum("ten rooms", area=2.0)]],)),
            ("train", ([[0.125, _datum("a room", area=0.5)]],)),
            ("train", ([[700, _datum("a castle and a view", area=3.0)], [1.0, _datum("")]],)),
            ("train", ([[float(i), _datum(f"house{i} rooms", area=i / 4)] for i in range(5)],)),
        ),
        analyses=(
            ("estimate", ([_datum("two rooms and a castle", area=1.0), _datum("a view"), _datum("")],)),
        ),
    ),
]
