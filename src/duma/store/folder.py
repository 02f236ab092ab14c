"""The folder in which a server keeps its journal and snapshots.

<datadir>/<address>_<port>_<type>/
    lock         locked while a server uses the folder
    journal/     see `duma.store.journal`
    snapshots/   see `duma.store.snapshots`; beside them copies of the model files that were loaded, each with
                 the number of the record that loaded it: loaded-<20 digits>.jubatus
"""

import re
from pathlib import Path
from typing import Self

from duma.errors import JournalError
from duma.store.files import File, Files, make_folders
from duma.store.temporary import remove_leftovers

_LOADED = re.compile(r"loaded-(\d{20})\.jubatus")


class DataFolder:
    """A server's folder, locked for this process until `close` if it was opened."""

    def __init__(self, path: Path, lock: File | None = None) -> None:
        self.path = path
        self.journal = journal_folder(path)
        self.snapshots = snapshots_folder(path)
        self._lock = lock

    @classmethod
    def open(cls, files: Files, path: Path) -> Self:
        """Make the folder if needed, lock it, and remove what crashed processes left half written.

        Raises `JournalError` when another server has it, or when it cannot be made.
        """
        try:
            for folder in (journal_folder(path), snapshots_folder(path)):
                make_folders(files, folder)
            lock = _lock(files, path / "lock")
            if lock is None:
                raise JournalError(
                    f"data folder {path} is in use by another server; stop that one or choose another datadir"
                )
            for folder in (journal_folder(path), snapshots_folder(path)):
                remove_leftovers(files, folder)
                # A crashed process may have named files and not come to this; what is built on them needs it.
                files.sync_folder(folder)
        except OSError as error:
            raise JournalError(
                f"data folder cannot be used: {error.filename or path}: {error.strerror or error}"
            ) from error
        return cls(path, lock)

    def close(self) -> None:
        """Unlock it."""
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def data_folder_path(datadir: Path, address: str, port: int, engine_type: str) -> Path:
    """The folder of the server with this address."""
    return datadir / f"{address}_{port}_{engine_type}"


def journal_folder(path: Path) -> Path:
    """The journal in a data folder."""
    return path / "journal"


def snapshots_folder(path: Path) -> Path:
    """The snapshots in a data folder."""
    return path / "snapshots"


def loaded_path(snapshots: Path, sequence: int) -> Path:
    """Where the copy of the model file is that a record loaded."""
    return snapshots / f"loaded-{sequence:020}.jubatus"


def loaded_by(name: str) -> int | None:
    """The record that loaded the model file whose copy has a name; None for other names."""
    match = _LOADED.fullmatch(name)
    return int(match[1]) if match else None


def _lock(files: Files, path: Path) -> File | None:
    try:
        lock = files.create(path)
    except FileExistsError:
        lock = files.open(path, writing=True)
    if lock.try_lock():
        return lock
    lock.close()
    return None
