"""Sums over closed days, from their sheets.

Who used what has a number in a sheet, which stands for a line of the answer; so rows are
added up by a code, which is a slot, how calls ended (where that is asked for) and a line.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np
from sqlalchemy import Connection, func, select

from wellhead.call import CallState
from wellhead.database.day_sheets import USUAL, End, unpacked_histograms
from wellhead.database.limits import driver
from wellhead.database.measures import NO_PROJECTS, Projects, is_wanted, name_of, restricted, shown
from wellhead.database.schema import MEASURES, usage_keys
from wellhead.database.sheet import Joined, Numbers, joined, rows_in
from wellhead.database.spans import Mark
from wellhead.database.totals import Totals, added_up
from wellhead.report import HISTOGRAMMED, OF_ENDS, UNROLLED, Dimension, Key, Question

Place = tuple[Any, ...]
"""A slot, and what its line is told apart by."""
NOT_ASKED_FOR = -1
_OUTCOMES = {one.value: at for at, one in enumerate(CallState)}
_ENDS: list[End] = [(outcome, streamed) for outcome in _OUTCOMES for streamed in (0, 1)]
_WHOLE = 2
"""Columns of sheets that do not tell how calls ended: of which sheet, and the number of a key."""
ROWS_AT_ONCE = 2**14


@dataclass(frozen=True, slots=True)
class Lines:
    """What ids stand for: parts of lines."""

    keys: Sequence[tuple[Key, ...]]
    """Each of them."""
    at: Numbers
    """By id: which of the keys, or `NOT_ASKED_FOR`."""


def spending(
    connection: Connection, question: Question, marks: Mapping[Mark, Mapping[int, int]], lines: Lines
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """Sums of slots that are made of whole sheets."""
    places = _Places(question, lines)
    totals = Totals(len(question.measures))
    for some, which, codes, rows in _sums(connection, question, marks, places):
        for slots, signs in _effects([marks[mark] for mark in some]):
            matters = signs[which] != 0
            at = which[matters]
            totals.add(slots[at] * places.size + codes[matters], rows[matters] * signs[at, np.newaxis])
    found, sums = totals.found()
    line_of: dict[int, tuple[Key, ...]] = {}
    size = places.size
    for code, row in zip(found.tolist(), sums.tolist(), strict=True):
        slot, place = divmod(code, size)
        if (line := line_of.get(place)) is None:
            line = line_of[place] = places.line(place)
        yield (slot, *line), tuple(row)


def _effects(effects: Sequence[Mapping[int, int]]) -> Iterator[tuple[Numbers, Numbers]]:
    """What sheets are added to or taken away from: for each a slot, and 1 or -1; 0 where it has no more."""
    for some in zip_longest(*(one.items() for one in effects), fillvalue=(0, 0)):
        slots, signs = np.array(some, np.int64).T
        yield slots, signs


def _sums(
    connection: Connection, question: Question, marks: Iterable[Mark], places: "_Places"
) -> Iterator[tuple[list[Mark], Numbers, Numbers, Numbers]]:
    """From the sheets that know it with the fewest rows: some marks; which of them, codes, and sums."""
    of_models = question.dimensions <= HISTOGRAMMED | OF_ENDS
    table, columns = ("model_sheets" if of_models else "usage_sheets"), ["sheet"]
    if places.by_end and not of_models:
        columns = ["ends", "sheet"] if places.usual is not None else ["ends"]
    lanes = lanes_of(question)
    for some, (values, *wholes) in _at_once(_values(connection, table, columns, marks)):
        which, codes, sums = places.added_up(joined(values, lanes))
        is_wanted = codes < places.size
        yield some, which[is_wanted], codes[is_wanted], sums[is_wanted]
        for whole in wholes:
            # What ended as usual is what the other ends leave of it.
            yield some, which, (places.usual or 0) + codes % places.width, -sums
            yield some, *places.added_up(joined(whole, lanes))


def _at_once(
    some: Iterable[tuple[Mark, Sequence[bytes]]],
) -> Iterator[tuple[list[Mark], list[tuple[bytes, ...]]]]:
    """Some of them at a time: as many as have not too many rows."""
    found: list[tuple[Mark, Sequence[bytes]]] = []
    count = 0
    for mark, values in some:
        found.append((mark, values))
        count += sum(map(rows_in, values))
        if count >= ROWS_AT_ONCE:
            yield [mark for mark, _ in found], list(zip(*(values for _, values in found), strict=True))
            found, count = [], 0
    if found:
        yield [mark for mark, _ in found], list(zip(*(values for _, values in found), strict=True))


class _Places:
    """Codes of a slot's lines: how calls ended, as far as that is asked for, and what keys stand for."""

    def __init__(self, question: Question, lines: Lines) -> None:
        self.by_end = bool(question.dimensions & OF_ENDS)
        self.width = len(lines.keys)
        self._by, self._lines = question.by, lines
        self._shown: list[dict[Dimension, Key]] = []
        """What ends that are asked for are shown as, each of them; codes of others are above all of these."""
        ends = _ENDS if self.by_end else [USUAL]
        at = [self._shown_at(end, question) for end in ends]
        self._at = np.array([len(self._shown) if one is None else one for one in at], np.int64)
        self._usual_at = at[ends.index(USUAL)]

    @property
    def size(self) -> int:
        """Codes of what is asked for are below."""
        return len(self._shown) * self.width

    @property
    def usual(self) -> int | None:
        """What the codes of the usual end begin with, if that is asked for."""
        return None if self._usual_at is None else self._usual_at * self.width

    def added_up(self, some: Joined) -> tuple[Numbers, Numbers, Numbers]:
        """Of which sheet; codes, each once for a sheet; and the sums of their rows."""
        lines, rows = self._lines.at[some.ids[-1]], some.sums
        stride = (len(self._shown) + 1) * self.width
        codes = some.ids[0] * stride + self._ends(some) * self.width + lines
        if not (is_wanted := lines != NOT_ASKED_FOR).all():
            codes, rows = codes[is_wanted], rows[is_wanted]
        found, sums = added_up(codes, rows, len(some.names) * stride)
        which, codes = np.divmod(found, stride)
        return which, codes, sums

    def line(self, place: int) -> tuple[Key, ...]:
        """The line of a code."""
        end, line = divmod(place, self.width)
        rest = iter(self._lines.keys[line])
        shown_end = self._shown[end]
        return tuple(shown_end[one] if one in shown_end else next(rest) for one in self._by)

    def _ends(self, some: Joined) -> Numbers | int:
        if not self.by_end:
            return 0
        if len(some.ids) == _WHOLE:
            assert self._usual_at is not None
            return self._usual_at
        which, outcomes, streamed, _ = some.ids
        names = [names[0] for names in some.names]
        first = np.cumsum([0, *map(len, names)])[which]
        outcome = np.array([_OUTCOMES[name] for of_sheet in names for name in of_sheet], np.int64)
        found: Numbers = self._at[2 * outcome[first + outcomes] + streamed]
        return found

    def _shown_at(self, end: End, question: Question) -> int | None:
        if not _wants(question, end):
            return None
        both: dict[Dimension, Key] = {Dimension.OUTCOME: end[0], Dimension.STREAMED: end[1]}
        told = {one: both[one] for one in question.by if one in both}
        if told not in self._shown:
            self._shown.append(told)
        return self._shown.index(told)


def _wants(question: Question, end: End) -> bool:
    (outcome, streamed), where = end, question.where
    is_outcome = is_wanted(outcome, where.get(Dimension.OUTCOME, outcome))
    return is_outcome and streamed == int(where.get(Dimension.STREAMED, streamed) or 0)


def lines(connection: Connection, question: Question, known: Projects) -> Lines:
    """What the numbers of keys stand for; of keys that are asked for alone."""
    by = [one for one in question.by if one not in UNROLLED | OF_ENDS]
    shows = [shown(one, known) for one in by]
    last = connection.scalar(select(func.max(usage_keys.c.number))) or 0
    at, keys = np.full(last + 1, NOT_ASKED_FOR, np.int64), dict[tuple[Key, ...], int]()
    query = select(usage_keys.c.number, *(usage_keys.c[name_of(one)] for one in by))
    for number, *values in map(tuple, connection.execute(restricted(query, usage_keys, question, known))):
        key = tuple(show(value) for show, value in zip(shows, values, strict=True))
        at[number] = keys.setdefault(key, len(keys))
    return Lines(list(keys), at)


def histograms(
    connection: Connection, question: Question, marks: Iterable[Mark]
) -> Iterator[tuple[Mark, list[tuple[bytes, bytes, tuple[Key, ...]]]]]:
    """Packed histograms of latency and time to first byte with their lines, by the sheets of models."""
    found = lines(connection, question, NO_PROJECTS)
    at = found.at.tolist()
    for mark, (value,) in _values(connection, "model_sheets", ("histograms",), marks):
        rows = ((latency, ttft, at[number]) for number, latency, ttft in unpacked_histograms(value))
        yield mark, [(latency, ttft, found.keys[one]) for latency, ttft, one in rows if one != NOT_ASKED_FOR]


def _values(
    connection: Connection, table: str, columns: Sequence[str], marks: Iterable[Mark]
) -> Iterator[tuple[Mark, list[bytes]]]:
    days_of: defaultdict[int, list[int]] = defaultdict(list)
    for half_hour, day in marks:
        days_of[half_hour].append(day)
    # By the driver alone: of many short statements SQLAlchemy's part would be the greater one.
    query = f"SELECT day,{','.join(columns)} FROM {table} WHERE half_hour=? AND day>=? AND day<=?"  # noqa: S608
    for half_hour, days in days_of.items():
        wanted = set(days)
        for day, *values in driver(connection).execute(query, (half_hour, min(days), max(days))):
            if day in wanted:
                yield (half_hour, day), values


def lanes_of(question: Question) -> tuple[int, ...]:
    """Where sheets have the measures that are asked for."""
    return tuple(MEASURES.index(measure.value) for measure in question.measures)
