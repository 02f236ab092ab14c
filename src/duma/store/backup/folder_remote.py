"""A folder as a place for backups, on a disk or a network file system.

Objects are files. Conditional writes are made one at a time, by whoever holds the lock of the file `.lock`.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from duma.errors import BackupError
from duma.store.backup.remote import AlreadyThere, Changed, Entry, Missing, Version
from duma.store.files import File, Files, make_folders
from duma.store.temporary import is_temporary, remove_leftovers, whole_file

_LOCK = ".lock"
_PATIENCE = 10.0  # seconds; a conditional write takes milliseconds


class FolderRemote:
    """See `duma.store.backup.remote.Remote`. The folder is made with the first object."""

    def __init__(self, files: Files, path: Path) -> None:
        self.where = str(path)
        self._files = files
        self._path = path
        self._made: set[Path] = set()

    def get(self, name: str) -> tuple[bytes, Version]:
        with self._failures(f"{name} cannot be read"):
            try:
                data = self._read(name)
            except (FileNotFoundError, NotADirectoryError) as error:
                raise Missing(f"{self.where} has no {name}") from error
        return data, _version(data)

    def put(self, name: str, data: bytes) -> None:
        with self._failures(f"{name} cannot be written"):
            self._write(name, data)

    def put_new(self, name: str, data: bytes) -> Version:
        with self._failures(f"{name} cannot be written"), self._lock():
            if self._files.exists(self._path / name):
                raise AlreadyThere(f"{self.where} has {name} already")
            self._write(name, data)
        return _version(data)

    def replace(self, name: str, data: bytes, version: Version) -> Version:
        with self._failures(f"{name} cannot be written"), self._lock():
            if not self._files.exists(self._path / name) or _version(self._read(name)) != version:
                raise Changed(f"{name} in {self.where} was changed by somebody else")
            self._write(name, data)
        return _version(data)

    def entries(self, prefix: str) -> Iterable[Entry]:
        entries = []
        with self._failures("it cannot be listed"):
            folder = self._path / prefix
            if not self._files.exists(folder):
                return []
            for name in self._files.names(folder):
                if is_temporary(name):
                    continue
                with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                    modified = self._files.modified(folder / name)
                    with self._files.open(folder / name) as file:
                        entries.append(Entry(prefix + name, file.size(), modified))
        return entries

    def remove(self, names: Iterable[str]) -> None:
        folders = set()
        with self._failures("objects cannot be removed"):
            for name in names:
                path = self._path / name
                with contextlib.suppress(FileNotFoundError):
                    self._files.remove(path)
                    folders.add(path.parent)
            for folder in sorted(folders):
                self._files.sync_folder(folder)

    def _read(self, name: str) -> bytes:
        with self._files.open(self._path / name) as file:
            return file.read_at(0, file.size())

    def _write(self, name: str, data: bytes) -> None:
        path = self._path / name
        self._make(path.parent)
        with whole_file(self._files, path) as file:
            file.append(data)

    def _make(self, folder: Path) -> None:
        if folder not in self._made:
            make_folders(self._files, folder)
            remove_leftovers(self._files, folder)
            self._made.add(folder)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        self._make(self._path)
        with self._open_lock() as lock:
            deadline = time.monotonic() + _PATIENCE
            while not lock.try_lock():
                if time.monotonic() > deadline:
                    raise BackupError(
                        f"{self.where}: {_LOCK} has been locked by somebody else for {_PATIENCE:g} s"
                    )
                time.sleep(0.01)
            yield

    def _open_lock(self) -> File:
        with contextlib.suppress(FileExistsError):
            return self._files.create(self._path / _LOCK)
        return self._files.open(self._path / _LOCK, writing=True)

    @contextlib.contextmanager
    def _failures(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            path = f" ({error.filename})" if error.filename else ""
            raise BackupError(f"{self.where}: {what}: {error.strerror or error}{path}") from error


def _version(data: bytes) -> Version:
    return hashlib.sha256(data).hexdigest()
