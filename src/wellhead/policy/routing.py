"""Which provider serves a request, and which dialect it speaks.

Two steps, because the body is read in between::

    method, path, x-provider  --place-->   Place   (prefix, family, dialect, whether it generates)
    Place, model, provider    --choose-->  Provider

Dialects are told by path, never by which credential header came: current SDKs
send an Anthropic key as a bearer token (see `docs/decisions/0004-routing.md`).
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from wellhead.directory import Directory, Provider, ProviderType
from wellhead.errors import CallerError

# The last part of a path decides the dialect; the first entry that fits wins.
DIALECT_BY_SUFFIX: tuple[tuple[str, str], ...] = (
    ("/chat/completions", "openai_chat"),
    ("/completions", "openai_completions"),
    ("/responses", "openai_responses"),
    ("/responses/compact", "openai_responses"),
    ("/embeddings", "openai_embeddings"),
    ("/images/generations", "openai_images"),
    ("/images/edits", "openai_images"),
    ("/images/variations", "openai_images"),
    ("/audio/transcriptions", "openai_transcription"),
    ("/audio/translations", "openai_transcription"),
    ("/messages", "anthropic_messages"),
)
_WITHOUT_VERSION = (*(ending for ending, _ in DIALECT_BY_SUFFIX), "/models")
OLLAMA_DIALECTS = {
    "/api/chat": "ollama_chat",
    "/api/generate": "ollama_generate",
    "/api/embed": "ollama_embed",
    "/api/embeddings": "ollama_embed",
}
GEMINI_DIALECTS = {
    "generateContent": "gemini",
    "streamGenerateContent": "gemini",
    "embedContent": "gemini_embed",
    "batchEmbedContents": "gemini_embed",
}
# What a body that names a model is read as where the path says nothing (`/v1/rerank`, `/v1/moderations`).
DIALECT_OF_FAMILY = {
    ProviderType.OPENAI: "openai_chat",
    ProviderType.ANTHROPIC: "anthropic_messages",
    ProviderType.GEMINI: "gemini",
    ProviderType.OLLAMA: "ollama_chat",
}
# These name a model and generate nothing.
NOT_GENERATING = (
    "/count_tokens",
    "/input_tokens",
    ":countTokens",
    "/tokenize",
    "/api/show",
    "/api/pull",
    "/api/push",
    "/api/create",
    "/api/copy",
    "/api/delete",
)
CONTROL = ("/admin", "/metrics", "/_qs")
"""What the control plane serves, where people look for it."""
_TWICE = re.compile(r"/v1(?:beta)?(/(?:v1|v1beta|api)/.*)", re.DOTALL)
"""A version that the base URL has and the client adds again."""
_ODD = frozenset(";?#%\\")
"""Of these no path of an API is made."""
_UP = re.compile(rb"(?:^|[/\\])\s*\.\.\s*(?:$|[/\\;?#\0])")
"""A segment that leads up, in any form in which some server may take it for one."""
DECODINGS_MAX = 4
"""What is encoded more often than that is meant for no server, but for what stands before it."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the path of a request says."""

    family: ProviderType
    """Decides the form of our own errors and which providers are candidates."""
    path: str
    """Decoded, without the provider prefix."""
    prefix_size: int = 0
    """How many bytes of the raw path are the provider prefix."""
    provider: Provider | None = None
    """Named by the prefix or by the `x-provider` header."""
    dialect: str | None = None
    """The path's dialect; `None` where only the body can tell whether it generates."""
    generates: bool | None = None
    """`None`: it does if the body names a model."""
    model: str | None = None
    """Gemini names its model in the path."""
    streamed: bool | None = None
    """What the path says of streaming, if it does."""


def place(directory: Directory, method: str, path: str, selected: str | None) -> Place | None:
    """Read a request's path; `None` where nothing is served.

    Raises `CallerError` when `x-provider` names a provider that does not exist.
    """
    provider, size = directory.sole, 0
    if provider is None:
        if selected:
            provider = directory.by_id(selected)
            if provider is None:
                known = ", ".join(sorted({p.id for p in directory.providers}))
                raise CallerError(
                    "unknown_provider", 400, f"x-provider names no configured provider; there are: {known}"
                )
        else:
            provider, size = _prefixed(directory, path)
            path = path[size:]
            # Else Anthropic's key, for one, would go where `/v1/` goes: to another provider.
            if (
                provider is None
                and _TWICE.fullmatch(path)
                and not any(path in p.paths for p in directory.providers)
            ):
                return None
    spoken = _family(path)
    if spoken is None:
        if provider is None:
            return None
        spoken = provider.type
    return _read_path(Place(spoken, path, size, provider), method)


def advice(path: str) -> str:
    """What to do about a path at which nothing is served, to follow that sentence; empty: nobody knows."""
    if twice := _TWICE.fullmatch(path):
        return f"; for {twice[1]} take the version out of the client's base URL"
    if any(path == ending or path.startswith(ending + "/") for ending in _WITHOUT_VERSION):
        return f"; for /v1{path} the client's base URL has to end in /v1"
    if path == "/" or path.startswith(CONTROL):
        return "; the dashboard, /admin and /metrics are at the address of control.bind"
    return ""


def choose(directory: Directory, place: Place, model: str | None, named: str | None) -> Provider:
    """The provider of a call: named by prefix or header, by the body's `provider`, or the first that fits.

    Raises `CallerError` when no provider serves the path.
    """
    if place.provider is not None:
        return place.provider
    serving = [p for p in directory.providers if _serves(p, place)]
    if named is not None:
        explicit = directory.by_id(named)
        if explicit in serving and _takes(explicit, model):
            return explicit
    for provider in serving:
        if _takes(provider, model):
            return provider
    if serving:
        return serving[0]
    raise CallerError("no_provider", 404, f"no configured provider serves {place.path}")


def stands_in(provider: Provider, place: Place, model: str | None) -> bool:
    """Whether a provider can serve a call that was meant for another one of its type."""
    return (not provider.paths or place.path in provider.paths) and _takes(provider, model)


def stays_below(provider: Provider, raw_path: bytes) -> bool:
    """Whether a request path surely stays below the path of a provider's base URL, if that has one.

    An upstream that tidies paths takes `/v1/../admin` for `/admin`: whoever put a path into a base URL
    said that what is beside it is not to be reached.  So it counts what any server may make of it.
    """
    base = provider.base_url.split("://", 1)[1]
    if provider.upstream_path is not None or not base.partition("/")[2]:
        return True
    for _ in range(DECODINGS_MAX):
        # A dot may also be told in two bytes, which no server is to take for one.
        if _UP.search(raw_path.replace(b"\xc0\xae", b".").replace(b"\xc0\xaf", b"/")):
            return False
        decoded = unquote_to_bytes(raw_path)
        if decoded == raw_path:
            return True
        raw_path = decoded
    return False


def target(provider: Provider, raw_path: bytes, query: bytes) -> bytes:
    """The request target to send, byte for byte but for what the provider's entry replaces.

    A base URL that ends with the segment the path begins with (`…/v1` and `/v1/chat`) means it once.
    """
    base = provider.base_url.split("://", 1)[1]
    base_path = base[base.index("/") :].encode() if "/" in base else b""
    if provider.upstream_path is not None:
        raw_path = provider.upstream_path.encode()
    elif base_path and raw_path.startswith(last := base_path[base_path.rindex(b"/") :] + b"/"):
        raw_path = raw_path[len(last) - 1 :]
    return base_path + raw_path + (b"?" + query if query else b"")


def family(path: str) -> ProviderType:
    """The family whose form of errors a caller of this path expects, wherever the path leads."""
    twice = _TWICE.fullmatch(path)
    return _family(twice[1] if twice else path) or ProviderType.OPENAI


def leads_elsewhere(path: str) -> bool:
    """Whether an upstream that tidies paths may read another one here.

    `/v1/chat/../files` is the plain case; servers differ in what they make of `/v1/chat/..;/files`, of
    `/v1/chat/completions;/tokenize`, and of characters that were encoded once more.
    """
    return (
        not path.isprintable()
        or not _ODD.isdisjoint(path)
        or any(segment in (".", "..") for segment in path.split("/"))
    )


def _prefixed(directory: Directory, path: str) -> tuple[Provider | None, int]:
    """The provider that a path's first segment names, and the size of that prefix."""
    first, slash, _ = path[1:].partition("/")
    if slash and _family(path) is None:
        provider = directory.by_id(first)
        if provider is not None:
            return provider, len(first) + 1
    return None, 0


def _family(path: str) -> ProviderType | None:
    if path.startswith("/v1/"):
        if path == "/v1/messages" or path.startswith("/v1/messages/"):
            return ProviderType.ANTHROPIC
        return ProviderType.GEMINI if _gemini_verb(path) in GEMINI_DIALECTS else ProviderType.OPENAI
    if path.startswith("/v1beta/"):
        return ProviderType.GEMINI
    if path.startswith("/api/"):
        return ProviderType.OLLAMA
    if path.startswith("/models/") and _gemini_verb(path) in GEMINI_DIALECTS:
        return ProviderType.GEMINI
    return None


def _gemini_verb(path: str) -> str | None:
    last = path[path.rindex("/") :]
    _, colon, verb = last.rpartition(":")
    return verb if colon else None


def _read_path(place: Place, method: str) -> Place:
    path = place.path.rstrip("/")
    dialect: str | None
    if method != "POST" or (path.endswith(NOT_GENERATING) and not leads_elsewhere(place.path)):
        return _with(place, generates=False)
    if (verb := _gemini_verb(place.path)) and (dialect := GEMINI_DIALECTS.get(verb)):
        # `models/M`, `tunedModels/M`, `publishers/google/models/M`
        model = path[: path.rindex(":")].rpartition("odels/")[2]
        return _with(place, dialect, model=model, streamed=verb.startswith("stream"))
    for ending, dialect in OLLAMA_DIALECTS.items():
        if path.endswith(ending):
            return _with(place, dialect)
    for ending, dialect in DIALECT_BY_SUFFIX:
        if path.endswith(ending):
            return _with(place, dialect)
    return place


def _with(
    place: Place,
    dialect: str | None = None,
    *,
    generates: bool = True,
    model: str | None = None,
    streamed: bool | None = None,
) -> Place:
    return Place(
        place.family,
        place.path,
        place.prefix_size,
        place.provider,
        dialect=dialect,
        generates=generates,
        model=model,
        streamed=streamed,
    )


def _serves(provider: Provider, place: Place) -> bool:
    if provider.paths:
        return place.path in provider.paths
    return provider.type is place.family


def _takes(provider: Provider, model: str | None) -> bool:
    return not provider.models or model is None or model.startswith(provider.models)
