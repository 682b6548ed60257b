"""`wellhead report`."""

import csv
import io
import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

from fakes.commands import Commands
from fakes.ended import Ended, a_call, book, us
from fakes.prices import UNPRICED
from wellhead.call import CallState
from wellhead.cli import cells, report_lines

EVERYTHING = ("--since", "all", "--until", "2026-12-31")
NOON = us("2026-03-07T12:00Z")
HOUR = 3_600_000_000
DAY = 24 * HOUR
MARCH = ("--since", "2026-03-01", "--until", "2026-03-31")


def calls() -> list[Ended]:
    return [
        a_call(NOON, model="large", tool="codex", session="s1"),
        a_call(NOON + HOUR, model="small", tool="codex", session="s2", input_tokens=20),
        a_call(NOON + DAY, model="large", tool=None, state=CallState.FAILED, input_tokens=None),
        a_call(NOON + DAY, model=UNPRICED, tool="claude-code", agent="planner"),
        a_call(NOON + 25 * DAY, model="large", tool="codex"),
    ]


@pytest.fixture
def books(commands: Commands) -> Commands:
    book(f"sqlite:///{commands.database}", calls())
    return commands


def rows(printed: str) -> list[list[str]]:
    """The lines below the headings, by their cells."""
    return [line.split() for line in printed.splitlines()[3:]]


def test_days_are_shown_unless_told_otherwise_with_a_total(books: Commands) -> None:
    printed = books.well("report", *MARCH).splitlines()
    assert printed[0] == "Usage 2026-03-01 00:00 – 2026-04-01 00:00 (UTC)"
    headings = "day calls errors input cache read cache write output USD priced latency"
    assert printed[2].split() == headings.split()
    assert rows("\n".join(printed)) == [
        ["2026-03-07", "2", "0", "140", "0", "0", "160", "3.0000", "100%", "1.0s"],
        ["2026-03-08", "2", "1", "120", "0", "0", "80", "–", "0%", "1.0s"],
        ["total", "4", "1", "260", "0", "0", "240", "3.0000", "66%", "1.0s"],
    ]


def test_columns_stand_below_their_headings(books: Commands) -> None:
    lines = books.well("report", *MARCH).splitlines()[2:]
    assert len({len(line) for line in lines}) == 1


def test_what_is_priced_is_no_news_where_all_of_it_is(books: Commands) -> None:
    assert "priced" not in books.well("report", "--since", "2026-03-07", "--until", "2026-03-07")


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", {"large": 3, "small": 1, UNPRICED: 1}),
        ("tool", {"codex": 3, "claude-code": 1, "(none)": 1}),
        ("session", {"s1": 1, "s2": 1, "(none)": 3}),
        ("agent", {"planner": 1, "(none)": 4}),
        ("provider", {"openai": 5}),
        ("outcome", {"completed": 4, "failed": 1}),
        ("week", {"2026-03-02": 4, "2026-03-30": 1}),
        ("month", {"2026-03": 4, "2026-04": 1}),
    ],
)
def test_usage_is_told_apart_by_anything(books: Commands, by: str, expected: dict[str, int]) -> None:
    found = rows(books.well("report", "--by", by, *EVERYTHING))
    assert {line[0]: int(line[1]) for line in found[:-1]} == expected
    assert found[-1][:2] == ["total", "5"]


def test_several_things_are_combined_repeated_or_with_commas(books: Commands) -> None:
    one = books.well("report", "--by", "day", "--by", "model", *EVERYTHING)
    assert one == books.well("report", "--by", "day,model", *EVERYTHING)
    assert [line[:3] for line in rows(one)] == [
        ["2026-03-07", "large", "1"],
        ["2026-03-07", "small", "1"],
        ["2026-03-08", UNPRICED, "1"],
        ["2026-03-08", "large", "1"],
        ["2026-04-01", "large", "1"],
        ["total", "5", "1"],
    ]


def test_days_are_those_of_the_zone(books: Commands) -> None:
    found = rows(books.well("report", "--tz", "Pacific/Auckland", *EVERYTHING))
    assert [line[0] for line in found] == ["2026-03-08", "2026-03-09", "2026-04-02", "total"]
    local = books.well("report", "--tz", "local", *EVERYTHING, TZ="Pacific/Auckland")
    assert rows(local) == found
    assert "(Pacific/Auckland)" in local


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        (("--model", "large"), 3),
        (("--tool", "codex", "--model", "small"), 1),
        (("--tool", "unknown"), 1),
        (("--session", "s1"), 1),
        (("--outcome", "failed"), 1),
        (("--agent", "planner"), 1),
        (("--provider", "nobody"), 0),
    ],
)
def test_filters_leave_the_rest_out(books: Commands, filters: tuple[str, ...], count: int) -> None:
    assert books.json("report", *filters, *EVERYTHING)["total"]["calls"] == count


def test_lines_are_sorted_and_the_rest_is_one(books: Commands) -> None:
    found = rows(books.well("report", "--by", "model", "--sort", "calls", "--limit", "1", *EVERYTHING))
    assert [line[:2] for line in found] == [["large", "3"], ["others", "(2)"], ["total", "5"]]
    assert found[1][2:6] == ["2", "0", "140", "0"]
    names = [line[0] for line in rows(books.well("report", "--by=model", "--sort=name", *EVERYTHING))]
    assert names == ["large", "small", UNPRICED, "total"]
    by_cost = [line[0] for line in rows(books.well("report", "--by=day,model", "--sort=cost", *EVERYTHING))]
    assert by_cost[:2] == ["2026-03-07", "2026-04-01"]


def test_programs_get_json_with_the_fields_of_the_control_api(books: Commands) -> None:
    found = books.json("report", "--by", "day", *MARCH)
    assert (found["from"], found["to"], found["tz"]) == (
        "2026-03-01T00:00:00.000Z",
        "2026-04-01T00:00:00.000Z",
        "UTC",
    )
    assert found["lines"][1] == {
        "start": "2026-03-08T00:00:00.000Z",
        "day": "2026-03-08",
        "calls": 2,
        "errors": 1,
        "aborted": 0,
        "metered_calls": 1,
        "priced_calls": 0,
        "input_tokens": 120,
        "output_tokens": 80,
        "cache_read_tokens": 0,
        "cache_write_tokens": 0,
        "reasoning_tokens": 0,
        "total_tokens": 200,
        "cost_usd": None,
        "avg_latency_ms": 1000.0,
        "avg_ttft_ms": 100.0,
    }
    (failed,) = books.json("report", "--by=outcome", "--outcome=failed", *MARCH)["lines"]
    assert (failed["total_tokens"], failed["cost_usd"]) == (None, None)


def test_spreadsheets_get_csv_with_exact_amounts(books: Commands) -> None:
    found = list(csv.DictReader(io.StringIO(books.well("report", "--by=day,model", "--csv", *EVERYTHING))))
    assert [line["cost_usd"] for line in found] == ["2", "1", "", "", "2"]
    assert [line["day"] for line in found][-1] == "2026-04-01"
    assert sum(int(line["calls"]) for line in found) == 5


def test_no_spreadsheet_takes_a_name_for_a_formula(commands: Commands) -> None:
    book(f"sqlite:///{commands.database}", [a_call(NOON, model='=HYPERLINK("http://x")', tool="-1+1")])
    (found,) = csv.DictReader(io.StringIO(commands.well("report", "--by=model,tool", "--csv", *MARCH)))
    assert (found["model"], found["tool"], found["cost_usd"]) == ('\'=HYPERLINK("http://x")', "'-1+1", "2")


def test_projects_and_keys_have_their_names(commands: Commands) -> None:
    blue = commands.json("projects", "create", "blue")
    commands.well("keys", "create", "laptop", "--project", "blue")
    commands.well("keys", "create", "laptop")
    with closing(sqlite3.connect(commands.database)) as connection:
        (number,) = connection.execute("SELECT id FROM projects").fetchone()
    book(
        f"sqlite:///{commands.database}",
        [a_call(NOON, project_id=number, key_id=1), a_call(NOON, key_id=2), a_call(NOON)],
    )
    found = rows(commands.well("report", "--by", "project", "--by", "key", *MARCH))
    names = [" ".join(line).split(" 1 0 ")[0] for line in found[:-1]]
    assert sorted(names) == ["(none) (none)", "(none) laptop (2)", "blue laptop (1)"]
    lines = commands.json("report", "--by=project,key", "--project=blue", *MARCH)["lines"]
    assert [(one["project"], one["project_name"], one["key"], one["key_name"]) for one in lines] == [
        (blue["id"], "blue", 1, "laptop")
    ]
    for wanted in (("--project", blue["id"]), ("--key", "1")):
        assert commands.json("report", *wanted, *MARCH)["total"]["calls"] == 1
    code, line = commands.refused("report", "--key", "laptop")
    assert (code, "several have this name" in line) == (2, True)
    code, line = commands.refused("report", "--key", "wh_pasted")
    assert (code, "wh_pasted" in line) == (2, False)


@pytest.mark.parametrize("by", ["day", "model", "session"])
def test_everything_has_calls_that_were_removed_too(books: Commands, by: str) -> None:
    before = books.json("report", "--by", by, *EVERYTHING)
    books.well("db", "prune", "--older-than", "30d", "--yes")
    after = books.json("report", "--by", by, *EVERYTHING)
    assert (after["lines"], after["total"]) == (before["lines"], before["total"])


def test_books_without_calls_say_so(commands: Commands) -> None:
    commands.well("db", "init")
    printed = commands.well("report", "--since", "2026-03-01", "--until", "2026-03-02")
    range_ = "2026-03-01 00:00 – 2026-03-03 00:00 (UTC)"
    assert printed == f"No such calls ended in {range_}, says {commands.database}.\n"
    for since in ("all", "this-month", "today", "12h"):
        found = commands.json("report", "--since", since)
        assert (found["lines"], found["total"]["calls"], found["total"]["cost_usd"]) == ([], 0, 0.0)
    assert commands.well("report", "--csv").count("\n") == 1


def test_books_that_are_not_there_are_not_made(commands: Commands) -> None:
    code, line = commands.refused("report")
    assert (code, line.endswith("`wellhead db init` makes it")) == (1, True)
    assert not commands.database.exists()


def test_who_tried_the_demo_is_told_that_it_has_other_books(commands: Commands) -> None:
    demo = commands.database.with_name("demo.db")
    demo.parent.mkdir(parents=True)
    demo.touch()
    code, line = commands.refused("report")
    assert (code, line.endswith(f"the demo's books are another: --database {demo}")) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--by", "modle"), "--by must be some of account, agent, client, day,"),
        (("--by", "day,week"), "one of hour, day, week and month"),
        (("--by", "model", "--by", "model"), "each thing once"),
        (("--since", "soon"), "--since must be a day such as 2026-03-01"),
        (("--since", "2026-02-30"), "--since must be a day"),
        (("--since", "0001-01-01"), "--since must be a day"),
        (("--until", "all"), "--until must be a day"),
        (("--since", "today", "--until", "yesterday"), "--since must be before --until"),
        (("--tz", "Mars/Base"), "--tz must be the name of a time zone"),
        (("--tz", "../../etc/passwd"), "--tz must be the name of a time zone"),
        (("--model", " "), "--model must not be blank"),
        (("--outcome", "error"), "--outcome must be one of pending, completed, failed, aborted, refused,"),
        (("--csv", "--json"), "--csv and --json exclude each other"),
        (("--limit", "0"), "--limit"),
        (("--sort", "colour"), "--sort"),
        (("--by", "hour", "--since", "2000-01-01"), "10000 intervals at most"),
    ],
)
def test_wrong_use_is_one_line(books: Commands, arguments: tuple[str, ...], said: str) -> None:
    code, line = books.refused("report", *arguments)
    assert (code, said in line) == (2, True), line


def test_a_name_cannot_steer_the_terminal(commands: Commands) -> None:
    book(f"sqlite:///{commands.database}", [a_call(NOON, model="\x1b[2J\x07evil\r\n[bold]m[/]")])
    printed = commands.well("report", "--by", "model", *MARCH)
    assert "\x1b" not in printed
    assert "\r" not in printed
    assert "�[2J�evil��[bold]m[/]" in printed
    assert json.loads(commands.well("report", "--by", "model", "--json", *MARCH))["lines"][0]["calls"] == 1


# On a terminal.


def a_report(**changes: Any) -> report_lines.Report:
    """What would be too wide for a terminal of 80 columns."""
    from zoneinfo import ZoneInfo

    from wellhead.intervals import Interval
    from wellhead.report import Dimension, Line, Measure, Question

    sums = {**dict.fromkeys(Measure, 123_456_789), Measure.CALLS: 54_321, Measure.ERROR_CALLS: 321}
    by = (Dimension.MODEL, Dimension.TOOL)
    lines = [Line(0, (f"accounts/fireworks/models/{'qwen' * 9}-{n}", "深い井戸" * 5), sums) for n in range(3)]
    question = Question(tuple(Measure), by, (NOON, NOON + DAY))
    zone = ZoneInfo("UTC")
    total = report_lines.total_of(lines)
    return report_lines.Report(question, Interval.DAY, zone, lines, total, {}, **changes)


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 160, 300])
def test_a_table_fits_the_terminal(capsys: pytest.CaptureFixture[str], columns: int) -> None:
    report_lines.print_table(a_report(), columns)
    printed = capsys.readouterr().out
    lines = printed.splitlines()[2:]
    assert max(map(cells.width, lines)) <= columns
    assert len(lines) == 5
    for line in lines[1:]:  # what it is about and what it cost is there, however narrow it is
        assert line.startswith(("2026-03-07  acco", "total"))
        assert {"0.1235", "0.3704"} & set(line.split())
    if columns >= 300:
        assert "123,456,789" in printed
    else:
        assert cells.CUT in printed
