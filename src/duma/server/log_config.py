"""log4cxx's XML configuration of the log.

Understood are `root`, `logger` and `category` with a level and references to appenders, and the appenders
ConsoleAppender, FileAppender, RollingFileAppender and DailyRollingFileAppender with PatternLayout or
SimpleLayout. `${NAME}` in a value is the environment variable NAME, or nothing. Anything else is refused
rather than ignored: a log that silently lacks lines is found out too late.
"""

import logging
import logging.handlers
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from duma.errors import DumaError
from duma.server.log_pattern import PatternError, PatternFormatter, date_format
from duma.server.logs import ConsoleHandler, report_failure

_LEVELS = {
    "ALL": 1,
    "TRACE": 5,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": logging.CRITICAL,
    "OFF": logging.CRITICAL + 1,
}


class LogConfigurationError(DumaError):
    """A log configuration that cannot be used."""


class EmptyLogConfiguration(LogConfigurationError):
    """A log configuration without any text."""


@dataclass
class ConfiguredLogger:
    """One `logger` element."""

    level: int = logging.NOTSET
    additive: bool = True
    handlers: list[logging.Handler] = field(default_factory=list)


@dataclass
class LogConfiguration:
    """What a file says: the root's level and handlers, and loggers by name."""

    level: int = logging.DEBUG
    handlers: list[logging.Handler] = field(default_factory=list)
    loggers: dict[str, ConfiguredLogger] = field(default_factory=dict)


def read_log_configuration(path: Path) -> LogConfiguration:
    """Read a file and open its appenders.

    Raises `EmptyLogConfiguration`, `LogConfigurationError`, and `OSError` when the file cannot be read.
    """
    text = path.read_bytes()
    if not text.strip():
        raise EmptyLogConfiguration("invalid log configuration")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two for odd encodings
        raise LogConfigurationError(f"{path}: not XML: {error}") from error
    reader = _Reader()
    try:
        return reader.read(root)
    except (LogConfigurationError, PatternError) as error:
        reader.close()
        raise LogConfigurationError(f"{path}: {error}") from error
    except OSError as error:
        reader.close()
        raise LogConfigurationError(f"{path}: cannot open a log file: {error}") from error


class _Reader:
    """Turns the elements into handlers. An appender is opened when it is first referred to, and shared after
    that."""

    def __init__(self) -> None:
        self._appenders: dict[str, ElementTree.Element] = {}
        self._opened: dict[str, logging.Handler] = {}

    def close(self) -> None:
        """Close what was opened before something turned out to be wrong."""
        for handler in self._opened.values():
            handler.close()

    def read(self, document: ElementTree.Element) -> LogConfiguration:
        if _tag(document) != "configuration":
            raise LogConfigurationError(f"<{_tag(document)}> instead of <log4j:configuration>")
        configuration = LogConfiguration()
        rest = []
        for element in document:
            if _tag(element) == "appender":
                self._appenders[_attribute(element, "name")] = element
            else:
                rest.append(element)
        for element in rest:
            self._read_logger(element, configuration)
        if not configuration.handlers and not any(named.handlers for named in configuration.loggers.values()):
            raise LogConfigurationError("no logger refers to an appender")
        return configuration

    def _read_logger(self, element: ElementTree.Element, configuration: LogConfiguration) -> None:
        if _tag(element) == "root":
            level, configuration.handlers = self._level_and_handlers(element)
            configuration.level = level or configuration.level
        elif _tag(element) in ("logger", "category"):
            level, handlers = self._level_and_handlers(element)
            additive = _substituted(element.get("additivity", "true")).lower() != "false"
            configuration.loggers[_attribute(element, "name")] = ConfiguredLogger(level, additive, handlers)
        else:
            raise LogConfigurationError(f"element <{_tag(element)}> is not supported")

    def _level_and_handlers(self, element: ElementTree.Element) -> tuple[int, list[logging.Handler]]:
        level, handlers = logging.NOTSET, []
        for child in element:
            if _tag(child) in ("level", "priority"):
                level = _level(_attribute(child, "value"))
            elif _tag(child) == "appender-ref":
                handlers.append(self._handler(_attribute(child, "ref")))
            else:
                raise LogConfigurationError(f"<{_tag(child)}> in <{_tag(element)}> is not supported")
        return level, handlers

    def _handler(self, name: str) -> logging.Handler:
        if name not in self._appenders:
            raise LogConfigurationError(f"there is no appender named {name!r}")
        if name not in self._opened:
            self._opened[name] = _open_appender(name, self._appenders[name])
        return self._opened[name]


class _Parameters:
    """The `param` elements of an appender or a layout; `finish` refuses those that nobody took."""

    def __init__(self, element: ElementTree.Element, where: str) -> None:
        parameters = [child for child in element if _tag(child) == "param"]
        self._values = {_attribute(child, "name").lower(): _attribute(child, "value") for child in parameters}
        self._where = where

    def take(self, *names: str, default: str = "") -> str:
        """The value of the first name that is there. Names are not case-sensitive."""
        values = [self._values.pop(name.lower()) for name in names if name.lower() in self._values]
        return values[0] if values else default

    def finish(self) -> None:
        if self._values:
            raise LogConfigurationError(
                f"parameter {next(iter(self._values))!r} of {self._where} is not supported"
            )


def _open_appender(name: str, element: ElementTree.Element) -> logging.Handler:
    kind = _attribute(element, "class").rpartition(".")[2]
    where = f"appender {name!r}"
    if kind not in _APPENDERS or ".rolling." in _attribute(element, "class"):
        raise LogConfigurationError(f"{where}: class {_attribute(element, 'class')} is not supported")
    others = [_tag(child) for child in element if _tag(child) not in ("param", "layout")]
    if others:
        raise LogConfigurationError(f"<{others[0]}> in {where} is not supported")
    formatter = _formatter(element, where)
    parameters = _Parameters(element, where)
    threshold = parameters.take("Threshold")
    # Every line is written at once, so that these say nothing.
    parameters.take("ImmediateFlush")
    parameters.take("BufferedIO")
    parameters.take("BufferSize")
    handler = _APPENDERS[kind](parameters, where)
    try:
        parameters.finish()
        handler.setLevel(_level(threshold) if threshold else logging.NOTSET)
    except LogConfigurationError:
        handler.close()
        raise
    handler.setFormatter(formatter)
    return handler


def _formatter(element: ElementTree.Element, where: str) -> PatternFormatter:
    layouts = [child for child in element if _tag(child) == "layout"]
    if len(layouts) != 1:
        raise LogConfigurationError(f"{where} needs one layout, not {len(layouts)}")
    kind = _attribute(layouts[0], "class").rpartition(".")[2]
    parameters = _Parameters(layouts[0], f"the layout of {where}")
    if kind == "PatternLayout":
        pattern = parameters.take("ConversionPattern", default="%m%n")
    elif kind == "SimpleLayout":
        pattern = "%p - %m%n"
    else:
        raise LogConfigurationError(f"{where}: layout {_attribute(layouts[0], 'class')} is not supported")
    parameters.finish()
    return PatternFormatter(pattern)


def _console(parameters: _Parameters, where: str) -> logging.Handler:
    target = parameters.take("Target", default="System.out")
    streams = {"system.out": "stdout", "system.err": "stderr"}
    if target.lower() not in streams:
        raise LogConfigurationError(f"{where}: Target {target!r} is neither System.out nor System.err")
    return ConsoleHandler(streams[target.lower()])


class _FileErrors(logging.FileHandler):
    """What the file handlers share."""

    terminator = ""

    def handleError(self, record: logging.LogRecord) -> None:
        report_failure(self, record)


class _PlainFile(_FileErrors):
    pass


class _SizeRolledFile(_FileErrors, logging.handlers.RotatingFileHandler):
    def doRollover(self) -> None:
        if self.backupCount:
            super().doRollover()
        else:
            # Python would go on appending; log4cxx begins the file anew.
            if self.stream:
                self.stream.truncate(0)


class _DateRolledFile(_FileErrors):
    """Renames the file by the date of its lines when a line of another date comes."""

    def __init__(self, path: str, mode: str, dated: Callable[[float], str]) -> None:
        super().__init__(path, mode, encoding="utf-8", errors="backslashreplace")
        self._dated = dated
        self._current = dated(Path(path).stat().st_mtime)

    def emit(self, record: logging.LogRecord) -> None:
        suffix = self._dated(record.created)
        if suffix != self._current:
            try:
                self._roll()
            except OSError:
                self.handleError(record)
            self._current = suffix
        super().emit(record)

    def _roll(self) -> None:
        old = self.stream
        Path(self.baseFilename).replace(self.baseFilename + self._current)
        self.stream = self._open()
        if old:
            old.close()


def _file(parameters: _Parameters, where: str) -> logging.Handler:
    path, mode = _file_and_mode(parameters, where)
    return _PlainFile(path, mode, encoding="utf-8", errors="backslashreplace")


def _rolling_file(parameters: _Parameters, where: str) -> logging.Handler:
    path, mode = _file_and_mode(parameters, where)
    size = parameters.take("MaxFileSize", "MaximumFileSize", default="10MB")
    match = re.fullmatch(r"\s*(\d+)\s*([KMG]B)?\s*", size, re.IGNORECASE)
    if not match:
        raise LogConfigurationError(f"{where}: MaxFileSize {size!r} is not a size like 10MB")
    limit = int(match[1]) << {"": 0, "KB": 10, "MB": 20, "GB": 30}[(match[2] or "").upper()]
    kept = parameters.take("MaxBackupIndex", default="1")
    if not kept.isdecimal():
        raise LogConfigurationError(f"{where}: MaxBackupIndex {kept!r} is not a number")
    if mode == "w":
        Path(path).write_bytes(b"")  # RotatingFileHandler itself always appends
    return _SizeRolledFile(path, "a", limit, int(kept), encoding="utf-8", errors="backslashreplace")


def _daily_rolling_file(parameters: _Parameters, where: str) -> logging.Handler:
    path, mode = _file_and_mode(parameters, where)
    return _DateRolledFile(path, mode, date_format(parameters.take("DatePattern", default="'.'yyyy-MM-dd")))


def _file_and_mode(parameters: _Parameters, where: str) -> tuple[str, str]:
    path = parameters.take("File")
    if not path:
        raise LogConfigurationError(f"{where} has no parameter File")
    encoding = parameters.take("Encoding", default="UTF-8")
    if encoding.upper().replace("-", "") != "UTF8":
        raise LogConfigurationError(f"{where}: Encoding {encoding!r} is not supported, only UTF-8")
    return path, "w" if parameters.take("Append", default="true").lower() == "false" else "a"


_APPENDERS: Mapping[str, Callable[[_Parameters, str], logging.Handler]] = {
    "ConsoleAppender": _console,
    "FileAppender": _file,
    "RollingFileAppender": _rolling_file,
    "DailyRollingFileAppender": _daily_rolling_file,
}


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _attribute(element: ElementTree.Element, name: str) -> str:
    value = element.get(name)
    if value is None:
        raise LogConfigurationError(f"<{_tag(element)}> has no attribute {name!r}")
    return _substituted(value)


def _substituted(value: str) -> str:
    return re.sub(r"\$\{([^}]*)\}", lambda match: os.environ.get(match[1], ""), value)


def _level(name: str) -> int:
    if name.upper() not in _LEVELS:
        raise LogConfigurationError(f"{name!r} is not a level (one of {', '.join(_LEVELS)})")
    return _LEVELS[name.upper()]
