"""OpenAI's transcription of speech, billed by tokens or by duration (`usage.type`).

A stream reports in `transcript.text.done`.  An answer as plain text or subtitles
reports nothing.
"""

from wellhead.meter.dialect import Dialect, at

OPENAI_TRANSCRIPTION = Dialect(
    name="openai_transcription",
    counts={
        "input_tokens": at("input_tokens", "prompt_tokens"),
        "output_tokens": at("output_tokens", "completion_tokens"),
        "input_audio_tokens": at("input_token_details.audio_tokens", "input_tokens_details.audio_tokens"),
    },
    durations_s={"audio_ms": ("seconds", "prompt_audio_seconds")},
    bare_error_at=(("code", "type"), ("message", "detail")),
    end_types=frozenset({"transcript.text.done", "transcription.done"}),
    hints=(b'_tokens"', b"seconds", b'.done"', b'"error"'),
    messages_at="",
    max_output_at=(),
)
