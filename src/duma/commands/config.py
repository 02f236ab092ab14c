"""`duma config`: new configurations, and what is wrong with one.

Exit status 1 is a configuration that no server would start with, 2 is trouble: a file that cannot be read, an engine
that must be said.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import click

from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.commands.engines import member_rows
from duma.commands.failures import Trouble
from duma.commands.json_positions import positions
from duma.commands.output import print_json
from duma.configuration import PlainConfigurationError, Problem, read_configuration
from duma.configuration_form import Choice, Form
from duma.engines.configuration_check import configuration_problems, misfits
from duma.engines.registry import ENGINES, engine_class
from duma.errors import ConfigurationError


@click.group()
def config() -> None:
    """Write and check configurations."""


def _complete_method(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    # An option that waits for its value keeps the words before it from being read.
    engine = ctx.params.get("engine") or next((word for word in ctx.args if word in ENGINES), None)
    choice = _methods(engine) if engine in ENGINES else None
    return [name for name in choice.ways if name.startswith(incomplete)] if choice else []


@config.command()
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.option(
    "--method", shell_complete=_complete_method, help="The engine's method; see duma engines ENGINE."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@click.option("-q", "--quiet", is_flag=True, help="Do not explain the members.")
def new(engine: str, method: str | None, output: Path | None, force: bool, quiet: bool) -> None:
    """Write a configuration for an ENGINE that works as it is.

    JSON has no comments: the members are explained on standard error.
    """
    made, choice = copy.deepcopy(DEFAULT_CONFIGURATIONS.get(engine)), _methods(engine)
    form = engine_class(engine).configuration_form
    if made is None:
        if form is None:
            raise Trouble(f"{engine} has no built-in configuration")
        made = form.example()
    if method is not None:
        _choose(made, engine, choice, method)
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text, force)
    if not quiet:
        _explain(engine, made, form, output)


@config.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--engine", type=click.Choice(list(ENGINES)), help="The engine that it is for.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(file: Path, engine: str | None, as_json: bool) -> None:
    """Say everything that is wrong with the configuration in FILE.

    Without --engine, the engine is the one that the configuration fits. Exit status 0 if a server would start with it,
    1 if not, 2 if it cannot be read or fits no engine or several.
    """
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise Trouble(f"cannot read {file}: {error.strerror}") from error
    is_object = _is_object(text)
    if engine is None and is_object:
        engine = _recognised(file, text)
    # What is no JSON object is no configuration for any engine.
    found = configuration_problems(engine or next(iter(ENGINES)), text)
    where = positions(text) if found and is_object else {}
    if as_json:
        problems = [_shown(problem, where) for problem in found]
        print_json({"file": str(file), "engine": engine, "valid": not found, "problems": problems})
    else:
        for problem in found:
            at = _position(problem.path, where)
            _say(f"{file}:{f'{at[0]}:{at[1]}:' if at else ''} {problem}")
            if problem.advice:
                _say(f"    {problem.advice}")
        of = f" for {engine}" if engine else ""
        _say(f"{file}: problems{of}: {len(found)}" if found else f"{file}: a server {engine} takes it")
    sys.exit(1 if found else 0)


def _say(line: str) -> None:
    """Configurations may hold text that is not UTF-8."""
    click.echo(line.encode("utf-8", "backslashreplace"))


def _methods(engine: str) -> Choice | None:
    """The choice between the engine's methods, if it has one."""
    form = engine_class(engine).configuration_form
    return next((choice for choice in form.choices if choice.selector == "method"), None) if form else None


def _choose(made: dict[str, Any], engine: str, choice: Choice | None, method: str) -> None:
    """Put a method with its parameters into a configuration, unless it is there."""
    if choice is None:
        raise click.BadParameter(f"{engine} declares no methods to choose from", param_hint="--method")
    try:
        name, way = choice.find(method)
    except PlainConfigurationError as error:
        raise click.BadParameter(f"{error}: {error.advice}", param_hint="--method") from error
    if made[choice.selector] != name:
        made[choice.selector], made[choice.parameters] = name, way.example()


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Trouble(f"{path} exists: choose another name, or say --force to replace it") from error
    except OSError as error:
        raise Trouble(f"cannot write {path}: {error.strerror}") from error


def _explain(engine: str, made: dict[str, Any], form: Form | None, output: Path | None) -> None:
    """On standard error, what is in a configuration and what could be."""
    for line in _explanation(form, made, "") if form else []:
        click.echo(line, err=True)
    click.echo(f"more: duma engines {engine}", err=True)
    click.echo(f"start: duma serve {engine} --config {output or 'FILE'}", err=True)


def _explanation(form: Form, value: Any, path: str) -> list[str]:
    lines = []
    for choice in form.choices:
        name = value.get(choice.selector)
        if name is None:
            lines.append(f"{path}.{choice.selector} (left out): {', '.join(choice.ways)}")
            continue
        _, way = choice.find(name)
        others = ", ".join(other for other in choice.ways if other != name)
        more = f"; others: {others}" if others else ""
        lines.append(f"{path}.{choice.selector} {name}: {way.meaning}{more}")
        lines.extend(_explanation(way, value.get(choice.parameters) or {}, f"{path}.{choice.parameters}"))
    for (name, member), row in zip(form.members.items(), member_rows(form, path), strict=True):
        if member.ignored:
            continue
        place, kind, condition, absent, meaning = row
        left_out = "" if name in value else f" (left out: {absent})"
        lines.append(f"{place}{left_out}: {kind}{f', {condition}' if condition else ''}; {meaning}")
    return lines


def _is_object(text: str) -> bool:
    try:
        return isinstance(read_configuration(text)[1], dict)
    except ConfigurationError:
        return False


def _recognised(file: Path, text: str) -> str:
    """The engine that a configuration is for: the only one that it fits, or else the only one that it nearly fits."""
    found = misfits(text)
    fitting = [engine for engine, misfit in found.items() if misfit == min(found.values())]
    if len(fitting) == 1:
        return fitting[0]
    raise Trouble(f"{file} may be for {', '.join(fitting)}: say which with --engine")


def _position(path: str, where: dict[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Where a path stands, or the nearest object around it."""
    while path not in where and path:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    return where.get(path)


def _shown(problem: Problem, where: dict[str, tuple[int, int]]) -> dict[str, Any]:
    line, column = _position(problem.path, where) or (None, None)
    return {
        "path": problem.path,
        "line": line,
        "column": column,
        "problem": str(problem),
        "advice": problem.advice or None,
    }
