"""Going through text that is not ASCII: the place where a match is tried counts bytes, `regex` counts
characters.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from duma.convert.oniguruma import Translation

if TYPE_CHECKING:
    import regex


@dataclass(frozen=True, slots=True)
class Found:
    """A match in a text; positions and lengths in bytes."""

    begin: int  # where it was tried
    length: int  # from there to the end of the match
    spans: tuple[tuple[int, int], ...]  # begin and end of each group, (-1, -1) for one that took no part


class AsciiScan:
    """The matches in a text whose characters are single bytes."""

    def __init__(self, compiled: "regex.Pattern[str]", traits: Translation, text: str) -> None:
        self._compiled, self._traits, self._text = compiled, traits, text

    def next(self, position: int) -> Found | None:
        """The first match tried at `position` or after it, up to the end of the text."""
        if self._traits.start_matters:
            for begin in range(position, len(self._text) + 1):
                match = self._compiled.match(self._text, begin)
                if match is not None:
                    return Found(begin, match.end() - begin, tuple(match.regs))
            return None
        match = self._compiled.search(self._text, position)
        return match and Found(match.start(), match.end() - match.start(), tuple(match.regs))


class Utf8Scan:
    """The matches in any other text."""

    def __init__(self, compiled: "regex.Pattern[str]", traits: Translation, data: bytes) -> None:
        self._compiled, self._traits, self._data = compiled, traits, data
        self._text = data.decode("utf-8", "surrogateescape")
        # heads[i] is the first byte of character i; one more for the end.
        self._heads = [i for i, byte in enumerate(data) if byte & 0xC0 != 0x80]
        if len(self._heads) != len(self._text):  # bytes that are not UTF-8
            self._heads = [0] * len(self._text)
            for i in range(1, len(self._text)):
                self._heads[i] = self._heads[i - 1] + _size(self._text[i - 1])
        self._heads.append(len(data))
        # The match at a character's first byte that was found last, and from which character on it is the
        # first.
        self._known_from = -1
        self._known: tuple[int, regex.Match[str]] | None = None

    def next(self, position: int) -> Found | None:
        """The first match tried at the byte `position` or after it, up to the end of the text."""
        character = bisect_right(self._heads, position) - 1
        if position > self._heads[character]:
            found = self._inside(character, position)
            if found is not None:
                return found
            character += 1
        at_head = self._at_head(character)
        if self._traits.starts_inside:
            last = at_head[0] if at_head else len(self._text)
            for i in range(character, last):
                if self._heads[i + 1] - self._heads[i] > 1:
                    found = self._inside(i, self._heads[i] + 1)
                    if found is not None:
                        return found
        if at_head is None:
            return None
        begin, match = at_head
        heads = self._heads
        spans = tuple((-1, -1) if b < 0 else (heads[b], heads[e]) for b, e in match.regs)
        return Found(heads[begin], heads[match.end()] - heads[begin], spans)

    def _at_head(self, character: int) -> "tuple[int, regex.Match[str]] | None":
        """The first match tried at the first byte of `character` or of one after it."""
        known = self._known
        if 0 <= self._known_from <= character and (known is None or character <= known[0]):
            return known
        self._known_from = character
        self._known = None
        if self._traits.start_matters:
            for i in range(character, len(self._text) + 1):
                match = self._compiled.match(self._text, i)
                if match is not None:
                    self._known = i, match
                    break
        else:
            match = self._compiled.search(self._text, character)
            self._known = match and (match.start(), match)
        return self._known

    def _inside(self, character: int, position: int) -> Found | None:
        """The first match tried at the byte `position` of `character` or at one of its later bytes."""
        if not self._traits.starts_inside:
            return None
        after = character + 1
        # Going one character back from inside of one leads to its first byte, so it stands here complete.
        before = self._text[0 if self._traits.looks_behind else character : after]
        for begin in range(position, self._heads[after]):
            rest = self._data[begin : self._heads[after]]
            if self._traits.starts_behind:
                # The look-behind goes over the whole character, and matching goes on after it.
                match = self._compiled.match(self._text, after)
                split, rest = after, b""
            else:
                tried = before + rest.decode("utf-8", "surrogateescape") + self._text[after:]
                match = self._compiled.match(tried, len(before))
                split = len(before)
            if match is not None:
                return self._located(match, begin, split, len(rest), after)
        return None

    def _located(self, match: "regex.Match[str]", begin: int, split: int, rest: int, after: int) -> Found:
        """A match in a text whose characters from `split` on are `rest` single bytes from `begin`, then
        those of the text from the character `after` on."""

        def byte(i: int) -> int:
            if i < split:
                return self._heads[after - (split - i)]
            return begin + i - split if i - split < rest else self._heads[after + i - split - rest]

        spans = [(-1, -1) if b < 0 else (byte(b), byte(e)) for b, e in match.regs]
        if spans[0] == (byte(split), byte(match.end())):
            spans[0] = (begin, spans[0][1])
        return Found(begin, byte(match.end()) - begin, tuple(spans))


def _size(c: str) -> int:
    return 1 if "\udc80" <= c <= "\udcff" else len(c.encode())
