"""Character classes of regular expressions, as Oniguruma has them and `regex` writes them.

A byte that is no character of its own (a continuation byte where a match is tried inside a character) has
its own rules in Oniguruma: it belongs to every negated bracket expression and to `.`, to no positive class,
and to `\\w` only if the Latin-1 character of its number is a letter or a number.
"""

import re
from dataclasses import dataclass, field

_WORD_BESIDES = (
    "\u00b2\u00b3\u00b9\u00bc\u00bd\u00be"  # superscripts and fractions, which `regex` does not count
)
_WORD_BYTES = "".join(chr(0xDC00 + byte) for byte in (0xAA, 0xB2, 0xB3, 0xB5, 0xB9, 0xBA, 0xBC, 0xBD, 0xBE))
_STRAYS = "\udc80-\udcff"  # bytes that are no characters, as `surrogateescape` decodes them

WORD = rf"[\w{_WORD_BESIDES}{_WORD_BYTES}]"
NOT_WORD = rf"[^\w{_WORD_BESIDES}{_WORD_BYTES}]"
WORD_BOUNDARY = f"(?:(?<={WORD})(?!{WORD})|(?<!{WORD})(?={WORD}))"
NOT_WORD_BOUNDARY = f"(?:(?<={WORD})(?={WORD})|(?<!{WORD})(?!{WORD}))"

_POSIX = {
    "alnum": r"\p{Alnum}",
    "alpha": r"\p{Alphabetic}",
    "ascii": r"\x00-\x7f",
    "blank": r"\p{Blank}",
    "cntrl": r"\p{Cc}",
    "digit": r"\d",
    "graph": r"\p{Graph}",
    "lower": r"\p{Lowercase}",
    "print": r"\p{Print}",
    "punct": r"\p{P}",
    "space": r"\s",
    "upper": r"\p{Uppercase}",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}
_NOT_POSIX = {"ascii": "\x80-\U0010ffff", "xdigit": r"\x00-/:-@G-`g-\U0010ffff"}


_PROPERTY_NAME = re.compile(r"[ \w-]+", re.ASCII)


@dataclass(slots=True)
class ClassItems:
    """What is between the brackets."""

    parts: list[str] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    negated_parts: bool = False  # \W and the like are among the parts
    empty_range: bool = False

    def add(self, c: str) -> None:
        """A character."""
        self.add_range(c, c)

    def add_range(self, low: str, high: str) -> None:
        """All characters from `low` to `high`."""
        self.empty_range |= high < low
        if _is_stray(low) or _is_stray(high):
            self.strays.append(_range(low, high))
        elif low < "\ud800" and high > "\udfff":
            self.parts += [_range(low, "\ud7ff"), _range("\ue000", high)]
        else:
            self.parts.append(_range(low, high))

    def add_class(self, source: str, *, negated: bool) -> None:
        """A class such as \\d; `negated` if it is one that excludes."""
        self.parts.append(source)
        self.negated_parts |= negated


def written_class(items: ClassItems, *, negated: bool) -> str:
    """The bracket expression for `regex`."""
    parts, strays = "".join(items.parts), "".join(items.strays)
    if not items.negated_parts:
        return f"[{'^' if negated else ''}{parts}{strays}]"
    # A part that excludes would let bytes in that Oniguruma keeps out, or the other way round.
    except_strays = f"(?![{strays}])" if strays else ""
    if negated:
        return f"(?:[^{parts}]|{except_strays}[{_STRAYS}])"
    return f"(?:(?![{_STRAYS}])[{parts}]" + (f"|[{strays}])" if strays else ")")


def stray(byte: int) -> str:
    """A byte that is no character, as it stands in rewritten patterns and texts."""
    return chr(0xDC00 + byte)


def posix_bracket(name: str, *, negated: bool) -> str | None:
    """The class of `[:name:]`; None if there is no such."""
    source = _POSIX.get(name)
    if source is None or not negated:
        return source
    if source.startswith(r"\p"):
        return r"\P" + source[2:]
    return source.upper() if source in (r"\d", r"\s", r"\w") else _NOT_POSIX[name]


def property_class(name: str, *, negated: bool) -> str | None:
    """The class of `\\p{name}`; None if the name is not one of a property."""
    import regex

    simple = name.replace(" ", "").replace("_", "").replace("-", "").lower()
    if simple in _POSIX:
        bracket = posix_bracket(simple, negated=negated)
        # Ranges need brackets, escapes stand alone.
        return f"[{bracket}]" if simple in _NOT_POSIX else bracket
    source = f"\\{'P' if negated else 'p'}{{{name.strip()}}}"
    if not _PROPERTY_NAME.fullmatch(name):
        return None
    try:
        regex.compile(source)
    except regex.error:
        return None
    return source


def _range(low: str, high: str) -> str:
    return _written(low) if low == high else f"{_written(low)}-{_written(high)}"


def _written(c: str) -> str:
    return c if c.isalnum() or c > "\x7f" or c < " " else "\\" + c


def _is_stray(c: str) -> bool:
    return "\udc80" <= c <= "\udcff"
