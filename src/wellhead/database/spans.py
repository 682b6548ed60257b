"""What slots of time are made of: whole days, whole hours, and what is left.

::

    slot      |·······························|          UTC        00        00        00
    days          |██████████████████|                             |█████████|█████████|
    hours     |▓▓▓|                  |▓▓▓▓▓▓▓|           New York     |        ·         |
    rest      ▒                              ▒                     |░░|      ·         |▓▓|  ░ taken away

A day of another time zone is a whole day and a few hours more, less a few others.

Where a closed day has sheets, any part of it is the difference of a few::

    sheets    00──────────────────────────────────48
    slot                       |···············         = sheet 48 - sheet 23; 23 is at half past,
                               23                         so it is the sheet 22 and the half hour after it
"""

import itertools
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from wellhead.moments import DAY_US, HOUR_US

HOURS_A_DAY = DAY_US // HOUR_US
HALF_US = HOUR_US // 2
HALVES_A_DAY = DAY_US // HALF_US
ALL_US = (-(2**60), 2**60)
"""From before to after everything in the books."""

Span = tuple[int, int, int]
"""A slot, and from when to when."""


Mark = tuple[int, int]
"""A half hour and a day: the key of a sheet."""


@dataclass(frozen=True, slots=True)
class Marked:
    """The pieces of some slots where closed days are read from sheets."""

    marks: dict[Mark, dict[int, int]] = field(default_factory=dict)
    """By slot: whether a sheet is added (1) or taken away (-1)."""
    hours: list[Span] = field(default_factory=list)
    """Of open days."""
    rest: list[Span] = field(default_factory=list)
    """In microseconds."""


@dataclass(frozen=True, slots=True)
class Even:
    """Spans that follow each other without a gap, all equally long."""

    slot: int
    """The first."""
    since: int
    until: int
    width: int


def marked(edges_us: Sequence[int], closed: Mapping[int, bool], first_slot: int = 0) -> Marked:
    """Slots, cut where days are closed, which come in their order; those without half hours have `False`."""
    found, days = Marked(), list(closed)
    for slot, (since_us, until_us) in enumerate(itertools.pairwise(edges_us), start=first_slot):
        at_us = since_us
        first = bisect_left(days, since_us // DAY_US)
        for day in days[first : bisect_left(days, -(-until_us // DAY_US))]:
            _cut_open(found, slot, at_us, day * DAY_US)
            at_us = min(until_us, (day + 1) * DAY_US)
            _cut_closed(found, slot, day, (max(since_us, day * DAY_US), at_us), 1 if closed[day] else 2)
        _cut_open(found, slot, at_us, until_us)
    return found


def half_hours(
    edges_us: Sequence[int], days: Sequence[int]
) -> tuple[dict[int, list[int | None]], list[Span]]:
    """Of some days the slot of each half hour that lies in one as a whole, and what of the slots is left."""
    found: dict[int, list[int | None]] = {}
    rest: list[Span] = []
    for slot, (since_us, until_us) in enumerate(itertools.pairwise(edges_us)):
        at_us = since_us
        first = bisect_left(days, since_us // DAY_US)
        for day in days[first : bisect_left(days, -(-until_us // DAY_US))]:
            midnight_us = day * DAY_US
            rest.extend(_if_any(slot, (at_us, midnight_us)))
            at_us, start_us = min(until_us, midnight_us + DAY_US), max(since_us, midnight_us)
            start, end = -(-(start_us - midnight_us) // HALF_US), (at_us - midnight_us) // HALF_US
            if start >= end:
                rest.extend(_if_any(slot, (start_us, at_us)))
                continue
            found.setdefault(day, [None] * HALVES_A_DAY)[start:end] = [slot] * (end - start)
            whole_us = midnight_us + start * HALF_US, midnight_us + end * HALF_US
            rest.extend(_if_any(slot, (start_us, whole_us[0]), (whole_us[1], at_us)))
        rest.extend(_if_any(slot, (at_us, until_us)))
    return found, rest


def even(some: Sequence[Span]) -> Even | None:
    """The same as one, if they are; their slots must be one after the other, too."""
    slot, since, until = some[0]
    width = until - since
    for place, one in enumerate(some):
        start = since + place * width
        if one != (slot + place, start, start + width):
            return None
    return Even(slot, since, some[-1][2], width)


def _cut_open(found: Marked, slot: int, since_us: int, until_us: int) -> None:
    if since_us >= until_us:
        return
    first, end = -(-since_us // HOUR_US), until_us // HOUR_US
    if first >= end:
        found.rest.append((slot, since_us, until_us))
        return
    found.hours.append((slot, first, end))
    found.rest.extend(_if_any(slot, (since_us, first * HOUR_US), (end * HOUR_US, until_us)))


def _cut_closed(found: Marked, slot: int, day: int, range_us: tuple[int, int], step: int) -> None:
    """`step`: of how many half hours there is a sheet."""
    since_us, until_us = range_us
    width_us, midnight_us = step * HALF_US, day * DAY_US
    first, end = -(-(since_us - midnight_us) // width_us), (until_us - midnight_us) // width_us
    if first >= end:
        found.rest.extend(_if_any(slot, (since_us, until_us)))
        return
    more, less = _sheets_before(end * step), _sheets_before(first * step)
    for some, sign in ((more - less, 1), (less - more, -1)):
        for half_hour in some:
            found.marks.setdefault((half_hour, day), {})[slot] = sign
    first_us, end_us = midnight_us + first * width_us, midnight_us + end * width_us
    found.rest.extend(_if_any(slot, (since_us, first_us), (end_us, until_us)))


def _sheets_before(half_hour: int) -> set[int]:
    """Which sheets have everything of a day until the end of a half hour: 23 is in 22 and in itself."""
    return {half_hour - half_hour % 2, half_hour} - {0}


def _if_any(slot: int, *some: tuple[int, int]) -> Iterator[Span]:
    return ((slot, since, until) for since, until in some if since < until)
