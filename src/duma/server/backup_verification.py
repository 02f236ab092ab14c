"""Verifying a backup: it is restored, a process of its own recovers it, and the states are compared.

What counts is not that all pieces are there, but that a server could go on from them.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from duma.errors import BackupError
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place, Verification
from duma.store.backup.restoration import restore
from duma.store.files import DiskFiles
from duma.store.snapshots import Position

SOURCE = "source"
EARLIER = "earlier verification"
NOTHING = "nothing"
_LOOKS = 0.2  # seconds between two looks at the process and at what may cancel it


class Cancelled(BackupError):
    """The caller did not want to wait any more."""


def state_of(
    folder: Path, snapshot: str, position: Position, cancelled: Callable[[], bool] = lambda: False
) -> str:
    """The digest of the model's state that a data folder has at a position, from a snapshot (its file name) on.

    The folder is only read.

    Raises `BackupError` when it cannot be recovered, or when another record is there.
    """
    words = str(folder), snapshot, str(position.sequence)
    command = [sys.executable, "-m", "duma.server.state_digest", *words]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            status = _wait(process, cancelled)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        for file in (out, err):
            file.seek(0)
        if status != 0:
            why = err.read().decode("utf-8", "replace").strip().splitlines()
            raise BackupError(f"{folder} cannot be recovered: {why[-1] if why else f'exit status {status}'}")
        found = json.loads(out.read())
    if (found["sequence"], found["checksum"]) != (position.sequence, position.checksum):
        raise BackupError(
            f"{folder} has record {found['sequence']} with checksum {found['checksum']:08x}, expected record "
            f"{position.sequence} with {position.checksum:08x}"
        )
    state: str = found["state"]
    return state


def verify(
    place: Place,
    manifest: Manifest,
    *,
    scratch: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Verification:
    """Restore a backup below `scratch` (the system's temporary folder if None), recover it, compare its state.

    The result is recorded in the place, and returned. Raises `BackupError` if anything is not as it should be.
    """
    expected, compared = _expected(place, manifest)
    with tempfile.TemporaryDirectory(prefix="duma-verify-", dir=scratch) as temporary:
        folder = Path(temporary) / "restored"

        def told(done: int, total: int) -> None:
            if cancelled():
                raise Cancelled(f"verification of {manifest.id} was cancelled")
            if progress is not None:
                progress(done, total)

        restore(DiskFiles(), place, manifest, folder, told)
        try:
            position = Position(manifest.sequence, manifest.journal, manifest.checksum)
            state = state_of(folder, Path(manifest.snapshot).name, position, cancelled)
        except Cancelled:
            raise
        except BackupError as error:
            raise BackupError(f"backup {manifest.id} in {place.where}: {error}") from error
    if expected is not None and state != expected:
        raise BackupError(
            f"backup {manifest.id} in {place.where} restores to another state: {state}, expected {expected} "
            f"({compared})"
        )
    verification = Verification(manifest.id, time.time_ns() // 1000, state, compared)
    place.put_verification(verification)
    return verification


def _expected(place: Place, manifest: Manifest) -> tuple[str | None, str]:
    if manifest.state is not None:
        return manifest.state, SOURCE
    earlier = place.verifications().get(manifest.id)
    if earlier is None:
        return None, NOTHING
    return earlier.state, earlier.compared if earlier.compared == SOURCE else EARLIER


def _wait(process: "subprocess.Popen[bytes]", cancelled: Callable[[], bool]) -> int:
    while True:
        try:
            return process.wait(_LOOKS)
        except subprocess.TimeoutExpired:
            if cancelled():
                raise Cancelled("the wait for a recovering process was cancelled") from None
