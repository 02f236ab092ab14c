"""Continuous copy: a running server's folder is backed up every few seconds, to a place elsewhere.

Each round sends what is new: a snapshot, segments, the end of the segment that grows. Of the backups made behind
one snapshot only the last is kept, since it has everything that those before it have; the others are kept by the
rule for snapshots. From time to time the newest backup is verified, in a process of its own. Whatever fails is
logged, shown in `get_status` and tried again; it never stops the server.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duma.errors import BackupError, DumaError
from duma.store.backup.creation import Creator
from duma.store.backup.lease import DURATION, Lease, LeaseLost, owner_name
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place, newest_verified
from duma.store.backup.pruning import prune
from duma.store.backup.remote import Remote
from duma.store.backup.sending import Sender
from duma.store.backup.source import Source, SourceReader
from duma.store.files import DiskFiles
from duma.store.journal import End
from duma.store.retention import Rule

_log = logging.getLogger(__name__)

_MICROSECONDS = 1_000_000
_PRUNED_EVERY = 3600.0  # seconds


class ContinuousBackup:
    """Backs a folder up while the server runs, and once more at its end.

    `interval` is seconds between two rounds, `verify_interval` seconds between two verifications (0: none).
    """

    def __init__(
        self,
        remote: Remote,
        folder: Path,
        *,
        interval: float,
        verify_interval: float,
        rule: Rule,
    ) -> None:
        self._remote = remote
        self._place = Place(remote)
        self._folder = folder
        self._source = SourceReader(DiskFiles(), folder)
        self._find_end: Callable[[], End | None] | None = None
        self._interval = interval
        self._verify_interval = verify_interval
        self._rule = rule

        self._lease: Lease | None = None
        self._creator: Creator | None = None
        self._last: Manifest | None = None  # the last one that this process made
        self._verified: Manifest | None = None  # the newest one that was verified
        self._verified_at = 0.0
        self._verifying = ""  # the id of the one that is being verified
        self._pruned_at = 0.0
        self._lost = False
        self._failure = self._verification_failure = ""

        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="backup", daemon=True)
        self._verifier: threading.Thread | None = None

    def start(self, find_end: Callable[[], End | None]) -> None:
        """Begin with the rounds.

        `find_end` says where the journal ends, or gives None when that can only be read from its files.
        """
        self._find_end = find_end
        self._thread.start()

    def close(self) -> None:
        """After the journal was closed: send what is left, and let others write to the place."""
        self._closing.set()
        if not self._thread.is_alive():
            return
        self._thread.join()
        if self._verifier is not None:
            self._verifier.join()
        self._round()
        if self._lease is not None and not self._failure:
            try:
                self._lease.release()
            except BackupError as error:
                _log.warning("the place for backups was not released: %s", error)

    def status(self) -> dict[str, str]:
        """The keys of `get_status`."""
        last, verified = self._last, self._verified
        values: dict[str, Any] = {
            "backup_to": self._place.where,
            "last_backup": 0 if last is None else last.time // _MICROSECONDS,
            "last_backup_position": 0 if last is None else last.sequence,
            "last_verified_backup": 0 if verified is None else verified.time // _MICROSECONDS,
            "backup_failure": self._failure or self._verification_failure,
        }
        return {key: str(value) for key, value in values.items()}

    def _run(self) -> None:
        while not self._closing.is_set():
            self._round()
            if self._lost:
                return
            self._closing.wait(self._interval)

    def _round(self) -> None:
        if self._lost:
            return
        try:
            self._back_up()
        except (DumaError, OSError) as error:
            self._lost = isinstance(error, LeaseLost)
            if str(error) != self._failure:
                _log.error(
                    "no backup was made: %s%s", error, "" if self._lost else "; it will be tried again"
                )
            self._failure = str(error)
        else:
            if self._failure:
                _log.info("backups to %s go on", self._place.where)
            self._failure = ""

    def _back_up(self) -> None:
        with self._source.open(self._find_end) as source:
            if self._last is not None and _says_the_same(self._last, source):
                self._claimed(source)[0].keep()
                self._verify_when_due()
                return
            lease, creator = self._claimed(source)
            previous, self._last = self._last, creator.create(source)
        if previous is None:
            _log.info("the first backup of this start is in %s: %s", self._place.where, self._last.id)
        elif previous.snapshot == self._last.snapshot and previous.sequence <= self._last.sequence:
            self._remove(previous)
        if time.monotonic() - self._pruned_at > _PRUNED_EVERY or self._pruned_at == 0:
            self._prune(lease)
        self._verify_when_due()

    def _claimed(self, source: Source) -> tuple[Lease, Creator]:
        """Be the writer of the place; the first time this finds out what is there."""
        if self._lease is None:
            # The folder is locked by this process: who called himself the same is gone.
            self._lease = Lease.claim(
                self._remote,
                journal=source.position.identity,
                owner=owner_name(self._folder),
                exclusive=True,
                duration=max(DURATION, 3 * self._interval),
            )
        if self._creator is None:
            verifications = self._place.verifications()
            self._verified = newest_verified(self._place.listing().backups, verifications)
            if self._verified is not None:
                self._verified_at = verifications[self._verified.id].time / _MICROSECONDS
            self._creator = Creator(Sender(self._place, self._lease))
        return self._lease, self._creator

    def _remove(self, manifest: Manifest) -> None:
        """Remove a backup of which the last one has everything; its pieces go when they are old enough."""
        if manifest.id not in (self._verifying, self._verified and self._verified.id):
            self._place.remove_backups([manifest.id])

    def _prune(self, lease: Lease) -> None:
        self._pruned_at = time.monotonic()
        pruned = prune(self._place, lease, self._rule, held=[self._verifying] if self._verifying else [])
        for why in pruned.broken.values():
            _log.warning("a backup in %s cannot be restored: %s", self._place.where, why)

    def _verify_when_due(self) -> None:
        if not self._verify_interval or time.time() - self._verified_at < self._verify_interval:
            return
        if self._verifying or self._closing.is_set() or self._last is None or self._last.sequence == 0:
            return
        self._verifying = self._last.id
        self._verifier = threading.Thread(
            target=self._verify, args=(self._last,), name="backup-verify", daemon=True
        )
        self._verifier.start()

    def _verify(self, manifest: Manifest) -> None:
        from duma.server.backup_verification import Cancelled, verify  # rarely needed

        try:
            verify(self._place, manifest, cancelled=self._closing.is_set)
        except Cancelled:
            return
        except (DumaError, OSError) as error:
            self._verification_failure = str(error)
            _log.error("the backup %s could not be verified: %s", manifest.id, error)
        else:
            self._verification_failure = ""
            self._verified = manifest
            _log.info("the backup %s was restored and is good", manifest.id)
        finally:
            self._verified_at = time.time()  # after a failure as well: once an interval is enough
            self._verifying = ""


def _says_the_same(manifest: Manifest, source: Source) -> bool:
    """Whether a backup of a source would have nothing that another one has not."""
    return manifest.sequence == source.position.sequence and {file.name for file in manifest.files} == {
        file.name for file in source.files
    }
