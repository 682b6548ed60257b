"""OpenAI's older text completions: counts as in chat, text instead of messages.

Some servers put usage on the last chunk with choices, or zeros on every chunk
and the figures on the last: the last one stated counts.
"""

from dataclasses import replace

from wellhead.meter.dialects.openai_chat import OPENAI_CHAT

OPENAI_COMPLETIONS = replace(OPENAI_CHAT, name="openai_completions", max_output_at=("max_tokens",))
