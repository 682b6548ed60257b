"""Usage and latency by the day, and latency since the beginning: for long ranges and for counters.

Histograms were a row for each bucket, and become two packed values for each hour
and each day.  All is filled from what is there, day by day or row by row, so that
large books take no more memory than small ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby, islice
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
    "total_tokens",
    "audio_ms",
    "web_searches",
)
SUMS = (
    "calls",
    "metered_calls",
    "priced_calls",
    *TOKENS,
    "cost_nanousd",
    "timed_calls",
    "latency_us",
    "ttft_calls",
    "ttft_us",
    "request_bytes",
    "response_bytes",
)


KEY = (
    *("provider", "model", "tool", "client"),
    *("project_id", "key_id", "account", "outcome", "streamed"),
)
ROWS = 500
"""Put in at a time."""


def upgrade() -> None:
    """Make the tables, and fill them."""
    _make_usage()
    _make_latency()
    _make_indexes()
    connection = op.get_bind()
    _fill_usage(connection)
    _fill_histograms(connection)
    _fill_total(connection)
    op.drop_table("latency_rows")


def _make_usage() -> None:
    op.create_table(
        "usage_daily",
        _required("day", sa.Integer()),
        *(_required(name, sa.Text()) for name in ("provider", "model", "tool", "client")),
        *(_required(name, sa.BigInteger()) for name in ("project_id", "key_id")),
        *(_required(name, sa.Text()) for name in ("account", "outcome")),
        _required("streamed", sa.Boolean()),
        *(_required(name, sa.BigInteger()) for name in SUMS),
        sa.PrimaryKeyConstraint("day", *KEY),
        sqlite_with_rowid=False,
    )


def _make_latency() -> None:
    op.rename_table("latency_hourly", "latency_rows")
    for table, moment in (("latency_hourly", "hour"), ("latency_daily", "day")):
        op.create_table(
            table,
            _required(moment, sa.Integer()),
            *(_required(name, sa.Text()) for name in ("provider", "model")),
            *(_required(name, sa.LargeBinary()) for name in ("latency", "ttft")),
            sa.PrimaryKeyConstraint(moment, "provider", "model"),
            sqlite_with_rowid=False,
        )
    op.create_table(
        "latency_total",
        *(_required(name, sa.Text()) for name in ("provider", "model", "outcome")),
        _required("status_code", sa.Integer()),
        _required("streamed", sa.Boolean()),
        _required("bucket", sa.Integer()),
        *(
            _required(name, sa.BigInteger())
            for name in ("latency_calls", "latency_us", "ttft_calls", "ttft_us")
        ),
        sa.PrimaryKeyConstraint("provider", "model", "outcome", "status_code", "streamed", "bucket"),
        sqlite_with_rowid=False,
    )


def _make_indexes() -> None:
    op.drop_index("calls_went_wrong", "calls")
    wrong = sa.text("state NOT IN ('pending', 'completed')")
    op.create_index(
        "calls_went_wrong",
        "calls",
        ["finished_us", "streamed", "error_code", "state", "status_code"],
        sqlite_where=wrong,
        postgresql_where=wrong,
    )
    long = sa.text("finished_us - started_us > 3600000000")
    op.create_index("calls_long", "calls", ["finished_us"], sqlite_where=long, postgresql_where=long)


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _fill_usage(connection: sa.Connection) -> None:
    keys, sums = ",".join(KEY), ",".join(f"sum({name})" for name in SUMS)
    one_day = sa.text(
        f"INSERT INTO usage_daily (day,{keys},{','.join(SUMS)}) SELECT :day,{keys},{sums}"  # noqa: S608
        f" FROM usage_hourly WHERE hour>=:day*24 AND hour<:day*24+24 GROUP BY {keys}"
    )
    # By the key from one day to the next; all days at once would be sorted in memory.
    later = sa.text("SELECT min(hour) FROM usage_hourly WHERE hour>=:since")
    hour = connection.execute(sa.text("SELECT min(hour) FROM usage_hourly")).scalar()
    while hour is not None:
        day = hour // 24
        connection.execute(one_day, {"day": day})
        hour = connection.execute(later, {"since": day * 24 + 24}).scalar()


def _fill_histograms(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.text(
            "SELECT hour,provider,model,bucket,latency_calls,ttft_calls FROM latency_rows ORDER BY 1,2,3,4"
        )
    )
    for day, some in groupby(_in_parts(rows), lambda row: row[0] // 24):
        of_day: dict[tuple[Any, ...], Any] = defaultdict(lambda: (defaultdict(int), defaultdict(int)))
        hours = []
        for (hour, provider, model), buckets in groupby(some, lambda row: tuple(row[:3])):
            of_hour: Any = ({}, {})
            for row in buckets:
                for which, count in ((0, row.latency_calls), (1, row.ttft_calls)):
                    if count:
                        of_hour[which][row.bucket] = count
                        of_day[day, provider, model][which][row.bucket] += count
            hours.append(((hour, provider, model), of_hour))
        _put(connection, "latency_hourly", "hour", hours)
        _put(connection, "latency_daily", "day", of_day.items())


def _put(connection: sa.Connection, table: str, moment: str, rows: Iterable[tuple[Any, Any]]) -> None:
    statement = sa.text(f"INSERT INTO {table} VALUES (:{moment},:provider,:model,:latency,:ttft)")  # noqa: S608
    names = (moment, "provider", "model", "latency", "ttft")
    for some in _batches(rows):
        values = [(*key, _packed(latency), _packed(ttft)) for key, (latency, ttft) in some]
        connection.execute(statement, [dict(zip(names, one, strict=True)) for one in values])


def _fill_total(connection: sa.Connection) -> None:
    rows = connection.execute(
        sa.text(
            "SELECT provider,coalesce(model,''),state,coalesce(status_code,0),streamed,latency_us,ttft_us"
            " FROM calls WHERE finished_us IS NOT NULL"
        )
    )
    found: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in _in_parts(rows):
        for place, us in ((0, row.latency_us), (2, row.ttft_us)):
            if us is not None:
                sums = found[*row[:5], _bucket(us)]
                sums[place] += 1
                sums[place + 1] += us
    names = (
        *("provider", "model", "outcome", "status_code", "streamed", "bucket"),
        *("latency_calls", "latency_us", "ttft_calls", "ttft_us"),
    )
    statement = sa.text(f"INSERT INTO latency_total VALUES ({','.join(f':{name}' for name in names)})")  # noqa: S608
    for some in _batches(sorted(found.items())):
        connection.execute(statement, [dict(zip(names, (*key, *sums), strict=True)) for key, sums in some])


def _in_parts(rows: sa.CursorResult[Any]) -> Iterator[sa.Row[Any]]:
    for part in rows.partitions(ROWS):
        yield from part


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    left = iter(rows)
    while some := list(islice(left, ROWS)):
        yield some


def _bucket(us: int) -> int:
    """As `wellhead.histogram` had it when this was written."""
    shift = max(us.bit_length() - 5, 0)
    return (shift << 4) + (us >> shift)


def _packed(counts: dict[int, int]) -> bytes:
    """The same."""
    if not counts:
        return b""
    first, last, most = min(counts), max(counts), max(counts.values())
    width = next(size for size in (1, 2, 4, 8) if most < 256**size)
    lanes = (counts.get(number, 0).to_bytes(width, "little") for number in range(first, last + 1))
    return bytes((width, first & 0xFF, first >> 8)) + b"".join(lanes)
