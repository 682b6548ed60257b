"""What is made of days that are over, for reports over long ranges; days are closed as the program runs.

What was added up by the day until now goes with that.  The histograms since the beginning were
a row for each bucket, and become two packed values for each answer.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SPENDING_KEY = ("provider", "model", "tool", "client", "project_id", "key_id", "account")
NUMBERS = ("project_id", "key_id")
ANSWER = ("provider", "model", "outcome", "status_code", "streamed")
US = ("latency_us", "ttft_us")
HISTOGRAMS = ("latency", "ttft")


def upgrade() -> None:
    """Make the tables, of which no day is closed so far, and pack the histograms."""
    _make_sheets()
    for table in ("usage_daily", "models_daily"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608
    op.drop_table("spending_daily")
    for table in ("latency_total", "latency_removed"):
        _pack(table)


def _make_sheets() -> None:
    op.create_table(
        "closed_days",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        _required("has_calls", sa.Boolean()),
    )
    op.create_table(
        "usage_keys",
        sa.Column("number", sa.Integer(), primary_key=True),
        *(_required(name, sa.BigInteger() if name in NUMBERS else sa.Text()) for name in SPENDING_KEY),
        sa.UniqueConstraint(*SPENDING_KEY),
    )
    op.create_table(
        "usage_sheets",
        _required("half_hour", sa.Integer()),
        _required("day", sa.Integer()),
        _required("sheet", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("half_hour", "day"),
    )
    op.create_table(
        "session_sheets",
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        _required("sheet", sa.LargeBinary()),
    )


def _pack(table: str) -> None:
    columns = (*ANSWER, "bucket", "latency_calls", "latency_us", "ttft_calls", "ttft_us")
    query = sa.text(f"SELECT {','.join(columns)} FROM {table} ORDER BY {','.join(ANSWER)}")  # noqa: S608
    rows = list(_packed_rows(op.get_bind().execute(query).all()))
    op.drop_table(table)
    made = op.create_table(
        table,
        *(_required(name, sa.Text()) for name in ANSWER[:3]),
        _required("status_code", sa.Integer()),
        _required("streamed", sa.Boolean()),
        *(_required(name, sa.BigInteger()) for name in US),
        *(_required(name, sa.LargeBinary()) for name in HISTOGRAMS),
        sa.PrimaryKeyConstraint(*ANSWER),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(made, rows)


def _packed_rows(rows: Any) -> Iterator[dict[str, Any]]:
    for answer, some in groupby(rows, lambda row: tuple(row[: len(ANSWER)])):
        us, counts = [0, 0], ({}, {})  # type: tuple[list[int], tuple[dict[int, int], ...]]
        for row in some:
            of_both = (row.latency_calls, row.latency_us), (row.ttft_calls, row.ttft_us)
            for place, (calls, took_us) in enumerate(of_both):
                us[place] += took_us
                if calls:
                    counts[place][row.bucket] = calls
        yield dict(zip((*ANSWER, *US, *HISTOGRAMS), (*answer, *us, *map(_packed, counts)), strict=True))


def _packed(counts: dict[int, int]) -> bytes:
    """As `wellhead.histogram` had it when this was written."""
    if not counts:
        return b""
    first, last, most = min(counts), max(counts), max(counts.values())
    width = next(size for size in (1, 2, 4, 8) if most < 256**size)
    lanes = (counts.get(number, 0).to_bytes(width, "little") for number in range(first, last + 1))
    return bytes((width, first & 0xFF, first >> 8)) + b"".join(lanes)


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
