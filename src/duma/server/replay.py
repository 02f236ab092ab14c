"""Doing again what the journal says: requests as they were called, events as they happened."""

import logging
from pathlib import Path

from duma._core import Splitter
from duma.engines.declaration import Buffer
from duma.engines.engine import Engine
from duma.errors import JournalError, ModelFileError
from duma.server.journal_events import BOOKKEEPING, HIDDEN_STATE, LOAD, read_load
from duma.server.model_files import read_compatible, read_user_data
from duma.store.files import DiskFiles
from duma.store.folder import snapshots_folder
from duma.store.journal import REQUEST, Record
from duma.store.model_file import ModelFile, read_model

_log = logging.getLogger(__name__)

# What was recorded had passed the limits of the server that received it; these only keep numbers sane.
_MAX_PARAMS = 1 << 40
_MAX_DEPTH = 1001
_NOTIFY = b"\x93\x02\xa0"  # parameters behind it are a message that the splitter understands


class Replayer:
    """Brings an engine to where a journal says it was.

    `folder` is the data folder, whose model files `load` events refer to. `load` takes the snapshot, `apply`
    the records behind it; `requests` counts those done, `failed` how many of them failed.
    """

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.requests = 0
        self.failed = 0
        self._engine = engine
        self._time = 0
        engine.clock = lambda: self._time
        self._snapshots = snapshots_folder(folder)
        self._splitter = Splitter(_MAX_PARAMS, _MAX_DEPTH)

    def load(self, model: ModelFile) -> None:
        """Take the model of a snapshot. Raises `ModelFileError` when it is none for this engine."""
        model.check(self._engine.type, self._engine.config_text)
        self._engine.adopt(read_user_data(self._engine, model))

    def apply(self, record: Record) -> None:
        """Do what a record says.

        A request that failed when it was sent fails again in the same way, which is no error of the replay.
        Raises `JournalError` for what this version or this engine does not know.
        """
        if record.kind == REQUEST:
            self._call(record)
        elif record.name == HIDDEN_STATE:
            self._engine.set_hidden_state(record.payload)
        elif record.name == LOAD:
            self._load_again(record)
        elif record.name not in BOOKKEEPING:
            raise JournalError(
                f"record {record.sequence} of the journal is an event {_text(record.name)!r}, which this "
                "version does not know: it was written by a newer one, which is needed to replay it"
            )

    def _call(self, record: Record) -> None:
        method = self._engine.methods.get(_text(record.name))
        if method is None:
            raise JournalError(
                f"record {record.sequence} of the journal is a request {_text(record.name)!r}, which a "
                f"{self._engine.type} does not know: it is of another engine, or of a newer version"
            )
        arguments = self._split(record)
        self.requests += 1
        self._time = record.time
        try:
            method.apply_packed(self._engine, arguments)
        except MemoryError:
            raise  # the only one that says something about this machine and not about the request
        except Exception as error:
            self.failed += 1
            _log.debug("record %d (%s) fails again: %s", record.sequence, _text(record.name), error)

    def _split(self, record: Record) -> list[Buffer]:
        """The arguments of a request, without the cluster's name."""
        self._splitter.feed(_NOTIFY)
        requests = self._splitter.feed(record.payload)
        if len(requests) == 1 and not self._splitter.pending and not self._splitter.broken:
            arguments = requests[0][3]
            if arguments:
                return arguments[1:]
        raise JournalError(
            f"record {record.sequence} of the journal ({_text(record.name)}) cannot be replayed: its "
            f"{len(record.payload)} bytes are not the parameters of a request"
        )

    def _load_again(self, record: Record) -> None:
        loaded = read_load(record)
        engine, path = self._engine, self._snapshots / loaded.file
        try:
            with read_model(DiskFiles(), path, user_data_version=engine.user_data_version) as file:
                # Whatever the policy was, the file was accepted when it was recorded.
                model = read_compatible(engine, file)
        except ModelFileError as error:
            raise ModelFileError(
                f"record {record.sequence} of the journal loaded {loaded.path}, and the copy of it that was "
                f"kept cannot be loaded again: {error}"
            ) from error
        engine.adopt(model)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")
