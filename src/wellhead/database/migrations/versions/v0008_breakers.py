"""Circuit breakers, as all workers share them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "breakers",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("failures", "version", "opening", "changed_us", "active_us")
        ),
        *(sa.Column(name, sa.BigInteger()) for name in ("opened_us", "retry_us")),
        *(sa.Column(name, sa.Text()) for name in ("opened_by", "probe_by")),
        sa.PrimaryKeyConstraint("subject"),
        sqlite_with_rowid=False,
    )
    op.create_index("breakers_version", "breakers", ["version"])
