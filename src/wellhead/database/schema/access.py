"""Who may call, with which credentials, within which limits, and what operators did."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from wellhead.database.schema.base import ID, metadata

registry = Table(
    "registry",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("changed_us", BigInteger),
)
"""One row, 1: how often projects, keys, credentials or limits changed.  No row means never."""

projects = Table(
    "projects",
    metadata,
    Column("id", ID, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("archived_us", BigInteger),
    sqlite_autoincrement=True,
)
"""Numbers in these tables are never used again: calls and the audit refer to them for good."""

keys = Table(
    "keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("prefix", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("project_id", BigInteger),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("allowed_models", Text),
    Column("allowed_providers", Text),
    Column("allowed_endpoints", Text),
    Column("allowed_accounts", Text),
    Column("tags", Text),
    Column("predecessor_id", BigInteger),
    sqlite_autoincrement=True,
)
"""`allowed_…` are JSON arrays (NULL: everything), `tags` a JSON object (NULL: none)."""

key_use = Table(
    "key_use",
    metadata,
    Column("key_id", ID, primary_key=True, autoincrement=False),
    Column("last_used_us", BigInteger, nullable=False),
)
"""When a key was last used, to the second; apart from `keys`, for it changes with the traffic."""

credentials = Table(
    "credentials",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", BigInteger),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("disabled_us", BigInteger),
    Column("master_key_id", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""`sealed` is what `wellhead.vault` made of the secret, with the master key of that id."""

limits = Table(
    "limits",
    metadata,
    Column("id", ID, primary_key=True),
    Column("scope_kind", Text, nullable=False),
    Column("scope_id", Text),
    Column("scope_tool", Text),
    Column("scope_client", Text),
    Column("measure", Text, nullable=False),
    Column("window", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("sliding", Boolean, nullable=False),
    Column("zone", Text, nullable=False),
    Column("name", Text),
    Column("source", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

limit_windows = Table(
    "limit_windows",
    metadata,
    Column("limit_id", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    Column("bucket", BigInteger, nullable=False),
    Column("used", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("exceeded", BigInteger, nullable=False),
    PrimaryKeyConstraint("limit_id", "subject", "bucket"),
    sqlite_with_rowid=False,
)
"""What calls used of limits; `used` and `held` can be counted again from `calls`."""

admin_audit = Table(
    "admin_audit",
    metadata,
    Column("id", ID, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("address", Text),
    Column("action", Text, nullable=False),
    Column("object_kind", Text, nullable=False),
    Column("object_id", Text),
    Column("before", Text),
    Column("after", Text),
    sqlite_autoincrement=True,
)
"""What operators did; `before` and `after` are JSON objects without secrets."""

Index("admin_audit_at", admin_audit.c.at_us)
