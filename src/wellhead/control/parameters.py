"""Query parameters are known, come once, and do not contradict each other.

A misspelt filter that is silently ignored would answer with the figures of all
time, and look right.
"""

from collections.abc import Awaitable, Callable
from difflib import get_close_matches

from fastapi import Request

from wellhead.errors import CallerError


def only(*names: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses every other parameter, and any that is repeated."""

    async def check(request: Request) -> None:
        seen: set[str] = set()
        for name, _ in request.query_params.multi_items():
            if name not in names:
                near = get_close_matches(name, names, n=1)
                known = ", ".join(f"`{one}`" for one in names) or "none"
                hint = f"perhaps `{near[0]}` was meant." if near else f"known are {known}."
                raise CallerError("UNKNOWN_PARAMETER", 400, f"There is no parameter `{name[:80]}`; {hint}")
            if name in seen:
                raise CallerError("REPEATED_PARAMETER", 400, f"`{name}` is there more than once.")
            seen.add(name)

    return check


def instead(name: str, *others: str) -> Callable[[Request], Awaitable[None]]:
    """A dependency that refuses a parameter beside others that would say the same in another way."""

    async def check(request: Request) -> None:
        for other in others:
            if name in request.query_params and other in request.query_params:
                raise CallerError(
                    "CONTRADICTORY_PARAMETERS", 400, f"`{name}` and `{other}` exclude each other."
                )

    return check
