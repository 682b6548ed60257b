"""The pitfalls of accounting (A-4.13), on single usage objects."""

import json
from typing import Any

import pytest

from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.findings import QUOTAS_MAX
from wellhead.meter.meter import Meter
from wellhead.money import STATED_NANOUSD_MAX
from wellhead.usage import NO_USAGE, TOKENS_MAX, Reading, UsageSource


def answer(dialect: str, document: Any, *, variant: str | None = None, status: int = 200) -> Reading:
    meter = Meter(DIALECTS[dialect], status=status, content_type="application/json", variant=variant)
    meter.feed(json.dumps(document).encode())
    return meter.finish()


def stream(dialect: str, *events: Any) -> Reading:
    meter = Meter(DIALECTS[dialect], status=200, content_type="text/event-stream")
    for event in events:
        meter.feed(b"data: " + json.dumps(event).encode() + b"\n\n")
    return meter.finish()


def chat(**usage: Any) -> Reading:
    return answer("openai_chat", {"usage": usage})


# The golden vectors of the four systems (source-systems 6.2); their input leaves out Anthropic's cache.


def test_vector_1_openai() -> None:
    usage = chat(
        prompt_tokens=1000,
        completion_tokens=500,
        total_tokens=1500,
        prompt_tokens_details={"cached_tokens": 200},
        completion_tokens_details={"reasoning_tokens": 100},
    ).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (1000, 500, 200)
    assert (usage.reasoning_tokens, usage.cache_write_tokens, usage.total_tokens) == (100, None, 1500)


def test_vector_2_anthropic() -> None:
    usage = answer(
        "anthropic_messages",
        {
            "usage": {
                "input_tokens": 1000,
                "output_tokens": 500,
                "cache_read_input_tokens": 200,
                "cache_creation_input_tokens": 100,
            }
        },
    ).usage
    assert (usage.input_tokens, usage.output_tokens) == (1000 + 200 + 100, 500)
    assert (usage.cache_read_tokens, usage.cache_write_tokens, usage.total_tokens) == (200, 100, 1800)


def test_vector_3_anthropic_stream_is_not_added_up() -> None:
    usage = stream(
        "anthropic_messages",
        {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 7}},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 15}},
    ).usage
    assert (usage.input_tokens, usage.output_tokens) == (25, 15)


def test_vector_4_gemini_thoughts_are_output() -> None:
    usage = answer(
        "gemini",
        {
            "usageMetadata": {
                "promptTokenCount": 1000,
                "candidatesTokenCount": 500,
                "thoughtsTokenCount": 100,
                "cachedContentTokenCount": 200,
                "totalTokenCount": 1600,
            }
        },
    ).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (1000, 600, 200)
    assert (usage.reasoning_tokens, usage.total_tokens) == (100, 1600)


def test_vector_5_ollama() -> None:
    usage = answer("ollama_chat", {"done": True, "prompt_eval_count": 26, "eval_count": 298}).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (26, 298, None)


def test_vector_6_responses_stream() -> None:
    usage = stream(
        "openai_responses",
        {
            "type": "response.completed",
            "response": {
                "usage": {
                    "input_tokens": 40,
                    "input_tokens_details": {"cached_tokens": 10},
                    "output_tokens": 20,
                    "output_tokens_details": {"reasoning_tokens": 5},
                    "total_tokens": 60,
                }
            },
        },
    ).usage
    assert (usage.input_tokens, usage.output_tokens, usage.cache_read_tokens) == (40, 20, 10)
    assert (usage.reasoning_tokens, usage.total_tokens) == (5, 60)


@pytest.mark.parametrize("document", [{}, {"usage": None}, {"usage": {}}, {"choices": []}])
def test_vector_7_no_usage_is_absent_and_not_zero(document: Any) -> None:
    reading = answer("openai_chat", document)
    assert reading.usage_source is UsageSource.ABSENT
    assert reading.usage == NO_USAGE


# What is refused.


@pytest.mark.parametrize("bad", [-1, TOKENS_MAX + 1, 10**30, 1.0, 1.5, "7", True, [], {}])
def test_a_count_that_is_none_is_refused_and_said(bad: Any) -> None:
    reading = chat(prompt_tokens=bad, completion_tokens=3)
    assert reading.usage.input_tokens is None
    assert reading.usage.output_tokens == 3
    assert reading.usage.total_tokens is None
    assert reading.trouble == ("count_refused:prompt_tokens",)


def test_the_largest_count_is_believed() -> None:
    assert chat(prompt_tokens=TOKENS_MAX).usage.input_tokens == TOKENS_MAX


def test_a_refused_count_does_not_replace_a_good_one() -> None:
    reading = stream("openai_chat", {"usage": {"prompt_tokens": 9}}, {"usage": {"prompt_tokens": -9}})
    assert reading.usage.input_tokens == 9
    assert reading.trouble == ("count_refused:prompt_tokens",)


def test_a_sum_with_a_refused_addend_is_unknown() -> None:
    reading = answer("anthropic_messages", {"usage": {"input_tokens": 9, "cache_read_input_tokens": -5}})
    assert reading.usage.input_tokens is None
    assert reading.usage.cache_read_tokens is None


def test_a_sum_above_the_largest_count_is_refused() -> None:
    usage = {"input_tokens": TOKENS_MAX, "cache_read_input_tokens": 1}
    reading = answer("anthropic_messages", {"usage": usage})
    assert reading.usage.input_tokens is None
    assert reading.trouble == ("count_refused:input_tokens",)


def test_a_part_larger_than_its_whole_is_not_believed() -> None:
    reading = chat(prompt_tokens=5, prompt_tokens_details={"cached_tokens": 6})
    assert (reading.usage.input_tokens, reading.usage.cache_read_tokens) == (5, None)
    assert reading.trouble == ("part_exceeds_whole:cache_read_tokens",)


@pytest.mark.parametrize("usage", ["none", 7, [1]])
def test_usage_of_an_odd_form_is_said(usage: Any) -> None:
    reading = answer("openai_chat", {"model": "m", "usage": usage})
    assert reading.trouble == ("usage_of_odd_form",)
    assert reading.model_served == "m"


# What lies inside, what beside.


def test_anthropic_figures_never_fall() -> None:
    usage = stream(
        "anthropic_messages",
        {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 4}}},
        {"type": "message_delta", "usage": {"input_tokens": 0, "output_tokens": 3}},
    ).usage
    assert (usage.input_tokens, usage.output_tokens) == (25, 4)


def test_anthropic_null_does_not_replace_a_figure() -> None:
    usage = stream(
        "anthropic_messages",
        {"type": "message_start", "message": {"usage": {"input_tokens": 25, "cache_read_input_tokens": 7}}},
        {
            "type": "message_delta",
            "usage": {"input_tokens": None, "cache_read_input_tokens": None, "output_tokens": 3},
        },
    ).usage
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (32, 7, 3)


def test_anthropic_cache_writes_may_be_stated_only_by_lifetime() -> None:
    split = {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 12}
    usage = answer("anthropic_messages", {"usage": {"input_tokens": 1, "cache_creation": split}}).usage
    assert (usage.input_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens) == (43, 42, 12)


def test_reasoning_is_beside_only_where_the_total_shows_it() -> None:
    details = {"completion_tokens_details": {"reasoning_tokens": 7}}
    inside = chat(prompt_tokens=1, completion_tokens=10, total_tokens=11, **details)
    beside = chat(prompt_tokens=1, completion_tokens=10, total_tokens=18, **details)
    unclear = chat(prompt_tokens=1, completion_tokens=10, total_tokens=15, **details)
    assert [r.usage.output_tokens for r in (inside, beside, unclear)] == [10, 17, 10]


def test_xai_reasoning_is_beside_even_without_a_total() -> None:
    usage = {
        "prompt_tokens": 1,
        "completion_tokens": 10,
        "completion_tokens_details": {"reasoning_tokens": 7},
    }
    assert answer("openai_chat", {"usage": usage}, variant="xai").usage.output_tokens == 17


def test_responses_reasoning_is_always_inside() -> None:
    usage = {"input_tokens": 1, "output_tokens": 10, "output_tokens_details": {"reasoning_tokens": 7}}
    assert answer("openai_responses", {"usage": usage}, variant="xai").usage.output_tokens == 10


def test_gemini_leaves_out_zeros() -> None:
    known = answer("gemini", {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}}).usage
    assert (known.input_tokens, known.output_tokens) == (9, 0)
    unknown = answer("gemini", {"usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 12}}).usage
    assert (unknown.input_tokens, unknown.output_tokens, unknown.total_tokens) == (9, None, 12)
    silent = answer("gemini", {"usageMetadata": {"promptTokenCount": 9}}).usage
    assert (silent.output_tokens, silent.total_tokens) == (None, None)


def test_a_refused_count_is_not_taken_for_a_zero_left_out() -> None:
    usage = {"promptTokenCount": 9, "candidatesTokenCount": -1, "totalTokenCount": 9}
    assert answer("gemini", {"usageMetadata": usage}).usage.output_tokens is None


def test_gemini_usage_may_be_in_snake_case() -> None:
    usage = {
        "prompt_token_count": 9,
        "candidates_token_count": 2,
        "thoughts_token_count": 3,
        "total_token_count": 14,
    }
    found = answer("gemini", {"usage_metadata": usage}).usage
    assert (found.input_tokens, found.output_tokens, found.total_tokens) == (9, 5, 14)


def test_the_providers_own_total_counts() -> None:
    assert chat(prompt_tokens=1, completion_tokens=2, total_tokens=9).usage.total_tokens == 9
    assert chat(prompt_tokens=1, completion_tokens=2).usage.total_tokens == 3
    assert chat(prompt_tokens=1).usage.total_tokens is None


def test_usage_after_the_finish_reason_counts() -> None:
    reading = stream(
        "openai_chat",
        {"model": "m", "choices": [{"finish_reason": "stop"}]},
        *({"model": "m", "choices": [{"delta": {"content": "x"}}]} for _ in range(9)),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    )
    assert (reading.usage.total_tokens, reading.finish_reason) == (7, "stop")


def test_null_usage_does_not_erase_what_was_stated() -> None:
    reading = stream("openai_chat", {"usage": {"prompt_tokens": 3}}, {"usage": None}, {"usage": {}})
    assert reading.usage.input_tokens == 3


def test_the_model_may_differ_from_the_one_asked_for_and_the_last_counts() -> None:
    assert stream("openai_chat", {"model": ""}, {"model": "a"}, {"model": "b"}).model_served == "b"


# Money.


@pytest.mark.parametrize(
    ("usage", "variant", "nanousd"),
    [
        ({"cost_in_usd_ticks": 10**10}, "xai", 10**9),
        ({"cost_in_usd_ticks": 5}, "xai", 1),
        ({"cost_in_usd_ticks": -5}, "xai", -1),
        ({"cost_in_usd_ticks": -4}, "xai", -1),
        ({"cost_in_usd_ticks": True}, "xai", None),
        ({"cost": 0.00014}, "openrouter", 140_000),
        ({"cost": 0}, "openrouter", 0),
        ({"cost": "0.1"}, "openrouter", None),
        ({"cost": None}, "openrouter", None),
        ({"cost": [1]}, "openrouter", None),
        ({"cost": -1}, "openrouter", -(10**9)),
        ({"cost": 1e300}, "openrouter", STATED_NANOUSD_MAX),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            "openrouter",
            210_000_000,
        ),
        (
            {"cost": 0.01, "is_byok": False, "cost_details": {"upstream_inference_cost": 0.2}},
            "openrouter",
            10_000_000,
        ),
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": None}},
            "openrouter",
            10_000_000,
        ),
        # A part of less than nothing is not made good by the other one.
        (
            {"cost": 0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": -0.002}},
            "openrouter",
            -2_000_000,
        ),
        (
            {"cost": -0.01, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.2}},
            "openrouter",
            -10_000_000,
        ),
    ],
)
def test_what_the_provider_charged(usage: dict[str, Any], variant: str, nanousd: int | None) -> None:
    reading = answer("openai_chat", {"usage": usage}, variant=variant)
    assert reading.cost_nanousd == nanousd
    (name, stated), *_ = usage.items()
    refused = nanousd is None and stated is not None
    assert reading.trouble == ((f"cost_refused:{name}",) if refused else ())


# Seconds.


@pytest.mark.parametrize(
    ("seconds", "ms"),
    [(7, 7000), (8.4705, 8471), (0, 0), (-1, None), (1e12, None), ("7", None), (True, None)],
)
def test_audio_may_be_billed_by_duration(seconds: Any, ms: int | None) -> None:
    usage = {"type": "duration", "seconds": seconds}
    assert answer("openai_transcription", {"usage": usage}).usage.audio_ms == ms


# Errors.


def test_an_error_message_is_kept_up_to_its_bound() -> None:
    reading = answer("openai_chat", {"error": {"message": "é" * 9000, "type": "x"}}, status=400)
    assert reading.error_message == "é" * 500


@pytest.mark.parametrize("error", [None, "", [], {}, {"message": None}])
def test_an_empty_error_is_harmless(error: Any) -> None:
    reading = answer("openai_chat", {"model": "m", "error": error})
    assert (reading.error_type, reading.model_served) == (None, "m")
    assert bool(reading.error_message) is (error == {"message": None})


def test_a_message_without_an_error_around_it_counts_only_in_an_error() -> None:
    document = {"message": "hello", "type": "greeting"}
    assert answer("openai_chat", document).error_message is None
    assert answer("openai_chat", document, status=500).error_message == "hello"


def test_usage_in_an_error_counts() -> None:
    reading = answer("openai_chat", {"error": {"message": "m"}, "usage": {"prompt_tokens": 4}}, status=500)
    assert reading.usage.input_tokens == 4


def test_all_steps_of_an_answer_are_kept_to_price_it_by() -> None:
    steps = [{"type": "message", "input_tokens": 123, "output_tokens": 7, "model": "m" * 100}] * 300
    usage = {"input_tokens": 1, "output_tokens": 1, "iterations": steps}
    reading = answer("anthropic_messages", {"type": "message", "usage": usage})
    assert len(json.loads(reading.usage_extra or "{}")["iterations"]) == 300
    assert reading.trouble == ()


def test_what_a_stream_tells_of_quotas_is_kept_as_it_came_and_of_each_the_last() -> None:
    def told(percent: float, of: str = "codex") -> dict[str, Any]:
        return {
            "type": "codex.rate_limits",
            "plan_type": "plus",
            "metered_limit_name": of,
            "rate_limits": {"primary": {"used_percent": percent}},
        }

    deltas = [{"type": "response.output_text.delta", "delta": "x" * 3000}] * 9
    end = {
        "type": "response.completed",
        "response": {"id": "r", "usage": {"input_tokens": 3, "output_tokens": 4}},
    }
    reading = stream("openai_responses", told(1), *deltas, told(7, "other"), told(2), *deltas, end)
    assert reading.quotas == (
        {"metered_limit_name": "codex", "rate_limits": {"primary": {"used_percent": 2}}},
        {"metered_limit_name": "other", "rate_limits": {"primary": {"used_percent": 7}}},
    )
    assert (reading.usage.total_tokens, reading.ended, reading.trouble) == (7, True, ())
    many = stream("openai_responses", *(told(1, str(n)) for n in range(99)), end)
    assert len(many.quotas) == QUOTAS_MAX
    assert stream("openai_chat", told(1)).quotas == ()
