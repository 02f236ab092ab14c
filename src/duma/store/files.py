"""The file system as `store` sees it: the few calls that durability is made of, and nothing else.

Everything in `store` goes through `Files`, so that the tests can put a simulated disk in its place, one that
forgets what was not synced, tears writes and fails on demand. `DiskFiles` is the real one. Every call raises
`OSError` when it fails.
"""

import contextlib
import errno
import fcntl
import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, Self

Buffer = bytes | bytearray | memoryview


class Mapping(Protocol):
    """A whole file as memory, read only."""

    @property
    def data(self) -> memoryview: ...

    def release(self, offset: int) -> None:
        """The bytes before `offset` are not needed soon: give their memory back (they can still be read)."""

    def close(self) -> None:
        """Give the memory up; it goes with the last view of it."""


class File(Protocol):
    """An open file. Offsets and sizes are bytes."""

    def append(self, data: Buffer) -> None:
        """Write all of `data` at the end."""

    def write_at(self, offset: int, data: Buffer) -> None:
        """Write all of `data` at a place."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes; fewer only where the file ends."""

    def size(self) -> int: ...

    def truncate(self, size: int) -> None: ...

    def sync(self) -> None:
        """Return when data and size are on the disk. After a failure, what was written before is in doubt for
        ever. Fails for a file that was removed: what it holds will not be found again.
        """

    def try_lock(self) -> bool:
        """Take the file's exclusive lock until it is closed; False when another open file has it."""

    def map(self) -> Mapping: ...

    def close(self) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


class Files(Protocol):
    """A file system."""

    def create(self, path: Path) -> File:
        """A new, empty file, open for writing and reading. Raises `FileExistsError`."""

    def open(self, path: Path, *, writing: bool = False) -> File:
        """An existing file. Raises `FileNotFoundError`."""

    def rename(self, old: Path, new: Path) -> None:
        """Of a file, or of a folder in which all is synced. Replaces `new` if it exists and is a file or an empty
        folder. Lasting only after `sync_folder`.
        """

    def remove(self, path: Path) -> None: ...

    def exists(self, path: Path) -> bool: ...

    def modified(self, path: Path) -> float:
        """When a file was written last, Unix time in seconds."""

    def free_space(self, folder: Path) -> int | None:
        """Bytes that can be written to the disk of a folder; None if it does not say."""

    def names(self, folder: Path) -> list[str]:
        """The names in a folder, sorted."""

    def make_folder(self, path: Path) -> None:
        """One folder, unless it exists; its parent does. Raises `FileExistsError` when that is a file."""

    def remove_folder(self, path: Path) -> None:
        """An empty folder."""

    def sync_folder(self, folder: Path) -> None:
        """Return when the names in a folder are on the disk as they are now."""


def make_folders(files: Files, path: Path) -> None:
    """Make a folder and those above it, lastingly.

    Those that exist are synced as well: a process that crashed may have made them, and not come to it.
    """
    if path == path.parent:
        return
    make_folders(files, path.parent)
    files.make_folder(path)
    with contextlib.suppress(
        PermissionError
    ):  # a folder that may not be read has not been made by this server
        files.sync_folder(path.parent)


def in_blocks(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in pieces of at least `size`, but the last: a call of the system for every small chunk
    is slow.
    """
    gathered: list[bytes] = []
    gathered_size = 0
    for chunk in chunks:
        gathered.append(chunk)
        gathered_size += len(chunk)
        if gathered_size >= size:
            yield gathered[0] if len(gathered) == 1 else b"".join(gathered)
            gathered.clear()
            gathered_size = 0
    if gathered_size:
        yield b"".join(gathered)


class _DiskMapping:
    def __init__(self, descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        self._mmap = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ) if size else None
        self.data = memoryview(self._mmap or b"")

    def release(self, offset: int) -> None:
        length = offset - offset % mmap.PAGESIZE
        if self._mmap is not None and length > 0 and hasattr(self._mmap, "madvise"):
            self._mmap.madvise(mmap.MADV_DONTNEED, 0, length)

    def close(self) -> None:
        # Not mmap.close(): it fails while a view exists, and the traceback of an error may hold one.
        self.data = memoryview(b"")
        self._mmap = None


class _DiskFile:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def append(self, data: Buffer) -> None:
        left = memoryview(data)
        while len(left):
            left = left[os.write(self._descriptor, left) :]

    def write_at(self, offset: int, data: Buffer) -> None:
        left = memoryview(data)
        while len(left):
            written = os.pwrite(self._descriptor, left, offset)
            offset, left = offset + written, left[written:]

    def read_at(self, offset: int, size: int) -> bytes:
        parts = []
        while size > 0 and (part := os.pread(self._descriptor, size, offset)):
            parts.append(part)
            offset, size = offset + len(part), size - len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def truncate(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, 0, os.SEEK_END)

    def sync(self) -> None:
        _sync(self._descriptor)
        if os.fstat(self._descriptor).st_nlink == 0:
            raise FileNotFoundError(errno.ENOENT, "the file has been removed while it was in use")

    def try_lock(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def map(self) -> Mapping:
        return _DiskMapping(self._descriptor)

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class DiskFiles:
    """The file system of the machine."""

    def create(self, path: Path) -> File:
        return _DiskFile(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))

    def open(self, path: Path, *, writing: bool = False) -> File:
        descriptor = os.open(path, (os.O_RDWR if writing else os.O_RDONLY) | os.O_CLOEXEC)
        if writing:
            os.lseek(descriptor, 0, os.SEEK_END)
        return _DiskFile(descriptor)

    def rename(self, old: Path, new: Path) -> None:
        old.replace(new)

    def remove(self, path: Path) -> None:
        path.unlink()

    def exists(self, path: Path) -> bool:
        return path.exists()

    def modified(self, path: Path) -> float:
        return path.stat().st_mtime

    def free_space(self, folder: Path) -> int | None:
        disk = os.statvfs(folder)
        return disk.f_bavail * disk.f_frsize if disk.f_blocks else None

    def names(self, folder: Path) -> list[str]:
        return sorted(entry.name for entry in folder.iterdir())

    def make_folder(self, path: Path) -> None:
        if not path.is_dir():  # asked first, since a read-only file system answers otherwise
            path.mkdir(exist_ok=True)

    def remove_folder(self, path: Path) -> None:
        path.rmdir()

    def sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# Data and size, but not the time of the last change: one disk write fewer where the file did not grow.
_sync = os.fdatasync if hasattr(os, "fdatasync") else os.fsync
