"""What calls add up to: by the hour as they end, by the day when it is over, and since the beginning.

A key that nobody said is `''` or 0 here, since NULLs are never equal and could not be added up.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from wellhead.database.schema.base import ID, TOKEN_COLUMNS, metadata

USAGE_KEY = (
    ("provider", Text),
    ("model", Text),
    ("tool", Text),
    ("client", Text),
    ("project_id", BigInteger),
    ("key_id", BigInteger),
    ("account", Text),
    ("outcome", Text),
    ("streamed", Boolean),
)
"""What usage is told apart by; `outcome` is the terminal state."""

USAGE_SUMS = (
    "calls",
    "metered_calls",
    "priced_calls",
    *TOKEN_COLUMNS,
    "cost_nanousd",
    "timed_calls",
    "latency_us",
    "ttft_calls",
    "ttft_us",
    "request_bytes",
    "response_bytes",
)
"""What is added up; `metered`, `priced`, `timed` and `ttft` calls are those whose figure is known."""


def _key_columns() -> tuple[Column[object], ...]:
    return tuple(Column(name, kind, nullable=False) for name, kind in USAGE_KEY)


def _sum_columns() -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in USAGE_SUMS)


usage_hourly = Table(
    "usage_hourly",
    metadata,
    Column("hour", Integer, nullable=False),
    *_key_columns(),
    *_sum_columns(),
    PrimaryKeyConstraint("hour", *(name for name, _ in USAGE_KEY)),
    sqlite_with_rowid=False,
)
"""Calls by the hour they ended in; `hour` counts whole hours since the epoch (UTC)."""

usage_total = Table(
    "usage_total",
    metadata,
    *_key_columns(),
    *_sum_columns(),
    PrimaryKeyConstraint(*(name for name, _ in USAGE_KEY)),
    sqlite_with_rowid=False,
)
"""The same since the books were opened, for counters that survive restarts."""

SPENDING_KEY = tuple(one for one in USAGE_KEY if one[0] not in ("outcome", "streamed"))
"""Who used what, whatever came of it: a third of the rows."""
MEASURES = (
    *("calls", "error_calls", "aborted_calls", "metered_calls", "priced_calls"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("total_tokens", "cost_nanousd", "timed_calls", "latency_us", "ttft_calls", "ttft_us"),
)
"""What reports ask for: the values of `wellhead.report.Measure`."""


models_hourly = Table(
    "models_hourly",
    metadata,
    Column("hour", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in MEASURES),
    Column("latency", LargeBinary, nullable=False),
    Column("ttft", LargeBinary, nullable=False),
    PrimaryKeyConstraint("hour", "provider", "model"),
    sqlite_with_rowid=False,
)
"""Models, whoever used them, with histograms for percentiles, packed as `wellhead.histogram` says.

A row for each bucket would take as much room as a tenth of the calls.
"""

errors_daily = Table(
    "errors_daily",
    metadata,
    Column("day", Integer, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "streamed", "error_code"),
    sqlite_with_rowid=False,
)
"""What went wrong by the day; where a call has no error code, its terminal state."""

origins_daily = Table(
    "origins_daily",
    metadata,
    Column("day", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "origin"),
    sqlite_with_rowid=False,
)
"""What came from web pages by the day."""


def _answer_columns() -> tuple[Column[Any] | PrimaryKeyConstraint, ...]:
    return (
        Column("provider", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("status_code", Integer, nullable=False),
        Column("streamed", Boolean, nullable=False),
        Column("latency_us", BigInteger, nullable=False),
        Column("ttft_us", BigInteger, nullable=False),
        Column("latency", LargeBinary, nullable=False),
        Column("ttft", LargeBinary, nullable=False),
        PrimaryKeyConstraint("provider", "model", "outcome", "status_code", "streamed"),
    )


latency_total = Table("latency_total", metadata, *_answer_columns(), sqlite_with_rowid=False)
"""Histograms since the books were opened, for Prometheus, packed; and the sums of what is in them.

`status_code` is 0 where nobody was told anything.
"""

latency_removed = Table("latency_removed", metadata, *_answer_columns(), sqlite_with_rowid=False)
"""What of it comes from calls that were removed since."""

closed_days = Table(
    "closed_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("has_calls", Boolean, nullable=False),
)
"""Days (UTC) that are over and have what follows; a call that is booked or priced later opens its day again.

`has_calls` is false where calls had been removed before the day was closed.
"""

usage_keys = Table(
    "usage_keys",
    metadata,
    Column("number", ID, primary_key=True),
    *(Column(name, kind, nullable=False) for name, kind in SPENDING_KEY),
    UniqueConstraint(*(name for name, _ in SPENDING_KEY)),
)
"""What the ids in sheets stand for."""

usage_sheets = Table(
    "usage_sheets",
    metadata,
    Column("half_hour", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("sheet", LargeBinary, nullable=False),
    Column("ends", LargeBinary, nullable=False),
    PrimaryKeyConstraint("half_hour", "day"),
)
"""Who used what on closed days, as sheets (`wellhead.database.sheet`) of `MEASURES` by the number of a key.

::

    half_hour      1    2    3    4    5    6   ...   48
    holds          |----|                                     an odd one: that half of an hour alone
                   |---------|                                an even one: all since midnight
                             |----|
                   |-------------------|

So the difference of a few is any range of half hours, and 48 is the whole day.  `ends` has the same by
number, outcome and `streamed`, but for calls that ended as most do (`wellhead.database.day_sheets`).
"""

model_sheets = Table(
    "model_sheets",
    metadata,
    Column("half_hour", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("sheet", LargeBinary, nullable=False),
    Column("histograms", LargeBinary, nullable=False),
    PrimaryKeyConstraint("half_hour", "day"),
)
"""The same of models, whoever used them: far fewer rows, and what percentiles are told from.

Ids are those of `ends`, for every end, with numbers of keys that have nothing but provider and model;
`histograms` has two packed ones (`wellhead.histogram`) for each number.
"""

session_sheets = Table(
    "session_sheets",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("sheet", LargeBinary, nullable=False),
    Column("took", LargeBinary),
)
"""Whole days by half hour (0 to 47), session, agent, number of a key, outcome and `streamed`.

The ids of session, agent and outcome are places in its names.  `took` has how long each call took, for
percentiles of whatever they are told apart by: row by row the buckets (`wellhead.histogram`) of as many
calls as the row counts latencies, then those of times to first byte.  NULL: it was not written down then.
Once calls of the day were removed, this is what is known of its sessions.
"""
