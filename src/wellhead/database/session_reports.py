"""Sums by session and agent over closed days, from the one sheet that each day has of them.

Its rows are told apart by half hour, so any slots of them are added up in one pass over the day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, select

from wellhead.database.day_sheets import TIMED
from wellhead.database.measures import is_wanted
from wellhead.database.schema import session_sheets
from wellhead.database.sheet import Joined, Numbers, joined, unpacked_numbers
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
    totals, codes = Totals(len(question.measures)), dict[Place, int]()
    t = session_sheets.c
    for day, value in _of_days(connection, select(t.day, t.sheet), slots):
        sheet = joined((value,), lanes_of(question))
        rows = _rows(sheet, slots[day], question, lines)
        sums = summed(rows.at, sheet.sums[rows.is_wanted], len(rows.places))
        totals.add(_codes(codes, rows.places, question), sums)
    found, sums = totals.found()
    places = list(codes)
    for code, row in zip(found.tolist(), sums.tolist(), strict=True):
        yield places[code], tuple(row)


def durations(
    connection: Connection, question: Question, slots: Mapping[int, Slots], lines: Lines
) -> Iterator[tuple[list[Place], Sequence[Numbers], Sequence[Numbers]]]:
    """How long calls took, by day: places; of latencies and times to first byte which of them, and buckets.

    Raises `TooManyLines`.
    """
    t = session_sheets.c
    for day, value, took in _of_days(connection, select(t.day, t.sheet, t.took), slots):
        if took is None:
            continue
        sheet = joined((value,), TIMED)
        rows = _rows(sheet, slots[day], question, lines)
        if len(rows.places) > question.lines_max:
            raise TooManyLines(question.lines_max)
        at = np.full(len(sheet.sums), NOT_ASKED_FOR)
        at[rows.is_wanted] = rows.at
        of_calls = [np.repeat(at, counts) for counts in sheet.sums.T]
        buckets = np.split(unpacked_numbers(took), [len(of_calls[0])])
        if not rows.is_wanted.all():
            wanted = [one != NOT_ASKED_FOR for one in of_calls]
            of_calls = [one[some] for one, some in zip(of_calls, wanted, strict=True)]
            buckets = [one[some] for one, some in zip(buckets, wanted, strict=True)]
        yield rows.places, of_calls, buckets


def _of_days(
    connection: Connection, query: Select[Any], slots: Mapping[int, Slots]
) -> Iterator[Sequence[Any]]:
    """The rows of some days."""
    if slots:
        day = session_sheets.c.day
        found = connection.execute(query.where(day >= min(slots), day <= max(slots)))
        yield from (row for row in found if row[0] in slots)


def _codes(codes: dict[Place, int], places: Sequence[Place], question: Question) -> Numbers:
    """A number for each place, which it has for good."""
    found = np.array([codes.setdefault(one, len(codes)) for one in places], np.int64)
    if len(codes) > question.lines_max:
        raise TooManyLines(question.lines_max)
    return found


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the rows of a sheet belong to."""

    places: list[Place]
    """What is shown alike may be there several times."""
    is_wanted: NDArray[np.bool_]
    """Rows that are asked for..."""
    at: NDArray[np.intp]
    """...and of each of these, which of the places."""


def _rows(sheet: Joined, slot_of: Slots, question: Question, lines: Lines) -> _Rows:
    _, half_hours, *columns = sheet.ids
    ids_of = dict(zip(COLUMNS, columns, strict=True))
    told = _told(sheet, question, lines)
    slots = _slots(slot_of)
    numbers = [slots.at[half_hours], *(some.at[ids_of[one]] for one, some in told.items())]
    is_wanted = np.logical_and.reduce([one != NOT_ASKED_FOR for one in numbers])
    numbers = [one[is_wanted] for one in numbers]
    first, at = _alike(numbers, [len(some.keys) for some in (slots, *told.values())])
    in_slot, *others = (one[first].tolist() for one in numbers)
    shown = dict(zip(told, others, strict=True))
    of_key = [one for one in question.by if one not in COLUMNS]
    parts: list[list[Key]] = [[slots.keys[id_][0] for id_ in in_slot]]
    for one in question.by:
        column, value = (None, of_key.index(one)) if one in of_key else (one, 0)
        parts.append([told[column].keys[id_][value] for id_ in shown[column]])
    return _Rows(list(zip(*parts, strict=True)), is_wanted, at)


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
