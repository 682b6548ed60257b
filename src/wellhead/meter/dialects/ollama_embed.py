"""Ollama's embeddings: one document, input only."""

from wellhead.meter.dialect import Dialect, at

OLLAMA_EMBED = Dialect(
    name="ollama_embed",
    usage_at=(".",),
    counts={"input_tokens": at("prompt_eval_count")},
    total_at=(),
    input_only=True,
    messages_at="input",
    max_output_at=(),
)
