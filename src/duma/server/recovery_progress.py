"""Says how far recovery is: a bar on a terminal, a line in the log now and then."""

import logging
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_log = logging.getLogger(__name__)

_FIRST_LINE = 2.0  # seconds; shorter recoveries say nothing
_BETWEEN_LINES = 10.0


class RecoveryProgress:
    """Called with bytes of the journal that are replayed and bytes in all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next_line = time.monotonic() + _FIRST_LINE
        self._bar: Any = None
        self._task: Any = None
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _BETWEEN_LINES
            _log.info("recovery from %s: %d of %d bytes of the journal replayed", self._folder, done, total)
            if self._terminal and self._bar is None:
                self._start_bar(total)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=total)

    def _start_bar(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("recovering"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("recovering", total=total)
        self._bar.start()
