"""From the `converter` section of a configuration to the core's converter.

Types are built first, each kind in the order of their names, then rules in their order: the first problem
that Jubatus would report is the one reported here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from duma import _core
from duma.configuration import PlainConfigurationError, check, located, to_bytes
from duma.convert.errors import ConverterError
from duma.convert.extractors import (
    build_binary_extractor,
    build_combiner,
    build_num_extractor,
    build_string_extractor,
)
from duma.convert.filters import build_num_filter, build_string_filter
from duma.convert.matchers import build_matcher
from duma.convert.parameters import Parameters
from duma.convert.schema import CONVERTER

T = TypeVar("T")

_SAMPLE_WEIGHTS = ("bin", "tf", "log_tf")
_GLOBAL_WEIGHTS = ("bin", "idf", "idf1", "bm25", "weight")


def build_converter(section: Mapping[str, Any], path: str = ".converter") -> _core.Converter:
    """The converter that a section, checked with `schema.CONVERTER`, describes; `path` is where the section
    stands.

    Raises `ConverterError` or `InvalidParameter` with the first problem.
    """
    builder = _Builder(section, path)
    converter = builder.converter()
    if builder.problems:
        raise builder.problems[0]
    return converter


def converter_problems(section: Any, path: str = ".converter") -> list[PlainConfigurationError]:
    """The problem of each type and each rule of a section that is right in its names and types."""
    builder = _Builder(check(CONVERTER, section, path), path)
    builder.converter()
    return builder.problems


class _Builder:
    """Goes on after a problem, without what it concerns."""

    def __init__(self, section: Mapping[str, Any], path: str) -> None:
        self.section = section
        self.path = path
        self.problems: list[PlainConfigurationError] = []
        self.unusable: set[tuple[str, str]] = set()  # sections and types in them

    @contextmanager
    def part(self, path: str) -> Iterator[None]:
        try:
            with located(self.path + path):
                yield
        except PlainConfigurationError as error:
            self.problems.append(error)

    def converter(self) -> _core.Converter:
        """The types in their order, then the rules in theirs."""
        hash_max_size = self.section.get("hash_max_size")
        if hash_max_size is not None and hash_max_size <= 0:
            with self.part(".hash_max_size"):
                raise ConverterError(f"hash_max_size must be positive, but is {hash_max_size}")
            hash_max_size = None
        string_filters = self.types("string_filter_types", build_string_filter, {})
        num_filters = self.types("num_filter_types", build_num_filter, {})
        strings = self.types(
            "string_types",
            build_string_extractor,
            {"str": _core.StringExtractor.whole(), "space": _core.StringExtractor.space()},
        )
        numbers = self.types(
            "num_types",
            build_num_extractor,
            {
                "num": _core.NumExtractor.num(),
                "log": _core.NumExtractor.log(),
                "str": _core.NumExtractor.text(),
            },
        )
        binaries = self.types("binary_types", build_binary_extractor, {})
        combiners = self.types(
            "combination_types", build_combiner, {"add": _core.Combiner.add(), "mul": _core.Combiner.mul()}
        )

        converter = _core.Converter()
        self.rules(
            "string_filter_rules", lambda rule: self.add_string_filter(converter, rule, string_filters)
        )
        self.rules("num_filter_rules", lambda rule: self.add_num_filter(converter, rule, num_filters))
        self.rules("string_rules", lambda rule: self.add_string_rule(converter, rule, strings))
        self.rules("num_rules", lambda rule: self.add_num_rule(converter, rule, numbers))
        self.rules("binary_rules", lambda rule: self.add_binary_rule(converter, rule, binaries))
        self.rules("combination_rules", lambda rule: self.add_combination_rule(converter, rule, combiners))
        converter.hash_max_size = hash_max_size or 0
        return converter

    def types(
        self, section: str, build: Callable[[str, Parameters], T], predefined: dict[str, T]
    ) -> dict[str, T]:
        """The types of a section by name; one that is predefined can be declared anew."""
        types = predefined
        for name, parameters in sorted(
            self.section.get(section, {}).items(), key=lambda item: to_bytes(item[0])
        ):
            self.unusable.add((section, name))
            with self.part(f".{section}.{name}"):
                if "method" not in parameters:
                    raise ConverterError("parameter: [method] must be defined")
                types[name] = build(parameters["method"], parameters)
                self.unusable.remove((section, name))
        return types

    def rules(self, section: str, add: Callable[[Mapping[str, str]], None]) -> None:
        for i, rule in enumerate(self.section.get(section, [])):
            if (section.replace("_rules", "_types"), rule["type"]) in self.unusable:
                continue
            with self.part(f".{section}[{i}]"):
                add(rule)

    def add_string_filter(
        self,
        converter: _core.Converter,
        rule: Mapping[str, str],
        types: dict[str, Callable[[bytes], bytes]],
    ) -> None:
        chosen = _type(types, rule, "string_filter_rules")
        converter.add_string_filter(*_condition(rule), to_bytes(rule["suffix"]), chosen)

    def add_num_filter(
        self, converter: _core.Converter, rule: Mapping[str, str], types: dict[str, _core.NumFilter]
    ) -> None:
        chosen = _type(types, rule, "num_filter_rules")
        converter.add_num_filter(*_condition(rule), to_bytes(rule["suffix"]), chosen)

    def add_string_rule(
        self, converter: _core.Converter, rule: Mapping[str, str], types: dict[str, _core.StringExtractor]
    ) -> None:
        key, except_ = _condition(rule)
        chosen = _type(types, rule, "string_rules")
        for name, known in (("sample_weight", _SAMPLE_WEIGHTS), ("global_weight", _GLOBAL_WEIGHTS)):
            if rule[name] not in known:
                raise ConverterError(
                    f"unknown {name}: [{rule[name]}] in string_rules",
                    advice=f"choose one of {', '.join(known)}",
                )
        converter.add_string_rule(
            key, except_, to_bytes(rule["type"]), chosen, rule["sample_weight"], rule["global_weight"]
        )

    def add_num_rule(
        self, converter: _core.Converter, rule: Mapping[str, str], types: dict[str, _core.NumExtractor]
    ) -> None:
        key, except_ = _condition(rule)
        converter.add_num_rule(key, except_, to_bytes(rule["type"]), _type(types, rule, "num_rules"))

    def add_binary_rule(
        self, converter: _core.Converter, rule: Mapping[str, str], types: dict[str, _core.BinaryExtractor]
    ) -> None:
        # `except` is allowed here, but it never had an effect.
        key = build_matcher(rule["key"])
        converter.add_binary_rule(key, to_bytes(rule["type"]), _type(types, rule, "binary_rules"))

    def add_combination_rule(
        self, converter: _core.Converter, rule: Mapping[str, str], types: dict[str, _core.Combiner]
    ) -> None:
        left, except_left = _condition(rule, "key_left", "except_left")
        right, except_right = _condition(rule, "key_right", "except_right")
        chosen = _type(types, rule, "combination_rules")
        converter.add_combination_rule(left, except_left, right, except_right, to_bytes(rule["type"]), chosen)


def _condition(
    rule: Mapping[str, str], key: str = "key", except_: str = "except"
) -> tuple[_core.Matcher, _core.Matcher | None]:
    return build_matcher(rule[key]), build_matcher(rule[except_]) if except_ in rule else None


def _type(types: dict[str, T], rule: Mapping[str, str], section: str) -> T:
    chosen = types.get(rule["type"])
    if chosen is None:
        declared = f"declare it in {section.replace('_rules', '_types')}"
        advice = f"{declared}, or choose one of {', '.join(types)}" if types else declared
        raise ConverterError(f"unknown type: [{rule['type']}] in {section}", advice=advice)
    return chosen
