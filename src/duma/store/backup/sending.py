"""Sending a backup: pieces first, those that are there already left out, the manifest last."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from duma.store.backup.lease import Lease
from duma.store.backup.manifest import Manifest, Piece
from duma.store.backup.place import Place, missing_pieces, needed_pieces

GRACE = 3600.0  # seconds that a piece stays which no manifest names


@dataclass(slots=True)
class Sent:
    """What went over the wire: pieces and bytes that were not there yet."""

    pieces: int = 0
    bytes: int = 0


class Sender:
    """Writes to a place, whose writer the caller is by a `lease`. `clock` is Unix time in seconds."""

    def __init__(self, place: Place, lease: Lease, *, clock: Callable[[], float] = time.time) -> None:
        self.sent = Sent()
        self._place = place
        self._lease = lease
        self._clock = clock
        listing, present = place.listing(), place.pieces()
        newest = listing.newest()
        self._written = {sha256: modified for sha256, (_, modified) in present.items()}
        # The newest backup stays as long as the lease is held; what it lacks by some damage is sent again.
        self._named = needed_pieces([newest]) if newest else set()
        self._named -= {piece.sha256 for piece in missing_pieces(newest, present)} if newest else set()

    def is_there(self, sha256: str) -> bool:
        """Whether a piece is there, and will be until the manifest names it."""
        if sha256 in self._named:
            return True
        written = self._written.get(sha256)
        return written is not None and self._clock() - written < GRACE / 2

    def send(self, data: bytes) -> Piece:
        """Have a piece there. Raises `BackupError`."""
        sha256 = hashlib.sha256(data).hexdigest()
        if not self.is_there(sha256):
            self._lease.keep()
            self._place.put_piece(sha256, data)
            self._written[sha256] = self._clock()
            self.sent.pieces += 1
            self.sent.bytes += len(data)
        return Piece(sha256, len(data))

    def finish(self, manifest: Manifest) -> None:
        """Make a backup valid whose pieces have been sent. Raises `BackupError`."""
        self._lease.renew()
        self._place.put_manifest(manifest)
        self._named = needed_pieces([manifest])
