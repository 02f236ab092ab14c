"""What commands print: tables on a terminal, lines with tabs for other programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def print_json(value: Any) -> None:
    """One JSON value; numbers that JSON does not have become null, text that is not UTF-8 is escaped."""
    text = json.dumps(_finite(value), ensure_ascii=False, indent=2)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        text = json.dumps(_finite(value), indent=2)
    click.echo(text)


def print_fields(title: str, fields: Iterable[tuple[str, Any]]) -> None:
    """Names with values; a None is left out."""
    print_table(title, (), [(name, value) for name, value in fields if value is not None])


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A title, and rows under the names of the columns; nothing when there are no rows."""
    if not rows:
        return
    cells = [[_cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _print_rich(title, columns, cells)
        return
    click.echo(f"# {title}")
    for line in ([list(columns)] if columns else []) + cells:
        click.echo("\t".join(line))


def _print_rich(title: str, columns: Sequence[str], rows: list[list[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", show_header=bool(columns))
    for column in columns or ("", ""):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if abs(value) != float("inf") and value == value else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
