"""Sheets of models, with their histograms, in the place of models by the day.

All days are open then, and are closed again as the program runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, of which no day is closed so far."""
    op.create_table(
        "model_sheets",
        sa.Column("half_hour", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.LargeBinary(), nullable=False),
        sa.Column("histograms", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("half_hour", "day"),
    )
    op.drop_table("models_daily")
    op.execute("DELETE FROM closed_days")
