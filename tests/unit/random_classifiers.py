"""Random classifier configurations, records and calls, small enough that keys, words and labels meet again."""

from typing import Any

from hypothesis import strategies as st

from duma.engines.classifier import LabeledDatum
from duma.engines.datum import Datum

METHODS = ("perceptron", "PA", "PA1", "PA2", "CW", "AROW", "NHERD")
# "\udcff" is a byte that is no UTF-8; a key with "$" is refused by conversion.
KEYS = st.sampled_from(["a", "b", "ab", "title", "ключ", "", "名前", "\udcff", "a/idf", "a@b"] * 3 + ["a$"])
LABELS = st.sampled_from(["x", "y", "z", "étiquette", "", "標\0", "\udc80"])
PATTERNS = st.sampled_from(["*", "", "a*", "*b", "title", "/[a-z]+/", "ключ", "/.?b$/"])
WORDS = st.sampled_from(
    ["sea", "deep", "Sea", "東京", "é", "12", "a,b", "\0", "\udce3", "&", "$", "x@y/idf", "😀"]
)
NUMBERS = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, 0.1, 1e-320, 1e308, -1e308, 3.0, float("inf"), float("-inf"), float("nan")]
)


@st.composite
def rules(draw: st.DrawFn, types: list[str], **more: Any) -> list[dict[str, str]]:
    """Up to three rules of these types; `more` are further members."""
    made = []
    for type_ in draw(st.lists(st.sampled_from(types), max_size=3)):
        rule = {"key": draw(PATTERNS), "type": type_}
        if draw(st.integers(0, 4)) == 0:
            rule["except"] = draw(PATTERNS)
        made.append(rule | {name: draw(values) for name, values in more.items()})
    return made


STRING_TYPES = {
    "bigram": {"method": "ngram", "char_num": "2"},
    "letter": {"method": "ngram", "char_num": "1"},
    "comma": {"method": "split", "separators": ", 京"},
    "word": {"method": "regexp", "pattern": "([a-z]+)([0-9]*)", "group": "1"},
}
STRING_FILTERS = {
    "lower": {"method": "regexp", "pattern": "S", "replace": "s"},
    "cut": {"method": "regexp", "pattern": "[0-9]+", "replace": ""},
}
NUM_FILTERS = {
    "plus": {"method": "add", "value": "3.5"},
    "unit": {"method": "linear_normalization", "min": "-1", "max": "3"},
    "normal": {"method": "gaussian_normalization", "average": "1", "standard_deviation": "2.5"},
    "squash": {"method": "sigmoid_normalization", "gain": "0.5", "bias": "1"},
}


@st.composite
def converters(draw: st.DrawFn) -> dict[str, Any]:
    """A converter section with every kind of rule."""
    section: dict[str, Any] = {
        "string_filter_types": STRING_FILTERS,
        "string_filter_rules": draw(rules(list(STRING_FILTERS), suffix=st.sampled_from(["-f", "b"]))),
        "num_filter_types": NUM_FILTERS,
        "num_filter_rules": draw(rules(list(NUM_FILTERS), suffix=st.sampled_from(["+n", ""]))),
        "string_types": STRING_TYPES,
        "string_rules": draw(
            rules(
                ["str", "space", *STRING_TYPES],
                sample_weight=st.sampled_from(["bin", "tf", "log_tf"]),
                global_weight=st.sampled_from(["bin", "idf", "idf1", "bm25"]),
            )
        ),
        "num_rules": draw(rules(["num", "log", "str"])),
    }
    if draw(st.booleans()):
        sides = {"key_left": PATTERNS, "key_right": PATTERNS, "type": st.sampled_from(["add", "mul"])}
        section["combination_rules"] = draw(st.lists(st.fixed_dictionaries(sides), max_size=2))
    if draw(st.integers(0, 3)) == 0:
        section["hash_max_size"] = draw(st.sampled_from([1, 5, 1000]))
    return section


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A whole classifier configuration."""
    parameter: dict[str, Any] = {"regularization_weight": draw(st.sampled_from([0.125, 1.0, 3.7]))}
    unlearner = draw(st.sampled_from([None, None, "lru", "random"]))
    if unlearner:
        settings: dict[str, Any] = {"max_size": draw(st.integers(1, 4))}
        if unlearner == "random":
            settings["seed"] = draw(st.integers(0, 2**32 - 1))
        elif draw(st.booleans()):
            settings["sticky_pattern"] = draw(st.sampled_from(["x", "/[xy]/", "*"]))
        parameter |= {"unlearner": unlearner, "unlearner_parameter": settings}
    method = draw(st.sampled_from(METHODS))
    if method in ("perceptron", "PA"):
        del parameter["regularization_weight"]
    return {"method": method, "parameter": parameter, "converter": draw(converters())}


@st.composite
def datums(draw: st.DrawFn) -> Datum:
    """A record, perhaps empty, with keys that may repeat."""
    datum = Datum()
    for key in draw(st.lists(KEYS, max_size=3)):
        datum.add_string(key, " ".join(draw(st.lists(WORDS, max_size=4))))
    for key in draw(st.lists(KEYS, max_size=3)):
        datum.add_number(key, draw(NUMBERS | st.floats()))
    if draw(st.integers(0, 9)) == 0:
        datum.add_binary(draw(KEYS), draw(st.binary(max_size=3)))
    return datum


def crowd(record: Datum) -> list[LabeledDatum]:
    """So many labels that not all have their weights side by side."""
    return [LabeledDatum(f"label{i}", record) for i in range(20)]


Call = tuple[str, tuple[Any, ...]]

RECORDS = st.lists(st.builds(LabeledDatum, LABELS, datums()), max_size=4)
CALLS: st.SearchStrategy[Call] = st.one_of(
    st.tuples(st.just("train"), st.tuples(RECORDS)),
    st.tuples(st.just("train"), st.tuples(RECORDS)),
    st.tuples(st.just("train"), st.tuples(RECORDS | datums().map(crowd))),
    st.tuples(st.just("classify"), st.tuples(st.lists(datums(), max_size=3))),
    st.tuples(st.sampled_from(["set_label", "delete_label"]), st.tuples(LABELS)),
    st.tuples(st.sampled_from(["get_labels", "save", "save"]), st.just(())),
    st.tuples(st.sampled_from(["get_labels", "clear"]), st.just(())),
)
