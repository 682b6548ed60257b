"""`/admin/providers`: which providers there are and where they were configured, in agent-cli-proxy's form."""

# ruff: noqa: N815  (the names of fields are those on the wire)

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.facts import Facts, ProviderFacts, SourceFacts
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER

EXAMPLE_PROVIDER: dict[str, Any] = {
    "id": "local",
    "type": "openai-compatible",
    "paths": ["/v1/chat/completions"],
    "models": ["demo"],
    "hasCustomUpstream": True,
    "upstream": "http://gpu-1:8000",
    "upstreamPath": None,
    "auth": "bearer",
    "hasCredential": True,
    "hasHeaders": False,
    "onDisconnect": "cancel",
    "askStreamUsage": False,
    "stripProviderField": False,
    "timeouts": {"connectMs": 10000, "headersMs": 0, "firstChunkMs": 0, "idleMs": 60000, "totalMs": 0},
    "fallback": ["openai"],
}
EXAMPLE_SOURCE: dict[str, Any] = {
    "source": "configuration",
    "configPath": "/etc/wellhead/wellhead.yaml",
    "lastLoadedAt": "2026-03-01T08:00:00.000Z",
    "lastReloadError": {
        "source": "configuration",
        "configPath": "/etc/wellhead/wellhead.yaml",
        "message": "providers[1].type: must be one of openai-compatible, anthropic, gemini, ollama",
        "at": "2026-03-01T08:00:00.000Z",
    },
}


class TimeoutsShown(BaseModel):
    """How long each step may take, in milliseconds; 0: for ever."""

    connectMs: int
    headersMs: int = Field(description="From the end of the request to the head of the response.")
    firstChunkMs: int = Field(description="From there to the first of a stream.")
    idleMs: int = Field(description="Between two pieces of a body.")
    totalMs: int = Field(description="For everything, with all attempts.")


class ProviderShown(BaseModel):
    """A provider; those that come first take precedence."""

    id: str
    type: str
    paths: list[str] = Field(description="Request paths that it serves; empty: every path.")
    models: list[str] | None = Field(description="Models, or beginnings of them; `null`: any.")
    hasCustomUpstream: bool = Field(description="It is not built in, or points elsewhere.")
    upstream: str = Field(description="Where it is; without user, password and query.")
    upstreamPath: str | None = Field(description="What takes the place of the request's path.")
    auth: str = Field(description="`preserve`, `none`, `bearer` or `x-api-key`.")
    hasCredential: bool = Field(description="Whether its configuration has a credential.")
    hasHeaders: bool = Field(description="Whether headers are added to what goes there.")
    onDisconnect: str = Field(description="`cancel` or `drain`.")
    askStreamUsage: bool
    stripProviderField: bool
    timeouts: TimeoutsShown
    fallback: list[str] = Field(description="Ids of the providers that stand in for it, in this order.")


class ReloadError(BaseModel):
    """What was wrong with entries, which were left out for that."""

    source: str
    configPath: str | None
    message: str
    at: str | None


class ProvidersSource(BaseModel):
    """Where the entries came from; what there is not is left out."""

    source: str = Field(
        description="`built-in`, `upstream`, `configuration`, `WELLHEAD_PROVIDERS`, `PROVIDERS_JSON` "
        "or `PROVIDERS_CONFIG_PATH`."
    )
    configPath: str | None = None
    lastLoadedAt: str | None = None
    lastReloadError: ReloadError | None = None


class Providers(BaseModel):
    """All of them."""

    model_config = example(providers=[EXAMPLE_PROVIDER], source=EXAMPLE_SOURCE)

    providers: list[ProviderShown]
    source: ProvidersSource


def add_to(routes: APIRouter, facts: Facts) -> None:
    """The one endpoint of providers."""

    @routes.get(
        "/admin/providers",
        tags=["setup"],
        dependencies=[*VIEWER, Depends(only())],
        summary="Providers, and where they were configured",
        response_model_exclude_unset=True,
        responses=failing(400),
    )
    def providers() -> Providers:
        """In order of precedence; no secret is shown, but whether there is one."""
        return Providers(providers=[_shown(one) for one in facts.providers], source=_source(facts.source))


def _shown(provider: ProviderFacts) -> ProviderShown:
    return ProviderShown(
        id=provider.id,
        type=provider.type,
        paths=list(provider.paths),
        models=list(provider.models) or None,
        hasCustomUpstream=provider.has_custom_upstream,
        upstream=provider.upstream,
        upstreamPath=provider.upstream_path,
        auth=provider.auth,
        hasCredential=provider.has_credential,
        hasHeaders=provider.has_headers,
        onDisconnect=provider.on_disconnect,
        askStreamUsage=provider.asks_stream_usage,
        stripProviderField=provider.strips_provider_field,
        timeouts=_timeouts(provider.timeouts_ms),
        fallback=list(provider.fallback),
    )


def _timeouts(timeouts_ms: Mapping[str, int]) -> TimeoutsShown:
    def of(name: str) -> int:
        return timeouts_ms.get(name, 0)

    return TimeoutsShown(
        connectMs=of("connect"),
        headersMs=of("headers"),
        firstChunkMs=of("first_chunk"),
        idleMs=of("idle"),
        totalMs=of("total"),
    )


def _source(source: SourceFacts) -> ProvidersSource:
    at = shown.moment(source.loaded_us)
    said: dict[str, Any] = {"source": source.name}
    if source.path is not None:
        said["configPath"] = source.path
    if at is not None:
        said["lastLoadedAt"] = at
    if source.problem is not None:
        said["lastReloadError"] = ReloadError(
            source=source.name, configPath=source.path, message=source.problem, at=at
        )
    return ProvidersSource(**said)
