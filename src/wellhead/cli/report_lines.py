"""The lines of a report as people and programs want them: a table, JSON, CSV.

What nobody knows is `–`, null or empty; 0 is only what is known to be nothing.  A table fits
the terminal: first names are cut, then figures shortened, then the least of them left
out.  Where there is no terminal nothing is cut.
"""

import csv
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from wellhead.cli import cells
from wellhead.cli.wanted import NAMED
from wellhead.intervals import Interval, day_of
from wellhead.moments import at, to_the_millisecond
from wellhead.money import NANOUSD_PER_USD, decimal_usd, usd
from wellhead.report import Dimension, Key, Line, Measure, Question

COUNTS = (
    Measure.INPUT_TOKENS,
    Measure.OUTPUT_TOKENS,
    Measure.CACHE_READ_TOKENS,
    Measure.CACHE_WRITE_TOKENS,
    Measure.REASONING_TOKENS,
    Measure.TOTAL_TOKENS,
)
NOBODY = "(none)"
OTHERS = "others"
TOTAL = "total"
NAME_COLUMNS_MAX = 40
NAME_COLUMNS_MIN = 8
GAP = 2
DROPPED = ("latency", "cache write", "cache read", "errors")
"""What a narrow terminal leaves out, first things first."""

Sums = Mapping[Measure, int]
Figures = dict[str, list[str]]
"""Columns of figures by their headings; the last cell is the total's."""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer, and what was asked."""

    question: Question
    interval: Interval | None
    zone: ZoneInfo
    lines: Sequence[Line]
    total: Sums
    names: Mapping[Dimension, Mapping[Key, str]]
    others: int = 0
    """How many lines are taken together in the last one."""

    def start(self, line: Line) -> str:
        """When the line's interval begins, on the clocks of the zone."""
        start_us = self.question.edges_us[line.slot]
        if self.interval is Interval.HOUR:
            return _moment(start_us, self.zone)
        day = day_of(start_us, self.zone)
        if self.interval is Interval.WEEK:  # by its Monday, also where the range begins later
            day -= timedelta(days=day.weekday())
        return f"{day:%Y-%m}" if self.interval is Interval.MONTH else str(day)

    def name(self, dimension: Dimension, key: Key) -> str:
        """How people call it; where several have one name, with the number."""
        if key is None:
            return NOBODY
        if dimension is Dimension.STREAMED:
            return "streamed" if key else "whole"
        names = self.names.get(dimension, {})
        name = names.get(key)
        if name is None:
            return cells.plain(str(key))
        alone = sum(other == name for other in names.values()) == 1
        return cells.plain(name if alone else f"{name} ({str(key)[:8]})")

    @property
    def range(self) -> str:
        edges = self.question.edges_us
        return f"{_moment(edges[0], self.zone)} – {_moment(edges[-1], self.zone)} ({self.zone.key})"


def total_of(lines: Iterable[Line]) -> dict[Measure, int]:
    """All lines as one."""
    total = dict.fromkeys(Measure, 0)
    for line in lines:
        for measure, sum_ in line.sums.items():
            total[measure] += sum_
    return total


def average_us(sums: Sums, total: Measure = Measure.LATENCY_US) -> int | None:
    """The mean of what was timed."""
    count = sums[Measure.TIMED_CALLS if total is Measure.LATENCY_US else Measure.TTFT_CALLS]
    return (sums[total] + count // 2) // count if count else None


def known_tokens(sums: Sums, measure: Measure = Measure.TOTAL_TOKENS) -> int | None:
    """A count; `None` where there were calls and none of them said any."""
    return sums[measure] if sums[Measure.METERED_CALLS] or not sums[Measure.CALLS] else None


def known_cost(sums: Sums) -> int | None:
    """The cost; `None` where there were calls and none of them has a price."""
    known = sums[Measure.PRICED_CALLS] or not sums[Measure.CALLS]
    return sums[Measure.COST_NANOUSD] if known else None


# JSON and CSV: the fields of the control API's report.


def document(found: Report) -> dict[str, Any]:
    """What `--json` prints."""
    edges = found.question.edges_us
    lines = [{**_heading(found, line), **_fields(line.sums)} for line in found.lines]
    if found.others:
        nothing = dict.fromkeys(_heading(found, found.lines[-1]))
        lines[-1] = {**nothing, "others": found.others, **_fields(found.lines[-1].sums)}
    return {
        "from": to_the_millisecond(edges[0]),
        "to": to_the_millisecond(edges[-1]),
        "tz": found.zone.key,
        "lines": lines,
        "total": _fields(found.total),
    }


def _heading(found: Report, line: Line) -> dict[str, Any]:
    heading: dict[str, Any] = {}
    if found.interval is not None:
        heading["start"] = to_the_millisecond(found.question.edges_us[line.slot])
        heading[found.interval.value] = found.start(line)
    for dimension, key in zip(found.question.by, line.keys, strict=True):
        heading[dimension.value] = key
        if dimension in NAMED:
            heading[f"{dimension}_name"] = found.names[dimension].get(key)
    return heading


def _fields(sums: Sums) -> dict[str, Any]:
    latency, ttft, cost = average_us(sums), average_us(sums, Measure.TTFT_US), known_cost(sums)
    return {
        "calls": sums[Measure.CALLS],
        "errors": sums[Measure.ERROR_CALLS],
        "aborted": sums[Measure.ABORTED_CALLS],
        "metered_calls": sums[Measure.METERED_CALLS],
        "priced_calls": sums[Measure.PRICED_CALLS],
        **{one.value: known_tokens(sums, one) for one in COUNTS},
        "cost_usd": None if cost is None else usd(cost),
        "avg_latency_ms": None if latency is None else latency / 1000,
        "avg_ttft_ms": None if ttft is None else ttft / 1000,
    }


def print_csv(found: Report) -> None:
    """The lines alone, since a total in a table of data would be counted with them."""
    from wellhead.exporting.csv_file import guarded

    heading = [] if found.interval is None else ["start", found.interval.value]
    for one in found.question.by:
        heading += [one.value, f"{one}_name"] if one in NAMED else [one.value]
    columns = [*heading, *(["others"] if found.others else []), *_fields(found.total)]
    writer = csv.DictWriter(sys.stdout, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for line, fields in zip(found.lines, document(found)["lines"], strict=True):
        cost = known_cost(line.sums)
        exact = {**fields, "cost_usd": None if cost is None else decimal_usd(cost)}
        # Clients choose names, and a spreadsheet runs what looks like a formula.
        writer.writerow({name: guarded(one) if isinstance(one, str) else one for name, one in exact.items()})


# The table.


def print_table(found: Report, columns: int | None) -> None:
    """Lines and their total; fitted to so many columns of a terminal, or in full where there is none."""
    headings = [*([] if found.interval is None else [found.interval.value]), *found.question.by]
    names, figures = _names(found), _figures(found, str if columns is None else cells.whole)
    if columns is not None:
        names, figures = _fitted(found, headings, names, figures, columns)
    print(cells.printed(f"Usage {found.range}"))
    print()
    if columns is not None:
        _print_rich(headings, names, figures, columns)
        return
    widths = [max(map(cells.width, some)) for some in zip(headings, *names, strict=True)]
    sizes = {heading: max(map(cells.width, (heading, *some))) for heading, some in figures.items()}
    for line in [
        (headings, list(figures)),
        *zip(names, map(list, zip(*figures.values(), strict=True)), strict=True),
    ]:
        before = [cells.left(name, size) for name, size in zip(line[0], widths, strict=True)]
        after = [cells.right(cell, size) for cell, size in zip(line[1], sizes.values(), strict=True)]
        print(cells.printed((" " * GAP).join([*before, *after])))


def _print_rich(headings: Sequence[str], names: list[list[str]], figures: Figures, columns: int) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    for heading in figures:
        table.add_column(heading, no_wrap=True, justify="right")
    for place, (before, after) in enumerate(zip(names, zip(*figures.values(), strict=True), strict=True)):
        style = "bold" if place == len(names) - 1 else None
        table.add_row(*map(cells.printed, (*before, *after)), style=style)
    # Names are whatever clients sent: nothing in them is markup.
    Console(markup=False, emoji=False, highlight=False, width=columns).print(table)


def _names(found: Report) -> list[list[str]]:
    """What stands before the figures, for each line and for the total."""
    lines = []
    for line in found.lines:
        start = [] if found.interval is None else [found.start(line)]
        keys = zip(found.question.by, line.keys, strict=True)
        lines.append([*start, *(found.name(one, key) for one, key in keys)])
    more = [""] * (len(lines[0]) - 1)
    if found.others:
        lines[-1] = [f"{OTHERS} ({found.others})", *more]
    return [*lines, [TOTAL, *more]]


def _figures(found: Report, count: Callable[[int], str]) -> Figures:
    every = [*(line.sums for line in found.lines), found.total]
    whole = str if count is str else cells.whole
    decimals = 2 if max(sums[Measure.COST_NANOUSD] for sums in every) >= 10 * NANOUSD_PER_USD else 4

    def tokens(measure: Measure) -> list[str]:
        known = [known_tokens(sums, measure) for sums in every]
        return [cells.UNKNOWN if one is None else count(one) for one in known]

    figures = {
        "calls": [whole(sums[Measure.CALLS]) for sums in every],
        "errors": [whole(sums[Measure.ERROR_CALLS]) for sums in every],
        "input": tokens(Measure.INPUT_TOKENS),
        "cache read": tokens(Measure.CACHE_READ_TOKENS),
        "cache write": tokens(Measure.CACHE_WRITE_TOKENS),
        "output": tokens(Measure.OUTPUT_TOKENS),
        "USD": [cells.dollars(known_cost(sums), decimals, separated=count is not str) for sums in every],
    }
    if any(sums[Measure.PRICED_CALLS] < sums[Measure.METERED_CALLS] for sums in every):
        figures["priced"] = [_share(sums) for sums in every]
    return {**figures, "latency": [cells.seconds(average_us(sums)) for sums in every]}


def _share(sums: Sums) -> str:
    """How many of the calls whose usage is known have a price; not all of them as long as one has none."""
    metered = sums[Measure.METERED_CALLS]
    if not metered:
        return cells.UNKNOWN
    return f"{min(sums[Measure.PRICED_CALLS] * 100 // metered, 100)}%"


def _fitted(
    found: Report, headings: Sequence[str], names: list[list[str]], figures: Figures, columns: int
) -> tuple[list[list[str]], Figures]:
    needed = [max(map(cells.width, some)) for some in zip(headings, *names, strict=True)]
    needed = [min(one, NAME_COLUMNS_MAX) for one in needed]
    least = [min(one, max(cells.width(h), NAME_COLUMNS_MIN)) for one, h in zip(needed, headings, strict=True)]
    if found.interval is not None:
        least[0] = needed[0]  # half a date is none
    if _room(headings, figures, columns) < sum(needed):
        figures = _figures(found, cells.short)
    for heading in DROPPED:
        if _room(headings, figures, columns) >= min(sum(needed), 2 * sum(least)):
            break
        figures = {name: some for name, some in figures.items() if name != heading}
    widths = list(least)
    spare = _room(headings, figures, columns) - sum(least)
    for place, wanted in enumerate(needed):
        more = max(min(spare, wanted - least[place]), 0)
        widths[place] += more
        spare -= more
    names_from = 0 if found.interval is None else 1
    while spare < 0 and (widest := max(widths[names_from:], default=0)) > 1:
        widths[widths.index(widest, names_from)] -= 1
        spare += 1
    cut = [[cells.cut(one, most) for one, most in zip(line, widths, strict=True)] for line in names]
    return cut, figures


def _room(headings: Sequence[str], figures: Figures, columns: int) -> int:
    """How many columns are left for names."""
    taken = sum(max(map(cells.width, (heading, *some))) for heading, some in figures.items())
    return columns - taken - GAP * (len(headings) + len(figures) - 1)


def _moment(us: int, zone: ZoneInfo) -> str:
    return f"{at(us).astimezone(zone):%Y-%m-%d %H:%M}"
