"""A disk for tests that does whatever a real one may do.

`SimulatedDisk` is a `duma.store.files.Files` in memory. A reader sees every write at once, as from the page
cache, but only what has been synced is sure to survive a crash of the machine. What was not synced may
survive in any part and in any order: single sectors of a write, a rename without the creation before it, a
size without its data. After a failed sync what it should have written is still seen, but no later sync writes
it: that is how Linux behaves.

Every call is numbered. Call number `fail_at` raises `OSError` (a failing write writes a part), and call
number `crash_at` takes effect at most as an unsynced one and raises `Crash`, as does everything after it.
Then `survivors()` are the disks that a new process may find.
"""

import errno
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Self

SECTOR = 512


class Crash(BaseException):
    """The process is gone. Not an `Exception`: nothing may catch it and go on."""


class _Inode:
    def __init__(self) -> None:
        self.cached = bytearray()
        self.durable = bytearray()
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, data), or (size, None) for truncate
        self.doubtful: list[tuple[int, bytes | None]] = []  # of failed syncs: no later sync writes them
        self.locked_by: object = None
        self.modified = 0.0

    def copy(self) -> "_Inode":
        """The same file for another process: nobody has locked it."""
        inode = _Inode()
        inode.cached, inode.durable = self.cached[:], self.durable[:]
        inode.pending, inode.doubtful = self.pending[:], self.doubtful[:]
        inode.modified = self.modified
        return inode

    def change(self, offset: int, data: bytes | None) -> None:
        self.pending.append((offset, data))
        _apply(self.cached, offset, data)

    def sync(self) -> None:
        for change in self.pending:
            _apply(self.durable, *change)
        self.pending.clear()

    def fail_sync(self) -> None:
        self.doubtful += self.pending
        self.pending.clear()

    def lose(self, chance: random.Random, kept: float) -> None:
        """The machine crashes: each unsynced sector is kept with a probability."""
        for offset, data in self.doubtful + self.pending:
            if data is None:
                if chance.random() < kept:
                    _apply(self.durable, offset, None)
                continue
            if len(self.durable) < offset + len(data) and chance.random() < kept:
                _apply(self.durable, chance.randint(len(self.durable), offset + len(data)), None)
            for start, sector in _sectors(offset, data):
                part = sector
                if chance.random() < kept:
                    if 0 < kept < 1 and chance.random() < 0.1:
                        part = part[: chance.randrange(len(part) + 1)]
                    _apply(self.durable, start, part)
        self.pending, self.doubtful = [], []
        self.cached = bytearray(self.durable)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        data = b""
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = min(len(data), start + SECTOR - (offset + start) % SECTOR)
        yield offset + start, data[start:end]
        start = end


class _SimulatedMapping:
    def __init__(self, content: bytes) -> None:
        self.data = memoryview(content)
        self.released = 0

    def release(self, offset: int) -> None:
        self.released = offset

    def close(self) -> None:
        self.data = memoryview(b"")


class _SimulatedFile:
    def __init__(self, disk: "SimulatedDisk", path: Path, inode: _Inode, writing: bool) -> None:
        self._disk = disk
        self._path = path
        self._inode = inode
        self._writing = writing
        self._open = True

    def append(self, data: bytes | bytearray | memoryview) -> None:
        self.write_at(len(self._inode.cached), data)

    def write_at(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        assert self._open
        assert self._writing, f"{self._path} is open for reading"
        data = bytes(data)
        part = data[: self._disk.chance.randrange(len(data) + 1)]
        with self._disk.call("write", self._path, lambda: self._inode.change(offset, part)):
            self._inode.change(offset, data)
            self._inode.modified = self._disk.now

    def read_at(self, offset: int, size: int) -> bytes:
        assert self._open
        with self._disk.call("read", self._path):
            return bytes(self._inode.cached[offset : offset + size])

    def size(self) -> int:
        return len(self._inode.cached)

    def truncate(self, size: int) -> None:
        assert self._writing
        with self._disk.call("truncate", self._path):
            self._inode.change(size, None)

    def sync(self) -> None:
        assert self._open
        with self._disk.call("sync", self._path, self._inode.fail_sync, effect_at_crash=False):
            self._inode.sync()

    def try_lock(self) -> bool:
        with self._disk.call("lock", self._path):
            if self._inode.locked_by not in (None, self):
                return False
            self._inode.locked_by = self
            return True

    def map(self) -> _SimulatedMapping:
        with self._disk.call("map", self._path):
            return _SimulatedMapping(bytes(self._inode.cached))

    def close(self) -> None:
        self._open = False
        if self._inode.locked_by is self:
            self._inode.locked_by = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Call:
    """One numbered call; its effect is the block, unless it is the one that fails or crashes."""

    def __init__(self, disk: "SimulatedDisk", name: str, path: Path, at_failure, effect_at_crash: bool):
        self._disk = disk
        self._at_failure = at_failure
        self._effect_at_crash = effect_at_crash
        if disk.crashed:
            raise Crash
        disk.calls.append((name, path))
        number = len(disk.calls) - 1
        self._crashes = number == disk.crash_at
        if number == disk.fail_at:
            if at_failure is not None:
                at_failure()
            raise OSError(disk.error, "simulated failure", str(path))
        if self._crashes and not effect_at_crash:
            disk.crashed = True
            raise Crash

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        if self._crashes and exception[0] is None:
            self._disk.crashed = True
            raise Crash


class SimulatedDisk:
    """A `Files` in memory. `calls` are the numbered calls so far, each with its name and path; `now` is the time
    at which files are written.
    """

    def __init__(self, *, crash_at: int = -1, fail_at: int = -1, error: int = errno.EIO, seed: int = 0):
        self.calls: list[tuple[str, Path]] = []
        self.crashed = False
        self.crash_at = crash_at
        self.fail_at = fail_at
        self.error = error
        self.chance = random.Random(seed)
        self.now = 0.0
        self._cached: dict[Path, _Inode | None] = {Path("/"): None}  # None is a folder
        self._durable: dict[Path, _Inode | None] = {Path("/"): None}
        # Changes of names by folder, not yet synced; one that is None takes the name away.
        self._pending: dict[Path, list[dict[Path, tuple[_Inode | None] | None]]] = {}

    def call(self, name: str, path: Path, at_failure=None, effect_at_crash: bool = True) -> _Call:
        return _Call(self, name, path, at_failure, effect_at_crash)

    def create(self, path: Path) -> _SimulatedFile:
        with self.call("create", path):
            if path in self._cached:
                raise FileExistsError(errno.EEXIST, "File exists", str(path))
            inode = _Inode()
            self._change_names(path.parent, {path: (inode,)})
        return _SimulatedFile(self, path, inode, writing=True)

    def open(self, path: Path, *, writing: bool = False) -> _SimulatedFile:
        with self.call("open", path):
            return _SimulatedFile(self, path, self._inode(path), writing)

    def rename(self, old: Path, new: Path) -> None:
        assert old.parent == new.parent
        with self.call("rename", new):
            if self._cached.get(old, self) is None:
                self._rename_folder(old, new)
            else:
                self._change_names(old.parent, {old: None, new: (self._inode(old),)})

    def remove(self, path: Path) -> None:
        with self.call("remove", path):
            self._inode(path)
            self._change_names(path.parent, {path: None})

    def exists(self, path: Path) -> bool:
        return path in self._cached

    def free_space(self, _folder: Path) -> int | None:
        return None

    def names(self, folder: Path) -> list[str]:
        with self.call("names", folder):
            self._folder(folder)
            return sorted(path.name for path in self._cached if path.parent == folder != path)

    def make_folder(self, path: Path) -> None:
        with self.call("make_folder", path):
            if self._cached.get(path) is not None:
                raise FileExistsError(errno.EEXIST, "File exists", str(path))
            if path not in self._cached:
                self._change_names(path.parent, {path: (None,)})

    def remove_folder(self, path: Path) -> None:
        with self.call("remove_folder", path):
            self._folder(path)
            if self.listing(path):
                raise OSError(errno.ENOTEMPTY, "Directory not empty", str(path))
            self._change_names(path.parent, {path: None})

    def modified(self, path: Path) -> float:
        with self.call("modified", path):
            return self._inode(path).modified

    def sync_folder(self, folder: Path) -> None:
        with self.call("sync_folder", folder, effect_at_crash=False):
            for change in self._pending.pop(folder, []):
                _apply_names(self._durable, change)

    def content(self, path: Path) -> bytes:
        """What a reader sees, without a numbered call."""
        return bytes(self._inode(path).cached)

    def put(self, path: Path, content: bytes) -> None:
        """Put a file there, synced, without a numbered call."""
        inode = _Inode()
        inode.cached, inode.durable = bytearray(content), bytearray(content)
        for folder in reversed(path.parents):
            self._cached[folder] = self._durable[folder] = None
        self._cached[path] = self._durable[path] = inode

    def listing(self, folder: Path) -> list[str]:
        """Like `names`, without a numbered call."""
        return sorted(path.name for path in self._cached if path.parent == folder != path)

    def killed(self) -> "SimulatedDisk":
        """What the next process finds when only the process is gone: all that was written, synced or not."""
        return self._copy()

    def lost_power(self, seed: int, kept: float) -> "SimulatedDisk":
        """What may be found after the machine was gone: of what was not synced, each bit with probability
        `kept`.
        """
        disk = self._copy()
        chance = random.Random(seed)
        for changes in disk._pending.values():
            for change in changes:
                if chance.random() < kept:
                    _apply_names(disk._durable, change)
        disk._pending = {}
        disk._cached = {
            path: inode
            for path, inode in disk._durable.items()
            if all(parent in disk._durable for parent in path.parents)
        }
        for inode in set(disk._cached.values()) - {None}:
            inode.lose(chance, kept)
        return disk

    def survivors(self, seed: int, mixed: int = 2) -> Iterator["SimulatedDisk"]:
        """Disks that the next process may find."""
        yield self.killed()
        yield self.lost_power(seed, 0.0)
        yield self.lost_power(seed, 1.0)
        for number in range(mixed):
            yield self.lost_power(seed * 31 + number, (0.5, 0.85)[number % 2])

    def _copy(self) -> "SimulatedDisk":
        copies: dict[_Inode | None, _Inode | None] = {None: None}

        def copied(inode: _Inode | None) -> _Inode | None:
            if isinstance(inode, _Moved):
                return inode
            if inode not in copies:
                copies[inode] = inode.copy()
            return copies[inode]

        disk = SimulatedDisk()
        disk.now = self.now
        disk._cached = {path: copied(inode) for path, inode in self._cached.items()}
        disk._durable = {path: copied(inode) for path, inode in self._durable.items()}
        disk._pending = {
            folder: [
                {path: entry and (copied(entry[0]),) for path, entry in change.items()} for change in changes
            ]
            for folder, changes in self._pending.items()
        }
        return disk

    def _change_names(self, folder: Path, change: dict[Path, tuple[_Inode | None] | None]) -> None:
        self._folder(folder)
        self._pending.setdefault(folder, []).append(change)
        _apply_names(self._cached, change)

    def _rename_folder(self, old: Path, new: Path) -> None:
        """The one with unsynced contents that is renamed would lose them: no test may depend on what then is."""
        if self.listing(new) or self._cached.get(new) is not None:
            raise OSError(errno.ENOTEMPTY, "Directory not empty", str(new))
        for folder in self._pending:
            assert not (self._pending[folder] and folder.is_relative_to(old)), f"{folder} is not synced"
        for path, inode in self._cached.items():
            assert inode is None or not path.is_relative_to(old) or not inode.pending, f"{path} is not synced"
        self._change_names(old.parent, {old: None, new: (_Moved(old),)})

    def _inode(self, path: Path) -> _Inode:
        inode = self._cached.get(path)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return inode

    def _folder(self, path: Path) -> None:
        if path not in self._cached:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))


class _Moved:
    """In the place of an inode: the folder that was `old` before, with all that is in it."""

    def __init__(self, old: Path) -> None:
        self.old = old


def _apply_names(names: dict[Path, _Inode | None], change: dict[Path, tuple[_Inode | None] | None]) -> None:
    for path, entry in change.items():
        if entry is not None and isinstance(entry[0], _Moved):
            names[path] = None
            for inside in [name for name in names if entry[0].old in name.parents]:
                names[path / inside.relative_to(entry[0].old)] = names.pop(inside)
        elif entry is None:
            names.pop(path, None)
        else:
            names[path] = entry[0]
