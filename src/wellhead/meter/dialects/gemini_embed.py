"""Gemini's `embedContent` and `batchEmbedContents`; AI Studio reports no usage here, Vertex does."""

from wellhead.meter.dialect import Dialect, at

GEMINI_EMBED = Dialect(
    name="gemini_embed",
    usage_at=("usageMetadata",),
    counts={"input_tokens": at("promptTokenCount")},
    total_at=("totalTokenCount",),
    model_at=("modelVersion",),
    id_at=("responseId",),
    error_type_at=("error.status", "error.code"),
    input_only=True,
    messages_at="contents",
    max_output_at=(),
)
