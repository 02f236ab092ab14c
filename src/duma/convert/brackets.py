"""Bracket expressions of regular expressions: `[a-z\\d[:alpha:]]`."""

from dataclasses import dataclass

from duma.convert.character_classes import ClassItems, posix_bracket, written_class
from duma.convert.pattern_text import (
    PatternError,
    PatternText,
    coded_character,
    read_property,
    simple_escape,
    starts_code,
)


@dataclass(frozen=True, slots=True)
class Bracket:
    """A bracket expression, written for `regex`."""

    source: str
    takes_strays: bool  # whether it may match a byte that is no character


def read_bracket(text: PatternText) -> Bracket:
    """Read what follows an opening bracket. Raises `PatternError`."""
    negated = text.take("^")
    items = ClassItems()
    if text.peek() == "]" and not _another_bracket(text):
        raise PatternError("empty char-class")
    first = True
    low: str | None = None  # the last character, as long as it may be the start of a range
    while first or text.peek() != "]":
        first = False
        if low is not None and text.peek() == "-" and text.peek(1) not in ("]", ""):
            text.at += 1
            high = _item(text, items)
            if high is None:
                raise PatternError("char-class value at end of range")
            if high < low:
                raise PatternError("empty range in char class")
            items.add_range(low, high)
            low = None
            # After a range a hyphen stands for itself.
            if text.take("-"):
                items.add("-")
            continue
        if low is not None:
            items.add(low)
        low = _item(text, items)
        if low is None and text.peek() == "-" and text.peek(1) != "]":
            raise PatternError("unmatched range specifier in char-class")
    text.at += 1
    if low is not None:
        items.add(low)
    return Bracket(written_class(items, negated=negated), negated or bool(items.strays))


def _another_bracket(text: PatternText) -> bool:
    """Whether a later `]` can close the class, so that one at its start is text."""
    at = text.at + 1
    while at < len(text.pattern):
        if text.pattern[at] == "]":
            return True
        at += 2 if text.pattern[at] == "\\" else 1
    return False


def _item(text: PatternText, items: ClassItems) -> str | None:
    """A character, which may start a range, or None after a whole class was added to `items`."""
    c = text.next("premature end of char-class")
    if c == "[" and text.peek() == ":":
        return None if _posix(text, items) else c
    if c != "\\":
        return c
    c = text.next("end pattern at escape")
    if c in "wWdDsS":
        items.add_class(rf"\{c}", negated=c.isupper())
        return None
    if c in "pP" and text.peek() == "{":
        source = read_property(text, negated=c == "P")
        items.add_class(source, negated=source.startswith(r"\P"))
        return None
    if c == "b":
        return "\b"
    if starts_code(c):
        return coded_character(text, c, in_brackets=True)
    return simple_escape(text, c)


def _posix(text: PatternText, items: ClassItems) -> bool:
    """Read `[:name:]`; false if it is only text."""
    end = text.pattern.find(":]", text.at + 1, text.at + 22)
    if end < 0:
        return False
    name = text.pattern[text.at + 1 : end]
    negated = name.startswith("^")
    source = posix_bracket(name.removeprefix("^"), negated=negated)
    if source is None:
        raise PatternError("invalid POSIX bracket type")
    text.at = end + 2
    items.add_class(source, negated=negated)
    return True
