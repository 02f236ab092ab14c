"""Where a rebuilt model goes: a model file, or a data folder that a server is started on."""

import os
import shutil
import time
from pathlib import Path

from duma.engines.engine import Engine
from duma.errors import DumaError, JournalError
from duma.server.journal_events import HIDDEN_STATE
from duma.store.files import Files
from duma.store.folder import DataFolder
from duma.store.journal import EVENT, JournalWriter
from duma.store.model_file import write_model
from duma.store.snapshots import Position, write_snapshot


class TargetRefused(DumaError):
    """A rebuilt model may not be written there."""


def check_target(target: Path, folder: Path) -> None:
    """Raise `TargetRefused` if something is there already, or if it is inside of the folder that is read."""
    if os.path.lexists(target):
        raise TargetRefused(f"{target} exists already, and is not overwritten: choose a new name")
    parent = target.parent
    if not parent.is_dir():
        raise TargetRefused(f"{target} cannot be written: there is no folder {parent}")
    if parent.resolve().is_relative_to(folder.resolve()):
        raise TargetRefused(f"{target} is inside of {folder}, which is left as it is: choose another place")


def write_file(files: Files, engine: Engine, target: Path) -> None:
    """Write the model to a file that servers and Jubatus load. Raises `TargetRefused`, `ModelFileError`."""
    write_model(
        files,
        target,
        engine_type=engine.type,
        model_id=target.stem,
        config_text=engine.config_text,
        timestamp=int(time.time()),
        snapshot=engine.snapshot(),
        before_rename=lambda: _still_free(target),
    )


def write_folder(files: Files, engine: Engine, target: Path) -> None:
    """Make a data folder with the model as its first snapshot.

    It is built under a temporary name, since a server would begin anew on half a folder. Raises
    `TargetRefused`, `JournalError` and `ModelFileError`.
    """
    building = target.with_name(f".{target.name}.duma-{os.urandom(4).hex()}")
    try:
        with DataFolder.open(files, building) as folder:
            _fill(files, engine, folder)
        _still_free(target)
        files.rename(building, target)
        files.sync_folder(target.parent)
    except OSError as error:
        raise JournalError(f"data folder {target} cannot be made: {error.strerror or error}") from error
    finally:
        if building.exists():
            shutil.rmtree(building)


def _fill(files: Files, engine: Engine, folder: DataFolder) -> None:
    position = Position(0, int.from_bytes(os.urandom(4), "big"), 0)
    writer = JournalWriter.start(files, folder.journal, identity=position.identity)
    try:
        write_snapshot(
            files,
            folder.snapshots,
            engine.snapshot(),
            position,
            engine_type=engine.type,
            config_text=engine.config_text,
            time=int(time.time()),
            commit=writer.commit,
        )
        if state := engine.hidden_state():
            writer.append(HIDDEN_STATE, state, time.time_ns(), EVENT)
    finally:
        writer.close()


def _still_free(target: Path) -> None:
    if os.path.lexists(target):
        raise TargetRefused(f"{target} has come to exist meanwhile, and is not overwritten")
