"""Sheets of models, with their histograms, of how calls ended, and of sessions by half hour.

They take the place of sums by the day.

All days are open then, and are closed again as the program runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables anew, of which no day is closed so far."""
    op.drop_table("usage_sheets")
    for table, other in (("usage_sheets", "ends"), ("model_sheets", "histograms")):
        op.create_table(
            table,
            sa.Column("half_hour", sa.Integer(), nullable=False),
            sa.Column("day", sa.Integer(), nullable=False),
            sa.Column("sheet", sa.LargeBinary(), nullable=False),
            sa.Column(other, sa.LargeBinary(), nullable=False),
            sa.PrimaryKeyConstraint("half_hour", "day"),
        )
    op.drop_table("usage_daily")
    op.drop_table("models_daily")
    for table in ("session_sheets", "closed_days"):
        op.execute(f"DELETE FROM {table}")  # noqa: S608
