"""`/admin/logs`: single calls, as rows of agent-cli-proxy's `request_logs`.

What those rows cannot say is said as they would say it: a count that no provider
told is 0 there, and a cost that is not known is 0 with a `cost_status` that is not
`ok`.  Ids are text, since they do not fit a JavaScript number.
"""

# ruff: noqa: N815  (the names of fields are those on the wire)

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing, link_to
from wellhead.control.bodies import ID_MAX, Id, example
from wellhead.control.call_whole import EXAMPLE_WHOLE, WholeCall, whole
from wellhead.control.calls_wanted import FILTERS, STATES, Wanted
from wellhead.control.failures import Responses
from wellhead.control.kept_prices import KeptPrices
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.times import EXAMPLE, open_range_us
from wellhead.control.usage import UNKNOWN
from wellhead.errors import NotFound
from wellhead.money import usd
from wellhead.ports import Reports
from wellhead.report import CallRow

SHOWN_MAX = 200
OFFSET_MAX = 100_000
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


EXAMPLE_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "provider": "anthropic",
    "credential_id": 3,
    "status": 529,
    "error_code": "upstream_error",
    "latency_ms": 310,
    "unmetered": True,
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
    started_at: str


class CallWithAttempts(CallShown):
    """A call, and what it went through."""

    model_config = example(**EXAMPLE_CALL, attempts=[], wellhead=EXAMPLE_WHOLE)

    attempts: list[AttemptShown] = Field(
        description="Empty where there was one and it went well: then the call says it all."
    )
    wellhead: WholeCall = Field(description="All that the books have of it, in our own words.")


AUDIT_SOURCES = {"reported": "provider", "guard": "guard"}
"""What agent-cli-proxy calls the source of a cost, by our reason; anything else came out of the table."""
EXAMPLE_AUDIT = {
    "id": 1,
    "model": "anthropic/claude-sonnet-4-5",
    "provider": "anthropic",
    "source": "pricing",
    "baseCostUsd": 0.000303,
    "calcAt": "2026-03-01T10:02:04.000Z",
    "reason": "settled",
    "match": "exact",
    "rate": "genai-prices/0.2.3:anthropic/claude-sonnet-4-5",
    "prices": {"sheets": [{"above": -1, "prices": {"input": 3000000000, "output": 15000000000}}]},
    "trouble": None,
    "steps": [],
}
EXAMPLE_STEP: dict[str, Any] = {
    "what": "compaction",
    "model": None,
    "provider": "anthropic",
    "costUsd": 0.9875,
    "match": "exact",
    "rate": "genai-prices/0.2.3:anthropic/claude-opus-5",
    "prices": {"sheets": [{"above": -1, "prices": {"input": 5000000000, "output": 25000000000}}]},
    "inputTokens": 180000,
    "outputTokens": 3500,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "cacheWrite1hTokens": 0,
    "webSearches": None,
}


class CostStep(BaseModel):
    """One of several steps in which an answer was made."""

    model_config = example(**EXAMPLE_STEP)

    what: str | None = Field(
        description="`message`, `compaction`, ...: the provider's word; `fees`: what is paid once for all."
    )
    model: str | None = Field(description="As the step states it; null: the one that answered.")
    provider: str | None = Field(description="Who sells at that rate.")
    costUsd: float
    match: str = Field(description="How the rate was found: `exact`, `alias`, `fuzzy`, ...")
    rate: str = Field(description="The rate that was used.")
    prices: KeptPrices = Field(description="That rate, in nano-dollars per million.")
    inputTokens: int | None = Field(description="All that it read, cached or not.")
    outputTokens: int | None
    cacheReadTokens: int | None
    cacheWriteTokens: int | None
    cacheWrite1hTokens: int | None
    webSearches: int | None


class CostAudit(BaseModel):
    """One pricing of a call."""

    model_config = example(**EXAMPLE_AUDIT)

    id: int = Field(description="Its number among those of the call.")
    model: str | None = Field(description="By which name of the price list.")
    provider: str | None = Field(description="Who sells at that rate.")
    source: str = Field(description="`pricing`, `provider` (its own figure counts) or `guard`.")
    baseCostUsd: float | None = Field(description="Null where there was no price.")
    calcAt: str
    reason: str = Field(description="`settled`, `reported`, `backfill`, `repriced`, or why it has no price.")
    match: str | None = Field(description="How the name was found: `exact`, `alias`, `fuzzy`, ...")
    rate: str | None = Field(description="The rate that was used.")
    prices: KeptPrices | None = Field(description="That rate, in nano-dollars per million.")
    trouble: str | None = Field(description="What was odd about the counts.")
    steps: list[CostStep] = Field(
        description="Where the answer was made in several, each at its own rate; they add up to the cost."
    )


class CostAudits(BaseModel):
    """How the cost of a call came about."""

    model_config = example(requestLogId="815694120529133568", audits=[EXAMPLE_AUDIT])

    requestLogId: str
    audits: list[CostAudit]


LISTED: Responses = {
    **failing(400),
    200: {
        "headers": {
            "link": {
                "description": 'Where it goes on, with `rel="next"`; absent: that was all.',
                "schema": {"type": "string"},
            }
        }
    },
}


def add_to(routes: APIRouter, reports: Reports) -> None:
    """List calls, and show one."""
    tags: list[Any] = ["logs"]

    @routes.get(
        "/admin/logs",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("limit", "offset", "before", "from", "to", *FILTERS))],
        summary="Calls, the newest first",
        responses=LISTED,
    )
    def list_(
        request: Request,
        response: Response,
        wanted: Wanted,
        limit: Annotated[
            int, Query(ge=1, description=f"Calls at most; above {SHOWN_MAX} it is {SHOWN_MAX}.")
        ] = 50,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MAX, description="Calls left out first.")] = 0,
        before: Annotated[
            int | None,
            Query(ge=0, le=ID_MAX, description="Calls before this `id`: the last one's of a page."),
        ] = None,
        since: Annotated[
            str | None,
            Query(
                alias="from",
                description="Calls that began on this day or at this moment, or later.",
                examples=[EXAMPLE],
            ),
        ] = None,
        until: Annotated[
            str | None,
            Query(
                alias="to",
                description="A day, which is included, or a moment, which is not.",
                examples=[EXAMPLE],
            ),
        ] = None,
    ) -> list[CallShown]:
        """Pending ones too. `Link` leads to the next page, on which calls are neither repeated nor missing
        while new ones come in. Without it this was the last one. Where few calls match, a page may have fewer
        than `limit`, or none, and there are more to come all the same.
        """
        since_us, until_us = open_range_us(since, until)
        found = reports.calls(
            wanted,
            count=min(limit, SHOWN_MAX),
            offset=offset,
            before=before,
            since_us=since_us,
            until_us=until_us,
        )
        if found.before is not None:
            link_to(request, response, before=found.before, offset=found.offset)
        return [as_shown(one) for one in found.rows]

    @routes.get(
        "/admin/logs/{id}",
        tags=tags,
        dependencies=VIEWER,
        summary="A call",
        responses=failing(404),
    )
    def show(id_: Id) -> CallWithAttempts:
        """Pending or not."""
        call, tried = _one(reports, id_), reports.attempts(id_)
        attempts = [_attempt(one) for one in tried]
        return CallWithAttempts(**as_shown(call).model_dump(), attempts=attempts, wellhead=whole(call, tried))

    @routes.get(
        "/admin/logs/{id}/cost-audit",
        tags=tags,
        dependencies=VIEWER,
        summary="How the cost of a call came about",
        responses=failing(404),
    )
    def audits(id_: Id) -> CostAudits:
        """One entry for each time the call was priced."""
        call = _one(reports, id_)
        return CostAudits(
            requestLogId=str(call["id"]), audits=[_audit(one) for one in reports.cost_audits(id_)]
        )


def _attempt(one: Mapping[str, Any]) -> AttemptShown:
    return AttemptShown(
        number=one["number"],
        provider=one["provider"],
        credential_id=one["credential_id"],
        status=one["status_code"],
        error_code=one["error_code"],
        latency_ms=_ms(one["latency_us"]),
        unmetered=one["unmetered"],
        started_at=shown.moment(one["started_us"]),
    )


def _ms(us: int | None) -> int | None:
    return None if us is None else (us + 500) // 1000


def _error_code(code: str | None) -> str | None:
    """As agent-cli-proxy has it: one code for all timeouts."""
    return TIMED_OUT if code is not None and code.startswith(TIMED_OUT) else code


def _audit(one: Mapping[str, Any]) -> CostAudit:
    nanousd, prices = one["cost_nanousd"], one["prices"]
    return CostAudit(
        id=one["number"] + 1,
        model=one["model"],
        provider=one["rate_provider"],
        source=AUDIT_SOURCES.get(one["reason"], "pricing"),
        baseCostUsd=None if nanousd is None else usd(nanousd),
        calcAt=shown.moment(one["at_us"]),
        reason=one["reason"],
        match=one["how"],
        rate=one["rate_key"],
        prices=None if prices is None else json.loads(prices),
        trouble=one["trouble"],
        steps=[_step(step) for step in one["steps"]],
    )


def _step(one: Mapping[str, Any]) -> CostStep:
    return CostStep(
        what=one["what"],
        model=one["model"],
        provider=one["rate_provider"],
        costUsd=usd(one["cost_nanousd"]),
        match=one["how"],
        rate=one["rate_key"],
        prices=json.loads(one["prices"]),
        inputTokens=one.get("input_tokens"),
        outputTokens=one.get("output_tokens"),
        cacheReadTokens=one.get("cache_read_tokens"),
        cacheWriteTokens=one.get("cache_write_tokens"),
        cacheWrite1hTokens=one.get("cache_write_1h_tokens"),
        webSearches=one.get("web_searches"),
    )


def _one(reports: Reports, id_: int) -> CallRow:
    found = reports.call(id_)
    if found is None:
        raise NotFound("there is no such call")
    return found


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
    )
