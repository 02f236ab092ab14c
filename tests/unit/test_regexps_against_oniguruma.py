"""The rewritten regular expressions against Oniguruma itself, where its library is installed."""

import ctypes
import ctypes.util

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from duma.convert import ConverterError
from duma.convert.regexps import Regexp

_library = ctypes.util.find_library("onig")
pytestmark = pytest.mark.skipif(_library is None, reason="libonig is not installed")


class _Region(ctypes.Structure):
    _fields_ = (
        ("allocated", ctypes.c_int),
        ("num_regs", ctypes.c_int),
        ("beg", ctypes.POINTER(ctypes.c_int)),
        ("end", ctypes.POINTER(ctypes.c_int)),
        ("history", ctypes.c_void_p),
    )


class Refused(Exception):
    """A pattern that Oniguruma refuses: why, and the number of its error."""


TARGET_OF_REPEAT_IS_INVALID = -114


class Oniguruma:
    """A pattern in Perl syntax, compiled by the library."""

    def __init__(self, pattern):
        self.library = ctypes.CDLL(_library)
        utf8 = ctypes.addressof(ctypes.c_char.in_dll(self.library, "OnigEncodingUTF8"))
        perl = ctypes.addressof(ctypes.c_char.in_dll(self.library, "OnigSyntaxPerl"))
        self.library.onig_initialize((ctypes.c_void_p * 1)(utf8), 1)
        self.library.onig_region_new.restype = ctypes.POINTER(_Region)
        data = pattern.encode()
        self.pattern = ctypes.create_string_buffer(data, len(data) + 1)
        start = ctypes.addressof(self.pattern)
        self.compiled = ctypes.c_void_p()
        error = self.library.onig_new(
            ctypes.byref(self.compiled),
            ctypes.c_void_p(start),
            ctypes.c_void_p(start + len(data)),
            ctypes.c_uint(0),
            ctypes.c_void_p(utf8),
            ctypes.c_void_p(perl),
            (ctypes.c_void_p * 3)(),
        )
        if error:
            raise Refused(f"Oniguruma refuses {pattern!r}: {error}", error)

    def matches(self, data):
        """For each offset: length and groups of the match there, or None."""
        buffer = ctypes.create_string_buffer(data, len(data) + 1)
        start = ctypes.addressof(buffer)
        region = self.library.onig_region_new()
        found = []
        for at in range(len(data) + 1):
            length = self.library.onig_match(
                self.compiled,
                *map(ctypes.c_void_p, (start, start + len(data), start + at)),
                region,
                ctypes.c_uint(0),
            )
            groups = region.contents
            spans = tuple((groups.beg[i], groups.end[i]) for i in range(groups.num_regs))
            found.append(None if length < 0 else (length, spans))
        return found


def matches(pattern, data):
    scan = Regexp(pattern).scan(data)
    found = [scan(at) for at in range(len(data) + 1)]
    return [m and (m.length, m.spans) if m is None or m.begin == at else None for at, m in enumerate(found)]


ATOMS = [
    *"abcx01 _-.^$#{}]",
    *("あ", "い", "、", "é", "ª", "²", "\n", "À"),
    *(
        r"\w",
        r"\W",
        r"\d",
        r"\D",
        r"\s",
        r"\S",
        r"\A",
        r"\Z",
        r"\z",
        r"\1",
        r"\2",
        r"\K",
        r"\n",
        r"\N",
        r"\O",
    ),
    *(r"\x41", r"\x{3042}", r"\101", r"\10", r"\0", r"\xe3\x81\x82", r"\p{Hiragana}", r"\P{L}", r"\p{^L}"),
    *(r"\h", r"\v", r"\/", r"\-", r"\Qa.\E", "(?i)", "(?s)", "(?m)", "(?-i)", "(?#c)", "(?x) "),
    *("[あ-ん]", "[^あ]", "[^a]", "[a-c]", "[]a]", "[^]a]", "[a-]", "[[:alpha:]]", "[[:^digit:]x]"),
    *(r"[\w-]", r"[^\W]", r"[\D]", r"[\S、]", r"[\x80-\xff]", r"[^\x81]"),
]
QUANTIFIERS = [
    "",
    "",
    "",
    "",
    "*",
    "+",
    "?",
    "*?",
    "+?",
    "??",
    "*+",
    "{2}",
    "{1,2}",
    "{1,}?",
    "{2}+",
    "{,2}",
    "**",
]
OPENINGS = ["(", "(", "(?:", "(?=", "(?!", "(?>", "(?i:", "(?s-i:", "(?(1)"]
# These see the character before, which is not always the same one inside of a character: for ASCII only.
LOOKING_BACK = [r"\b", r"\B", "(?<=a)", "(?<!b)", "(?<=^b)", "(?<=\\w)"]


def patterns(atoms):
    part = st.tuples(st.sampled_from(atoms), st.sampled_from(QUANTIFIERS)).map("".join)
    joined = st.lists(part, min_size=1, max_size=3).map("".join)
    nested = st.recursive(
        joined,
        lambda inner: st.tuples(
            st.sampled_from(OPENINGS), inner, st.sampled_from([")", ")*", ")?", ")+", "|a)", "|)"]), inner
        ).map("".join),
        max_leaves=4,
    )
    return st.lists(nested, min_size=1, max_size=2).map("|".join)


def compare(pattern, text):
    try:
        expected = Oniguruma(pattern)
    except Refused as refused:
        # A repeated group of nothing but anchors, as in (?:^)*, is accepted here, and matches what it says.
        if refused.args[1] == TARGET_OF_REPEAT_IS_INVALID:
            return
        with pytest.raises(ConverterError):
            Regexp(pattern)
        return
    try:
        found = matches(pattern, text.encode())
    except ConverterError as error:
        assume("inside of it" not in error.detail and "condition" not in error.detail)
        raise
    assert found == expected.matches(text.encode())


@settings(derandomize=True)  # the library is not on every machine: the same patterns on each one that has it
@given(patterns(ATOMS), st.text(alphabet="abcxABC01 _-\n#{}.あい、éÉª²À", max_size=6))
def test_any_text(pattern, text):
    # Word boundaries aside, what follows a character that a match started inside of is the same.
    compare(pattern, text)


@settings(derandomize=True)
@given(patterns(ATOMS + LOOKING_BACK), st.text(alphabet="abcxABC01 _-\n#{}.", max_size=8))
def test_ascii_text(pattern, text):
    compare(pattern, text)
