"""`/admin/live`: calls as they open and settle, as server-sent events.

Out of the books, so calls of every gateway process are there, on whichever host.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, Field

from wellhead.control.answers import failing
from wellhead.control.bodies import ID_MAX, example
from wellhead.control.call_shown import EXAMPLE_CALL, CallShown
from wellhead.control.calls_wanted import FILTERS, Wanted
from wellhead.control.failures import Responses
from wellhead.control.feed import Feed
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.streams import Pieces, Places, Streamed
from wellhead.errors import CallerError
from wellhead.report import CallFilter

LISTENERS_MAX = 32
HEARTBEAT_S = 15.0
RETRY_MS = 1_000
"""How long a browser waits before it comes back."""
HEADERS = {"content-type": "text/event-stream", "x-accel-buffering": "no"}
EXAMPLE = (
    f"retry: {RETRY_MS}\nid: 1772356319900000\n\n"
    "id: 1772356320150000\nevent: settle\n"
    f"data: {CallShown.model_validate(EXAMPLE_CALL).model_dump_json()}\n\n"
)
# What the data of each event is, for which the document has no words of its own.
EVENTS = {
    "open": {"$ref": "#/components/schemas/CallShown"},
    "settle": {"$ref": "#/components/schemas/CallShown"},
    "lagged": {"$ref": "#/components/schemas/Lagged"},
}


class Lagged(BaseModel):
    """The data of an event `lagged`."""

    model_config = example(skipped=12)

    skipped: int | None = Field(description="Events that are missing; `null`: nobody knows how many.")


class _Events(Response):
    """What the OpenAPI document says of the answer; `Streamed` is what comes."""

    media_type = None


RESPONSES: Responses = {
    **failing(400),
    200: {
        "description": "Events, for as long as somebody listens.",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE, "x-events": EVENTS}
        },
    },
}


def add_to(routes: APIRouter, feed: Feed, live_s: float) -> None:
    """The one endpoint of the live view."""
    places = Places(LISTENERS_MAX, "TOO_MANY_LISTENERS", "listeners")

    @routes.get(
        "/admin/live",
        tags=["logs"],
        dependencies=[*VIEWER, Depends(only(*FILTERS))],
        summary="Calls as they open and settle",
        response_class=_Events,
        responses=RESPONSES,
    )
    async def live(
        wanted: Wanted,
        last_event_id: Annotated[
            str | None,
            Header(
                description="The `id` of the last event that was seen, to go on after it; browsers send it."
            ),
        ] = None,
    ) -> Streamed:
        """Server-sent events `open` and `settle`, each with the call as in `/admin/logs`.

        `lagged` says how many events were skipped (`null`: nobody knows). A call that ended before it was
        seen open has a `settle` alone.
        """
        after = _after(last_event_id)

        def pieces() -> Pieces:
            return _pieces(feed, wanted, after, live_s)

        return Streamed(pieces, places, HEADERS)


def _after(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= ID_MAX):
        raise CallerError("INVALID_CURSOR", 400, "`Last-Event-ID` must be the `id` of an event.")
    return int(text)


async def _pieces(feed: Feed, wanted: CallFilter, after: int | None, live_s: float) -> Pieces:
    clock: Callable[[], float] = asyncio.get_running_loop().time
    ends_s = clock() + live_s
    async with feed.listening(wanted, after) as listener:
        yield b"retry: %d\n%s" % (RETRY_MS, _place(feed.place if after is None else min(after, feed.place)))
        while (left_s := ends_s - clock()) > 0:
            frames = await listener.take(min(HEARTBEAT_S, left_s))
            if frames is None:
                return
            # With a place to go on from: who is shown next to nothing needs it most.
            yield frames or b": still here\n" + _place(feed.place)


def _place(id_: int) -> bytes:
    return b"id: %d\n\n" % id_
