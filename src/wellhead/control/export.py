"""`/admin/export`: every call that matches, as a file, however many there are.

The file is made while it is sent, a page of calls at a time: neither its size nor a slow
client makes anything grow here, and between two pages nothing of the database is held.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field, create_model

from wellhead.call import CallState
from wellhead.control.answers import failing
from wellhead.control.bodies import example
from wellhead.control.calls_wanted import FILTERS, Wanted
from wellhead.control.failures import Responses, described
from wellhead.control.parameters import only
from wellhead.control.roles import VIEWER
from wellhead.control.streams import Pieces, Places, Streamed, in_thread
from wellhead.control.times import EXAMPLE, through_us
from wellhead.errors import CallerError
from wellhead.exporting.columns import COLUMNS, Kind, Row
from wellhead.exporting.formats import Format, NotInstalled, writing
from wellhead.exporting.formats import Pieces as Write
from wellhead.exporting.json_file import as_object
from wellhead.moments import at
from wellhead.ports import Reports
from wellhead.report import CallFilter

AT_ONCE_MAX = 8
"""Exports that may be under way at a time."""
SAID: dict[str, Any] = {
    "id": 815694120529133568,
    "state": "completed",
    "started_us": 1_772_356_318_160_000,
    "finished_us": 1_772_356_320_000_000,
    "provider": "anthropic",
    "dialect": "anthropic_messages",
    "method": "POST",
    "path": "/v1/messages",
    "model": "demo-large",
    "model_served": "demo-large-2026-02-01",
    "streamed": 1,
    "tool": "claude-code",
    "client": "laptop",
    "session": "sess-42",
    "user_agent": "claude-cli/2.1.0 (external, cli)",
    "client_address": "127.0.0.1",
    "project_id": "77b0c0de-0000-4000-8000-000000000001",
    "key_id": 7,
    "status_code": 200,
    "finish_reason": "end_turn",
    "input_tokens": 1000,
    "output_tokens": 500,
    "cache_read_tokens": 200,
    "cache_write_tokens": 100,
    "total_tokens": 1500,
    "usage_source": "reported",
    "cost_state": "priced",
    "cost_nanousd": 5_475_000,
    "rate_id": 3,
    "latency_us": 1_840_000,
    "upstream_latency_us": 310_000,
    "ttft_us": 320_000,
    "request_bytes": 5120,
    "response_bytes": 2048,
    "message_count": 3,
    "max_output_tokens": 4096,
    "attempts": 1,
    "incomplete": 0,
}
EXAMPLE_CALL = as_object([SAID.get(column.of) for column in COLUMNS])
TYPES: dict[Kind, Any] = {
    Kind.ID: str,
    Kind.TEXT: str | None,
    Kind.WHOLE: int | None,
    Kind.FLAG: bool | None,
    Kind.MOMENT: str | None,
    Kind.DOLLARS: float | None,
}
MEANINGS = {
    "started_at": "`started_us` for people.",
    "finished_at": "`finished_us` for people.",
    "project_id": "The project's UUID; the number of one that is gone.",
    "cost_usd": "`cost_nanousd` in dollars, exact.",
    "input_tokens": "Every token that was read; `cache_…` are parts of them.",
    "output_tokens": "Every token that was written; `reasoning_tokens` are a part of them.",
    "cost_state": "`priced`, `pending` (no price yet) or `unpriceable` (no usage to price).",
    "usage_source": "`reported`, or `absent` where nobody told.",
}
FIELDS: dict[str, Any] = {
    column.name: (TYPES[column.kind], Field(description=MEANINGS.get(column.name))) for column in COLUMNS
}
ExportedCall = create_model(
    "ExportedCall",
    __config__=example(**EXAMPLE_CALL),
    __doc__="A call with all that there is to say about it; `null` is what nobody said.",
    __module__=__name__,
    **FIELDS,
)


class _File(Response):
    """What the OpenAPI document says of the answer; `Streamed` is what comes."""

    media_type = None


RESPONSES: Responses = {
    **failing(400),
    200: {
        "description": "A file.",
        "model": list[ExportedCall],  # type: ignore[valid-type]  # it is made from the columns
        "content": {
            Format.CSV.media_type.partition(";")[0]: {"schema": {"type": "string"}},
            Format.JSON.media_type: {"example": [EXAMPLE_CALL]},
            Format.JSONL.media_type: {"schema": {"type": "string"}},
            Format.PARQUET.media_type: {"schema": {"type": "string", "format": "binary"}},
        },
        "headers": {
            "content-disposition": {
                "description": "A name for the file, with the range of time that is in it.",
                "schema": {"type": "string"},
            }
        },
    },
    501: described(
        "A package that the format needs is not installed.",
        "FORMAT_NOT_INSTALLED",
        "Parquet needs the package pyarrow, which is not installed where Wellhead runs: "
        "`pip install 'wellhead[parquet]'`, or ask for csv, json or jsonl.",
    ),
}


def add_to(routes: APIRouter, reports: Reports, now_us: Callable[[], int]) -> None:
    """The one endpoint of exports."""
    places = Places(AT_ONCE_MAX, "TOO_MANY_EXPORTS", "exports")

    @routes.get(
        "/admin/export",
        tags=["logs"],
        dependencies=[*VIEWER, Depends(only("format", "from", "to", *FILTERS))],
        summary="Calls as a file",
        response_class=_File,
        responses=RESPONSES,
    )
    async def export(
        wanted: Wanted,
        form: Annotated[Format, Query(alias="format", description="The form of the file.")] = Format.CSV,
        since: Annotated[
            str | None,
            Query(
                alias="from",
                description="Calls that ended on this day or at this moment, or later.",
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
    ) -> Streamed:
        """Those that ended, the first to end first; without `to`, until now.

        Calls that are pending have not ended: they come with `lifecycle_status=pending`, which has no range.
        """
        since_us, until_us = _range_us(wanted, since, until, now_us())
        # Before there is a head, so that HEAD says whether there could be a file.
        write = await _writing(form)

        def pieces() -> Pieces:
            return _pieces(write, lambda: reports.export(wanted, since_us, until_us))

        headers = {
            "content-type": form.media_type,
            "content-disposition": f'attachment; filename="{file_name(form, since_us, until_us)}"',
        }
        return Streamed(pieces, places, headers)


def file_name(form: Format, since_us: int, until_us: int) -> str:
    """A name that says what is inside; of characters that every system takes."""
    since = f"{at(since_us):%Y%m%dT%H%M%SZ}" if since_us else "all"
    return f"wellhead-calls-{since}-{at(until_us):%Y%m%dT%H%M%SZ}.{form}"


def _range_us(wanted: CallFilter, since: str | None, until: str | None, now_us: int) -> tuple[int, int]:
    if wanted.states == (CallState.PENDING.value,) and (since is not None or until is not None):
        said = "A pending call has not ended, so there is no range of them: leave out `from` and `to`."
        raise CallerError("INVALID_RANGE", 400, said)
    return through_us(since, until, now_us)


async def _writing(form: Format) -> Write:
    try:
        return await in_thread(lambda: writing(form))
    except NotInstalled as error:
        raise CallerError("FORMAT_NOT_INSTALLED", 501, f"{error}.") from None


async def _pieces(write: Write, pages: Callable[[], Iterator[Sequence[Row]]]) -> Pieces:
    pieces = write(pages())
    while (piece := await in_thread(lambda: next(pieces, None))) is not None:
        yield piece
