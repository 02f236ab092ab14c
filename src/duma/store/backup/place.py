"""What is in a place: manifests, pieces, and the records of verifications."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from duma.errors import BackupError
from duma.store.backup.manifest import (
    Manifest,
    ManifestDamaged,
    Piece,
    format_manifest,
    format_utc,
    is_id,
    parse_manifest,
    parse_utc,
)
from duma.store.backup.remote import Missing, Remote

BACKUPS = "backups/"
PIECES = "pieces/"
VERIFIED = "verified/"
_SUFFIX = ".json"
_LOT = 500  # pieces removed at a time


@dataclass(frozen=True, slots=True)
class Verification:
    """A backup was restored, recovered, and had a state; `time` is Unix time in microseconds.

    `compared` says with what the state agreed: with that of the data folder it was made of, with that of an
    earlier verification, or with nothing but the journal's checksums.
    """

    id: str
    time: int
    state: str
    compared: str


@dataclass(slots=True)
class Listing:
    """The backups in a place, the oldest first; `damaged` manifests with what is wrong with them."""

    backups: list[Manifest] = field(default_factory=list)
    damaged: dict[str, str] = field(default_factory=dict)

    def newest(self) -> Manifest | None:
        """The newest backup."""
        return self.backups[-1] if self.backups else None


class Place:
    """Reads and writes what is in a place. Every method may raise `BackupError`."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote
        self.where = remote.where

    def listing(self) -> Listing:
        """All backups."""
        listing = Listing()
        for entry in sorted(self.remote.entries(BACKUPS)):
            backup_id = _id_of(entry.name, BACKUPS)
            if backup_id is None:
                continue
            try:
                listing.backups.append(self.manifest(backup_id))
            except Missing:
                continue  # removed meanwhile
            except ManifestDamaged as error:
                listing.damaged[backup_id] = str(error)
        listing.backups.sort(key=lambda manifest: (manifest.time, manifest.sequence))
        return listing

    def manifest(self, backup_id: str) -> Manifest:
        """A backup. Raises `Missing`."""
        name = f"{BACKUPS}{backup_id}{_SUFFIX}"
        data, _ = self.remote.get(name)
        where = f"{name} in {self.where}"
        manifest = parse_manifest(data, where)
        if manifest.id != backup_id:
            raise ManifestDamaged(f"{where} is damaged: it says to be {manifest.id}")
        return manifest

    def find(self, backup_id: str) -> Manifest:
        """The backup with an id, or the newest one for `latest`."""
        if backup_id != "latest":
            if not is_id(backup_id):
                raise BackupError(
                    f"{backup_id!r} is no id of a backup: `duma backup list {self.where}` shows them"
                )
            try:
                return self.manifest(backup_id)
            except Missing as error:
                raise BackupError(
                    f"{self.where} has no backup {backup_id}: `duma backup list {self.where}` shows what there is"
                ) from error
        listing = self.listing()
        newest = listing.newest()
        if newest is None:
            damaged = "".join(f"; {why}" for why in listing.damaged.values())
            raise BackupError(f"{self.where} has no backup{damaged}")
        return newest

    def put_manifest(self, manifest: Manifest) -> None:
        """Make a backup valid: all its pieces are there."""
        self.remote.put_new(f"{BACKUPS}{manifest.id}{_SUFFIX}", format_manifest(manifest))

    def remove_backups(self, backup_ids: list[str]) -> None:
        """Remove manifests; pieces stay."""
        self.remote.remove(f"{BACKUPS}{backup_id}{_SUFFIX}" for backup_id in backup_ids)
        self.remote.remove(f"{VERIFIED}{backup_id}{_SUFFIX}" for backup_id in backup_ids)

    def pieces(self) -> dict[str, tuple[int, float]]:
        """Size and age (when it was written, Unix time in seconds) of every piece, by its SHA-256."""
        prefix = len(PIECES)
        return {entry.name[prefix:]: (entry.size, entry.modified) for entry in self.remote.entries(PIECES)}

    def put_piece(self, sha256: str, data: bytes) -> None:
        """Write a piece."""
        self.remote.put(PIECES + sha256, data)

    def piece(self, piece: Piece) -> bytes:
        """Read a piece and check it."""
        name = PIECES + piece.sha256
        try:
            data, _ = self.remote.get(name)
        except Missing as error:
            raise BackupError(f"{self.where} lacks {name}, which the backup needs") from error
        if len(data) != piece.size:
            raise BackupError(f"{name} in {self.where} is damaged: {len(data)} bytes, expected {piece.size}")
        computed = hashlib.sha256(data).hexdigest()
        if computed != piece.sha256:
            raise BackupError(f"{name} in {self.where} is damaged: its SHA-256 is {computed}")
        return data

    def remove_pieces(self, sha256s: list[str], keep: Callable[[], None]) -> None:
        """Remove pieces; `keep` is called before each lot."""
        for start in range(0, len(sha256s), _LOT):
            keep()
            self.remote.remove(PIECES + sha256 for sha256 in sha256s[start : start + _LOT])

    def verifications(self) -> dict[str, Verification]:
        """The last verification of each backup that has one."""
        found = {}
        for entry in self.remote.entries(VERIFIED):
            backup_id = _id_of(entry.name, VERIFIED)
            if backup_id is None:
                continue
            try:
                data, _ = self.remote.get(entry.name)
            except Missing:
                continue
            try:
                fields = json.loads(data)
                found[backup_id] = Verification(
                    backup_id, parse_utc(fields["time"]), str(fields["state"]), str(fields["compared"])
                )
            except (ValueError, KeyError, TypeError):
                continue  # as good as none: the backup counts as not verified
        return found

    def put_verification(self, verification: Verification) -> None:
        """Record that a backup could be restored."""
        fields = {
            "id": verification.id,
            "time": format_utc(verification.time),
            "state": verification.state,
            "compared": verification.compared,
        }
        self.remote.put(f"{VERIFIED}{verification.id}{_SUFFIX}", json.dumps(fields, indent=1).encode())


def missing_pieces(manifest: Manifest, present: dict[str, tuple[int, float]]) -> list[Piece]:
    """The pieces of a backup that are not there, or have another size."""
    return sorted(
        {piece for piece in manifest.pieces() if present.get(piece.sha256, (-1, 0.0))[0] != piece.size}
    )


def needed_pieces(backups: list[Manifest]) -> set[str]:
    """The pieces that backups name."""
    return {piece.sha256 for manifest in backups for piece in manifest.pieces()}


def _id_of(name: str, prefix: str) -> str | None:
    text = name.removeprefix(prefix)
    if not text.endswith(_SUFFIX) or not is_id(text.removesuffix(_SUFFIX)):
        return None
    return text.removesuffix(_SUFFIX)


def newest_verified(backups: list[Manifest], verifications: dict[str, Verification]) -> Manifest | None:
    """The last one in a list that was verified."""
    return next((manifest for manifest in reversed(backups) if manifest.id in verifications), None)
