"""The tables of faults in docs/reliability.md: each row is what a test saw, so that none of them can lie.

::

    @pytest.mark.fault("Upstreams", "it does not answer in time")
    async def test_...(fault: Fault) -> None:
        fault.client(await talk(...))                    # the answer itself
        fault.books(await stand.ended(), path)           # the rows themselves, and that no hold is left
        fault.over(took_s, within_s=1)                   # or `next_call`: it was served at once

When the test has passed, its row is compared with the page; with `--write-faults` it
is written there instead.  Rows stand in the order of the marks in the test files, which
are found without running anything, so that a row of a test that is gone is found as well.
"""

import fcntl
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import time_ns
from typing import Any

from fakes.wire import WireAnswer
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewLimit

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs/reliability.md"
SECTIONS = ("Clients", "Upstreams", "Breakers", "The disk", "Processes", "Clocks")
HEAD = "| what happens | what the client sees | what the books say | when it is over |\n|---|---|---|---|\n"
WRITE_AGAIN = "write the tables of docs/reliability.md again, and look at what changed: make faults"
MARK = re.compile(r'mark\.fault\(\s*"([^"\\]+)",\s*"([^"\\]+)",?\s*\)')
CHAT = b"/v1/chat/completions"


@dataclass
class Fault:
    """One row as it comes about; what is said twice is shown once."""

    section: str
    what: str
    _client: list[str] = field(default_factory=list)
    _books: list[str] = field(default_factory=list)
    _over: list[str] = field(default_factory=list)

    def client(self, *said: WireAnswer, whose: str = "", path: bytes = CHAT) -> None:
        """What came over the wire; `whose` calls got it, where others got something else."""
        for one in said:
            self.client_sees(seen(one, path), whose)

    def client_sees(self, text: str, whose: str = "") -> None:
        """What is no answer, such as a connection that breaks."""
        _note(self._client, text, whose)

    def books(self, rows: Iterable[Mapping[str, Any]], of: Path | None = None, whose: str = "") -> None:
        """How these calls are booked; with the path of books that have limits, that no hold is left, too."""
        for text in booked(rows):
            _note(self._books, text, whose)
        if of is not None:
            assert held(of) == 0, "a hold is left"
            _note(self._books, "no hold is left")

    def books_say(self, text: str, whose: str = "") -> None:
        """What is no row of a call."""
        _note(self._books, text, whose)

    def over(self, took_s: float, within_s: float, text: str = "") -> None:
        """How long it took to be over; shown is the limit, for a page is not to change with the machine.

        The limit is that of a machine with nothing else to do, so a busy one gets more.
        """
        assert took_s < within_s * (1 + 2 * load_per_core()), f"it took {took_s:.2f} s: {self.what}"
        _note(self._over, f"{text or 'calls are served again'} within {within_s:g} s")

    def over_when(self, text: str) -> None:
        """What ends it, where no time was measured."""
        _note(self._over, text)

    def next_call(self, said: WireAnswer) -> None:
        """It is over at once: the very next call is served."""
        assert (said.status, said.complete) == (200, True), said
        _note(self._over, "the next call is served")

    def row(self) -> str:
        assert self._client, "what the client sees is not said"
        assert self._books, "what the books say is not said"
        cells = [self.what, *("; ".join(cell) for cell in (self._client, self._books, self._over))]
        return f"| {' | '.join(cells)} |"

    def compare(self) -> None:
        """The page has the row as it came about."""
        shown = rows_of_page().get(self.section, {}).get(self.what)
        assert shown == self.row(), f"{WRITE_AGAIN}\n  there: {shown}\n  seen:  {self.row()}"

    def write(self) -> None:
        """Put the row into the page, and leave out what no test states any more."""
        with PAGE.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # Other processes run other tests.
            text = file.read()
            rows = _rows(text)
            rows.setdefault(self.section, {})[self.what] = self.row()
            text = with_tables(text, rows)
            file.seek(0)
            file.truncate()
            file.write(text)


def load_per_core() -> float:
    """How much the machine has had to do in the last minute: with 1 every core was busy all the time."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


def _note(cell: list[str], text: str, whose: str = "") -> None:
    text = f"{whose}: {text}" if whose else text
    assert "|" not in text, "a cell ends there"
    if text not in cell:
        cell.append(text)


# What was seen, in words.


def seen(said: WireAnswer, path: bytes = CHAT) -> str:
    """A response as its client sees it."""
    code = said.header(b"x-wellhead-error")
    if code is None:
        whole = "whole" if said.complete else "then *cut*"
        return f"{said.status}, {whole}" if said.status < 400 else f"{said.status}, as the upstream said it"
    assert said.complete, said
    assert is_in_form(path, said.body), f"not in the form of {path!r}: {said.body!r}"
    wait = ", `Retry-After`" if said.header(b"retry-after") is not None else ""
    return f"{said.status} `{code.decode()}`{wait}"


def is_in_form(path: bytes, body: bytes) -> bool:
    """Whether an error is one that the clients of this API know how to read."""
    told = json.loads(body)
    error = told["error"]
    if path.startswith(b"/api/"):
        return isinstance(error, str)
    if path.startswith(b"/v1beta/"):
        return isinstance(error["code"], int) and isinstance(error["status"], str)
    if path.startswith(b"/v1/messages"):
        return told["type"] == "error" and isinstance(error["type"], str)
    return isinstance(error["type"], str) and isinstance(error["message"], str)


def booked(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Calls as the books have them, those that are alike once."""
    found: list[str] = []
    none = True
    for row in rows:
        none = False
        text = f"`{row['state']}`" + (f", `{row['error_code']}`" if row["error_code"] else "")
        text += f", {_known(row)}" if row["state"] not in ("pending", "refused") else ""
        if (row["attempts"] or 0) > 1:
            served = f", served by `{row['provider']}`" if row["state"] == "completed" else ""
            text += f", {row['attempts']} attempts{served}"
        if text not in found:
            found.append(text)
    return ["no call"] if none else found


def _known(row: Mapping[str, Any]) -> str:
    tokens, cost = row["total_tokens"] is not None, row["cost_nanousd"] is not None
    match tokens, cost:
        case True, True:
            return "tokens and cost known"
        case False, False:
            return "tokens and cost `NULL`"
    return "tokens known, cost `NULL`" if tokens else "tokens `NULL`, cost known"


# Holds.


def with_limits(books: Path) -> None:
    """Limits that no test reaches in the books of a running program, so that each call holds something."""
    with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as connection:
        if connection.execute("SELECT 1 FROM limits").fetchone():
            return
    engine = make_engine(f"sqlite:///{books}", must_exist=True)
    try:
        registry = DatabaseRegistry(engine, _no_vault, lambda: time_ns() // 1000)
        for measure in (Measure.TOTAL_TOKENS, Measure.CONCURRENT_CALLS):
            limit = NewLimit(measure, Window.TOTAL, 10**15, Scope(ScopeKind.GLOBAL))
            registry.create_limit(Actor("tests"), limit)
    finally:
        engine.dispose()


def _no_vault() -> Any:
    raise AssertionError("nothing is sealed here")


def held(books: Path) -> int:
    """What calls hold of all limits together."""
    with closing(sqlite3.connect(f"file:{books}?mode=ro", uri=True)) as connection:
        windows, holds = connection.execute("SELECT count(*), sum(held) FROM limit_windows").fetchone()
    assert windows, "there is no limit of which anything could be held"
    return int(holds)


# The page.


@cache
def marked() -> dict[str, list[str]]:
    """The rows that tests state, by section, in the order in which they stand in the files."""
    found: dict[str, list[str]] = {section: [] for section in SECTIONS}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        for section, what in MARK.findall(text):
            if what not in found[section]:
                found[section].append(what)
        assert len(MARK.findall(text)) == text.count("mark.fault("), f"{path}: a mark is two plain texts"
    return found


def rows_of_page() -> dict[str, dict[str, str]]:
    """What the page shows: the rows of each section, by what happens."""
    return _rows(PAGE.read_text())


def _rows(text: str) -> dict[str, dict[str, str]]:
    found = {}
    for section in SECTIONS:
        lines = _table(section).search(text)
        assert lines, f"docs/reliability.md has no place for the faults of {section}"
        rows = [line for line in lines[2].splitlines() if line.startswith("| ") and line not in HEAD]
        found[section] = {row.strip("| ").split(" | ")[0]: row for row in rows}
    return found


def with_tables(text: str, rows: Mapping[str, Mapping[str, str]]) -> str:
    """The page with these rows: those that tests state, in their order."""
    for section, names in marked().items():
        of = rows.get(section, {})
        lines = "".join(f"{of[name]}\n" for name in names if name in of)
        table = f"\n{HEAD}{lines}\n"
        text = _table(section).sub(lambda found, table=table: found[1] + table + found[3], text)  # type: ignore[misc]  # a lambda's default
    return text


def _table(section: str) -> re.Pattern[str]:
    begin, end = f"<!-- faults: {section} -->\n", "<!-- end of faults -->"
    return re.compile(f"({re.escape(begin)})(.*?)({re.escape(end)})", re.DOTALL)
