"""Regular expressions mean what they mean to Oniguruma's Perl syntax, matched at every byte of a text."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma.convert import ConversionError, ConverterError
from duma.convert.regexps import Regexp, regexp_filter, regexp_splitter


def filtered(pattern, replace, text):
    result = regexp_filter(pattern, replace)(text if isinstance(text, bytes) else text.encode())
    return result if isinstance(text, bytes) else result.decode("utf-8", "surrogateescape")


def split(pattern, group, text):
    return [
        value.decode("utf-8", "surrogateescape")
        for value, _ in regexp_splitter(pattern, group)(text.encode())
    ]


def length(pattern, text):
    """Bytes that a match at the start takes, or None."""
    data = text if isinstance(text, bytes) else text.encode()
    found = Regexp(pattern).scan(data)(0)
    return found.length if found is not None and found.begin == 0 else None


# Pattern, text, and how many bytes a match at its start takes.
SYNTAX = [
    ("^b", "a\nb", None),
    ("a\n^b", "a\nb", None),
    ("(?m)a\n^b", "a\nb", 3),
    ("(?m)a$\n", "a\nb", 2),
    ("(?m)\n^", "\n", None),
    ("a$", "a\n", 1),
    ("a$", "a\n\n", None),
    (r"a\Z", "a\n", 1),
    (r"a\z", "a\n", None),
    (r"\Aa", "a", 1),
    (".", "\n", None),
    (".", "あ", 3),
    ("(?s).", "\n", 1),
    ("(?s-s:.)", "\n", None),
    ("a*", "aab", 2),
    ("a*?", "aab", 0),
    ("a*+a", "aa", None),
    ("a{2}", "aaa", 2),
    ("a{1,2}", "aaa", 2),
    ("a{1,2}?", "aaa", 1),
    ("a{2,}", "aaaa", 4),
    ("a{2}+a", "aaa", 3),
    ("a{,2}", "aa", None),
    ("a{,2}", "a{,2}", 5),
    ("a{x", "a{x", 3),
    ("a**", "aa", 2),
    ("(a{2}){2}", "aaaa", 4),
    ("(?:ab)+", "abab", 4),
    ("a(?=b)", "ab", 1),
    ("a(?!b)", "ab", None),
    ("ab(?<=ab)c", "abc", 3),
    ("ab(?<!b)c", "abc", None),
    ("(?>a+)a", "aaa", None),
    ("(?i)aB", "Ab", 2),
    ("(?i:a)b", "Ab", 2),
    ("(?i:a)b", "AB", None),
    ("a(?i)b|c", "C", 1),
    ("(?i)É", "é", 2),
    ("(?x) a b # c\n d", "abd", 3),
    ("(?x) [ a]", " ", 1),
    ("(?xi) A (?-i: B )", "aB", 2),
    ("a(?#comment\\)here)b", "ab", 2),
    ("a(?#c)*", "aa", 2),
    (r"(a|b)\1", "bb", 2),
    (r"(a|b)\1", "ba", None),
    (r"(?i)(a)\1", "aA", 2),
    (r"(a)?(?(1)b|c)", "ab", 2),
    (r"(a)?(?(1)b|c)", "c", 1),
    (r"\d", "３", 3),
    (r"\w", "é", 2),
    (r"\w", "²", 2),
    (r"[\w]", "²", None),
    (r"\s", "\u3000", 3),
    (r"\W\D\S", "-a-", 3),
    (r"[[:alpha:]]", "あ", 3),
    (r"[[:^alpha:]]", "1", 1),
    (r"[[:digit:][:punct:]]+", "1.", 2),
    (r"[[:xdigit:]]+", "fFg", 2),
    (r"[[:^xdigit:]]", "あ", 3),
    (r"[[:ascii:]]", "あ", None),
    (r"[[:^ascii:]]", "あ", 3),
    (r"\p{Hiragana}", "あ", 3),
    (r"\p{ hira_gana }", "あ", 3),
    (r"\p{^Hiragana}", "a", 1),
    (r"\P{Hiragana}", "あ", None),
    (r"\P{^Hiragana}", "あ", 3),
    (r"[\p{Hiragana}\p{Katakana}]+", "あア", 6),
    (r"\p{alnum}", "3", 1),
    (r"\p{xdigit}", "g", None),
    (r"\P{xdigit}", "g", 1),
    (r"\pL", "pL", 2),
    (r"\Qa.b\E.", "a.bx", 4),
    (r"\Qa.b\E.", "axbx", None),
    (r"\Qa*", "a*", 2),
    (r"\x{3042}", "あ", 3),
    (r"\x41", "A", 1),
    (r"\xe3\x81\x82+", "ああ", 6),
    (r"\343\201\202", "あ", 3),
    (r"\o{101}\101", "AA", 2),
    (r"\0", "\0", 1),
    (r"(a)\10", "a\b", 2),
    (r"a\Kb", "ab", 2),
    (r"\R", "\r\n", 2),
    (r"\X", "e\u0301x", 3),
    (r"\N\O", "a\n", 2),
    (r"\n\t\r\f\a\e", "\n\t\r\f\a\x1b", 6),
    (r"\cA\c?", "\x01\x7f", 2),
    (r"\h\H\v\i", "hHvi", 4),
    (r"\/\-\.\あ", "/-.あ", 6),
    (r"\k<1>\g<1>", "k<1>g<1>", 8),
    ("[]a]+", "]a", 2),
    ("[^]a]", "b", 1),
    ("[a-]+", "a-", 2),
    ("[-a]+", "a-", 2),
    ("[a-c-e]+", "b-e", 3),
    ("[a-c-e]+", "d", None),
    ("[+--]+", "+,-", 3),
    ("[a[b]+", "a[b", 3),
    ("[a&&b]+", "a&b", 3),
    ("[a||b~~c]+", "a|b~c", 5),
    (r"[\b]", "\b", 1),
    (r"[\x41-\x{43}\104]+", "ABCD", 4),
    (r"[\d-]+", "1-", 2),
    (r"[^\d]", "1", None),
    (r"[^\D]", "1", 1),
    ("[あ-う]+", "あいうえ", 9),
    (r"[\xe3\x81\x82-\xe3\x81\x84]+", "あぃ", 6),
    ("[^\n]", "\n", None),
    ("[[:x]+", "[:x", 3),
    ("a]}", "a]}", 3),
    ("a||b", "b", 0),
    ("()", "", 0),
    (".", b"\xff", 1),
    (r"[^a]", b"\xff", 1),
    (r"\xff", b"\xff", 1),
    (r"[\x80-\xff]", b"\x80", 1),
    (r"[^\x80-\xff]", b"\x80", None),
    (r"[\D]", b"\x80", None),
    (r"[\Da\x81]", b"\x81", 1),
    (r"[^\Da\x81]", b"\x81", None),
    (r"[^\Da\x81]", b"\x82", 1),
    (r"\D", b"\x80", 1),
    (r"[a-\x{ffff}]", b"\x80", None),
]


class TestSyntax:
    @pytest.mark.parametrize(("pattern", "text", "expected"), SYNTAX)
    def test_each_construct(self, pattern, text, expected):
        assert length(pattern, text) == expected

    @pytest.mark.parametrize(
        "pattern",
        [
            "(?<n>a)",
            "(?P<n>a)",
            "(?'n'a)",
            "(?P=n)",
            "(?|a)",
            "(?R)",
            "(?1)(a)",
            "(?^:a)",
            "(?L)a",
            "(?u)a",
            "(",
            "(a",
            "(?",
            "(?i",
            "(?#",
            ")",
            "a)",
            "[",
            "[]",
            "[^]",
            "[a",
            "[b-a]",
            "[a--]",
            r"[a-\d]",
            r"[\d-z]",
            "[[:foo:]]",
            "[[:alpha:]-z]",
            "\\",
            "[\\",
            r"\c",
            "*",
            "+a",
            "?",
            "a|*",
            "(*)",
            "{1}",
            "^*",
            r"\b+",
            "(?=a)*",
            r"\K?",
            "a{3,2}",
            "a{100001}",
            r"\1",
            r"\2(a)",
            "(?(1)a)",
            "(?(2)a|b)(c)",
            "(?(1)a|b|c)(d)",
            r"(a\1)",
            r"\p{foo}",
            r"\p{",
            r"\p{L&}",
            r"\p{}",
            r"\x{110000}",
            r"\x{d800}",
            r"\x{",
            r"\400",
            r"\xe3",
            r"\xe3\x81",
            r"\x81",
            r"[\xe3\x81]",
            "(?~ab)",
            "(?{a})",
            "(*FAIL)",
            r"\y",
            "(" * 10_000,
        ],
    )
    def test_what_is_refused(self, pattern):
        with pytest.raises(ConverterError) as caught:
            Regexp(pattern)
        assert str(caught.value) == f"invalid regular expression: {pattern}"
        assert caught.value.detail

    @given(st.text(alphabet="ab()[]{}*+?|\\^$.-:<>=!123,idsmxpPQEKRあ \n"))
    def test_any_pattern_is_used_or_refused(self, pattern):
        with contextlib.suppress(ConverterError):
            Regexp(pattern).starts("abあ\n".encode())


class TestMatcher:
    @pytest.mark.parametrize(
        ("pattern", "key", "expected"),
        [
            ("abc", "abcdef", True),
            ("abc", "xabc", False),
            ("", "anything", True),
            ("", "", True),
            ("a$", "a", True),
            ("名", "名前", True),
            ("前", "名前", False),
            (".*@str#.*", "name$a\n@str#bin/bin", False),
            (".*@str#.*", "name$a@str#bin/bin", True),
        ],
    )
    def test_it_starts_at_the_first_byte(self, pattern, key, expected):
        assert Regexp(pattern).starts(key.encode()) is expected


class TestFilter:
    @pytest.mark.parametrize(
        ("pattern", "replace", "text", "expected"),
        [
            ("o+", "0", "foo boo", "f0 b0"),
            ("^", "A", "xyz", "Axyz"),
            ("$", "A", "xyz", "xyzA"),
            ("$", "Q", "a\n", "aQ\nQ"),
            (".??", "-", "xyz", "-x-y-z-"),
            ("a*", "Q", "aab", "QQbQ"),
            ("z*", "Q", "ab", "QaQbQ"),
            ("(cat|dog)", r"<\1>", "a dog", "a <dog>"),
            ("nn", "n", "nnnnn", "nnn"),
            ("a", "", "banana", "bnn"),
            ("a", "x", "", ""),
            ("", "x", "", "x"),
            ("(a)(b)", r"\2\1\0\\\10", "ab", "baab\\a0"),
            ("a", "あ", "bab", "bあb"),
            ("b(?=c)", "x", "bcb", "xcb"),
            ("(?<=a)b", "x", "abb", "axb"),
            (r"\bb", "x", "b ab", "x ab"),
            (r"a\Kb", r"<\0>", "ab", "<b>"),
            (r"\Ga", "x", "ab", "xb"),
            ("[あ-ん]+", "か", "aあいb", "aかb"),
            ("い", "", "あいう", "あう"),
            ("(.)い", r"\1", "あいい", "あい"),
        ],
    )
    def test_every_match_is_replaced(self, pattern, replace, text, expected):
        assert filtered(pattern, replace, text) == expected

    @pytest.mark.parametrize(
        ("pattern", "text", "expected"),
        [
            ("[^あ]", "あ".encode(), b"\xe3QQ"),
            ("z*", "é".encode(), b"Q\xc3Q\xa9Q"),
            ("[^あ]x", "あx".encode(), b"\xe3\x81Q"),
            ("[^、]+", "、あ".encode(), b"\xe3Q"),
            (r"\w", "ª、".encode(), "Q、".encode()),
            (r"[^\w]+", "いª".encode(), b"\xe3Q\xc2Q"),
            ("(?<=、)x", "、x".encode(), b"\xe3Q"),
            ("(?<!x).", b"x\xe3\x81\x82", b"Q\xe3QQ"),
            (".", "あ".encode(), b"Q"),
            (".", b"\xff\xe3\x81", b"QQQ"),
            ("^", "あ".encode(), b"Q\xe3\x81\x82"),
            (r"\A.", "ああ".encode(), b"Q\xe3\x81\x82"),
            ("a?[^あ]", "あ".encode(), b"\xe3QQ"),
        ],
    )
    def test_matches_are_tried_inside_of_characters(self, pattern, text, expected):
        assert filtered(pattern, "Q", text) == expected

    def test_a_group_that_took_no_part(self):
        apply = regexp_filter("(a)|b", r"<\1>")
        assert apply(b"a") == b"<a>"
        with pytest.raises(ConversionError) as caught:
            apply(b"ab")
        assert str(caught.value) == (
            "basic_string::substr: __pos (which is 18446744073709551615) > this->size() (which is 2)"
        )

    @given(st.text(alphabet="ab、あé\n"), st.sampled_from(["a", "[^あ]", "b*", "(?<=a).", "、|a+", r"\w+"]))
    def test_replacing_a_match_by_itself_changes_nothing(self, text, pattern):
        assert filtered(pattern, r"\0", text) == text


class TestSplitter:
    @pytest.mark.parametrize(
        ("pattern", "group", "text", "expected"),
        [
            ("([0-9]+)", 1, "ab12cd345", ["12", "345"]),
            ("/([^/]+)/", 1, "/usr/lib/x/y", ["usr", "lib", "x"]),
            ("(id|ID)=([0-9]+)", 2, "id=23 ID=4", ["23", "4"]),
            ("..", 0, "abcde", ["ab", "cd"]),
            ("().", 1, "abc", ["", "", ""]),
            ("a*(b)", 1, "aab", ["b", "b", "b"]),
            ("a", 0, "", []),
            ("$", 0, "ab", []),
            ("[^ ]+", 0, "あ い", ["あ", "い"]),
            ("[^、]+", 0, "今日、晴れ", ["今日", "\udc80\udc81晴れ"]),
            ("([あ-ん])x?", 1, "あxい", ["あ", "い"]),
        ],
    )
    def test_elements(self, pattern, group, text, expected):
        assert split(pattern, group, text) == expected

    def test_scores_are_one(self):
        assert regexp_splitter("a", 0)(b"aa") == [(b"a", 1.0), (b"a", 1.0)]

    def test_a_group_that_took_no_part(self):
        with pytest.raises(
            ConversionError, match=r"^basic_string::substr: __pos \(which is 18446744073709551615\)"
        ):
            split("(a)|b", 1, "b")

    def test_long_text(self):
        assert len(split("[^、]+", 0, "今日は晴れ " * 2000)) == 1
        assert len(split(r"\w+", 0, "word " * 20_000)) == 20_000
