"""Calls, what they went through, and how their costs came about."""

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
    text,
)

from wellhead.database.schema.base import ID, TOKEN_COLUMNS, metadata

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
    Column("request_form", BigInteger, nullable=False),
    Column("model", Text),
    Column("streamed", Boolean, nullable=False),
    Column("tool", Text),
    Column("client", Text),
    Column("session", Text),
    Column("agent", Text),
    Column("message_id", Text),
    Column("origin", Text),
    Column("client_address", Text),
    Column("project_id", BigInteger),
    Column("key_id", BigInteger),
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

request_forms = Table(
    "request_forms",
    metadata,
    Column("number", ID, primary_key=True),
    Column("digest", LargeBinary(16), nullable=False, unique=True),
    Column("day", Integer, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("user_agent", Text),
    Column("credential_hash", LargeBinary(32)),
    sqlite_autoincrement=True,
)
"""What a client's requests have in common; of a day each, so that it can go with the day's calls."""

whole_calls = calls.outerjoin(request_forms, request_forms.c.number == calls.c.request_form)

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
