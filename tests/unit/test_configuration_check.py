"""All problems of a configuration: none exactly if the engine accepts it, otherwise every one with its place."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.configuration import read_configuration
from duma.engines.configuration_check import configuration_problems, misfits
from duma.engines.registry import ENGINES, engine_class
from duma.errors import ConfigurationError

EVERY_ENGINE = pytest.mark.parametrize("engine", ENGINES)


def problems(engine: str, configuration: Any) -> list[tuple[str, str]]:
    """Text and place of each."""
    text, _ = read_configuration(configuration)
    return [(str(problem), problem.path) for problem in configuration_problems(engine, text)]


@EVERY_ENGINE
def test_the_default_has_none(engine: str) -> None:
    text, _ = read_configuration(DEFAULT_CONFIGURATIONS[engine])
    assert configuration_problems(engine, text) == []
    fitting = {name for name, misfit in misfits(text).items() if misfit == (0, 0)}
    # lsh with hash_num is a method of two engines.
    assert fitting == ({"nearest_neighbor", "recommender"} if engine == "nearest_neighbor" else {engine})


def test_problems_of_every_level_are_found_together() -> None:
    configuration = {
        "method": "AROW",
        "parameter": {
            "regularization_weight": -1,
            "unlearner": "lru",
            "unlearner_parameter": {"max_size": 0, "sticky": "x"},
        },
        "converter": {
            "string_types": {"bigram": {"method": "ngram", "char_num": "two"}, "words": {"method": "word"}},
            "string_rules": [
                {"key": "*", "type": "bigram", "sample_weight": "tf", "global_weight": "bin"},
                {"key": "*", "type": "trigram", "sample_weight": "tf", "global_weight": "bin"},
                {"key": "*", "type": "str", "sample_weight": "df", "global_weight": "bin"},
            ],
            "num_rules": [{"key": "/(/", "type": "num"}],
            "hash_max_size": 0,
        },
    }
    found = dict(map(reversed, problems("classifier", configuration)))
    assert list(found) == [
        ".parameter.regularization_weight",
        ".parameter.unlearner_parameter.sticky",
        ".parameter.unlearner_parameter.max_size",
        ".converter.hash_max_size",
        ".converter.string_types.bigram",
        ".converter.string_types.words",
        ".converter.string_rules[1]",
        ".converter.string_rules[2]",
        ".converter.num_rules[0]",
    ]
    assert found[".parameter.regularization_weight"].startswith(
        "invalid parameter (expected: 0.0 < regularization_weight): it is -1"
    )
    assert found[".converter.string_rules[1]"].startswith("unknown type: [trigram] in string_rules")


def test_wrong_types_do_not_hide_each_other() -> None:
    configuration = {
        "method": 1,
        "parameter": [],
        "converter": {"string_rules": ["x", {"key": 1}], "num_rules": {}, "num_type": {}},
    }
    assert [path for _, path in problems("regression", configuration)] == [
        ".method",
        ".converter.num_type",
        ".converter.string_rules[0]",
        ".converter.string_rules[1].key",
        ".converter.string_rules[1].type",
        ".converter.string_rules[1].sample_weight",
        ".converter.string_rules[1].global_weight",
        ".converter.num_rules",
    ]


@pytest.mark.parametrize(
    ("engine", "change", "text", "path", "advice"),
    [
        ("classifier", {"method": "ARROW"}, "unsupported method", ".method", "choose one of perceptron, PA,"),
        (
            "classifier",
            {"method": "PA"},
            '"regularization_weight" is not used',
            ".parameter.regularization_weight",
            "",
        ),
        (
            "classifier",
            {"parameter": None},
            "parameter block is not specified",
            ".parameter",
            '"regularization_weight"',
        ),
        ("regression", {"parameter": None}, "Object is expected", ".parameter", '"sensitivity"'),
        ("classifier", {"methods": "PA"}, '"methods" is not used', ".methods", 'is it "method"?'),
        (
            "weight",
            {"converter": {"num_rule": []}},
            '"num_rule" is not used',
            ".converter.num_rule",
            '"num_rules"?',
        ),
        ("weight", {"converter": 5}, "Object is expected", ".converter", "write an object here"),
    ],
)
def test_a_problem_has_its_place_and_advice(
    engine: str, change: dict[str, Any], text: str, path: str, advice: str
) -> None:
    written, _ = read_configuration({**DEFAULT_CONFIGURATIONS[engine], **change})
    found = [p for p in configuration_problems(engine, written) if p.path == path]
    assert len(found) == 1
    assert text in found[0]
    assert advice in found[0].advice


@pytest.mark.parametrize("text", ["", "{", "[1,", '{"method": 99999999999999999999}', "[]", "5"])
@EVERY_ENGINE
def test_what_is_no_configuration_at_all(engine: str, text: str) -> None:
    assert configuration_problems(engine, text)


def test_a_configuration_of_another_engine_is_accepted_by_weight_but_is_not_its() -> None:
    text, _ = read_configuration(DEFAULT_CONFIGURATIONS["classifier"])
    assert configuration_problems("weight", text) == []
    assert misfits(text)["weight"] == (2, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.just(1.5) | st.sampled_from(["", "PA", "x", "lru"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "method"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indices."""
    if isinstance(value, dict):
        return [(value, key) for key in value] + [place for item in value.values() for place in places(item)]
    if isinstance(value, list):
        return [(value, i) for i in range(len(value))] + [place for item in value for place in places(item)]
    return []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(ENGINES)), st.data())
def test_problems_are_found_exactly_if_the_engine_refuses(engine: str, data: st.DataObject) -> None:
    configuration = copy.deepcopy(DEFAULT_CONFIGURATIONS[engine])
    for _ in range(data.draw(st.integers(1, 3))):
        if not (found := places(configuration)):
            break
        container, key = data.draw(st.sampled_from(found))
        if data.draw(st.booleans()):
            container[key] = data.draw(JSON)
        else:
            del container[key]
    text, _ = read_configuration(configuration)
    try:
        engine_class(engine)(text)
        accepted = True
    except ConfigurationError:
        accepted = False
    assert (configuration_problems(engine, text) == []) is accepted
    form = engine_class(engine).configuration_form
    if accepted and form is not None:
        assert form.problems(configuration) == []
