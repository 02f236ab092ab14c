"""Reading configurations: JSON text to values, and a strict schema with messages that name every problem.

A schema is built of `String`, `Integer`, ..., `Object`, and says what is allowed once:

    PARAMETER = Object(mandatory={"regularization_weight": Float32()}, optional={"unlearner": String()})
    values = check(PARAMETER, parsed["parameter"], ".parameter")

All problems are collected and raised together, in the words of Jubatus. Objects are closed: a member that
is not declared is an error. An optional member that is absent or null is absent from the result.
"""

import json
import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from duma.errors import ConfigurationError

_INT64 = range(-(2**63), 2**63)


class ConfigurationSyntaxError(ConfigurationError):
    """Text that is not JSON. `line` and `column` count from 1; `text` says what was found there."""

    def __init__(self, line: int, column: int, text: str) -> None:
        self.line, self.column, self.text = line, column, text
        super().__init__([f"{line}:{column} {text}"])

    def __str__(self) -> str:
        return f"syntax error in configuration: {self.messages[0]}"


class Problem(str):
    """One line of `ConfigurationError.messages`, and what else is known of it: the `path` of the value that is
    wrong, or of the member that is missing, and the `advice`, what to do.

    `alone`: no value of this kind could be looked into, so Jubatus reports it and nothing else.
    """

    path: str
    advice: str
    alone: bool

    def __new__(cls, text: str, path: str, advice: str = "", *, alone: bool = False) -> "Problem":
        made = super().__new__(cls, text)
        made.path, made.advice, made.alone = path, advice, alone
        return made


class PlainConfigurationError(ConfigurationError):
    """One problem whose text stands alone, as Jubatus words it.

    `str()` is exactly `text`. `messages` adds the `detail`, when there is more to say, and the path at
    which the problem is, when it is known; `advice` says what to do.
    """

    def __init__(self, text: str, detail: str = "", advice: str = "") -> None:
        self.text, self.detail, self.path, self.advice = text, detail, "", advice
        super().__init__([text])
        self._compose()

    def locate(self, path: str) -> None:
        """Say where in the configuration the problem is, unless that is known more precisely."""
        self.path = self.path or path
        self._compose()

    def _compose(self) -> None:
        detail = f": {self.detail}" if self.detail else ""
        text = self.text + detail + (f" ({self.path})" if self.path else "")
        self.messages = (Problem(text, self.path, self.advice),)

    def __str__(self) -> str:
        return self.text


class InvalidParameter(PlainConfigurationError):
    """A value outside of what is allowed; `expected` says what is."""

    def __init__(self, expected: str, detail: str = "") -> None:
        super().__init__(f"invalid parameter (expected: {expected})", detail)


class UnsupportedMethod(PlainConfigurationError):
    """A method that does not exist."""

    def __init__(self, method: str, detail: str = "", advice: str = "") -> None:
        super().__init__(f"unsupported method ({method})", detail, advice)


@contextmanager
def located(path: str) -> Iterator[None]:
    """Tells a `PlainConfigurationError` that is raised inside where in the configuration it is."""
    try:
        yield
    except PlainConfigurationError as error:
        error.locate(path)
        raise


def read_configuration(config: str | bytes | Mapping[str, Any]) -> tuple[str, Any]:
    """The text of a configuration, exactly as given (a mapping is written as JSON), and its parsed value.

    Raises `ConfigurationSyntaxError` for what is not JSON, `ConfigurationError` for an empty text, for
    numbers that do not fit 64 bits and for values in a mapping that JSON does not have.
    """
    if isinstance(config, (str, bytes)):
        text = config if isinstance(config, str) else config.decode("utf-8", "surrogateescape")
    else:
        try:
            text = json.dumps(config, ensure_ascii=False, allow_nan=False, indent=2)
        except (TypeError, ValueError) as error:
            raise ConfigurationError([f"the configuration cannot be written as JSON: {error}"]) from error
    return text, _parsed(text)


def same_configuration(a_text: str, b_text: str) -> bool:
    """Whether two texts hold equal JSON values: white space and order of members are free, 5 is not 5.0.

    Raises what `read_configuration` raises.
    """
    return _equal(_parsed(a_text), _parsed(b_text))


def to_bytes(text: str) -> bytes:
    """The bytes of a text of the configuration: UTF-8, with bytes that were not UTF-8 as they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate written as \\uD83D
        return text.encode("utf-8", "surrogatepass")


# --- JSON ---

_SPACE = re.compile(r"[ \t\r\n]*")
# Strings are matched only to be skipped.
_LEADING_ZEROS = re.compile(r'"(?:[^"\\]|\\.)*"|(?<![\w.+])(-?)0+(?=\d)', re.DOTALL)
_REQUIRED = {
    "Expecting property name enclosed in double quotes": "'\"'",
    "Expecting ':' delimiter": "':'",
    "Expecting ',' delimiter": "','",
}


def _parsed(text: str) -> Any:
    start = _SPACE.match(text).end()  # type: ignore[union-attr]  # it matches everywhere
    if start == len(text):
        raise PlainConfigurationError("json_parser reached end of data")
    # Jubatus reads 007 as 7.
    without_zeros = _LEADING_ZEROS.sub(lambda m: m[0] if m[0].startswith('"') else m[1], text)
    errors = []
    for candidate in (without_zeros, text):
        try:
            return _first_value(candidate, start)
        except json.JSONDecodeError as error:
            errors.append(error)
        except RecursionError as error:
            raise ConfigurationSyntaxError(1, 1, "nested too deeply") from error
    raise _syntax_error(text, errors[-1]) from errors[-1]


def _first_value(text: str, start: int) -> Any:
    """The first value of the text; whatever follows it is ignored."""
    decoder = json.JSONDecoder(
        strict=False, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
    )
    return decoder.raw_decode(text, start)[0]


def _integer(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else None
    if value is None or value not in _INT64:
        raise ConfigurationError([f"the integer {digits} does not fit 64 bits"])
    return value


def _float(digits: str) -> float:
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ConfigurationError([f"the number {digits} does not fit a double"])
    return value


def _no_constant(name: str) -> Any:
    raise ConfigurationError([f"{name} is not a JSON value"])


def _syntax_error(text: str, error: json.JSONDecodeError) -> ConfigurationSyntaxError:
    position, message = error.pos, error.msg
    if message.startswith("Illegal trailing comma"):
        position = _SPACE.match(text, position + 1).end()  # type: ignore[union-attr]
        message = "Expecting property name enclosed in double quotes" if text[position] == "}" else ""
    line, column = text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)
    if position >= len(text):
        said = "unexpected end of the configuration"
    elif message in _REQUIRED:
        said = f"{_REQUIRED[message]} is required but got '{text[position]}'"
    elif message in ("", "Expecting value"):
        said = f"invalid char: '{text[position]}' (U+{ord(text[position]):04X})"
    else:
        said = message
    return ConfigurationSyntaxError(line, column, said)


def _equal(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_equal(value, b[key]) for key, value in a.items())
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_equal, a, b))
    return bool(a == b)


# --- schema ---


class Schema(Protocol):
    """What is allowed at one place of a configuration."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        """The value as it will be used; problems are added to `problems`."""

    def __str__(self) -> str:
        """What a value is, in words."""


def check(schema: Schema, value: Any, path: str = "") -> Any:
    """The value as `schema` reads it; `path` is where in the configuration it stands.

    Raises `ConfigurationError` with every problem, or at once with the only one when an object with named
    members is something else.
    """
    problems: list[str] = []
    result = schema.read(value, path, problems)
    for problem in problems:
        if isinstance(problem, Problem) and problem.alone:
            error = PlainConfigurationError(problem)
            error.messages = (problem,)
            raise error
    if problems:
        raise ConfigurationError(problems)
    return result


def json_type(value: Any) -> str:
    """The name of a JSON value's type: Null, Integer, Float, Bool, String, Array or Object."""
    return _TYPE_NAMES[type(value)]


_TYPE_NAMES: dict[type, str] = {
    type(None): "Null",
    bool: "Bool",
    int: "Integer",
    float: "Float",
    str: "String",
    list: "Array",
    dict: "Object",
}


def _expected(
    name: str, value: Any, path: str, schema: Schema | None = None, *, alone: bool = False
) -> Problem:
    text = f"{name} is expected, but {json_type(value)} is given. ({path})"
    return Problem(text, path, f"write {schema} here" if schema is not None else "", alone=alone)


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Every value, unread."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:  # noqa: ARG002
        return value

    def __str__(self) -> str:
        return "anything"


@dataclass(frozen=True, slots=True)
class String:
    """A text."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, str):
            problems.append(_expected("String", value, path, self))
        return value

    def __str__(self) -> str:
        return "a text in quotes"


@dataclass(frozen=True, slots=True)
class Boolean:
    """true or false."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, bool):
            problems.append(_expected("Bool", value, path, self))
        return value

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True, slots=True)
class Int64:
    """An integer of 64 bits; 2.0 is none."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if type(value) is not int:
            problems.append(_expected("Integer", value, path, self))
        return value

    def __str__(self) -> str:
        return "a whole number"


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer of 32 bits. A larger one loses its upper bits, as in Jubatus."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if type(value) is not int:
            problems.append(_expected("Integer", value, path, self))
            return value
        return (value + 2**31) % 2**32 - 2**31

    def __str__(self) -> str:
        return "a whole number"


@dataclass(frozen=True, slots=True)
class Float32:
    """An integer or a float, rounded to single precision, the precision in which Jubatus keeps parameters."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if type(value) not in (int, float):
            problems.append(_expected("Float", value, path, self))
            return value
        try:
            return float(struct.unpack("<f", struct.pack("<f", value))[0])
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")

    def __str__(self) -> str:
        return "a number"


@dataclass(frozen=True, slots=True)
class Float64:
    """An integer or a float, in double precision."""

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if type(value) not in (int, float):
            problems.append(_expected("Float", value, path, self))
            return value
        return float(value)

    def __str__(self) -> str:
        return "a number"


@dataclass(frozen=True, slots=True)
class Array:
    """A list of items of one kind."""

    item: Schema

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, list):
            problems.append(_expected("Array", value, path, self))
            return value
        return [self.item.read(item, f"{path}[{i}]", problems) for i, item in enumerate(value)]

    def __str__(self) -> str:
        return "a list"


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object with any names and values of one kind."""

    item: Schema

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, dict):
            problems.append(_expected("Object", value, path, self))
            return value
        return {name: self.item.read(item, f"{path}.{name}", problems) for name, item in value.items()}

    def __str__(self) -> str:
        return "an object"


@dataclass(frozen=True, slots=True)
class Object:
    """An object with named members and no others; read as a dict of the members that are there."""

    mandatory: Mapping[str, Schema] = field(default_factory=dict)
    optional: Mapping[str, Schema] = field(default_factory=dict)

    def read(self, value: Any, path: str, problems: list[str]) -> Any:
        if not isinstance(value, dict):
            problems.append(_expected("Object", value, path, self, alone=True))
            return value
        problems.extend(
            Problem(f'"{name}" is not used ({path})', f"{path}.{name}", self._names_like(name))
            for name in value
            if name not in self.mandatory and name not in self.optional
        )
        result = {}
        for name, schema in self.mandatory.items():
            if name in value:
                result[name] = schema.read(value[name], f"{path}.{name}", problems)
            else:
                problems.append(
                    Problem(f'"{name}" is not found ({path})', f"{path}.{name}", f'add "{name}": {schema}')
                )
        for name, schema in self.optional.items():
            if value.get(name) is not None:
                result[name] = schema.read(value[name], f"{path}.{name}", problems)
        return result

    def _names_like(self, name: str) -> str:
        known = [*self.mandatory, *self.optional]
        if not known:
            return "remove it: nothing is needed here"
        from difflib import get_close_matches  # only where something is wrong

        if alike := get_close_matches(name, known, 1):
            return f'remove it, or is it "{alike[0]}"?'
        return f"remove it; known here: {', '.join(known)}"

    def __str__(self) -> str:
        return "an object"
