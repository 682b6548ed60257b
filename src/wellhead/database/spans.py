"""What slots of time are made of: whole days, whole hours, and what is left.

::

    slot      |·······························|          UTC        00        00        00
    days          |██████████████████|                             |█████████|█████████|
    hours     |▓▓▓|                  |▓▓▓▓▓▓▓|           New York     |        ·         |
    rest      ▒                              ▒                     |░░|      ·         |▓▓|  ░ taken away

A day of another time zone is a whole day and a few hours more, less a few others.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from wellhead.moments import DAY_US, HOUR_US

HOURS = DAY_US // HOUR_US

Span = tuple[int, int, int]
"""A slot, and from when to when."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The pieces of some slots; each moment of a slot is in them once, less those that are taken away."""

    days: list[Span] = field(default_factory=list)
    hours: list[Span] = field(default_factory=list)
    less: list[Span] = field(default_factory=list)
    """Hours that are in one of the days and not in the slot."""
    moved: dict[int, list[Span]] = field(default_factory=dict)
    """Hours of a slot that are in a day of the slot before (-1) or after it (1), and not in that one."""
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


def spans(edges_us: Sequence[int], first_slot: int = 0) -> Spans:
    """Slots, cut into whole days, whole hours, and what is left."""
    found = Spans()
    for slot, (since_us, until_us) in enumerate(itertools.pairwise(edges_us), start=first_slot):
        first, end = -(-since_us // HOUR_US), until_us // HOUR_US
        if first >= end:
            found.rest.append((slot, since_us, until_us))
            continue
        if since_us < first * HOUR_US:
            found.rest.append((slot, since_us, first * HOUR_US))
        if end * HOUR_US < until_us:
            found.rest.append((slot, end * HOUR_US, until_us))
        _cut_hours(found, slot, first, end)
    return _with_moved(found)


def even(some: Sequence[Span]) -> Even | None:
    """The same as one, if they are; their slots must be one after the other, too."""
    slot, since, until = some[0]
    width = until - since
    for place, one in enumerate(some):
        start = since + place * width
        if one != (slot + place, start, start + width):
            return None
    return Even(slot, since, some[-1][2], width)


def _cut_hours(found: Spans, slot: int, first: int, end: int) -> None:
    head, tail = first % HOURS, end % HOURS
    # From the midnight before, or from the one after; a day is read as fast as two hours.
    down, up = head + 2 < HOURS - head, HOURS - tail + 2 < tail
    start, stop = (first - head if down else first + -head % HOURS), (end - tail + (HOURS if up else 0))
    hours_read = (head if down else start - first) + (stop - end if up else tail)
    if start >= stop or hours_read + 2 * (stop - start) // HOURS >= end - first:
        found.hours.append((slot, first, end))
        return
    found.days.append((slot, start // HOURS, stop // HOURS))
    found.less.extend(_if_any(slot, (start, first), (end, stop)))
    found.hours.extend(_if_any(slot, (first, start), (stop, end)))


def _with_moved(found: Spans) -> Spans:
    """What is to be added to one slot and taken from its neighbour is read once."""
    less, moved = set(found.less), {}
    for towards in (-1, 1):
        pairs = {(slot, since, until): (slot + towards, since, until) for slot, since, until in found.hours}
        if some := [one for one, other in pairs.items() if other in less]:
            moved[towards] = some
            less -= {pairs[one] for one in some}
    gone = {one for some in moved.values() for one in some}
    return Spans(
        found.days,
        [one for one in found.hours if one not in gone],
        [one for one in found.less if one in less],
        moved,
        found.rest,
    )


def _if_any(slot: int, *some: tuple[int, int]) -> Iterator[Span]:
    return ((slot, since, until) for since, until in some if since < until)
