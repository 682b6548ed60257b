"""The control plane's app.

Run it with `proxy_headers=False`: a server that believes forwarding headers would
put a made-up address where the socket's is expected.
"""

from fastapi import FastAPI

from wellhead.control import failures, guard, health, qs
from wellhead.control.failures import Failure, Responses
from wellhead.control.options import ControlOptions
from wellhead.logs import Log
from wellhead.ports import Reports

__all__ = ["ControlOptions", "build"]

DESCRIPTION = "Metrics and health of a Wellhead gateway.  Served on loopback only."
ANY_FAILURE: Responses = {"default": {"model": Failure, "description": "Any other error."}}


def build(*, reports: Reports, options: ControlOptions, version: str, log: Log) -> FastAPI:
    """The app, ready to be served; it holds nothing open."""
    app = FastAPI(
        title="Wellhead control API",
        version=version,
        description=DESCRIPTION,
        # Interactive documentation loads scripts from third parties; the document itself does not.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=ANY_FAILURE,
        license_info={"name": "MIT", "identifier": "MIT"},
    )
    failures.install(app)
    app.add_middleware(guard.Guard, options=options, log=log)
    app.include_router(health.router(reports))
    app.include_router(qs.router(reports, options))
    return app
