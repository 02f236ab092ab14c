"""Restoring a backup to a new data folder, every piece checked.

The folder is built beside its place under a temporary name and then renamed, so that no server begins anew on
half a folder.
"""

import os
from collections.abc import Callable
from pathlib import Path

from duma.errors import BackupError
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place
from duma.store.files import Files
from duma.store.folder import journal_folder, snapshots_folder

_BUILDING = ".restore-{}"


def restore(
    files: Files,
    place: Place,
    manifest: Manifest,
    target: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make the data folder `target` as it was; the folder it is in exists. `progress(done, total)` is told bytes.

    Raises `BackupError`; there is no `target` then.
    """
    if files.exists(target):
        raise BackupError(f"{target} exists already, and is not overwritten: choose a new name")
    building = target.parent / _BUILDING.format(os.urandom(4).hex())
    try:
        files.make_folder(building)
        try:
            _fill(files, place, manifest, building, progress)
            if files.exists(target):
                raise BackupError(f"{target} has come to exist meanwhile, and is not overwritten")
            files.rename(building, target)
        except BaseException as error:
            _remove(files, building, error)
            raise
        files.sync_folder(target.parent)
    except OSError as error:
        raise BackupError(
            f"{target} cannot be restored: {error.filename or building}: {error.strerror or error}"
        ) from error


def _fill(
    files: Files,
    place: Place,
    manifest: Manifest,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    inside = journal_folder(folder), snapshots_folder(folder)
    for path in inside:
        files.make_folder(path)
    done = 0
    for backed_up in manifest.files:
        with files.create(folder / backed_up.name) as file:
            for piece in backed_up.pieces:
                file.append(place.piece(piece))
                done += piece.size
                if progress is not None:
                    progress(done, manifest.size)
            file.sync()
    for path in (*inside, folder):
        files.sync_folder(path)


def _remove(files: Files, building: Path, error: BaseException) -> None:
    try:
        for folder in (journal_folder(building), snapshots_folder(building)):
            if files.exists(folder):
                for name in files.names(folder):
                    files.remove(folder / name)
                files.remove_folder(folder)
        files.remove_folder(building)
    except OSError as second:
        error.add_note(f"the half restored folder {building} could not be removed: {second.strerror}")
