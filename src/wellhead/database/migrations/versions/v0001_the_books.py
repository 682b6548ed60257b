"""The books: calls in two phases, their rollups, and the workers that write them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens"),
    *("output_image_tokens", "total_tokens", "audio_ms", "web_searches"),
)
SUMS = (
    *("calls", "metered_calls", "priced_calls", *COUNTS, "cost_nanousd"),
    *("timed_calls", "latency_us", "ttft_calls", "ttft_us", "request_bytes", "response_bytes"),
)


def upgrade() -> None:
    """Make the first tables."""
    _calls()
    _usage("usage_hourly", _required("hour", sa.Integer()))
    _usage("usage_total")
    op.create_table(
        "latency_hourly",
        _required("hour", sa.Integer()),
        *(_required(name, sa.Text()) for name in ("provider", "model")),
        _required("bucket", sa.Integer()),
        *(_required(name, sa.BigInteger()) for name in ("latency_calls", "ttft_calls")),
        sa.PrimaryKeyConstraint("hour", "provider", "model", "bucket"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "workers",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        _required("host", sa.Text()),
        _required("pid", sa.Integer()),
        *(
            _required(name, sa.BigInteger())
            for name in ("process_started_ticks", "started_us", "heartbeat_us")
        ),
        sa.PrimaryKeyConstraint("slot"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        _required("state", sa.Text()),
        _required("worker_id", sa.Integer()),
        _required("started_us", sa.BigInteger()),
        sa.Column("finished_us", sa.BigInteger()),
        *(_required(name, sa.Text()) for name in ("provider", "dialect", "method", "path")),
        sa.Column("model", sa.Text()),
        _required("streamed", sa.Boolean()),
        *_texts("tool", "client", "session", "agent", "message_id", "user_agent", "origin", "client_address"),
        *_numbers("project_id", "key_id"),
        sa.Column("credential_hash", sa.LargeBinary(32)),
        sa.Column("request_bytes", sa.BigInteger()),
        sa.Column("message_count", sa.Integer()),
        *_numbers("max_output_tokens", "hold_nanousd"),
        sa.Column("status_code", sa.Integer()),
        *_texts(
            "error_code",
            "error_message",
            "finish_reason",
            "upstream_request_id",
            "model_served",
            "service_tier",
            "account",
        ),
        *_numbers(*COUNTS),
        *_texts("usage_source", "usage_extra"),
        sa.Column("cost_nanousd", sa.BigInteger()),
        sa.Column("cost_state", sa.Text()),
        *_numbers("rate_id", "latency_us", "upstream_latency_us", "ttft_us", "response_bytes"),
        sa.Column("attempts", sa.Integer()),
        sa.Column("incomplete", sa.Boolean()),
        *_texts("trouble", "reserve"),
        sa.PrimaryKeyConstraint("id"),
    )
    pending, finished = sa.text("state = 'pending'"), sa.text("finished_us IS NOT NULL")
    op.create_index("calls_pending", "calls", ["worker_id"], sqlite_where=pending, postgresql_where=pending)
    op.create_index(
        "calls_finished", "calls", ["finished_us"], sqlite_where=finished, postgresql_where=finished
    )


def _usage(name: str, *first: sa.Column[Any]) -> None:
    keys = (
        *(_required(key, sa.Text()) for key in ("provider", "model", "tool", "client")),
        *(_required(key, sa.BigInteger()) for key in ("project_id", "key_id")),
        *(_required(key, sa.Text()) for key in ("account", "outcome")),
        _required("streamed", sa.Boolean()),
    )
    op.create_table(
        name,
        *first,
        *keys,
        *(_required(total, sa.BigInteger()) for total in SUMS),
        sa.PrimaryKeyConstraint(*(column.name for column in (*first, *keys))),
        sqlite_with_rowid=False,
    )


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text()) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger()) for name in names]
