"""Copying a backup from one place to another, every piece checked on the way."""

from collections.abc import Callable

from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place
from duma.store.backup.sending import Sender


def copy_backup(
    source: Place,
    sender: Sender,
    manifest: Manifest,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Copy a backup that the sender's place does not have. `progress(done, total)` is told bytes.

    Raises `BackupError`; the target does not have the backup then.
    """
    done = 0
    for piece in manifest.pieces():
        if not sender.is_there(piece.sha256):
            sender.send(source.piece(piece))
        done += piece.size
        if progress is not None:
            progress(done, manifest.size)
    sender.finish(manifest)
