"""Sums by session and agent over closed days, from the one sheet that each day has of them.

Its rows are told apart by half hour, so any slots of them are added up in one pass over the day.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from wellhead.database.measures import is_wanted
from wellhead.database.schema import session_sheets
from wellhead.database.sheet import Joined, Numbers, joined
from wellhead.database.sheet_reports import NOT_ASKED_FOR, Lines, Place, lanes_of
from wellhead.database.totals import Totals, distinct, summed
from wellhead.report import OF_ENDS, UNROLLED, Dimension, Key, Question, TooManyLines

COLUMNS = (Dimension.SESSION, Dimension.AGENT, None, Dimension.OUTCOME, Dimension.STREAMED)
"""The ids of a sheet after the half hour; `None`: the number of a key."""
NAMES = (Dimension.SESSION, Dimension.AGENT, Dimension.OUTCOME)
"""Those that are places in its names."""
Slots = Sequence[int | None]
"""Of each half hour of a day, the slot that it belongs to."""
_CODES_MAX = 2**40


def by_session(
    connection: Connection, question: Question, slots: Mapping[int, Slots], lines: Lines
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """Sums by session or agent, of the half hours of some days.  Raises `TooManyLines`."""
    t = session_sheets.c
    totals, codes = Totals(len(question.measures)), dict[Place, int]()
    lanes = lanes_of(question)
    if slots:
        query = select(t.day, t.sheet).where(t.day >= min(slots), t.day <= max(slots))
        for day, value in connection.execute(query):
            if day in slots:
                places, sums = _of_day(joined((value,), lanes), slots[day], question, lines)
                totals.add(np.array([codes.setdefault(one, len(codes)) for one in places], np.int64), sums)
                if len(codes) > question.lines_max:
                    raise TooManyLines(question.lines_max)
    found, sums = totals.found()
    places = list(codes)
    for code, row in zip(found.tolist(), sums.tolist(), strict=True):
        yield places[code], tuple(row)


def _of_day(sheet: Joined, slot_of: Slots, question: Question, lines: Lines) -> tuple[list[Place], Numbers]:
    """Places and their sums; what is shown alike may be there several times."""
    _, half_hours, *columns = sheet.ids
    ids_of = dict(zip(COLUMNS, columns, strict=True))
    told = _told(sheet, question, lines)
    slots = _slots(slot_of)
    numbers = [slots.at[half_hours], *(some.at[ids_of[one]] for one, some in told.items())]
    is_wanted_row = np.logical_and.reduce([one != NOT_ASKED_FOR for one in numbers])
    numbers = [one[is_wanted_row] for one in numbers]
    first, at = _alike(numbers, [len(some.keys) for some in (slots, *told.values())])
    in_slot, *others = (one[first].tolist() for one in numbers)
    shown = dict(zip(told, others, strict=True))
    of_key = [one for one in question.by if one not in COLUMNS]
    parts: list[list[Key]] = [[slots.keys[id_][0] for id_ in in_slot]]
    for one in question.by:
        column, value = (None, of_key.index(one)) if one in of_key else (one, 0)
        parts.append([told[column].keys[id_][value] for id_ in shown[column]])
    return list(zip(*parts, strict=True)), summed(at, sheet.sums[is_wanted_row], len(first))


def _alike(numbers: Sequence[Numbers], sizes: Sequence[int]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of rows that are alike in all of these the place of one, and which of them each row belongs to."""
    codes, size = numbers[0], sizes[0]
    for more, count in zip(numbers[1:], sizes[1:], strict=True):
        codes, size = codes * count + more, size * count
        if size > _CODES_MAX:
            found, codes = distinct(codes, size)
            size = len(found)
    found, at = distinct(codes, size)
    first = np.zeros(len(found), np.intp)
    first[at] = np.arange(len(at))
    return first, at


def _slots(slot_of: Slots) -> Lines:
    keys = sorted({slot for slot in slot_of if slot is not None})
    at = [NOT_ASKED_FOR if slot is None else keys.index(slot) for slot in slot_of]
    return Lines([(slot,) for slot in keys], np.array(at, np.int64))


def _told(sheet: Joined, question: Question, lines: Lines) -> dict[Dimension | None, Lines]:
    """What the ids of the columns that matter are shown as, if they are asked for."""
    asked, where = question.dimensions, question.where
    found: dict[Dimension | None, Lines] = {}
    if asked - UNROLLED - OF_ENDS:
        found[None] = lines
    for one, names in zip(NAMES, sheet.names[0], strict=True):
        if one in asked:
            wanted = (one not in where or is_wanted(name, where[one]) for name in names)
            at = [id_ if is_ else NOT_ASKED_FOR for id_, is_ in enumerate(wanted)]
            keys = [(None if is_wanted(name, None) else name,) for name in names]
            found[one] = Lines(keys, np.array(at, np.int64))
    if (one := Dimension.STREAMED) in asked:
        at = [id_ if id_ == int(where.get(one, id_) or 0) else NOT_ASKED_FOR for id_ in (0, 1)]
        found[one] = Lines([(0,), (1,)], np.array(at, np.int64))
    return found
