"""The lease: only one writes to a place at a time.

`writer.json` says who writes, to backups of which journal, and until when. It is claimed and renewed by
conditional writes. Once the time is over anybody may claim it who has the same journal; a place that belongs to
another journal, or that another one is still writing to, is refused, unless it is taken over on purpose. Whoever
lost the lease notices at the next renewal, and writes no more.

    {"journal": "8f31c2aa", "owner": "host:/data/folder", "pid": 4711, "token": 16 hex digits,
     "since": time, "until": time}                                  times as in manifests; "until" null: released
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from duma.errors import BackupError
from duma.store.backup.manifest import format_utc, parse_utc
from duma.store.backup.remote import AlreadyThere, Changed, Missing, Remote, Version

NAME = "writer.json"
DURATION = 60.0  # seconds


class PlaceTaken(BackupError):
    """Somebody else writes to the place, or it belongs to another journal."""


class LeaseLost(BackupError):
    """Somebody else writes to the place now."""


class Lease:
    """The right to write to a place. `keep` it while working, and `release` it at the end."""

    def __init__(
        self,
        remote: Remote,
        fields: dict[str, Any],
        version: Version,
        duration: float,
        clock: Callable[[], float],
    ) -> None:
        self._remote = remote
        self._fields = fields
        self._version = version
        self._duration = duration
        self._clock = clock
        self._until = clock() + duration

    @classmethod
    def claim(
        cls,
        remote: Remote,
        *,
        journal: int | None,
        owner: str,
        take_over: bool = False,
        exclusive: bool = False,
        duration: float = DURATION,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Become the writer of backups of a journal; None leaves it at the one that the place belongs to.

        Without being renewed it lasts for `duration` seconds. `exclusive` says that no other process can be the
        same owner, so that a lease of the same name is one of an earlier process. Raises `PlaceTaken`, and
        `BackupError` when the place cannot be written.
        """
        fields: dict[str, Any] = {"owner": owner, "pid": os.getpid(), "token": os.urandom(8).hex()}
        while True:
            version = None
            fields["journal"] = None if journal is None else f"{journal:08x}"
            with contextlib.suppress(Missing):
                data, version = remote.get(NAME)
                found = _parsed(data, remote)
                if not (take_over or (exclusive and found.get("owner") == owner and _fits(found, fields))):
                    _check_free(remote, found, fields, clock())
                if journal is None:
                    fields["journal"] = found.get("journal")
            fields["since"] = _time(clock())
            fields["until"] = _time(clock() + duration)
            packed = _packed(fields)
            try:
                version = _put(remote, packed, version)
            except (AlreadyThere, Changed):
                continue  # somebody was faster: look again
            return cls(remote, fields, version, duration, clock)

    @contextlib.contextmanager
    def held(self) -> Iterator[Self]:
        """Release it behind the block."""
        try:
            yield self
        except BaseException as error:
            try:
                self.release()
            except BackupError as second:
                if not isinstance(error, LeaseLost):
                    error.add_note(f"the place was not released: {second}")
            raise
        self.release()

    def keep(self) -> None:
        """Renew the lease if it ends soon; call it before each step. Raises `LeaseLost`."""
        if self._until - self._clock() < self._duration / 2:
            self.renew()

    def renew(self) -> None:
        """Be sure to be the writer still. Raises `LeaseLost`."""
        now = self._clock()
        self._write(_time(now + self._duration))
        self._until = now + self._duration

    def release(self) -> None:
        """Let others write. Raises `LeaseLost` if they do already."""
        self._write(None)

    def _write(self, until: str | None) -> None:
        self._fields["until"] = until
        packed = _packed(self._fields)
        try:
            self._version = self._remote.replace(NAME, packed, self._version)
        except Changed as error:
            # Perhaps only the answer to an earlier try was lost.
            data, version = self._holder(error)
            found = _parsed(data, self._remote)
            if found.get("token") != self._fields["token"]:
                raise LeaseLost(
                    f"{self._remote.where} was taken over by {_described(found)}; nothing more is written there"
                ) from error
            self._version = self._remote.replace(NAME, packed, version)

    def _holder(self, error: Changed) -> tuple[bytes, Version]:
        try:
            return self._remote.get(NAME)
        except Missing:
            raise LeaseLost(
                f"{NAME} in {self._remote.where} was removed; nothing more is written there"
            ) from error


def owner_name(folder: Path) -> str:
    """How a process that writes backups of a data folder calls itself."""
    return f"{socket.gethostname()}:{folder}"


def _check_free(remote: Remote, found: dict[str, Any], own: dict[str, Any], now: float) -> None:
    until = found.get("until")
    if until is not None and parse_utc(until) / 1e6 > now:
        raise PlaceTaken(
            f"{remote.where} is being written by {_described(found)}, until {until} at least: wait, choose another "
            "place, or take it over (duma backup create --take-over)"
        )
    if not _fits(found, own):
        raise PlaceTaken(
            f"{remote.where} has backups of journal {found['journal']} ({_described(found)}), not of "
            f"{own['journal']}: choose another place, or take it over (duma backup create --take-over)"
        )


def _put(remote: Remote, packed: bytes, version: Version | None) -> Version:
    return remote.put_new(NAME, packed) if version is None else remote.replace(NAME, packed, version)


def _fits(found: dict[str, Any], own: dict[str, Any]) -> bool:
    return found.get("journal") is None or own["journal"] in (None, found["journal"])


def _described(found: dict[str, Any]) -> str:
    return f"{found.get('owner')} (process {found.get('pid')}, since {found.get('since')})"


def _parsed(data: bytes, remote: Remote) -> dict[str, Any]:
    try:
        fields = json.loads(data)
        if fields["until"] is not None:
            parse_utc(fields["until"])
        fields["journal"]
    except (ValueError, TypeError, KeyError) as error:
        raise BackupError(
            f"{NAME} in {remote.where} cannot be read ({error!r}): remove it if nobody writes backups there"
        ) from error
    parsed: dict[str, Any] = fields
    return parsed


def _packed(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, indent=1).encode()


def _time(seconds: float) -> str:
    return format_utc(int(seconds * 1e6))
