"""How requests are made: what thousands of calls of a day have in common, in the books once for all of them.

::

    calls   ... request_form ... ──► request_forms   day  dialect  method  path  user_agent  credential_hash

A form belongs to a day, so that it can go when the calls go that began on it.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from operator import attrgetter

import msgspec

from wellhead.call import Opening
from wellhead.call_id import first_of
from wellhead.clock import wall_us
from wellhead.database.schema import calls, request_forms
from wellhead.moments import DAY_US

FACTS = ("dialect", "method", "path", "user_agent", "credential_hash")
Form = tuple[int, str, str, str, str | None, bytes | None]
"""A day, and the facts."""

KNOWN_MAX = 10_000
DAYS_KEPT = 1
"""So many days before a midnight forms are kept whose calls are removed up to there."""
_KEPT_TO_THE_BOOKS = ("reserve", "worker_id", "request_form")
SHOWN_COLUMNS = (
    *(one for one in calls.columns if one.name not in _KEPT_TO_THE_BOOKS),
    *(request_forms.c[name] for name in FACTS if name != "credential_hash"),
)
"""Of `whole_calls`."""
JOINED = "calls LEFT JOIN request_forms ON request_forms.number=calls.request_form"

_facts = attrgetter(*FACTS)


def form_of(opening: Opening) -> Form:
    """How a call was made."""
    return (opening.started_us // DAY_US, *_facts(opening))


class Forms:
    """The numbers of forms in one file, as far as they are known; belongs to whoever writes there."""

    def __init__(self, now_us: Callable[[], int] = wall_us) -> None:
        self._now_us = now_us
        self._known: dict[Form, int] = {}
        self._new: dict[Form, int] = {}
        """Of the transaction that is under way."""

    def number(self, connection: sqlite3.Connection, form: Form) -> int:
        """The number of a form, which is put in if it is not there; part of a transaction.

        Those of earlier days may have been removed since they were known, and are looked up again.
        """
        found = self._new.get(form)
        if found is None and form[0] >= self._now_us() // DAY_US - DAYS_KEPT:
            found = self._known.get(form)
        if found is None:
            found = self._new[form] = _number(connection, form)
        return found

    def committed(self) -> None:
        """What the transaction put in is there for good."""
        if self._new:
            if len(self._known) > KNOWN_MAX:
                self._known.clear()
            self._known.update(self._new)
            self._new.clear()

    def taken_back(self) -> None:
        """It is not."""
        self._new.clear()

    def forget(self) -> None:
        """The next transaction may be in another file."""
        self._known.clear()
        self._new.clear()


def _number(connection: sqlite3.Connection, form: Form) -> int:
    digest = hashlib.sha256(msgspec.msgpack.encode(form)).digest()[:16]
    connection.execute(
        f"INSERT INTO request_forms (digest,day,{','.join(FACTS)}) VALUES (?,?,?,?,?,?,?)"  # noqa: S608
        " ON CONFLICT (digest) DO NOTHING",
        (digest, *form),
    )
    query = "SELECT number FROM request_forms WHERE digest=?"
    found: int = connection.execute(query, (digest,)).fetchone()[0]
    return found


def remove(connection: sqlite3.Connection, before_us: int) -> None:
    """Remove those of days before the day before a midnight that no call has any more."""
    # Calls of those days that are still there took long: they are few, and the first by their ids.
    connection.execute(
        "DELETE FROM request_forms WHERE day<? AND number NOT IN (SELECT request_form FROM calls WHERE id<?)",
        (before_us // DAY_US - DAYS_KEPT, first_of(before_us // 1000)),
    )


def missing(connection: sqlite3.Connection) -> Iterator[tuple[int, int]]:
    """Numbers of forms that calls have and that are not there, and how many calls."""
    yield from connection.execute(
        "SELECT request_form,count(*) FROM calls"
        " WHERE request_form NOT IN (SELECT number FROM request_forms) GROUP BY 1"
    )
