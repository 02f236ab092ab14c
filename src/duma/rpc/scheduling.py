"""Where and in which order calls run.

Updates run one at a time, in one order for all connections: the order of the journal. A small update runs
where it arrives, on the event loop, if it is nobody's turn; every other one waits for its turn in the update
thread. Analyses need no turn: small ones run on the event loop, large ones in a pool. A call is small if its
arguments are, unless its declaration says that it may be slow.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple, Protocol, TypeVar

from duma.engines.declaration import Buffer

T = TypeVar("T")

logger = logging.getLogger("duma.rpc")


class Source(NamedTuple):
    """Who sent a request: the connection's number, which no other of this process has, and its address."""

    number: int
    address: str


class UpdateLog(Protocol):
    """Where updates are recorded before they are applied, so that they survive. Positions rise from 1."""

    @property
    def durable(self) -> int:
        """The highest position that is safe; the answers up to it may be sent."""

    @property
    def failure(self) -> Exception | None:
        """Why nothing becomes durable any more; None while all is well."""

    def append(self, method: bytes, params: Buffer, source: Source) -> int:
        """Record an update that is about to be applied, in the update order; returns its position. Quick.

        Raises when it cannot be recorded; the update is not applied then.
        """

    def flush(self) -> None:
        """See that what was appended becomes durable: called once for many updates. Raises nothing."""

    def subscribe(self, changed: Callable[[], None]) -> None:
        """Have `changed` called, from any thread, whenever `durable` has risen or `failure` is set."""


class UpdateOrder:
    """Gives the turn to one update after the other."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._changed = threading.Condition(self._mutex)
        self._waiting: deque[Callable[[], None]] = deque()
        self._owner: int | None = None  # the thread whose turn it is
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="updates", daemon=True)
        self._started = False

    def try_begin(self) -> bool:
        """Take the turn if it is free and nobody waits; `end` gives it back."""
        with self._mutex:
            if self._owner is not None or self._waiting:
                return False
            self._owner = threading.get_ident()
            return True

    def end(self) -> None:
        """Give the turn to the next."""
        with self._mutex:
            self._owner = None
            if self._waiting:
                self._changed.notify()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job`, which must not raise, in the update thread when its turn comes."""
        with self._mutex:
            if self._stopping:
                raise RuntimeError("the server has stopped")
            if not self._started:
                self._started = True
                self._thread.start()
            self._waiting.append(job)
            self._changed.notify()

    def run(self, function: Callable[[], T]) -> T:
        """Run `function` when its turn comes and wait for it; returns or raises what it does.

        An update may call this within its own turn. On the event loop it would stop all connections.
        """
        if self._owner == threading.get_ident():
            return function()
        outcome: Future[T] = Future()

        def job() -> None:
            try:
                outcome.set_result(function())
            except BaseException as error:  # handed to the caller, whatever it is
                outcome.set_exception(error)

        self.submit(job)
        return outcome.result()

    def stop(self) -> None:
        """Wait until every update that was submitted has run; none can be submitted from now on."""
        with self._mutex:
            self._stopping = True
            self._changed.notify()
        if self._started:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._mutex:
                while self._owner is not None or not self._waiting:
                    if self._stopping and not self._waiting:
                        return
                    self._changed.wait()
                job = self._waiting.popleft()
                self._owner = threading.get_ident()
            try:
                job()
            except Exception:
                logger.exception("an update ended unexpectedly")
            finally:
                self.end()
