"""OpenAI's Responses API.

A stream reports usage once, in its terminal event, whichever of `completed`,
`incomplete` and `failed` that is; a plain answer is the same `response` object
bare.  A background answer is `queued` and has none yet.  Cached and reasoning
tokens are inside the two sums (A-4.2).
"""

from wellhead.meter.dialect import Cost, Dialect, at

OPENAI_RESPONSES = Dialect(
    name="openai_responses",
    usage_at=("usage", "response.usage"),
    counts={
        "input_tokens": at("input_tokens"),
        "output_tokens": at("output_tokens"),
        "cache_read_tokens": at("input_tokens_details.cached_tokens"),
        "cache_write_tokens": at("input_tokens_details.cache_write_tokens"),
        "reasoning_tokens": at("output_tokens_details.reasoning_tokens"),
        "input_audio_tokens": at("input_tokens_details.audio_tokens"),
        "output_audio_tokens": at("output_tokens_details.audio_tokens"),
        "input_image_tokens": at("input_tokens_details.image_tokens"),
        "output_image_tokens": at("output_tokens_details.image_tokens"),
    },
    # Searches are billed by the call and appear only as items of the output.
    items={"web_searches": (("output", "response.output"), "web_search_call")},
    costs=(Cost("cost_in_usd_ticks", units_per_usd=10**10), Cost("cost")),
    model_at=("model", "response.model"),
    id_at=("id", "response.id"),
    tier_at=("service_tier", "response.service_tier"),
    finish_at=(
        "status",
        "response.status",
        "incomplete_details.reason",
        "response.incomplete_details.reason",
    ),
    unfinished=frozenset({"in_progress", "queued"}),
    error_type_at=("error.type", "error.code", "response.error.type", "response.error.code"),
    error_message_at=("error.message", "response.error.message", "error"),
    bare_error_at=(("code", "type"), ("message", "detail")),
    end_types=frozenset(
        {"response.completed", "response.incomplete", "response.failed", "response.cancelled"}
    ),
    # ChatGPT's backend tells subscribers in passing how much of their plan is used.
    quota_type="codex.rate_limits",
    quota_at=("metered_limit_name", "rate_limits"),
    hints=(b'"response"', b'"error"', b'"codex.rate_limits"'),
    messages_at="input",
    max_output_at=("max_output_tokens",),
)
