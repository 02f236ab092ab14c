"""What backups ask of the place they are kept in, and how a place is named.

Names are paths with `/`, relative to the place. An object is small enough to be in memory: large files are cut
into pieces before they come here. It comes to be whole or not at all, and what is listed can be read.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from duma.errors import BackupError
from duma.store.files import DiskFiles

Version = str  # of an object, as its place calls it
_URL = re.compile(r"([a-z][a-z0-9+.-]+)://(.*)", re.DOTALL)
_OBJECT_STORES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")


class Missing(BackupError):
    """There is no such object."""


class AlreadyThere(BackupError):
    """There is such an object already."""


class Changed(BackupError):
    """An object is not of the version any more that it was expected to be."""


class Entry(NamedTuple):
    """An object: its size in bytes, and when it was written, Unix time in seconds."""

    name: str
    size: int
    modified: float


class Remote(Protocol):
    """A place. Every method may raise `BackupError`."""

    @property
    def where(self) -> str:
        """How messages call the place."""

    def get(self, name: str) -> tuple[bytes, Version]:
        """An object. Raises `Missing`."""

    def put(self, name: str, data: bytes) -> None:
        """Write an object lastingly, whatever was there."""

    def put_new(self, name: str, data: bytes) -> Version:
        """Write an object lastingly if there is none. Raises `AlreadyThere`."""

    def replace(self, name: str, data: bytes, version: Version) -> Version:
        """Write an object lastingly if it still is of a version. Raises `Changed`."""

    def entries(self, prefix: str) -> Iterable[Entry]:
        """The objects in a folder (a name that ends with `/`), in any order."""

    def remove(self, names: Iterable[str]) -> None:
        """Remove objects lastingly; those that are not there are no error."""


def open_remote(place: str) -> Remote:
    """The place that a path or URL means. Nothing is read or made yet. Raises `BackupError`."""
    match = _URL.match(place)
    if match is None or match[1] == "file":
        path = place if match is None else match[2]
        if not path or "\0" in path:
            raise BackupError(
                f"{place!r} is no place for backups: expected a folder, or a URL as s3://bucket/folder"
            )
        from duma.store.backup.folder_remote import FolderRemote

        return FolderRemote(DiskFiles(), Path(path).expanduser().absolute())
    if match[1] not in _OBJECT_STORES:
        raise BackupError(
            f"{place} is no place for backups: expected a folder, or a URL that begins with s3://, gs:// or az://"
        )
    from duma.store.backup.object_remote import ObjectRemote

    return ObjectRemote(place)
