"""Anthropic's Messages API.

A stream reports usage twice: `message_start` brings the input side and a stub of
the output, `message_delta` the output side and sometimes the input again.
Figures are running totals, so per figure the last one stated counts, never less
than before, and nothing is added up across events (A-4.4).

Here `input_tokens` leaves cached tokens out.  Ours includes them (see
`wellhead.usage`), hence the `plus`.  `iterations` (steps of other models that the
sums leave out) are kept as they came.
"""

from wellhead.meter.dialect import Count, Dialect, at

ANTHROPIC_MESSAGES = Dialect(
    name="anthropic_messages",
    usage_at=("usage", "message.usage"),
    counts={
        "input_tokens": (Count(("input_tokens",), plus=("cache_write_tokens", "cache_read_tokens")),),
        "output_tokens": at("output_tokens"),
        "cache_read_tokens": at("cache_read_input_tokens"),
        "cache_write_tokens": (
            Count(("cache_creation_input_tokens",)),
            Count(
                ("cache_creation.ephemeral_5m_input_tokens",),
                plus=("cache_creation.ephemeral_1h_input_tokens",),
                may_be_absent=True,
            ),
        ),
        "cache_write_1h_tokens": at("cache_creation.ephemeral_1h_input_tokens"),
        "reasoning_tokens": at("output_tokens_details.thinking_tokens"),
        "web_searches": at("server_tool_use.web_search_requests"),
    },
    total_at=(),
    never_falls=True,
    keep=("iterations", "server_tool_use", "fallback_credit", "speed", "inference_geo"),
    model_at=("model", "message.model"),
    id_at=("id", "message.id", "request_id"),
    id_headers=(b"request-id", b"x-request-id"),
    tier_at=("usage.service_tier", "message.usage.service_tier"),
    finish_at=("stop_reason", "delta.stop_reason"),
    end_types=frozenset({"message_stop"}),
    hints=(b'_tokens"', b'"stop_reason"', b"message_stop", b'"error"'),
    max_output_at=("max_tokens",),
)
