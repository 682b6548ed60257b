"""`/admin/quotas`: how much of their quotas accounts have used, as responses last told.

In the form that agent-cli-proxy's users know, with what else was told beside.
"""

import json
from typing import Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.ports import Reports
from wellhead.quota import AccountGauge, Gauge

EXAMPLE_SNAPSHOT: dict[str, Any] = {
    "timestamp": "2026-03-01T09:10:00.000Z",
    "provider": "anthropic",
    "account": "5a1e0000-0000-4000-8000-00000000beef",
    "quota_type": "5h",
    "model": None,
    "used_pct": 37.5,
    "remaining": 62.5,
    "remaining_raw": "62.50%",
    "resets_at": "2026-03-01T12:00:00.000Z",
    "raw_json": '{"name":"anthropic_5h","used_ratio":0.375,"status":"allowed"}',
    "name": "anthropic_5h",
    "limit": None,
    "left": None,
    "window_s": None,
    "status": "allowed",
}
QUOTA_TYPES = {"anthropic_5h": "5h", "anthropic_7d": "week"}
"""Their names for gauges of ours..."""
WEEK_H, DAY_H = 144, 24
"""...and for windows of so many hours and more."""


class Snapshot(BaseModel):
    """One quota of one account."""

    model_config = example(**EXAMPLE_SNAPSHOT)

    timestamp: str = Field(description="When a response told it.")
    provider: str
    account: str | None = Field(description="`null`: no response said whose it is.")
    quota_type: str = Field(description="`5h`, `week`, or the quota's own name.")
    model: str | None = Field(description="Always `null`: headers do not say it.")
    used_pct: float | None = Field(description="May be more than 100.")
    remaining: float | None = Field(description="Percent.")
    remaining_raw: str | None
    resets_at: str | None
    raw_json: str = Field(description="What was told, as one JSON object.")
    name: str
    limit: int | None = Field(description="Calls or tokens, as the name says.")
    left: int | None = Field(description="The same.")
    window_s: int | None
    status: str | None = Field(description="The provider's own word.")


class Snapshots(BaseModel):
    """The last of each."""

    model_config = example(snapshots=[EXAMPLE_SNAPSHOT])

    snapshots: list[Snapshot]


def add_to(routes: APIRouter, reports: Reports) -> None:
    """The one endpoint of quotas."""

    @routes.get(
        "/admin/quotas",
        tags=["usage"],
        dependencies=[*VIEWER, Depends(only())],
        summary="Quotas of accounts at their providers",
        responses=failing(400),
    )
    def quotas() -> Snapshots:
        """As the headers of responses last told them, by provider, account and name."""
        return Snapshots(snapshots=[_snapshot(one) for one in reports.gauges()])


def _snapshot(one: AccountGauge) -> Snapshot:
    gauge = one.gauge
    used = None if gauge.used_ratio is None else round(gauge.used_ratio * 100, 4)
    left = None if used is None else round(100 - min(used, 100.0), 4)
    return Snapshot(
        timestamp=shown.moment(gauge.at_us),
        provider=one.provider,
        account=gauge.account,
        quota_type=quota_type(gauge),
        model=None,
        used_pct=used,
        remaining=left,
        remaining_raw=None if left is None else f"{left:.2f}%",
        resets_at=shown.moment(gauge.resets_us),
        raw_json=json.dumps(_told(gauge), separators=(",", ":")),
        name=gauge.name,
        limit=gauge.limit,
        left=gauge.remaining,
        window_s=gauge.window_s,
        status=gauge.status,
    )


def quota_type(gauge: Gauge) -> str:
    """What agent-cli-proxy calls it: by its window, or by its name."""
    if gauge.window_s is None:
        return QUOTA_TYPES.get(gauge.name, gauge.name)
    hours = gauge.window_s // 3600
    if hours >= WEEK_H:
        return "week"
    return f"{hours // DAY_H}d" if hours >= DAY_H else f"{hours}h"


def _told(gauge: Gauge) -> dict[str, Any]:
    fields = ("name", "used_ratio", "limit", "remaining", "status")
    return {name: value for name in fields if (value := getattr(gauge, name)) is not None}
