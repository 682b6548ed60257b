"""`/admin/providers` and `/admin/config` have agent-cli-proxy's shapes, with our own fields beside."""

from typing import Any

from fakes.control import a_client, an_app
from wellhead.control.facts import ConfigFacts, Facts, ProviderFacts, SourceFacts

LOCAL = ProviderFacts(
    id="local",
    type="openai-compatible",
    upstream="http://gpu-1:8000",
    paths=("/v1/chat/completions",),
    models=("demo",),
    has_custom_upstream=True,
)
LOADED_US = 1_740_816_000_000_000


async def get(path: str, facts: Facts) -> Any:
    async with a_client(an_app(facts=facts)) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def theirs(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in ("id", "type", "paths", "models", "hasCustomUpstream")}


async def test_providers_have_agent_cli_proxys_fields() -> None:
    facts = Facts(providers=(LOCAL,), source=SourceFacts("PROVIDERS_JSON", None, LOADED_US))
    found = await get("/admin/providers", facts)
    assert [theirs(one) for one in found["providers"]] == [
        {
            "id": "local",
            "type": "openai-compatible",
            "paths": ["/v1/chat/completions"],
            "models": ["demo"],
            "hasCustomUpstream": True,
        }
    ]
    assert found["source"] == {"source": "PROVIDERS_JSON", "lastLoadedAt": "2025-03-01T08:00:00.000Z"}


async def test_a_provider_for_any_model_says_null() -> None:
    facts = Facts(providers=(ProviderFacts("a", "gemini", "http://a"),))
    found = await get("/admin/providers", facts)
    (one,) = found["providers"]
    assert (one["models"], one["paths"], one["upstreamPath"], one["hasCredential"]) == (None, [], None, False)
    assert found["source"] == {"source": "built-in"}


async def test_a_provider_says_how_long_it_may_take_and_who_stands_in() -> None:
    times = {"connect": 2500, "headers": 0, "first_chunk": 1, "idle": 60_000, "total": 600_000}
    one = ProviderFacts("a", "gemini", "http://a", timeouts_ms=times, fallback=("b", "c"))
    (found,) = (await get("/admin/providers", Facts(providers=(one,))))["providers"]
    assert found["fallback"] == ["b", "c"]
    assert found["timeouts"] == {
        "connectMs": 2500,
        "headersMs": 0,
        "firstChunkMs": 1,
        "idleMs": 60000,
        "totalMs": 600000,
    }


async def test_what_was_wrong_when_they_were_read_is_told() -> None:
    source = SourceFacts("PROVIDERS_CONFIG_PATH", "/etc/p.json", LOADED_US, "providers[1].type: is odd")
    found = await get("/admin/providers", Facts(source=source))
    assert found["source"] == {
        "source": "PROVIDERS_CONFIG_PATH",
        "configPath": "/etc/p.json",
        "lastLoadedAt": "2025-03-01T08:00:00.000Z",
        "lastReloadError": {
            "source": "PROVIDERS_CONFIG_PATH",
            "configPath": "/etc/p.json",
            "message": "providers[1].type: is odd",
            "at": "2025-03-01T08:00:00.000Z",
        },
    }


async def test_the_configuration_has_agent_cli_proxys_shape_and_every_setting_beside() -> None:
    config = ConfigFacts(
        host="127.0.0.1",
        port=3100,
        upstream="http://localhost:8317",
        retries_max=2,
        pricing_refresh_ms=21_600_000,
        cost_backfill_ms=1_800_000,
        quota_refresh_ms=300_000,
        has_admin_token=True,
    )
    facts = Facts(config=config, settings={"gateway.workers": 1}, secrets={"master_key": True})
    assert await get("/admin/config", facts) == {
        "proxy": {"host": "127.0.0.1", "port": 3100, "proxyRequireApiKey": False, "trustProxyHeaders": False},
        "upstream": {
            "cliProxyApiUrl": "http://localhost:8317",
            "timeoutMs": 0,
            "connectTimeoutMs": 0,
            "maxRetries": 2,
        },
        "intervals": {"pricingRefreshMs": 21600000, "costBackfillMs": 1800000, "quotaRefreshMs": 300000},
        "features": {
            "hasAdminApiKey": True,
            "hasMgmtKey": False,
            "hasAuthDir": False,
            "hasDashboardPassword": False,
        },
        "settings": {"gateway.workers": 1},
        "secrets": {"master_key": True},
    }
