"""OpenAI's embeddings: input only.  An output count is read where a server states one."""

from wellhead.meter.dialect import Cost, Dialect, at

OPENAI_EMBEDDINGS = Dialect(
    name="openai_embeddings",
    counts={
        "input_tokens": at("prompt_tokens"),
        "output_tokens": at("completion_tokens"),
        "cache_read_tokens": at("prompt_tokens_details.cached_tokens"),
    },
    costs=(Cost("cost"),),
    bare_error_at=(("code", "type"), ("message", "detail")),
    input_only=True,
    messages_at="input",
    max_output_at=(),
)
