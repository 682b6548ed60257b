"""Ranges of time as people write them on a command line.

::

    2026-03-01             a day           today  yesterday  this-week  last-week  this-month  last-month
    2026-03-01T09:30       a moment        7d  4w       so many days and weeks, today included
    all                    everything      90m  12h     so long ago

A day begins at midnight in the zone of the report.  As `--since` a period counts from
its beginning, as `--until` it is included; `7d` as `--until` ends where as `--since`
it begins, so that ranges can be put side by side.
"""

import os
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import typer

from wellhead.intervals import day_of, midnight_us
from wellhead.moments import EPOCH, HOUR_US, MINUTE_US

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SPAN = re.compile(r"([0-9]{1,5})([mhdw])")
YEAR_MIN, YEAR_MAX = 1971, 2200
EVERYTHING = "all"
BEGINNING_US = 0
LOCAL = "local"
LOCALTIME = "/etc/localtime"
ZONEINFO = "/zoneinfo/"
ONE_DAY = timedelta(days=1)

Period = tuple[date, date]
"""From a day to a later one, which is not in it."""


def zone(name: str) -> ZoneInfo:
    """A time zone by its name; `local`: that of this machine."""
    wanted = _local() if name == LOCAL else name
    try:
        return ZoneInfo(wanted)
    except (ValueError, OSError, LookupError):
        raise typer.BadParameter(
            "--tz must be the name of a time zone, such as Europe/Berlin, or local"
        ) from None


def _local() -> str:
    named = os.environ.get("TZ", "").lstrip(":")
    if named:
        return named
    _, found, name = os.path.realpath(LOCALTIME).partition(ZONEINFO)
    return name if found else "UTC"


def range_us(since: str | None, until: str | None, days: int, tz: ZoneInfo, now_us: int) -> tuple[int, int]:
    """The range [since, until); without `since` so many days, today included, without `until` to its end."""
    begin = _moment_us(since or f"{days}d", "--since", tz, now_us, end=False)
    end = _moment_us(until or "today", "--until", tz, now_us, end=True)
    if begin >= end:
        raise typer.BadParameter("--since must be before --until")
    return begin, end


def _moment_us(text: str, option: str, tz: ZoneInfo, now_us: int, *, end: bool) -> int:
    text = text.strip().lower()
    today = day_of(now_us, tz)
    midnight = partial(midnight_us, zone=tz)
    if text == "now":
        return now_us
    if text == EVERYTHING and not end:
        return BEGINNING_US
    if found := SPAN.fullmatch(text):
        count, unit = int(found.group(1)), found.group(2)
        if unit in "mh":
            return max(now_us - count * (MINUTE_US if unit == "m" else HOUR_US), BEGINNING_US)
        back = count * (7 if unit == "w" else 1) - 1
        return midnight(today - timedelta(days=min(back, (today - date(YEAR_MIN, 1, 1)).days)))
    if text in PERIODS:
        first, following = PERIODS[text](today)
        return midnight(following if end else first)
    try:
        if DATE.fullmatch(text):
            return midnight(_believable(date.fromisoformat(text)) + (ONE_DAY if end else timedelta()))
        moment = datetime.fromisoformat(text.upper())
        _believable(moment.date())
        aware = moment if moment.tzinfo else moment.replace(tzinfo=tz)
        return (aware - EPOCH) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{option} must be a day such as 2026-03-01, a moment such as 2026-03-01T09:30, "
            f"a span such as 7d or 12h, or one of {', '.join(PERIODS)}{'' if end else ', all'}"
        ) from None


def _believable(day: date) -> date:
    if not YEAR_MIN <= day.year <= YEAR_MAX:
        raise ValueError
    return day


def _day(first: date) -> Period:
    return first, first + ONE_DAY


def _week(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=7)


def _month(day: date) -> Period:
    first = day.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


PERIODS: dict[str, Callable[[date], Period]] = {
    "today": _day,
    "yesterday": lambda today: _day(today - ONE_DAY),
    "this-week": _week,
    "last-week": lambda today: _week(today - timedelta(days=7)),
    "this-month": _month,
    "last-month": lambda today: _month(today.replace(day=1) - ONE_DAY),
}
