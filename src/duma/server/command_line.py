"""The option syntax of the juba* commands.

It is the syntax that Jubatus' commands have, odd corners included, since scripts depend on it:

    --name value, --name=value    long option
    -x value                      short option; the value is always the next word (`-p9199` is an error)
    -ab value                     grouped short options; all but the last take no value
    words without a dash, `-`     ignored
    a repeated option             the last one wins
    -?, --help                    the usage, whatever else is wrong
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from duma.errors import DumaError


class Kind(Enum):
    """What an option's value is. The value of the member is its name in the usage."""

    INTEGER = "int"
    STRING = "string"
    SIZE = "size"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Option:
    """One option: `name` without dashes, one-letter `short` or "", and the range of a number."""

    name: str
    short: str
    kind: Kind
    default: Any
    help: str
    low: int = -(2**31)
    high: int = 2**31 - 1
    required: bool = False

    def read(self, text: str) -> int | str:
        """The value that a text gives. Raises `ValueError` with what would be one."""
        if self.kind is Kind.STRING:
            return text
        value = _size(text) if self.kind is Kind.SIZE else _integer(text)
        if not self.low <= value <= self.high:
            raise ValueError(f"from {self.low} to {self.high}")
        return value


class UsageError(DumaError):
    """A command line that breaks the rules; the text is the first thing that was wrong."""


class HelpRequested(Exception):
    """The usage was asked for."""


def parse(options: Sequence[Option], words: Sequence[str]) -> dict[str, Any]:
    """The value of every option, by name.

    Raises `HelpRequested` and `UsageError`.
    """
    reader = _Reader(options)
    reader.read(words)
    if reader.help or (not words and any(option.required for option in options)):
        raise HelpRequested
    missing = [o.name for o in options if o.required and o.name not in reader.given]
    problems = reader.problems + [f"need option: --{name}" for name in missing]
    if problems:
        raise UsageError(problems[0])
    return {option.name: reader.given.get(option.name, option.default) for option in options}


def usage(program: str, options: Sequence[Option]) -> str:
    """The text that `--help` shows: every option in the order of its declaration."""
    required = "".join(f"--{o.name}={o.kind.value} " for o in options if o.required)
    lines = [f"usage: {program} {required}[options] ... ", "options:"]
    width = max(len(option.name) for option in (*options, _HELP))
    for option in (*options, _HELP):
        short = f"-{option.short}, " if option.short else "    "
        lines.append(f"  {short}--{option.name:<{width}}    {option.help}{_value_note(option)}")
    return "\n".join(lines) + "\n"


_HELP = Option("help", "?", Kind.FLAG, False, "print this message")


class _Reader:
    """Goes through the words once; every problem is kept, since `--help` wins over all of them."""

    def __init__(self, options: Sequence[Option]) -> None:
        self.by_name: Mapping[str, Option] = {option.name: option for option in (*options, _HELP)}
        self.by_short: Mapping[str, Option] = {o.short: o for o in (*options, _HELP) if o.short}
        self.given: dict[str, Any] = {}
        self.problems: list[str] = []

    @property
    def help(self) -> bool:
        return bool(self.given.get(_HELP.name))

    def read(self, words: Sequence[str]) -> None:
        rest = list(reversed(words))
        while rest:
            word = rest.pop()
            if word.startswith("--"):
                self.read_long(word[2:], rest)
            elif word.startswith("-") and word != "-":
                self.read_short(word[1:], rest)

    def read_long(self, word: str, rest: list[str]) -> None:
        name, equals, text = word.partition("=")
        option = self.by_name.get(name)
        if option is None:
            self.problems.append(f"undefined option: --{name}")
        elif equals:
            self.set_text(option, text)
        elif option.kind is not Kind.FLAG and rest:
            self.set_text(option, rest.pop())
        else:
            self.set_bare(option)

    def read_short(self, letters: str, rest: list[str]) -> None:
        for position, letter in enumerate(letters, 1):
            option = self.by_short.get(letter)
            if option is None:
                self.problems.append(f"undefined short option: -{letter}")
            elif position == len(letters) and option.kind is not Kind.FLAG and rest:
                self.set_text(option, rest.pop())
            else:
                self.set_bare(option)

    def set_bare(self, option: Option) -> None:
        if option.kind is Kind.FLAG:
            self.given[option.name] = True
        else:
            self.problems.append(f"option needs value: --{option.name}")

    def set_text(self, option: Option, text: str) -> None:
        invalid = f"option value is invalid: --{option.name}={text}"
        if option.kind is Kind.FLAG:
            self.problems.append(f"{invalid} (it takes no value)")
            return
        try:
            self.given[option.name] = option.read(text)
        except ValueError as error:
            self.problems.append(f"{invalid} (expected: {error})")


def _value_note(option: Option) -> str:
    if option.kind is Kind.FLAG:
        return ""
    return f" ({option.kind.value})" if option.required else f" ({option.kind.value} [={option.default}])"


def _integer(text: str) -> int:
    # Leading blanks and a sign pass, anything behind the digits does not.
    if not re.fullmatch(r"[ \t\n\v\f\r]*[+-]?[0-9]+", text):
        raise ValueError("an integer")
    return int(text)


def _size(text: str) -> int:
    match = re.fullmatch(r"([0-9]+)([KMG]?)", text)
    if not match:
        raise ValueError("bytes, or a number with K, M or G")
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]
