"""What `duma call` prints of an answer: JSON, or a table after the type that the method declares."""

import base64
from collections.abc import Sequence
from typing import Any

import click

from duma.commands.output import print_fields, print_table
from duma.engines.datum import Datum
from duma.engines.declaration import Method
from duma.engines.wire_types import Kind, WireType


def to_json(type_: WireType, value: Any) -> Any:
    """An answer as JSON values: structures by the names of their fields, bytes as `{"base64": ...}`."""
    if type_.kind is Kind.LIST:
        return [to_json(type_.parts[0][1], item) for item in value]
    if type_.kind is Kind.MAP:
        return {key: to_json(type_.parts[0][1], item) for key, item in value.items()}
    if type_.kind is Kind.STRUCTURE:
        return {name: to_json(part, item) for (name, part), item in zip(type_.parts, value, strict=True)}
    if type_.kind is Kind.OWN:
        return _datum(value) if isinstance(value, Datum) else _plain(type_.to_wire(value))
    return _plain(value)


def print_answer(method: Method, value: Any) -> None:
    """A table; a single value as it is."""
    type_ = method.result
    if type_.kind is Kind.STRUCTURE:
        fields = [(name, _cell(part, item)) for (name, part), item in zip(type_.parts, value, strict=True)]
        print_fields(method.name, fields)
    elif type_.kind in (Kind.LIST, Kind.MAP):
        rows = _rows(type_, value)
        print_table(method.name, _columns(type_), rows)
        if not rows:
            click.echo(f"{method.name} answers nothing", err=True)
    else:
        shown = to_json(type_, value)
        text = shown if isinstance(shown, str) else _json_text(shown)
        click.echo(text.encode("utf-8", "surrogateescape"))


def _json_text(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _columns(type_: WireType) -> list[str]:
    if type_.kind is Kind.STRUCTURE:
        return [name for name, _ in type_.parts]
    if type_.kind is Kind.MAP:
        return ["key", *_columns(type_.parts[0][1])]
    if type_.kind is Kind.LIST:
        item = type_.parts[0][1]
        return [*(["#"] if _has_rows(item) else []), *_columns(item)]
    return [type_.name if type_.kind is Kind.OWN else "value"]


def _rows(type_: WireType, value: Any) -> list[list[Any]]:
    """The rows of an answer. Lists in lists are numbered from 1, as the datums of a call are."""
    if type_.kind is Kind.STRUCTURE:
        return [[_cell(part, item) for (_, part), item in zip(type_.parts, value, strict=True)]]
    if type_.kind is Kind.MAP:
        return [[key, *row] for key, item in value.items() for row in _rows(type_.parts[0][1], item)]
    if type_.kind is Kind.LIST:
        item_type = type_.parts[0][1]
        numbered = _has_rows(item_type)
        return [
            [i, *row] if numbered else row
            for i, item in enumerate(value, 1)
            for row in _rows(item_type, item)
        ]
    return [[_cell(type_, value)]]


def _has_rows(type_: WireType) -> bool:
    return type_.kind in (Kind.LIST, Kind.MAP)


def _cell(type_: WireType, value: Any) -> Any:
    return value if isinstance(value, (str, float)) else to_json(type_, value)


def _datum(datum: Datum) -> dict[str, Sequence[Any]]:
    """Keys may repeat, so it is not an object of keys."""
    return {
        "string_values": [list(pair) for pair in datum.string_values],
        "num_values": [list(pair) for pair in datum.num_values],
        "binary_values": [[key, _plain(value)] for key, value in datum.binary_values],
    }


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return {"base64": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
