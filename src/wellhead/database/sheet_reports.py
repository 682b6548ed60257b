"""Sums over closed days, from their sheets.

A sheet is unpacked once and its rows are added up line by line as whole numbers, which
takes a quarter of a microsecond for a row whatever it holds; only what comes out is parted
into measures.  What an id stands for, and whether it is asked for, is looked up beforehand.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, select

from wellhead.database.day_sheets import USUAL, ended, unpacked_histograms
from wellhead.database.limits import driver
from wellhead.database.measures import NO_PROJECTS, Projects, is_wanted, name_of, restricted, shown
from wellhead.database.schema import MEASURES, usage_keys
from wellhead.database.sheet import Sheet, parted, unpacked
from wellhead.database.spans import Mark
from wellhead.report import HISTOGRAMMED, OF_ENDS, UNROLLED, Dimension, Key, Question

Place = tuple[Any, ...]
"""A slot, and what its line is told apart by."""
Lines = Mapping[int, tuple[Key, ...]]
"""By the number of a key: the part of a line that it stands for."""


def spending(
    connection: Connection, question: Question, marks: Mapping[Mark, Mapping[int, int]], line_of: Lines
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """Sums of slots that are made of whole sheets."""
    # By the places of lines, for a tuple takes as long to look up as its rows to add.
    places = _Places(question, line_of)
    totals: defaultdict[int, dict[int, int]] = defaultdict(dict)
    for mark, by_place in _by_mark(connection, question, marks, places):
        for slot, sign in marks[mark].items():
            some = totals[slot]
            for place, total in by_place.items():
                some[place] = some.get(place, 0) + (total if sign > 0 else -total)
    names = list(places.lines)
    found = (((slot, *names[place]), total) for slot, some in totals.items() for place, total in some.items())
    return parted_measures(found, question)


def _by_mark(
    connection: Connection, question: Question, marks: Iterable[Mark], places: "_Places"
) -> Iterator[tuple[Mark, dict[int, int]]]:
    """From the sheets that know it with the fewest rows."""
    of_models = question.dimensions <= HISTOGRAMMED | OF_ENDS
    by_end = bool(question.dimensions & OF_ENDS)
    table = "model_sheets" if of_models else "usage_sheets"
    columns = ("sheet", "ends") if by_end and not of_models else ("sheet",)
    for mark, values in _values(connection, table, columns, marks):
        sheet, *ends = map(unpacked, values)
        if ends:
            yield mark, _with_ends(sheet, ends[0], places)
        elif by_end:
            yield mark, _by_place(map(places.__getitem__, ended(sheet)), sheet)
        else:
            yield mark, _by_place(map(places.of_number.get, sheet.ids[0]), sheet)


def _with_ends(sheet: Sheet, ends: Sheet, places: "_Places") -> dict[int, int]:
    """What ended as usual is what the other ends leave of the whole."""
    found = _by_place((places[number, *USUAL] for number in sheet.ids[0]), sheet)
    for place, total in _by_place(map(places.__getitem__, ended(ends)), ends).items():
        found[place] = found.get(place, 0) + total
    for place, total in _by_place((places[number, *USUAL] for number in ends.ids[0]), ends).items():
        found[place] = found.get(place, 0) - total
    return found


class _Places(dict[tuple[int, str, int], int | None]):
    """The places of lines: of a key's number and an end, or of a number; `None` if it is not asked for."""

    def __init__(self, question: Question, line_of: Lines) -> None:
        super().__init__()
        self.lines: dict[tuple[Key, ...], int] = {}
        self.of_number: dict[int, int] = {}
        self._question, self._line_of = question, line_of
        if not question.dimensions & OF_ENDS:
            self.of_number = {number: self._place(line) for number, line in line_of.items()}

    def __missing__(self, key: tuple[int, str, int]) -> int | None:
        self[key] = found = self._found(*key)
        return found

    def _found(self, number: int, outcome: str, streamed: int) -> int | None:
        where, said = self._question.where, self._line_of.get(number)
        if said is None or not is_wanted(outcome, where.get(Dimension.OUTCOME, outcome)):
            return None
        if streamed != int(where.get(Dimension.STREAMED, streamed) or 0):
            return None
        ends: dict[Dimension, Key] = {Dimension.OUTCOME: outcome, Dimension.STREAMED: streamed}
        rest = iter(said)
        return self._place(tuple(ends[one] if one in ends else next(rest) for one in self._question.by))

    def _place(self, line: tuple[Key, ...]) -> int:
        return self.lines.setdefault(line, len(self.lines))


def lines(connection: Connection, question: Question, known: Projects) -> Lines:
    """What the numbers of keys stand for; of keys that are asked for alone."""
    by = [one for one in question.by if one not in UNROLLED | OF_ENDS]
    query = select(usage_keys.c.number, *(usage_keys.c[name_of(one)] for one in by))
    shows = [shown(one, known) for one in by]
    return {
        number: tuple(show(value) for show, value in zip(shows, values, strict=True))
        for number, *values in map(tuple, connection.execute(restricted(query, usage_keys, question, known)))
    }


def histograms(
    connection: Connection, question: Question, marks: Iterable[Mark]
) -> Iterator[tuple[Mark, list[tuple[bytes, bytes, tuple[Key, ...]]]]]:
    """Packed histograms of latency and time to first byte with their lines, by the sheets of models."""
    line_of = lines(connection, question, NO_PROJECTS)
    for mark, (value,) in _values(connection, "model_sheets", ("histograms",), marks):
        rows = unpacked_histograms(value)
        yield mark, [(latency, ttft, line_of[number]) for number, latency, ttft in rows if number in line_of]


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


def _by_place(places: Iterable[int | None], sheet: Sheet) -> dict[int, int]:
    found: defaultdict[int | None, int] = defaultdict(int)
    for place, total in zip(places, sheet.sums, strict=True):
        found[place] += total
    found.pop(None, None)
    return found  # type: ignore[return-value]  # It has no `None` any more.


def parted_measures(
    totals: Iterable[tuple[Place, int]], question: Question
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """The measures that are asked for; of what came to nothing none."""
    places = [MEASURES.index(measure.value) for measure in question.measures]
    pick = itemgetter(*places) if len(places) > 1 else lambda lanes: (lanes[places[0]],)
    for place, total in totals:
        if total:
            yield place, pick(parted(total, len(MEASURES)))
