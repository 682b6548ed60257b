"""Usage and latency by the day, and latency since the beginning: for long ranges and for counters."""

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


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "usage_daily",
        _required("day", sa.Integer()),
        *(_required(name, sa.Text()) for name in ("provider", "model", "tool", "client")),
        *(_required(name, sa.BigInteger()) for name in ("project_id", "key_id")),
        *(_required(name, sa.Text()) for name in ("account", "outcome")),
        _required("streamed", sa.Boolean()),
        *(_required(name, sa.BigInteger()) for name in SUMS),
        sa.PrimaryKeyConstraint(
            *("day", "provider", "model", "tool", "client"),
            *("project_id", "key_id", "account", "outcome", "streamed"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "latency_daily",
        _required("day", sa.Integer()),
        *(_required(name, sa.Text()) for name in ("provider", "model")),
        _required("bucket", sa.Integer()),
        *(_required(name, sa.BigInteger()) for name in ("latency_calls", "ttft_calls")),
        sa.PrimaryKeyConstraint("day", "provider", "model", "bucket"),
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


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
