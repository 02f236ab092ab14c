"""`duma journal`: who sent which update, and when."""

import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from duma.commands.failures import failures_told
from duma.commands.journal_output import Decoder, print_entries
from duma.commands.times import Position, Time
from duma.engines.registry import ENGINES, engine_class
from duma.server.history import Entry, History, find_data_folder
from duma.server.journal_events import BOOKKEEPING
from duma.store.files import DiskFiles


@click.group()
def journal() -> None:
    """Look into a server's journal.

    FOLDER is a data folder, <datadir>/<address>_<port>_<type>, or a datadir with only one. A server may be
    running on it. Times are 2026-01-31T23:59:59 (local, or with a zone), 23:59:59 of today, or -10m.
    """


def _output_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="One JSON object a line."),
        click.option("--decode", is_flag=True, help="Show the requests' arguments."),
        click.option("--last", type=click.IntRange(1), metavar="N", help="Only the last N."),
    ):
        command = option(command)
    return click.argument("folder", type=click.Path(path_type=Path))(command)


@journal.command()
@_output_options
@click.option("--from", "start", type=Position(), help="Begin with this record or time.")
@click.option("--to", "stop", type=Position(), help="End with this record or time.")
@click.option("--all", "everything", is_flag=True, help="Also the records that only say who sends.")
def show(
    folder: Path,
    start: tuple[str, int] | None,
    stop: tuple[str, int] | None,
    everything: bool,
    **output: Any,
) -> None:
    """Show the records in their order: who sent what, and when."""

    def chosen(entries: Iterable[Entry]) -> Iterator[Entry]:
        for entry in entries:
            if stop and _value(entry, stop[0]) > stop[1]:
                return
            if start and _value(entry, start[0]) < start[1]:
                continue
            if everything or entry.is_request or entry.record.name not in BOOKKEEPING:
                yield entry

    since = start[1] if start and start[0] == "sequence" else 1
    _print(folder, chosen, since=since, **output)


@journal.command()
@_output_options
@click.option("--method", "methods", help="Only these methods or events, as in train,clear.", metavar="NAMES")
@click.option("--client", help="Only what came from this address, or this address:port.")
@click.option("--contains", help="Only what has this text in it.", metavar="TEXT")
@click.option("--min-size", type=click.IntRange(0), default=0, help="Only what has this many bytes or more.")
@click.option("--since", type=Time(), help="Nothing from before this time.")
@click.option("--until", type=Time(), help="Nothing from after this time.")
def search(
    folder: Path,
    methods: str | None,
    client: str | None,
    contains: str | None,
    min_size: int,
    since: int | None,
    until: int | None,
    **output: Any,
) -> None:
    """Find records, such as the wrong `clear` or a poisoned batch."""
    names = {name.strip() for name in methods.split(",")} if methods else set()
    text = contains.encode("utf-8", "surrogateescape") if contains else b""

    def fits(entry: Entry) -> bool:
        record = entry.record
        return (
            (entry.name in names if names else record.name not in BOOKKEEPING or entry.is_request)
            and (client is None or client in (entry.client, entry.client.rpartition(":")[0]))
            and len(record.payload) >= min_size
            and (since is None or record.time >= since)
            and (until is None or record.time <= until)
            and text in record.payload
        )

    _print(folder, lambda entries: filter(fits, entries), **output)


@journal.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def stat(folder: Path, as_json: bool) -> None:
    """Sum up a folder: records, methods, files, snapshots, damage.

    Every byte is read and checked. The exit status is 1 if something is damaged.
    """
    from duma.commands.journal_summary import print_summary, summarize

    with failures_told():
        summary = summarize(DiskFiles(), find_data_folder(folder))
        print_summary(summary, as_json=as_json)
    if summary.damages:
        sys.exit(1)


def _value(entry: Entry, what: str) -> int:
    return entry.record.sequence if what == "sequence" else entry.record.time


def _print(
    folder: Path,
    choose: Callable[[Iterable[Entry]], Iterable[Entry]],
    *,
    last: int | None,
    decode: bool,
    as_json: bool,
    since: int = 1,
) -> None:
    with failures_told():
        path = find_data_folder(folder)
        history = History(DiskFiles(), path, since=since)
        chosen = choose(history)
        if last:
            chosen = deque(chosen, maxlen=last)
        print_entries(chosen, _decoder(path) if decode else None, as_json=as_json)
    for damage in history.damages:
        click.echo(f"damaged: {damage}", err=True)


def _decoder(folder: Path) -> Decoder:
    """For the engine in the folder's name; arguments have no names if that is none."""
    engine_type = folder.resolve().name.rpartition("_")[2]
    if engine_type not in ENGINES:
        return Decoder({})
    return Decoder(dict(engine_class(engine_type).methods))
