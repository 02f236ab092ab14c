"""The classifier's configuration: what is accepted, and every problem in the order in which it is found."""

import pytest

from duma import _core
from duma.engines.classifier_configuration import read_classifier_configuration
from duma.engines.unlearner_configuration import LruUnlearner, RandomUnlearner, read_unlearner
from duma.errors import ConfigurationError

PATH = ".parameter.unlearner_parameter"


def error(configuration):
    with pytest.raises(ConfigurationError) as caught:
        read_classifier_configuration(configuration)
    return caught.value


def messages(configuration):
    return list(error(configuration).messages)


def configured(method, **parameter):
    return {"method": method, "converter": {}, "parameter": parameter}


class TestMethods:
    @pytest.mark.parametrize(
        ("method", "canonical"),
        [
            ("PA1", "PA1"),
            ("passive_aggressive_1", "PA1"),
            ("PA2", "PA2"),
            ("passive_aggressive_2", "PA2"),
            ("CW", "CW"),
            ("confidence_weighted", "CW"),
            ("AROW", "AROW"),
            ("arow", "AROW"),
            ("NHERD", "NHERD"),
            ("normal_herd", "NHERD"),
        ],
    )
    def test_regularized_methods(self, method, canonical):
        settings = read_classifier_configuration(configured(method, regularization_weight=0.1))
        assert settings.method == canonical
        assert settings.regularization_weight == 0.10000000149011612
        assert settings.unlearner is None
        assert settings.converter == {}
        without = {"method": method, "converter": {}}
        assert messages(without) == ["parameter block is not specified in config"]
        assert messages({**without, "parameter": None}) == ["parameter block is not specified in config"]
        assert str(error(without)) == "invalid configuration: parameter block is not specified in config"
        assert messages({**without, "parameter": {}}) == ['"regularization_weight" is not found (.parameter)']

    @pytest.mark.parametrize(
        ("method", "canonical"),
        [("perceptron", "perceptron"), ("PA", "PA"), ("passive_aggressive", "PA")],
    )
    @pytest.mark.parametrize("parameter", [{}, {"parameter": None}, {"parameter": {}}])
    def test_methods_without_parameters(self, method, canonical, parameter):
        settings = read_classifier_configuration({"method": method, "converter": {}, **parameter})
        assert settings.method == canonical

    def test_perceptron_has_no_weight(self):
        assert messages(configured("perceptron", regularization_weight=1.0)) == [
            '"regularization_weight" is not used (.parameter)'
        ]

    @pytest.mark.parametrize("method", ["Arow", "perceptrons", "", "pa"])
    def test_unknown_methods(self, method):
        assert str(error(configured(method))) == f"unsupported method (classifier({method}))"


class TestValues:
    @pytest.mark.parametrize("weight", [0, 0.0, -1, -1e-50])
    def test_the_weight_must_be_positive(self, weight):
        found = error(configured("AROW", regularization_weight=weight))
        assert str(found) == "invalid parameter (expected: 0.0 < regularization_weight)"

    def test_integers_are_floats(self):
        settings = read_classifier_configuration(configured("CW", regularization_weight=2))
        assert settings.regularization_weight == 2.0
        assert isinstance(settings.regularization_weight, float)

    def test_problems_of_the_schema(self):
        assert messages({"method": 1, "bogus": {}, "converter": {"x": 1}}) == [
            '"bogus" is not used ()',
            "String is expected, but Integer is given. (.method)",
            '"x" is not used (.converter)',
        ]
        assert messages({}) == ['"method" is not found ()', '"converter" is not found ()']
        assert messages([]) == ["Object is expected, but Array is given. ()"]
        assert messages({"method": "PA", "converter": None}) == [
            "Object is expected, but Null is given. (.converter)"
        ]
        assert messages({"method": "PA", "converter": {}, "parameter": 1}) == [
            "Object is expected, but Integer is given. (.parameter)"
        ]
        assert messages(configured("PA1", regularization_weight="1", x=1)) == [
            '"x" is not used (.parameter)',
            "Float is expected, but String is given. (.parameter.regularization_weight)",
        ]


class TestUnlearner:
    def test_lru(self):
        parameter = {"unlearner": "lru", "unlearner_parameter": {"max_size": 2, "sticky_pattern": "A*"}}
        settings = read_classifier_configuration(configured("PA", **parameter))
        assert isinstance(settings.unlearner, LruUnlearner)
        assert settings.unlearner.max_size == 2
        assert settings.unlearner.sticky is not None
        assert settings.unlearner.sticky.matches(b"Abc")
        assert isinstance(settings.unlearner.build(), _core.Unlearner)

    def test_random(self):
        parameter = {"unlearner": "random", "unlearner_parameter": {"max_size": 3, "seed": 4294967295}}
        settings = read_classifier_configuration(configured("perceptron", **parameter))
        assert settings.unlearner == RandomUnlearner(3, 4294967295)
        assert isinstance(settings.unlearner.build(), _core.Unlearner)

    def test_without_what_is_optional(self):
        for kind, expected in (("lru", LruUnlearner(1)), ("random", RandomUnlearner(1))):
            parameter = {"unlearner": kind, "unlearner_parameter": {"max_size": 1}}
            found = read_unlearner(parameter, ".parameter")
            assert found == expected
            assert isinstance(found.build(), _core.Unlearner)

    def test_parameters_alone_are_ignored(self):
        assert read_classifier_configuration(configured("PA", unlearner_parameter=5)).unlearner is None

    @pytest.mark.parametrize(
        ("parameter", "text"),
        [
            (
                {"unlearner": "lru"},
                "invalid configuration: Unlearner is set but unlearner_parameter is not found (.parameter)",
            ),
            (
                {"unlearner": "lru", "unlearner_parameter": None},
                "invalid configuration: Unlearner is set but unlearner_parameter is not found (.parameter)",
            ),
            (
                {"unlearner": "fifo", "unlearner_parameter": {}},
                "unsupported method (unlearner(fifo))",
            ),
            (
                {"unlearner": "lru", "unlearner_parameter": []},
                f"Object is expected, but Array is given. ({PATH})",
            ),
            (
                {"unlearner": "lru", "unlearner_parameter": {"seed": 1}},
                f'invalid configuration: "seed" is not used ({PATH}); "max_size" is not found ({PATH})',
            ),
            (
                {"unlearner": "random", "unlearner_parameter": {"max_size": 1, "sticky_pattern": ""}},
                f'invalid configuration: "sticky_pattern" is not used ({PATH})',
            ),
            (
                {"unlearner": "lru", "unlearner_parameter": {"max_size": 0}},
                f"invalid configuration: max_size must be a positive integer ({PATH}.max_size)",
            ),
            (
                {"unlearner": "random", "unlearner_parameter": {"max_size": -1, "seed": -1}},
                f"invalid configuration: max_size must be a positive integer ({PATH}.max_size)",
            ),
            (
                {"unlearner": "random", "unlearner_parameter": {"max_size": 1, "seed": -1}},
                f"invalid configuration: unlearner seed must be within unsigned 32 bit integer ({PATH}.seed)",
            ),
            (
                {"unlearner": "random", "unlearner_parameter": {"max_size": 1, "seed": 4294967296}},
                f"invalid configuration: unlearner seed must be within unsigned 32 bit integer ({PATH}.seed)",
            ),
            (
                {"unlearner": "lru", "unlearner_parameter": {"max_size": 1, "sticky_pattern": "/(/"}},
                "invalid regular expression: (",
            ),
        ],
    )
    def test_problems(self, parameter, text):
        assert str(error(configured("PA", **parameter))) == text

    def test_the_unlearner_is_looked_at_before_the_weight(self):
        parameter = {"unlearner": "lru", "unlearner_parameter": {"max_size": 0}, "regularization_weight": 0}
        assert "max_size" in str(error(configured("AROW", **parameter)))
