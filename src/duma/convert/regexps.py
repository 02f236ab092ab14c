"""Regular expressions over bytes, as Jubatus matches them with Oniguruma.

A match is always tried at one place; going through a text means trying at every byte. Keys and values are
UTF-8, and a place may be inside a character: there Oniguruma takes each remaining byte of that character as
a character of its own. That is a defect, but it shows in features (`[^。]+` continues inside of the `。` that
ended it), so it is kept. Only patterns for which `Translation.starts_inside` holds pay for it, and ASCII
text never does.

Bytes that are not UTF-8 are characters of their own, too.
"""

import re
from collections.abc import Callable

from duma.configuration import to_bytes
from duma.convert.errors import ConverterError, out_of_range
from duma.convert.oniguruma import translate
from duma.convert.pattern_text import PatternError
from duma.convert.regexp_scan import AsciiScan, Found, Utf8Scan


class Regexp:
    """A compiled pattern."""

    def __init__(self, pattern: str) -> None:
        """Raises `ConverterError` for a pattern that cannot be used."""
        import regex  # takes long to import, and most configurations have no regular expression

        self.pattern = pattern
        try:
            self._traits = translate(pattern)
            self._compiled = regex.compile(self._traits.source, regex.V0)
            self._ascii_compiled = regex.compile(self._traits.ascii_source, regex.V0)
        except (PatternError, regex.error, RecursionError) as error:
            raise ConverterError(f"invalid regular expression: {pattern}", str(error)) from error

    @property
    def groups(self) -> int:
        """How many groups the pattern has, the whole match not counted."""
        return self._traits.groups

    def starts(self, data: bytes) -> bool:
        """Whether a match starts at the first byte."""
        if data.isascii():
            return self._ascii_compiled.match(data.decode("ascii")) is not None
        return self._compiled.match(data.decode("utf-8", "surrogateescape")) is not None

    def scan(self, data: bytes) -> Callable[[int], Found | None]:
        """A function that gives the first match tried at a byte or after it, up to the end of `data`, or
        None.
        """
        if data.isascii():
            return AsciiScan(self._ascii_compiled, self._traits, data.decode("ascii")).next
        return Utf8Scan(self._compiled, self._traits, data).next


def regexp_filter(pattern: str, replace: str) -> Callable[[bytes], bytes]:
    """A filter that replaces every match. In `replace`, `\\0` to `\\9` stand for a group and `\\\\` for a
    backslash.

    Raises `ConverterError` for a pattern or a replacement that cannot be used. The filter raises
    `ConversionError` when it must insert a group that took no part in the match.
    """
    regexp = Regexp(pattern)
    parts = _replacement(replace, regexp.groups)
    if all(isinstance(part, bytes) for part in parts):
        fixed = b"".join(part for part in parts if isinstance(part, bytes))
        parts = [fixed]

    def apply(data: bytes) -> bytes:
        next_match = regexp.scan(data)
        output: list[bytes] = []
        position = 0
        while position <= len(data):
            found = next_match(position)
            if found is None:
                break
            output.append(data[position : found.begin])
            output.extend(part if isinstance(part, bytes) else _group(data, found, part) for part in parts)
            position = found.begin + found.length
            if found.length == 0:
                output.append(data[position : position + 1])
                position += 1
        output.append(data[position:])
        return b"".join(output)

    return apply


def regexp_splitter(pattern: str, group: int) -> Callable[[bytes], list[tuple[bytes, float]]]:
    """An extractor that gives `group` of every match, each with score 1.

    It goes on behind a match by the length of the group, counted from where the match began, so that
    matches can overlap.
    Raises `ConverterError` for a pattern or a group that cannot be used; the extractor raises
    `ConversionError` when the group took no part in a match.
    """
    if group < 0:
        raise ConverterError(f"'group' must be positive: {group}")
    regexp = Regexp(pattern)
    if group > regexp.groups:
        raise ConverterError(
            f"regexp '{pattern}' only contains {regexp.groups} groups, but 'group' is {group}"
        )

    def apply(data: bytes) -> list[tuple[bytes, float]]:
        next_match = regexp.scan(data)
        elements = []
        position = 0
        while position < len(data):
            found = next_match(position)
            if found is None or found.begin >= len(data):
                break
            value = _group(data, found, group)
            elements.append((value, 1.0))
            position = found.begin + max(len(value), 1)
        return elements

    return apply


def _replacement(replace: str, groups: int) -> list[bytes | int]:
    """Texts and numbers of groups."""
    parts: list[bytes | int] = []
    for text, escaped in re.findall(r"([^\\]+)|\\(.?)", replace, re.DOTALL):
        if text or escaped == "\\":
            parts.append(to_bytes(text or escaped))
        elif escaped and escaped in "0123456789":
            if int(escaped) > groups:
                raise ConverterError(
                    "invalid number of capture group", f"\\{escaped}, but the pattern has {groups}"
                )
            parts.append(int(escaped))
        else:
            raise ConverterError(
                "invalid replacement expression. 0-9 or \\ are required after \\", f"in {replace!r}"
            )
    return parts


def _group(data: bytes, found: Found, group: int) -> bytes:
    begin, end = found.spans[group]
    if begin < 0:
        raise out_of_range(begin, len(data))
    return data[begin:end]
