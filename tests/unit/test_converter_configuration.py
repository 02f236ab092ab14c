"""Every problem that a converter's configuration can have, and that the correct ones are built."""

import msgpack
import pytest

from duma import _core
from duma.configuration import InvalidParameter, check
from duma.convert import CONVERTER, ConverterError, build_converter, build_matcher
from duma.convert.numbers import float_prefix, int_prefix
from duma.errors import ConfigurationError


def error(section):
    with pytest.raises(ConfigurationError) as caught:
        build_converter(check(CONVERTER, section, ".converter"))
    return caught.value


def features(section, strings=(), nums=()):
    extractor = _core.FeatureExtractor(build_converter(check(CONVERTER, section, ".converter")))
    datum = msgpack.packb([list(strings), list(nums), []], use_bin_type=False)
    return [(key.decode(), value) for key, value in extractor.convert(datum)]


STRING_RULE = {"key": "*", "type": "str", "sample_weight": "bin", "global_weight": "bin"}


class TestSchema:
    def test_the_empty_section(self):
        assert features({}, [("a", "b")], [("c", 1.0)]) == []

    def test_null_is_absence(self):
        section = dict.fromkeys(CONVERTER.optional)
        section["num_rules"] = [{"key": "*", "type": "num", "except": None}]
        assert features(section, nums=[("c", 2.0)]) == [("c@num", 2.0)]

    def test_parameters_are_texts(self):
        section = {"string_types": {"bigram": {"method": "ngram", "char_num": 2}}}
        assert error(section).messages == (
            "String is expected, but Integer is given. (.converter.string_types.bigram.char_num)",
        )

    def test_problems_of_all_places_together(self):
        section = {
            "string_rules": [{"key": "*", "type": "str"}],
            "num_rules": [{"key": "*", "type": "num", "sample_weight": "bin"}],
            "string_filter_rules": [{"key": "*", "type": "x", "suffix": 1}],
            "combination_rules": [{"key_left": "*", "type": "mul", "except": ""}],
            "hash_max_size": "100",
            "bogus": 1,
        }
        assert set(error(section).messages) == {
            '"bogus" is not used (.converter)',
            '"sample_weight" is not found (.converter.string_rules[0])',
            '"global_weight" is not found (.converter.string_rules[0])',
            '"sample_weight" is not used (.converter.num_rules[0])',
            "String is expected, but Integer is given. (.converter.string_filter_rules[0].suffix)",
            '"except" is not used (.converter.combination_rules[0])',
            '"key_right" is not found (.converter.combination_rules[0])',
            "Integer is expected, but String is given. (.converter.hash_max_size)",
        }

    def test_a_rule_that_is_no_object(self):
        assert str(error({"num_rules": [{}, "x"], "bogus": 1})) == (
            "Object is expected, but String is given. (.converter.num_rules[1])"
        )

    def test_types_that_are_no_object(self):
        assert error({"num_types": []}).messages == (
            "Object is expected, but Array is given. (.converter.num_types)",
        )


# Section and definition of a type, and what is wrong with it.
TYPE_ERRORS = [
    ("string_types", {}, "parameter: [method] must be defined"),
    ("string_types", {"method": "x"}, "unknown splitter name: x"),
    ("string_types", {"method": "str"}, "unknown splitter name: str"),
    ("string_types", {"method": "ngram"}, '"char_num" is not specified in parameters'),
    ("string_types", {"method": "ngram", "char_num": "x"}, '"char_num" must be an integer value: x'),
    ("string_types", {"method": "ngram", "char_num": ""}, '"char_num" must be an integer value: '),
    (
        "string_types",
        {"method": "ngram", "char_num": "2147483648"},
        '"char_num" must be an integer value: 2147483648',
    ),
    ("string_types", {"method": "ngram", "char_num": "0"}, "char_num must be positive integer: 0"),
    ("string_types", {"method": "ngram", "char_num": "-3.5"}, "char_num must be positive integer: -3"),
    ("string_types", {"method": "split"}, "not found: separators"),
    ("string_types", {"method": "regexp"}, "not found: pattern"),
    ("string_types", {"method": "regexp", "pattern": "a", "group": "x"}, "is not integer: group = x"),
    ("string_types", {"method": "regexp", "pattern": "(", "group": "-1"}, "'group' must be positive: -1"),
    ("string_types", {"method": "regexp", "pattern": "(", "group": "1"}, "invalid regular expression: ("),
    (
        "string_types",
        {"method": "regexp", "pattern": "(a)", "group": "2"},
        "regexp '(a)' only contains 1 groups, but 'group' is 2",
    ),
    ("string_types", {"method": "dynamic"}, '"path" is not specified in parameters'),
    ("string_types", {"method": "dynamic", "path": "x.so"}, '"function" is not specified in parameters'),
    ("string_filter_types", {}, "parameter: [method] must be defined"),
    ("string_filter_types", {"method": "x"}, "unknown filter name: x"),
    ("string_filter_types", {"method": "regexp"}, '"pattern" is not specified in parameters'),
    (
        "string_filter_types",
        {"method": "regexp", "pattern": "a"},
        '"replace" is not specified in parameters',
    ),
    (
        "string_filter_types",
        {"method": "regexp", "pattern": "[", "replace": ""},
        "invalid regular expression: [",
    ),
    (
        "string_filter_types",
        {"method": "regexp", "pattern": "a", "replace": "\\"},
        "invalid replacement expression. 0-9 or \\ are required after \\",
    ),
    (
        "string_filter_types",
        {"method": "regexp", "pattern": "a", "replace": "x\\n"},
        "invalid replacement expression. 0-9 or \\ are required after \\",
    ),
    (
        "string_filter_types",
        {"method": "regexp", "pattern": "(a)", "replace": "\\2"},
        "invalid number of capture group",
    ),
    ("num_filter_types", {}, "parameter: [method] must be defined"),
    ("num_filter_types", {"method": "x"}, "unknown num filter name: x"),
    ("num_filter_types", {"method": "add"}, '"value" is not specified in parameters'),
    ("num_filter_types", {"method": "add", "value": "x"}, "std::bad_cast"),
    ("num_filter_types", {"method": "add", "value": "inf"}, "std::bad_cast"),
    ("num_filter_types", {"method": "add", "value": "1e999"}, "std::bad_cast"),
    (
        "num_filter_types",
        {"method": "linear_normalization", "max": "1"},
        '"min" is not specified in parameters',
    ),
    (
        "num_filter_types",
        {"method": "linear_normalization", "min": "1"},
        '"max" is not specified in parameters',
    ),
    (
        "num_filter_types",
        {"method": "linear_normalization", "min": "1", "max": "1"},
        "invalid parameter (expected: maximum must be bigger than minimum)",
    ),
    (
        "num_filter_types",
        {"method": "gaussian_normalization"},
        '"average" is not specified in parameters',
    ),
    (
        "num_filter_types",
        {"method": "gaussian_normalization", "average": "0"},
        '"standard_deviation" is not specified in parameters',
    ),
    (
        "num_filter_types",
        {"method": "gaussian_normalization", "average": "0", "standard_deviation": "-1"},
        "invalid parameter (expected: standard deviation must be non-negative)",
    ),
    (
        "num_filter_types",
        {"method": "sigmoid_normalization", "gain": "0"},
        "invalid parameter (expected: gain must not be zero)",
    ),
    ("num_types", {}, "parameter: [method] must be defined"),
    ("num_types", {"method": "num"}, "unknown num feature name: num"),
    ("binary_types", {}, "parameter: [method] must be defined"),
    ("binary_types", {"method": "x"}, "unknown binary feature name: x"),
    ("combination_types", {}, "parameter: [method] must be defined"),
    ("combination_types", {"method": "add"}, "unknown combination feature name: add"),
]


class TestTypes:
    @pytest.mark.parametrize(("section", "definition", "text"), TYPE_ERRORS)
    def test_each_problem(self, section, definition, text):
        found = error({section: {"name": definition}})
        assert str(found) == text
        assert found.messages[0].startswith(text)
        assert found.messages[0].endswith(f"(.converter.{section}.name)")

    def test_kinds_of_errors(self):
        assert isinstance(error({"num_types": {"n": {}}}), ConverterError)
        gain = {"method": "sigmoid_normalization", "gain": "0"}
        assert isinstance(error({"num_filter_types": {"n": gain}}), InvalidParameter)

    def test_types_are_built_in_the_order_of_their_names(self):
        section = {"num_types": {"b": {"method": "x"}, "a": {"method": "y"}}}
        assert str(error(section)) == "unknown num feature name: y"

    def test_kinds_of_types_are_built_in_a_fixed_order(self):
        section = {
            "combination_types": {"n": {"method": "1"}},
            "binary_types": {"n": {"method": "2"}},
            "num_types": {"n": {"method": "3"}},
            "string_types": {"n": {"method": "4"}},
            "num_filter_types": {"n": {"method": "5"}},
            "string_filter_types": {"n": {"method": "6"}},
            "hash_max_size": 0,
        }
        texts = []
        for name in reversed(section):
            texts.append(str(error(section)))
            section[name] = None
        assert texts == [
            "hash_max_size must be positive, but is 0",
            "unknown filter name: 6",
            "unknown num filter name: 5",
            "unknown splitter name: 4",
            "unknown num feature name: 3",
            "unknown binary feature name: 2",
            "unknown combination feature name: 1",
        ]

    def test_hash_max_size_must_be_positive(self):
        assert str(error({"hash_max_size": -5})) == "hash_max_size must be positive, but is -5"

    def test_unknown_parameters_are_accepted(self):
        section = {
            "string_types": {"bigram": {"method": "ngram", "char_num": "2.7", "else": "x"}},
            "string_rules": [{**STRING_RULE, "type": "bigram"}],
        }
        assert features(section, [("k", "日本語")]) == [
            ("k$日本@bigram#bin/bin", 1.0),
            ("k$本語@bigram#bin/bin", 1.0),
        ]

    def test_a_predefined_type_can_be_replaced(self):
        section = {
            "string_types": {"str": {"method": "split", "separators": ","}},
            "string_rules": [STRING_RULE],
        }
        assert features(section, [("k", "a,b")]) == [("k$a@str#bin/bin", 1.0), ("k$b@str#bin/bin", 1.0)]


class TestNumFilters:
    @pytest.mark.parametrize(
        ("definition", "value", "expected"),
        [
            ({"method": "add", "value": " 3.5x"}, 1.0, 4.5),
            ({"method": "add", "value": "0x10"}, 1.0, 1.0),
            ({"method": "linear_normalization", "min": "10", "max": "20"}, 25.0, 1.0),
            ({"method": "linear_normalization", "min": "10", "max": "20"}, 15.0, 0.5),
            ({"method": "linear_normalization", "min": "10", "max": "20", "truncate": "True"}, 25.0, 1.0),
            ({"method": "linear_normalization", "min": "10", "max": "20", "truncate": "true"}, 25.0, 1.5),
            ({"method": "linear_normalization", "min": "10", "max": "20", "truncate": "False"}, 5.0, -0.5),
            ({"method": "gaussian_normalization", "average": "1", "standard_deviation": "2"}, 5.0, 2.0),
            (
                {"method": "gaussian_normalization", "average": "1", "standard_deviation": "0"},
                5.0,
                float("inf"),
            ),
            ({"method": "sigmoid_normalization"}, 0.0, 0.5),
            ({"method": "sigmoid_normalization", "gain": "2", "bias": "5"}, 5.0, 0.5),
        ],
    )
    def test_each_method(self, definition, value, expected):
        section = {
            "num_filter_types": {"f": definition},
            "num_filter_rules": [{"key": "*", "type": "f", "suffix": "_f"}],
            "num_rules": [{"key": "*_f", "type": "num"}],
        }
        assert features(section, nums=[("x", value)]) == [("x_f@num", expected)]


RULES = {
    "string_filter_rules": {"key": "*", "type": "?", "suffix": "_"},
    "num_filter_rules": {"key": "*", "type": "?", "suffix": "_"},
    "string_rules": {**STRING_RULE, "type": "?"},
    "num_rules": {"key": "*", "type": "?"},
    "binary_rules": {"key": "*", "type": "?"},
    "combination_rules": {"key_left": "*", "key_right": "*", "type": "?"},
}


class TestRules:
    @pytest.mark.parametrize("section", RULES)
    def test_unknown_types(self, section):
        found = error({section: [RULES[section]]})
        assert str(found) == f"unknown type: [?] in {section}"
        assert found.messages == (f"unknown type: [?] in {section} (.converter.{section}[0])",)

    @pytest.mark.parametrize("section", RULES)
    def test_what_is_reported_first(self, section):
        """Filter rules look for their type first, the others for their keys."""
        rule = {name: "/(/" if name.startswith("key") else value for name, value in RULES[section].items()}
        expected = (
            f"unknown type: [?] in {section}"
            if section.endswith("filter_rules")
            else "invalid regular expression: ("
        )
        assert str(error({section: [rule]})) == expected

    @pytest.mark.parametrize("section", [name for name in RULES if name != "binary_rules"])
    def test_exceptions_are_matchers(self, section):
        name = "except_right" if section == "combination_rules" else "except"
        types = {
            "string_filter_types": {"?": {"method": "regexp", "pattern": "a", "replace": ""}},
            "num_filter_types": {"?": {"method": "add", "value": "1"}},
            "string_types": {"?": {"method": "split", "separators": ""}},
        }
        rule = {**RULES[section], name: "/[/"}
        assert str(error({**types, section: [rule]})) == "invalid regular expression: ["

    def test_a_binary_rule_ignores_its_exception(self):
        rule = {**RULES["binary_rules"], "except": "/[/"}
        assert str(error({"binary_rules": [rule]})) == "unknown type: [?] in binary_rules"

    def test_the_first_rule_with_a_problem_counts(self):
        section = {
            "num_rules": [{"key": "*", "type": "num"}, {"key": "*", "type": "a"}, {"key": "*", "type": "b"}]
        }
        assert str(error(section)) == "unknown type: [a] in num_rules"

    def test_weights(self):
        rule = {**STRING_RULE, "sample_weight": "x", "global_weight": "y"}
        assert str(error({"string_rules": [rule]})) == "unknown sample_weight: [x] in string_rules"
        rule["sample_weight"] = "log_tf"
        assert str(error({"string_rules": [rule]})) == "unknown global_weight: [y] in string_rules"
        rule["type"] = "?"
        assert str(error({"string_rules": [rule]})) == "unknown type: [?] in string_rules"

    @pytest.mark.parametrize("sample", ["bin", "tf", "log_tf"])
    @pytest.mark.parametrize("weight", ["bin", "idf", "idf1", "bm25", "weight"])
    def test_known_weights(self, sample, weight):
        build_converter({"string_rules": [{**STRING_RULE, "sample_weight": sample, "global_weight": weight}]})

    def test_an_empty_exception_excludes_everything(self):
        section = {"num_rules": [{"key": "*", "type": "num", "except": ""}]}
        assert features(section, nums=[("x", 1.0)]) == []


# Pattern, keys that match, keys that do not.
MATCHERS = [
    ("", ["", "abc", "あ"], []),
    ("*", ["", "abc"], []),
    ("*abc", ["abc", "xabc"], ["abcx", "ab", ""]),
    ("**", ["*", "x*"], ["", "x"]),
    ("*abc*", ["abc*", "xabc*"], ["abc", "xabcx"]),
    ("abc*", ["abc", "abcd"], ["xabc", "ab"]),
    ("/abc*", ["/abc", "/abcd"], ["abc", "ab"]),
    ("/abc/", ["abc", "abcdef"], ["xabc", "/abc/"]),
    ("//", ["", "abc", "あ"], []),
    ("/あ+$/", ["あ", "ああ"], ["あい", "xあ"]),
    ("/", ["/"], ["", "//"]),
    ("abc", ["abc"], ["abcd", "xabc", ""]),
    ("あ", ["あ"], ["い"]),
    ("/abc", ["/abc"], ["abc"]),
]


class TestMatchers:
    @pytest.mark.parametrize(("pattern", "matching", "other"), MATCHERS)
    def test_each_kind(self, pattern, matching, other):
        matcher = build_matcher(pattern)
        assert [key for key in matching + other if matcher.matches(key.encode())] == matching

    def test_bytes_that_are_no_text(self):
        assert build_matcher("/.b/").matches(b"\xffb")
        assert build_matcher("*b").matches(b"\xffb")


class TestNumberTexts:
    @pytest.mark.parametrize(
        ("text", "real", "integer"),
        [
            ("1abc", 1.0, 1),
            ("0x10", 0.0, 0),
            ("+5", 5.0, 5),
            (".5", 0.5, None),
            ("5.", 5.0, 5),
            ("2.7", 2.7, 2),
            (" \t\n\v\f\r7", 7.0, 7),
            ("1.2.3", 1.2, 1),
            ("1e5x", 1e5, 1),
            ("1.e3", 1000.0, 1),
            ("1e", None, 1),
            ("1e+", None, 1),
            ("-", None, None),
            ("", None, None),
            ("inf", None, None),
            ("nan", None, None),
            ("--1", None, None),
            (".e3", None, None),
            ("1e999", None, 1),
            ("1e-999", 0.0, 1),
            ("2147483647", 2147483647.0, 2147483647),
            ("2147483648", 2147483648.0, None),
            ("-2147483648", -2147483648.0, -2147483648),
            ("1" * 5000, None, None),
        ],
    )
    def test_the_longest_prefix_counts(self, text, real, integer):
        assert (float_prefix(text), int_prefix(text)) == (real, integer)
