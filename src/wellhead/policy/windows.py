"""When a limit's window begins and ends.

A window is kept as *buckets*, named by the moment they begin (microseconds, UTC)::

    calendar   one bucket: the minute, hour, day, week, month of the limit's zone, changes of clock included
    sliding    60 buckets and the present one; each counts until all of it is a whole window ago, so that
               no window, wherever it begins, holds more than the amount
    total      one bucket, 0, that never ends; calls at one time have the same

Nothing is ever reset: a window is the sum over the buckets that count at a moment.
A sliding day is 24 hours and a sliding month 30 days.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from wellhead.limit import Limit, Window
from wellhead.moments import DAY_US, EPOCH, HOUR_US, MINUTE_US

LENGTH_US = {
    Window.MINUTE: MINUTE_US,
    Window.HOUR: HOUR_US,
    Window.DAY: DAY_US,
    Window.WEEK: 7 * DAY_US,
    Window.MONTH: 30 * DAY_US,
}
"""Of sliding windows; what a calendar's is said to be (its own length varies)."""
BUCKETS = 60
"""In the length of a sliding window."""
FOR_GOOD = 0
"""The one bucket of a window that never ends."""
SPANS_REMEMBERED = 4096


def bucket_of(limit: Limit, at_us: int) -> int:
    """In which bucket a call counts that is admitted at this moment."""
    if limit.window is Window.TOTAL:
        return FOR_GOOD
    if limit.sliding:
        size_us = LENGTH_US[limit.window] // BUCKETS
        return at_us // size_us * size_us
    return _span(limit.window, limit.zone, at_us)[0]


def since(limit: Limit, now_us: int) -> int:
    """The first bucket that counts at this moment."""
    if limit.window is Window.TOTAL:
        return FOR_GOOD
    if limit.sliding:
        # The bucket that began one window before the present one began has not wholly left yet.
        return bucket_of(limit, now_us) - LENGTH_US[limit.window]
    return bucket_of(limit, now_us)


def frees_us(limit: Limit, bucket: int) -> int | None:
    """When a bucket no longer counts; `None`: never."""
    if limit.window is Window.TOTAL:
        return None
    if limit.sliding:
        return bucket + LENGTH_US[limit.window] + LENGTH_US[limit.window] // BUCKETS
    return _span(limit.window, limit.zone, bucket)[1]


def kept_since(limit: Limit, now_us: int) -> int:
    """The first bucket that is kept: a whole window more than counts.

    A process whose clock is behind still counts in buckets that are over for the one that clears away.
    """
    return since(limit, now_us - LENGTH_US.get(limit.window, 0))


def _span(window: Window, zone: str, at_us: int) -> tuple[int, int]:
    """The calendar's window around a moment: from, inclusive, and to, exclusive."""
    # Every window ends at a full minute, so all moments of a minute share the answer.
    return _span_of_minute(window, zone, at_us // MINUTE_US)


@lru_cache(SPANS_REMEMBERED)
def _span_of_minute(window: Window, zone: str, minute: int) -> tuple[int, int]:
    start_us = minute * MINUTE_US
    if window is Window.MINUTE:
        return start_us, start_us + MINUTE_US
    if window is Window.HOUR:
        # By elapsed time since the day began, so that an hour that the clock shows twice is two windows.
        # Where the clock changes by half an hour, the last window of that day is a short one.
        day_us, next_day_us = _span_of_minute(Window.DAY, zone, minute)
        start_us -= (start_us - day_us) % HOUR_US
        return start_us, min(start_us + HOUR_US, next_day_us)
    tz = ZoneInfo(zone)
    at = (EPOCH + timedelta(minutes=minute)).astimezone(tz)
    first = at.replace(hour=0, minute=0, tzinfo=None, fold=0)
    if window is Window.WEEK:
        first -= timedelta(days=first.weekday())
    elif window is Window.MONTH:
        first = first.replace(day=1)
    following = _following(window, first)
    until_us = _midnight_us(following, tz)
    if until_us <= start_us:
        # Put back across midnight, the clock shows a day again that is over.
        return until_us, _midnight_us(_following(window, following), tz)
    return _midnight_us(first, tz), until_us


def _following(window: Window, first: datetime) -> datetime:
    """The first day of the next window."""
    if window is Window.DAY:
        return first + timedelta(days=1)
    if window is Window.WEEK:
        return first + timedelta(days=7)
    return (first + timedelta(days=32)).replace(day=1)


def _midnight_us(day: datetime, tz: ZoneInfo) -> int:
    """The first moment of a day; where the clock skips midnight, or all of the day, that of the jump."""
    moment = day.replace(tzinfo=tz, fold=0).astimezone(UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)
