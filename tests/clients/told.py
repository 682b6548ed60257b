"""What each SDK was told of usage, in the words of the books.

Written from the providers' documentation, apart from the meter: a count that an
SDK shows must be in the row, and one that it does not show must not be.
"""

from typing import Any


def openai_chat(usage: Any) -> dict[str, int]:
    """Also text completions and embeddings."""
    told = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": getattr(usage, "completion_tokens", None),
        "total_tokens": usage.total_tokens,
    }
    read = getattr(usage, "prompt_tokens_details", None)
    written = getattr(usage, "completion_tokens_details", None)
    if read is not None:
        told |= {"cache_read_tokens": read.cached_tokens, "input_audio_tokens": read.audio_tokens}
    if written is not None:
        told |= {"reasoning_tokens": written.reasoning_tokens, "output_audio_tokens": written.audio_tokens}
    return _stated(told)


def openai_responses(usage: Any) -> dict[str, int]:
    return _stated(
        {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "cache_read_tokens": usage.input_tokens_details.cached_tokens,
            "cache_write_tokens": getattr(usage.input_tokens_details, "cache_write_tokens", None),
            "reasoning_tokens": usage.output_tokens_details.reasoning_tokens,
        }
    )


def anthropic(usage: Any) -> dict[str, int]:
    """Anthropic counts cached tokens beside the input; the books count all that was read."""
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    whole = usage.input_tokens + (read or 0) + (written or 0)
    split = usage.cache_creation
    return _stated(
        {
            "input_tokens": whole,
            "output_tokens": usage.output_tokens,
            "total_tokens": whole + usage.output_tokens,
            "cache_read_tokens": read,
            "cache_write_tokens": written,
            "cache_write_1h_tokens": split.ephemeral_1h_input_tokens if split else None,
        }
    )


def gemini(usage: Any) -> dict[str, int]:
    """Gemini counts thoughts beside the answer; the books count all that was written."""
    return _stated(
        {
            "input_tokens": usage.prompt_token_count,
            "output_tokens": usage.candidates_token_count + (usage.thoughts_token_count or 0),
            "total_tokens": usage.total_token_count,
            "cache_read_tokens": usage.cached_content_token_count,
            "reasoning_tokens": usage.thoughts_token_count,
        }
    )


def ollama(answer: Any) -> dict[str, int]:
    """Ollama states no total, and no output where there is none (embeddings: what was read is all)."""
    read, written = answer.prompt_eval_count, getattr(answer, "eval_count", None)
    whole = read + (written or 0)
    return _stated({"input_tokens": read, "output_tokens": written, "total_tokens": whole})


def _stated(told: dict[str, int | None]) -> dict[str, int]:
    return {name: count for name, count in told.items() if count is not None}
