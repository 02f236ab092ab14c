"""A process that recovers a data folder and says what state the model has then:

    python -m duma.server.state_digest FOLDER SNAPSHOT SEQUENCE

It loads the snapshot of that file name, replays up to and with record SEQUENCE, and prints a JSON object with
`state`, `sequence` and `checksum`. The folder is only read. The process is one of its own so that nothing it knows
can come from anywhere but the folder, and so that its memory is gone with it; it lets others go first.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from duma.engines.engine import Engine
from duma.engines.registry import ENGINES, engine_class
from duma.errors import DumaError, JournalError
from duma.server.digest import state_digest
from duma.server.replay import Replayer
from duma.store.files import DiskFiles
from duma.store.folder import DataFolder
from duma.store.journal import Record
from duma.store.model_file import ModelFile
from duma.store.recovery import Until, recover
from duma.store.snapshots import Position, StoredSnapshot

_NICENESS = 10


@dataclass(frozen=True)
class _From(Until):
    """From one snapshot to a record."""

    snapshot: str = ""

    def has_snapshot(self, snapshot: StoredSnapshot) -> bool:
        return snapshot.path.name == self.snapshot


class _Recovery:
    """The engine that a snapshot asks for, brought to where the journal says it was."""

    def __init__(self, folder: Path) -> None:
        self.engine: Engine | None = None
        self._folder = folder
        self._replayer: Replayer | None = None

    def load(self, model: ModelFile) -> None:
        if model.engine_type not in ENGINES:
            raise JournalError(
                f"{model.path} is of the engine {model.engine_type}, which this version does not know"
            )
        self.engine = engine_class(model.engine_type)(model.config_text)
        self._replayer = Replayer(self.engine, self._folder)
        self._replayer.load(model)

    def apply(self, record: Record) -> None:
        if self._replayer is not None:
            self._replayer.apply(record)


def recovered_state(folder: Path, snapshot: str, sequence: int) -> tuple[str, Position]:
    """The digest of the state and the position that were reached. Raises `DumaError`."""
    recovery = _Recovery(folder)
    recovered = recover(
        DiskFiles(),
        DataFolder(folder),
        load=recovery.load,
        apply=recovery.apply,
        until=_From(sequence=sequence, snapshot=snapshot),
    )
    if recovery.engine is None:
        damaged = "".join(f"; {why}" for _, why in recovered.damaged_snapshots)
        raise JournalError(f"{folder} has no whole snapshot {snapshot}{damaged}")
    # The hidden state that belongs to a snapshot is the record behind it: without that it is not known.
    state = state_digest(recovery.engine, hidden=recovered.replayed > 0)
    return state, recovered.position


def main(words: list[str]) -> int:
    """Returns the exit status."""
    folder, snapshot, sequence = words
    os.nice(_NICENESS)
    try:
        state, position = recovered_state(Path(folder), snapshot, int(sequence))
    except DumaError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    print(json.dumps({"state": state, "sequence": position.sequence, "checksum": position.checksum}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
