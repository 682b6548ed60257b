"""Ollama's text generation: as its chat, with a prompt instead of messages."""

from dataclasses import replace

from wellhead.meter.dialects.ollama_chat import OLLAMA_CHAT

OLLAMA_GENERATE = replace(OLLAMA_CHAT, name="ollama_generate", messages_at="")
