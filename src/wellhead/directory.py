"""The Directory: who may go where, as one immutable snapshot.

Providers come from the configuration and stay as they are; keys, projects,
credentials and limits come from the registry.  A gateway swaps the whole value
when the registry's version moved; nothing in it is ever changed in place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from wellhead.access import Credential, Key, Project
from wellhead.limit import Limit

NONE: Mapping[Any, Any] = MappingProxyType({})


def _none() -> Mapping[Any, Any]:
    return NONE  # through a function: before Python 3.12 a dataclass takes it for a mutable default


class ProviderType(StrEnum):
    """Which family of APIs a provider speaks; it decides the dialects and the form of errors."""

    OPENAI = "openai-compatible"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"


class AuthType(StrEnum):
    """What happens to the client's credential on the way to the upstream."""

    PRESERVE = "preserve"
    NONE = "none"
    BEARER = "bearer"
    X_API_KEY = "x-api-key"


class OnDisconnect(StrEnum):
    """What happens to the upstream call when the client has left."""

    CANCEL = "cancel"
    DRAIN = "drain"


@dataclass(frozen=True, slots=True)
class Auth:
    """How requests to a provider are authenticated."""

    type: AuthType = AuthType.PRESERVE
    value: str | None = field(default=None, repr=False)
    """The secret itself, already read from wherever the configuration pointed."""
    header: str | None = None
    """Another header name than the type's own."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a provider may take, in seconds; 0 is for ever."""

    connect_s: float = 10.0
    """To connect (TCP and TLS) by one address."""
    headers_s: float = 0.0
    """From the request's end to the response's head."""
    first_chunk_s: float = 0.0
    """From the head of a stream to the first of it."""
    idle_s: float = 0.0
    """Between two pieces of a body, as long as there is room for the next."""
    total_s: float = 0.0
    """For everything: attempts, the waits between them, and the response to its end."""


USUAL_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class Provider:
    """A configured API behind the gateway."""

    id: str
    type: ProviderType
    base_url: str
    """http(s), without a trailing slash; may carry a path, which comes before the request's."""
    paths: tuple[str, ...] = ()
    """Request paths it serves; empty: every path."""
    upstream_path: str | None = None
    """Replaces the request path."""
    models: tuple[str, ...] = ()
    """A model matches if it is equal to an entry or begins with it; empty: any."""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Added to (or replacing those of) the upstream request."""
    auth: Auth = Auth()
    strip_provider_field: bool = False
    """Remove the JSON field `provider` from the body before it is forwarded."""
    ask_stream_usage: bool = False
    """Add `stream_options.include_usage` to chat streams that lack it, and hide the extra chunk."""
    on_disconnect: OnDisconnect = OnDisconnect.CANCEL
    drain_s: float | None = None
    """With `DRAIN`: how long at most; `None` means to the end."""
    output_tokens_ceiling: int | None = None
    """What a call without `max_output_tokens` is reckoned with; `None`: as the gateway says."""
    timeouts: Timeouts = Timeouts()
    fallback: tuple[str, ...] = ()
    """Ids of the providers that stand in for it when it cannot serve a call, in this order."""
    variant: str | None = None
    """A variation of the dialect (`deepseek`, `xai`, `groq`, `mistral`, `openrouter`)."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything a gateway needs to know to serve a call."""

    providers: tuple[Provider, ...] = ()
    """In order of precedence: an operator's own before the built-in ones."""
    sole: Provider | None = None
    """With `--upstream URL`: the one provider that takes every path."""
    version: int = 0
    """The registry's, when the rest was read."""
    changed_us: int = 0
    """When that version was made, by the clock of whoever made it."""
    keys: Mapping[bytes, Key] = field(default_factory=_none, repr=False)
    """By the SHA-256 of their secrets; also those that are worth nothing any more."""
    keys_by_id: Mapping[int, Key] = field(default_factory=_none, repr=False)
    roots: Mapping[int, int] = field(default_factory=_none, repr=False)
    """Of keys that replaced others: the first key of their line, with which they share its limits."""
    projects: Mapping[int, Project] = field(default_factory=_none, repr=False)
    credentials: Mapping[tuple[int | None, str], tuple[Credential, ...]] = field(
        default_factory=_none, repr=False
    )
    """By project (`None`: everybody with a key) and provider; without the disabled ones."""
    limits: tuple[Limit, ...] = ()

    def by_id(self, id: str) -> Provider | None:  # noqa: A002
        """The provider of that name."""
        return next((p for p in self.providers if p.id == id), None)
