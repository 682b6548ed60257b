"""Until when calls were removed, and what they had added to the histograms since the beginning."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; nothing was removed so far."""
    op.create_table(
        "latency_removed",
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
    op.create_table(
        "retention",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        _required("removed_before_us", sa.BigInteger()),
    )


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
