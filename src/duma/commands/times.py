"""Times and positions as operators write and read them.

    2026-01-31T23:59:59       local time; a zone may follow (Z, +01:00); the time of day may be left out
    23:59, 23:59:59.25        today
    -10m, -1h30m              ago; s, m, h, d and w
    now
    53210                     a record of the journal, where a position is asked for

A time is Unix time in nanoseconds.
"""

import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import click

_SECOND = 1_000_000_000
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"-((?:\d+(?:\.\d+)?[smhdw])+)")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_TIME_OF_DAY = re.compile(r"\d{1,2}:\d\d(:\d\d([.,]\d+)?)?")
_EXPECTED = (
    "expected 2026-01-31T23:59:59 (with a zone or in local time), 23:59:59 of today, or -10m (s, m, h, d, w)"
)


def parse_time(text: str, *, now: int | None = None) -> int:
    """The time that a text means. Raises `ValueError`, which says what would be one."""
    now = time.time_ns() if now is None else now
    text = text.strip()
    if text == "now":
        return now
    if ago := _AGO.fullmatch(text):
        seconds = sum(Decimal(amount) * _UNITS[unit] for amount, unit in _AMOUNT.findall(ago[1]))
        return now - int(seconds * _SECOND)
    if _TIME_OF_DAY.fullmatch(text):
        today = datetime.fromtimestamp(now // _SECOND).astimezone().date()
        text = f"{today}T{text.rjust(len(text) + (text[1] == ':'), '0')}"
    try:
        moment = datetime.fromisoformat(text).astimezone()  # one without a zone is local
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{text!r} is not a time: {_EXPECTED}") from error
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def format_time(nanoseconds: int) -> str:
    """Local time with its zone.

    The microseconds are rounded up, so that what happened at a time is not later than the time that is shown.
    """
    seconds, microseconds = divmod(-(-nanoseconds // 1000), 1_000_000)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)
    return moment.astimezone().isoformat(timespec="microseconds")


class Time(click.ParamType):  # type: ignore[type-arg]
    """A time, in nanoseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, int):
            return value
        try:
            return parse_time(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


class Position(click.ParamType):  # type: ignore[type-arg]
    """A record's number or a time: `("sequence", n)` or `("time", nanoseconds)`."""

    name = "seq|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        if value.isascii() and value.isdigit():
            return ("sequence", int(value))
        try:
            return ("time", parse_time(value))
        except ValueError as error:
            return self.fail(f"{error}, or the number of a record", param, ctx)
