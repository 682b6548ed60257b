"""A dialect: how one provider API reports usage, as a table.

Places are written as dotted paths: `prompt_tokens_details.cached_tokens`.  A step
`*` stands for every element of a list.  Inside a usage object, a list of objects
is read as a mapping by its elements' `modality` (Gemini), so that
`promptTokensDetails.AUDIO.tokenCount` is a path like any other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Count:
    """One figure of `wellhead.usage.Usage` and where a usage object states it."""

    paths: tuple[str, ...]
    """The first that is stated counts."""
    plus: tuple[str, ...] = ()
    """What this provider states *beside* it and ours includes: paths, or names of our figures.
    One that is absent adds nothing."""
    plus_if_total: tuple[str, ...] = ()
    """Likewise, but only where the stated total shows that it is beside."""
    may_be_absent: bool = False
    """The sum is known as soon as one of its addends is (for providers that leave out zeros)."""


Counts = Mapping[str, tuple[Count, ...]]
"""Figure of ours -> ways to read it; the first that yields a value counts."""


def at(*paths: str) -> tuple[Count, ...]:
    """A figure that stands at the first of these paths that is stated."""
    return (Count(paths),)


@dataclass(frozen=True, slots=True)
class Cost:
    """Where the provider states what it charged, inside the usage object."""

    path: str
    units_per_usd: int = 1
    plus: str | None = None
    """A second amount that is charged on top..."""
    plus_if: str | None = None
    """...where this flag is true."""


@dataclass(frozen=True, eq=False, slots=True)
class Dialect:
    """One provider API's wire format for requests and usage."""

    name: str
    usage_at: tuple[str, ...] = ("usage",)
    """Usage objects; `.` is the document itself."""
    counts: Counts = field(default_factory=dict)
    total_at: tuple[str, ...] = ("total_tokens",)
    """The provider's own total, inside the usage object."""
    durations_s: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Figures in milliseconds that the usage object states in seconds, maybe as a fraction."""
    items: Mapping[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    """Figure -> (lists, type): how many of a list's elements have that `type`."""
    never_falls: bool = False
    """Figures are running totals: a later, smaller one is not believed (A-4.4)."""
    input_only: bool = False
    """Nothing is written, so what was read is the total where none is stated."""
    omits_zeros: bool = False
    """A missing input or output is 0 where the stated total leaves nothing for it."""
    costs: tuple[Cost, ...] = ()
    keep: tuple[str, ...] = ()
    """Parts of the usage object that are kept as they came."""

    model_at: tuple[str, ...] = ("model",)
    id_at: tuple[str, ...] = ("id",)
    id_headers: tuple[bytes, ...] = (b"x-request-id", b"request-id")
    """Where the body has no id: the first of these response headers."""
    count_headers: Mapping[bytes, str] = field(default_factory=dict)
    """Header -> figure, where the body does not state it."""
    tier_at: tuple[str, ...] = ("service_tier",)
    finish_at: tuple[str, ...] = ()
    """The last one stated counts."""
    unfinished: frozenset[str] = frozenset()
    """Values at `finish_at` that mean: not finished yet."""

    error_type_at: tuple[str, ...] = ("error.type", "error.code", "error.status")
    error_message_at: tuple[str, ...] = ("error.message", "error")
    bare_error_at: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
    """Type and message without an object around them: for responses with an error status, and for
    documents of type `error`."""

    quota_type: str | None = None
    """An event of this type tells of quotas..."""
    quota_at: tuple[str, ...] = ()
    """...in these members, the first of which says whose they are if there are several."""

    end_data: bytes | None = None
    """An event whose data is this ends the stream."""
    end_types: frozenset[str] = frozenset()
    """An event of such a type ends the stream."""
    end_flag: str | None = None
    """A document in which this is true ends the stream."""
    finish_ends: bool = False
    """A finish reason ends the stream too: not every server sends an end marker."""

    hints: tuple[bytes, ...] = ()
    """A stream's event without any of these is not parsed, save the first few.  JSON escapes quotes
    inside text, so a hint that holds a bare quote can only hit a real key or string."""

    messages_at: str = "messages"
    """In the request: the list of messages."""
    max_output_at: tuple[str, ...] = ("max_completion_tokens", "max_tokens")
    """In the request: the ceiling of the answer's length; the first that is stated counts."""

    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Variation -> the fields in which it differs."""


@cache
def varied(dialect: Dialect, variant: str | None) -> Dialect:
    """The dialect as a provider with this variation speaks it; an unknown one changes nothing."""
    changes = dialect.variants.get(variant) if variant else None
    return replace(dialect, **changes) if changes else dialect
