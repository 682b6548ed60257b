"""Which calls are wanted: the filters that listings, exports and the live view have in common."""

from difflib import get_close_matches
from typing import Annotated

from fastapi import Depends, Query

from wellhead.call import CallState
from wellhead.control.filters import Exact, a_filter, a_number
from wellhead.errors import CallerError
from wellhead.report import CallFilter

FILTERS = (
    *("tool", "client_id", "model", "provider", "status_min", "status_max", "lifecycle_status"),
    *("outcome", "project", "key", "account", "session", "agent"),
)
STATES = {
    "pending": (CallState.PENDING,),
    "completed": (CallState.COMPLETED,),
    "error": (CallState.FAILED, CallState.REFUSED),
    "aborted": (CallState.ABORTED, CallState.INTERRUPTED),
}
"""Our states by agent-cli-proxy's."""

Status = Annotated[
    str | None, Query(max_length=4, pattern="^ *[0-9]{0,3} *$", description="HTTP status, this one included.")
]
Lifecycle = Annotated[str | None, Query(description=", ".join(STATES) + ".")]
Outcome = Annotated[CallState | None, Query(description="How it ended; `pending`: it did not yet.")]
BOTH = "Invalid filter parameter: `outcome` and `lifecycle_status` ask for the same; send one of them."


def _wanted(
    tool: Exact = None,
    client_id: Exact = None,
    model: Exact = None,
    provider: Exact = None,
    status_min: Status = None,
    status_max: Status = None,
    lifecycle_status: Lifecycle = None,
    outcome: Outcome = None,
    project: Exact = None,
    key: Exact = None,
    account: Exact = None,
    session: Exact = None,
    agent: Exact = None,
) -> CallFilter:
    if outcome is not None and lifecycle_status is not None:
        raise CallerError("INVALID_FILTER", 400, BOTH)
    return CallFilter(
        tool=a_filter("tool", tool),
        client=a_filter("client_id", client_id),
        model=a_filter("model", model),
        provider=a_filter("provider", provider),
        status_min=_status("status_min", status_min),
        status_max=_status("status_max", status_max),
        states=states(a_filter("lifecycle_status", lifecycle_status))
        if outcome is None
        else (outcome.value,),
        account=a_filter("account", account),
        session=a_filter("session", session),
        agent=a_filter("agent", agent),
        project=a_filter("project", project),
        key=_key(key),
    )


Wanted = Annotated[CallFilter, Depends(_wanted)]
"""The parameter of a handler with all filters in one; they are `FILTERS`."""


def states(name: str | None) -> tuple[str, ...]:
    """Our states by the name of theirs; raises `CallerError` 400 if there is none of that name."""
    if name is None:
        return ()
    if name not in STATES:
        near = get_close_matches(name, STATES, n=1)
        hint = f"perhaps `{near[0]}` was meant." if near else f"known are {', '.join(STATES)}."
        raise CallerError(
            "INVALID_FILTER", 400, f"Invalid filter parameter: there is no such `lifecycle_status`; {hint}"
        )
    return tuple(state.value for state in STATES[name])


def _key(value: str | None) -> int | None:
    number = None if value is None else a_number("key", value)
    return 0 if number is None and value is not None else number


def _status(name: str, value: str | None) -> int | None:
    text = a_filter(name, value)
    return None if text is None else int(text)
