"""Who may use the gateway and how much of it: projects, keys, credentials, limits, and what operators did."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the registry's tables, and room in calls for what their admission reserved."""
    for name in ("admitted_us", "hold_input_tokens", "hold_output_tokens"):
        op.add_column("calls", sa.Column(name, sa.BigInteger()))
    _registry()
    _numbered(
        "projects",
        sa.Column("uuid", sa.Text(), nullable=False, unique=True),
        _required("name", sa.Text()),
        _required("created_us", sa.BigInteger()),
        sa.Column("archived_us", sa.BigInteger()),
    )
    _keys()
    _numbered(
        "credentials",
        sa.Column("project_id", sa.BigInteger()),
        _required("provider", sa.Text()),
        _required("name", sa.Text()),
        _required("created_us", sa.BigInteger()),
        sa.Column("disabled_us", sa.BigInteger()),
        _required("master_key_id", sa.Text()),
        _required("sealed", sa.LargeBinary()),
    )
    _limits()
    _numbered(
        "admin_audit",
        _required("at_us", sa.BigInteger()),
        _required("actor", sa.Text()),
        sa.Column("address", sa.Text()),
        *(_required(name, sa.Text()) for name in ("action", "object_kind")),
        *(sa.Column(name, sa.Text()) for name in ("object_id", "before", "after")),
    )
    op.create_index("admin_audit_at", "admin_audit", ["at_us"])


def _registry() -> None:
    registry = op.create_table(
        "registry",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        _required("version", sa.BigInteger()),
        sa.Column("changed_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.bulk_insert(registry, [{"id": 1, "version": 1}])


def _keys() -> None:
    _numbered(
        "keys",
        sa.Column("hash", sa.LargeBinary(32), nullable=False, unique=True),
        *(_required(name, sa.Text()) for name in ("prefix", "name")),
        sa.Column("project_id", sa.BigInteger()),
        _required("created_us", sa.BigInteger()),
        *(sa.Column(name, sa.BigInteger()) for name in ("expires_us", "revoked_us")),
        *(
            sa.Column(name, sa.Text())
            for name in (
                *("allowed_models", "allowed_providers", "allowed_endpoints", "allowed_accounts"),
                "tags",
            )
        ),
        sa.Column("predecessor_id", sa.BigInteger()),
    )
    op.create_table(
        "key_use",
        sa.Column("key_id", _id(), autoincrement=False, nullable=False),
        _required("last_used_us", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key_id"),
    )


def _limits() -> None:
    _numbered(
        "limits",
        _required("scope_kind", sa.Text()),
        *(sa.Column(name, sa.Text()) for name in ("scope_id", "scope_tool", "scope_client")),
        *(_required(name, sa.Text()) for name in ("measure", "window")),
        _required("amount", sa.BigInteger()),
        _required("action", sa.Text()),
        _required("sliding", sa.Boolean()),
        _required("zone", sa.Text()),
        sa.Column("name", sa.Text()),
        _required("source", sa.Text()),
        _required("created_us", sa.BigInteger()),
    )
    op.create_table(
        "limit_windows",
        _required("limit_id", sa.BigInteger()),
        _required("subject", sa.Text()),
        *(_required(name, sa.BigInteger()) for name in ("bucket", "used", "held", "exceeded")),
        sa.PrimaryKeyConstraint("limit_id", "subject", "bucket"),
        sqlite_with_rowid=False,
    )


def _numbered(name: str, *columns: sa.Column[Any]) -> None:
    """A table whose numbers are given by the database, none of them twice."""
    op.create_table(name, sa.Column("id", _id(), primary_key=True), *columns, sqlite_autoincrement=True)


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _required(name: str, kind: sa.types.TypeEngine[Any]) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)
