"""TERM, INT and HUP, taken by a thread of their own.

All other threads have them blocked, so that a signal is acted on at once, whatever the event loop or a call
is doing, and none can break into half-done work.
"""

import logging
import os
import signal
import threading
from collections.abc import Callable

_log = logging.getLogger(__name__)
_STOP = (signal.SIGTERM, signal.SIGINT)


class SignalThread:
    """Waits for signals from `start` until the process ends.

    TERM and INT end the process with status 1 before `stop` is set, call it the first time after that, and
    end the process at once the second time. HUP calls `reload`.
    """

    def __init__(self, reload: Callable[[], None]) -> None:
        self.stop: Callable[[], object] | None = None
        self._reload = reload
        self._stopping = False

    def start(self) -> None:
        """Block the signals in the calling thread (and those it starts later) and begin to wait for them."""
        signal.pthread_sigmask(signal.SIG_BLOCK, (*_STOP, signal.SIGHUP))
        threading.Thread(target=self._wait, name="signals", daemon=True).start()

    def _wait(self) -> None:
        while True:
            number = signal.sigwait((*_STOP, signal.SIGHUP))
            if number == signal.SIGHUP:
                self._reload_safely()
            else:
                self._end(signal.Signals(number).name)

    def _reload_safely(self) -> None:
        try:
            self._reload()
        except Exception:
            # This thread must live on: without it nobody would hear the signal to end.
            _log.exception("reloading failed")

    def _end(self, name: str) -> None:
        if self.stop is None:
            _log.info("caught signal %s before the server was up: ending", name)
            os._exit(1)
        elif self._stopping:
            _log.warning("caught signal %s again: ending without waiting for running calls", name)
            os._exit(0)
        else:
            _log.info("caught signal %s: finishing running calls", name)
            self._stopping = True
            self.stop()
