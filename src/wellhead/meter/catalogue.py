"""All dialects by name."""

from collections.abc import Mapping
from types import MappingProxyType

from wellhead.meter.dialect import Dialect
from wellhead.meter.dialects.anthropic_messages import ANTHROPIC_MESSAGES
from wellhead.meter.dialects.openai_chat import OPENAI_CHAT

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {dialect.name: dialect for dialect in (OPENAI_CHAT, ANTHROPIC_MESSAGES)}
)
