"""The server's log.

Without a configuration file every line goes to standard output, from level INFO, in the form that Jubatus
has:

    2019-01-28 12:00:00,057 1234 INFO  [server.py:226] start listening at port 9199

With one, `log_config` decides. Modules log by `logging.getLogger(__name__)`; FATAL is `critical`.
"""

import io
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from duma.server.log_pattern import PatternFormatter

if TYPE_CHECKING:
    from duma.server.log_config import LogConfiguration


class ConsoleHandler(logging.StreamHandler):  # type: ignore[type-arg]
    """Writes to standard output or error as they are now, so that they can be redirected later."""

    def __init__(self, stream: str = "stdout") -> None:
        logging.Handler.__init__(self)
        self.terminator = ""  # the pattern ends the line
        self._stream = stream

    @property
    def stream(self) -> object:
        return getattr(sys, self._stream)

    def handleError(self, record: logging.LogRecord) -> None:
        report_failure(self, record)


def report_failure(handler: logging.Handler, record: logging.LogRecord) -> None:
    """Tell standard error once per handler that its lines are lost; a server does not stop for its log."""
    if getattr(handler, "failed", False):
        return
    handler.failed = True  # type: ignore[attr-defined]
    try:
        print(f"cannot write to the log: {sys.exc_info()[1]}; lost: {record.getMessage()}", file=sys.stderr)
    except OSError:
        return  # standard error is closed as well: there is nobody left to tell


def use_default_log() -> None:
    """Everything from INFO to standard output."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A configuration that is logged may hold anything.
        sys.stdout.reconfigure(errors="backslashreplace")
    handler = ConsoleHandler()
    handler.setFormatter(PatternFormatter())
    install([handler], logging.INFO)


def use_log_configuration(configuration: "LogConfiguration") -> None:
    """Replace the running log by a configured one."""
    install(configuration.handlers, configuration.level)
    for name, logger in configuration.loggers.items():
        target = logging.getLogger("duma" if name == "jubatus" else name)
        target.setLevel(logger.level)
        target.propagate = logger.additive
        _replace_handlers(target, logger.handlers)


def reaches_console() -> bool:
    """Whether somebody who looks at the standard streams sees the log."""
    loggers = (logging.getLogger(), logging.getLogger("duma"))
    return any(isinstance(handler, ConsoleHandler) for logger in loggers for handler in logger.handlers)


def install(handlers: Sequence[logging.Handler], level: int) -> None:
    """Make `handlers` the only ones of the process."""
    root = logging.getLogger()
    root.setLevel(level)
    _replace_handlers(root, handlers)
    duma = logging.getLogger("duma")
    duma.setLevel(logging.NOTSET)
    duma.propagate = True
    _replace_handlers(duma, [])


def _replace_handlers(logger: logging.Logger, handlers: Sequence[logging.Handler]) -> None:
    old = logger.handlers[:]
    for handler in handlers:
        logger.addHandler(handler)
    for handler in old:
        logger.removeHandler(handler)
        handler.close()
