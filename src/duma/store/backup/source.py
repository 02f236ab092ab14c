"""What is to be backed up: the files of a data folder, open, each as far as it belongs to the backup.

A server may be running on the folder. Its newest whole snapshot is taken, the segments of the journal from there
to the end, and the model files loaded in between. The last segment is synced, so that no backup has records that
the disk may still lose. What is removed while this goes on has been replaced: all begins
again with the newer snapshot.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from duma.errors import BackupError, JournalError, ModelFileError
from duma.store.files import File, Files
from duma.store.folder import journal_folder, loaded_by, snapshots_folder
from duma.store.journal import End, JournalReader
from duma.store.journal.segment import Segment, segments
from duma.store.snapshots import Position, StoredSnapshot, list_snapshots, open_snapshot

_TRIES = 10


@dataclass(frozen=True, slots=True)
class SourceFile:
    """An open file; the first `size` bytes of it belong to the backup. `grows` if there may be more later."""

    name: str
    kind: str
    file: File
    size: int
    grows: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A data folder as it was at `time` (Unix time in microseconds), up to a position."""

    folder: Path
    time: int
    engine_type: str
    config_text: str
    position: Position
    files: tuple[SourceFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def snapshot(self) -> Path:
        """The file that is its snapshot."""
        return self.folder / next(file.name for file in self.files if file.kind == "snapshot")


class SourceReader:
    """Looks at a data folder, once or again and again; a snapshot is checked once."""

    def __init__(self, files: Files, folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._checked: dict[StoredSnapshot, tuple[Position, str, str]] = {}

    def identity(self) -> int:
        """The identity of the folder's journal. Raises `BackupError`."""
        try:
            return self._newest_snapshot()[1].identity
        except OSError as error:
            raise self._unreadable(error) from error

    @contextlib.contextmanager
    def open(self, end: Callable[[], End | None] | None = None) -> Iterator[Source]:
        """The folder as it is now; its files are open in the block.

        `end` says where the journal ends, lastingly, if the caller knows it; otherwise the journal is read to find
        out.
        Raises `BackupError` and, for a damaged journal, `JournalError`.
        """
        with contextlib.ExitStack() as opened:
            try:
                source = self._look_until_nothing_vanishes(opened, end)
            except OSError as error:
                raise self._unreadable(error) from error
            yield source

    def _look_until_nothing_vanishes(
        self, opened: contextlib.ExitStack, end: Callable[[], End | None] | None
    ) -> Source:
        for _ in range(_TRIES):
            stored, position, engine_type, config_text = self._newest_snapshot()
            try:
                return self._look(opened, stored, position, engine_type, config_text, end)
            except (FileNotFoundError, JournalError):
                if self._files.exists(stored.path):
                    raise
                opened.close()
        raise BackupError(
            f"{self._folder}: its snapshots are removed faster than they can be read; try again"
        )

    def _newest_snapshot(self) -> tuple[StoredSnapshot, Position, str, str]:
        problems = []
        for stored in reversed(list_snapshots(self._files, snapshots_folder(self._folder))):
            if stored not in self._checked:
                try:
                    model, position = open_snapshot(self._files, stored)
                except ModelFileError as error:
                    problems.append(str(error))
                    continue
                with model:
                    self._checked = {stored: (position, model.engine_type, model.config_text)}
            return stored, *self._checked[stored]
        damaged = "".join(f"; {problem}" for problem in problems)
        raise BackupError(f"{self._folder} has no whole snapshot, which a backup begins with{damaged}")

    def _look(
        self,
        opened: contextlib.ExitStack,
        stored: StoredSnapshot,
        position: Position,
        engine_type: str,
        config_text: str,
        find_end: Callable[[], End | None] | None,
    ) -> Source:
        now = time.time_ns() // 1000
        snapshot = opened.enter_context(self._files.open(stored.path))
        files = [SourceFile(f"snapshots/{stored.path.name}", "snapshot", snapshot, snapshot.size(), False)]
        # Only now, so that the journal has what the snapshot has.
        end = find_end() if find_end is not None else None
        if end is None:
            end = self._read_journal(position)
        if end is not None and end.sequence > position.sequence:
            position = Position(end.sequence, end.identity, end.checksum)
        for segment in self._needed_segments(stored.sequence, end):
            file = opened.enter_context(self._files.open(segment.path))
            grows = end is not None and segment.path == end.path
            size = end.offset if end is not None and grows else file.size()
            files.append(SourceFile(f"journal/{segment.path.name}", "segment", file, size, grows))
        for name in self._loaded(stored.sequence, position.sequence):
            file = opened.enter_context(self._files.open(snapshots_folder(self._folder) / name))
            files.append(SourceFile(f"snapshots/{name}", "loaded", file, file.size(), False))
        return Source(self._folder, now, engine_type, config_text, position, tuple(files))

    def _read_journal(self, after: Position) -> End | None:
        """Where the journal ends now; it is checked on the way."""
        reader = JournalReader(
            self._files,
            journal_folder(self._folder),
            after=after.sequence,
            after_checksum=after.checksum,
            identity=after.identity,
        )
        for _ in reader:
            pass
        if reader.end is not None and reader.end.path is not None:
            with self._files.open(reader.end.path) as file:
                file.sync()
        return reader.end

    def _needed_segments(self, after: int, end: End | None) -> list[Segment]:
        """Those with records behind one, up to the journal's end."""
        if end is None:
            return []
        found = segments(self._files, journal_folder(self._folder))
        if end.path is not None:
            found = [segment for segment in found if segment.path <= end.path]
        while len(found) > 1 and found[1].first <= after + 1:
            found.pop(0)
        if end.sequence > after and (not found or found[0].first > after + 1):
            raise JournalError(f"{journal_folder(self._folder)} lacks record {after + 1}")
        return found

    def _loaded(self, after: int, up_to: int) -> list[str]:
        names = self._files.names(snapshots_folder(self._folder))
        return [name for name in names if after < (loaded_by(name) or 0) <= up_to]

    def _unreadable(self, error: OSError) -> BackupError:
        return BackupError(f"{error.filename or self._folder} cannot be read: {error.strerror or error}")
