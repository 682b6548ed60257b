"""Windows part time: nothing between two of them, nothing in both, and nothing ever to reset."""

from bisect import bisect_right
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.access import a_limit
from wellhead.limit import Limit, Measure, Window
from wellhead.policy.windows import BUCKETS, FOR_GOOD, LENGTH_US, bucket_of, frees_us, kept_since, since

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",  # skipped midnight, last in 2018
    "America/Havana",  # shows midnight twice
    "America/St_Johns",  # was put back at 00:01, into the day before
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Apia",  # had no 30 December 2011
    "Australia/Lord_Howe",  # changes by half an hour
)
DAYS = (Window.DAY, Window.WEEK, Window.MONTH)
CALENDAR = (Window.MINUTE, Window.HOUR, *DAYS)
LONGEST = {Window.DAY: 26 * HOUR, Window.WEEK: 7 * DAY + 3 * HOUR, Window.MONTH: 31 * DAY + 3 * HOUR}


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


SINCE, UNTIL = us("1990-01-01T00:00:00Z"), us("2100-01-01T00:00:00Z")
CHANGES = tuple(
    us(text)
    for text in (
        "2018-11-04T03:00:00Z",  # Sao Paulo
        "2024-11-03T05:00:00Z",  # Havana
        "2006-10-29T02:31:00Z",  # St John's
        "2011-12-30T10:00:00Z",  # Apia
        "2024-10-05T15:30:00Z",  # Lord Howe, forward
        "2024-04-06T15:00:00Z",  # and back
        "2024-03-31T01:00:00Z",  # Berlin
        "2024-10-27T01:00:00Z",
    )
)
anywhere = st.integers(SINCE, UNTIL)
near_a_change = st.builds(lambda at, off: at + off, st.sampled_from(CHANGES), st.integers(-2 * DAY, 2 * DAY))
moments = anywhere | near_a_change
zones = st.sampled_from(ZONES)
calendar = st.builds(lambda window, zone: a_limit(window=window, zone=zone), st.sampled_from(CALENDAR), zones)
sliding = st.builds(lambda window: a_limit(window=window, sliding=True), st.sampled_from(CALENDAR))
total = st.just(a_limit(window=Window.TOTAL)) | st.just(a_limit(Measure.CONCURRENT_CALLS, 5, Window.TOTAL))


def ends(limit: Limit, bucket: int) -> int:
    until = frees_us(limit, bucket)
    assert until is not None
    return until


def local(limit: Limit, at_us: int) -> datetime:
    """What the clock of the limit's zone shows."""
    seconds, rest = divmod(at_us, SECOND)
    return datetime.fromtimestamp(seconds, ZoneInfo(limit.zone)).replace(microsecond=rest)


# Windows of the calendar.


@settings(max_examples=500)
@given(calendar, moments)
def test_every_moment_is_in_the_one_window_that_all_of_it_agree_on(limit: Limit, at_us: int) -> None:
    start = bucket_of(limit, at_us)
    until = ends(limit, start)
    assert start <= at_us < until
    for inside in (start, (start + until) // 2, until - 1):
        assert (bucket_of(limit, inside), since(limit, inside)) == (start, start)


@settings(max_examples=500)
@given(calendar, moments)
def test_each_window_begins_where_the_one_before_ends(limit: Limit, at_us: int) -> None:
    start = bucket_of(limit, at_us)
    until = ends(limit, start)
    assert bucket_of(limit, until) == until
    assert ends(limit, bucket_of(limit, start - 1)) == start


@settings(max_examples=500)
@given(st.sampled_from(DAYS), zones, moments)
def test_days_weeks_and_months_begin_with_a_day_of_the_zone(window: Window, zone: str, at_us: int) -> None:
    limit = a_limit(window=window, zone=zone)
    start = bucket_of(limit, at_us)
    before, first = local(limit, start - 1), local(limit, start)
    # It shows midnight, or the moment to which the clock jumped over midnight.
    assert before.date() < first.date()
    assert (first.hour, first.minute) == (0, 0) or before.utcoffset() != first.utcoffset()
    if window is Window.WEEK:
        assert first.weekday() == 0 or before.date() < first.date() - timedelta(days=1)
    if window is Window.MONTH:
        assert first.day == 1
    assert ends(limit, start) - start <= LONGEST[window]


@settings(max_examples=300)
@given(zones, moments)
def test_a_day_of_hours_is_a_day(zone: str, at_us: int) -> None:
    day, hour = a_limit(window=Window.DAY, zone=zone), a_limit(window=Window.HOUR, zone=zone)
    start = bucket_of(day, at_us)
    until = ends(day, start)
    hours = [start]
    while hours[-1] < until:
        hours.append(ends(hour, bucket_of(hour, hours[-1])))
    assert hours[-1] == until
    assert all(0 < later - earlier <= HOUR for earlier, later in pairwise(hours))


@pytest.mark.parametrize(
    ("zone", "at", "start", "until"),
    [
        ("UTC", "2024-02-29T23:59:59Z", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ("Europe/Berlin", "2024-03-31T12:00:00Z", "2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z"),
        ("Europe/Berlin", "2024-10-27T12:00:00Z", "2024-10-26T22:00:00Z", "2024-10-27T23:00:00Z"),
        ("America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
        ("America/Havana", "2024-11-03T05:30:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z"),
        ("Asia/Kolkata", "2024-05-05T00:00:00Z", "2024-05-04T18:30:00Z", "2024-05-05T18:30:00Z"),
        ("Asia/Kathmandu", "2024-05-05T00:00:00Z", "2024-05-04T18:15:00Z", "2024-05-05T18:15:00Z"),
        ("Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"),
        ("Pacific/Apia", "2011-12-30T11:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"),
        # 00:01 of the 29th became 23:01 of the 28th, which was over.
        ("America/St_Johns", "2006-10-29T02:45:00Z", "2006-10-29T02:30:00Z", "2006-10-30T03:30:00Z"),
    ],
)
def test_a_day_is_as_long_as_its_clock_makes_it(zone: str, at: str, start: str, until: str) -> None:
    limit = a_limit(window=Window.DAY, zone=zone)
    assert bucket_of(limit, us(at)) == us(start)
    assert ends(limit, us(start)) == us(until)


@pytest.mark.parametrize(
    ("zone", "at", "start", "until"),
    [
        # The clock shows 02:00 to 03:00 twice.
        ("Europe/Berlin", "2024-10-27T00:30:00Z", "2024-10-27T00:00:00Z", "2024-10-27T01:00:00Z"),
        ("Europe/Berlin", "2024-10-27T01:30:00Z", "2024-10-27T01:00:00Z", "2024-10-27T02:00:00Z"),
        ("Asia/Kolkata", "2024-05-05T00:00:00Z", "2024-05-04T23:30:00Z", "2024-05-05T00:30:00Z"),
        # Half an hour less in the day, at its end.
        ("Australia/Lord_Howe", "2024-10-06T12:45:00Z", "2024-10-06T12:30:00Z", "2024-10-06T13:00:00Z"),
        ("Australia/Lord_Howe", "2024-10-06T13:00:00Z", "2024-10-06T13:00:00Z", "2024-10-06T14:00:00Z"),
    ],
)
def test_an_hour_is_one_that_passed(zone: str, at: str, start: str, until: str) -> None:
    limit = a_limit(window=Window.HOUR, zone=zone)
    assert bucket_of(limit, us(at)) == us(start)
    assert ends(limit, us(start)) == us(until)


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    week, month = a_limit(window=Window.WEEK), a_limit(window=Window.MONTH)
    sunday = us("2024-03-03T23:59:59Z")
    assert (bucket_of(week, sunday), frees_us(week, bucket_of(week, sunday))) == (
        us("2024-02-26T00:00:00Z"),
        us("2024-03-04T00:00:00Z"),
    )
    leap_day = us("2024-02-29T12:00:00Z")
    assert (bucket_of(month, leap_day), frees_us(month, bucket_of(month, leap_day))) == (
        us("2024-02-01T00:00:00Z"),
        us("2024-03-01T00:00:00Z"),
    )
    assert frees_us(month, us("2024-12-01T00:00:00Z")) == us("2025-01-01T00:00:00Z")


@settings(max_examples=300)
@given(calendar, st.lists(moments, min_size=1, max_size=40))
def test_the_total_over_any_windows_is_the_total(limit: Limit, calls: list[int]) -> None:
    """Every call counts in one window, and the windows that hold calls do not touch each other's."""
    counted: dict[int, int] = {}
    for at_us in calls:
        bucket = bucket_of(limit, at_us)
        counted[bucket] = counted.get(bucket, 0) + 1
    assert sum(counted.values()) == len(calls)
    for bucket, count in counted.items():
        assert count == sum(bucket <= at_us < ends(limit, bucket) for at_us in calls)


@pytest.mark.parametrize("zone", ZONES)
def test_every_day_of_years_with_changes_follows_the_one_before(zone: str) -> None:
    day = a_limit(window=Window.DAY, zone=zone)
    for since_, until in (
        ("2006-01-01", "2007-01-01"),
        ("2011-10-01", "2012-02-01"),
        ("2018-01-01", "2019-01-01"),
    ):
        at = bucket_of(day, us(since_ + "T00:00:00Z"))
        dates = []
        while at < us(until + "T00:00:00Z"):
            dates.append(local(day, at).date())
            assert bucket_of(day, at) == at
            at = ends(day, at)
        assert dates == sorted(set(dates))


def test_every_zone_that_this_machine_knows_has_windows() -> None:
    moment = us("2025-03-01T12:00:00Z")
    for zone in sorted(available_timezones()):
        for window in CALENDAR:
            limit = a_limit(window=window, zone=zone)
            assert bucket_of(limit, moment) <= moment < ends(limit, bucket_of(limit, moment))


# Sliding windows.


@settings(max_examples=300)
@given(sliding, st.integers(SINCE, UNTIL), st.data())
def test_no_stretch_as_long_as_the_window_ever_has_more_than_the_amount(
    limit: Limit, start: int, data: st.DataObject
) -> None:
    """Calls come as they like and are admitted as long as the buckets that count leave room."""
    length, amount = LENGTH_US[limit.window], data.draw(st.integers(1, 5))
    gaps = st.integers(0, length // 3) | st.integers(0, length // BUCKETS) | st.just(0)
    now, admitted = start, list[int]()
    for gap in data.draw(st.lists(gaps, max_size=60)):
        now += gap
        counting = [at for at in admitted if bucket_of(limit, at) >= since(limit, now)]
        if len(counting) < amount:
            admitted.append(now)
    for at in admitted:
        assert bisect_right(admitted, at) - bisect_right(admitted, at - length) <= amount


@settings(max_examples=300)
@given(sliding, moments)
def test_what_a_sliding_window_counts_is_gone_after_the_window_and_one_bucket(
    limit: Limit, at_us: int
) -> None:
    length = LENGTH_US[limit.window]
    bucket, size = bucket_of(limit, at_us), length // BUCKETS
    assert bucket <= at_us < bucket + size
    assert bucket >= since(limit, at_us + length - 1)
    assert bucket < since(limit, at_us + length + size)
    assert at_us + length < ends(limit, bucket) <= at_us + length + size


def test_a_sliding_day_is_24_hours_in_whatever_zone() -> None:
    in_berlin, in_utc = (
        a_limit(window=Window.DAY, sliding=True, zone=zone) for zone in ("Europe/Berlin", "UTC")
    )
    at_us = us("2024-03-31T12:34:56Z")
    assert bucket_of(in_berlin, at_us) == bucket_of(in_utc, at_us)
    assert since(in_berlin, at_us) == bucket_of(in_utc, at_us) - 24 * HOUR


# All of them.


@settings(max_examples=500)
@given(calendar | sliding | total, moments, moments | st.integers(0, 2 * DAY))
def test_a_bucket_counts_just_as_long_as_it_is_not_free(limit: Limit, at_us: int, later: int) -> None:
    bucket = bucket_of(limit, at_us)
    now_us = later if later >= at_us else at_us + later % (3 * LENGTH_US.get(limit.window, DAY))
    until = frees_us(limit, bucket)
    assert (bucket >= since(limit, now_us)) is (until is None or until > now_us)


def test_what_counts_for_good_counts_in_one_bucket_that_never_frees() -> None:
    for limit in (a_limit(window=Window.TOTAL), a_limit(Measure.CONCURRENT_CALLS, 5, Window.TOTAL)):
        assert {bucket_of(limit, at) for at in (SINCE, UNTIL)} == {FOR_GOOD}
        assert since(limit, UNTIL) == FOR_GOOD
        assert frees_us(limit, FOR_GOOD) is None


# What is kept.


@given(calendar | sliding, moments, st.integers(0, MINUTE))
def test_what_counts_for_a_clock_that_is_behind_is_kept(limit: Limit, at_us: int, behind_us: int) -> None:
    assert kept_since(limit, at_us) <= since(limit, at_us - behind_us)


@given(total, moments)
def test_what_counts_for_good_is_kept_for_good(limit: Limit, at_us: int) -> None:
    assert kept_since(limit, at_us) == FOR_GOOD
