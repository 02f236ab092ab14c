"""Which feature names a converter can produce.

| from           | name                                              |
|----------------|---------------------------------------------------|
| a string       | `<key>$<value>@<type>#<sample weight>/<global weight>` |
| a number       | `<key>@<type>`, or `<key>@<type>$<number>` for `str` |
| two features   | `<one>&<other>/<type>`                            |
| a plugin for numbers or binaries | whatever it likes               |

A datum may have any key, so a name is producible when a rule applies to the key in it, and the value in it
is one that the rule's extractor can give.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from duma.configuration import to_bytes
from duma.convert.matchers import build_matcher
from duma.convert.numbers import int_prefix

STRING, NUMBER = "string", "number"  # kinds of keys: each has filters of its own

Condition = Callable[[bytes], bool]

_SPACE = frozenset(b" \t\f\n\r\v")


@dataclass(frozen=True, slots=True)
class _StringRule:
    applies: Condition
    tail: bytes
    gives: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class _NumRule:
    applies: Condition
    tail: bytes
    as_text: bool


@dataclass(frozen=True, slots=True)
class _FilterRule:
    applies: Condition
    suffix: bytes


@dataclass(frozen=True, slots=True)
class _CombinationRule:
    left: Condition
    right: Condition
    tail: bytes


class FeatureNames:
    """The names that a converter section (checked with `CONVERTER`, and built once) gives, before hashing."""

    def __init__(self, section: Mapping[str, Any]) -> None:
        string_methods = {
            "str": {"method": "str"},
            "space": {"method": "space"},
            **section.get("string_types", {}),
        }
        own_numbers = section.get("num_types", {})
        self._strings = [
            _StringRule(
                _condition(rule),
                to_bytes(f"@{rule['type']}#{rule['sample_weight']}/{rule['global_weight']}"),
                _values_of(string_methods[rule["type"]]),
            )
            for rule in section.get("string_rules", [])
        ]
        self._numbers = [
            _NumRule(_condition(rule), to_bytes("@" + rule["type"]), rule["type"] == "str")
            for rule in section.get("num_rules", [])
            if rule["type"] not in own_numbers  # those that can be declared are all plugins
        ]
        self._combinations = [
            _CombinationRule(
                _condition(rule, "key_left", "except_left"),
                _condition(rule, "key_right", "except_right"),
                to_bytes("/" + rule["type"]),
            )
            for rule in section.get("combination_rules", [])
        ]
        self._filters = {
            kind: [
                _FilterRule(_condition(rule), to_bytes(rule["suffix"]))
                for rule in section.get(rules, [])
                if rule["suffix"]
            ]
            for kind, rules in ((STRING, "string_filter_rules"), (NUMBER, "num_filter_rules"))
        }
        self.has_plugins = bool(section.get("binary_rules")) or any(
            rule["type"] in own_numbers for rule in section.get("num_rules", [])
        )

    def keys_of(self, feature: bytes) -> Iterator[tuple[str, bytes]]:
        """For every rule for strings or numbers that can have given the name: kind and key."""
        before, dollar, after = feature.partition(b"$")
        for string in self._strings:
            if not dollar or not after.endswith(string.tail):
                continue
            if string.applies(before) and string.gives(after.removesuffix(string.tail)):
                yield STRING, before
        for number in self._numbers:
            key = before.removesuffix(number.tail)
            if len(key) == len(before) or bool(dollar) != number.as_text:
                continue
            if number.applies(key) and (not number.as_text or _is_number(after)):
                yield NUMBER, key

    def pairs_of(self, feature: bytes) -> Iterator[tuple[bytes, bytes]]:
        """For every rule for combinations that can have given the name: the two features."""
        for rule in self._combinations:
            if not feature.endswith(rule.tail):
                continue
            both = feature.removesuffix(rule.tail)
            at = both.find(b"&")
            while at >= 0:
                left, right = both[:at], both[at + 1 :]
                if (rule.left(left) and rule.right(right)) or (rule.right(left) and rule.left(right)):
                    yield left, right
                at = both.find(b"&", at + 1)

    def unfiltered(self, kind: str, key: bytes) -> Iterator[bytes]:
        """For every filter that can have given a key: the key that it was before."""
        for rule in self._filters[kind]:
            base = key.removesuffix(rule.suffix)
            if len(base) < len(key) and rule.applies(base):
                yield base


def _condition(rule: Mapping[str, str], key: str = "key", except_: str = "except") -> Condition:
    applies: Condition = build_matcher(rule[key]).matches
    if except_ not in rule:
        return applies
    excepted = build_matcher(rule[except_]).matches
    return lambda name: applies(name) and not excepted(name)


def _values_of(definition: Mapping[str, str]) -> Callable[[bytes], bool]:
    """Whether an extractor can give a value. Of regular expressions and plugins anything is believed."""
    match definition["method"]:
        case "space":
            return lambda value: bool(value) and _SPACE.isdisjoint(value)
        case "ngram":
            length = int_prefix(definition["char_num"])
            return lambda value: _characters(value) == length
        case "split":
            separators = frozenset(definition["separators"])
            return lambda value: (
                bool(value) and separators.isdisjoint(value.decode("utf-8", "surrogateescape"))
            )
        case _:
            return lambda _value: True


def _characters(value: bytes) -> int:
    """Every byte that does not continue a character begins one; so does the first, whatever it is."""
    return sum(byte & 0xC0 != 0x80 for byte in value) + (bool(value) and value[0] & 0xC0 == 0x80)


def _is_number(text: bytes) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
