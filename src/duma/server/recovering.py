"""The start of a server that has a data folder: what the folder holds comes back into the engine."""

from collections.abc import Callable
from pathlib import Path

from duma.engines.engine import Engine
from duma.errors import JournalError, ModelFileError
from duma.server.data_folders import data_folder
from duma.server.journal_events import LOAD
from duma.server.replay import Replayer
from duma.server.settings import Settings
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder, snapshots_folder
from duma.store.journal import REQUEST, JournalDamaged, Record
from duma.store.model_file import ModelFile
from duma.store.recovery import Recovered, recover
from duma.store.snapshots import list_snapshots, open_snapshot


class Replay:
    """Replays into an engine, and counts: `changes` of the model, and the `bytes` of requests."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.changes = self.bytes = 0
        self._folder = folder
        self._replayer = Replayer(engine, folder)
        self._loaded = False

    def recover(self, folder: DataFolder, progress: Callable[[int, int], None] | None = None) -> Recovered:
        """Bring back the newest state. Raises `JournalError` and `ModelFileError`."""
        try:
            recovered = recover(DiskFiles(), folder, load=self._load, apply=self._apply, progress=progress)
        except JournalDamaged as error:
            if self._loaded:
                raise
            raise self._no_snapshot(str(error)) from error
        if not self._loaded and recovered.damaged_snapshots:
            raise self._no_snapshot("; ".join(why for _, why in recovered.damaged_snapshots))
        return recovered

    def _load(self, model: ModelFile) -> None:
        self._replayer.load(model)
        self._loaded = True

    def _apply(self, record: Record) -> None:
        if not self._loaded:
            raise self._no_snapshot("the journal has records")
        self._replayer.apply(record)
        if record.kind == REQUEST:
            self.bytes += len(record.payload)
        if record.kind == REQUEST or record.name == LOAD:
            self.changes += 1

    def _no_snapshot(self, found: str) -> JournalError:
        # A folder gets its first snapshot before its first record, and that need not be of an empty model.
        return JournalError(
            f"{self._folder} has no whole snapshot, and the journal alone does not say what it began with "
            f"({found}): put a snapshot back from a backup, or move the folder away to begin anew"
        )


def newest_configuration(settings: Settings) -> str | None:
    """The configuration of the newest snapshot in a server's folder that can be read, if any."""
    folder = snapshots_folder(data_folder(settings))
    if not folder.is_dir():
        return None
    for stored in reversed(list_snapshots(DiskFiles(), folder)):
        try:
            model, _ = open_snapshot(DiskFiles(), stored)
        except ModelFileError:
            continue  # recovery reports it and falls back in the same way
        with model:
            return model.config_text
    return None
