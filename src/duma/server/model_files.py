"""Saving and loading the model of a running server."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duma.configuration import same_configuration
from duma.engines.engine import Engine, Snapshot
from duma.errors import DumaError, ModelFileError
from duma.server.model_path import model_path
from duma.server.settings import Settings
from duma.store.files import DiskFiles
from duma.store.model_file import ModelFile, read_model, write_model

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FileEvent:
    """When (Unix time in seconds, 0: never) a model was saved or loaded last, and where."""

    time: int = 0
    path: str = ""


class ModelFiles:
    """The model files of one server.

    `save` and `load` are called in worker threads. What needs the model to stand still is handed to
    `in_update_order`, which runs it between two updates and returns what it returns. Files are read and
    written outside of it, so that the server goes on answering. With a journal, `load_lastingly` does the
    loading (see `Durability.load`).
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        in_update_order: Callable[[Callable[[], Any]], Any],
        load_lastingly: Callable[[Path, str, Callable[[Path], Any]], None] | None = None,
    ) -> None:
        self.last_saved = FileEvent()
        self.last_loaded = FileEvent()
        self._engine = engine
        self._settings = settings
        self._in_update_order = in_update_order
        self._load_lastingly = load_lastingly
        self._files = DiskFiles()

    def path(self, model_id: str) -> Path:
        """The file of an id. Raises `InvalidId`."""
        settings = self._settings
        where = settings.address.advertised, settings.options.rpc_port
        return model_path(settings.datadir, *where, settings.engine_type, model_id)

    def save(self, model_id: str) -> Path:
        """Write the model as it is now.

        Raises `InvalidId` and `ModelFileError`; the old file, if any, stays then.
        """
        path = self.path(model_id)
        snapshot: Snapshot = self._in_update_order(self._engine.snapshot)
        now = int(time.time())
        write_model(
            self._files,
            path,
            engine_type=self._settings.engine_type,
            model_id=model_id,
            config_text=self._engine.config_text,
            timestamp=now,
            snapshot=snapshot,
        )
        self.last_saved = FileEvent(now, str(path))
        return path

    def load(self, model_id: str) -> Path:
        """Replace the model by a saved one. Raises `InvalidId` and `ModelFileError`; the model stays then."""
        path = self.path(model_id)
        if self._load_lastingly is not None:
            self._load_lastingly(path, model_id, self._read)
        else:
            model = self._read(path)
            self._in_update_order(lambda: self._engine.adopt(model))
        self.loaded(path)
        return path

    def _read(self, path: Path) -> Any:
        with read_model(self._files, path, user_data_version=self._engine.user_data_version) as file:
            if self._settings.options.load_policy == "compatible":
                return read_compatible(self._engine, file)
            file.check(self._settings.engine_type, self._engine.config_text, same_configuration)
            return read_user_data(self._engine, file)

    def loaded(self, path: Path) -> None:
        """Remember a load for the status."""
        self.last_loaded = FileEvent(int(time.time()), str(path))


def read_compatible(engine: Engine, file: ModelFile) -> Any:
    """The same as `read_user_data` of a model that may have another configuration than the engine.

    It is converted in memory, and refused by `ModelFileError` where that would lose something.
    """
    file.check(engine.type, None)
    if same_configuration(file.config_text, engine.config_text):
        return read_user_data(engine, file)
    try:
        from duma.models.conversion import converted_without_loss  # rarely needed

        with file.user_data as data:
            converted, report = converted_without_loss(
                engine.type, data, file.config_text, engine.config_text
            )
        model = engine.read_model(memoryview(converted))
    except DumaError as error:
        raise ModelFileError(f"{error}: {file.path}") from error
    for line in report.cautions:
        _log.warning("%s is converted to the server's configuration: caution: %s", file.path, line)
    for line in report.changes:
        _log.info("%s is converted to the server's configuration: %s", file.path, line)
    return model


def read_user_data(engine: Engine, file: ModelFile) -> Any:
    """The model in a file, beside the running one. Raises `ModelFileError`.

    The file's memory is given back as it is read, so that file and model are not in memory together.
    """
    with file.user_data as data:
        try:
            return engine.read_model(data, file.release)
        except ModelFileError as error:
            raise ModelFileError(f"{error}: {file.path}") from error
