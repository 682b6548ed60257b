"""Sums over closed days, from their sheets.

A sheet is unpacked once and its rows are added up line by line as whole numbers, which
takes a quarter of a microsecond for a row whatever it holds; only what comes out is parted
into measures.  What an id stands for, and whether it is asked for, is looked up beforehand.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from wellhead.database.day_sheets import USUAL, End, ends_of, unpacked_histograms
from wellhead.database.limits import driver
from wellhead.database.measures import NO_PROJECTS, Projects, is_wanted, name_of, restricted, shown
from wellhead.database.schema import MEASURES, usage_keys
from wellhead.database.sheet import Sheet, parted, unpacked
from wellhead.database.spans import Mark
from wellhead.report import HISTOGRAMMED, OF_ENDS, UNROLLED, Dimension, Key, Question

Place = tuple[Any, ...]
"""A slot, and what its line is told apart by."""
ALL = slice(None)
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
    table, columns = ("model_sheets" if of_models else "usage_sheets"), ["sheet"]
    if by_end and not of_models:
        columns = ["sheet", "ends"] if places.wants(USUAL) else ["ends"]
    lanes = lanes_of(question)
    for mark, values in _values(connection, table, columns, marks):
        found: defaultdict[int | None, int] = defaultdict(int)
        *wholes, sheet = (unpacked(value, lanes) for value in values)
        if by_end:
            _add_ends(found, places, sheet)
        else:
            _add_up(found, places.of_end(None), sheet)
        for whole in wholes:
            # What ended as usual is what the other ends leave of it.
            _add_up(found, places.of_end(USUAL), whole)
            _take_away(found, places.of_end(USUAL), sheet)
        found.pop(None, None)
        yield mark, found  # type: ignore[misc]  # It has no `None` any more.


def _add_ends(found: defaultdict[int | None, int], places: "_Places", sheet: Sheet) -> None:
    for end, part in ends_of(sheet):
        if places.wants(end):
            _add_up(found, places.of_end(end), sheet, part)


def _add_up(
    found: defaultdict[int | None, int], place_of: "_PlaceOf", sheet: Sheet, part: slice = ALL
) -> None:
    numbers = sheet.ids[-1][part]
    for place, total in zip(map(place_of.__getitem__, numbers), sheet.sums[part], strict=True):
        found[place] += total


def _take_away(found: defaultdict[int | None, int], place_of: "_PlaceOf", sheet: Sheet) -> None:
    for place, total in zip(map(place_of.__getitem__, sheet.ids[-1]), sheet.sums, strict=True):
        found[place] -= total


class _Places:
    """The places of the lines of an answer, in which its keys stand in `lines`."""

    def __init__(self, question: Question, line_of: Lines) -> None:
        self.lines: dict[tuple[Key, ...], int] = {}
        self._question, self._line_of = question, line_of
        self._of_end: dict[End | None, _PlaceOf] = {}

    def of_end(self, end: End | None) -> "_PlaceOf":
        """Those of one end; `None`: whatever the end."""
        if (found := self._of_end.get(end)) is None:
            found = self._of_end[end] = _PlaceOf(lambda number: self._place(number, end))
        return found

    def wants(self, end: End) -> bool:
        """Whether it is asked for."""
        (outcome, streamed), where = end, self._question.where
        is_outcome = is_wanted(outcome, where.get(Dimension.OUTCOME, outcome))
        return is_outcome and streamed == int(where.get(Dimension.STREAMED, streamed) or 0)

    def _place(self, number: int, end: End | None) -> int | None:
        line = self._line_of.get(number)
        if line is None:
            return None
        if end is not None:
            ends: dict[Dimension, Key] = dict(zip((Dimension.OUTCOME, Dimension.STREAMED), end, strict=True))
            rest = iter(line)
            line = tuple(ends[one] if one in ends else next(rest) for one in self._question.by)
        return self.lines.setdefault(line, len(self.lines))


class _PlaceOf(dict[int, int | None]):
    """The place of what belongs to a key's number, each looked for once; `None` if it is not asked for."""

    def __init__(self, find: Callable[[int], int | None]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, number: int) -> int | None:
        self[number] = place = self._find(number)
        return place


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


def lanes_of(question: Question) -> list[int]:
    """Where sheets have the measures that are asked for."""
    return [MEASURES.index(measure.value) for measure in question.measures]


def parted_measures(
    totals: Iterable[tuple[Place, int]], question: Question
) -> Iterator[tuple[Place, tuple[int, ...]]]:
    """The measures that are asked for, of sums of their lanes; of what came to nothing none."""
    count = len(question.measures)
    for place, total in totals:
        if total:
            yield place, parted(total, count)
