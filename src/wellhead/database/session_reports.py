"""Sums by session and agent over closed days, from the one sheet that each day has of them.

Its rows are told apart by half hour, so any slots of them are added up in one pass over the day.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy import Connection, select

from wellhead.database.measures import is_wanted
from wellhead.database.schema import session_sheets
from wellhead.database.sheet import Sheet, unpacked
from wellhead.database.sheet_reports import Lines, Place, lanes_of, parted_measures
from wellhead.report import OF_ENDS, UNROLLED, Dimension, Key, Question, TooManyLines

COLUMNS = (Dimension.SESSION, Dimension.AGENT, None, Dimension.OUTCOME, Dimension.STREAMED)
"""The ids of a sheet after the half hour; `None`: the number of a key."""
NAMES = (Dimension.SESSION, Dimension.AGENT, Dimension.OUTCOME)
"""Those that are places in its names."""
Slots = Sequence[int | None]
"""Of each half hour of a day, the slot that it belongs to."""


def by_session(
    connection: Connection, question: Question, slots: Mapping[int, Slots], line_of: Lines
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """Sums by session or agent, of the half hours of some days.  Raises `TooManyLines`."""
    t = session_sheets.c
    totals: defaultdict[Place, int] = defaultdict(int)
    lanes = lanes_of(question)
    if slots:
        query = select(t.day, t.sheet).where(t.day >= min(slots), t.day <= max(slots))
        for day, value in connection.execute(query):
            if day in slots:
                for place, total in _lines(unpacked(value, lanes), slots[day], question, line_of):
                    totals[place] += total
                if len(totals) > question.lines_max:
                    raise TooManyLines(question.lines_max)
    return parted_measures(totals.items(), question)


def _lines(sheet: Sheet, slot_of: Slots, question: Question, line_of: Lines) -> Iterator[tuple[Place, int]]:
    """First by the ids that matter, then, what is left, by line."""
    half_hours, *columns = sheet.ids
    asked = question.dimensions
    of_keys = bool(asked - UNROLLED - OF_ENDS)
    matter = [place for place, one in enumerate(COLUMNS) if (of_keys if one is None else one in asked)]
    told = [_told(sheet, place, question, line_of) for place in matter]
    line = _line(question, matter, told)
    for slot, part in _runs(half_hours, slot_of):
        found: defaultdict[tuple[int, ...], int] = defaultdict(int)
        ids_of = zip(*(columns[place][part] for place in matter), strict=True)
        for ids, total in zip(ids_of, sheet.sums[part], strict=True):
            found[ids] += total
        for ids, total in found.items():
            if all(id_ in some for some, id_ in zip(told, ids, strict=True)):
                yield (slot, *line(ids)), total


def _runs(half_hours: Sequence[int], slot_of: Slots) -> Iterator[tuple[int, slice]]:
    """Which rows belong to each slot; they are in the order of their half hours."""
    first = 0
    for slot, same in groupby(range(len(slot_of)), slot_of.__getitem__):
        last = bisect_right(half_hours, max(same), first)
        if slot is not None:
            yield slot, slice(first, last)
        first = last


def _told(sheet: Sheet, place: int, question: Question, line_of: Lines) -> Lines:
    """What the ids of a column are shown as, if they are asked for."""
    one, where = COLUMNS[place], question.where
    if one is None:
        return line_of
    if one is Dimension.STREAMED:
        wanted = (0, 1) if one not in where else (int(where[one] or 0),)
        return {streamed: (streamed,) for streamed in wanted}
    return {
        number: (None if is_wanted(name, None) else name,)
        for number, name in enumerate(sheet.names[NAMES.index(one)])
        if one not in where or is_wanted(name, where[one])
    }


def _line(
    question: Question, matter: Sequence[int], told: Sequence[Lines]
) -> Callable[[Sequence[int]], tuple[Key, ...]]:
    """Makes a line of ids: their parts, in the order that is asked for."""
    of_key = [one for one in question.by if one not in COLUMNS]
    parts: list[tuple[int, int]] = []
    """Which of the ids, and which of the values that it stands for."""
    for one in question.by:
        place = COLUMNS.index(None if one in of_key else one)
        parts.append((matter.index(place), of_key.index(one) if one in of_key else 0))
    return lambda ids: tuple(told[which][ids[which]][value] for which, value in parts)
