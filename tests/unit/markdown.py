"""What the tests of the documentation read out of Markdown: code blocks, tables, links, headings."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^\s*```(\w*)\s*$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*$")
_INLINE_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced code block: its language, its text, and the number of its first line."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines()

    def blocks(self) -> Iterator[Block]:
        """The fenced blocks, in order."""
        language, start, inside = "", 0, False
        for number, line in enumerate(self.lines, 1):
            fence = _FENCE.match(line)
            if not fence:
                continue
            if inside:
                text = "\n".join(self.lines[start : number - 1]) + "\n"
                yield Block(language, textwrap.dedent(text), start + 1)
            else:
                language, start = fence[1], number
            inside = not inside
        assert not inside, f"{self.path}:{start}: the code block is not closed"

    def prose(self) -> list[tuple[int, str]]:
        """Numbered lines outside of fenced and indented code."""
        numbered, inside = [], False
        for number, line in enumerate(self.lines, 1):
            if _FENCE.match(line):
                inside = not inside
            elif not inside and not line.startswith("    "):
                numbered.append((number, line))
        return numbered

    def commands(self) -> Iterator[tuple[int, str]]:
        """Numbered lines that may hold commands: of `sh` and `ini` blocks, and indented ones."""
        shell = [
            (block.line + i, line)
            for block in self.blocks()
            if block.language in ("sh", "ini")
            for i, line in enumerate(re.sub(r"\\\n\s*", "", block.text).splitlines())
        ]
        indented, inside = [], False
        for number, line in enumerate(self.lines, 1):
            if _FENCE.match(line):
                inside = not inside
            elif not inside and line.startswith("    "):
                indented.append((number, line.strip()))
        yield from (*shell, *indented)

    def inline_code(self) -> Iterator[tuple[int, str]]:
        """Numbered pieces of code in the prose."""
        for number, line in self.prose():
            for code in _INLINE_CODE.findall(line):
                yield number, code

    def links(self) -> Iterator[tuple[int, str]]:
        """Numbered targets of links."""
        for number, line in self.prose():
            for target in _LINK.findall(_INLINE_CODE.sub("", line)):
                yield number, target

    def anchors(self) -> set[str]:
        """What a link to a heading of this page can name, as GitHub makes it."""
        headings = [match[1] for _, line in self.prose() if (match := _HEADING.match(line))]
        plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
        return {heading.replace(" ", "-") for heading in plain}

    def table(self, first_header: str) -> dict[str, list[str]]:
        """The rows of the table whose first header is this: the other cells by the first."""
        rows: dict[str, list[str]] = {}
        inside = False
        for _, line in self.prose():
            cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
            if not line.startswith("|"):
                inside = False
            elif cells[0] == first_header:
                inside = True
            elif inside and not set(cells[0]) <= set("-: "):
                rows[cells[0]] = cells[1:]
        assert rows, f"{self.path} has no table with the header {first_header!r}"
        return rows
