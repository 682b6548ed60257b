"""Price lists that were fetched, and when calls were priced again."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "price_lists",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("since_us", "checked_us")),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "cost_audits_again",
        "cost_audits",
        ["at_us"],
        sqlite_where=sa.text("number > 0"),
        postgresql_where=sa.text("number > 0"),
    )
