"""`duma call`: any call to a running server, Duma's or Jubatus'.

Exit status 1 is a call that failed, 2 one that cannot be made: a method or an argument that is none.
"""

import sys

import click
from click.shell_completion import CompletionItem

from duma.commands.call_arguments import ArgumentProblem, read_arguments
from duma.commands.call_output import print_answer, to_json
from duma.commands.output import print_json
from duma.engines.declaration import Method
from duma.engines.description import first_line, methods_of, signature, structure, structures
from duma.engines.registry import ENGINES, engine_class
from duma.errors import ArgumentMismatch
from duma.rpc.client import client_class
from duma.rpc.errors import RPCError


def _complete_method(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    engine = ctx.params.get("engine")
    methods = methods_of(engine) if engine in ENGINES else {}
    return [
        CompletionItem(name, help=first_line(method.documentation))
        for name, method in methods.items()
        if name.startswith(incomplete)
    ]


@click.command(context_settings={"ignore_unknown_options": True})  # so that numbers may be negative
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.argument("method", shell_complete=_complete_method)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.option("-H", "--host", default="127.0.0.1", show_default=True, help="Where the server is.")
@click.option(
    "-p",
    "--port",
    default=9199,
    show_default=True,
    type=click.IntRange(1, 65535),
    envvar="DUMA_PORT",
    show_envvar=True,
    help="Its port.",
)
@click.option("-n", "--name", default="", help="The name of the cluster, where there is one.")
@click.option(
    "--timeout",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Seconds to wait.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def call(
    engine: str,
    method: str,
    arguments: tuple[str, ...],
    host: str,
    port: int,
    name: str,
    timeout: float,
    as_json: bool,
) -> None:
    """Call a METHOD of a running ENGINE.

    An argument is JSON, or short: a text as it is, a datum as key=value ..., a structure field by field.

    \b
      duma call classifier train spam subject="cheap pills" links=12
      duma call classifier classify subject="cheap meeting pills" --json
    """
    methods = methods_of(engine)
    if method not in methods:
        raise click.UsageError(f"{engine} has no method {method!r}; it has {', '.join(methods)}")
    declared = methods[method]
    try:
        values = read_arguments(declared, arguments, sys.stdin.read)
    except ArgumentProblem as error:
        raise click.UsageError(f"{error}\n{_usage(declared)}") from error
    try:
        with client_class(engine_class(engine))(host, port, name, timeout) as client:
            answer = getattr(client, method)(*values)
    except (RPCError, ArgumentMismatch) as error:
        raise click.ClickException(f"{method}: {error}") from error
    if as_json:
        print_json(to_json(declared.result, answer))
    else:
        print_answer(declared, answer)


def _usage(method: Method) -> str:
    return "\n".join([signature(method), *map(structure, structures({method.name: method}))])
