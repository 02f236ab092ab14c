"""What keeps a server's model over its end: recovery at the start, the journal, snapshots.

The folder is `<datadir>/<address>_<port>_<type>`. A new one begins with a snapshot of the model as the server
starts; from then on the newest snapshot and the journal behind it are the model.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from duma.engines.engine import Engine
from duma.engines.wire_types import pack
from duma.errors import DumaError, JournalError, ModelFileError
from duma.server.journal_events import HIDDEN_STATE, LOAD
from duma.server.options import ServerOptions
from duma.server.replay import Replayer
from duma.server.settings import Settings
from duma.server.update_journal import UpdateJournal
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder, data_folder_path
from duma.store.recovery import Recovered, open_writer, recover
from duma.store.retention import Retention, Rule
from duma.store.snapshots import Position, StoredSnapshot, list_snapshots, open_snapshot, write_snapshot
from duma.store.temporary import whole_file

_log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_LOADED = "loaded-{:020}.jubatus"  # kept beside the snapshots: what `load` brought in with this record
_LOADED_NAME = re.compile(r"loaded-(\d{20})\.jubatus")


@dataclass(frozen=True, slots=True)
class SnapshotPolicy:
    """When a snapshot is taken: `seconds` or `journal_bytes` after the last one; 0 switches either off."""

    seconds: float
    journal_bytes: int


class Durability:
    """The journal and the snapshots of one running server."""

    def __init__(
        self, engine: Engine, folder: DataFolder, recovered: Recovered, options: ServerOptions
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._files = DiskFiles()
        self._mode = options.journal
        self._policy = SnapshotPolicy(options.snapshot_interval, options.snapshot_journal_size)
        self.recovered = recovered
        self.snapshot_failure = ""
        self._writer = open_writer(self._files, folder, recovered, segment_size=options.journal_segment_size)
        rule = Rule(last=options.keep_last, hours=options.keep_hours, days=options.keep_days)
        self._retention = Retention(self._files, folder.journal, folder.snapshots, rule)
        self._in_update_order: Callable[[Callable[[], Any]], Any]
        self._taking, self._loading = threading.Lock(), threading.Lock()
        self._wake = threading.Condition()
        self._wanted = self._closing = False
        self._thread = threading.Thread(target=self._take_when_due, name="snapshots", daemon=True)
        if recovered.snapshot is None:
            self.last_snapshot = self._write_snapshot(engine.snapshot(), recovered.position, int(time.time()))
        else:
            self.last_snapshot = recovered.snapshot
        interval = None if options.journal == "always" else options.journal_interval / 1000
        self.journal = UpdateJournal(self._writer, interval)
        self._requests_in_snapshot = 0 if recovered.replayed == 0 else -recovered.replayed
        self._bytes_in_snapshot = 0
        if recovered.snapshot is None:
            self._record_hidden_state()

    @classmethod
    def open(
        cls, settings: Settings, engine: Engine, progress: Callable[[int, int], None] | None = None
    ) -> Self:
        """Bring back what the folder holds, into `engine`, and go on from there.

        Raises `JournalError`, and `ModelFileError` when a snapshot is of another engine or configuration.
        """
        files = DiskFiles()
        path = data_folder(settings)
        folder = DataFolder.open(files, path)
        try:
            replayer = Replayer(engine, folder.path)
            recovered = recover(files, folder, load=replayer.load, apply=replayer.apply, progress=progress)
            if settings.model_file and (recovered.snapshot is not None or recovered.replayed):
                raise JournalError(
                    f"{path} holds a model already: start without --model_file and load the file over RPC, "
                    "or choose another --datadir"
                )
            return cls(engine, folder, recovered, settings.options)
        except BaseException:
            folder.close()
            raise

    def start(self, in_update_order: Callable[[Callable[[], Any]], Any]) -> None:
        """Take snapshots from now on. `in_update_order` runs a function between two updates."""
        self._in_update_order = in_update_order
        self._thread.start()

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
                self.take_snapshot()
            self.journal.close()
        except (DumaError, OSError) as error:
            _log.error("the last snapshot or the end of the journal was not written: %s", error)
        finally:
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
            if self._changed_requests() == 0:
                return self.last_snapshot
            snapshot, position, requests, size = self._in_update_order(self._begin_snapshot)
            stored = self._write_snapshot(snapshot, position, int(time.time()))
            self.last_snapshot = stored
            self._requests_in_snapshot, self._bytes_in_snapshot = requests, size
            self._remove_old()
            return stored

    def load(self, source: Path, model_id: str, read: Callable[[Path], Any]) -> None:
        """Replace the model by that of a file, of which a copy is kept with the journal, for replay.

        `read` gives the model in a file and raises `ModelFileError`. Called outside of the update order.
        Raises `ModelFileError` and `JournalError`.
        """
        with self._loading:
            copy = self._folder.snapshots / _LOADED.format(self.journal.position[0] + 1)
            try:
                self._copy(source, copy)
            except FileNotFoundError:
                read(source)  # says so in its own words
                raise
            except OSError as error:
                raise ModelFileError(
                    f"the file cannot be kept with the journal: {copy}: {error.strerror}"
                ) from error
            try:
                model = read(copy)
            except ModelFileError as error:
                self._files.remove(copy)
                raise ModelFileError(str(error).replace(str(copy), str(source))) from error
            self._in_update_order(lambda: self._adopt(model, copy, source, model_id))
        self.journal.commit()
        self._requests_in_snapshot -= 1  # a load is a change as well
        self.want_snapshot()

    def _adopt(self, model: Any, copy: Path, source: Path, model_id: str) -> None:
        path = copy.with_name(_LOADED.format(self.journal.position[0] + 1))
        if path != copy:  # updates came in between
            self._files.rename(copy, path)
            self._files.sync_folder(path.parent)
        event = {"file": path.name, "id": model_id, "path": str(source)}
        self.journal.append_event(LOAD, pack(event))
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
        return {key: str(value) for key, value in values.items()}

    # ---- snapshots

    def _changed_requests(self) -> int:
        return self.journal.requests - self._requests_in_snapshot

    def _begin_snapshot(self) -> tuple[Any, Position, int, int]:
        """Between two updates: the model, and the position that it is at."""
        journal = self.journal
        sequence, checksum = journal.position
        snapshot = self._engine.snapshot()
        self._record_hidden_state()
        journal.introduce_again()
        return snapshot, Position(sequence, journal.identity, checksum), journal.requests, journal.bytes

    def _record_hidden_state(self) -> None:
        if state := self._engine.hidden_state():
            self.journal.append_event(HIDDEN_STATE, state)

    def _write_snapshot(self, snapshot: Any, position: Position, now: int) -> StoredSnapshot:
        return write_snapshot(
            self._files,
            self._folder.snapshots,
            snapshot,
            position,
            engine_type=self._engine.type,
            config_text=self._engine.config_text,
            time=now,
            commit=self._writer.commit,
        )

    def _remove_old(self) -> None:
        retained = self._retention.apply()
        for damaged, why in retained.damaged:
            _log.warning("a snapshot is damaged and is kept aside from the count: %s: %s", damaged.path, why)
        oldest = min((snapshot.sequence for snapshot in retained.kept), default=0)
        for name in self._files.names(self._folder.snapshots):
            match = _LOADED_NAME.fullmatch(name)
            if match and int(match[1]) <= oldest:
                self._files.remove(self._folder.snapshots / name)

    def _take_when_due(self) -> None:
        began = time.monotonic()
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._wanted or self._closing, timeout=1.0)
                if self._closing:
                    return
                wanted, self._wanted = self._wanted, False
            policy, waited = self._policy, time.monotonic() - began
            size = self.journal.bytes - self._bytes_in_snapshot
            due = (policy.seconds and waited >= policy.seconds) or (
                policy.journal_bytes and size >= policy.journal_bytes
            )
            if (wanted or due) and self._changed_requests() and self.journal.failure is None:
                began = time.monotonic()
                self._take_and_report()

    def _take_and_report(self) -> None:
        try:
            stored = self.take_snapshot()
        except (DumaError, OSError) as error:
            self.snapshot_failure = str(error)
            _log.error("no snapshot could be taken: %s", error)
        else:
            self.snapshot_failure = ""
            _log.info("snapshot taken: %s", stored.path)

    def _copy(self, source: Path, copy: Path) -> None:
        with self._files.open(source) as file, whole_file(self._files, copy) as new:
            offset = 0
            while block := file.read_at(offset, _BLOCK):
                new.append(block)
                offset += len(block)


def data_folder(settings: Settings) -> Path:
    """The folder of a server's journal and snapshots."""
    return data_folder_path(
        Path(settings.datadir), settings.address.advertised, settings.options.rpc_port, settings.engine_type
    )


def newest_configuration(settings: Settings) -> str | None:
    """The configuration of the newest snapshot in a server's folder that can be read, if any."""
    folder = data_folder(settings) / "snapshots"
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
