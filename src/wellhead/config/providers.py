"""Provider entries, in YAML and in the JSON form of agent-cli-proxy, to `directory.Provider`.

Both forms are read by the same table; the JSON form spells some names in camel
case and must name its paths.  Mistakes carry the path the operator wrote, such as
`providers[0].auth.type`.  Secrets are read from the environment once, here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from typing import Any

from wellhead.config import values
from wellhead.config.values import Leaving
from wellhead.directory import USUAL_TIMEOUTS, Auth, AuthType, Provider, ProviderType, Timeouts
from wellhead.errors import Problem

VARIANTS = ("deepseek", "groq", "mistral", "openrouter", "xai")
# As the first segment of a path these mean something else.
RESERVED_IDS = frozenset({"v1", "v1beta", "api", "models", "health", "ready"})
SOLE_ID = "upstream"
OUTPUT_TOKENS_MAX = 10**8
"""Of one call: nobody reckons with more."""
TIMEOUT_MAX_S = 86_400.0
FALLBACK_MAX = 10
"""Providers that stand in for one."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# The framing of a request belongs to the connection, not to a provider entry.
FIXED_HEADERS = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)


def _built_in(id: str, base_url: str, type: ProviderType = ProviderType.OPENAI) -> Provider:  # noqa: A002
    return Provider(id, type, base_url, variant=id if id in VARIANTS else None)


# The first of each family takes its standard paths; the others are reached by prefix or by name.
BUILT_IN = (
    _built_in("openai", "https://api.openai.com"),
    _built_in("anthropic", "https://api.anthropic.com", ProviderType.ANTHROPIC),
    _built_in("gemini", "https://generativelanguage.googleapis.com", ProviderType.GEMINI),
    _built_in("ollama", "http://127.0.0.1:11434", ProviderType.OLLAMA),
    _built_in("openrouter", "https://openrouter.ai/api"),
    _built_in("deepseek", "https://api.deepseek.com"),
    _built_in("mistral", "https://api.mistral.ai"),
    _built_in("groq", "https://api.groq.com/openai"),
    _built_in("xai", "https://api.x.ai"),
    _built_in("cliproxy", "http://127.0.0.1:8317"),
)

# What agent-cli-proxy calls it -> what it is called here.
CAMEL_CASE = {
    "upstreamBaseUrl": "base_url",
    "upstreamPath": "upstream_path",
    "stripProviderField": "strip_provider_field",
    "askStreamUsage": "ask_stream_usage",
    "onDisconnect": "on_disconnect",
    "outputTokensCeiling": "output_tokens_ceiling",
}


@dataclass(slots=True)
class Entries:
    """What a list of provider entries came to: those that can be used, and what is wrong with the rest."""

    providers: tuple[Provider, ...]
    problems: tuple[Problem, ...]


def read_entries(
    raw: object,
    environ: Mapping[str, str],
    leaving: Leaving,
    *,
    timeouts: Timeouts = USUAL_TIMEOUTS,
    camel_case: bool = False,
) -> Entries:
    """Read a list of entries; one that has a mistake is left out and its problems are told.

    `leaving` and `timeouts` are what counts where an entry says nothing.
    """
    if camel_case and isinstance(raw, Mapping):
        raw = raw.get("providers")
    if not isinstance(raw, list):
        return Entries((), (Problem("providers", "must be a list of provider entries"),))
    found: dict[str, Provider] = {}
    problems: list[Problem] = []
    for index, item in enumerate(raw):
        entry = _Entry(f"providers[{index}]", environ, leaving, timeouts, camel_case)
        provider = entry.read(item)
        if provider is not None and provider.id in found and not camel_case:
            entry.reject(".id", f"must be unique; {provider.id!r} is there already")
        elif provider is not None:
            found[provider.id] = provider
        problems += entry.problems
    return Entries(tuple(found.values()), tuple(problems))


def merge(own: tuple[Provider, ...], upstream: str | None) -> tuple[Provider, ...]:
    """All providers in order of precedence.

    An entry with the id of a built-in one takes its place, so that defining
    `deepseek` does not divert what went to `openai`.  With one upstream for
    all, the built-in ones point there.
    """
    by_id = {p.id: p for p in own}
    built_in = [p if upstream is None else replace(p, base_url=upstream, variant=None) for p in BUILT_IN]
    ids = {p.id for p in built_in}
    return (*(p for p in own if p.id not in ids), *(by_id.get(p.id, p) for p in built_in))


def sole(upstream: str, leaving: Leaving, timeouts: Timeouts = USUAL_TIMEOUTS) -> Provider:
    """The provider that takes every path."""
    return Provider(
        SOLE_ID,
        ProviderType.OPENAI,
        upstream,
        on_disconnect=leaving.what,
        drain_s=leaving.drain_s,
        timeouts=timeouts,
    )


def misplaced_fallbacks(providers: Iterable[Provider]) -> Iterator[Problem]:
    """Providers that are to stand in for others and cannot."""
    by_id = {provider.id: provider for provider in providers}
    for provider in by_id.values():
        for id_ in provider.fallback:
            other = by_id.get(id_)
            if other is None:
                near = get_close_matches(id_, by_id, n=1)
                told = f"names no provider: {id_!r}" + (f"; did you mean {near[0]}?" if near else "")
            elif other is provider:
                told = "names the provider itself"
            elif other.type is not provider.type:
                told = (
                    f"names {id_}, which speaks another API ({other.type.value}, not {provider.type.value})"
                )
            else:
                continue
            yield Problem(f"providers.{provider.id}.fallback", told)


class _Entry:
    """Reads one entry and collects what is wrong with it."""

    def __init__(
        self, path: str, environ: Mapping[str, str], leaving: Leaving, timeouts: Timeouts, camel_case: bool
    ) -> None:
        self.path = path
        self.environ = environ
        self.leaving = leaving
        self.timeouts = timeouts
        self.spelling = {ours: theirs for theirs, ours in CAMEL_CASE.items()} if camel_case else {}
        self.paths_needed = camel_case
        self.problems: list[Problem] = []

    def read(self, raw: object) -> Provider | None:
        if not isinstance(raw, Mapping):
            self.reject("", "must be a mapping with id, type and base_url")
            return None
        theirs = {written: ours for ours, written in self.spelling.items()}
        given = {theirs.get(str(k), str(k)): v for k, v in raw.items() if v is not None}
        read: dict[str, Any] = {}
        for name, reader in READERS.items():
            if name in given:
                read[name] = self._value(self._at(name), reader, given.pop(name))
            elif name in ("id", "type", "base_url") or (name == "paths" and self.paths_needed):
                self.reject(self._at(name), f"is needed; it {_allowed(reader)}")
        read["auth"] = self._auth(given.pop("auth", "preserve"))
        read["timeouts"] = self._timeouts(given.pop("timeouts", {}))
        for name in given:
            self._unknown("." + name, name, [self.spelling.get(n, n) for n in (*READERS, *OF_PARTS)])
        if self.problems:
            return None
        if read["id"] in VARIANTS:
            # Who takes the place of a built-in one speaks its variation, too: counts and costs hang on it.
            read.setdefault("variant", read["id"])
        leaving: Leaving = read.pop("on_disconnect", self.leaving)
        return Provider(**read, on_disconnect=leaving.what, drain_s=leaving.drain_s)

    def reject(self, where: str, message: str) -> None:
        self.problems.append(Problem(self.path + where, message))

    def _at(self, name: str) -> str:
        return "." + self.spelling.get(name, name)

    def _value(self, where: str, reader: Callable[[object], Any], raw: object) -> Any:
        try:
            return reader(raw)
        except ValueError as error:
            self.reject(where, str(error))
            return None

    def _unknown(self, where: str, name: str, known: list[str]) -> None:
        near = get_close_matches(name, known, n=1)
        self.reject(where, "is not supported" + (f"; did you mean {near[0]}?" if near else ""))

    def _timeouts(self, raw: object) -> Timeouts | None:
        """The common ones, but for those that the entry has itself."""
        names = [field.name for field in fields(Timeouts)]
        if not isinstance(raw, Mapping):
            self.reject(".timeouts", f"must be a mapping with any of {', '.join(names)}")
            return None
        own = {}
        for name, value in raw.items():
            if name in names:
                own[name] = self._value(f".timeouts.{name}", values.seconds(0, TIMEOUT_MAX_S), value)
            else:
                self._unknown(f".timeouts.{name}", str(name), names)
        return None if self.problems else replace(self.timeouts, **own)

    def _auth(self, raw: object) -> Auth | None:
        parts = {"type": raw} if isinstance(raw, str) else raw
        if not isinstance(parts, Mapping):
            self.reject(".auth", "must be a type or a mapping with type, env, value, header")
            return None
        where = ".auth" if isinstance(raw, str) else ".auth.type"
        kind = self._value(where, _auth_type, parts.get("type"))
        for name in parts:
            if name not in ("type", "env", "value", "header"):
                self._unknown(f".auth.{name}", str(name), ["type", "env", "value", "header"])
        header = parts.get("header")
        if header is not None:
            header = self._value(".auth.header", _header_name, header)
        if kind is None:
            return None
        if kind in (AuthType.BEARER, AuthType.X_API_KEY):
            return Auth(kind, self._secret(parts), header)
        if set(parts) & {"env", "value", "header"}:
            self.reject(".auth", f"type {kind.value} takes no env, value or header")
        return Auth(kind)

    def _secret(self, parts: Mapping[str, object]) -> str | None:
        variable, value = parts.get("env"), parts.get("value")
        if (variable is None) == (value is None):
            self.reject(".auth", "needs either env (the name of an environment variable) or value")
            return None
        where = ".auth.value"
        if variable is not None:
            where, value = ".auth.env", self.environ.get(str(variable))
            if not value:
                # Not repeated, as somebody may have put the secret itself there.
                self.reject(where, "must name an environment variable that is set")
                return None
        if not isinstance(value, str) or not value.strip() or not HEADER_VALUE.fullmatch(value):
            self.reject(where, "must be a non-empty string of header characters")
            return None
        return value.strip()


def _id(raw: object) -> str:
    if not isinstance(raw, str) or not raw:
        raise ValueError("must be a non-empty string")
    if not ID.fullmatch(raw) or raw in RESERVED_IDS:
        reserved = ", ".join(sorted(RESERVED_IDS))
        raise ValueError(f"must be letters, digits, '.', '_' or '-', and none of {reserved}")
    return raw


def _type(raw: object) -> ProviderType:
    return ProviderType(values.choice(*ProviderType)(raw))


def _auth_type(raw: object) -> AuthType:
    return AuthType(values.choice(*AuthType)(raw))


def _strings(raw: object) -> tuple[str, ...]:
    if not isinstance(raw, list) or not raw or not all(isinstance(s, str) and s for s in raw):
        raise ValueError("must be a non-empty string array")
    return tuple(raw)


def _paths(raw: object) -> tuple[str, ...]:
    paths = _strings(raw)
    if not all(p.startswith("/") and not set(p) & set("?# ") for p in paths):
        raise ValueError("must be request paths that begin with / and have no query")
    return paths


def _path(raw: object) -> str:
    return _paths([raw])[0]


def _fallback(raw: object) -> tuple[str, ...]:
    ids = _strings(raw)
    if len(ids) > FALLBACK_MAX or len(set(ids)) < len(ids):
        raise ValueError(f"must be at most {FALLBACK_MAX} ids of providers, each once")
    return ids


def _headers(raw: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(raw, Mapping) or not all(isinstance(v, str) for v in raw.values()):
        raise ValueError("must be a mapping of header names to strings")
    if not all(HEADER_VALUE.fullmatch(v) for v in raw.values()):
        raise ValueError("must have no control characters in a header value")
    return tuple((_header_name(name), value) for name, value in raw.items())


def _header_name(raw: object) -> str:
    if not isinstance(raw, str) or not HEADER_NAME.fullmatch(raw):
        raise ValueError("must be a header name")
    if raw.lower() in FIXED_HEADERS:
        raise ValueError(f"must not be {raw}: it belongs to the connection")
    return raw


def _allowed(reader: Callable[[object], Any]) -> str:
    """What a reader says of nothing at all."""
    try:
        reader(None)
    except ValueError as error:
        return str(error)
    raise AssertionError("every reader refuses None")


READERS: dict[str, Callable[[object], Any]] = {
    "id": _id,
    "type": _type,
    "base_url": values.url,
    "paths": _paths,
    "upstream_path": _path,
    "models": _strings,
    "headers": _headers,
    "strip_provider_field": values.flag,
    "ask_stream_usage": values.flag,
    "on_disconnect": values.leaving,
    "fallback": _fallback,
    "output_tokens_ceiling": values.whole(1, OUTPUT_TOKENS_MAX),
    "variant": values.choice(*VARIANTS),
}
OF_PARTS = ("auth", "timeouts")
"""Fields that are mappings themselves."""
