"""Every view of the same calls comes to the same sums, wherever the machine is and whatever its clocks do.

::

    calls around midnight, the turn of the year      rows = rollups = control API = Prometheus
    and both changes of the clocks, booked by    ->       = `wellhead report`, over any partition
    the ledger under a clock of the test's                of any range, by days of any zone

The control plane and the commands run in processes whose own zone is not UTC; for most
commands that is this process, whose zone is another one meanwhile.
"""

import itertools
import json
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from fakes.commands import Commands
from fakes.ended import Ended, a_call, book, totals, us
from fakes.prices import UNPRICED
from fakes.program import Wellhead, command
from wellhead.call import CallState
from wellhead.moments import DAY_US, EPOCH, HOUR_US, MINUTE_US

MOMENTS = (
    *(
        "2026-01-01T00:00Z",
        "2026-01-01T05:00Z",
        "2025-12-31T18:30Z",
    ),  # the year begins: UTC, New York, Kolkata
    *("2026-03-08T05:00Z", "2026-03-08T07:00Z", "2026-03-09T04:00Z"),  # New York goes forward
    *("2026-03-29T01:00Z", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),  # ...and Berlin
    *("2026-05-10T00:00Z", "2026-05-10T18:30Z", "2026-05-10T04:00Z"),  # midnight: UTC, Kolkata, New York
    *(
        "2026-11-01T04:00Z",
        "2026-11-01T05:00Z",
        "2026-11-01T06:00Z",
        "2026-11-02T05:00Z",
    ),  # New York goes back
)
AROUND = (-90 * MINUTE_US, -30 * MINUTE_US, -1, 0, 1, 29 * MINUTE_US, HOUR_US)
MODELS = ("large", "small", UNPRICED, None)
TOOLS = ("codex", "claude-code", None)
STATES = (CallState.COMPLETED, CallState.COMPLETED, CallState.FAILED, CallState.ABORTED)
ZONES = ("America/New_York", "Asia/Kolkata")
PARTITIONS = 15
"""In each zone, and not the same."""


def calls() -> Iterator[Ended]:
    chance = random.Random(4)
    for moment in MOMENTS:
        for offset_us in AROUND:
            yield a_call(
                us(moment) + offset_us,
                model=chance.choice(MODELS),
                tool=chance.choice(TOOLS),
                state=chance.choice(STATES),
                session=f"s{chance.randrange(5)}",
                streamed=chance.random() < 0.5,
                input_tokens=chance.choice((None, chance.randrange(1, 9_000))),
                output_tokens=chance.randrange(500),
                took_us=chance.randrange(1, 90 * MINUTE_US),
            )


@dataclass(frozen=True)
class Place:
    """The program at work in a time zone."""

    zone: str
    program: Wellhead

    @property
    def path(self) -> Path:
        return self.program.database_path

    def get(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(self.program.control_url + path, params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def api(self, **parameters: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/admin/usage/report", **parameters)["lines"]
        return found


@pytest.fixture(scope="module", params=ZONES)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("place")
    book(f"sqlite:///{directory / 'books.db'}", calls())
    environ = {"TZ": request.param}
    with Wellhead(command="control", directory=directory, environ=environ) as program:
        yield Place(request.param, program)


@pytest.fixture
def commands(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Commands]:
    """At a machine in the place."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", place.zone)
        time.tzset()
        yield Commands(tmp_path, monkeypatch, capsys)
    time.tzset()


Report = Callable[..., Any]


@pytest.fixture
def report(place: Place, commands: Commands) -> Report:
    """What `wellhead report` says of the calls, read."""

    def read(*arguments: str) -> Any:
        return commands.json("report", *arguments, "--database", str(place.path), TZ=place.zone)

    return read


Sums = tuple[int, int, int]
"""Calls, tokens, nano-dollars."""


def sums(lines: list[dict[str, Any]]) -> Sums:
    return (
        sum(one["calls"] for one in lines),
        sum(one["total_tokens"] or 0 for one in lines),
        sum(round((one["cost_usd"] or 0) * 10**9) for one in lines),
    )


def shown(at_us: int) -> str:
    return (EPOCH + timedelta(microseconds=at_us)).isoformat().replace("+00:00", "Z")


def rows_between(place: Place, since_us: int, until_us: int) -> Sums:
    return totals(place.path, f"finished_us >= {since_us} AND finished_us < {until_us}")


def test_rows_rollups_api_and_prometheus_agree(place: Place) -> None:
    check = ("db", "check", "--api", place.program.control_url, "--database", str(place.path))
    ended = command(place.program.directory, *check, TZ=place.zone)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.endswith(f"Everything that {place.program.control_url} shows does, too.\n")
    assert totals(place.path)[0] == len(MOMENTS) * len(AROUND)


def test_any_partition_of_any_range_adds_up(place: Place) -> None:
    chance = random.Random(place.zone)
    edges = [us(moment) + offset_us for moment in MOMENTS for offset_us in (-MINUTE_US, 0, 1, HOUR_US)]
    for _ in range(PARTITIONS):
        some = sorted(set(chance.sample(edges, chance.randrange(2, 9))))
        pieces = []
        for since_us, until_us in itertools.pairwise(some):
            # Sessions are told apart in a month at most.
            group_by = "tool,session" if until_us - since_us < 31 * DAY_US else "tool,model"
            piece = {"from": shown(since_us), "to": shown(until_us)}
            pieces.append(sums(place.api(**piece, group_by=group_by)))
        expected = rows_between(place, some[0], some[-1])
        assert tuple(map(sum, zip(*pieces, strict=True))) == expected
        assert sums(place.api(**{"from": shown(some[0]), "to": shown(some[-1])})) == expected


@pytest.mark.parametrize("by", ["hour", "day,outcome", "week", "month,session"])
def test_the_report_adds_up_by_anything(place: Place, report: Report, by: str) -> None:
    since, until = shown(us(MOMENTS[1]) - 1), shown(us(MOMENTS[-3]) + 1)
    found = report("--by", by, "--since", since, "--until", until, "--tz", "local")
    expected = rows_between(place, us(MOMENTS[1]) - 1, us(MOMENTS[-3]) + 1)
    assert sums(found["lines"]) == sums([found["total"]]) == expected
    assert found["tz"] == place.zone


def test_a_report_in_two_parts_is_the_whole(report: Report) -> None:
    whole = report("--since", "2026-01-01", "--until", "2026-11-05", "--tz", "local")
    parts = [
        report("--since", "2026-01-01", "--until", "2026-03-08", "--tz", "local"),
        report("--since", "2026-03-09", "--until", "2026-11-05", "--tz", "local"),
    ]
    assert parts[0]["to"] == parts[1]["from"]
    assert sums([part["total"] for part in parts]) == sums([whole["total"]])


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kolkata", "Europe/Berlin"])
def test_days_are_those_of_the_zone_that_was_asked_for_and_never_the_machines(
    place: Place, report: Report, zone: str
) -> None:
    expected: dict[str, list[int]] = {}
    with closing(sqlite3.connect(place.path)) as books:
        for at_us, tokens in books.execute("SELECT finished_us, coalesce(total_tokens, 0) FROM calls"):
            day = str((EPOCH + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone)).date())
            of_day = expected.setdefault(day, [0, 0])
            of_day[0] += 1
            of_day[1] += tokens
    reported = report("--by", "day", "--since", "all", "--until", "2026-12-31", "--tz", zone)["lines"]
    assert {one["day"]: [one["calls"], one["total_tokens"] or 0] for one in reported} == expected
    parts = [{"from": "2025-12-30", "to": "2026-06-30"}, {"from": "2026-07-01", "to": "2026-12-31"}]
    served = [one for part in parts for one in place.api(**part, interval="day", tz=zone)]
    starts = [datetime.fromisoformat(one["start"]).astimezone(ZoneInfo(zone)) for one in served]
    days = [str(start.date()) for start in starts]
    assert {
        day: [one["calls"], one["total_tokens"] or 0] for day, one in zip(days, served, strict=True)
    } == expected


def test_days_without_a_zone_are_utc(place: Place, report: Report) -> None:
    expected = {}
    for at in sorted({us(moment) + offset_us for moment in MOMENTS for offset_us in AROUND}):
        day = str((EPOCH + timedelta(microseconds=at)).astimezone(UTC).date())
        expected[day] = totals(place.path, f"finished_us / 86400000000 = {at // 86_400_000_000}")[0]
    served = [
        *place.get("/admin/usage/range", **{"from": "2025-12-30", "to": "2026-06-30"}),
        *place.get("/admin/usage/range", **{"from": "2026-07-01", "to": "2026-12-31"}),
    ]
    assert {one["date"]: one["requests"] for one in served} == expected
    reported = report("--since", "all", "--until", "2026-12-31")["lines"]
    assert {one["day"]: one["calls"] for one in reported} == expected


def test_what_disagrees_is_told_a_line_for_each(place: Place, commands: Commands, tmp_path: Path) -> None:
    """The control plane shows other books than those that are checked: they have a call less."""
    copy = tmp_path / "books.db"
    shutil.copy(place.path, copy)
    with closing(sqlite3.connect(copy)) as books, books:
        books.execute("DELETE FROM calls WHERE id = (SELECT max(id) FROM calls WHERE cost_nanousd > 0)")
    commands.well("db", "rebuild", "--database", str(copy), TZ=place.zone)
    check = ("db", "check", "--database", str(copy), "--api", place.program.control_url)
    ended = commands.run(*check, "--json", TZ=place.zone)
    assert (ended.code, ended.err) == (1, "")
    found = json.loads(ended.out)
    views = {one["table"] for one in found}
    for view in ("GET /admin/stats", "GET /_qs/metrics totals", "GET /metrics (JSON) total"):
        assert view in views
    for part in ("/admin/usage/range", "/admin/usage/report", "/admin/usage/trend", "(Prometheus)", "by day"):
        assert any(part in view for view in views)
    assert all(one["kept"] > one["counted"] for one in found)
    assert {one["kept"] - one["counted"] for one in found if one["figure"] == "calls"} == {1}
    table = commands.run(*check, TZ=place.zone).out
    assert len(table.splitlines()) == len(found) + 1
