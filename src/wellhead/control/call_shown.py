"""A call as a row of agent-cli-proxy's `request_logs`.

What those rows cannot say is said as they would say it: a count that no provider
told is 0 there, and a cost that is not known is 0 with a `cost_status` that is not
`ok`.  What is known for certain is in `exact`.  Ids are text, since they do not fit a
JavaScript number.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.call import CallState
from wellhead.control.bodies import example
from wellhead.control.call_whole import EXAMPLE_WHOLE, WholeCall
from wellhead.control.calls_wanted import STATES
from wellhead.money import usd
from wellhead.report import UNKNOWN, CallRow

Lifecycle = Literal["pending", "completed", "error", "aborted"]
CostStatus = Literal["ok", "pending", "unsupported", "unresolved"]
LIFECYCLE: dict[str, Any] = {state.value: name for name, states in STATES.items() for state in states}
TIMED_OUT = "upstream_timeout"
COST: dict[str | None, CostStatus] = {
    "priced": "ok",
    "pending": "pending",
    "unpriceable": "unsupported",
    None: "unresolved",
}

EXAMPLE_EXACT: dict[str, Any] = {
    "state": "completed",
    "project_id": "77b0c0de-0000-4000-8000-000000000001",
    "session": "sess-42",
    "error_code": None,
    "input_tokens": 25,
    "output_tokens": 15,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "reasoning_tokens": None,
    "total_tokens": 40,
    "cost_usd": 0.0003,
    "ttft_ms": 320.112,
}


class ExactFacts(BaseModel):
    """What the row beside it cannot say, in our own words: `null` is what nobody said."""

    model_config = example(**EXAMPLE_EXACT)

    state: CallState
    project_id: str | None = Field(description="Its UUID; the number of one that is gone.")
    session: str | None
    error_code: str | None = Field(description="Which timeout, too.")
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    total_tokens: int | None
    cost_usd: float | None
    ttft_ms: float | None = Field(description="Until the first byte of the body was there.")


EXAMPLE_CALL: dict[str, Any] = {
    "id": "815694120529133568",
    "request_id": "815694120529133568",
    "provider": "anthropic",
    "model": "demo-large",
    "actual_model": "demo-large-2026-02-01",
    "actual_provider": None,
    "proxy_api_key_id": 2,
    "tool": "openclaw",
    "client_id": "openclaw-nora",
    "agent": "nora",
    "source": "proxy",
    "msg_id": None,
    "path": "/v1/messages",
    "streamed": 1,
    "status": 200,
    "prompt_tokens": 25,
    "completion_tokens": 15,
    "cache_creation_tokens": 0,
    "cache_read_tokens": 0,
    "reasoning_tokens": 0,
    "total_tokens": 40,
    "cost_usd": 0.0003,
    "cost_status": "ok",
    "lifecycle_status": "completed",
    "incomplete": 0,
    "error_code": None,
    "error_message": None,
    "latency_ms": 1840,
    "started_at": "2026-03-01T09:11:58.160Z",
    "finished_at": "2026-03-01T09:12:00.000Z",
    "finalized_at": "2026-03-01T09:12:00.000Z",
    "meta_json": '{"method":"POST","originator":null,"session_id":"sess-42"}',
    "user_agent": "openclaw-1.0",
    "source_ip": "127.0.0.1",
    "cliproxy_account": "dev@example.org",
    "cliproxy_auth_index": None,
    "cliproxy_source": None,
    "correlated_at": None,
    "exact": EXAMPLE_EXACT,
}


class CallShown(BaseModel):
    """A call."""

    model_config = example(**EXAMPLE_CALL)

    id: str = Field(description="As in the header `x-wellhead-call`.")
    request_id: str
    provider: str
    model: str
    actual_model: str | None
    actual_provider: str | None
    proxy_api_key_id: int | None
    tool: str
    client_id: str
    agent: str | None
    source: str
    msg_id: str | None
    path: str
    streamed: Literal[0, 1]
    status: int | None
    prompt_tokens: int
    completion_tokens: int
    cache_creation_tokens: int
    cache_read_tokens: int
    reasoning_tokens: int
    total_tokens: int
    cost_usd: float
    cost_status: CostStatus
    lifecycle_status: Lifecycle
    incomplete: Literal[0, 1]
    error_code: str | None
    error_message: str | None
    latency_ms: int | None
    started_at: str
    finished_at: str | None
    finalized_at: str | None
    meta_json: str
    user_agent: str | None
    source_ip: str | None
    cliproxy_account: str | None
    cliproxy_auth_index: str | None
    cliproxy_source: str | None
    correlated_at: str | None
    exact: ExactFacts


EXAMPLE_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "provider": "anthropic",
    "credential_id": 3,
    "status": 529,
    "error_code": "upstream_error",
    "latency_ms": 310,
    "unmetered": True,
    "input_tokens_max": 1800,
    "output_tokens_max": 4096,
    "cost_usd_max": 0.06684,
    "started_at": "2026-03-01T09:11:58.160Z",
}


class AttemptShown(BaseModel):
    """One time that a call was sent upstream."""

    model_config = example(**EXAMPLE_ATTEMPT)

    number: int
    provider: str
    credential_id: int | None = Field(description="Which credential of ours went with it.")
    status: int | None = Field(description="The upstream's; null if there was no answer.")
    error_code: str | None = Field(description="Why it came to nothing; null if it did not.")
    latency_ms: int | None = Field(description="Until the head of the answer was there.")
    unmetered: bool = Field(description="Perhaps it was worked on, and nobody knows what it used.")
    input_tokens_max: int | None = Field(description="An estimate of that, beside all other figures.")
    output_tokens_max: int | None = Field(description="The same.")
    cost_usd_max: float | None = Field(description="What so much costs; null: there is no price.")
    started_at: str


class CallWithAttempts(CallShown):
    """A call, and what it went through."""

    model_config = example(**EXAMPLE_CALL, attempts=[], wellhead=EXAMPLE_WHOLE)

    attempts: list[AttemptShown] = Field(
        description="Empty where there was one and it went well: then the call says it all."
    )
    wellhead: WholeCall = Field(description="All that the books have of it, in our own words.")


def as_shown(call: CallRow) -> CallShown:
    """A call, out of its row."""
    meta = {"method": call["method"], "originator": None, "session_id": call["session"]}
    return CallShown(
        id=str(call["id"]),
        request_id=str(call["id"]),
        provider=call["provider"],
        model=call["model"] or UNKNOWN,
        actual_model=call["model_served"],
        actual_provider=None,
        proxy_api_key_id=call["key_id"],
        tool=call["tool"] or UNKNOWN,
        client_id=call["client"] or UNKNOWN,
        agent=call["agent"],
        source="proxy",
        msg_id=call["message_id"],
        path=call["path"],
        streamed=1 if call["streamed"] else 0,
        status=call["status_code"],
        prompt_tokens=call["input_tokens"] or 0,
        completion_tokens=call["output_tokens"] or 0,
        cache_creation_tokens=call["cache_write_tokens"] or 0,
        cache_read_tokens=call["cache_read_tokens"] or 0,
        reasoning_tokens=call["reasoning_tokens"] or 0,
        total_tokens=call["total_tokens"] or 0,
        cost_usd=usd(call["cost_nanousd"] or 0),
        cost_status=COST[call["cost_state"]],
        lifecycle_status=LIFECYCLE[call["state"]],
        incomplete=1 if call["incomplete"] else 0,
        error_code=_error_code(call["error_code"]),
        error_message=call["error_message"],
        latency_ms=_ms(call["latency_us"]),
        started_at=shown.moment(call["started_us"]),
        finished_at=shown.moment(call["finished_us"]),
        finalized_at=shown.moment(call["finished_us"]),
        meta_json=json.dumps(meta, ensure_ascii=False, separators=(",", ":")),
        user_agent=call["user_agent"],
        source_ip=call["client_address"],
        cliproxy_account=call["account"],
        cliproxy_auth_index=None,
        cliproxy_source=None,
        correlated_at=None,
        exact=_exact(call),
    )


def _exact(call: CallRow) -> ExactFacts:
    cost_nanousd, ttft_us = call["cost_nanousd"], call["ttft_us"]
    return ExactFacts(
        state=call["state"],
        project_id=call["project"],
        session=call["session"],
        error_code=call["error_code"],
        input_tokens=call["input_tokens"],
        output_tokens=call["output_tokens"],
        cache_read_tokens=call["cache_read_tokens"],
        cache_write_tokens=call["cache_write_tokens"],
        reasoning_tokens=call["reasoning_tokens"],
        total_tokens=call["total_tokens"],
        cost_usd=None if cost_nanousd is None else usd(cost_nanousd),
        ttft_ms=None if ttft_us is None else ttft_us / 1000,
    )


def attempt_shown(one: Mapping[str, Any]) -> AttemptShown:
    """An attempt, out of its row."""
    return AttemptShown(
        number=one["number"],
        provider=one["provider"],
        credential_id=one["credential_id"],
        status=one["status_code"],
        error_code=one["error_code"],
        latency_ms=_ms(one["latency_us"]),
        unmetered=one["unmetered"],
        input_tokens_max=one["input_tokens_max"],
        output_tokens_max=one["output_tokens_max"],
        cost_usd_max=None if one["cost_nanousd_max"] is None else usd(one["cost_nanousd_max"]),
        started_at=shown.moment(one["started_us"]),
    )


def _ms(us: int | None) -> int | None:
    return None if us is None else (us + 500) // 1000


def _error_code(code: str | None) -> str | None:
    """As agent-cli-proxy has it: one code for all timeouts."""
    return TIMED_OUT if code is not None and code.startswith(TIMED_OUT) else code
