"""What a data folder holds, in numbers: `duma journal stat`."""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from duma.commands.times import format_time
from duma.errors import JournalError, ModelFileError
from duma.server.history import History, find_snapshots, list_segments
from duma.store.files import Files
from duma.store.folder import journal_folder
from duma.store.snapshots import verify_snapshot

_SECOND = 1_000_000_000


@dataclass(slots=True)
class Summary:
    """What was found. `requests` and `events` have [count, bytes] by name; times are in text."""

    folder: str
    records: int = 0
    first: int | None = None
    last: int | None = None
    first_time: str | None = None
    last_time: str | None = None
    requests: dict[str, list[int]] = field(default_factory=dict)
    events: dict[str, list[int]] = field(default_factory=dict)
    segments: list[dict[str, Any]] = field(default_factory=list)
    snapshots: list[dict[str, Any]] = field(default_factory=list)
    set_aside: list[dict[str, Any]] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)
    unfinished: str | None = None


def summarize(files: Files, folder: Path) -> Summary:
    """Read everything in a data folder. Raises `JournalError` when it cannot be read."""
    summary = Summary(str(folder))
    try:
        _add_files(files, folder, summary)
    except OSError as error:
        raise JournalError(f"{error.filename or folder} cannot be read: {error.strerror or error}") from error
    _add_records(History(files, folder), summary)
    return summary


def _add_records(history: History, summary: Summary) -> None:
    first = last = None
    for entry in history:
        last = entry.record
        first = first or last
        summary.records += 1
        counts = (summary.requests if entry.is_request else summary.events).setdefault(entry.name, [0, 0])
        counts[0] += 1
        counts[1] += len(last.payload)
    if first and last:
        summary.first, summary.last = first.sequence, last.sequence
        summary.first_time, summary.last_time = format_time(first.time), format_time(last.time)
    summary.damages += [str(damage) for damage in history.damages]
    summary.unfinished = str(history.tail) if history.tail else None


def _add_files(files: Files, folder: Path, summary: Summary) -> None:
    segments = list_segments(files, folder)
    for segment in segments:
        size = segment.path.stat().st_size
        summary.segments.append({"file": segment.path.name, "first": segment.first, "bytes": size})
    for stored in find_snapshots(files, folder):
        row: dict[str, Any] = {
            "file": stored.path.name,
            "record": stored.sequence,
            "time": format_time(stored.time * _SECOND),
            "bytes": stored.path.stat().st_size,
            "whole": True,
        }
        try:
            verify_snapshot(files, stored)
        except ModelFileError as error:
            row["whole"] = False
            summary.damages.append(str(error))
        summary.snapshots.append(row)
    known = {segment.path for segment in segments}
    for path in sorted(journal_folder(folder).iterdir()):
        if path not in known and not path.name.startswith("."):
            summary.set_aside.append({"file": path.name, "bytes": path.stat().st_size})


def print_summary(summary: Summary, *, as_json: bool) -> None:
    """Print it: sections on a terminal, tab-separated lines that begin with their subject elsewhere."""
    if as_json:
        values = {name: getattr(summary, name) for name in Summary.__dataclass_fields__}
        click.echo(json.dumps(values, ensure_ascii=False))
        return
    rows = list(_rows(summary))
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _rows(summary: Summary) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("folder", summary.folder), ("records", str(summary.records))]
    if summary.first is not None:
        rows.append(("first", str(summary.first), str(summary.first_time)))
        rows.append(("last", str(summary.last), str(summary.last_time)))
    for subject, counts in (("request", summary.requests), ("event", summary.events)):
        rows += [(subject, name, str(n), f"{size} bytes") for name, (n, size) in sorted(counts.items())]
    rows += [("segment", row["file"], f"{row['bytes']} bytes") for row in summary.segments]
    for row in summary.snapshots:
        whole = "whole" if row["whole"] else "DAMAGED"
        rows.append(
            ("snapshot", row["file"], f"{row['bytes']} bytes", f"record {row['record']}", row["time"], whole)
        )
    rows += [("set aside", row["file"], f"{row['bytes']} bytes") for row in summary.set_aside]
    rows += [("DAMAGED", text) for text in summary.damages]
    if summary.unfinished:
        rows.append(("unfinished", f"{summary.unfinished} (normal while a server is writing)"))
    return rows
