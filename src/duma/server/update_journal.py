"""The journal as the RPC server's update log: who sent what is recorded before it is applied.

Requests are recorded as they came. Two events say who sent them: `client` introduces a connection (its number
and address) with its first update, `from` names the connection of the requests behind it. Both are written
again after each snapshot, since the journal before it may be removed.
"""

import logging
import time
from collections.abc import Callable

from duma.engines.declaration import Buffer
from duma.engines.wire_types import pack
from duma.errors import JournalError
from duma.rpc.scheduling import Source
from duma.server.journal_events import CLIENT, FROM
from duma.store.journal import EVENT, Committer, JournalWriter

_log = logging.getLogger(__name__)


class UpdateJournal:
    """An `UpdateLog` over a journal.

    `interval` is seconds between syncs, None to sync before every answer. `changes` of the model and bytes of
    requests are counted, on from what recovery replayed. What appends is called in the update order; the rest
    from any thread.
    """

    def __init__(
        self, writer: JournalWriter, interval: float | None, *, changes: int = 0, size: int = 0
    ) -> None:
        self._writer = writer
        self._each_synced = interval is None
        self._changed: Callable[[], None] | None = None
        self._failure: JournalError | None = None
        self._introduced: set[int] = set()
        self._source: int | None = None
        self.time = 0  # of the request recorded last, nanoseconds since 1970
        self.changes = changes  # requests and loads
        self.bytes = size  # of the parameters of requests
        self._committer = Committer(writer, interval=interval, committed=self._committed, failed=self._failed)

    @property
    def durable(self) -> int:
        """The highest position whose update may be answered."""
        return self._writer.durable if self._each_synced else self._writer.written

    @property
    def failure(self) -> JournalError | None:
        """Why nothing can be recorded any more."""
        return self._failure

    @property
    def position(self) -> tuple[int, int]:
        """Sequence number and checksum of the record appended last."""
        return self._writer.position

    @property
    def identity(self) -> int:
        """The journal's identity."""
        return self._writer.identity

    @property
    def unsynced(self) -> int:
        """Records that would be lost if the machine died now."""
        return self._writer.position[0] - self._writer.durable

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have `changed` called when `durable` has risen or `failure` is set."""
        self._changed = changed

    def append(self, method: bytes, params: Buffer, source: Source) -> int:
        """Record a request; returns its position. Raises `JournalError`."""
        now = time.time_ns()
        if source.number != self._source:
            if source.number not in self._introduced:
                self._writer.append(CLIENT, pack([source.number, source.address]), now, EVENT)
                self._introduced.add(source.number)
            self._writer.append(FROM, pack(source.number), now, EVENT)
            self._source = source.number
        position = self._writer.append(method, params, now)
        self.time = now
        self.changes += 1
        self.bytes += len(params)
        return position

    def append_event(self, name: bytes, payload: bytes) -> int:
        """Record what replay could not find out again. Raises `JournalError`."""
        return self._writer.append(name, payload, time.time_ns(), EVENT)

    def append_change(self, name: bytes, payload: bytes) -> int:
        """Record an event that changes the model as a request does. Raises `JournalError`."""
        position = self.append_event(name, payload)
        self.changes += 1
        return position

    def introduce_again(self) -> None:
        """Say anew who sends, from the next request on."""
        self._introduced.clear()
        self._source = None

    def flush(self) -> None:
        """See that what was appended becomes durable; once for many. Raises nothing: see `failure`."""
        try:
            self._committer.flush()
        except JournalError as error:
            self._failed(error)

    def commit(self) -> int:
        """Make everything appended so far lasting, and wait for it. Raises `JournalError`."""
        try:
            return self._writer.commit()
        except JournalError as error:
            self._failed(error)
            raise

    def close(self) -> None:
        """Commit and end. Raises `JournalError`."""
        self._committer.close()

    def _committed(self, _sequence: int) -> None:
        if self._changed is not None:
            self._changed()

    def _failed(self, error: JournalError) -> None:
        if self._failure is None:
            self._failure = error
            _log.critical("%s", error)
            self._committed(0)
