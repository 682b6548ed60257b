"""Moments and durations: whole microseconds, moments since the epoch (UTC)."""

from datetime import UTC, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(us: int) -> datetime:
    """A moment as a date and time of UTC; exact."""
    return EPOCH + timedelta(microseconds=us)


def to_the_second(us: int) -> str:
    """ISO-8601 with `Z`; what is less than a second is cut off."""
    return at(us).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_the_millisecond(us: int) -> str:
    """The same with three decimals."""
    return at(us).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def to_the_microsecond(us: int) -> str:
    """The same with six decimals: exact."""
    return at(us).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
