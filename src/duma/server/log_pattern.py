"""The patterns that log4cxx describes a line with, as a formatter of Python's logging.

    %d %X{tid} %-5p [%F:%L] %m%n

    %d{format}  time: ISO8601, ABSOLUTE, DATE, or letters of SimpleDateFormat
    %X{key}     tid: the thread's number in the system; others are empty
    %c{n}       logger, its last n parts
    %p level   %m message   %n end of line   %t thread's name   %r milliseconds since the start
    %F file    %L line      %M function      %l all three       %x empty    %% a percent sign

`%-5.10p` pads to 5 characters (`-`: on the right) and keeps the last 10.
"""

import logging
import re
import threading
import time
from collections.abc import Callable

from duma.errors import DumaError

DEFAULT_PATTERN = "%d %X{tid} %-5p [%F:%L] %m%n"

_LEVELS = {"CRITICAL": "FATAL", "WARNING": "WARN"}
_NAMED_DATES = {
    "": "yyyy-MM-dd HH:mm:ss,SSS",
    "ISO8601": "yyyy-MM-dd HH:mm:ss,SSS",
    "ABSOLUTE": "HH:mm:ss,SSS",
    "DATE": "dd MMM yyyy HH:mm:ss,SSS",
}
_CONVERSION = re.compile(
    r"%(?P<left>-?)(?P<least>\d*)(?:\.(?P<most>\d+))?(?P<letter>[A-Za-z%])(?:\{(?P<option>[^}]*)\})?"
)

Field = Callable[[logging.LogRecord], str]


class PatternError(DumaError):
    """A pattern that has no meaning here."""


class PatternFormatter(logging.Formatter):
    """Formats records by a log4cxx pattern; a traceback follows on lines of its own.

    Raises `PatternError` for conversions that do not exist.
    """

    def __init__(self, pattern: str = DEFAULT_PATTERN) -> None:
        super().__init__()
        self._fields = list(_fields(pattern))

    def format(self, record: logging.LogRecord) -> str:
        line = "".join(field(record) for field in self._fields)
        if record.exc_info:
            line = line.rstrip("\n") + "\n" + self.formatException(record.exc_info) + "\n"
        return line


def level_name(record: logging.LogRecord) -> str:
    """The level as Jubatus calls it: FATAL, ERROR, WARN, INFO, DEBUG."""
    return _LEVELS.get(record.levelname, record.levelname)


def date_format(pattern: str) -> Callable[[float], str]:
    """A function that writes a Unix time (seconds) in local time by a SimpleDateFormat pattern.

    Raises `PatternError` for letters that are not supported.
    """
    parts: list[Callable[[time.struct_time, int], str]] = []
    for match in re.finditer(
        r"'(?P<quoted>[^']*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>[^A-Za-z']+)|'", pattern
    ):
        if match["letters"]:
            parts.append(_date_part(match["letters"], pattern))
        else:
            text = match["other"] or match["quoted"] or "'"
            parts.append(lambda _moment, _ms, text=text: text)  # type: ignore[misc]

    def write(seconds: float) -> str:
        moment, milliseconds = time.localtime(seconds), int(seconds * 1000) % 1000
        return "".join(part(moment, milliseconds) for part in parts)

    return write


def _date_part(letters: str, pattern: str) -> Callable[[time.struct_time, int], str]:
    width = len(letters)
    numbers: dict[str, Callable[[time.struct_time, int], int]] = {
        "d": lambda t, _: t.tm_mday,
        "H": lambda t, _: t.tm_hour,
        "h": lambda t, _: t.tm_hour % 12 or 12,
        "m": lambda t, _: t.tm_min,
        "s": lambda t, _: t.tm_sec,
        "S": lambda _, ms: ms,
        "w": lambda t, _: int(time.strftime("%V", t)),
        "D": lambda t, _: t.tm_yday,
    }
    names = {"E": "%a", "a": "%p", "z": "%Z", "Z": "%z"}
    letter = letters[0]
    if letter == "y":
        return lambda t, _: f"{t.tm_year % 100:02}" if width == 2 else f"{t.tm_year:0{width}}"
    if letter == "M":
        return lambda t, _: time.strftime("%b", t) if width > 2 else f"{t.tm_mon:0{width}}"
    if letter in numbers:
        number = numbers[letter]
        return lambda t, ms: f"{number(t, ms):0{width}}"
    if letter in names:
        return lambda t, _: time.strftime(names[letter], t)
    raise PatternError(f"letter {letter!r} of the date pattern {pattern!r} is not supported")


def _fields(pattern: str) -> list[Field]:
    fields: list[Field] = []
    position = 0
    while position < len(pattern):
        percent = pattern.find("%", position)
        end = len(pattern) if percent < 0 else percent
        if end > position:
            fields.append(_literal(pattern[position:end]))
        if percent < 0:
            break
        match = _CONVERSION.match(pattern, percent)
        if not match:
            raise PatternError(
                f"'%' at character {percent + 1} of the pattern {pattern!r} begins no conversion"
            )
        fields.append(_padded(_conversion(match["letter"], match["option"] or "", pattern), match))
        position = match.end()
    return fields


def _literal(text: str) -> Field:
    return lambda _record: text


def _conversion(letter: str, option: str, pattern: str) -> Field:
    if letter == "d":
        written = date_format(_NAMED_DATES.get(option, option))
        return lambda record: written(record.created)
    if letter == "X":
        return (lambda _: str(threading.get_native_id())) if option == "tid" else _literal("")
    if letter == "c":
        parts = int(option) if option.isdecimal() else 0
        return lambda record: ".".join(_logger(record).split(".")[-parts:])
    simple: dict[str, Field] = {
        "p": level_name,
        "m": logging.LogRecord.getMessage,
        "n": lambda _: "\n",
        "F": lambda record: record.filename,
        "L": lambda record: str(record.lineno),
        "M": lambda record: record.funcName,
        "l": lambda record: f"{record.funcName}({record.filename}:{record.lineno})",
        "t": lambda record: record.threadName or "",
        "r": lambda record: str(int(record.relativeCreated)),
        "x": lambda _: "",
        "%": lambda _: "%",
    }
    if letter not in simple:
        raise PatternError(f"conversion '%{letter}' of the pattern {pattern!r} is not supported")
    return simple[letter]


def _logger(record: logging.LogRecord) -> str:
    # Jubatus logs everything as "jubatus"; configurations name it.
    return "jubatus" if record.name.partition(".")[0] == "duma" else record.name


def _padded(field: Field, match: re.Match[str]) -> Field:
    least, most, left = int(match["least"] or 0), match["most"], match["left"]
    if not least and most is None:
        return field

    def padded(record: logging.LogRecord) -> str:
        text = field(record)
        if most is not None and len(text) > int(most):
            text = text[len(text) - int(most) :]
        return text.ljust(least) if left else text.rjust(least)

    return padded
