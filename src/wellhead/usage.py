"""What a response said it used, in one form for all providers.

Three figures are whole: `input_tokens` counts every token the model read,
cached or not, `output_tokens` every token it wrote, thought or spoken, and
`total_tokens` is the provider's own total where it states one and their sum
where it does not.  All the others are *parts* of one of these, never extra::

    input_tokens  = plain + cache_read_tokens + cache_write_tokens
    cache_write_tokens >= cache_write_1h_tokens
    output_tokens = plain + reasoning_tokens

`None` means that the provider did not say.  It is not zero.

The records are structs, not dataclasses: several of them are made for every
call, and a frozen struct is made in a tenth of the time.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

COUNT_MAX = 2**53
"""The largest number that a record takes; above it JSON numbers stop being exact."""
TOKENS_MAX = 2**31
"""The most of anything that is believed of one response, a thousand times the largest context.  A total
may be twice that, so a billion such calls add up to less than the 64 bits that the books add in."""


class UsageSource(StrEnum):
    """Where a call's counts come from."""

    REPORTED = "reported"
    ESTIMATED = "estimated"
    ABSENT = "absent"


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Counts of one call; the field names are also the columns of `calls`."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    total_tokens: int | None = None
    audio_ms: int | None = None
    """Length of the audio that was billed by duration."""
    web_searches: int | None = None
    """Server-side searches that are billed per request."""


NO_USAGE = Usage()


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What the meter says about one response."""

    usage: Usage = NO_USAGE
    usage_source: UsageSource = UsageSource.ABSENT
    usage_extra: str | None = None
    """JSON text of parts of the usage that are kept as they came (Anthropic's `iterations`, ...)."""
    cost_nanousd: int | None = None
    """What the provider itself says the call cost, believable or not (negative, say)."""
    model_served: str | None = None
    finish_reason: str | None = None
    upstream_request_id: str | None = None
    service_tier: str | None = None
    error_type: str | None = None
    error_message: str | None = None
    ended: bool = False
    """The dialect's end marker was seen, or the one JSON document was whole."""
    trouble: tuple[str, ...] = ()
    """What could not be read, each said once, in stable short words."""
    quotas: tuple[Mapping[str, Any], ...] = ()
    """What a stream told of the account's quotas beside its answer, as it came: of each quota the last."""


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the meter says about one request body."""

    model: str | None = None
    streamed: bool | None = None
    """What the body said; `None` where it did not say (Ollama streams by default)."""
    include_usage: bool = False
    """`stream_options.include_usage` was true."""
    max_output_tokens: int | None = None
    choices: int | None = None
    """How many answers it wants, each of that length."""
    message_count: int | None = None
    user: str | None = None
    """`user`, `safety_identifier` or `metadata.user_id`."""
    session: str | None = None
    """A session inside the user metadata, `prompt_cache_key`, or a conversation id."""
    user_session: str | None = None
    """The first of these alone: it is a conversation of a tool's, where the others are anybody's."""
    provider: str | None = None
    """The JSON field `provider` when it is a string (it selects a provider)."""


NOTHING_ASKED = Asked()
