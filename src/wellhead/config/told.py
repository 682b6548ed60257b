"""What may be told of the settings: everything but secrets.

The control plane gets these values and not the settings, so what is left out here can
come out nowhere.  A setting that is declared secret is told as whether it is set, and so
are the names of users; of URLs there is no user, password, query or fragment.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any
from urllib.parse import urlsplit

from wellhead.config.providers import BUILT_IN, sole
from wellhead.config.settings import Settings, declared
from wellhead.config.values import Address, Leaving
from wellhead.control.facts import ConfigFacts, Facts, ProviderFacts, SourceFacts
from wellhead.directory import Provider

TOLD_CHARS_MAX = 200
"""A longer text is a document of its own: it is told as whether it is set."""
USERS = "_user"
"""What the settings with half of a credential end in."""
CLIPROXY = "cliproxy"

Told = str | int | float | bool | None


def facts(settings: Settings) -> Facts:
    """All that the control plane may tell."""
    told: dict[str, Told] = {}
    secrets: dict[str, bool] = {}
    for one in declared():
        value = _value(settings, one.path)
        if one.secret or one.path.endswith(USERS):
            secrets[one.path] = value not in (None, "", ())
        else:
            told[one.path] = _plain(value)
    return Facts(
        providers=tuple(_provider(one) for one in _providers(settings)),
        source=_source(settings),
        config=_config(settings),
        settings=told,
        secrets=secrets,
    )


def without_secrets(url: str) -> str:
    """A URL's scheme, host, port and path."""
    found = urlsplit(url)
    host = found.netloc.rpartition("@")[2]
    return f"{found.scheme}://{host}{found.path}"


def _value(settings: Settings, path: str) -> Any:
    found: Any = settings
    for name in path.split("."):
        found = getattr(found, name)
    return found


def _plain(value: Any) -> Told:
    if isinstance(value, Address | Leaving):
        return str(value)
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        value = ", ".join(value) or None
    if value is None or isinstance(value, bool | int | float):
        return value
    if not isinstance(value, str) or len(value) > TOLD_CHARS_MAX:
        return bool(value)
    return without_secrets(value) if "://" in value else value


def _providers(settings: Settings) -> Sequence[Provider]:
    if settings.upstream is not None and not settings.providers:
        return (_sole(settings, settings.upstream),)
    return settings.providers


def _sole(settings: Settings, upstream: str) -> Provider:
    return sole(upstream, settings.gateway.on_disconnect, settings.timeouts.all)


def _provider(provider: Provider) -> ProviderFacts:
    built_in = {one.id: one.base_url for one in BUILT_IN}
    return ProviderFacts(
        id=provider.id,
        type=provider.type.value,
        upstream=without_secrets(provider.base_url),
        paths=provider.paths,
        models=provider.models,
        has_custom_upstream=built_in.get(provider.id) != provider.base_url,
        auth=provider.auth.type.value,
        has_credential=provider.auth.value is not None,
        has_headers=bool(provider.headers),
        upstream_path=provider.upstream_path,
        on_disconnect=provider.on_disconnect.value,
        asks_stream_usage=provider.ask_stream_usage,
        strips_provider_field=provider.strip_provider_field,
        timeouts_ms={
            one.name.removesuffix("_s"): _ms(getattr(provider.timeouts, one.name))
            for one in fields(provider.timeouts)
        },
        fallback=provider.fallback,
    )


def _source(settings: Settings) -> SourceFacts:
    found = settings.providers_source
    if found is None:
        return SourceFacts()
    return SourceFacts(found.name, found.path, found.loaded_us, "; ".join(found.problems) or None)


def _config(settings: Settings) -> ConfigFacts:
    gateway, control, pricing = settings.gateway, settings.control, settings.pricing
    providers = _providers(settings)
    shown = next((one for one in providers if one.id == CLIPROXY), providers[0] if providers else None)
    if settings.upstream is not None:
        shown = _sole(settings, settings.upstream)
    return ConfigFacts(
        host=gateway.bind.host,
        port=gateway.bind.port,
        requires_key=gateway.requires_key,
        trusts_proxy_headers=gateway.trust_proxy_headers,
        upstream="" if shown is None else without_secrets(shown.base_url),
        timeout_ms=0 if shown is None else _ms(shown.timeouts.total_s),
        connect_timeout_ms=0 if shown is None else _ms(shown.timeouts.headers_s),
        retries_max=settings.retries.max,
        pricing_refresh_ms=_ms(pricing.refresh_interval_s),
        cost_backfill_ms=_ms(pricing.backfill_interval_s),
        has_admin_token=control.admin_token is not None,
        has_dashboard_password=control.admin_password_hash is not None or control.admin_password is not None,
    )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
