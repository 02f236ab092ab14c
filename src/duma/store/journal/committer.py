"""When appended records are written and synced, and who is told.

Two modes. `always`: a thread writes and syncs whatever has been appended, all at once, as often as there is
something; updates are answered when they are synced. While one sync runs, the next updates gather, so that
many share one. `interval`: updates are written at once and answered, and a thread syncs every so often; when
the machine (not only the process) dies, what was answered since the last sync is lost.
"""

import threading
from collections.abc import Callable

from duma.errors import JournalError
from duma.store.journal.writer import JournalWriter


class Committer:
    """Commits a writer's records.

    `interval` is seconds between syncs, or None for `always`. `committed(sequence)` is called in the
    committer's thread whenever more records may be answered, `failed(error)` once if the journal fails;
    nothing is committed after that.
    """

    def __init__(
        self,
        writer: JournalWriter,
        *,
        interval: float | None,
        committed: Callable[[int], None],
        failed: Callable[[JournalError], None],
    ) -> None:
        self._writer = writer
        self._interval = interval
        self._committed = committed
        self._failed = failed
        self._wanted = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(
            target=self._sync_always if interval is None else self._sync_at_intervals,
            name="journal",
            daemon=True,
        )
        self._thread.start()

    def flush(self) -> int:
        """Call after updates were appended, once for as many as possible; returns the last that may be
        answered now.

        For those behind it `committed` will be called. Raises `JournalError` when the journal has failed.
        """
        if self._interval is not None:
            return self._writer.write()
        if not self._wanted.is_set():
            self._wanted.set()
        return self._writer.durable

    def close(self) -> None:
        """Commit what is left, end the thread, close the writer. Raises `JournalError` when that fails."""
        self._closing.set()
        self._wanted.set()
        self._thread.join()
        self._writer.close()

    def _sync_always(self) -> None:
        told = self._writer.durable
        while not self._closing.is_set():
            self._wanted.wait()
            self._wanted.clear()
            try:
                durable = self._writer.commit()
            except JournalError as error:
                self._failed(error)
                return
            if durable > told:
                told = durable
                self._committed(durable)

    def _sync_at_intervals(self) -> None:
        while not self._closing.wait(self._interval):
            try:
                self._writer.sync()
            except JournalError as error:
                self._failed(error)
                return
