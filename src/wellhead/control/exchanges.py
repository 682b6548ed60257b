"""What LLM Metrics Proxy's two endpoints have in common: their range, and their names for errors."""

from typing import Annotated

from fastapi import Query

from wellhead.control.times import EXAMPLE, moment_us
from wellhead.errors import CallerError

RANGE_PARAMETERS = ("start", "end")
Since = Annotated[
    str | None,
    Query(alias="start", description="Calls that ended at this moment or later.", examples=[EXAMPLE]),
]
Until = Annotated[
    str | None, Query(alias="end", description="Calls that ended before this moment.", examples=[EXAMPLE])
]

ERROR_TYPES = {
    "upstream_error": "http_error",
    "bad_gateway": "connection_error",
    "upstream_timeout": "connection_error",
    "stream_error": "streaming_error",
}
"""Their names for our codes; all the others keep their own."""


def range_us(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """The range [start, end); raises `CallerError` 400 when it is malformed or runs backwards."""
    since_us, until_us = moment_us(since, "start"), moment_us(until, "end")
    if since_us is not None and until_us is not None and since_us > until_us:
        raise CallerError("INVALID_RANGE", 400, "`start` must not be later than `end`.")
    return since_us, until_us


def error_type(code: str) -> str:
    """An error code in their words."""
    return ERROR_TYPES.get(code, code)
