"""Backups of a toy server on the simulated disk, and what must hold of them."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from toy_server import DATA, ToyServer

from duma.store.backup.creation import Creator
from duma.store.backup.folder_remote import FolderRemote
from duma.store.backup.lease import Lease
from duma.store.backup.manifest import Manifest
from duma.store.backup.place import Place, missing_pieces
from duma.store.backup.restoration import restore
from duma.store.backup.sending import Sender
from duma.store.backup.source import SourceReader

PLACE = Path("/backup/toy")
RESTORED = Path("/restored/127.0.0.1_9199_toy")
_LOOKED_AT = Path("/looked at/127.0.0.1_9199_toy")
PIECE = 300  # bytes, so that small files have several


def place_on(disk) -> Place:
    return Place(FolderRemote(disk, PLACE))


@contextlib.contextmanager
def writing(disk, **options) -> Iterator[Lease]:
    """The writer of the place, by the disk's clock."""
    options = {"journal": None, "owner": "test:/data", "clock": lambda: disk.now, **options}
    with Lease.claim(FolderRemote(disk, PLACE), **options).held() as lease:
        yield lease


def creator_on(disk, lease: Lease) -> Creator:
    return Creator(Sender(place_on(disk), lease, clock=lambda: disk.now), piece_size=PIECE)


def back_up(disk, path: Path = DATA, **options) -> tuple[Manifest, Creator]:
    """Back the folder up as it is on the disk."""
    reader = SourceReader(disk, path)
    with writing(disk, journal=reader.identity(), **options) as lease, reader.open() as source:
        creator = creator_on(disk, lease)
        return creator.create(source), creator


def numbers_in(disk, manifest: Manifest) -> list[int]:
    """What the toy server knows that is started on a restored backup; the disk stays as it is."""
    copy = disk.killed()
    copy.put(_LOOKED_AT.parent / "here", b"")
    restore(copy, place_on(copy), manifest, _LOOKED_AT)
    server = ToyServer(copy, _LOOKED_AT)
    assert not server.recovered.report()
    return server.numbers


def check_listed(disk, asked: list[int]) -> list[list[int]]:
    """Whatever is listed is whole, and is what the server knew at that position; returns the numbers of each."""
    place = place_on(disk)
    listing = place.listing()
    assert not listing.damaged
    present = place.pieces()
    found = []
    for manifest in listing.backups:
        assert not missing_pieces(manifest, present)
        numbers = numbers_in(disk, manifest)
        assert numbers == asked[: manifest.sequence]
        found.append(numbers)
    for sha256 in present:
        assert hashlib.sha256(disk.content(PLACE / "pieces" / sha256)).hexdigest() == sha256
    return found
