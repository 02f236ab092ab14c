"""Removing old backups, and then the pieces that none of the others needs.

A backup counts only if all its pieces are there. The newest one and the newest verified one always stay.
Manifests go first; a crash in between leaves pieces that nobody names, which the next time finds.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from duma.errors import BackupError
from duma.store.backup.lease import Lease
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Listing, Place, missing_pieces, needed_pieces, newest_verified
from duma.store.backup.sending import GRACE
from duma.store.retention import Rule


@dataclass(slots=True)
class Pruned:
    """What was removed, or would be: `pieces` and their `bytes`. `broken` backups lack pieces or cannot be read;
    they are neither counted nor removed, unless that was asked for.
    """

    kept: list[Manifest] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    pieces: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Aged:
    """A backup as a `Rule` sees it."""

    sequence: int
    time: int


def prune(
    place: Place,
    lease: Lease,
    rule: Rule,
    *,
    grace: float = GRACE,
    remove_broken: bool = False,
    dry_run: bool = False,
    held: Iterable[str] = (),
    clock: Callable[[], float] = time.time,
) -> Pruned:
    """Keep what the rule keeps, and the backups `held`. Pieces younger than `grace` seconds stay in any case.

    Pieces are not removed while a manifest cannot be read, since it may need any of them. Raises `BackupError`.
    """
    listing, present = place.listing(), place.pieces()
    result = Pruned(broken=_broken(listing, present))
    whole = [manifest for manifest in listing.backups if manifest.id not in result.broken]
    always = {*held, *_always_kept(place, whole)}
    kept = {whole[aged.sequence].id for aged in rule.kept(_aged(whole))} | always
    result.removed = [manifest.id for manifest in whole if manifest.id not in kept]
    if remove_broken:
        result.removed += [backup_id for backup_id in result.broken if backup_id not in always]
    result.kept = [manifest for manifest in whole if manifest.id in kept]
    if result.removed and not dry_run:
        lease.renew()
        place.remove_backups(result.removed)
    remaining = [manifest for manifest in listing.backups if manifest.id not in result.removed]
    if not all(backup_id in result.removed for backup_id in listing.damaged):
        return result
    needed, now = needed_pieces(remaining), clock()
    unneeded = [
        sha256 for sha256, (_, modified) in present.items() if sha256 not in needed and now - modified > grace
    ]
    result.pieces = len(unneeded)
    result.bytes = sum(present[sha256][0] for sha256 in unneeded)
    if unneeded and not dry_run:
        _check_nobody_wrote(place, listing)
        place.remove_pieces(unneeded, lease.renew)
    return result


def _broken(listing: Listing, present: dict[str, tuple[int, float]]) -> dict[str, str]:
    broken = dict(listing.damaged)
    for manifest in listing.backups:
        if missing := missing_pieces(manifest, present):
            broken[manifest.id] = f"{manifest.id} lacks {len(missing)} of its pieces, as {missing[0].sha256}"
    return broken


def _always_kept(place: Place, whole: list[Manifest]) -> list[str]:
    verified = newest_verified(whole, place.verifications())
    return [manifest.id for manifest in (*whole[-1:], verified) if manifest is not None]


def _aged(backups: list[Manifest]) -> list[_Aged]:
    return [_Aged(number, manifest.time // 1_000_000) for number, manifest in enumerate(backups)]


def _check_nobody_wrote(place: Place, before: Listing) -> None:
    known = {manifest.id for manifest in before.backups} | set(before.damaged)
    now = place.listing()
    if new := {manifest.id for manifest in now.backups} - known:
        raise BackupError(
            f"{place.where} has got backup {new.pop()} meanwhile: no piece is removed; try again"
        )
