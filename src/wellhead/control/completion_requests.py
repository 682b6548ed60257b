"""`/completion_requests`: single calls in LLM Metrics Proxy's form."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.call import CallState
from wellhead.control.answers import failing
from wellhead.control.bodies import ID_MAX, Count, example
from wellhead.control.exchanges import RANGE_PARAMETERS, Since, Until, error_type, range_us
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.errors import CallerError
from wellhead.ports import Reports
from wellhead.report import CallRow

CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,19})")
EXAMPLE_CURSOR = "1772359499000000-815694120529133568"
EXAMPLE_CALL: dict[str, Any] = {
    "timestamp": "2026-03-01T10:04:59.000Z",
    "is_streaming": True,
    "success": True,
    "error_type": None,
    "message_count": 2,
    "timing": {
        "time_to_first_token_ms": 150,
        "time_to_last_token_ms": 1350,
        "response_time_ms": 1350,
    },
    "tokens": {"total": 31, "prompt": 19, "completion": 12},
    "model": "demo-small",
    "origin": "http://localhost:5173",
}


class Timing(BaseModel):
    """How long it took."""

    time_to_first_token_ms: int | None
    time_to_last_token_ms: int | None
    response_time_ms: int | None


class TokensOfCall(BaseModel):
    """What it used; `null` is what nobody told."""

    total: int | None
    prompt: int | None
    completion: int | None


class CompletionRequest(BaseModel):
    """A call that ended."""

    model_config = example(**EXAMPLE_CALL)

    timestamp: str = Field(description="When it ended.")
    is_streaming: bool
    success: bool
    error_type: str | None
    message_count: int | None
    timing: Timing
    tokens: TokensOfCall
    model: str | None
    origin: str | None


def add_to(routes: APIRouter, reports: Reports) -> None:
    """The one endpoint of single calls in this form."""

    @routes.get(
        "/completion_requests",
        tags=["metrics"],
        dependencies=[*VIEWER, Depends(only("limit", "cursor", *RANGE_PARAMETERS))],
        summary="Calls in LLM Metrics Proxy's form",
        responses=failing(400),
    )
    def completion_requests(
        request: Request,
        response: Response,
        since: Since = None,
        until: Until = None,
        count: Count = 100,
        cursor: Annotated[
            str | None,
            Query(description="Where a page begins: see its `Link` header.", examples=[EXAMPLE_CURSOR]),
        ] = None,
    ) -> list[CompletionRequest]:
        """The last to end first; where there are more, a `Link` header says where they begin."""
        since_us, until_us = range_us(since, until)
        found = reports.ended_calls(since_us, until_us, count=count + 1, after=_place(cursor))
        if len(found) > count:
            last = found[count - 1]
            place = f"{last['finished_us']}-{last['id']}"
            url = request.url.include_query_params(cursor=place)
            response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
        return [_shown(one) for one in found[:count]]


def _place(cursor: str | None) -> tuple[int, int] | None:
    if cursor is None:
        return None
    found = CURSOR.fullmatch(cursor)
    if found is None or int(found[2]) > ID_MAX:
        said = "`cursor` must be taken from the `Link` header of the page before."
        raise CallerError("INVALID_CURSOR", 400, said)
    return int(found[1]), int(found[2])


def _shown(call: CallRow) -> CompletionRequest:
    success = call["state"] == CallState.COMPLETED.value
    took_ms = _ms(call["latency_us"])
    return CompletionRequest(
        timestamp=shown.moment(call["finished_us"]),
        is_streaming=bool(call["streamed"]),
        success=success,
        error_type=None if success else error_type(call["error_code"] or call["state"]),
        message_count=call["message_count"],
        timing=Timing(
            # An answer in one piece is there all at once.
            time_to_first_token_ms=(_ms(call["ttft_us"]) if call["streamed"] else took_ms)
            if success
            else None,
            time_to_last_token_ms=took_ms if success else None,
            response_time_ms=took_ms,
        ),
        tokens=TokensOfCall(
            total=call["total_tokens"], prompt=call["input_tokens"], completion=call["output_tokens"]
        ),
        model=call["model"],
        origin=call["origin"],
    )


def _ms(us: int | None) -> int | None:
    return None if us is None else (us + 500) // 1000
