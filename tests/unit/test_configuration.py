"""Configurations are read as Jubatus reads them, and every problem is named with its place."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma.configuration import (
    AnyValue,
    Array,
    Boolean,
    ConfigurationSyntaxError,
    Float32,
    Int64,
    Integer,
    InvalidParameter,
    MapOf,
    Object,
    PlainConfigurationError,
    String,
    UnsupportedMethod,
    check,
    located,
    read_configuration,
    same_configuration,
    to_bytes,
)
from duma.errors import ConfigurationError


def problems(schema, value, path=""):
    with pytest.raises(ConfigurationError) as caught:
        check(schema, value, path)
    return list(caught.value.messages)


class TestReading:
    def test_the_text_stays_as_it_is(self):
        text = ' {"a" : 1,\n "b": [1.0, null, true]}\n'
        assert read_configuration(text) == (text, {"a": 1, "b": [1.0, None, True]})

    def test_bytes_are_utf8_and_other_bytes_survive(self):
        text, parsed = read_configuration(b'{"key": "\xe5\x90\x8d\xff"}')
        assert to_bytes(parsed["key"]) == b"\xe5\x90\x8d\xff"
        assert to_bytes(text) == b'{"key": "\xe5\x90\x8d\xff"}'

    def test_a_mapping_is_written_as_json(self):
        text, parsed = read_configuration({"method": "PA", "weight": 1.0})
        assert json.loads(text) == parsed == {"method": "PA", "weight": 1.0}
        assert isinstance(parsed["weight"], float)

    @pytest.mark.parametrize("config", [{"a": float("nan")}, {"a": object()}, {"a": float("inf")}])
    def test_a_mapping_that_is_no_json_is_refused(self, config):
        with pytest.raises(ConfigurationError, match="cannot be written as JSON"):
            read_configuration(config)

    def test_what_follows_the_first_value_is_ignored(self):
        assert read_configuration('{"a": 1} and more {')[1] == {"a": 1}

    def test_the_last_of_duplicate_members_wins(self):
        assert read_configuration('{"a": 1, "a": 2}')[1] == {"a": 2}

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("007", 7),
            ("-007", -7),
            (
                '{"a": 00.50, "b": "007", "c": 100, "d": "\\"00"}',
                {"a": 0.5, "b": "007", "c": 100, "d": '"00'},
            ),
            ("000", 0),
            ("1e-05", 1e-05),
            ("[01, 1e02]", [1, 100.0]),
        ],
    )
    def test_leading_zeros_are_allowed(self, text, value):
        assert read_configuration(text)[1] == value

    def test_integers_and_floats_stay_apart(self):
        integer, real = read_configuration("[5, 5.0]")[1]
        assert (type(integer), type(real)) == (int, float)

    @pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775809", "1" * 5000])
    def test_integers_have_64_bits(self, text):
        with pytest.raises(ConfigurationError, match="does not fit 64 bits"):
            read_configuration(text)
        assert read_configuration("[9223372036854775807]")[1] == [2**63 - 1]

    @pytest.mark.parametrize("text", ["NaN", "[Infinity]", "-Infinity", "1e999"])
    def test_only_finite_numbers(self, text):
        with pytest.raises(ConfigurationError):
            read_configuration(text)

    @pytest.mark.parametrize("text", ["", " \n\t"])
    def test_an_empty_text(self, text):
        with pytest.raises(ConfigurationError) as caught:
            read_configuration(text)
        assert str(caught.value) == "json_parser reached end of data"
        assert not isinstance(caught.value, ConfigurationSyntaxError)

    @pytest.mark.parametrize(
        ("text", "line", "column", "said"),
        [
            ("}", 1, 1, "invalid char: '}' (U+007D)"),
            ('{"a": }', 1, 7, "invalid char: '}' (U+007D)"),
            ('{\n  "a": 1,\n}', 3, 1, "'\"' is required but got '}'"),
            ("{a: 1}", 1, 2, "'\"' is required but got 'a'"),
            ('{"a" 1}', 1, 6, "':' is required but got '1'"),
            ('{"a": 1 "b": 2}', 1, 9, "',' is required but got '\"'"),
            ("[1,\n2,]", 2, 3, "invalid char: ']' (U+005D)"),
            ('{"a": 1', 1, 8, "unexpected end of the configuration"),
            ("[あ]", 1, 2, "invalid char: 'あ' (U+3042)"),
        ],
    )
    def test_a_syntax_error_says_where_and_what(self, text, line, column, said):
        with pytest.raises(ConfigurationSyntaxError) as caught:
            read_configuration(text)
        error = caught.value
        assert (error.line, error.column, error.text) == (line, column, said)
        assert str(error) == f"syntax error in configuration: {line}:{column} {said}"

    def test_deep_nesting_is_an_error(self):
        with pytest.raises(ConfigurationSyntaxError, match="nested too deeply"):
            read_configuration("[" * 200_000)

    @given(st.text())
    def test_any_text_is_read_or_refused(self, text):
        with contextlib.suppress(ConfigurationError):
            assert read_configuration(text)[0] == text


class TestComparison:
    @pytest.mark.parametrize(
        ("a", "b", "same"),
        [
            ('{"a": 1, "b": [1, 2]}', ' {"b":[1,2],\n"a":1} ', True),
            ("5", "5.0", False),
            ('{"a": 5}', '{"a": 5.0}', False),
            ("[1, 2]", "[2, 1]", False),
            ("[1]", "[1, 1]", False),
            ("true", "1", False),
            ('{"a": null}', "{}", False),
            ('{"a": {"b": [{}]}}', '{"a": {"b": [{}]}}', True),
        ],
    )
    def test_values_count(self, a, b, same):
        assert same_configuration(a, b) is same
        assert same_configuration(b, a) is same

    def test_an_unreadable_text_is_an_error(self):
        with pytest.raises(ConfigurationError, match="json_parser reached end of data"):
            same_configuration("{}", "")


class TestSchema:
    SCHEMA = Object(
        mandatory={"method": String(), "k": Integer()}, optional={"seed": Int64(), "x": Float32()}
    )

    def test_a_correct_object(self):
        assert check(self.SCHEMA, {"method": "m", "k": 2, "seed": None, "x": 3}) == {
            "method": "m",
            "k": 2,
            "x": 3.0,
        }

    def test_all_problems_are_collected(self):
        value = {"y": 1, "z": 1, "k": "2", "seed": 1.0}
        assert problems(self.SCHEMA, value, ".parameter") == [
            '"y" is not used (.parameter)',
            '"z" is not used (.parameter)',
            '"method" is not found (.parameter)',
            "Integer is expected, but String is given. (.parameter.k)",
            "Integer is expected, but Float is given. (.parameter.seed)",
        ]

    @pytest.mark.parametrize(
        ("schema", "value", "message"),
        [
            (String(), 2, "String is expected, but Integer is given. (.p)"),
            (String(), None, "String is expected, but Null is given. (.p)"),
            (String(), True, "String is expected, but Bool is given. (.p)"),
            (Integer(), 2.0, "Integer is expected, but Float is given. (.p)"),
            (Integer(), True, "Integer is expected, but Bool is given. (.p)"),
            (Int64(), "2", "Integer is expected, but String is given. (.p)"),
            (Float32(), "2", "Float is expected, but String is given. (.p)"),
            (Float32(), False, "Float is expected, but Bool is given. (.p)"),
            (Boolean(), 1, "Bool is expected, but Integer is given. (.p)"),
            (Array(String()), {}, "Array is expected, but Object is given. (.p)"),
            (Array(String()), ["a", 1], "String is expected, but Integer is given. (.p[1])"),
            (MapOf(String()), [], "Object is expected, but Array is given. (.p)"),
            (MapOf(MapOf(String())), {"a": {"b": 1}}, "String is expected, but Integer is given. (.p.a.b)"),
            (Array(Object({"a": String()})), [{}], '"a" is not found (.p[0])'),
        ],
    )
    def test_each_kind_of_value(self, schema, value, message):
        assert problems(schema, value, ".p") == [message]

    def test_something_else_than_an_object_with_members_stands_alone(self):
        schema = Object({"a": String(), "b": Object({"c": String()})})
        with pytest.raises(PlainConfigurationError) as caught:
            check(schema, {"a": 1, "b": [], "z": 1})
        assert str(caught.value) == "Object is expected, but Array is given. (.b)"
        assert caught.value.messages == ("Object is expected, but Array is given. (.b)",)
        assert problems(schema, None) == ["Object is expected, but Null is given. ()"]

    def test_mandatory_members_cannot_be_null(self):
        assert problems(Object({"a": String()}), {"a": None}) == [
            "String is expected, but Null is given. (.a)"
        ]

    @given(st.integers(-(2**63), 2**63 - 1))
    def test_integers_keep_their_lower_32_bits(self, value):
        (expected,) = struct.unpack("<i", (value & 0xFFFFFFFF).to_bytes(4, "little"))
        assert check(Integer(), value) == expected
        assert check(Int64(), value) == value

    def test_floats_have_single_precision(self):
        assert check(Float32(), 0.1) == 0.10000000149011612
        assert check(Float32(), 16777217) == 16777216.0
        assert check(Float32(), 1e39) == float("inf")
        assert check(Float32(), -1e39) == float("-inf")

    def test_any_value_is_given_as_it_is(self):
        value = {"a": [1, {"b": None}]}
        assert check(AnyValue(), value) is value


class TestErrors:
    def test_several_problems(self):
        assert str(ConfigurationError(["one", "two"])) == "invalid configuration: one; two"

    def test_one_problem_with_its_place(self):
        with pytest.raises(PlainConfigurationError) as caught, located(".outer"), located(".inner"):
            raise InvalidParameter("0 < x", "it is -1")
        assert str(caught.value) == "invalid parameter (expected: 0 < x)"
        assert caught.value.messages == ("invalid parameter (expected: 0 < x): it is -1 (.inner)",)

    def test_an_unknown_method(self):
        assert str(UnsupportedMethod("classifier(x)")) == "unsupported method (classifier(x))"
