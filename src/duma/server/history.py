"""What a data folder's journal says, for people: who sent what, and when.

Nothing is locked or changed, so the folder may belong to a running server: what it is writing at this moment
is then a torn tail, which is no error.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from duma.errors import JournalError
from duma.server.journal_events import CLIENT, FROM, LOAD, read_client, read_from
from duma.store.files import Files
from duma.store.folder import journal_folder, snapshots_folder
from duma.store.journal import REQUEST, Damage, End, JournalReader, Record, TornTail
from duma.store.journal.segment import Segment, segments
from duma.store.snapshots import StoredSnapshot, list_snapshots

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """A record and who caused it: `address:port`, `connection N` if only that is known, or nothing."""

    record: Record
    client: str

    @property
    def name(self) -> str:
        """The request's method, or the event's name."""
        return self.record.name.decode("utf-8", "backslashreplace")

    @property
    def is_request(self) -> bool:
        """Whether it is a request; otherwise it is an event."""
        return self.record.kind == REQUEST


class History:
    """The entries of a journal, by iterating once; `damages`, `tail` and `end` say what was found so far.

    `since` is a record: those before it may be left out where that saves reading. Damage is passed over.
    Iterating raises `JournalError` when files are missing or do not belong together.
    """

    def __init__(self, files: Files, folder: Path, *, since: int = 1) -> None:
        self._reader: JournalReader | None = None
        self._files = files
        self._folder = folder
        self._since = since
        self._addresses: dict[int, str] = {}
        self._client = ""
        self._named = False  # whether the record before says who sends

    def __iter__(self) -> Iterator[Entry]:
        after = self._after()
        if after is None:
            return
        journal = journal_folder(self._folder)
        self._reader = JournalReader(self._files, journal, after=after, skip_damaged=True)
        for record in self._reader:
            yield Entry(record, self._sender(record))

    @property
    def damages(self) -> list[Damage]:
        """The bad places that were passed over."""
        return self._reader.damages if self._reader else []

    @property
    def tail(self) -> TornTail | None:
        """What was not written to the end."""
        return self._reader.tail if self._reader else None

    @property
    def end(self) -> End | None:
        """Where the journal ends; None until reading came to it."""
        return self._reader.end if self._reader else None

    def _after(self) -> int | None:
        """Behind which record reading begins: connections are introduced anew behind each snapshot."""
        kept = list_segments(self._files, self._folder)
        if not kept:
            return None
        oldest = kept[0].first - 1
        snapshots = [stored.sequence for stored in find_snapshots(self._files, self._folder)]
        return max([oldest, *(sequence for sequence in snapshots if oldest < sequence < self._since)])

    def _sender(self, record: Record) -> str:
        named, self._named = self._named, False
        if record.kind == REQUEST or (record.name == LOAD and named):
            return self._client
        if record.name == CLIENT:
            number, address = read_client(record)
            self._addresses[number] = address
            return address
        if record.name == FROM:
            number, self._named = read_from(record), True
            self._client = self._addresses.get(number, f"connection {number}")
            return self._client
        return ""


def list_segments(files: Files, folder: Path) -> list[Segment]:
    """The files of the journal in a data folder, in their order. Raises `JournalError`."""
    return _listed(segments, files, journal_folder(folder))


def find_snapshots(files: Files, folder: Path) -> list[StoredSnapshot]:
    """The snapshots in a data folder, the newest position last. Raises `JournalError`."""
    return _listed(list_snapshots, files, snapshots_folder(folder))


def find_data_folder(path: Path) -> Path:
    """The data folder that a path means: itself, the one its journal is in, or the only one in a datadir.

    Raises `JournalError`.
    """
    try:
        if journal_folder(path).is_dir():
            return path
        if path.name == "journal" and snapshots_folder(path.parent).is_dir():
            return path.parent
        inside = sorted(folder for folder in path.iterdir() if journal_folder(folder).is_dir())
    except OSError as error:
        raise JournalError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(inside) == 1:
        return inside[0]
    if inside:
        names = ", ".join(folder.name for folder in inside)
        raise JournalError(f"{path} holds several data folders, name one of them: {names}")
    raise JournalError(
        f"{path} is no data folder: there is no journal in it (servers make one in their datadir, "
        "<address>_<port>_<type>, when they are started with --journal)"
    )


def _listed(names: Callable[[Files, Path], list[T]], files: Files, folder: Path) -> list[T]:
    try:
        return names(files, folder)
    except OSError as error:
        raise JournalError(f"{folder} cannot be listed: {error.strerror or error}") from error
