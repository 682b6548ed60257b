"""Usage by the day and by model, latency since the beginning: for long ranges and for counters.

Histograms were a row for each bucket, and become two packed values for each hour
and each day of a model.  All is filled from what is there, day by day or row by row,
so that large books take no more memory than small ones.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import add
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


SPENDING_KEY = ("provider", "model", "tool", "client", "project_id", "key_id", "account")
KEY = (*SPENDING_KEY, "outcome", "streamed")
MEASURES = {
    "calls": "calls",
    "error_calls": "CASE WHEN outcome IN ('failed','refused') THEN calls ELSE 0 END",
    "aborted_calls": "CASE WHEN outcome IN ('aborted','interrupted') THEN calls ELSE 0 END",
    **{name: name for name in ("metered_calls", "priced_calls", *TOKENS[:4])},
    **{name: name for name in ("reasoning_tokens", "total_tokens", "cost_nanousd")},
    **{name: name for name in ("timed_calls", "latency_us", "ttft_calls", "ttft_us")},
}
"""What reports ask for, and where it comes from."""
DAY_US = 86_400_000_000
ROWS = 500
"""Put in at a time."""


def upgrade() -> None:
    """Make the tables, and fill them."""
    _make_usage()
    _make_models()
    _make_oddities()
    _make_latency()
    _make_indexes()
    connection = op.get_bind()
    for day in _days(connection):
        _fill_day(connection, day)
    _fill_total(connection)
    op.drop_table("latency_hourly")


def _make_usage() -> None:
    for table, keys, sums in (
        ("usage_daily", KEY, SUMS),
        ("spending_daily", SPENDING_KEY, tuple(MEASURES)),
    ):
        op.create_table(
            table,
            _required("day", sa.Integer()),
            *(_required(name, _kind(name)) for name in keys),
            *(_required(name, sa.BigInteger()) for name in sums),
            sa.PrimaryKeyConstraint("day", *keys),
            sqlite_with_rowid=False,
        )


def _make_models() -> None:
    for table, moment in (("models_hourly", "hour"), ("models_daily", "day")):
        op.create_table(
            table,
            _required(moment, sa.Integer()),
            *(_required(name, sa.Text()) for name in ("provider", "model")),
            *(_required(name, sa.BigInteger()) for name in MEASURES),
            *(_required(name, sa.LargeBinary()) for name in ("latency", "ttft")),
            sa.PrimaryKeyConstraint(moment, "provider", "model"),
            sqlite_with_rowid=False,
        )


def _make_oddities() -> None:
    op.create_table(
        "errors_daily",
        _required("day", sa.Integer()),
        _required("streamed", sa.Boolean()),
        _required("error_code", sa.Text()),
        _required("calls", sa.BigInteger()),
        sa.PrimaryKeyConstraint("day", "streamed", "error_code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "origins_daily",
        _required("day", sa.Integer()),
        _required("origin", sa.Text()),
        _required("calls", sa.BigInteger()),
        sa.PrimaryKeyConstraint("day", "origin"),
        sqlite_with_rowid=False,
    )


def _make_latency() -> None:
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


def _kind(name: str) -> Any:
    return {"project_id": sa.BigInteger(), "key_id": sa.BigInteger(), "streamed": sa.Boolean()}.get(
        name, sa.Text()
    )


def _days(connection: sa.Connection) -> Iterator[int]:
    """Days with calls, one after the other: all of them at once would be sorted in memory."""
    later = sa.text("SELECT min(hour) FROM usage_hourly WHERE hour>=:since")
    hour = connection.execute(sa.text("SELECT min(hour) FROM usage_hourly")).scalar()
    while hour is not None:
        yield hour // 24
        hour = connection.execute(later, {"since": (hour // 24 + 1) * 24}).scalar()


def _fill_day(connection: sa.Connection, day: int) -> None:
    range_ = {"day": day, "since": day * 24, "until": day * 24 + 24}
    keys, sums = ",".join(KEY), ",".join(f"sum({name})" for name in SUMS)
    connection.execute(
        sa.text(
            f"INSERT INTO usage_daily (day,{keys},{','.join(SUMS)}) SELECT :day,{keys},{sums}"  # noqa: S608
            f" FROM usage_hourly WHERE hour>=:since AND hour<:until GROUP BY {keys}"
        ),
        range_,
    )
    keys, sums = ",".join(SPENDING_KEY), ",".join(f"sum({of})" for of in MEASURES.values())
    connection.execute(
        sa.text(
            f"INSERT INTO spending_daily (day,{keys},{','.join(MEASURES)}) SELECT :day,{keys},{sums}"  # noqa: S608
            f" FROM usage_daily WHERE day=:day GROUP BY {keys}"
        ),
        range_,
    )
    wrong = "state NOT IN ('pending','completed') AND finished_us>=:since_us AND finished_us<:until_us"
    range_us = {"day": day, "since_us": day * DAY_US, "until_us": (day + 1) * DAY_US}
    connection.execute(
        sa.text(
            "INSERT INTO errors_daily SELECT :day,streamed,coalesce(error_code,state),count(*)"  # noqa: S608
            f" FROM calls WHERE {wrong} GROUP BY 2,3"
        ),
        range_us,
    )
    connection.execute(
        sa.text(
            "INSERT INTO origins_daily SELECT :day,origin,count(*) FROM calls WHERE origin IS NOT NULL"
            " AND finished_us>=:since_us AND finished_us<:until_us GROUP BY 2"
        ),
        range_us,
    )
    _fill_models(connection, range_)


def _fill_models(connection: sa.Connection, range_: dict[str, int]) -> None:
    sums = ",".join(f"sum({of})" for of in MEASURES.values())
    usage = connection.execute(
        sa.text(
            f"SELECT hour,provider,model,{sums} FROM usage_hourly WHERE hour>=:since AND hour<:until"  # noqa: S608
            " GROUP BY 1,2,3"
        ),
        range_,
    ).all()
    buckets = connection.execute(
        sa.text(
            "SELECT hour,provider,model,bucket,latency_calls,ttft_calls FROM latency_hourly"
            " WHERE hour>=:since AND hour<:until ORDER BY 1,2,3,4"
        ),
        range_,
    )
    hours: dict[tuple[Any, ...], Any] = {tuple(row[:3]): (list(row[3:]), {}, {}) for row in usage}
    days: dict[tuple[Any, ...], Any] = {}
    for row in buckets:
        for which, count in ((1, row.latency_calls), (2, row.ttft_calls)):
            if count:
                hours[row.hour, row.provider, row.model][which][row.bucket] = count
    for (_, provider, model), (some, *histograms) in hours.items():
        sums_of_day, *total = days.setdefault((range_["day"], provider, model), ([0] * len(some), {}, {}))
        sums_of_day[:] = map(add, sums_of_day, some)
        for counts, more in zip(total, histograms, strict=True):
            for number, count in more.items():
                counts[number] = counts.get(number, 0) + count
    _put(connection, "models_hourly", "hour", hours)
    _put(connection, "models_daily", "day", days)


def _put(connection: sa.Connection, table: str, moment: str, rows: dict[tuple[Any, ...], Any]) -> None:
    names = (moment, "provider", "model", *MEASURES, "latency", "ttft")
    statement = sa.text(f"INSERT INTO {table} VALUES ({','.join(f':{name}' for name in names)})")  # noqa: S608
    for some in _batches(rows.items()):
        values = [(*key, *sums, _packed(latency), _packed(ttft)) for key, (sums, latency, ttft) in some]
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
