"""The golden vectors of the reference: prices of `demo-1` are 3 / 15 / 0.30 / 3.75."""

import pytest

from fakes.rates import NOW, a_catalogue, a_rate
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.meter import Meter
from wellhead.pricing.quote import Priced, PriceState, Reason, priced
from wellhead.usage import NO_USAGE, Usage

CATALOGUE = a_catalogue(
    shop={"demo-1": a_rate(input="3", output="15", cache_read="0.30", cache_write="3.75")}
)
STREAM = "text/event-stream"
VECTORS = (
    (
        "openai_chat",
        "application/json",
        (
            '{"usage":{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500,"prompt_tokens_details":'
            '{"cached_tokens":200},"completion_tokens_details":{"reasoning_tokens":100}}}'
        ),
        9_960_000,
    ),
    (
        "anthropic_messages",
        "application/json",
        (
            '{"usage":{"input_tokens":1000,"output_tokens":500,"cache_read_input_tokens":200,'
            '"cache_creation_input_tokens":100}}'
        ),
        10_935_000,
    ),
    (
        "anthropic_messages",
        STREAM,
        (
            'event: message_start\ndata: {"type":"message_start","message":'
            '{"usage":{"input_tokens":25,"output_tokens":1}}}\n\n'
            'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":7}}\n\n'
            'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":15}}\n\n'
            'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        ),
        300_000,
    ),
    (
        "gemini",
        "application/json",
        (
            '{"usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":500,"thoughtsTokenCount":100,'
            '"cachedContentTokenCount":200,"totalTokenCount":1600}}'
        ),
        11_460_000,
    ),
    (
        "openai_responses",
        STREAM,
        (
            'event: response.completed\ndata: {"type":"response.completed","response":'
            '{"usage":{"input_tokens":40,'
            '"input_tokens_details":{"cached_tokens":10},"output_tokens":20,'
            '"output_tokens_details":{"reasoning_tokens":5},'
            '"total_tokens":60}}}\n\n'
        ),
        393_000,
    ),
)


def priced_as(
    model: str | None, usage: Usage, dialect: str = "openai_chat", provider: str = "shop"
) -> Priced:
    return priced(
        CATALOGUE,
        provider=provider,
        provider_type="openai-compatible",
        model=model,
        model_served=None,
        tier=None,
        usage=usage,
        reported_nanousd=None,
        at_us=NOW,
        dialect=dialect,
    )


@pytest.mark.parametrize(("dialect", "content_type", "body", "nanousd"), VECTORS)
def test_a_vector_costs_what_the_reference_says(
    dialect: str, content_type: str, body: str, nanousd: int
) -> None:
    meter = Meter(DIALECTS[dialect], status=200, content_type=content_type, variant=None, headers=())
    meter.feed(body.encode())
    found = priced_as("demo-1", meter.finish().usage, dialect)
    assert (found.state, found.nanousd) == (PriceState.PRICED, nanousd)


def test_a_model_without_a_price_is_pending() -> None:
    found = priced_as("llama3.2", Usage(input_tokens=26, output_tokens=298))
    assert (found.state, found.reason, found.nanousd) == (PriceState.PENDING, Reason.NO_PRICE, None)


def test_a_response_that_reports_no_usage_is_pending() -> None:
    found = priced_as("demo-1", NO_USAGE)
    assert (found.state, found.reason, found.nanousd) == (PriceState.PENDING, Reason.NO_COUNTS, None)


@pytest.mark.parametrize("model", ["unknown", "undefined", "", None, " Unknown "])
def test_a_call_that_names_no_model_can_never_be_priced(model: str | None) -> None:
    found = priced_as(model, Usage(input_tokens=1, output_tokens=1))
    assert (found.state, found.reason, found.nanousd) == (PriceState.UNPRICEABLE, Reason.NO_MODEL, None)
