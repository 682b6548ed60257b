"""Filters by exact text.

A filter that is sent without a value is a mistake: taken for "all" it would show
what nobody asked for.
"""

from typing import Annotated

from fastapi import Query

from wellhead.errors import CallerError

CHARS_MAX = 200
Exact = Annotated[
    str | None,
    Query(max_length=CHARS_MAX, description="Only calls with exactly this; `unknown`: with none."),
]


def a_filter(name: str, value: str | None) -> str | None:
    """A filter's value; raises `CallerError` 400 for a blank one."""
    if value is not None and not value.strip():
        raise CallerError("INVALID_FILTER", 400, f"Invalid filter parameter: `{name}` is blank.")
    return value
