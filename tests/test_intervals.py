"""Ranges cut by the clocks of time zones."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.intervals import BY_MINUTES, WIDTHS_US, Interval, day_of, edges_us, midnight_us
from wellhead.moments import DAY_US, EPOCH, HOUR_US

ZONES = (
    *("UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe"),
    *("America/Havana", "Pacific/Apia"),
)


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("zone", "day", "begins", "hours"),
    [
        ("UTC", date(2026, 3, 8), "2026-03-08T00:00Z", 24),
        ("America/New_York", date(2026, 3, 8), "2026-03-08T05:00Z", 23),
        ("America/New_York", date(2026, 11, 1), "2026-11-01T04:00Z", 25),
        ("Asia/Kolkata", date(2026, 3, 8), "2026-03-07T18:30Z", 24),
        ("Africa/Cairo", date(2026, 4, 24), "2026-04-23T22:00Z", 23),  # midnight itself is skipped
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00Z", 25),  # it is twice midnight
        ("Australia/Lord_Howe", date(2026, 10, 4), "2026-10-03T13:30Z", 23.5),
    ],
)
def test_a_day_begins_and_is_as_long_as_the_clocks_say(
    zone: str, day: date, begins: str, hours: float
) -> None:
    tz = ZoneInfo(zone)
    assert midnight_us(day, tz) == us(begins)
    assert midnight_us(day + timedelta(days=1), tz) - midnight_us(day, tz) == hours * HOUR_US
    assert day_of(midnight_us(day, tz), tz) == day
    assert day_of(midnight_us(day, tz) - 1, tz) == day - timedelta(days=1)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    tz = ZoneInfo("Europe/Berlin")
    weeks = edges_us(us("2026-03-20T12:00Z"), us("2026-04-08T12:00Z"), Interval.WEEK, tz)
    assert [datetime.fromtimestamp(one / 1e6, UTC).isoformat()[:16] for one in weeks] == [
        "2026-03-20T12:00",
        "2026-03-22T23:00",
        "2026-03-29T22:00",
        "2026-04-05T22:00",
        "2026-04-08T12:00",
    ]
    months = edges_us(us("2026-03-20T12:00Z"), us("2026-04-08T12:00Z"), Interval.MONTH, tz)
    assert months[1:-1] == (us("2026-03-31T22:00Z"),)


@pytest.mark.parametrize(
    ("zone", "inner"),
    [
        ("UTC", ["10:00", "11:00"]),
        ("Asia/Kolkata", ["09:30", "10:30", "11:30"]),
        ("Asia/Kathmandu", ["09:15", "10:15", "11:15"]),
    ],
)
def test_hours_begin_when_they_do_on_the_clocks(zone: str, inner: list[str]) -> None:
    edges = edges_us(us("2026-03-20T09:01Z"), us("2026-03-20T11:59Z"), Interval.HOUR, ZoneInfo(zone))
    assert edges[1:-1] == tuple(us(f"2026-03-20T{one}Z") for one in inner)


def test_an_hour_may_be_half_as_long_when_the_clocks_are_set() -> None:
    zone = ZoneInfo("Australia/Lord_Howe")
    edges = edges_us(us("2026-04-04T13:00Z"), us("2026-04-04T17:00Z"), Interval.HOUR, zone)
    assert edges[1:-1] == tuple(us(f"2026-04-04T{one}Z") for one in ("14:00", "15:00", "15:30", "16:30"))


@given(
    since_us=st.integers(0, 60 * 365 * DAY_US),
    size_us=st.integers(1, 400 * DAY_US),
    interval=st.sampled_from([None, *Interval]),
    zone=st.sampled_from(ZONES),
)
def test_the_pieces_of_a_range_are_the_range(
    since_us: int, size_us: int, interval: Interval | None, zone: str
) -> None:
    tz = ZoneInfo(zone)
    if interval in BY_MINUTES:
        size_us = 1 + size_us % DAY_US
    edges = edges_us(since_us, since_us + size_us, interval, tz)
    if interval in WIDTHS_US:
        assert all(one % WIDTHS_US[interval] == 0 for one in edges[1:-1])
        assert all(other - one <= WIDTHS_US[interval] for one, other in pairwise(edges))
    assert (edges[0], edges[-1]) == (since_us, since_us + size_us)
    assert all(one < other for one, other in pairwise(edges))
    if interval is Interval.DAY:
        for one, other in pairwise(edges):
            assert day_of(one, tz) == day_of(other - 1, tz)
