"""OpenAI's chat completions, and everybody's who speaks them.

A stream brings usage once, in an extra chunk with `choices: []`, and only if it
was asked for.  Elsewhere the same object comes on the last chunk with choices,
inside a choice (Moonshot), under `x_groq`, or on every chunk: so the last one
stated counts, wherever it stands.  Chunks of no use carry `usage: null`.

Cached tokens are inside `prompt_tokens`.  Reasoning is inside
`completion_tokens` (A-4.1), save with xAI (A-4.8) and Google's compatible
endpoint, where the total gives it away.
"""

from wellhead.meter.dialect import Cost, Count, Dialect, at

CHAT_COUNTS = {
    "input_tokens": at("prompt_tokens"),
    "output_tokens": (Count(("completion_tokens",), plus_if_total=("reasoning_tokens",)),),
    "cache_read_tokens": at(
        "prompt_tokens_details.cached_tokens",
        "cached_tokens",
        "prompt_cache_hit_tokens",
        "cache_read_input_tokens",
    ),
    "cache_write_tokens": at(
        "prompt_tokens_details.cache_write_tokens",
        "prompt_tokens_details.cache_creation_tokens",
        "cache_write_tokens",
        "cache_creation_input_tokens",
    ),
    "reasoning_tokens": at("completion_tokens_details.reasoning_tokens", "reasoning_tokens"),
    "input_audio_tokens": at("prompt_tokens_details.audio_tokens"),
    "output_audio_tokens": at("completion_tokens_details.audio_tokens"),
    "input_image_tokens": at("prompt_tokens_details.image_tokens"),
    "output_image_tokens": at("completion_tokens_details.image_tokens"),
    "web_searches": at("server_tool_use.web_search_requests"),
}

REASONING_BESIDE = (Count(("completion_tokens",), plus=("reasoning_tokens",)),)
BYOK_COST = Cost("cost", plus="cost_details.upstream_inference_cost", plus_if="is_byok")

OPENAI_CHAT = Dialect(
    name="openai_chat",
    usage_at=("usage", "x_groq.usage", "choices.*.usage"),
    counts=CHAT_COUNTS,
    durations_s={"audio_ms": ("prompt_audio_seconds",)},
    costs=(Cost("cost_in_usd_ticks", units_per_usd=10**10), Cost("cost")),
    keep=("cost_details",),
    count_headers={b"fireworks-cached-prompt-tokens": "cache_read_tokens"},
    finish_at=("choices.*.finish_reason",),
    bare_error_at=(("code", "type"), ("message", "detail")),
    end_data=b"[DONE]",
    finish_ends=True,
    hints=(b'_tokens"', b'"finish_reason":"', b'"finish_reason": "', b'"error"', b"[DONE]"),
    variants={
        # `prompt_cache_hit_tokens` and `prompt_tokens_details.cached_tokens` are the same number.
        "deepseek": {},
        "xai": {"counts": CHAT_COUNTS | {"output_tokens": REASONING_BESIDE}},
        "groq": {"id_at": ("id", "x_groq.id")},
        "mistral": {},
        # With one's own key the upstream bills its part apart from OpenRouter's fee.
        "openrouter": {"costs": (BYOK_COST,)},
    },
)
