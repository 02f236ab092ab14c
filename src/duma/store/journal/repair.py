"""Cutting a journal's end off, and keeping what was cut.

Whatever is taken out of a journal stays beside it under a name that the reader does not look at. Each step
leaves a journal that can be read: a crash in the middle means that some of it is done again.
"""

from collections.abc import Iterator
from pathlib import Path

from duma.errors import JournalError
from duma.store.files import File, Files
from duma.store.journal.damage import TornTail
from duma.store.journal.frames import Window, read_frames
from duma.store.journal.segment import HEADER_SIZE, segments
from duma.store.temporary import whole_file

_BLOCK = 1 << 20


def cut_tail(files: Files, tail: TornTail) -> Path:
    """Cut a torn tail off its segment; returns the file that has it now. Raises `JournalError`."""
    try:
        return _cut(files, tail.path, tail.offset, "torn")
    except OSError as error:
        raise JournalError(
            f"torn tail cannot be cut: {error.filename or tail.path}: {error.strerror or error}"
        ) from error


def cut_after(files: Files, folder: Path, sequence: int) -> list[Path]:
    """Take out every record behind one that is in the journal, to go on from there; returns the files that
    have them now.

    The journal has been read without finding damage up to there. Raises `JournalError`.
    """
    kept = []
    try:
        found = segments(files, folder)
        while found and found[-1].first > sequence + 1:
            kept.append(set_aside(files, found.pop().path, "undone"))
        if found:
            path = found[-1].path
            with files.open(path) as file:
                offset, size = _offset_behind(file, found[-1].identity, sequence), file.size()
            if offset < size:
                kept.append(_cut(files, path, offset, "undone"))
    except OSError as error:
        raise JournalError(
            f"journal cannot be cut: {error.filename or folder}: {error.strerror or error}"
        ) from error
    return kept


def set_aside(files: Files, path: Path, why: str) -> Path:
    """Rename a file, lastingly, so that it is not looked at any more; returns its new path."""
    aside = _free_name(files, path, why)
    files.rename(path, aside)
    files.sync_folder(path.parent)
    return aside


def _cut(files: Files, path: Path, offset: int, why: str) -> Path:
    aside = _free_name(files, path, why)
    with files.open(path, writing=True) as file:
        with whole_file(files, aside) as copy:
            for block in _blocks(file, offset):
                copy.append(block)
        file.truncate(offset)
        file.sync()
    return aside


def _blocks(file: File, offset: int) -> Iterator[bytes]:
    while block := file.read_at(offset, _BLOCK):
        yield block
        offset += len(block)


def _free_name(files: Files, path: Path, why: str) -> Path:
    number = 1
    while files.exists(aside := path.with_name(f"{path.name}.{why}-{number}")):
        number += 1
    return aside


def _offset_behind(file: File, identity: int, sequence: int) -> int:
    """Where the first frame begins that is behind a record and is not a mark of it."""
    offset = HEADER_SIZE
    for frame in read_frames(Window(file, lambda _: None), identity, HEADER_SIZE):
        if frame.record.sequence > sequence:
            break
        offset = frame.end
    return offset
