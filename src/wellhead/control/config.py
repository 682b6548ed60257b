"""`/admin/config`: how the program is set up, in agent-cli-proxy's form, and every setting beside.

Of a secret there is only whether it is set.
"""

# ruff: noqa: N815  (the names of fields are those on the wire)

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.facts import Facts
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN


class ProxyConfig(BaseModel):
    """The gateway's listener."""

    host: str
    port: int = Field(description="As it was configured; 0: any free one.")
    proxyRequireApiKey: bool
    trustProxyHeaders: bool


class UpstreamConfig(BaseModel):
    """The one upstream, or CLIProxyAPI."""

    cliProxyApiUrl: str = Field(description="Without user, password and query.")
    timeoutMs: int = Field(description="For everything; 0: none.")
    connectTimeoutMs: int = Field(description="Until the head of a response; 0: none.")
    maxRetries: int


class Intervals(BaseModel):
    """How often things are done; 0: never."""

    pricingRefreshMs: int
    costBackfillMs: int
    quotaRefreshMs: int = Field(description="0 as long as responses alone tell of quotas.")


class Features(BaseModel):
    """What is there."""

    hasAdminApiKey: bool
    hasMgmtKey: bool
    hasAuthDir: bool
    hasDashboardPassword: bool


class ConfigShown(BaseModel):
    """The configuration, without any secret."""

    model_config = example(
        proxy={"host": "127.0.0.1", "port": 3100, "proxyRequireApiKey": False, "trustProxyHeaders": False},
        upstream={
            "cliProxyApiUrl": "http://localhost:8317",
            "timeoutMs": 0,
            "connectTimeoutMs": 0,
            "maxRetries": 2,
        },
        intervals={"pricingRefreshMs": 21600000, "costBackfillMs": 1800000, "quotaRefreshMs": 0},
        features={
            "hasAdminApiKey": True,
            "hasMgmtKey": False,
            "hasAuthDir": False,
            "hasDashboardPassword": False,
        },
        settings={"gateway.bind": "127.0.0.1:3100", "gateway.workers": 1, "gateway.require_key": None},
        secrets={"control.admin_token": True, "master_key": True},
    )

    proxy: ProxyConfig
    upstream: UpstreamConfig
    intervals: Intervals
    features: Features
    settings: dict[str, str | int | float | bool | None] = Field(
        description="Every setting that holds no secret; of long ones, whether it is set."
    )
    secrets: dict[str, bool] = Field(description="Whether each of the others is set.")


def add_to(routes: APIRouter, facts: Facts) -> None:
    """The one endpoint of the configuration."""
    told = _shown(facts)

    @routes.get(
        "/admin/config",
        tags=["setup"],
        dependencies=[*ADMIN, Depends(only())],
        summary="How the program is set up",
        responses=failing(400),
    )
    def config() -> ConfigShown:
        """As it was read when the program started."""
        return told


def _shown(facts: Facts) -> ConfigShown:
    found = facts.config
    return ConfigShown(
        proxy=ProxyConfig(
            host=found.host,
            port=found.port,
            proxyRequireApiKey=found.requires_key,
            trustProxyHeaders=found.trusts_proxy_headers,
        ),
        upstream=UpstreamConfig(
            cliProxyApiUrl=found.upstream,
            timeoutMs=found.timeout_ms,
            connectTimeoutMs=found.connect_timeout_ms,
            maxRetries=found.retries_max,
        ),
        intervals=Intervals(
            pricingRefreshMs=found.pricing_refresh_ms,
            costBackfillMs=found.cost_backfill_ms,
            quotaRefreshMs=found.quota_refresh_ms,
        ),
        features=Features(
            hasAdminApiKey=found.has_admin_token,
            hasMgmtKey=found.has_management_key,
            hasAuthDir=found.has_auth_dir,
            hasDashboardPassword=found.has_dashboard_password,
        ),
        settings=dict(facts.settings),
        secrets=dict(facts.secrets),
    )
