"""All dialects by name."""

from collections.abc import Mapping
from types import MappingProxyType

from wellhead.meter.dialect import Dialect
from wellhead.meter.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from wellhead.meter.dialects.gemini import GEMINI
from wellhead.meter.dialects.gemini_embed import GEMINI_EMBED
from wellhead.meter.dialects.ollama_chat import OLLAMA_CHAT
from wellhead.meter.dialects.ollama_embed import OLLAMA_EMBED
from wellhead.meter.dialects.ollama_generate import OLLAMA_GENERATE
from wellhead.meter.dialects.openai_chat import OPENAI_CHAT
from wellhead.meter.dialects.openai_completions import OPENAI_COMPLETIONS
from wellhead.meter.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from wellhead.meter.dialects.openai_images import OPENAI_IMAGES
from wellhead.meter.dialects.openai_responses import OPENAI_RESPONSES
from wellhead.meter.dialects.openai_transcription import OPENAI_TRANSCRIPTION

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        dialect.name: dialect
        for dialect in (
            OPENAI_CHAT,
            OPENAI_COMPLETIONS,
            OPENAI_RESPONSES,
            OPENAI_EMBEDDINGS,
            OPENAI_IMAGES,
            OPENAI_TRANSCRIPTION,
            ANTHROPIC_MESSAGES,
            GEMINI,
            GEMINI_EMBED,
            OLLAMA_CHAT,
            OLLAMA_GENERATE,
            OLLAMA_EMBED,
        )
    }
)
