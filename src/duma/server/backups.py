"""Backups of data folders as a person asks for them: made and verified, restored to a folder or a model file."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from duma.errors import BackupError
from duma.server.backup_verification import state_of, verify
from duma.server.rebuild import Plan, rebuild
from duma.server.rebuilt_files import write_file
from duma.store.backup.creation import Creator
from duma.store.backup.lease import Lease, owner_name
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place, Verification
from duma.store.backup.restoration import restore
from duma.store.backup.sending import Sender, Sent
from duma.store.backup.source import Source, SourceReader
from duma.store.files import Files

Progress = Callable[[str, int, int], None]  # what is done, bytes done, bytes in all

_TRIES = 3


@dataclass(frozen=True, slots=True)
class Created:
    """A new backup, what had to be sent for it, and its verification if there was one."""

    manifest: Manifest
    sent: Sent
    verification: Verification | None


def create_backup(
    files: Files,
    folder: Path,
    place: Place,
    *,
    verified: bool = True,
    take_over: bool = False,
    scratch: Path | None = None,
    progress: Progress = lambda _what, _done, _total: None,
) -> Created:
    """Back a data folder up; a server may be running on it.

    Unless `verified` is False, the state of the folder is found out first, and compared with that of the restored
    backup. Raises `BackupError` and, for a damaged journal, `JournalError`.
    """
    reader = SourceReader(files, folder)
    lease = Lease.claim(
        place.remote, journal=reader.identity(), owner=owner_name(folder), take_over=take_over
    )
    with lease.held():
        creator = Creator(Sender(place, lease))
        manifest = _create(files, reader, creator, lease, verified, progress)
    verification = None
    if verified:
        verification = verify(place, manifest, scratch=scratch, progress=_named("restoring", progress))
    return Created(manifest, creator.sender.sent, verification)


def restore_to_file(
    files: Files,
    place: Place,
    manifest: Manifest,
    target: Path,
    progress: Progress,
    scratch: Path | None = None,
) -> None:
    """Restore a backup below `scratch`, recover it, and write its model to a new file.

    Raises `BackupError`, `JournalError`, `ModelFileError` and `TargetRefused`.
    """
    with tempfile.TemporaryDirectory(prefix="duma-restore-", dir=scratch) as temporary:
        folder = Path(temporary) / "restored"
        restore(files, place, manifest, folder, _named("restoring", progress))
        plan = Plan(sequence=manifest.sequence)
        rebuilt = rebuild(files, folder, plan, manifest.sequence, progress=_named("replaying", progress))
        assert rebuilt.engine is not None
        write_file(files, rebuilt.engine, target)


def _create(
    files: Files, reader: SourceReader, creator: Creator, lease: Lease, verified: bool, progress: Progress
) -> Manifest:
    for last_try in (False,) * (_TRIES - 1) + (True,):
        with reader.open() as source:
            try:
                state = _state(source, lease) if verified else None
            except BackupError:
                if last_try or files.exists(source.snapshot):
                    raise
                continue  # retention removed what the other process was reading: there is a newer snapshot
            return creator.create(source, state=state, progress=_named("sending", progress))
    raise AssertionError("the last try returns or raises")


def _state(source: Source, lease: Lease) -> str:
    def keep() -> bool:
        lease.keep()
        return False

    return state_of(source.folder, source.snapshot.name, source.position, cancelled=keep)


def _named(what: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)
