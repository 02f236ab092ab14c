"""Making a backup of a data folder."""

import hashlib
from collections.abc import Callable

from duma.errors import BackupError
from duma.store.backup.manifest import BackedUpFile, Manifest, Piece, new_id
from duma.store.backup.sending import Sender
from duma.store.backup.source import Source, SourceFile

PIECE_SIZE = {
    "snapshot": 8 << 20,
    "loaded": 8 << 20,
    "segment": 1 << 20,
}  # a segment's end is sent again and again


class Creator:
    """Makes backups in the sender's place.

    It remembers what it has sent, so that one `Creator` makes backups of a folder again and again without reading
    what has not changed. `piece_size` is for tests.
    """

    def __init__(self, sender: Sender, *, piece_size: int | None = None) -> None:
        self.sender = sender
        self._piece_size = piece_size
        self._full: dict[
            str, tuple[Piece, ...]
        ] = {}  # pieces of files that will not change, by the file's name
        self._journal: int | None = None

    def create(
        self,
        source: Source,
        *,
        state: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Manifest:
        """Back a folder up; returns the manifest when it is valid. `progress(done, total)` is told bytes.

        `state` is the digest of the model's state if it is known. Raises `BackupError`.
        """
        if source.position.identity != self._journal:
            self._full.clear()
            self._journal = source.position.identity
        done, files = 0, []
        for file in source.files:
            files.append(self._send(file, done, source.size, progress))
            done += file.size
        self._full = {file.name: self._full[file.name] for file in files}
        manifest = Manifest(
            id=new_id(source.time),
            time=source.time,
            engine_type=source.engine_type,
            configuration=hashlib.sha256(source.config_text.encode("utf-8", "surrogateescape")).hexdigest(),
            journal=source.position.identity,
            sequence=source.position.sequence,
            checksum=source.position.checksum,
            state=state,
            files=tuple(files),
        )
        self.sender.finish(manifest)
        return manifest

    def _send(
        self, file: SourceFile, before: int, total: int, progress: Callable[[int, int], None] | None
    ) -> BackedUpFile:
        """Send the pieces of a file that are not there."""
        size = self._piece_size or PIECE_SIZE[file.kind]
        pieces = list(self._full.get(file.name, ()))
        offset = sum(piece.size for piece in pieces)
        if offset > file.size or not all(self.sender.is_there(piece.sha256) for piece in pieces):
            pieces, offset = [], 0
        while offset < file.size:
            data = _read(file, offset, min(size, file.size - offset))
            pieces.append(self.sender.send(data))
            offset += len(data)
            if progress is not None:
                progress(before + offset, total)
        self._full[file.name] = tuple(piece for piece in pieces if piece.size == size or not file.grows)
        return BackedUpFile(file.name, file.kind, file.size, tuple(pieces))


def _read(file: SourceFile, offset: int, size: int) -> bytes:
    try:
        data = file.file.read_at(offset, size)
    except OSError as error:
        raise BackupError(f"{file.name} cannot be read: {error.strerror or error}") from error
    if len(data) != size:
        raise BackupError(f"{file.name} became shorter while it was read: {offset + len(data)} bytes")
    return data
