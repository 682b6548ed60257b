"""Gauges: what accounts have left of their quotas, how busy workers are, and who is named in monitoring."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the columns."""
    op.create_table(
        "quota_gauges",
        *(_required(name, sa.Text()) for name in ("provider", "account", "name")),
        _required("at_us", sa.BigInteger()),
        sa.Column("used_ratio", sa.Float()),
        *(
            sa.Column(name, sa.BigInteger())
            for name in ("amount_limit", "remaining", "resets_us", "window_s")
        ),
        sa.Column("status", sa.Text()),
        sa.PrimaryKeyConstraint("provider", "account", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "metric_names",
        *(_required(name, sa.Text()) for name in ("kind", "provider", "name")),
        _required("is_named", sa.Boolean()),
        sa.Column("retired_as", sa.Text()),
        sa.PrimaryKeyConstraint("kind", "provider", "name"),
        sqlite_with_rowid=False,
    )
    for name in ("calls_open", "queued", "commits", "commit_us", "settlements_lost"):
        op.add_column("workers", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
