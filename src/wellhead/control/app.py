"""The control plane's app.

Run it with `proxy_headers=False`: a server that believes forwarding headers would
put a made-up address where the socket's is expected.
"""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

from wellhead.clock import Clock
from wellhead.control import failures, guard, health, qs
from wellhead.control.failures import Failure, Responses
from wellhead.control.operators import Operators
from wellhead.control.options import ControlOptions
from wellhead.control.roles import VIEWER, Door
from wellhead.logs import Log
from wellhead.ports import Reports

__all__ = ["ControlOptions", "build"]

DESCRIPTION = "Metrics, health and administration of a Wellhead gateway."
ANY_FAILURE: Responses = {"default": {"model": Failure, "description": "Any other error."}}


def build(
    *,
    reports: Reports,
    options: ControlOptions,
    version: str,
    log: Log,
    now_us: Callable[[], int] | None = None,
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
    app.state.operators = Operators(options, now_us or Clock().now_us, log)
    failures.install(app)
    app.add_middleware(guard.Guard, options=options, log=log)
    health.add_to(app.router, reports)
    qs.add_to(app.router, reports)

    @app.get("/openapi.json", dependencies=VIEWER, include_in_schema=False)
    def document() -> dict[str, Any]:
        return app.openapi()

    return app
