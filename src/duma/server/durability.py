"""What keeps a server's model over its end: recovery at the start, the journal, snapshots.

The folder is `<datadir>/<address>_<port>_<type>`. A new one begins with a snapshot of the model as the server
starts; from then on the newest snapshot and the journal behind it are the model.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from duma.engines.engine import Engine
from duma.engines.wire_types import pack
from duma.errors import DumaError, JournalError, ModelFileError
from duma.server.data_folders import data_folder
from duma.server.journal_events import HIDDEN_STATE, LOAD
from duma.server.loaded_models import LoadedModels
from duma.server.options import ServerOptions
from duma.server.recovering import Replay
from duma.server.settings import Settings
from duma.server.update_journal import UpdateJournal
from duma.store.files import DiskFiles, make_folders
from duma.store.folder import DataFolder
from duma.store.journal import End
from duma.store.recovery import Recovered, open_writer
from duma.store.retention import Retention, Rule
from duma.store.snapshots import Position, StoredSnapshot, write_snapshot

if TYPE_CHECKING:
    from duma.server.continuous_backup import ContinuousBackup

_log = logging.getLogger(__name__)

_RETRY = 60.0  # seconds after a snapshot failed; each try writes the model until it fails again

_NO_BACKUP = {
    "backup_to": "",
    "last_backup": "0",
    "last_backup_position": "0",
    "last_verified_backup": "0",
    "backup_failure": "",
}


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """When a snapshot is taken: `seconds` or `journal_bytes` after the last one; 0 switches either off."""

    seconds: float
    journal_bytes: int


class Durability:
    """The journal and the snapshots of one running server."""

    def __init__(
        self,
        engine: Engine,
        folder: DataFolder,
        recovered: Recovered,
        replay: Replay,
        options: ServerOptions,
        backup: "ContinuousBackup | None",
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._files = DiskFiles()
        self._mode = options.journal
        self._policy = SnapshotPolicy(options.snapshot_interval, options.snapshot_journal_size)
        self.recovered = recovered
        self.snapshot_failure = ""
        self._backup = backup
        self._writer = open_writer(self._files, folder, recovered, segment_size=options.journal_segment_size)
        self._retention = Retention(self._files, folder.journal, folder.snapshots, _rule(options))
        self._loaded = LoadedModels(self._files, folder.snapshots)
        self._in_update_order: Callable[[Callable[[], Any]], Any]
        self._taking, self._loading = threading.Lock(), threading.Lock()
        self._wake = threading.Condition()
        self._wanted = self._closing = self._closed = False
        self._thread = threading.Thread(target=self._take_when_due, name="snapshots", daemon=True)
        interval = None if options.journal == "always" else options.journal_interval / 1000
        self.journal = UpdateJournal(self._writer, interval, changes=replay.changes, size=replay.bytes)
        # Replay has nothing but the recorded times, so the first run goes by them as well.
        engine.clock = lambda: self.journal.time
        self._changes_in_snapshot = self._bytes_in_snapshot = 0
        if recovered.snapshot is None:
            self.last_snapshot = self._write_snapshot(engine.snapshot(), recovered.position, int(time.time()))
        else:
            self.last_snapshot = recovered.snapshot
        if recovered.replayed == 0:
            # The one that belongs to the snapshot has not come to the disk, so that no update depended on it.
            self._record_hidden_state()
            self.journal.commit()

    @classmethod
    def open(
        cls, settings: Settings, engine: Engine, progress: Callable[[int, int], None] | None = None
    ) -> Self:
        """Bring back what the folder holds, into `engine`, and go on from there.

        Raises `JournalError`, `ModelFileError` when a snapshot is of another engine or configuration, and
        `BackupError` when backups cannot be made where they should.
        """
        path = data_folder(settings)
        backup = _continuous_backup(path, settings.options)
        folder = DataFolder.open(DiskFiles(), path)
        try:
            replay = Replay(engine, path)
            recovered = replay.recover(folder, progress)
            if settings.model_file and recovered.snapshot is not None:
                raise JournalError(
                    f"{path} holds a model already: start without --model_file and load the file over RPC, "
                    "or choose another --datadir"
                )
            return cls(engine, folder, recovered, replay, settings.options, backup)
        except BaseException:
            folder.close()
            raise

    def start(self, in_update_order: Callable[[Callable[[], Any]], Any]) -> None:
        """Take snapshots from now on. `in_update_order` runs a function between two updates."""
        self._in_update_order = in_update_order
        self._thread.start()
        if self._backup is not None:
            self._backup.start(self._lasting_end)

    def stop_snapshots(self) -> None:
        """Take no more snapshots in the background; waits for one that is being written."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def close(self) -> None:
        """After `stop_snapshots` and the last update: take a snapshot, end the journal, leave the folder."""
        self._in_update_order = lambda function: function()
        try:
            if self.journal.failure is None:
                self._take_and_report()
            self.journal.close()
        except JournalError as error:
            _log.error("the end of the journal was not written: %s", error)
        finally:
            self._closed = True
            if self._backup is not None:
                self._backup.close()
            self._folder.close()

    def want_snapshot(self) -> None:
        """Take a snapshot soon, in the background."""
        with self._wake:
            self._wanted = True
            self._wake.notify()

    def take_snapshot(self) -> StoredSnapshot:
        """Take a snapshot now unless nothing has changed, apply the retention rule; returns the newest one.

        Raises `ModelFileError` and `JournalError`.
        """
        with self._taking:
            if self._changes() == 0:
                return self.last_snapshot
            snapshot, position, changes, size = self._in_update_order(self._begin_snapshot)
            stored = self._write_snapshot(snapshot, position, int(time.time()))
            self.last_snapshot = stored
            self._changes_in_snapshot, self._bytes_in_snapshot = changes, size
            self._remove_old()
            return stored

    def load(self, source: Path, model_id: str, read: Callable[[Path], Any]) -> None:
        """Replace the model by that of a file, of which a copy is kept with the journal, for replay.

        `read` gives the model in a file and raises `ModelFileError`. Called outside of the update order.
        Raises `ModelFileError` and `JournalError`.
        """
        with self._loading:
            if self.journal.failure is not None:
                raise self.journal.failure
            copy = self._loaded.copy(source)
            try:
                model = read(copy)
            except ModelFileError as error:
                self._loaded.discard()
                raise ModelFileError(str(error).replace(str(copy), str(source))) from error
            self._in_update_order(lambda: self._adopt(model, source, model_id))
        self.journal.commit()
        self.want_snapshot()

    def _adopt(self, model: Any, source: Path, model_id: str) -> None:
        kept = self._loaded.settle(self.journal.position[0] + 1)
        self.journal.append_change(LOAD, pack({"file": kept.name, "id": model_id, "path": str(source)}))
        self._engine.adopt(model)
        self.journal.introduce_again()

    def status(self) -> dict[str, str]:
        """The keys of `get_status`."""
        journal = self.journal
        values: dict[str, Any] = {
            "journal": self._mode,
            "journal_folder": self._folder.path,
            "journal_position": journal.position[0],
            "journal_unsynced": journal.unsynced,
            "journal_bytes_since_snapshot": journal.bytes - self._bytes_in_snapshot,
            "journal_failure": journal.failure or "",
            "last_snapshot": self.last_snapshot.time,
            "last_snapshot_path": self.last_snapshot.path,
            "last_snapshot_position": self.last_snapshot.sequence,
            "snapshot_failure": self.snapshot_failure,
            "recovered_records": self.recovered.replayed,
            "recovery_report": "; ".join(self.recovered.report()),
        }
        backup = self._backup.status() if self._backup else _NO_BACKUP
        return {**{key: str(value) for key, value in values.items()}, **backup}

    def _lasting_end(self) -> End | None:
        """Where the journal ends after all that was appended is on the disk; None when its files must say it."""
        if self._closed or self.journal.failure is not None:
            return None
        self.journal.commit()
        return self._writer.lasting_end()

    # ---- snapshots

    def _changes(self) -> int:
        return self.journal.changes - self._changes_in_snapshot

    def _begin_snapshot(self) -> tuple[Any, Position, int, int]:
        """Between two updates: the model, and the position that it is at."""
        journal = self.journal
        sequence, checksum = journal.position
        snapshot = self._engine.snapshot()
        self._record_hidden_state()
        journal.introduce_again()
        return snapshot, Position(sequence, journal.identity, checksum), journal.changes, journal.bytes

    def _record_hidden_state(self) -> None:
        if state := self._engine.hidden_state():
            self.journal.append_event(HIDDEN_STATE, state)

    def _write_snapshot(self, snapshot: Any, position: Position, now: int) -> StoredSnapshot:
        make_folders(
            self._files, self._folder.snapshots
        )  # somebody may have removed it, and the model is here
        return write_snapshot(
            self._files,
            self._folder.snapshots,
            snapshot,
            position,
            engine_type=self._engine.type,
            config_text=self._engine.config_text,
            time=now,
            commit=self.journal.commit,
        )

    def _remove_old(self) -> None:
        retained = self._retention.apply()
        for damaged, why in retained.damaged:
            _log.warning("a snapshot is damaged and is kept aside from the count: %s: %s", damaged.path, why)
        oldest = min((snapshot.sequence for snapshot in retained.kept), default=0)
        self._loaded.remove_up_to(oldest)

    def _take_when_due(self) -> None:
        began = time.monotonic()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._wanted or self._closing, timeout=1.0)
                if self._closing:
                    return
                wanted, self._wanted = self._wanted, False
            waited = time.monotonic() - began
            if (wanted or self._due(waited)) and self._changes() and self.journal.failure is None:
                began = time.monotonic()
                self._take_and_report()

    def _due(self, waited: float) -> bool:
        """Whether the policy asks for a snapshot, `waited` seconds after the last try."""
        if self.snapshot_failure and waited < _RETRY:
            return False
        policy, size = self._policy, self.journal.bytes - self._bytes_in_snapshot
        return bool(
            (policy.seconds and waited >= policy.seconds)
            or (policy.journal_bytes and size >= policy.journal_bytes)
        )

    def _take_and_report(self) -> None:
        try:
            stored = self.take_snapshot()
        except (DumaError, OSError) as error:
            self.snapshot_failure = str(error)
            _log.error("no snapshot could be taken: %s", error)
        except Exception as error:
            # Without this thread there would be no snapshot any more, and nobody would be told.
            self.snapshot_failure = str(error) or type(error).__name__
            _log.exception("no snapshot could be taken")
        else:
            self.snapshot_failure = ""
            _log.info("snapshot taken: %s", stored.path)


def _continuous_backup(folder: Path, options: ServerOptions) -> "ContinuousBackup | None":
    """What `--backup_to` asks for. Raises `BackupError`."""
    if not options.backup_to:
        return None
    from duma.server.continuous_backup import ContinuousBackup
    from duma.store.backup.remote import open_remote

    return ContinuousBackup(
        open_remote(options.backup_to),
        folder,
        interval=options.backup_interval,
        verify_interval=options.backup_verify_interval,
        rule=_rule(options),
    )


def _rule(options: ServerOptions) -> Rule:
    return Rule(last=options.keep_last, hours=options.keep_hours, days=options.keep_days)
