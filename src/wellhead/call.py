"""A call: one client request through the gateway and its response, in two phases.

`Opening` is what is known before the request leaves; it is committed as a
`pending` row.  `Settlement` is what is known at the end; it moves the row, once,
into exactly one terminal state.  The field names are the columns of `calls`.
Times are whole microseconds: `..._us` since the epoch (UTC) for moments, plain
durations for latencies.
"""

from enum import StrEnum

import msgspec

from wellhead.cost import CostState
from wellhead.usage import NO_USAGE, Usage, UsageSource


class CallState(StrEnum):
    """Where a call stands; all but `PENDING` are terminal."""

    PENDING = "pending"
    COMPLETED = "completed"
    """The upstream answered below 400 and the body was delivered whole."""
    FAILED = "failed"
    """The upstream answered 400 or above, could not be reached, or broke off; `error_code` says which."""
    ABORTED = "aborted"
    """The client left, or a shutdown cut the call."""
    REFUSED = "refused"
    """Never sent upstream."""
    INTERRUPTED = "interrupted"
    """The worker died; booked by recovery."""


class Opening(msgspec.Struct, frozen=True, gc=False):
    """What is known of a call before it leaves for the upstream."""

    id: int
    """64 bits, time-ordered: see `wellhead.ledger.ids`."""
    started_us: int
    provider: str
    dialect: str
    method: str
    path: str
    """The request path without its query (a query may carry a key)."""
    model: str | None = None
    streamed: bool = False
    tool: str | None = None
    client: str | None = None
    session: str | None = None
    agent: str | None = None
    message_id: str | None = None
    user_agent: str | None = None
    origin: str | None = None
    client_address: str | None = None
    project_id: int | None = None
    key_id: int | None = None
    credential_hash: bytes | None = None
    """SHA-256 (32 bytes) of the client's own upstream credential that passed through."""
    request_bytes: int | None = None
    """`None` while the body is still streaming in (the settlement has the count then)."""
    message_count: int | None = None
    max_output_tokens: int | None = None
    admitted_us: int | None = None
    """When the books took it; the moment that decides in which window of a limit it counts."""
    hold_input_tokens: int | None = None
    """What it may use, in tokens: reserved for it, and booked, only where a limit counts them."""
    hold_output_tokens: int | None = None
    hold_nanousd: int | None = None
    """...and in money, where a budget counts it and there is a price."""


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """One time that a call was sent upstream."""

    provider: str
    credential_id: int | None
    """Which credential of ours went with it."""
    started_us: int
    latency_us: int | None = None
    """Until the response's head was there; `None` if none came."""
    status_code: int | None = None
    """The upstream's."""
    error_code: str | None = None
    """Why it came to nothing; `None` if it did not."""
    unmetered: bool = False
    """The upstream may have worked for it, and nobody knows what it used..."""
    input_tokens_max: int | None = None
    """...but no more than this, as limits reckon: beside the facts, never among them."""
    output_tokens_max: int | None = None
    cost_nanousd_max: int | None = None
    """What so much would cost; `None` until the books estimate it, and where there is no price."""


class Settlement(msgspec.Struct, frozen=True, gc=False):
    """What is known of a call at its end."""

    state: CallState
    finished_us: int
    status_code: int | None = None
    """What the client was told; `None` when nothing was."""
    error_code: str | None = None
    error_message: str | None = None
    finish_reason: str | None = None
    upstream_request_id: str | None = None
    model_served: str | None = None
    service_tier: str | None = None
    account: str | None = None
    """Which of several accounts at the provider served it, where the response says so."""
    streamed: bool = False
    """What the response really was, whatever the request asked for."""
    usage: Usage = NO_USAGE
    usage_source: UsageSource = UsageSource.ABSENT
    usage_extra: str | None = None
    cost_nanousd: int | None = None
    """What the provider itself says it cost, until the books price it."""
    cost_state: CostState | None = None
    """`None` until the books price it."""
    rate_id: int | None = None
    """The number in the books of the rate that priced it."""
    latency_us: int | None = None
    upstream_latency_us: int | None = None
    """Until the upstream's response head was there."""
    ttft_us: int | None = None
    """Until the first byte of the response body was there."""
    request_bytes: int | None = None
    response_bytes: int | None = None
    attempts: int = 0
    """How often the request was sent upstream."""
    incomplete: bool = False
    """The response ended without its dialect's end marker."""
    trouble: tuple[str, ...] = ()
    """What the meter could not read."""
    tried: tuple[Attempt, ...] = ()
    """The attempts, in order, where there was more than one or it came to nothing, and where the client left
    without anybody knowing what was used."""
    hold_input_tokens: int | None = None
    """What is kept of the hold, beside the facts, since the upstream did not say what it used."""
    hold_output_tokens: int | None = None
    hold_nanousd: int | None = None
