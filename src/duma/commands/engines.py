"""`duma engines`: what can be served, and how it is called and configured."""

from collections.abc import Iterator
from typing import Any

import click

from duma.commands.output import print_json, print_table
from duma.configuration_form import Choice, Form
from duma.engines.description import (
    describe,
    first_line,
    methods_of,
    route_name,
    signature,
    structure,
    structures,
)
from duma.engines.registry import ENGINES, engine_class


@click.command()
@click.argument("engine", type=click.Choice(list(ENGINES)), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def engines(engine: str | None, as_json: bool) -> None:
    """List the engines, or show one ENGINE's calls and configuration."""
    if as_json:
        print_json(describe(engine) if engine else [describe(name) for name in ENGINES])
    elif engine is None:
        _print_engines()
    else:
        _print_engine(engine)


def _print_engines() -> None:
    rows = []
    for name in ENGINES:
        form = engine_class(name).configuration_form
        ways = [way for choice in form.choices if not choice.optional for way in choice.ways] if form else []
        rows.append((name, first_line(engine_class(name).__doc__ or ""), ", ".join(ways)))
    print_table("engines", ("engine", "what it does", "methods"), rows)


def _print_engine(engine: str) -> None:
    methods = methods_of(engine)
    loaded = engine_class(engine)
    print_table(
        f"{engine}: {first_line(loaded.__doc__ or '')}",
        ("call", "kind", "route", "what it does"),
        [
            (
                signature(m),
                "update" if m.updates else "analysis",
                route_name(m.route),
                first_line(m.documentation),
            )
            for m in methods.values()
        ],
    )
    print_table("structures", ("structure",), [(structure(type_),) for type_ in structures(methods)])
    if loaded.configuration_form is None:
        click.echo(f"configuration: see duma config new {engine}")
    else:
        print_form(loaded.configuration_form)


def print_form(form: Form) -> None:
    """What a configuration may hold: a table of every choice, and one of the members."""
    choices: dict[str, Choice] = {}
    members: dict[tuple[Any, ...], list[str]] = {}
    for path, way, item in _walk(form, "", ""):
        if isinstance(item, Choice):
            choices.setdefault(f"{path}.{item.selector}", item)
        elif way not in (ways := members.setdefault(item, [])):
            ways.append(way)
    for path, choice in choices.items():
        print_table(
            f"configuration: {path}, with its parameters in {choice.parameters}"
            + (" (optional)" if choice.optional else ""),
            (choice.selector, "also", "parameters", "meaning"),
            [
                (name, ", ".join(way.aliases), ", ".join(_names(way)), way.meaning)
                for name, way in choice.ways.items()
            ],
        )
    print_table(
        "configuration: members",
        ("member", "of", "value", "condition", "absent", "meaning"),
        [(row[0], ", ".join(ways), *row[1:]) for row, ways in members.items()],
    )


def member_rows(form: Form, path: str = "") -> list[tuple[Any, ...]]:
    """Path, value, condition, what holds where it is absent, and meaning of the members of one object."""
    rows = []
    for name, member in form.members.items():
        absent = (member.default or "may be absent") if member.optional else "is an error"
        condition = member.condition.text if member.condition else ""
        rows.append((f"{path}.{name}", str(member.schema), condition, absent, member.meaning))
    return rows


def _walk(form: Form, path: str, way: str) -> Iterator[tuple[str, str, Any]]:
    """Every choice and the row of every member, those inside of choices included, with the way that they are of."""
    for choice in form.choices:
        yield path, way, choice
        for name, inner in choice.ways.items():
            yield from _walk(inner, f"{path}.{choice.parameters}", name)
    for row in member_rows(form, path):
        yield path, way, row


def _names(form: Form) -> list[str]:
    """The members of an object, those that may be absent in brackets."""
    names = [f"[{name}]" if member.optional else name for name, member in form.members.items()]
    for choice in form.choices:
        names.append(f"[{choice.selector}]" if choice.optional else choice.selector)
    return names
