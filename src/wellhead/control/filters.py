"""Filters by exact text.

A filter that is sent without a value is a mistake: taken for "all" it would show
what nobody asked for.
"""

from typing import Annotated

from fastapi import Query

from wellhead.control.bodies import ID_MAX
from wellhead.errors import CallerError
from wellhead.report import UNKNOWN

CHARS_MAX = 512
"""As many as the longest name in the books has: what is shown can be asked for."""
Exact = Annotated[
    str | None,
    Query(max_length=CHARS_MAX, description="Only calls with exactly this; `unknown`: with none."),
]


def a_filter(name: str, value: str | None) -> str | None:
    """A filter's value; raises `CallerError` 400 for a blank one."""
    if value is not None and not value.strip():
        raise CallerError("INVALID_FILTER", 400, f"Invalid filter parameter: `{name}` is blank.")
    return value


def a_number(name: str, value: str) -> int | None:
    """A filter by a number; `None` for `unknown`.  Raises `CallerError` 400 for anything else."""
    text = a_filter(name, value)
    if text is None or text == UNKNOWN:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= ID_MAX):
        raise CallerError("INVALID_FILTER", 400, f"Invalid filter parameter: `{name}` must be a number.")
    return int(text)
