"""From the words of a command line to the arguments of a call, by the types that the method declares.

A word is JSON where it begins with `[` or `{`. Otherwise a text is the word itself, a number or a boolean is JSON, and
what has parts takes several words:

    datum                     key=value ...       a number if it looks like one in JSON, @FILE: the bytes of a file
    map                       key=value ...
    structure                 its fields, one after the other
    list, as last argument    its items, with a `,` between them where one does not show where it ends

`"..."` is a text in JSON wherever a text is allowed: it can hold what would be read as something else.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from duma.engines.datum import Datum
from duma.engines.declaration import Method
from duma.engines.wire_types import Kind, WireType
from duma.errors import ArgumentMismatch

_PAIR = re.compile(r"([^=]+)=(.*)", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_BETWEEN = ","
_DATUM_LISTS = ("string_values", "num_values", "binary_values")
_NAMES = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.REAL: "a number",
    Kind.STRING: "a text",
}


class ArgumentProblem(Exception):
    """An argument that cannot be read; the text names it."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(f"argument {place}: {text}")


def read_arguments(method: Method, words: Sequence[str], read_input: Callable[[], str]) -> list[Any]:
    """The values of a method's arguments. A word `-` stands for JSON from `read_input`, except where a text is due.

    Raises `ArgumentProblem`.
    """
    left = list(words)
    values = []
    for parameter in method.parameters:
        is_last = parameter is method.parameters[-1]
        values.append(_Words(left, read_input, is_last).argument(parameter.type, parameter.name))
    if left:
        raise ArgumentProblem(f"{left[0]!r}", f"{method.name} takes no more")
    return values


class _Words:
    """The words that are left, from which one argument is taken."""

    def __init__(self, words: list[str], read_input: Callable[[], str], is_last: bool) -> None:
        self.words = words
        self.read_input = read_input
        self.is_last = is_last

    def argument(self, type_: WireType, place: str) -> Any:
        if self.words[:1] == ["-"] and type_.kind is not Kind.STRING:
            del self.words[0]
            return from_json(type_, _parsed(self.read_input(), place), place)
        return self.take(type_, place)

    def take(self, type_: WireType, place: str, *, inside: bool = False) -> Any:
        if not self.words:
            raise ArgumentProblem(place, f"{type_.name} is missing")
        word = self.words[0]
        has_parts = type_.kind in (Kind.LIST, Kind.MAP, Kind.STRUCTURE, Kind.OWN)
        if has_parts and word[:1] in ("[", "{") and not (type_.kind is Kind.LIST and word[0] == "{"):
            del self.words[0]
            return from_json(type_, _parsed(word, place), place)
        if type_.kind is Kind.LIST:
            if inside or not self.is_last:
                raise ArgumentProblem(
                    place, f"a list before or inside of others must be JSON, [...], not {word!r}"
                )
            return self.items(type_.parts[0][1], place)
        if type_.kind is Kind.STRUCTURE:
            return type_.declared(
                *(self.take(part, f"{place}.{name}", inside=True) for name, part in type_.parts)
            )
        if type_.kind is Kind.MAP:
            item = type_.parts[0][1]
            return {key: _scalar(item, text, f"{place}.{key}") for key, text in self.pairs(type_, place)}
        if type_.kind is Kind.OWN:
            return self.datum(type_, place)
        del self.words[0]
        return _scalar(type_, word, place)

    def items(self, item: WireType, place: str) -> list[Any]:
        """The items of a list, to the last word."""
        found: list[Any] = []
        while self.words:
            found.append(self.take(item, f"{place}[{len(found)}]", inside=True))
            if self.words[:1] == [_BETWEEN]:
                del self.words[0]
        return found

    def pairs(self, type_: WireType, place: str) -> list[tuple[str, str]]:
        """The words key=value that come next."""
        found = []
        while self.words and (match := _PAIR.fullmatch(self.words[0])):
            found.append((match[1], match[2]))
            del self.words[0]
        if not found:
            raise ArgumentProblem(
                place, f"{type_.name} is expected, as key=value ... or JSON, but {self.words[0]!r} is given"
            )
        return found

    def datum(self, type_: WireType, place: str) -> Any:
        if type_.declared is not Datum:
            raise ArgumentProblem(place, f"{type_.name} must be JSON, not {self.words[0]!r}")
        datum = Datum()
        for key, text in self.pairs(type_, place):
            if text.startswith("@"):
                datum.add_binary(key, _file(text[1:], f"{place}.{key}"))
            elif _NUMBER.fullmatch(text):
                datum.add_number(key, float(text))
            else:
                datum.add_string(key, _text(text, f"{place}.{key}"))
        return datum


def from_json(type_: WireType, value: Any, place: str) -> Any:
    """A value of a declared type. Raises `ArgumentProblem` that names the place of what does not fit."""
    if type_.kind is Kind.LIST:
        item = type_.parts[0][1]
        return [from_json(item, v, f"{place}[{i}]") for i, v in enumerate(_of(list, "a list", value, place))]
    if type_.kind is Kind.MAP:
        item = type_.parts[0][1]
        return {
            k: from_json(item, v, f"{place}.{k}") for k, v in _of(dict, "an object", value, place).items()
        }
    if type_.kind is Kind.STRUCTURE:
        return _structure(type_, value, place)
    if type_.kind is Kind.OWN:
        return _datum(value, place) if type_.declared is Datum else _own(type_, value, place)
    if type_.kind is Kind.BYTES:
        return _bytes(value, place)
    return _checked(type_, value, place)


def _structure(type_: WireType, value: Any, place: str) -> Any:
    names = [name for name, _ in type_.parts]
    if isinstance(value, list):
        if len(value) > len(names):
            raise ArgumentProblem(place, f"{type_.name} has {len(names)} fields, but {len(value)} are given")
        value = dict(zip(names, value, strict=False))
    fields: Mapping[str, Any] = _of(dict, f"{type_.name}, a list or an object,", value, place)
    for name in fields:
        if name not in names:
            raise ArgumentProblem(place, f"{type_.name} has no field {name!r}, only {', '.join(names)}")
    read = {n: from_json(part, fields[n], f"{place}.{n}") for n, part in type_.parts if n in fields}
    for name in names:
        if name not in read and name not in type_.declared._field_defaults:
            raise ArgumentProblem(f"{place}.{name}", "is missing")
    return type_.declared(**read)


def _datum(value: Any, place: str) -> Datum:
    """A datum of `{"key": value}`, or of its three lists of pairs, by name or in their order."""
    if isinstance(value, list):
        value = dict(zip(_DATUM_LISTS, value, strict=False))
    fields: dict[str, Any] = _of(dict, "a datum, an object,", value, place)
    if fields and all(name in _DATUM_LISTS and isinstance(pairs, list) for name, pairs in fields.items()):
        given = [(name, pair) for name, pairs in fields.items() for pair in pairs]
    else:
        given = [("", [key, item]) for key, item in fields.items()]
    datum = Datum()
    for kind, pair in given:
        if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str)):
            raise ArgumentProblem(f"{place}.{kind}", "a pair of a key and a value is expected")
        _add(datum, pair[0], pair[1], kind, f"{place}.{pair[0]}")
    return datum


def _add(datum: Datum, key: str, value: Any, kind: str, place: str) -> None:
    if isinstance(value, str) and kind in ("", "string_values"):
        datum.add_string(key, value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and kind in ("", "num_values"):
        datum.add_number(key, _checked_number(value, place))
    elif kind == "binary_values" or (isinstance(value, dict) and kind == ""):
        datum.add_binary(key, _bytes(value, place))
    else:
        raise ArgumentProblem(
            place, f'a text, a number or {{"base64": ...}} is expected, not {_shown(value)}'
        )


def _checked_number(value: float, place: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise ArgumentProblem(place, f"{value} does not fit a double") from error


def _own(type_: WireType, value: Any, place: str) -> Any:
    try:
        return type_.from_wire(_raw(value))
    except ArgumentMismatch as error:
        raise ArgumentProblem(place, str(error)) from error


def _raw(value: Any) -> Any:
    """JSON as it would come over the wire."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return [_raw(item) for item in value] if isinstance(value, list) else value


def _bytes(value: Any, place: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, dict) and list(value) == ["base64"] and isinstance(value["base64"], str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except binascii.Error as error:
            raise ArgumentProblem(place, f"not base64: {error}") from error
    raise ArgumentProblem(place, f'a text or {{"base64": ...}} is expected, not {_shown(value)}')


def _scalar(type_: WireType, word: str, place: str) -> Any:
    """A value of one word."""
    if type_.kind is Kind.STRING:
        return _text(word, place)
    if type_.kind is Kind.BYTES:
        return _file(word[1:], place) if word.startswith("@") else _bytes(_text(word, place), place)
    try:
        value = json.loads(word)
    except ValueError:
        value = word
    return from_json(type_, value, place)


def _text(word: str, place: str) -> str:
    """The word itself, or the text that it is in JSON."""
    if len(word) < 2 or not (word.startswith('"') and word.endswith('"')):
        return word
    value: str = _parsed(word, place)
    return value


def _file(path: str, place: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ArgumentProblem(place, f"cannot read {path}: {error.strerror}") from error


def _checked(type_: WireType, value: Any, place: str) -> Any:
    try:
        type_.to_wire(value)
    except (ArgumentMismatch, OverflowError) as error:
        expected = _NAMES[type_.kind]
        if type_.kind is Kind.INTEGER and isinstance(value, int):
            expected = f"{type_.name}, which {value} does not fit,"
        raise ArgumentProblem(place, f"{expected} is expected, not {_shown(value)}") from error
    return value


def _of(kind: type, expected: str, value: Any, place: str) -> Any:
    if not isinstance(value, kind):
        raise ArgumentProblem(place, f"{expected} is expected, not {_shown(value)}")
    return value


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ArgumentProblem(place, f"not JSON: {error}") from error
    except RecursionError as error:
        raise ArgumentProblem(place, "not JSON: nested too deeply") from error


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
