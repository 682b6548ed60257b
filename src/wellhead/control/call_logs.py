"""`/admin/logs`: single calls, what they went through and how their cost came about."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from wellhead.control.answers import failing, link_to
from wellhead.control.bodies import ID_MAX, Id
from wellhead.control.call_shown import CallShown, CallWithAttempts, as_shown, attempt_shown
from wellhead.control.call_whole import whole
from wellhead.control.calls_wanted import FILTERS, Wanted
from wellhead.control.cost_audits import CostAudits, audit_shown
from wellhead.control.failures import Responses
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.times import EXAMPLE, open_range_us
from wellhead.errors import NotFound
from wellhead.ports import Reports
from wellhead.report import CallRow

SHOWN_MAX = 200
OFFSET_MAX = 100_000
LISTED: Responses = {
    **failing(400),
    200: {
        "headers": {
            "link": {
                "description": 'Where it goes on, with `rel="next"`; absent: that was all.',
                "schema": {"type": "string"},
            }
        }
    },
}


def add_to(routes: APIRouter, reports: Reports) -> None:
    """List calls, and show one."""
    tags: list[Any] = ["logs"]

    @routes.get(
        "/admin/logs",
        tags=tags,
        dependencies=[*VIEWER, Depends(only("limit", "offset", "before", "from", "to", *FILTERS))],
        summary="Calls, the newest first",
        responses=LISTED,
    )
    def list_(
        request: Request,
        response: Response,
        wanted: Wanted,
        limit: Annotated[
            int, Query(ge=1, description=f"Calls at most; above {SHOWN_MAX} it is {SHOWN_MAX}.")
        ] = 50,
        offset: Annotated[int, Query(ge=0, le=OFFSET_MAX, description="Calls left out first.")] = 0,
        before: Annotated[
            int | None,
            Query(ge=0, le=ID_MAX, description="Calls before this `id`: the last one's of a page."),
        ] = None,
        since: Annotated[
            str | None,
            Query(
                alias="from",
                description="Calls that began on this day or at this moment, or later.",
                examples=[EXAMPLE],
            ),
        ] = None,
        until: Annotated[
            str | None,
            Query(
                alias="to",
                description="A day, which is included, or a moment, which is not.",
                examples=[EXAMPLE],
            ),
        ] = None,
    ) -> list[CallShown]:
        """Pending ones too. `Link` leads to the next page, on which calls are neither repeated nor missing
        while new ones come in. Without it this was the last one. Where few calls match, a page may have fewer
        than `limit`, or none, and there are more to come all the same.
        """
        since_us, until_us = open_range_us(since, until)
        found = reports.calls(
            wanted,
            count=min(limit, SHOWN_MAX),
            offset=offset,
            before=before,
            since_us=since_us,
            until_us=until_us,
        )
        if found.before is not None:
            link_to(request, response, before=found.before, offset=found.offset)
        return [as_shown(one) for one in found.rows]

    @routes.get(
        "/admin/logs/{id}",
        tags=tags,
        dependencies=VIEWER,
        summary="A call",
        responses=failing(404),
    )
    def show(id_: Id) -> CallWithAttempts:
        """Pending or not."""
        call, tried = _one(reports, id_), reports.attempts(id_)
        attempts = [attempt_shown(one) for one in tried]
        return CallWithAttempts(**as_shown(call).model_dump(), attempts=attempts, wellhead=whole(call, tried))

    @routes.get(
        "/admin/logs/{id}/cost-audit",
        tags=tags,
        dependencies=VIEWER,
        summary="How the cost of a call came about",
        responses=failing(404),
    )
    def audits(id_: Id) -> CostAudits:
        """One entry for each time the call was priced."""
        call = _one(reports, id_)
        return CostAudits(
            requestLogId=str(call["id"]), audits=[audit_shown(one) for one in reports.cost_audits(id_)]
        )


def _one(reports: Reports, id_: int) -> CallRow:
    found = reports.call(id_)
    if found is None:
        raise NotFound("there is no such call")
    return found
