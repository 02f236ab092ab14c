"""How commands end when something cannot be done: one line on standard error, status 1 (or 2, where 1 is an answer)."""

import contextlib
from collections.abc import Iterator

import click

from duma.errors import DumaError


class Trouble(click.ClickException):
    """Ends a command with status 2."""

    exit_code = 2


@contextlib.contextmanager
def failures_told() -> Iterator[None]:
    """Ends the command with the text of a `DumaError` that is raised inside."""
    try:
        yield
    except DumaError as error:
        notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
        raise click.ClickException(f"{error}{notes}") from error
