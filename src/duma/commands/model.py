"""`duma model`: looking into model files, comparing, converting and merging them, without a server.

Exit status 2 is trouble (a file that cannot be read, a configuration that cannot be used); what 1 means,
each command says.
"""

import dataclasses
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from duma.commands.failures import Trouble
from duma.commands.model_output import print_difference, print_inspected
from duma.commands.output import print_json
from duma.configuration import same_configuration
from duma.engines.registry import ENGINES, engine_class
from duma.errors import DumaError, ModelFileError
from duma.models.layouts import Content
from duma.models.report import Report
from duma.store.files import DiskFiles
from duma.store.model_file import ModelFile, read_model, write_model

_FILE = click.Path(dir_okay=False, path_type=Path)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_accept_loss_option = click.option("--accept-loss", is_flag=True, help="Write it even if something is lost.")
_force_option = click.option("--force", is_flag=True, help="Replace a file that exists (never an input).")


@contextmanager
def _told() -> Iterator[None]:
    """Shows errors as one line, with exit status 2."""
    try:
        yield
    except DumaError as error:
        raise Trouble(str(error)) from error
    except OSError as error:
        raise Trouble(f"{error.filename}: {error.strerror}") from error


@click.group()
def model() -> None:
    """Look into model files, compare, convert and merge them."""


@model.command()
@click.argument("file", type=_FILE)
@click.option("--top", default=10, show_default=True, type=click.IntRange(min=0), help="Features per label.")
@_json_option
def inspect(file: Path, top: int, as_json: bool) -> None:
    """Show what a FILE is and holds, as far as it can be read.

    Exit status 0 for a sound file, 1 for a damaged one.
    """
    from duma.models.inspection import inspect as inspected

    with _told():
        found = inspected(file, top)
    if as_json:
        print_json(found)
    else:
        print_inspected(found)
    sys.exit(0 if found["sound"] and not _model_is_broken(found) else 1)


@model.command()
@click.argument("a", type=_FILE)
@click.argument("b", type=_FILE)
@click.option("--top", default=10, show_default=True, type=click.IntRange(min=0), help="Differences to name.")
@click.option(
    "--tolerance",
    default=0.0,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Weights this close are equal.",
)
@_json_option
def diff(a: Path, b: Path, top: int, tolerance: float, as_json: bool) -> None:
    """Show where the models in A and B differ.

    Exit status 0 when they are the same, 1 when they differ. Id, time and version of the files do not count.
    """
    from duma.models.difference import difference

    with _told():
        found = difference(a, b, tolerance=tolerance, top=top)
    if as_json:
        print_json(found)
    else:
        print_difference(found)
    sys.exit(0 if found["same"] else 1)


@model.command()
@click.argument("file", type=_FILE)
@click.option(
    "--config", type=_FILE, help="The new configuration; without it only the file's version changes."
)
@click.option("-o", "--output", type=_FILE, required=True, help="The file to write.")
@click.option("--id", "model_id", help="Its id; that of FILE by default.")
@_accept_loss_option
@_force_option
@_json_option
def convert(
    file: Path,
    config: Path | None,
    output: Path,
    model_id: str | None,
    accept_loss: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write the model in FILE for another configuration of the same engine.

    Says what changes and what is lost. Exit status 1, and nothing written, when something is lost that
    --accept-loss does not accept.
    """
    from duma.models.conversion import convert as converted

    with _told(), _opened(file) as opened, opened.user_data as data:
        _check_output(output, [file], force)
        _check_loads(opened, data)
        config_text = opened.config_text if config is None else _read(config)
        _check_configuration(opened, config_text, config or file)
        content, report = converted(opened.engine_type, data, opened.config_text, config_text)
        outputs = {output: model_id or opened.model_id}
        _finish(outputs, opened, config_text, content, report, accept_loss, as_json)


@model.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("-o", "--output", type=_FILE, required=True, help="The file to write.")
@click.option("--id", "model_id", help="Its id; that of the first of FILES by default.")
@_accept_loss_option
@_force_option
@_json_option
def merge(
    files: tuple[Path, ...],
    output: Path,
    model_id: str | None,
    accept_loss: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Make the models in FILES, saved by the servers of one cluster, one for a standalone server.

    Exit status 1, and nothing written, when something is lost that --accept-loss does not accept.
    """
    with _told():
        _check_output(output, files, force)
        _merge(files, lambda first: {output: model_id or first.model_id}, False, accept_loss, as_json)


@model.command()
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--servers", required=True, help="The new servers: host:port,host:port,...")
@click.option(
    "-o",
    "--output",
    "folder",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    required=True,
    help="The folder to write to.",
)
@click.option("--id", "model_id", help="The id to load them by; that of the first of FILES by default.")
@_accept_loss_option
@_force_option
@_json_option
def deal(
    files: tuple[Path, ...],
    servers: str,
    folder: Path,
    model_id: str | None,
    accept_loss: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Merge the models in FILES and give them to another number of servers: one file for each.

    The files get the names under which the servers look for them. Exit status as for merge.
    """
    from duma.server.model_path import model_path

    addresses = _addresses(servers)

    def outputs(first: ModelFile) -> dict[Path, str]:
        id_ = model_id or first.model_id
        paths = {model_path(str(folder), host, port, first.engine_type, id_): id_ for host, port in addresses}
        for path in paths:
            _check_output(path, files, force)
        return paths

    with _told():
        _merge(files, outputs, True, accept_loss, as_json)


def _merge(files: Sequence[Path], outputs: Any, for_cluster: bool, accept_loss: bool, as_json: bool) -> None:
    from duma.models.layouts import layout

    for i, file in enumerate(files):
        if any(file.samefile(other) for other in files[:i]):
            raise ModelFileError(f"{file} is given twice")
    with ExitStack() as stack:
        opened = [stack.enter_context(_opened(file)) for file in files]
        first = opened[0]
        paths = outputs(first)
        for other in opened[1:]:
            if other.engine_type != first.engine_type:
                raise ModelFileError(
                    f"{other.path} is a model of {other.engine_type}, but {first.path} of {first.engine_type}"
                )
            if not same_configuration(other.config_text, first.config_text):
                raise ModelFileError(
                    f"{other.path} has another configuration than {first.path}: convert one of them first "
                    "(duma model convert --config)"
                )
        data = [stack.enter_context(file.user_data) for file in opened]
        for each, part in zip(opened, data, strict=True):
            _check_loads(each, part)
        found = layout(first.engine_type, first.config_text)
        content, report = found.merged(data, [str(file) for file in files], for_cluster=for_cluster)
        _finish(paths, first, first.config_text, content, report, accept_loss, as_json)


def _finish(
    outputs: dict[Path, str],
    source: ModelFile,
    config_text: str,
    content: Content,
    report: Report,
    accept_loss: bool,
    as_json: bool,
) -> None:
    """Show the report and write the files (ids by path) unless something is lost that was not accepted."""
    writes = accept_loss or not report.losses
    if writes:
        for path, model_id in outputs.items():
            write_model(
                DiskFiles(),
                path,
                engine_type=source.engine_type,
                model_id=model_id,
                config_text=config_text,
                timestamp=int(time.time()),
                snapshot=content,
            )
    written = [str(path) for path in outputs] if writes else []
    if as_json:
        print_json({"written": written, **dataclasses.asdict(report)})
    else:
        for line in report.lines():
            click.echo(line)
        for name in written:
            click.echo(f"written: {name}")
    if not writes:
        click.echo("nothing is written: say --accept-loss to go on without what is lost", err=True)
        sys.exit(1)


def _opened(path: Path) -> ModelFile:
    return read_model(DiskFiles(), path)


def _check_output(output: Path, inputs: Sequence[Path], force: bool) -> None:
    if not output.exists():
        return
    if any(path.exists() and output.samefile(path) for path in inputs):
        raise ModelFileError(f"{output} is an input: choose another name to write to")
    if not force:
        raise ModelFileError(f"{output} exists: choose another name, or say --force to replace it")


def _read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _check_loads(file: ModelFile, data: memoryview) -> None:
    """An input must be one that a server would load, so that the output is one, too."""
    if file.engine_type in ENGINES:
        try:
            engine_class(file.engine_type)(file.config_text).read_model(data, file.release)
        except DumaError as error:
            raise ModelFileError(f"{file.path} cannot be loaded: {error}") from error


def _check_configuration(file: ModelFile, config_text: str, source: Path) -> None:
    """The engine must be able to start with it."""
    if file.engine_type in ENGINES:
        try:
            engine_class(file.engine_type)(config_text)
        except DumaError as error:
            raise ModelFileError(f"{source}: {error}") from error


def _addresses(servers: str) -> list[tuple[str, int]]:
    found = []
    for server in servers.split(","):
        host, colon, port = server.strip().rpartition(":")
        if not colon or not host or "/" in host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise click.BadParameter(f"{server!r} is not host:port", param_hint="--servers")
        found.append((host, int(port)))
    if len(set(found)) < len(found):
        raise click.BadParameter("a server stands there twice", param_hint="--servers")
    return found


def _model_is_broken(found: dict[str, Any]) -> bool:
    problem: str | None = found["model_problem"]
    return problem is not None and problem.startswith("user data is broken")
