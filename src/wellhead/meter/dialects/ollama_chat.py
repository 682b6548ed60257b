"""Ollama's own chat API: NDJSON unless `stream: false` was asked for.

The last line (`done: true`) states the counts, in the document itself.
`prompt_eval_count` is left out when the prompt was cached: that is unknown, not
0 (A-4.6).
"""

from wellhead.meter.dialect import Dialect, at

OLLAMA_CHAT = Dialect(
    name="ollama_chat",
    usage_at=(".",),
    counts={"input_tokens": at("prompt_eval_count"), "output_tokens": at("eval_count")},
    total_at=(),
    finish_at=("done_reason",),
    end_flag="done",
    hints=(b'"done":true', b'"done": true', b'_count"', b'"error"'),
    max_output_at=("options.num_predict",),
)
