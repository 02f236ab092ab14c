"""Regular expressions in Oniguruma's "Perl" syntax, rewritten for the `regex` package.

Configurations written for Jubatus mean Oniguruma's Perl syntax. Most of it is the same in `regex`; this
module reads a pattern as Oniguruma does and writes it again so that every difference is spelled out:
options become part of what they act on, `^`, `$` and classes are written for what they mean there, repeated
repetitions are grouped, unknown escapes become literal, and what Oniguruma refuses (named groups,
`(?|...)`, recursion) is refused.

Not taken, although Oniguruma would: absent operators `(?~...)`, callouts `(?{...})` and `(*...)`, `\\y` and
`\\Y`, conditions that are not a group's number, and references to a group from inside of it. Look-behind is
taken in more forms than Oniguruma takes.

Matching may be tried inside a character (see `regexps`), where Oniguruma takes a continuation byte as a
character of its own. In rewritten patterns such a byte is the surrogate that Python's `surrogateescape`
makes of it.
"""

from dataclasses import dataclass, replace

from duma.convert.brackets import read_bracket
from duma.convert.character_classes import NOT_WORD, NOT_WORD_BOUNDARY, WORD, WORD_BOUNDARY
from duma.convert.pattern_text import (
    DIGITS,
    PatternError,
    PatternText,
    coded_character,
    read_property,
    simple_escape,
    starts_code,
)

_MOST_REPEATS = 100_000
_SPECIAL = frozenset("\\^$.[]|()*+?{}#&-~ ")
_ANY_BUT_NEWLINE = r"[^\n]"
_ANY = "(?s:.)"
_SHORT_CLASSES = frozenset("wWdDsS")
_BEYOND_ASCII = {"w": WORD, "W": NOT_WORD, "b": WORD_BOUNDARY, "B": NOT_WORD_BOUNDARY}
_LINE_START = r"(?:\A|(?<=\n)(?!\Z))"  # an empty last line does not count
_LINE_END = r"(?:(?=\n)|(?<!\n)\Z)"
_NEWLINES = r"(?>\r\n|[\n-\r\x85\u2028\u2029])"
_OPTIONS = {"i": "ignore_case", "s": "dot_all", "m": "multi_line", "x": "extended"}
_GROUP_OPENINGS = (":", ">", "=", "!", "<=", "<!")


@dataclass(frozen=True, slots=True)
class Translation:
    """A pattern in the words of `regex`, with what the one who matches must know of it."""

    source: str  # for texts of any characters
    ascii_source: str  # for ASCII texts only, where some things are simpler
    groups: int
    starts_inside: bool  # a match may start inside a character (a cautious guess: false means certainly not)
    starts_behind: bool  # it starts with a look-behind
    looks_behind: bool  # it may look at more than the one character before a match
    start_matters: bool  # it contains \G or \K: a search would not tell where a match was tried


@dataclass(frozen=True, slots=True)
class _Options:
    ignore_case: bool = False
    dot_all: bool = False
    multi_line: bool = False
    extended: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of the rewritten pattern. `literal` is set while characters may still be joined to it."""

    source: str
    empty: bool = False  # may match without taking a character
    inside: bool = False  # may start inside a character
    single: bool = True  # a quantifier can be appended as it is
    literal: str | None = None
    ignore_case: bool = False
    anchor: bool = False  # cannot be repeated
    behind: bool = False  # is a positive look-behind

    def joins(self, following: "_Piece") -> bool:
        """Whether both are characters that can be written as one piece."""
        both = self.literal is not None and following.literal is not None
        return both and self.ignore_case == following.ignore_case

    def grouped(self) -> str:
        """What a quantifier can be appended to."""
        return self.source if self.single else f"(?:{self.source})"


def translate(pattern: str) -> Translation:
    """Rewrite a pattern. Raises `PatternError`."""
    reader = _Reader(pattern, only_ascii=False)
    piece, branches = reader.whole()
    return Translation(
        source=piece.source,
        ascii_source=_Reader(pattern, only_ascii=True).whole()[0].source,
        groups=reader.groups,
        starts_inside=piece.empty or piece.inside,
        starts_behind=len(branches) == 1 and piece.behind,
        looks_behind=reader.looks_behind,
        start_matters=reader.start_matters,
    )


class _Reader(PatternText):
    def __init__(self, pattern: str, *, only_ascii: bool) -> None:
        super().__init__(pattern)
        self.only_ascii = only_ascii
        self.depth = 0
        self.options = _Options()
        self.quoting = False
        self.groups = 0
        self.open_groups: set[int] = set()
        self.highest_reference = 0
        self.looks_behind = False
        self.start_matters = False

    def whole(self) -> tuple[_Piece, list[_Piece]]:
        """The whole pattern, and its branches."""
        piece, branches = self.alternatives()
        if self.highest_reference > self.groups:
            raise PatternError("reference to a group that does not exist")
        return piece, branches

    def skip_unread(self) -> None:
        """Comments, white space of extended patterns, and the ends of quotations."""
        while True:
            if self.quoting:
                if not self.take("\\E"):
                    return
                self.quoting = False
            elif self.take("\\Q"):
                self.quoting = True
            elif self.take("(?#"):
                while (c := self.next("end pattern in group")) != ")":
                    if c == "\\":
                        self.next("end pattern in group")
            elif self.options.extended and self.peek() and self.peek() in " \t\n\v\f\r":
                self.at += 1
            elif self.options.extended and self.take("#"):
                while self.peek() and self.next("") != "\n":
                    pass
            else:
                return

    # Alternatives, sequences, repetition

    def alternatives(self) -> tuple[_Piece, list[_Piece]]:
        """Up to the end of the group: everything as one piece, and each branch. Options end with their
        group.
        """
        options = self.options
        branches = [self.branch()]
        while self.take("|"):
            branches.append(self.branch())
        self.options = options
        return (
            _Piece(
                "|".join(branch.source for branch in branches),
                empty=any(branch.empty for branch in branches),
                inside=any(branch.inside for branch in branches),
                single=False,
                behind=branches[0].behind,
            ),
            branches,
        )

    def branch(self) -> _Piece:
        """One alternative."""
        pieces: list[_Piece] = []
        while True:
            self.skip_unread()
            if not self.peek() or (not self.quoting and self.peek() in "|)"):
                if self.peek() == ")" and self.depth == 0:
                    raise PatternError("unmatched close parenthesis")
                break
            piece = self.atom()
            if piece is None:
                continue
            piece = self.repeated(piece)
            last = pieces[-1] if pieces else None
            if last is not None and last.joins(piece):
                pieces[-1] = _literal(f"{last.literal}{piece.literal}", piece.ignore_case)
            else:
                pieces.append(piece)
        return _sequence(pieces)

    def repeated(self, piece: _Piece) -> _Piece:
        """The piece with the quantifiers that follow it."""
        while True:
            self.skip_unread()
            quantifier = "" if self.quoting else self.quantifier()
            if not quantifier:
                return piece
            if piece.anchor:
                raise PatternError("target of repeat operator is invalid")
            piece = _Piece(
                piece.grouped() + quantifier,
                empty=piece.empty or quantifier.startswith(("*", "?", "{0,")),
                inside=piece.inside,
                single=False,
            )

    def quantifier(self) -> str:
        """The quantifier that is here, or nothing."""
        c = self.peek()
        if c in ("*", "+", "?"):
            self.at += 1
            found = c
        else:
            found = self.interval()
        for kind in "?+":  # lazy, possessive
            if found and self.take(kind):
                return found + kind
        return found

    def interval(self) -> str:
        """`{n}`, `{n,}` or `{n,m}`, or nothing; anything else in braces is text."""
        start = self.at
        low = self.take_while(DIGITS) if self.take("{") else ""
        high = self.take_while(DIGITS) if low and self.take(",") else low
        if not low or not self.take("}"):
            self.at = start
            return ""
        if int(low) > _MOST_REPEATS or (high and int(high) > _MOST_REPEATS):
            raise PatternError("too big number for repeat range")
        if high and int(high) < int(low):
            raise PatternError("upper is smaller than lower in repeat range")
        return f"{{{int(low)},{int(high) if high else ''}}}"

    # One atom

    def atom(self) -> _Piece | None:
        """One thing that can be repeated, or None for what only sets options."""
        if self.quoting:
            return self.character(self.next(""))
        if self.quantifier():
            raise PatternError("target of repeat operator is not specified")
        c = self.next("")
        if c == "(":
            return self.group()
        if c == "[":
            bracket = read_bracket(self)
            source = f"(?i:{bracket.source})" if self.options.ignore_case else bracket.source
            return _Piece(source, inside=bracket.takes_strays)
        if c == ".":
            return _Piece(_ANY if self.options.dot_all else _ANY_BUT_NEWLINE, inside=True)
        if c == "^":
            return self.start(_LINE_START if self.options.multi_line else r"\A")
        if c == "$":
            return _Piece(_LINE_END if self.options.multi_line else "$", empty=True, anchor=True)
        if c == "\\":
            return self.escape()
        return self.character(c)

    def start(self, source: str) -> _Piece:
        """An anchor to a start. It never holds inside a character, nor does what follows it: hence not
        `empty`.
        """
        return _Piece(source, anchor=True)

    def character(self, c: str) -> _Piece:
        return _literal(c, self.options.ignore_case)

    def escape(self) -> _Piece:
        """What follows a backslash."""
        c = self.next("end pattern at escape")
        written = rf"\{c}" if self.only_ascii else _BEYOND_ASCII.get(c, rf"\{c}")
        if c in _SHORT_CLASSES:
            return _Piece(written, inside=c not in "ds")
        if c in "bB":
            return _Piece(written, empty=True, anchor=True)
        if c == "A":
            return self.start(r"\A")
        if c in "zZ":
            return _Piece(r"\Z" if c == "z" else "$", empty=True, anchor=True)
        if c in "GK":
            self.start_matters = True
            return _Piece(rf"\{c}", empty=True, anchor=True)
        if c == "R":
            return _Piece(_NEWLINES)
        if c == "X":
            return _Piece(r"\X", inside=True)
        if c in "NO":
            return _Piece(_ANY if c == "O" else _ANY_BUT_NEWLINE, inside=True)
        if c in "yY":
            raise PatternError(f"\\{c} is not supported")
        if c in "pP" and self.peek() == "{":
            source = read_property(self, negated=c == "P")
            return _Piece(source, inside=source.startswith(r"\P"))
        reference = self.back_reference() if c in DIGITS and c != "0" else None
        if reference is not None:
            return reference
        if starts_code(c):
            return self.character(coded_character(self, c, in_brackets=False))
        return self.character(simple_escape(self, c))

    def back_reference(self) -> _Piece | None:
        """A reference to a group, or None if the number is too large to be one."""
        start = self.at
        self.at -= 1
        number = int(self.take_while(DIGITS))
        if number > max(self.groups, 9):
            self.at = start
            return None
        if number in self.open_groups:
            raise PatternError("a reference to a group inside of it is not supported")
        self.highest_reference = max(self.highest_reference, number)
        source = f"(?{'i' if self.options.ignore_case else ''}:\\{number})"
        return _Piece(source, empty=True, inside=True)

    # Groups

    def group(self) -> _Piece | None:
        """What follows an opening parenthesis."""
        if self.peek() == "*":
            raise PatternError("(*...) is not supported")
        if not self.take("?"):
            self.groups += 1
            number = self.groups
            self.open_groups.add(number)
            inner = self.inner()
            self.open_groups.remove(number)
            return replace(inner, source=f"({inner.source})", single=True, behind=False)
        opening = next(filter(self.take, _GROUP_OPENINGS), None)
        if opening is None:
            return self.condition() if self.take("(") else self.option()
        self.looks_behind |= opening in ("<=", "<!")
        inner = self.inner()
        zero_width = opening not in (":", ">")
        return _Piece(
            f"(?{opening}{inner.source})",
            empty=zero_width or inner.empty,
            inside=opening == "<=" or (not zero_width and inner.inside),
            anchor=zero_width,
            behind=opening == "<=" and not inner.empty,
        )

    def inner(self) -> _Piece:
        """What is in a group, and its closing parenthesis."""
        self.depth += 1
        piece, _ = self.alternatives()
        self.close()
        return piece

    def close(self) -> None:
        """Go past the closing parenthesis."""
        if not self.take(")"):
            raise PatternError("end pattern with unmatched parenthesis")
        self.depth -= 1

    def condition(self) -> _Piece:
        """`(?(1)yes|no)`, from the number on."""
        number = self.take_while(DIGITS, 5)
        if not number or not self.take(")"):
            raise PatternError("a condition must be the number of a group")
        self.highest_reference = max(self.highest_reference, int(number))
        self.depth += 1
        piece, branches = self.alternatives()
        self.close()
        if len(branches) > 2:
            raise PatternError("invalid if-else syntax")
        return _Piece(
            f"(?({int(number)}){piece.source})",
            empty=piece.empty or len(branches) == 1,
            inside=piece.inside,
        )

    def option(self) -> _Piece | None:
        """`(?i-s)`, which sets options up to the end of the group around it, or `(?i-s:...)`, from the
        letters on.
        """
        on = True
        options = self.options
        while True:
            c = self.next("end pattern in group")
            if c == "-":
                on = False
            elif c in _OPTIONS:
                options = replace(options, **{_OPTIONS[c]: on})
            elif c == ")":
                self.options = options
                return None
            elif c == ":":
                before, self.options = self.options, options
                inner = self.inner()
                self.options = before
                return replace(inner, source=f"(?:{inner.source})", single=True)
            else:
                raise PatternError("undefined group option")


def _literal(text: str, ignore_case: bool) -> _Piece:
    source = "".join("\\" + c if c in _SPECIAL else c for c in text)
    if ignore_case:
        source = f"(?i:{source})"
    return _Piece(source, single=ignore_case or len(text) == 1, literal=text, ignore_case=ignore_case)


def _sequence(pieces: list[_Piece]) -> _Piece:
    inside = False
    empty = True
    for piece in pieces:
        inside |= empty and piece.inside
        empty &= piece.empty
    # Each branch is put beside others by "|", which binds weaker than anything inside of it.
    source = "".join(piece.source for piece in pieces)
    return _Piece(source, empty, inside, single=False, behind=bool(pieces) and pieces[0].behind)
