"""The control plane's app.

Run it with `proxy_headers=False`: a server that believes forwarding headers would
put a made-up address where the socket's is expected.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from wellhead.control import (
    api_keys,
    audit,
    breakers,
    call_logs,
    completion_requests,
    config,
    credentials,
    dashboard,
    export,
    failures,
    guard,
    health,
    keys,
    limits,
    live,
    manage_projects,
    manage_tokens,
    metrics,
    pricing,
    projects,
    providers,
    qs,
    quotas,
    session,
    stats,
    system,
    trend,
    unmetered,
    usage,
    usage_names,
    usage_report,
)
from wellhead.control.background import Background
from wellhead.control.document import document
from wellhead.control.facts import NO_FACTS, Facts
from wellhead.control.failures import Responses, described
from wellhead.control.feed import Feed
from wellhead.control.health import NOTHING_BESIDE, Beside, Checks
from wellhead.control.operators import Operators
from wellhead.control.options import ControlOptions
from wellhead.control.prometheus_aliases import ReadyChecks
from wellhead.control.roles import VIEWER, Door
from wellhead.control.scrape import Scrape
from wellhead.logs import Log
from wellhead.ports import Reports
from wellhead.registry import Registry

__all__ = ["ControlOptions", "build"]

DESCRIPTION = "Metrics, health and administration of a Wellhead gateway."
ANY_FAILURE: Responses = {"default": described("Any other error.")}


def build(
    *,
    reports: Reports,
    registry: Registry,
    options: ControlOptions,
    version: str,
    log: Log,
    now_us: Callable[[], int],
    facts: Facts = NO_FACTS,
    beside: Beside = NOTHING_BESIDE,
    background: Background,
) -> FastAPI:
    """The app, ready to be served; it holds nothing open."""
    app = FastAPI(
        title="Wellhead control API",
        version=version,
        description=DESCRIPTION,
        # Interactive documentation loads scripts from third parties.  The document itself is a route
        # like any other, below.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        responses=ANY_FAILURE,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    app.router.route_class = Door
    operators = app.state.operators = Operators(options, now_us, log)
    feed = app.state.feed = Feed(reports.movement, now_us, log)
    failures.install(app)
    app.add_middleware(guard.Guard, options=options, log=log)
    ready_checks = ReadyChecks()
    asked = Checks(reports, beside, ready_checks.note, now_us)
    health.add_to(app.router, asked, background, now_us)
    qs.add_to(app.router, reports)
    scrape = Scrape(reports, ready_checks, version, now_us, background.loops, beside.spool)
    metrics.add_to(app.router, reports, scrape, now_us)
    quotas.add_to(app.router, reports)
    completion_requests.add_to(app.router, reports)
    usage.add_to(app.router, reports, now_us)
    trend.add_to(app.router, reports, now_us)
    unmetered.add_to(app.router, reports, now_us)
    usage_report.add_to(app.router, reports, now_us)
    usage_names.add_to(app.router, reports, now_us)
    pricing.add_to(app.router, background, now_us)
    stats.add_to(app.router, reports)
    call_logs.add_to(app.router, reports)
    export.add_to(app.router, reports, now_us)
    live.add_to(app.router, feed, options.live_s)
    providers.add_to(app.router, facts)
    config.add_to(app.router, facts)
    system.add_to(app.router, reports, beside.spool, version, now_us)
    session.add_to(app.router, operators, options, registry)
    projects.add_to(app.router, registry)
    keys.add_to(app.router, registry, now_us)
    api_keys.add_to(app.router, registry)
    credentials.add_to(app.router, registry)
    limits.add_to(app.router, registry)
    breakers.add_to(app.router, registry, now_us, log)
    audit.add_to(app.router, registry)
    manage_tokens.add_to(app.router, registry, options, now_us)
    manage_projects.add_to(app.router, registry)
    dashboard.add_to(app.router)

    app.openapi = lambda: document(app)  # type: ignore[method-assign]  # as FastAPI wants it replaced

    @app.get("/openapi.json", dependencies=VIEWER, include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return app.openapi()

    return app
