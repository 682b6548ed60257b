"""Which calls are wanted, as conditions on the rows of calls and of rollups.

Rollups do not know everything that a call may be filtered by; what they do not know, they
leave out, and so find more calls than there are.
"""

from typing import Any

from sqlalchemy import ColumnElement, Table, func, select, text

from wellhead.call import CallState
from wellhead.database.schema import calls, projects
from wellhead.report import UNKNOWN, CallFilter, Dimension, Key

PENDING = text("state = 'pending'")
WRONG = text("state NOT IN ('pending', 'completed')")
LONG = text("finished_us - started_us > 3600000000")
"""Conditions as they are in the indexes; bound values would not be recognised."""
_TEXTS = ("tool", "client", "provider", "model", "account")
_WRONG_ENDS = tuple(one.value for one in CallState if one not in (CallState.PENDING, CallState.COMPLETED))
_TEXTS_OF_ROWS = ("session", "agent")
_UUIDS = projects.alias("wanted_project")
"""By another name, so that it is not taken for a table that the query has already."""


def conditions(table: Table, wanted: CallFilter) -> list[ColumnElement[bool]]:
    """The filter as conditions on the rows, or as far as a rollup knows."""
    t, in_rows = table.c, table is calls
    found: list[ColumnElement[bool]] = []
    for name in (*_TEXTS, *_TEXTS_OF_ROWS) if in_rows else _TEXTS:
        value = getattr(wanted, name)
        if value == UNKNOWN:
            found.append(_unindexed(t[name], "").in_(("", UNKNOWN)))
        elif value is not None:
            found.append(_unindexed(t[name], "") == value)
    if wanted.key is not None:
        found.append(_unindexed(t.key_id, 0) == wanted.key)
    if wanted.project is not None:
        found.append(_unindexed(t.project_id, 0) == _project_id(wanted.project))
    state = _unindexed(t.state if in_rows else t.outcome, "")
    ends = wanted.states if in_rows else outcomes(wanted)
    if ends:
        found.append(state.in_(ends))
    if in_rows and wanted.status_min is not None:
        found.append(t.status_code >= wanted.status_min)
    if in_rows and wanted.status_max is not None:
        found.append(t.status_code <= wanted.status_max)
    return found


def where(wanted: CallFilter) -> dict[Dimension, Key]:
    """The filter as a question has it, as far as rollups know; without how calls ended."""
    texts = {Dimension(name): getattr(wanted, name) for name in _TEXTS}
    found: dict[Dimension, Key] = texts | {Dimension.PROJECT: wanted.project}
    found = {one: None if said == UNKNOWN else said for one, said in found.items() if said is not None}
    return found if wanted.key is None else found | {Dimension.KEY: wanted.key or None}


def outcomes(wanted: CallFilter) -> tuple[str, ...] | None:
    """The ends that match, and perhaps `pending`; `None`: all of them."""
    return wanted.states or (_WRONG_ENDS if went_wrong(wanted) else None)


def went_wrong(wanted: CallFilter) -> bool:
    """Whether only calls match that failed in some way: those have an index."""
    # A call is completed only if it was answered below 400, and a pending one was not answered.
    by_status = wanted.status_min is not None and wanted.status_min >= 400
    good = {CallState.COMPLETED.value, CallState.PENDING.value}
    return by_status or (bool(wanted.states) and not good & set(wanted.states))


def has_status(wanted: CallFilter) -> bool:
    """Whether it is about the HTTP status, which no rollup knows."""
    return wanted.status_min is not None or wanted.status_max is not None


def of_pending(wanted: CallFilter) -> bool:
    """Whether only calls match that have not ended."""
    return bool(wanted.states) and set(wanted.states) <= {CallState.PENDING.value}


def rollups_narrow(wanted: CallFilter) -> bool:
    """Whether rollups know of some hours that no such call ended in them."""
    return _names_any(wanted, (*_TEXTS, "key", "project")) or bool(wanted.states) or went_wrong(wanted)


def is_countable(wanted: CallFilter) -> bool:
    """Whether it is known beforehand how many such calls ended in an hour."""
    if _names_any(wanted, _TEXTS_OF_ROWS):
        return False
    # An index knows the status of those that went wrong, and nothing else of them.
    by_name = _names_any(wanted, (*_TEXTS, "key", "project"))
    return not has_status(wanted) or (went_wrong(wanted) and not by_name)


def _names_any(wanted: CallFilter, names: tuple[str, ...]) -> bool:
    return any(getattr(wanted, name) is not None for name in names)


def _project_id(uuid: str) -> Any:
    if uuid == UNKNOWN:
        return 0
    return select(_UUIDS.c.id).where(_UUIDS.c.uuid == uuid).scalar_subquery()


def _unindexed(of: ColumnElement[Any], none: str | int) -> ColumnElement[Any]:
    # SQLite would make an index of its own over the whole table, for this one statement.
    return func.coalesce(of, none)
