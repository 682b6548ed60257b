"""Hours, days, weeks and months as the clocks of a time zone have them, and a range cut into pieces.

::

    since ──┐           midnights in the zone            ┌── until
            ▼        ▼           ▼          ▼            ▼
            [        |           |          |            )

A day may be 23 or 25 hours long.  The pieces of a range always add up to it.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from wellhead.moments import DAY_US, EPOCH, HOUR_US, MINUTE_US

ONE_US = timedelta(microseconds=1)


class Interval(StrEnum):
    """What a range is cut into."""

    MINUTE = "minute"
    FIVE_MINUTES = "5min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    """From Monday."""
    MONTH = "month"


WIDTHS_US = {Interval.MINUTE: MINUTE_US, Interval.FIVE_MINUTES: 5 * MINUTE_US}
"""Of those that begin everywhere at the same moments."""
BY_MINUTES = frozenset({Interval.MINUTE, Interval.FIVE_MINUTES})
"""No rollup knows these."""


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """When a day begins; where the clocks skip midnight, when they do."""
    return (datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC) - EPOCH) // ONE_US


def day_of(at_us: int, zone: ZoneInfo) -> date:
    """The day that a moment is on."""
    return (EPOCH + at_us * ONE_US).astimezone(zone).date()


def edges_us(since_us: int, until_us: int, interval: Interval | None, zone: ZoneInfo) -> tuple[int, ...]:
    """The bounds of the pieces of a range, its own ends included; without an interval it is one piece."""
    if interval is None:
        return since_us, until_us
    width = WIDTHS_US.get(interval)
    if width is not None:
        inner = list(range(since_us - since_us % width + width, until_us, width))
    elif interval is Interval.HOUR:
        inner = list(_hours(since_us, until_us, zone))
    else:
        first = day_of(since_us, zone)
        some = (first + timedelta(days=n) for n in range((until_us - since_us) // DAY_US + 3))
        inner = [midnight_us(day, zone) for day in some if _begins(interval, day)]
    return tuple(sorted({since_us, until_us, *(one for one in inner if since_us < one < until_us)}))


def _hours(since_us: int, until_us: int, zone: ZoneInfo) -> Iterator[int]:
    """When the hours after a moment begin: in India, at half past those of UTC."""
    at_us = since_us
    while at_us < until_us:
        offset = (EPOCH + at_us * ONE_US).astimezone(zone).utcoffset() or timedelta()
        at_us += HOUR_US - (at_us + offset // ONE_US) % HOUR_US
        yield at_us


def _begins(interval: Interval, day: date) -> bool:
    if interval is Interval.WEEK:
        return day.weekday() == 0
    return interval is Interval.DAY or day.day == 1
