"""The schema of the books, for every engine; migrations make exactly this.

Column names are the vocabulary's field names (`wellhead.call`, `wellhead.usage`);
whole numbers in the unit that the name says; NULL is "nobody said", never zero.
In rollups a key that nobody said is `''` or 0, since NULLs are never equal and
could not be added up.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()

ID = BigInteger().with_variant(Integer, "sqlite")
"""64 bits everywhere; SQLite keeps a row under its id itself only if the type is spelled INTEGER."""

TOKEN_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "input_image_tokens",
    "output_image_tokens",
    "total_tokens",
    "audio_ms",
    "web_searches",
)
"""The fields of `Usage`, in its order."""

calls = Table(
    "calls",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False),
    Column("worker_id", Integer, nullable=False),
    Column("started_us", BigInteger, nullable=False),
    Column("finished_us", BigInteger),
    # What the request said.
    Column("provider", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("model", Text),
    Column("streamed", Boolean, nullable=False),
    Column("tool", Text),
    Column("client", Text),
    Column("session", Text),
    Column("agent", Text),
    Column("message_id", Text),
    Column("user_agent", Text),
    Column("origin", Text),
    Column("client_address", Text),
    Column("project_id", BigInteger),
    Column("key_id", BigInteger),
    Column("credential_hash", LargeBinary(32)),
    Column("request_bytes", BigInteger),
    Column("message_count", Integer),
    Column("max_output_tokens", BigInteger),
    Column("hold_nanousd", BigInteger),
    # What became of it.
    Column("status_code", Integer),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("finish_reason", Text),
    Column("upstream_request_id", Text),
    Column("model_served", Text),
    Column("service_tier", Text),
    Column("account", Text),
    *(Column(name, BigInteger) for name in TOKEN_COLUMNS),
    Column("usage_source", Text),
    Column("usage_extra", Text),
    Column("cost_nanousd", BigInteger),
    Column("cost_state", Text),
    Column("rate_id", BigInteger),
    Column("latency_us", BigInteger),
    Column("upstream_latency_us", BigInteger),
    Column("ttft_us", BigInteger),
    Column("response_bytes", BigInteger),
    Column("attempts", Integer),
    Column("incomplete", Boolean),
    Column("trouble", Text),
    # Filled while a call is pending, so that its end finds room and splits no page.
    Column("reserve", Text),
    # What its admission reserved, and when; NULL where nothing asked for it.
    Column("admitted_us", BigInteger),
    Column("hold_input_tokens", BigInteger),
    Column("hold_output_tokens", BigInteger),
)

_PENDING = text("state = 'pending'")
Index("calls_pending", calls.c.worker_id, sqlite_where=_PENDING, postgresql_where=_PENDING)
"""The open calls of a worker: as small as the traffic in flight."""

_FINISHED = text("finished_us IS NOT NULL")
Index("calls_finished", calls.c.finished_us, sqlite_where=_FINISHED, postgresql_where=_FINISHED)
"""Time ranges; without the pending rows, so that a call enters it once."""

_WRONG = text("state NOT IN ('pending', 'completed')")
Index(
    "calls_went_wrong",
    *(calls.c.finished_us, calls.c.streamed, calls.c.error_code, calls.c.state, calls.c.status_code),
    sqlite_where=_WRONG,
    postgresql_where=_WRONG,
)
_FROM_A_PAGE = text("origin IS NOT NULL")
Index(
    "calls_origin",
    *(calls.c.finished_us, calls.c.origin),
    sqlite_where=_FROM_A_PAGE,
    postgresql_where=_FROM_A_PAGE,
)
"""What went wrong and what came from web pages: counted without a look at all other calls."""

_LONG = text("finished_us - started_us > 3600000000")
Index("calls_long", calls.c.finished_us, sqlite_where=_LONG, postgresql_where=_LONG)
"""Calls that took more than an hour: few, and among those that ended at a time not to be expected."""

USAGE_KEY = (
    ("provider", Text),
    ("model", Text),
    ("tool", Text),
    ("client", Text),
    ("project_id", BigInteger),
    ("key_id", BigInteger),
    ("account", Text),
    ("outcome", Text),
    ("streamed", Boolean),
)
"""What usage is told apart by; `outcome` is the terminal state."""

USAGE_SUMS = (
    "calls",
    "metered_calls",
    "priced_calls",
    *TOKEN_COLUMNS,
    "cost_nanousd",
    "timed_calls",
    "latency_us",
    "ttft_calls",
    "ttft_us",
    "request_bytes",
    "response_bytes",
)
"""What is added up; `metered`, `priced`, `timed` and `ttft` calls are those whose figure is known."""


def _key_columns() -> tuple[Column[object], ...]:
    return tuple(Column(name, kind, nullable=False) for name, kind in USAGE_KEY)


def _sum_columns() -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in USAGE_SUMS)


usage_hourly = Table(
    "usage_hourly",
    metadata,
    Column("hour", Integer, nullable=False),
    *_key_columns(),
    *_sum_columns(),
    PrimaryKeyConstraint("hour", *(name for name, _ in USAGE_KEY)),
    sqlite_with_rowid=False,
)
"""Calls by the hour they ended in; `hour` counts whole hours since the epoch (UTC)."""

usage_total = Table(
    "usage_total",
    metadata,
    *_key_columns(),
    *_sum_columns(),
    PrimaryKeyConstraint(*(name for name, _ in USAGE_KEY)),
    sqlite_with_rowid=False,
)
"""The same since the books were opened, for counters that survive restarts."""

SPENDING_KEY = tuple(one for one in USAGE_KEY if one[0] not in ("outcome", "streamed"))
"""Who used what, whatever came of it: a third of the rows."""
MEASURES = (
    *("calls", "error_calls", "aborted_calls", "metered_calls", "priced_calls"),
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
    *("total_tokens", "cost_nanousd", "timed_calls", "latency_us", "ttft_calls", "ttft_us"),
)
"""What reports ask for: the values of `wellhead.report.Measure`."""


def _measure_columns() -> tuple[Column[int], ...]:
    return tuple(Column(name, BigInteger, nullable=False) for name in MEASURES)


def _model_columns() -> tuple[Column[Any], ...]:
    return (
        Column("provider", Text, nullable=False),
        Column("model", Text, nullable=False),
        *_measure_columns(),
        Column("latency", LargeBinary, nullable=False),
        Column("ttft", LargeBinary, nullable=False),
    )


models_hourly = Table(
    "models_hourly",
    metadata,
    Column("hour", Integer, nullable=False),
    *_model_columns(),
    PrimaryKeyConstraint("hour", "provider", "model"),
    sqlite_with_rowid=False,
)
"""Models, whoever used them, with histograms for percentiles, packed as `wellhead.histogram` says.

A row for each bucket would take as much room as a tenth of the calls.
"""

errors_daily = Table(
    "errors_daily",
    metadata,
    Column("day", Integer, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "streamed", "error_code"),
    sqlite_with_rowid=False,
)
"""What went wrong by the day; where a call has no error code, its terminal state."""

origins_daily = Table(
    "origins_daily",
    metadata,
    Column("day", Integer, nullable=False),
    Column("origin", Text, nullable=False),
    Column("calls", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "origin"),
    sqlite_with_rowid=False,
)
"""What came from web pages by the day."""


def _answer_columns() -> tuple[Column[Any] | PrimaryKeyConstraint, ...]:
    return (
        Column("provider", Text, nullable=False),
        Column("model", Text, nullable=False),
        Column("outcome", Text, nullable=False),
        Column("status_code", Integer, nullable=False),
        Column("streamed", Boolean, nullable=False),
        Column("latency_us", BigInteger, nullable=False),
        Column("ttft_us", BigInteger, nullable=False),
        Column("latency", LargeBinary, nullable=False),
        Column("ttft", LargeBinary, nullable=False),
        PrimaryKeyConstraint("provider", "model", "outcome", "status_code", "streamed"),
    )


latency_total = Table("latency_total", metadata, *_answer_columns(), sqlite_with_rowid=False)
"""Histograms since the books were opened, for Prometheus, packed; and the sums of what is in them.

`status_code` is 0 where nobody was told anything.
"""

latency_removed = Table("latency_removed", metadata, *_answer_columns(), sqlite_with_rowid=False)
"""What of it comes from calls that were removed since."""

closed_days = Table(
    "closed_days",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("has_calls", Boolean, nullable=False),
)
"""Days (UTC) that are over and have what follows; a call that is booked or priced later opens its day again.

`has_calls` is false where calls had been removed before the day was closed.
"""

usage_daily = Table(
    "usage_daily",
    metadata,
    Column("day", Integer, nullable=False),
    *_key_columns(),
    *_sum_columns(),
    PrimaryKeyConstraint("day", *(name for name, _ in USAGE_KEY)),
    sqlite_with_rowid=False,
)
"""As `usage_hourly`, of closed days; `day` counts whole days since the epoch (UTC)."""

models_daily = Table(
    "models_daily",
    metadata,
    Column("day", Integer, nullable=False),
    *_model_columns(),
    PrimaryKeyConstraint("day", "provider", "model"),
    sqlite_with_rowid=False,
)
"""As `models_hourly`, of closed days."""

usage_keys = Table(
    "usage_keys",
    metadata,
    Column("number", ID, primary_key=True),
    *(Column(name, kind, nullable=False) for name, kind in SPENDING_KEY),
    UniqueConstraint(*(name for name, _ in SPENDING_KEY)),
)
"""What the ids in sheets stand for."""

usage_sheets = Table(
    "usage_sheets",
    metadata,
    Column("half_hour", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    Column("sheet", LargeBinary, nullable=False),
    PrimaryKeyConstraint("half_hour", "day"),
)
"""Who used what on closed days, as sheets (`wellhead.database.sheet`) of `MEASURES` by the number of a key.

::

    half_hour      1    2    3    4    5    6   ...   48
    holds          |----|                                     an odd one: that half of an hour alone
                   |---------|                                an even one: all since midnight
                             |----|
                   |-------------------|

So the difference of a few is any range of half hours, and 48 is the whole day.
"""

session_sheets = Table(
    "session_sheets",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("sheet", LargeBinary, nullable=False),
)
"""The same of whole days by session, agent and key; the ids of the first two are places in its names.

Once calls of the day were removed, this is what is known of its sessions.
"""

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

rates = Table(
    "rates",
    metadata,
    Column("id", ID, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("provider", Text),
    Column("model", Text, nullable=False),
    Column("since_us", BigInteger),
    Column("until_us", BigInteger),
    Column("prices", Text, nullable=False),
    Column("first_used_us", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
"""Every rate that priced a call, whole and never edited; `prices` is JSON, `digest` the SHA-256 of it all."""

cost_audits = Table(
    "cost_audits",
    metadata,
    Column("call_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("cost_state", Text, nullable=False),
    Column("cost_nanousd", BigInteger),
    Column("rate_id", BigInteger),
    Column("model", Text),
    Column("how", Text),
    Column("trouble", Text),
    Column("steps", Text),
    PrimaryKeyConstraint("call_id", "number"),
    sqlite_with_rowid=False,
)
"""One row for each pricing of a call, the first when it was settled: by which rate, found how, and why.

`steps` is NULL but for an answer that was made in several, which may be of several models: a JSON array
with what each used, its cost and its rate, whose sum is the call's cost.
"""

_PRICED_AGAIN = text("number > 0")
Index(
    "cost_audits_again",
    cost_audits.c.at_us,
    sqlite_where=_PRICED_AGAIN,
    postgresql_where=_PRICED_AGAIN,
)
"""When calls were last priced again: whoever counts calls beforehand has to know it."""

attempts = Table(
    "attempts",
    metadata,
    Column("call_id", ID, nullable=False),
    Column("number", Integer, nullable=False),
    Column("provider", Text, nullable=False),
    Column("credential_id", BigInteger),
    Column("started_us", BigInteger, nullable=False),
    Column("latency_us", BigInteger),
    Column("status_code", Integer),
    Column("error_code", Text),
    Column("unmetered", Boolean, nullable=False),
    Column("input_tokens_max", BigInteger),
    Column("output_tokens_max", BigInteger),
    Column("cost_nanousd_max", BigInteger),
    PrimaryKeyConstraint("call_id", "number"),
    sqlite_with_rowid=False,
)
"""The fields of `wellhead.call.Attempt`, numbered from 1, of calls that needed several or came to nothing.

`calls.attempts` has their number; of a single one that went well the call itself says everything.
"""

_UNMETERED = text("unmetered = 1")
Index(
    "attempts_unmetered", attempts.c.started_us, sqlite_where=_UNMETERED, postgresql_where=text("unmetered")
)
"""Those whose usage nobody knows."""

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
