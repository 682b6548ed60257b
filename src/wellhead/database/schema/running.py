"""What processes tell each other, and what they were told by upstreams and sources of prices."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
)

from wellhead.database.schema.base import ID, metadata

retention = Table(
    "retention",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("removed_before_us", BigInteger, nullable=False),
)
"""One row, 1: calls that ended before that midnight (UTC) are removed, or being removed; rollups stay."""

workers = Table(
    "workers",
    metadata,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("process_started_ticks", BigInteger, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("heartbeat_us", BigInteger, nullable=False),
    Column("calls_open", BigInteger, nullable=False, server_default="0"),
    Column("queued", BigInteger, nullable=False, server_default="0"),
    Column("commits", BigInteger, nullable=False, server_default="0"),
    Column("commit_us", BigInteger, nullable=False, server_default="0"),
    Column("settlements_lost", BigInteger, nullable=False, server_default="0"),
)
"""The gateway processes that may have open calls; `calls.worker_id` is the slot.

The figures are as of the heartbeat: calls in flight, bookings that waited, and since the worker started
its commits, how long they took together, and ends of calls that could not be booked.
"""

quota_gauges = Table(
    "quota_gauges",
    metadata,
    Column("provider", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("used_ratio", Float),
    Column("amount_limit", BigInteger),
    Column("remaining", BigInteger),
    Column("resets_us", BigInteger),
    Column("window_s", BigInteger),
    Column("status", Text),
    PrimaryKeyConstraint("provider", "account", "name"),
    sqlite_with_rowid=False,
)
"""What the headers of responses last told of quotas; `account` is `''` where nobody said."""

metric_names = Table(
    "metric_names",
    metadata,
    Column("kind", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("is_named", Boolean, nullable=False),
    Column("retired_as", Text),
    PrimaryKeyConstraint("kind", "provider", "name"),
    sqlite_with_rowid=False,
)
"""Who has a series of its own in monitoring, who shares one since it retired, and who came too late."""

breakers = Table(
    "breakers",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("opening", BigInteger, nullable=False),
    Column("changed_us", BigInteger, nullable=False),
    Column("active_us", BigInteger, nullable=False),
    Column("opened_us", BigInteger),
    Column("retry_us", BigInteger),
    Column("opened_by", Text),
    Column("probe_by", Text),
    sqlite_with_rowid=False,
)
"""What workers share of circuit breakers: the fields of `wellhead.breaker.Shared`."""

Index("breakers_version", breakers.c.version)

price_lists = Table(
    "price_lists",
    metadata,
    Column("id", ID, primary_key=True),
    Column("source", Text, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("checked_us", BigInteger, nullable=False),
    Column("document", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""Price lists as they were fetched, the last few of each source.

`document` is compressed JSON, `digest` the SHA-256 of what it was before; `since_us` is when it was fetched
first, `checked_us` when its source last had the same.
"""
