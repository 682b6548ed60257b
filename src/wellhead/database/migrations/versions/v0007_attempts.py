"""The attempts of calls that needed more than one, or came to nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "attempts",
        sa.Column("call_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credential_id", sa.BigInteger()),
        sa.Column("started_us", sa.BigInteger(), nullable=False),
        sa.Column("latency_us", sa.BigInteger()),
        sa.Column("status_code", sa.Integer()),
        sa.Column("error_code", sa.Text()),
        sa.Column("unmetered", sa.Boolean(), nullable=False),
        *(
            sa.Column(f"{what}_max", sa.BigInteger())
            for what in ("input_tokens", "output_tokens", "cost_nanousd")
        ),
        sa.PrimaryKeyConstraint("call_id", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "attempts_unmetered",
        "attempts",
        ["started_us"],
        sqlite_where=sa.text("unmetered = 1"),
        postgresql_where=sa.text("unmetered"),
    )
