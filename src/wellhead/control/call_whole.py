"""A call with all that the books have of it, in our own words.

Beside agent-cli-proxy's row, which says 0 for what nobody knows and has names of its own
for how calls ended: here what nobody said is `null`, and a moment that was not noted, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.call import CallState
from wellhead.control.bodies import example
from wellhead.cost import CostState
from wellhead.money import usd
from wellhead.report import CallRow
from wellhead.usage import UsageSource

JOINED_WITH = "; "
"""Between several troubles, in the books."""
EXAMPLE_WHOLE: dict[str, Any] = {
    "state": "completed",
    "key": {"id": 2, "name": "laptop", "prefix": "wh-4fQz"},
    "project": {"id": "77b0c0de-0000-4000-8000-000000000001", "name": "water"},
    "provider": "anthropic",
    "dialect": "anthropic_messages",
    "method": "POST",
    "path": "/v1/messages",
    "model": "demo-large",
    "model_served": "demo-large-2026-02-01",
    "streamed": True,
    "tool": "openclaw",
    "client": "openclaw-nora",
    "session": "sess-42",
    "agent": "nora",
    "message_id": None,
    "account": "dev@example.org",
    "origin": None,
    "user_agent": "openclaw-1.0",
    "client_address": "127.0.0.1",
    "status": 200,
    "error_code": None,
    "error_message": None,
    "finish_reason": "end_turn",
    "service_tier": "standard",
    "upstream_request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
    "incomplete": False,
    "trouble": [],
    "usage": {
        "source": "reported",
        "input_tokens": 25,
        "output_tokens": 15,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "cache_write_1h_tokens": None,
        "reasoning_tokens": None,
        "input_audio_tokens": None,
        "output_audio_tokens": None,
        "input_image_tokens": None,
        "output_image_tokens": None,
        "total_tokens": 40,
        "audio_ms": None,
        "web_searches": None,
    },
    "cost": {"state": "priced", "usd": 0.0003, "held_usd": None},
    "timeline": [
        {"what": "began", "at": "2026-03-01T09:11:58.160Z", "after_ms": 0.0},
        {"what": "admitted", "at": "2026-03-01T09:11:58.161Z", "after_ms": 1.204},
        {"what": "sent", "at": None, "after_ms": None},
        {"what": "response_head", "at": "2026-03-01T09:11:58.470Z", "after_ms": 310.5},
        {"what": "first_byte", "at": "2026-03-01T09:11:58.480Z", "after_ms": 320.112},
        {"what": "ended", "at": "2026-03-01T09:12:00.000Z", "after_ms": 1840.0},
    ],
    "latency_ms": 1840.0,
    "request_bytes": 5120,
    "response_bytes": 2048,
    "message_count": 3,
    "max_output_tokens": 4096,
    "sent": 1,
}


class KeyOfCall(BaseModel):
    """What the client identified with."""

    id: int
    name: str | None = Field(description="As it is called now; null: it is gone.")
    prefix: str | None = Field(description="How it begins.")


class ProjectOfCall(BaseModel):
    """Who pays."""

    id: str = Field(description="Its UUID; the number of one that is gone.")
    name: str | None


class UsageOfCall(BaseModel):
    """What was used; `cache_…` are parts of the input, `reasoning_tokens` of the output."""

    source: UsageSource | None
    input_tokens: int | None = Field(description="Every token that was read.")
    output_tokens: int | None = Field(description="Every token that was written.")
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cache_write_1h_tokens: int | None = Field(description="A part of `cache_write_tokens`.")
    reasoning_tokens: int | None
    input_audio_tokens: int | None
    output_audio_tokens: int | None
    input_image_tokens: int | None
    output_image_tokens: int | None
    total_tokens: int | None
    audio_ms: int | None
    web_searches: int | None


class CostOfCall(BaseModel):
    """What it cost; `/admin/logs/{id}/cost-audit` says how that came about."""

    state: CostState | None = Field(description="`null`: it has not ended.")
    usd: float | None
    held_usd: float | None = Field(description="What was reserved for it, where a budget counts it.")


class Step(BaseModel):
    """One moment of a call."""

    what: Literal["began", "admitted", "sent", "response_head", "first_byte", "ended"]
    at: str | None = Field(description="`null`: it did not happen, or nobody noted when.")
    after_ms: float | None = Field(description="Since it began.")


class WholeCall(BaseModel):
    """All that the books have of a call; `null` is what nobody said."""

    model_config = example(**EXAMPLE_WHOLE)

    state: CallState
    key: KeyOfCall | None
    project: ProjectOfCall | None
    provider: str
    dialect: str
    method: str
    path: str
    model: str | None = Field(description="As it was asked for.")
    model_served: str | None
    streamed: bool
    tool: str | None
    client: str | None
    session: str | None
    agent: str | None
    message_id: str | None
    account: str | None
    origin: str | None
    user_agent: str | None
    client_address: str | None
    status: int | None = Field(description="What the client was told.")
    error_code: str | None
    error_message: str | None
    finish_reason: str | None = Field(description="In the provider's words.")
    service_tier: str | None
    upstream_request_id: str | None
    incomplete: bool | None = Field(description="The answer had no proper end.")
    trouble: list[str] = Field(description="What could not be read of the answer.")
    usage: UsageOfCall
    cost: CostOfCall
    timeline: list[Step] = Field(
        description="Always these six. `admitted` is noted where a limit counts the call, `sent` where there "
        "were several attempts; `first_byte` is that of the body."
    )
    latency_ms: float | None
    request_bytes: int | None
    response_bytes: int | None
    message_count: int | None
    max_output_tokens: int | None
    sent: int | None = Field(description="How often it was sent upstream.")


def whole(call: CallRow, tried: Sequence[Mapping[str, Any]]) -> WholeCall:
    """A call out of its row, the names of its key and project, and its attempts."""
    same = {name: call[name] for name in WholeCall.model_fields if name in call and name not in DIFFERENT}
    return WholeCall(
        **same,
        key=_key(call),
        project=_project(call),
        streamed=bool(call["streamed"]),
        status=call["status_code"],
        incomplete=None if call["incomplete"] is None else bool(call["incomplete"]),
        trouble=call["trouble"].split(JOINED_WITH) if call["trouble"] else [],
        usage=UsageOfCall(source=call["usage_source"], **{name: call[name] for name in COUNTS}),
        cost=CostOfCall(
            state=call["cost_state"], usd=_usd(call["cost_nanousd"]), held_usd=_usd(call["hold_nanousd"])
        ),
        timeline=list(_timeline(call, tried)),
        latency_ms=None if call["latency_us"] is None else call["latency_us"] / 1000,
        sent=call["attempts"],
    )


DIFFERENT = ("project", "streamed", "incomplete", "trouble")
COUNTS = tuple(name for name in UsageOfCall.model_fields if name != "source")


def _key(call: CallRow) -> KeyOfCall | None:
    if call["key_id"] is None:
        return None
    return KeyOfCall(id=call["key_id"], name=call["key_name"], prefix=call["key_prefix"])


def _project(call: CallRow) -> ProjectOfCall | None:
    return None if call["project"] is None else ProjectOfCall(id=call["project"], name=call["project_name"])


def _timeline(call: CallRow, tried: Sequence[Mapping[str, Any]]) -> Iterator[Step]:
    began_us = call["started_us"]

    def after(us: int | None) -> int | None:
        return None if us is None else began_us + us

    moments: dict[Any, int | None] = {
        "began": began_us,
        "admitted": call["admitted_us"],
        "sent": tried[-1]["started_us"] if tried else None,
        "response_head": after(call["upstream_latency_us"]),
        "first_byte": after(call["ttft_us"]),
        "ended": call["finished_us"],
    }
    for what, at_us in moments.items():
        after_ms = None if at_us is None else (at_us - began_us) / 1000
        yield Step(what=what, at=shown.moment(at_us), after_ms=after_ms)


def _usd(nanousd: int | None) -> float | None:
    return None if nanousd is None else usd(nanousd)
