"""What calls cost: the rates that priced them, and a record of every pricing; and indexes for reports."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make both tables; calls that are there already have no record, and get one when they are priced."""
    op.create_table(
        "rates",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        *(_required(name, sa.Text()) for name in ("key", "source")),
        sa.Column("provider", sa.Text()),
        _required("model", sa.Text()),
        *(sa.Column(name, sa.BigInteger()) for name in ("since_us", "until_us")),
        _required("prices", sa.Text()),
        _required("first_used_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "cost_audits",
        sa.Column("call_id", NUMBER, nullable=False),
        _required("number", sa.Integer()),
        _required("at_us", sa.BigInteger()),
        *(_required(name, sa.Text()) for name in ("reason", "cost_state")),
        sa.Column("cost_nanousd", sa.BigInteger()),
        sa.Column("rate_id", sa.BigInteger()),
        *(sa.Column(name, sa.Text()) for name in ("model", "how", "trouble", "steps")),
        sa.PrimaryKeyConstraint("call_id", "number"),
        sqlite_with_rowid=False,
    )
    wrong = sa.text("state NOT IN ('pending', 'completed')")
    op.create_index(
        "calls_went_wrong",
        "calls",
        ["finished_us", "streamed", "error_code", "state"],
        sqlite_where=wrong,
        postgresql_where=wrong,
    )
    from_a_page = sa.text("origin IS NOT NULL")
    op.create_index(
        "calls_origin",
        "calls",
        ["finished_us", "origin"],
        sqlite_where=from_a_page,
        postgresql_where=from_a_page,
    )


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
