"""New files that come to be whole or not at all.

A new file is written beside its place as `.duma-<8 hex digits>.tmp`, synced, renamed over its place, and the
folder is synced: at every instant the name holds the old file or the new one. The temporary file is locked
while it is written, so that what a crashed process left behind is told from what another one is writing: a
leftover can be locked.
"""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from duma.store.files import File, Files

_NAME = re.compile(r"\.duma-[0-9a-f]{8}\.tmp")


@contextlib.contextmanager
def whole_file(files: Files, path: Path, size: int = 0) -> Iterator[File]:
    """An empty file to write in the block; after the block it lastingly is `path`.

    `size` is how many bytes it will have, if known: without room for them it is not begun, since until it failed
    it would take the last room from others, such as the journal. When the block or any step after it raises, the
    temporary file is removed, and `path` is what it was. Only if the last step fails, the folder's sync, may
    `path` be the new file already, but not lastingly.
    """
    free = files.free_space(path.parent) if size else None
    if free is not None and free < size:
        why = f"{os.strerror(errno.ENOSPC)} ({size} bytes are needed, {free} are free)"
        raise OSError(errno.ENOSPC, why, str(path))
    temporary, file = _create(files, path.parent)
    with file:
        try:
            yield file
            file.sync()
            files.rename(temporary, path)
        except BaseException as error:
            try:
                files.remove(temporary)
            except OSError as second:
                error.add_note(f"the temporary file {temporary} could not be removed: {second.strerror}")
            raise
    files.sync_folder(path.parent)


def is_temporary(name: str) -> bool:
    """Whether a name is that of a file which is being written, or was left behind."""
    return _NAME.fullmatch(name) is not None


def remove_leftovers(files: Files, folder: Path) -> list[Path]:
    """Remove the temporary files that crashed processes left in a folder; returns them."""
    removed = []
    for name in files.names(folder):
        if not _NAME.fullmatch(name):
            continue
        # Gone meanwhile, or in a shared folder and somebody else's: neither is ours to remove.
        with contextlib.suppress(FileNotFoundError, PermissionError), files.open(folder / name) as file:
            if file.try_lock():
                files.remove(folder / name)
                removed.append(folder / name)
    return removed


def _create(files: Files, folder: Path) -> tuple[Path, File]:
    while True:
        temporary = folder / f".duma-{os.urandom(4).hex()}.tmp"
        try:
            file = files.create(temporary)
        except FileExistsError:
            continue
        try:
            # Another process's `remove_leftovers` may look at the file before it is locked, and take it away.
            if file.try_lock() and files.exists(temporary):
                return temporary, file
        except BaseException:
            file.close()
            files.remove(temporary)
            raise
        file.close()
