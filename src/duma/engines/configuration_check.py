"""All that is wrong with a configuration, not only what a server would end with."""

from typing import Any

from duma.configuration import (
    ConfigurationSyntaxError,
    PlainConfigurationError,
    Problem,
    read_configuration,
)
from duma.convert.converter import converter_problems
from duma.engines.registry import ENGINES, engine_class
from duma.errors import ConfigurationError, DumaError


def configuration_problems(engine_type: str, text: str) -> list[Problem]:
    """Every problem that the engine has with a configuration; none exactly if a server would start with it.

    The engine itself decides. What it would say next, were its first problem solved, comes from its form and from the
    converter's types and rules. Raises `KeyError` for an unknown engine.
    """
    refused = _refusal(engine_type, text)
    if not refused:
        return []
    try:
        _, configuration = read_configuration(text)
    except ConfigurationError:
        return refused
    found = _further(engine_type, configuration)
    for problem in reversed(refused):
        _merge(problem, found)
    return found


def misfits(text: str) -> dict[str, tuple[int, int]]:
    """How far a configuration is from one that is written for each engine: what it says of other engines, and problems.

    The text must be JSON.
    """
    _, configuration = read_configuration(text)
    found = {}
    for engine_type in ENGINES:
        problems = len(configuration_problems(engine_type, text))
        found[engine_type] = (_foreign(engine_type, configuration, problems), problems)
    return found


def _foreign(engine_type: str, configuration: Any, problems: int) -> int:
    """Members that mean nothing to an engine, and methods that it does not have."""
    form = engine_class(engine_type).configuration_form
    if form is None or not isinstance(configuration, dict):
        return min(problems, 1)  # nothing is known of the engine but that it does not take it
    used = [name for name, member in form.members.items() if not member.ignored]
    used += [name for choice in form.choices for name in (choice.selector, choice.parameters)]
    unknown = sum(not choice.knows(configuration.get(choice.selector)) for choice in form.choices)
    return unknown + sum(name not in used for name in configuration)


def _refusal(engine_type: str, text: str) -> list[Problem]:
    """What a server would end with."""
    engine: Any = engine_class(engine_type)
    try:
        engine(text)
    except ConfigurationSyntaxError as error:
        return [Problem(f"{error.text} (line {error.line}, column {error.column})", "", "it must be JSON")]
    except ConfigurationError as error:
        return [_problem(message) for message in error.messages]
    except DumaError as error:
        return [Problem(str(error), "")]
    return []


def _further(engine_type: str, configuration: Any) -> list[Problem]:
    form = engine_class(engine_type).configuration_form
    found = [] if form is None else form.problems(configuration)
    if isinstance(configuration, dict) and "converter" in configuration:
        try:
            broken = converter_problems(configuration["converter"])
        except PlainConfigurationError as error:
            broken = [error]
        except ConfigurationError as error:
            if form is None:
                found.extend(_problem(message) for message in error.messages)
            broken = []
        found.extend(_problem(message) for error in broken for message in error.messages)
    return list(dict.fromkeys(found))


def _merge(problem: Problem, found: list[Problem]) -> None:
    """Add a problem unless it has been found; the engine's own words count more than those of its form."""
    if any(other.startswith(problem) for other in found):
        return
    same = [i for i, other in enumerate(found) if problem.path and other.path == problem.path]
    if same:
        found[same[0]] = Problem(problem, problem.path, problem.advice or found[same[0]].advice)
    else:
        found.insert(0, problem)


def _problem(message: str) -> Problem:
    """A message as a problem; the path stands at its end where it is not known otherwise."""
    if isinstance(message, Problem):
        return message
    path = message.rpartition(" (")[2].removesuffix(")") if message.endswith(")") else ""
    return Problem(message, path if path.startswith(".") else "")
