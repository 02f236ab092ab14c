"""The text of a regular expression: going through it, and reading the characters that are written as
escapes.
"""

from duma.convert.character_classes import property_class, stray

DIGITS = frozenset("0123456789")
_OCTAL = frozenset("01234567")
_HEX = frozenset("0123456789abcdefABCDEF")
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "a": "\a", "e": "\x1b"}


class PatternError(ValueError):
    """A pattern that cannot be used; the text says why."""


class PatternText:
    """A pattern and the place in it where reading goes on."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        """The next character, or the one `ahead` of it; empty at the end."""
        return self.pattern[self.at + ahead : self.at + ahead + 1]

    def take(self, expected: str) -> bool:
        """Go past `expected` if it is next."""
        if self.pattern.startswith(expected, self.at):
            self.at += len(expected)
            return True
        return False

    def next(self, otherwise: str) -> str:
        """Go past the next character. Raises `PatternError(otherwise)` at the end."""
        if self.at >= len(self.pattern):
            raise PatternError(otherwise)
        self.at += 1
        return self.pattern[self.at - 1]

    def take_while(self, allowed: frozenset[str], most: int = 1000) -> str:
        """Go past as many of the allowed characters as there are."""
        start = self.at
        while self.at - start < most and self.peek() in allowed:  # the empty text at the end is in no set
            self.at += 1
        return self.pattern[start : self.at]


def starts_code(c: str) -> bool:
    r"""Whether the character after a backslash starts a number: `\x41`, `\o{101}`, `\101`."""
    return c in ("x", "o") or c in _OCTAL


def simple_escape(text: PatternText, c: str) -> str:
    r"""What `\c` stands for where `c` has no meaning of its own: a control, or the character itself."""
    if c == "c":
        c = text.next("end pattern at control")
        if c == "\\":
            c = simple_escape(text, text.next("end pattern at control"))
        return "\x7f" if c == "?" else chr(ord(c) & 0x9F)
    return _CONTROLS.get(c, c)


def coded_character(text: PatternText, kind: str, *, in_brackets: bool) -> str:
    r"""The character that is written as a number, after the backslash and `kind`, its next character.

    Numbers from `\x80` to `\xff` are bytes, and several of them make a character. A single one is a byte
    that is no character; in brackets that can be any byte that cannot start a character of several.
    """
    value, is_byte = _code(text, kind)
    if not is_byte or value < 0x80:
        return chr(value)
    taken = bytearray([value])
    announced = _announced(value)
    while len(taken) < announced and (following := _coded_byte(text)) is not None:
        taken.append(following)
    if announced == 1 and (in_brackets or value >= 0xF8):
        return stray(value)
    try:
        return taken.decode()
    except UnicodeDecodeError as error:
        raise PatternError("bytes that are no character") from error


def read_property(text: PatternText, *, negated: bool) -> str:
    r"""The class of what follows `\p` or `\P`."""
    text.take("{")
    end = text.pattern.find("}", text.at)
    name = text.pattern[text.at : end]
    source = property_class(name.removeprefix("^"), negated=negated != name.startswith("^"))
    if end < 0 or source is None:
        raise PatternError(f"invalid character property name {{{name}}}")
    text.at = end + 1
    return source


def _code(text: PatternText, kind: str) -> tuple[int, bool]:
    """A number, and whether it is one of a byte."""
    if kind in ("x", "o") and text.take("{"):
        base, allowed = (16, _HEX) if kind == "x" else (8, _OCTAL)
        digits = text.take_while(allowed, 12)
        if not digits or not text.take("}"):
            raise PatternError("invalid code point value")
        value = int(digits, base)
        if value > 0x10FFFF or 0xD800 <= value < 0xE000:
            raise PatternError("invalid code point value")
        return value, False
    if kind == "o":
        return ord("o"), False
    if kind == "x":
        return int(text.take_while(_HEX, 2) or "0", 16), True
    digits = kind + text.take_while(_OCTAL, 2)
    if int(digits, 8) > 0xFF:
        raise PatternError("too big number")
    return int(digits, 8), True


def _coded_byte(text: PatternText) -> int | None:
    """The byte >= 0x80 that is written here, or None."""
    start = text.at
    if text.take("\\") and text.peek() != "o" and starts_code(text.peek()):
        value, is_byte = _code(text, text.next(""))
        if is_byte and value >= 0x80:
            return value
    text.at = start
    return None


def _announced(first: int) -> int:
    """How many bytes the character has that starts with this one."""
    if 0xC0 <= first < 0xF8:
        return 2 + (first >= 0xE0) + (first >= 0xF0)
    return 1
