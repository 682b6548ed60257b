"""What the calls of some time name in one dimension: the models, tools, keys, ... that there are.

Out of a report by the day, so it takes as long as there are names, not calls; who is
asked for some text looks at all names, and answers with those that most calls have.
"""

from collections import defaultdict
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from wellhead.database import usage_reports
from wellhead.database.schema import keys, projects, usage_hourly
from wellhead.database.spans import HOURS_A_DAY
from wellhead.moments import DAY_US
from wellhead.report import UNKNOWN, Dimension, Line, Measure, Name, Question

DIMENSIONS = (
    *(Dimension.PROVIDER, Dimension.MODEL, Dimension.TOOL, Dimension.CLIENT),
    *(Dimension.PROJECT, Dimension.KEY, Dimension.ACCOUNT),
)
"""The others have few values that are known, or are in no rollup."""
MEASURES = (Measure.CALLS, Measure.PRICED_CALLS, Measure.COST_NANOUSD)
LINES_MAX = 2**31
DAYS_AT_ONCE = 30
_CALLED = {
    Dimension.PROJECT: (projects.c.uuid, projects.c.name),
    Dimension.KEY: (keys.c.id, keys.c.name),
}
"""What stands in a dimension, and what people call it."""


def names(connection: Connection, dimension: Dimension, since_us: int, text: str, count: int) -> list[Name]:
    """So many names with some text in them, of calls that ended on the day of a moment or later."""
    sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    last_us: dict[str, int] = {}
    for day_us, line in _by_day(connection, dimension, since_us // DAY_US):
        value = UNKNOWN if line.keys[0] is None else str(line.keys[0])
        sums[value] = [so_far + line.sums[one] for so_far, one in zip(sums[value], MEASURES, strict=True)]
        last_us[value] = max(day_us, last_us.get(value, day_us))
    called = _called(connection, dimension)
    found = [
        Name(value, called.get(value), calls, cost if priced else None, last_us[value])
        for value, (calls, priced, cost) in sums.items()
        if text.lower() in value.lower() or text.lower() in called.get(value, "").lower()
    ]
    return sorted(found, key=lambda one: (-one.calls, one.value))[:count]


def _by_day(connection: Connection, dimension: Dimension, first: int) -> Iterator[tuple[int, Line]]:
    """The beginning of a day, and what one name has of it; of some days at a time."""
    last_hour = connection.scalar(select(func.max(usage_hourly.c.hour)))
    end = first if last_hour is None else last_hour // HOURS_A_DAY + 1
    for since in range(first, end, DAYS_AT_ONCE):
        edges = tuple(day * DAY_US for day in range(since, min(since + DAYS_AT_ONCE, end) + 1))
        for line in usage_reports.answer(connection, Question(MEASURES, (dimension,), edges, {}, LINES_MAX)):
            yield edges[line.slot], line


def _called(connection: Connection, dimension: Dimension) -> dict[str, str]:
    if dimension not in _CALLED:
        return {}
    return {str(value): name for value, name in connection.execute(select(*_CALLED[dimension]))}
