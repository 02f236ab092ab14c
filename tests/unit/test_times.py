"""Times as operators write them."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duma.commands.times import format_time, parse_time

SECOND = 1_000_000_000
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
# 1900 to 2200, so that the times of all zones are in it.
MOMENTS = st.integers(-2208988800 * SECOND, 7258118400 * SECOND)


@pytest.fixture(params=["UTC", "Asia/Tokyo", "America/New_York"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """The machine's own time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


@given(MOMENTS)
def test_what_is_shown_is_read_again_and_never_too_early(moment: int) -> None:
    assert moment <= parse_time(format_time(moment)) < moment + 1000


@given(MOMENTS, st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(list(UNITS))), min_size=1))
def test_relative_times(now: int, amounts: list[tuple[int, str]]) -> None:
    text = "-" + "".join(f"{amount}{unit}" for amount, unit in amounts)
    assert parse_time(text, now=now) == now - sum(amount * UNITS[unit] for amount, unit in amounts) * SECOND


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_iso_8601_with_a_zone(moment: datetime, minutes: int) -> None:
    offset = timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    text = f"{moment.isoformat()}{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    since = moment - offset - datetime(1970, 1, 1)
    assert parse_time(text) == since // timedelta(microseconds=1) * 1000


def test_local_times(zone: ZoneInfo) -> None:
    noon = datetime(2026, 1, 31, 12, 0, 0, tzinfo=zone)
    now = int(noon.timestamp()) * SECOND + 5
    midnight = int(noon.replace(hour=0).timestamp()) * SECOND
    assert parse_time("2026-01-31T12:00:00", now=0) == now - 5
    assert parse_time(" 2026-01-31 12:00 ", now=0) == now - 5
    assert parse_time("2026-01-31", now=0) == midnight
    assert parse_time("9:30", now=now) == midnight + (9 * 60 + 30) * 60 * SECOND
    assert parse_time("23:59:59.25", now=now) == midnight + 86399 * SECOND + SECOND // 4
    assert parse_time("now", now=now) == now
    assert parse_time("-1.5h", now=now) == now - 5400 * SECOND
    assert format_time(now - 5) == noon.isoformat(timespec="microseconds")
    assert format_time(now).endswith(noon.strftime("%z")[:3] + ":" + noon.strftime("%z")[3:])


@pytest.mark.parametrize(
    "text", ["", "soon", "10m", "-10", "-10x", "-", "2026-13-01", "25:00", "1:2", "12:60", "-m"]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time: expected 2026-01-31T23:59:59"):
        parse_time(text)
