"""How long calls took, beside the sessions of closed days: percentiles by any dimension.

Days whose calls are there are open then, and are closed again as the program runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

DAY_US = 86_400_000_000


def upgrade() -> None:
    """Add the column, which no day has so far."""
    op.add_column("session_sheets", sa.Column("took", sa.LargeBinary()))
    removed = "coalesce((SELECT max(removed_before_us) FROM retention), 0)"
    op.execute(f"DELETE FROM closed_days WHERE has_calls AND day*{DAY_US}>={removed}")  # noqa: S608
