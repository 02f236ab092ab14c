"""Showing a journal's entries: a table on a terminal, tab-separated lines elsewhere, or JSON lines."""

import itertools
import json
import math
import sys
from collections.abc import Iterable
from typing import Any

import click

from duma.commands.times import format_time
from duma.engines.declaration import Method
from duma.engines.wire_types import unpack
from duma.errors import ArgumentMismatch
from duma.server.history import Entry
from duma.server.journal_events import HIDDEN_STATE

_COLUMNS = ("record", "time", "kind", "name", "client", "bytes")
_BLOCK = 100  # rows of a table that are laid out together
_LONGEST_CONTENT = 400  # characters, on a terminal


class Decoder:
    """Makes the contents of entries readable. `methods` are those of the engine, if it is known."""

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods

    def text(self, entry: Entry) -> str:
        """What a person reads: a request as a call, an event as what it carries."""
        value = self._value(entry)
        if not entry.is_request or not isinstance(value, list):
            return _plain_text(value)
        return f"{entry.name}({', '.join(self._arguments(entry.name, value[1:]))})"

    def plain(self, entry: Entry) -> Any:
        """The same for programs: a request's arguments as a list, an event's value."""
        value = self._value(entry)
        return _plain(value[1:] if entry.is_request and isinstance(value, list) else value)

    def _value(self, entry: Entry) -> Any:
        if entry.record.name == HIDDEN_STATE:
            return entry.record.payload
        try:
            return unpack(entry.record.payload)
        except ArgumentMismatch:
            return entry.record.payload

    def _arguments(self, name: str, values: list[Any]) -> list[str]:
        method = self._methods.get(name)
        parameters = method.parameters if method else ()
        texts = []
        for value, parameter in itertools.zip_longest(values, parameters[: len(values)]):
            try:
                typed = parameter.type.from_wire(value) if parameter else _plain(value)
            except ArgumentMismatch:  # the request failed for it
                typed = _plain(value)
            texts.append(f"{parameter.name}={typed!r}" if parameter else repr(typed))
        return texts


def print_entries(entries: Iterable[Entry], decoder: Decoder | None, *, as_json: bool) -> None:
    """Print entries as they come, with their contents if there is a decoder."""
    if as_json:
        for entry in entries:
            click.echo(json.dumps(_as_json(entry, decoder), ensure_ascii=False))
    elif sys.stdout.isatty():
        _print_table(entries, decoder)
    else:
        for entry in entries:
            click.echo("\t".join(_row(entry, decoder)))


def _as_json(entry: Entry, decoder: Decoder | None) -> dict[str, Any]:
    record = entry.record
    values = {
        "record": record.sequence,
        "time": format_time(record.time),
        "kind": "request" if entry.is_request else "event",
        "name": entry.name,
        "client": entry.client,
        "bytes": len(record.payload),
    }
    if decoder:
        values["arguments" if entry.is_request else "value"] = decoder.plain(entry)
    return values


def _row(entry: Entry, decoder: Decoder | None) -> list[str]:
    record = entry.record
    kind = "request" if entry.is_request else "event"
    row = [str(record.sequence), format_time(record.time), kind, entry.name, entry.client or "-"]
    row.append(str(len(record.payload)))
    if decoder:
        row.append(decoder.text(entry))
    # Names and addresses come from clients: nothing of theirs may begin a new line or column.
    return ["".join(c if c.isprintable() else repr(c)[1:-1] for c in cell) for cell in row]


def _print_table(entries: Iterable[Entry], decoder: Decoder | None) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    rest = iter(entries)
    header = True
    while block := list(itertools.islice(rest, _BLOCK)):
        table = Table(show_header=header, box=None, pad_edge=False)
        for name, width in zip(_COLUMNS, (8, 32, 7, 12, 21, 10), strict=True):
            right = name in ("record", "bytes")
            table.add_column(name, justify="right" if right else "left", min_width=width, no_wrap=True)
        if decoder:
            table.add_column("content", overflow="fold")
        for entry in block:
            row = _row(entry, decoder)
            if decoder and len(row[-1]) > _LONGEST_CONTENT:
                row[-1] = f"{row[-1][:_LONGEST_CONTENT]}… ({len(row[-1]) - _LONGEST_CONTENT} more)"
            table.add_row(*(Text(cell) for cell in row))
        console.print(table)
        header = False


def _plain_text(value: Any) -> str:
    return (
        value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else json.dumps(_plain(value))
    )


def _plain(value: Any) -> Any:
    """What JSON can hold: bytes become text, with \\x escapes where they are none."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else str(_plain(key)): _plain(item) for key, item in value.items()
        }
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
