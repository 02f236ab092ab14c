"""The `duma` command."""

import json
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from duma.commands.default_configurations import DEFAULT_CONFIGURATIONS
from duma.engines.registry import ENGINES, engine_class
from duma.errors import ConfigurationError
from duma.server.command_line import Kind, Option
from duma.server.launch import launch
from duma.server.options import Declaration, Scope, ServerOptions, declarations
from duma.server.settings import Settings
from duma.server.versions import JUBATUS_VERSION, duma_version

# Commands that are imported when they are asked for, so that a server starts without them.
_ELSEWHERE = {
    "backup": "duma.commands.backup",
    "call": "duma.commands.call",
    "completion": "duma.commands.completion",
    "config": "duma.commands.config",
    "engines": "duma.commands.engines",
    "journal": "duma.commands.journal",
    "model": "duma.commands.model",
    "recover": "duma.commands.recover",
}


class _Commands(click.Group):
    """The commands here and those elsewhere."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(import_module(_ELSEWHERE[cmd_name]), cmd_name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(message=f"duma {duma_version()} (answers as Jubatus {JUBATUS_VERSION})", version="")
def main() -> None:
    """Duma: an online machine-learning server."""


class _Size(click.ParamType):  # type: ignore[type-arg]
    """Bytes, with K, M or G."""

    name = "size"

    def __init__(self, option: Option) -> None:
        self._option = option

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return self._option.read(str(value))
        except ValueError as error:
            return self.fail(f"{value!r} is not {error}", param, ctx)


def _server_options(command: Any) -> Any:
    """Adds every option that a server has, as the table declares it."""
    for declaration in reversed(declarations()):
        if declaration.scope is Scope.SERVER:
            command = _click_option(declaration)(command)
    return command


def _click_option(declaration: Declaration) -> Any:
    option, serve = declaration.option, declaration.serve
    names = [declaration.field, f"--{serve.name}", *([f"-{option.short}"] if option.short else [])]
    default = option.default if serve.default is None else serve.default
    settings: dict[str, Any] = {
        "default": default,
        "show_default": bool(default),
        "help": option.help,
        "envvar": f"DUMA_{serve.name.upper().replace('-', '_')}",
        "show_envvar": True,
    }
    if option.kind is Kind.FLAG:
        settings["is_flag"] = True
    elif option.kind is Kind.INTEGER:
        settings["type"] = click.IntRange(option.low, option.high)
    elif option.kind is Kind.SIZE:
        settings["type"] = _Size(option)
    return click.option(*names, **settings)


def _use_settings(ctx: click.Context, _param: click.Parameter, path: str | None) -> None:
    if path is None:
        return
    from duma.commands.settings_file import read_settings

    names = {item.serve.name: item.field for item in declarations() if item.scope is Scope.SERVER}
    try:
        ctx.default_map = read_settings(Path(path), names)
    except ConfigurationError as error:
        raise click.ClickException("\n".join(error.messages)) from error
    except OSError as error:
        raise click.ClickException(f"cannot read the settings {path}: {error.strerror}") from error


@main.command(context_settings={"show_default": True})
@click.argument("engine", type=click.Choice(list(ENGINES)))
@click.option(
    "--settings",
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_use_settings,
    envvar="DUMA_SETTINGS",
    show_envvar=True,
    help="TOML file with any of the options below; they win over it",
)
@_server_options
def serve(engine: str, **values: Any) -> None:
    """Serve an ENGINE on this machine.

    Without --config the server starts with a configuration that suits mixed texts and numbers. Models are
    kept in the user's own state directory. Only this machine can reach the server unless --listen says
    otherwise.
    """
    if not values["datadir"]:
        values["datadir"] = str(_own_datadir(engine))
    default = DEFAULT_CONFIGURATIONS.get(engine)
    if default is None and not (values["configpath"] or values["model_file"]):
        raise click.UsageError(f"{engine} has no built-in configuration: name one with --config")
    default_config = "" if default is None else json.dumps(default, indent=2)
    started = _banner if sys.stdout.isatty() else None
    sys.exit(launch("duma", engine, ServerOptions(**values), default_config=default_config, started=started))


def _own_datadir(engine: str) -> Path:
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    directory = Path(state) / "duma" / engine
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(
            f"cannot create the directory for models {directory}: {error.strerror}; "
            "name another one with --datadir"
        ) from error
    return directory


def _banner(settings: Settings) -> None:
    from rich.console import Console
    from rich.panel import Panel
    from rich.table import Table

    where = f"{settings.address.advertised}:{settings.options.rpc_port}"
    client = engine_class(settings.engine_type).__name__
    rows = Table.grid(padding=(0, 2))
    rows.add_row("engine", settings.engine_type)
    rows.add_row("address", where)
    rows.add_row("configuration", settings.model_file or settings.configpath or "built in (see --config)")
    rows.add_row("models", settings.datadir)
    host = f'"{settings.address.advertised}", {settings.options.rpc_port}, ""'
    rows.add_row("client", f"duma.client.{client}({host})")
    rows.add_row("end", "Ctrl-C")
    Console().print(Panel(rows, title=f"duma {duma_version()}", expand=False))
