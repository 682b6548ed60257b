"""Gemini's `generateContent` and `streamGenerateContent`, on AI Studio and Vertex.

Nearly every chunk of a stream carries `usageMetadata`; its figures are running
totals and the last ones count.  With `alt=sse` the chunks are events, without it
the elements of one JSON array.

`totalTokenCount` = prompt + tool-use prompt + candidates + thoughts: thoughts lie
beside candidates and tool-use prompts beside the prompt, hence the `plus`.  Cached
tokens are inside the prompt.  Figures that are 0 are left out, so a missing one is
taken for 0 where the total leaves nothing for it, and for unknown elsewhere (A-4.5).
"""

from wellhead.meter.dialect import Count, Dialect, at

GEMINI = Dialect(
    name="gemini",
    usage_at=("usageMetadata", "usage_metadata"),
    counts={
        "input_tokens": (
            Count(
                ("promptTokenCount", "prompt_token_count"),
                plus=("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
                may_be_absent=True,
            ),
        ),
        "output_tokens": (
            Count(
                ("candidatesTokenCount", "candidates_token_count"),
                plus=("reasoning_tokens",),
                may_be_absent=True,
            ),
        ),
        "cache_read_tokens": at("cachedContentTokenCount", "cached_content_token_count"),
        "reasoning_tokens": at("thoughtsTokenCount", "thoughts_token_count"),
        "input_audio_tokens": (
            Count(
                ("promptTokensDetails.AUDIO.tokenCount",),
                plus=("toolUsePromptTokensDetails.AUDIO.tokenCount",),
                may_be_absent=True,
            ),
        ),
        "output_audio_tokens": at("candidatesTokensDetails.AUDIO.tokenCount"),
        "input_image_tokens": (
            Count(
                ("promptTokensDetails.IMAGE.tokenCount",),
                plus=("toolUsePromptTokensDetails.IMAGE.tokenCount",),
                may_be_absent=True,
            ),
        ),
        "output_image_tokens": at("candidatesTokensDetails.IMAGE.tokenCount"),
    },
    total_at=("totalTokenCount", "total_token_count"),
    omits_zeros=True,
    keep=("cacheTokensDetails",),
    model_at=("modelVersion",),
    id_at=("responseId",),
    tier_at=("usageMetadata.serviceTier", "usageMetadata.trafficType"),
    finish_at=("candidates.*.finishReason", "promptFeedback.blockReason"),
    unfinished=frozenset({"FINISH_REASON_UNSPECIFIED"}),
    error_type_at=("error.status", "error.code"),
    finish_ends=True,
    hints=(b'TokenCount"', b'_token_count"', b'"finishReason"', b'"blockReason"', b'"error"'),
    messages_at="contents",
    max_output_at=("generationConfig.maxOutputTokens", "generation_config.max_output_tokens"),
)
