"""`duma backup`: copies of a server's model in another place, and the model from such a copy."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from duma.commands.failures import failures_told
from duma.commands.next_step import next_step
from duma.commands.output import print_json, print_table
from duma.commands.times import format_time
from duma.errors import BackupError
from duma.server.backup_verification import verify as verify_backup
from duma.server.backups import Progress, create_backup, restore_to_file
from duma.server.history import find_data_folder
from duma.store.backup.copying import copy_backup
from duma.store.backup.lease import Lease, owner_name
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place, Verification, missing_pieces
from duma.store.backup.pruning import prune as prune_place
from duma.store.backup.remote import open_remote
from duma.store.backup.restoration import restore as restore_folder
from duma.store.backup.sending import GRACE, Sender
from duma.store.files import DiskFiles
from duma.store.retention import Rule

_SCRATCH = click.option(
    "--scratch",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where there is room to restore it for a while; the system's temporary folder otherwise.",
)
_TAKE_OVER = click.option(
    "--take-over", is_flag=True, help="Write there even if somebody else does; who did is shut out."
)


@click.group()
def backup() -> None:
    """Copy a server's model elsewhere, and bring it back.

    PLACE is where backups are kept: a folder, or s3://bucket/folder, gs://bucket/folder, az://container/folder
    (needs `pip install 'duma[remote]'`; credentials and endpoints come from the environment, as for the stores'
    own tools). Each server needs a place of its own.
    """


@backup.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("place")
@click.option("--no-verify", is_flag=True, help="Do not restore it to see that it is good.")
@_SCRATCH
@_TAKE_OVER
def create(folder: Path, place: str, no_verify: bool, scratch: Path | None, take_over: bool) -> None:
    """Back up the data folder FOLDER, and restore the backup to see that it is good.

    A server may be running on FOLDER. What is in PLACE already is not sent again; after an interruption, run the
    command again.
    """
    with failures_told(), _progress() as progress:
        files, found = DiskFiles(), Place(open_remote(place))
        path = find_data_folder(folder).resolve()
        made = create_backup(
            files,
            path,
            found,
            verified=not no_verify,
            take_over=take_over,
            scratch=scratch,
            progress=progress,
        )
    manifest, sent = made.manifest, made.sent
    _say("backup", f"{manifest.id} in {found.where}")
    _say("has", _described(manifest))
    _say("sent", f"{sent.bytes} bytes in {sent.pieces} pieces; the rest was there")
    _say_verified(made.verification)


@backup.command("list")
@click.argument("place")
@click.option("--json", "as_json", is_flag=True, help="As a JSON array.")
def list_backups(place: str, as_json: bool) -> None:
    """List the backups in PLACE, the oldest first. Ends with status 1 if one cannot be restored."""
    with failures_told():
        found = Place(open_remote(place))
        listing, present, verifications = found.listing(), found.pieces(), found.verifications()
    rows = [_row(manifest, verifications.get(manifest.id), present) for manifest in listing.backups]
    rows += [{"id": backup_id, "problem": why} for backup_id, why in listing.damaged.items()]
    if as_json:
        print_json(rows)
    else:
        columns = ("id", "time", "type", "journal", "record", "bytes", "verified", "problem")
        print_table(
            f"backups in {found.where}", columns, [[row.get(name, "") for name in columns] for row in rows]
        )
        if not rows:
            click.echo(f"no backups in {found.where}", err=True)
    sys.exit(1 if any(row["problem"] for row in rows) else 0)


@backup.command()
@click.argument("place")
@click.argument("backup_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All backups in PLACE.")
@_SCRATCH
def verify(place: str, backup_ids: tuple[str, ...], everything: bool, scratch: Path | None) -> None:
    """Restore backups, recover them in a process of their own, and compare the state of the model.

    Without an ID it is the newest one. Ends with status 1 if one is not good.
    """
    if everything and backup_ids:
        raise click.UsageError("give either IDs or --all")
    bad = False
    with failures_told():
        found = Place(open_remote(place))
        for manifest in _chosen(found, backup_ids or ("latest",), everything=everything):
            try:
                with _progress() as progress:
                    verification = verify_backup(
                        found,
                        manifest,
                        scratch=scratch,
                        progress=lambda *bytes_: progress("restoring", *bytes_),
                    )
            except BackupError as error:
                bad = True
                click.echo(f"Error: {error}", err=True)
                continue
            _say("backup", manifest.id)
            _say("has", _described(manifest))
            _say_verified(verification)
    sys.exit(1 if bad else 0)


@backup.command()
@click.argument("place")
@click.option("--id", "backup_id", default="latest", show_default=True, help="Which backup.")
@click.option("--into", type=click.Path(path_type=Path), help="Make a data folder for a server (new).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a model file (new).")
@_SCRATCH
def restore(place: str, backup_id: str, into: Path | None, output: Path | None, scratch: Path | None) -> None:
    """Bring a backup back: as a data folder, or as a model file.

    A server finds its folder by its name, <datadir>/<address>_<port>_<type>. Every byte is checked. To go back to
    an earlier record or time than that of the backup, restore it to a folder and use `duma recover`.
    """
    target = into or output
    if target is None or (into and output):
        raise click.UsageError("say where it goes: either --into FOLDER or --output FILE")
    with failures_told(), _progress() as progress:
        found = Place(open_remote(place))
        target = target.absolute()
        _check_new(target)
        manifest = found.find(backup_id)
        if into:
            restore_folder(
                DiskFiles(), found, manifest, target, lambda *bytes_: progress("restoring", *bytes_)
            )
        else:
            restore_to_file(DiskFiles(), found, manifest, target, progress, scratch)
    _say("backup", manifest.id)
    _say("has", _described(manifest))
    _say("written", str(target))
    _say("next", next_step(target, manifest.engine_type, is_folder=bool(into)))


@backup.command()
@click.argument("place")
@click.option(
    "--keep-last", type=click.IntRange(1), default=3, show_default=True, help="Newest backups to keep."
)
@click.option("--keep-hours", type=click.IntRange(0), default=0, help="Hours of which the newest is kept.")
@click.option("--keep-days", type=click.IntRange(0), default=0, help="Days of which the newest is kept.")
@click.option(
    "--grace",
    type=click.IntRange(0),
    default=int(GRACE),
    show_default=True,
    help="Seconds that pieces stay which no backup needs.",
)
@click.option("--remove-broken", is_flag=True, help="Also remove backups that cannot be restored.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@_TAKE_OVER
def prune(
    place: str,
    keep_last: int,
    keep_hours: int,
    keep_days: int,
    grace: int,
    remove_broken: bool,
    dry_run: bool,
    take_over: bool,
) -> None:
    """Remove old backups, and the pieces that none of the others needs.

    Kept are the last N, the newest of each of the last hours and days in which there are any, the newest, and the
    newest verified one. A server that backs itself up here does this by itself.
    """
    rule = Rule(last=keep_last, hours=keep_hours, days=keep_days)
    with failures_told():
        found = Place(open_remote(place))
        if not found.listing().backups and not found.pieces():
            raise BackupError(f"{found.where} has no backup")
        owner = owner_name(Path("duma backup prune"))
        with Lease.claim(found.remote, journal=None, owner=owner, take_over=take_over).held() as lease:
            pruned = prune_place(
                found, lease, rule, grace=grace, remove_broken=remove_broken, dry_run=dry_run
            )
    for backup_id in pruned.removed:
        _say("would remove" if dry_run else "removed", backup_id)
    for manifest in pruned.kept:
        _say("kept", _described(manifest, with_id=True))
    for backup_id, why in pruned.broken.items():
        if backup_id not in pruned.removed:
            _say("broken", f"{why}; --remove-broken removes it")
    _say("pieces", f"{pruned.pieces} with {pruned.bytes} bytes {'would be ' if dry_run else ''}removed")


@backup.command("copy")
@click.argument("source")
@click.argument("target")
@click.argument("backup_ids", metavar="[ID]...", nargs=-1)
@_TAKE_OVER
def copy_backups(source: str, target: str, backup_ids: tuple[str, ...], take_over: bool) -> None:
    """Copy backups from the place SOURCE to the place TARGET: all, or those with an ID (`latest` is the newest).

    Every piece is checked. What TARGET has already is left out; after an interruption, run the command again.
    """
    with failures_told(), _progress() as progress:
        origin, found = Place(open_remote(source)), Place(open_remote(target))
        wanted = _chosen(origin, backup_ids, everything=not backup_ids)
        if not wanted:
            raise BackupError(f"{origin.where} has no backup")
        lease = Lease.claim(
            found.remote,
            journal=wanted[-1].journal,
            owner=owner_name(Path(origin.where)),
            take_over=take_over,
        )
        with lease.held():
            there, present = {manifest.id for manifest in found.listing().backups}, found.pieces()
            sender = Sender(found, lease)
            for manifest in wanted:
                if manifest.id in there and not missing_pieces(manifest, present):
                    _say("is there", manifest.id)
                    continue
                copy_backup(origin, sender, manifest, lambda *bytes_: progress("copying", *bytes_))
                _say("copied", _described(manifest, with_id=True))
    _say("sent", f"{sender.sent.bytes} bytes in {sender.sent.pieces} pieces; the rest was there")


def _chosen(place: Place, backup_ids: Iterable[str], *, everything: bool) -> list[Manifest]:
    if everything:
        return place.listing().backups
    return [place.find(backup_id) for backup_id in backup_ids]


def _row(
    manifest: Manifest, verification: Verification | None, present: dict[str, tuple[int, float]]
) -> dict[str, Any]:
    missing = missing_pieces(manifest, present)
    return {
        "id": manifest.id,
        "time": format_time(manifest.time * 1000),
        "type": manifest.engine_type,
        "journal": f"{manifest.journal:08x}",
        "record": manifest.sequence,
        "bytes": manifest.size,
        "verified": format_time(verification.time * 1000) if verification else None,
        "problem": f"{len(missing)} pieces are missing" if missing else "",
    }


def _described(manifest: Manifest, *, with_id: bool = False) -> str:
    name = f"{manifest.id}, " if with_id else ""
    when = format_time(manifest.time * 1000)
    return f"{name}{manifest.engine_type}, as of record {manifest.sequence}, {when}, {manifest.size} bytes"


def _say_verified(verification: Verification | None) -> None:
    if verification is None:
        _say("verified", "no")
        return
    compared = {
        "source": "it has the state of the data folder it was made of",
        "nothing": "it can be recovered; there is no state to compare with",
    }.get(verification.compared, "it has the state of the earlier verification")
    _say("verified", f"{compared} ({verification.state[:16]})")


def _say(subject: str, text: str) -> None:
    click.echo(f"{subject:<12} {text}")


def _check_new(target: Path) -> None:
    if os.path.lexists(target):
        raise BackupError(f"{target} exists already, and is not overwritten: choose a new name")
    if not target.parent.is_dir():
        raise BackupError(f"{target} cannot be written: there is no folder {target.parent}")


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on the terminal for each thing that is done."""
    if not sys.stderr.isatty():
        yield lambda _what, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield tell
