"""What the books are told of a call: its opening from the request, its settlement from what happened."""

from dataclasses import dataclass

from msgspec import structs

from wellhead.call import CallState, Opening, Settlement
from wellhead.errors import CallerError
from wellhead.gateway.client import Client
from wellhead.gateway.headers import without_secrets
from wellhead.gateway.plan import Plan
from wellhead.gateway.relay import Relay
from wellhead.policy.attribution import Who
from wellhead.policy.keys import digest
from wellhead.policy.limits import BYTES_PER_TOKEN
from wellhead.usage import COUNT_MAX, Reading, UsageSource

# Dialects that stream unless the body says otherwise.
STREAMS_BY_DEFAULT = frozenset(("ollama_chat", "ollama_generate"))
OF_FORMS = frozenset(("openai_transcription", "openai_images"))
"""Dialects whose requests are uploads."""
WRITES_NOTHING = frozenset(("openai_embeddings", "gemini_embed", "ollama_embed"))
"""Dialects whose answers have no tokens."""
STATUS_CLIENT_LEFT = 499
"""Booked where the client left before it was told anything; never sent."""
PATH_MAX = 512
"""Characters of a path that are booked."""
MESSAGE_MAX = 500
"""Characters of an error message that are booked."""
NO_READING = Reading()


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended, as far as the gateway knows."""

    state: CallState
    error_code: str | None = None
    error_message: str | None = None
    status: int | None = None
    """What the client is about to be told instead of the upstream's status."""


COMPLETED = End(CallState.COMPLETED)
CLIENT_LEFT = End(CallState.ABORTED, "aborted", "the client closed its connection")
SHUTDOWN = End(CallState.ABORTED, "shutdown", "cut by a shutdown", 503)


def expected_tokens(client: Client, plan: Plan, ceiling: int, body_max: int) -> tuple[int, int]:
    """What a call may use at most, as far as its request tells: input and output tokens.

    `ceiling` is what a call writes at most where neither it nor its provider's entry names one,
    `body_max` the size of the largest body.
    """
    asked, provider, dialect = plan.asked, plan.provider, _dialect(plan)
    if plan.place.dialect is None and asked.model is None:
        return 0, 0  # It is booked because it has a key; nothing says that it generates.
    if client.body_is_whole:
        input_tokens = -(-client.body_bytes // BYTES_PER_TOKEN)
    elif dialect in OF_FORMS:
        input_tokens = 0  # Of sounds and images the bytes say nothing.
    else:
        input_tokens = -(-(client.size or body_max) // BYTES_PER_TOKEN)
    if dialect in WRITES_NOTHING:
        return input_tokens, 0
    output_tokens = asked.max_output_tokens
    if output_tokens is None:
        own_ceiling = provider.output_tokens_ceiling
        output_tokens = ceiling if own_ceiling is None else own_ceiling
    return input_tokens, min(output_tokens * max(asked.choices or 1, 1), COUNT_MAX)


def opening(
    call_id: int, started_us: int, client: Client, plan: Plan, expected: tuple[int, int], who: Who
) -> Opening:
    """The call as it is known before it leaves; `expected` are the tokens that it may use."""
    place, caller, asked, dialect = plan.place, plan.caller, plan.asked, _dialect(plan)
    key = caller.key
    streams = place.streamed if place.streamed is not None else asked.streamed
    return Opening(
        id=call_id,
        started_us=started_us,
        provider=plan.provider.id,
        dialect=dialect,
        method=client.method,
        path=_path(client, plan),
        model=place.model or asked.model,
        streamed=dialect in STREAMS_BY_DEFAULT if streams is None else streams,
        tool=who.tool,
        client=who.client,
        session=who.session,
        agent=who.agent,
        message_id=client.text(b"x-request-id") or client.text(b"x-client-request-id"),
        user_agent=client.text(b"user-agent"),
        origin=client.text(b"origin"),
        client_address=client.address,
        project_id=None if key is None else key.project_id,
        key_id=None if key is None else key.id,
        credential_hash=None if caller.own is None else digest(caller.own.secret),
        request_bytes=client.body_bytes if client.body_is_whole else None,
        message_count=asked.message_count,
        max_output_tokens=asked.max_output_tokens,
        hold_input_tokens=expected[0],
        hold_output_tokens=expected[1],
    )


def reopened(opened: Opening, client: Client, plan: Plan, ceiling: int) -> Opening:
    """The same call as it is by another plan; `ceiling` as for `expected_tokens`."""
    return structs.replace(
        opened,
        provider=plan.provider.id,
        path=_path(client, plan),
        hold_output_tokens=expected_tokens(client, plan, ceiling, 0)[1],
    )


def _path(client: Client, plan: Plan) -> str:
    """The request's path, without the prefix where that names another provider than the one that serves."""
    return (plan.place.path if plan.is_stand_in else client.path)[:PATH_MAX]


def refusal(opened: Opening, now_us: int, error: CallerError) -> Settlement:
    """The end of a call that is not sent."""
    return Settlement(
        state=CallState.REFUSED,
        finished_us=now_us,
        status_code=error.status,
        error_code=error.code,
        error_message=error.message[:MESSAGE_MAX],
        streamed=opened.streamed,
        latency_us=max(now_us - opened.started_us, 0),
    )


def _dialect(plan: Plan) -> str:
    assert plan.dialect is not None, "what is booked has a dialect"
    return plan.dialect.name


def settlement(opened: Opening, relay: Relay, client: Client, end: End, now_us: int) -> Settlement:
    """The call as it is known at its end, which is now; how long it took is the relay's to say."""
    meter, attempts = relay.meter, relay.attempts
    reading = meter.finish() if meter is not None else NO_READING
    state, code, message = end.state, end.error_code, end.error_message
    if state is CallState.COMPLETED and (
        (attempts.status or 0) >= 400 or reading.error_type or reading.error_message
    ):
        # An error event inside a 200 stream is a failure just as a status above 400 is.
        state, code = CallState.FAILED, "upstream_error"
        message = reading.error_message or reading.error_type or f"the upstream answered {attempts.status}"
    if message:
        message = without_secrets(
            message, client.fields, client.query, attempts.plan.provider, attempts.secret
        )[:MESSAGE_MAX]
    status = client.told or end.status
    if status is None and state is CallState.ABORTED:
        status = STATUS_CLIENT_LEFT
    started_us = opened.started_us
    return Settlement(
        state=state,
        finished_us=now_us,
        status_code=status,
        error_code=code,
        error_message=message or None,
        finish_reason=reading.finish_reason,
        upstream_request_id=reading.upstream_request_id,
        model_served=reading.model_served,
        service_tier=reading.service_tier,
        account=relay.account,
        streamed=meter.streamed if meter is not None else opened.streamed,
        usage=reading.usage,
        usage_source=reading.usage_source,
        usage_extra=reading.usage_extra,
        cost_nanousd=reading.cost_nanousd,
        latency_us=relay.now_us() - started_us,
        upstream_latency_us=None if attempts.head_us is None else attempts.head_us - started_us,
        ttft_us=None if relay.first_byte_us is None else relay.first_byte_us - started_us,
        request_bytes=client.body_bytes,
        response_bytes=relay.response_bytes,
        attempts=attempts.count,
        incomplete=meter is not None and not reading.ended,
        trouble=reading.trouble,
        tried=attempts.tried(
            code,
            failed=state is CallState.FAILED,
            well=state is CallState.COMPLETED,
            metered=reading.usage_source is not UsageSource.ABSENT,
        ),
    )
