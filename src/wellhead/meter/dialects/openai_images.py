"""OpenAI's image generation and editing.

gpt-image models report tokens, in a stream with the `...completed` event; older
ones are billed by the picture and report nothing.  A drawing written as SVG has
its own usage and model; it is read where there is no usage of rendering.
"""

from wellhead.meter.dialect import Dialect, at

OPENAI_IMAGES = Dialect(
    name="openai_images",
    usage_at=("usage", "svg_usage"),
    model_at=("model", "svg_usage.model"),
    counts={
        "input_tokens": at("input_tokens"),
        "output_tokens": at("output_tokens"),
        "cache_read_tokens": at("input_tokens_details.cached_tokens"),
        "reasoning_tokens": at("reasoning_tokens"),
        "input_image_tokens": at("input_tokens_details.image_tokens"),
        "output_image_tokens": at("output_tokens_details.image_tokens"),
    },
    bare_error_at=(("code", "type"), ("message", "detail")),
    end_types=frozenset({"image_generation.completed", "image_edit.completed"}),
    hints=(b'_tokens"', b'.completed"', b'"error"'),
    messages_at="",
    max_output_at=(),
)
