"""`duma recover`: a model as it was, or as it would be without what went wrong, in a new place."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from duma.commands.failures import failures_told
from duma.commands.next_step import next_step
from duma.commands.times import Position, format_time
from duma.server.history import Entry, find_data_folder
from duma.server.rebuild import Plan, Rebuilt, Survey, rebuild, survey
from duma.server.rebuilt_files import check_target, write_file, write_folder
from duma.store.files import DiskFiles
from duma.store.journal import JournalDamaged

_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?", re.ASCII)


class _Stop(Position):
    """Where to stop: a position, or `before=` and a record's number."""

    name = "seq|time|before=seq"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str) or not value.startswith("before="):
            return super().convert(value, param, ctx)
        number = value.removeprefix("before=")
        if not (number.isascii() and number.isdigit()) or int(number) == 0:
            return self.fail(f"{value!r} is not before= and the number of a record", param, ctx)
        return ("sequence", int(number) - 1)


class _Records(click.ParamType):  # type: ignore[type-arg]
    """One record, or A..B, both included."""

    name = "seq[..seq]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, range):
            return value
        match = _RANGE.fullmatch(value)
        if match:
            first, last = int(match[1]), int(match[2] or match[1])
            if 1 <= first <= last:
                return range(first, last + 1)
        return self.fail(f"{value!r} is not the number of a record, or two as in 57..60", param, ctx)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--to", "stop", type=_Stop(), help="Stop behind this record, at this time, or before a record.")
@click.option("--without", type=_Records(), multiple=True, help="Leave records out; may be repeated.")
@click.option("--skip-damaged", is_flag=True, help="Pass over what is damaged, and say what is lost by it.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a model file (new).")
@click.option("--into", type=click.Path(path_type=Path), help="Make a data folder for a server (new).")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
def recover(
    folder: Path,
    stop: tuple[str, int] | None,
    without: tuple[range, ...],
    skip_damaged: bool,
    output: Path | None,
    into: Path | None,
    dry_run: bool,
) -> None:
    """Build the model again from snapshot and journal: as it was, or without what went wrong.

    FOLDER is a data folder, <datadir>/<address>_<port>_<type>, or a datadir with only one. It is only read,
    and a server may be running on it. `duma journal` finds the records.

    \b
        duma recover FOLDER --to before=57 -o fixed.jubatus      up to record 56
        duma recover FOLDER --without 57..60 --into NEWFOLDER    all but four records
        duma recover FOLDER --to 14:30 -o fixed.jubatus          as it was at half past two

    A model file is loaded with `duma serve -m`, by clients with `load`, and by Jubatus.
    """
    if bool(output) + bool(into) != 1 and not (dry_run and not (output and into)):
        raise click.UsageError("say where the model goes: either --output FILE or --into FOLDER")
    target = output or into
    kind, value = stop or ("", None)
    plan = Plan(
        sequence=value if kind == "sequence" else None,
        time=value if kind == "time" else None,
        without=without,
        skip_damaged=skip_damaged,
    )
    files = DiskFiles()
    with failures_told():
        path = find_data_folder(folder)
        if target:
            check_target(target, path)
        found = survey(files, path, plan)
        try:
            with _progress() as progress:
                built = rebuild(files, path, plan, found.last, dry_run=dry_run, progress=progress)
        except JournalDamaged as error:
            error.add_note("duma recover --skip-damaged goes on without what is lost")
            raise
        if built.engine and output:
            write_file(files, built.engine, output)
        elif built.engine and into:
            write_folder(files, built.engine, into)
    lines = [*_report(found, built, dry_run=dry_run)]
    if built.engine and target:
        lines.append(("written", str(target)))
        lines.append(("next", next_step(target, built.engine_type, is_folder=target == into)))
    for subject, text in lines:
        click.echo(f"{subject:<12} {text}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar on the terminal while the journal is replayed."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("replaying"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("replaying", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _report(found: Survey, built: Rebuilt, *, dry_run: bool) -> Iterator[tuple[str, str]]:
    recovered, snapshot = built.recovered, built.snapshot
    yield "snapshot", f"{snapshot.path} (record {snapshot.sequence})"
    for _, why in recovered.damaged_snapshots:
        yield "damaged", f"snapshot was passed over: {why}"
    failed = f", {built.failed} of which failed, as they did when they were sent" if built.failed else ""
    replayed = f"{_number(built.requests, 'request')}{failed}"
    if recovered.replayed:
        replayed += f", from records {snapshot.sequence + 1} to {recovered.position.sequence}"
    yield "would replay" if dry_run else "replayed", replayed
    for entry in found.left_out:
        yield "left out", _described(entry)
    if found.left_out_count > len(found.left_out):
        yield "left out", f"and {found.left_out_count - len(found.left_out)} more"
    for damage in recovered.damages:
        if damage.last_lost is not None and damage.last_lost <= snapshot.sequence:
            yield "damaged", f"{damage}; the snapshot has what was there"
        else:
            yield "lost", str(damage)
    if found.tail:
        yield "unfinished", f"{found.tail} (normal while a server is writing)"
    yield (
        "model",
        f"{built.engine_type}, as of record {recovered.position.sequence}, {format_time(built.time)}",
    )


def _described(entry: Entry) -> str:
    record = entry.record
    sender = f" from {entry.client}" if entry.client else ""
    when = format_time(record.time)
    return f"record {record.sequence}: {entry.name}{sender}, {when}, {len(record.payload)} bytes"


def _number(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
