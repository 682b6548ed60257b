"""Filters and ranges: whatever is chosen on a page, its figures are those of the API for the same question.

The API is asked here, by hand; how a figure is written is in `browser.said`.  The clock of the
pages stands still, so that a range up to now is the same for both.
"""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as TooLate

from browser import said
from browser.conftest import Running, demo_prices, past
from fakes.browser import Tab, a_tab
from fakes.ended import Ended, a_call, book
from fakes.program import Wellhead
from wellhead.call import CallState
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.registry import Actor, NewKey
from wellhead.vault import MASTER_KEY_BYTES, Vault

HALF_MINUTE_S = 30
HOUR_S = 3600
DAY_S = 24 * HOUR_S
PRESETS = {"1h": HOUR_S, "6h": 6 * HOUR_S, "12h": 12 * HOUR_S, "1w": 7 * DAY_S, "1mo": 30 * DAY_S}
ZONE = "Australia/Eucla"
"""Three quarters of an hour off, so that neither its days nor its hours begin with those of UTC."""
BESIDE_PX, BELOW_PX = (48, 8), 30
"""Of a drawing: where its bars begin and end, and what is below them, with a little of themselves."""
ROWS = 10
NOTHING = {"calls": 0, "cost_usd": 0, "total_tokens": 0}
"""What no calls come to; how long they took, nobody knows."""
SHOWN_MAX_MS = 10_000

KPIS = """() => Object.fromEntries([...document.querySelectorAll('.kpi')].map((kpi) => [
    kpi.querySelector('dt').textContent,
    [kpi.querySelector('.value'), kpi.querySelector('.note > span:not(.badge)')]
        .map((one) => one?.textContent ?? null),
]))"""
VALUES = """() => Object.fromEntries([...document.querySelectorAll('.kpi')].map((kpi) => [
    kpi.querySelector('dt').textContent, kpi.querySelector('.value').textContent,
]))"""
PIVOT = """() => [...document.querySelectorAll('.pivot tbody tr, .pivot tfoot tr')].map((row) =>
    [...row.cells].map((cell) => cell.textContent))"""
CALLS_SHOWN = f"""() => [...document.querySelectorAll('.calls-table tbody tr[data-row]')].slice(0, {ROWS})
    .map((row) => [...row.cells].map((cell) => cell.textContent))"""
TABLE = """(label) => [...document.querySelectorAll(`[role=region][aria-label="${label}"] tbody tr`)]
    .map((row) => [...row.cells].map((cell) => cell.textContent))"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo's calls, and among them some of keys and projects, with whatever else a call can have."""
    directory: Path = tmp_path_factory.mktemp("filters")
    url = past(directory)
    book(url, of_keys(url, time.time_ns() // 1000), demo_prices())
    with Wellhead(upstream="http://127.0.0.1:9", directory=directory) as wellhead:
        yield Running(wellhead, "")


def of_keys(url: str, now_us: int) -> list[Ended]:
    """Calls of two projects with a key each, every twelve hours of a month, of all outcomes."""
    engine = make_engine(url)
    try:
        registry = DatabaseRegistry(engine, lambda: Vault(bytes(MASTER_KEY_BYTES)), lambda: now_us)
        owners = []
        for name in ("deep wells", "shallow wells"):
            project = registry.create_project(Actor("tests"), name)
            key = registry.create_key(Actor("tests"), NewKey(name=f"key of {name}", project=project.uuid)).key
            owners.append((project.id, key.id))
    finally:
        engine.dispose()
    made = []
    states = [state for state in CallState if state is not CallState.PENDING]
    for number, state in zip(range(60), cycle([CallState.COMPLETED, *states]), strict=False):
        project_id, key_id = owners[number % 2]
        call = a_call(
            now_us - 1_000_000 - number * 12 * HOUR_S * 1_000_000,
            input_tokens=100 + number if number % 5 else None,
            state=state,
            project_id=project_id,
            key_id=key_id,
            agent=f"agent-{number % 2}",
            session=f"session-{number % 3}",
            tool="openclaw",
            client=f"openclaw-{number % 2}",
            model="gpt-4o",
        )
        made.append(Ended(call.opening, replace(call.end, account=f"account-{number % 2}")))
    return made


class Asked:
    """The same questions, asked without a page; its clock stands where that of the pages does."""

    def __init__(self, control: str) -> None:
        self.client = httpx.Client(base_url=control, timeout=30)
        self.now_s = int(time.time())
        # A range up to now ends with the half minute that is under way.
        self.to_s = (self.now_s // HALF_MINUTE_S + 1) * HALF_MINUTE_S
        self.first: str = self.get("/admin/stats")["first_request_at"]

    def get(self, path: str, **query: object) -> Any:
        answer = self.client.get(path, params={name: str(value) for name, value in query.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def report(self, ends: dict[str, str], **query: object) -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = self.get("/admin/usage/report", **ends, **query)["lines"]
        return lines

    def total(self, ends: dict[str, str], **query: object) -> dict[str, Any]:
        """The sums of all that match; there is no line where nothing does."""
        lines = self.report(ends, **query)
        return lines[0] if lines else NOTHING

    def ends(self, length_s: int) -> dict[str, str]:
        return {"from": moment(self.to_s - length_s), "to": moment(self.to_s)}

    def all_ends(self) -> dict[str, str]:
        """From the hour of the first call on."""
        first = datetime.fromisoformat(self.first).timestamp()
        return {"from": moment(first // HOUR_S * HOUR_S), "to": moment(self.to_s)}


def moment(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def before(ends: dict[str, str]) -> dict[str, str]:
    """As long a time just before."""
    since, until = (datetime.fromisoformat(ends[name]) for name in ("from", "to"))
    return {"from": moment((since - (until - since)).timestamp()), "to": ends["from"]}


@pytest.fixture(scope="module")
def asked(running: Running) -> Iterator[Asked]:
    found = Asked(running.control)
    yield found
    found.client.close()


@pytest.fixture
def tab(browser: Browser, running: Running, asked: Asked) -> Iterator[Tab]:
    with a_tab(browser, running.control, timezone_id=ZONE) as opened:
        opened.page.clock.set_fixed_time(datetime.fromtimestamp(asked.now_s, UTC))
        yield opened
        opened.quiet()


def shows(page: Page, read: str, expected: Any, argument: str | None = None) -> None:
    """Once a page has come so far; what it shows instead, if it does not."""
    text = json.dumps(expected, separators=(",", ":"), ensure_ascii=False)
    call = f"({read})({'' if argument is None else json.dumps(argument)})"
    try:
        page.wait_for_function(
            f"(expected) => JSON.stringify({call}) === expected", arg=text, timeout=SHOWN_MAX_MS
        )
    except TooLate:
        assert page.evaluate(f"() => {call}") == expected
        raise


def search(page: Page) -> dict[str, str]:
    """What is in the address of a view."""
    query = urlsplit(page.url).fragment.partition("?")[2]
    return {name: values[-1] for name, values in parse_qs(query).items()}


# Overview


def overview(asked: Asked, ends: dict[str, str], **filters: str) -> dict[str, Any]:
    """The figures at its top, each with its change where the books have all of as long a time before."""
    has_before = asked.first <= before(ends)["from"]
    # Percentiles are known by provider and model alone.
    is_exact = set(filters) <= {"provider", "model"}
    exact = {"percentiles": "true"} if is_exact else {}
    now, then = (NOTHING | asked.total(one, **filters, **exact) for one in (ends, before(ends)))
    day, day_before = (asked.total(one, **filters) for one in (asked.ends(DAY_S), before(asked.ends(DAY_S))))
    models, models_before = (
        sum(line["model"] is not None for line in asked.report(one, group_by="model", **filters))
        for one in (ends, before(ends))
    )

    def compared(of: Callable[[dict[str, Any]], Any], say: Callable[[Any], str]) -> list[str | None]:
        return [say(of(now)), said.change(of(now), of(then)) if has_before else None]

    def timed(name: str) -> list[str | None]:
        return compared(lambda one: one.get(name), said.ms) if is_exact else [said.UNKNOWN, None]

    figures: dict[str, list[str | None]] = {
        "Cost": compared(lambda one: one.get("cost_usd"), said.usd),
        "Calls": compared(lambda one: one["calls"], said.short),
        "Tokens": compared(lambda one: one.get("total_tokens"), said.short),
        "Active models": [said.count(models), said.change(models, models_before) if has_before else None],
        "Calls in the last 24 h": [
            said.short(day["calls"]),
            said.change(day["calls"], day_before["calls"]),
        ],
        "Success rate": [
            said.percent(
                said.ratio(now["calls"] - now.get("errors", 0) - now.get("aborted", 0), now["calls"])
            ),
            None,
        ],
        "Error rate": compared(lambda one: said.ratio(one.get("errors"), one["calls"]), said.percent),
        "Latency, median": timed("p50_latency_ms"),
        "Latency, p95": timed("p95_latency_ms"),
        "Time to first token, median": timed("p50_ttft_ms"),
    }
    return figures


def test_every_range_of_the_overview_has_the_figures_of_the_api(tab: Tab, asked: Asked) -> None:
    page = tab.open("/")
    shows(page, KPIS, overview(asked, asked.ends(DAY_S)))
    for name, length_s in PRESETS.items():
        page.get_by_role("button", name=name, exact=True).click()
        shows(page, KPIS, overview(asked, asked.ends(length_s)))
        assert search(page)["range"] == name
    page.get_by_role("button", name="all", exact=True).click()
    shows(page, KPIS, overview(asked, asked.all_ends()))


FILTERS = {
    "provider": ("anthropic", "anthropic"),
    "model": ("gpt-5", "gpt-5"),
    "tool": ("codex", "codex"),
    "client": ("search-service", "search-service"),
    "project": ("deep wells", None),
    "key": ("key of shallow wells", None),
    "account": ("account-1", "account-1"),
    "outcome": ("failed", "failed"),
    "streamed": ("not streamed", "0"),
}
"""By what a view is filtered: as it is called there, and as the API takes it."""


def value_of(asked: Asked, dimension: str) -> str:
    name, value = FILTERS[dimension]
    if value is not None:
        return value
    path = {"project": "/admin/projects", "key": "/admin/keys"}[dimension]
    (found,) = [one["id"] for one in asked.get(path)[f"{dimension}s"] if one["name"] == name]
    return str(found)


def choose(page: Page, dimension: str) -> str:
    """Add a filter by what its values are called; says what its chip is called then."""
    page.get_by_role("button", name="Filter…").click()
    page.get_by_label("Filter by").select_option(dimension)
    page.get_by_label("Value").select_option(FILTERS[dimension][0])
    return f"Remove the filter {dimension}: {FILTERS[dimension][0]}"


def test_every_filter_of_the_overview_has_the_figures_of_the_api(tab: Tab, asked: Asked) -> None:
    page = tab.open("/?range=1w")
    ends = asked.ends(7 * DAY_S)
    unfiltered = overview(asked, ends)
    for dimension in FILTERS:
        chip = choose(page, dimension)
        value = value_of(asked, dimension)
        expected = overview(asked, ends, **{dimension: value})
        assert expected != unfiltered
        shows(page, KPIS, expected)
        assert search(page)[dimension] == value
        page.get_by_role("button", name=chip, exact=True).click()
        shows(page, KPIS, unfiltered)


def test_filters_hold_together_and_are_cleared_together(tab: Tab, asked: Asked) -> None:
    page = tab.open("/?range=1w")
    ends = asked.ends(7 * DAY_S)
    choose(page, "tool")
    choose(page, "model")
    page.get_by_role("group", name="Streaming").get_by_role("button", name="Streamed", exact=True).click()
    shows(page, KPIS, overview(asked, ends, tool="codex", model="gpt-5", streamed="1"))
    page.get_by_role("button", name="Clear filters").click()
    shows(page, KPIS, overview(asked, ends))


def test_a_click_on_a_series_filters_by_it(tab: Tab, asked: Asked) -> None:
    """In the drawing itself, just above its floor: there is the series that all others stand on."""
    month = asked.ends(30 * DAY_S)
    page = tab.open(f"/?{urlencode({'range': 'custom', **month})}")
    legend = page.locator(".legend").first.get_by_role("button")
    first = legend.first.inner_text()
    days = asked.report(month, interval="day")
    spent_on = {line["start"]: line["cost_usd"] for line in asked.report(month, interval="day", model=first)}
    dearest = max(range(len(days)), key=lambda n: spent_on.get(days[n]["start"]) or 0)
    drawing = page.locator("canvas").first
    drawing.wait_for()
    box = drawing.bounding_box()
    assert box is not None
    bar_px = (box["width"] - BESIDE_PX[0] - BESIDE_PX[1]) / len(days)
    at = {"x": BESIDE_PX[0] + (dearest + 0.5) * bar_px, "y": box["height"] - BELOW_PX}
    drawing.click(position={"x": at["x"], "y": at["y"]})
    shows(page, KPIS, overview(asked, month, model=first))
    assert search(page)["model"] == first
    legend.get_by_text(first, exact=True).click()
    shows(page, KPIS, overview(asked, month))


# Spend


def spent(asked: Asked, ends: dict[str, str], **filters: str) -> list[list[str]]:
    """Its table of tools, dearest first, and what they come to."""
    lines = asked.report(ends, group_by="tool", **filters)
    lines.sort(key=lambda line: -(line["cost_usd"] or -1))
    total = asked.total(ends, **filters)
    return [
        *([line["tool"] or "unknown", said.usd(line["cost_usd"])] for line in lines),
        ["total", said.usd(total["cost_usd"])],
    ]


def test_every_range_and_filter_of_spend_has_the_figures_of_the_api(tab: Tab, asked: Asked) -> None:
    page = tab.open("/spend?range=1mo&rows=tool&cols=none")
    ends = asked.ends(30 * DAY_S)
    shows(page, PIVOT, spent(asked, ends))
    for dimension in FILTERS:
        chip = choose(page, dimension)
        filtered = {dimension: value_of(asked, dimension)}
        shows(page, PIVOT, spent(asked, ends, **filtered))
        cost = said.usd(asked.total(ends, **filtered)["cost_usd"])
        assert page.evaluate(VALUES)["Cost in this range"] == cost
        page.get_by_role("button", name=chip, exact=True).click()
        shows(page, PIVOT, spent(asked, ends))
    for name in ("12h", "1w"):
        page.get_by_role("button", name=name, exact=True).click()
        shows(page, PIVOT, spent(asked, asked.ends(PRESETS[name])))
    page.get_by_role("button", name="all", exact=True).click()
    shows(page, PIVOT, spent(asked, asked.all_ends()))


def test_days_begin_where_the_clocks_of_the_view_say(tab: Tab, asked: Asked) -> None:
    """A pivot by days in UTC, and on the clocks of this browser."""
    page = tab.open("/spend?range=1w&rows=tool&cols=day")
    ends = asked.ends(7 * DAY_S)
    heads = "() => [...document.querySelectorAll('.pivot thead th')].slice(2).map((one) => one.textContent)"
    totals = "() => [...document.querySelectorAll('.pivot tfoot td')].slice(1).map((one) => one.textContent)"

    def is_by_days_of(zone: str) -> None:
        lines = asked.report(ends, interval="day", tz=zone)
        shows(page, heads, [said.short_day(line["start"], zone) for line in lines])
        shows(page, totals, [said.usd(line["cost_usd"]) for line in lines])

    is_by_days_of("UTC")
    assert "(UTC)" in page.locator(".range-said").inner_text()
    page.get_by_label("Time zone").select_option("local")
    is_by_days_of(ZONE)
    assert f"({ZONE})" in page.locator(".range-said").inner_text()
    assert search(page)["tz"] == "local"


# Calls and Live


def rows(asked: Asked, columns: str, **query: str) -> list[list[str]]:
    """The newest calls, as their rows are written."""
    listed = asked.get("/admin/logs", limit=ROWS, **query)
    said_of: dict[str, Callable[[dict[str, Any]], str]] = {
        "time": lambda one: said.stamp(one["started_at"]),
        "clock": lambda one: said.stamp(one["started_at"]).split(", ")[1],
        "outcome": lambda one: one["exact"]["state"],
        "status": lambda one: said.count(one["status"]),
        "tool": lambda one: one["tool"],
        "client": lambda one: one["client_id"],
        "model": lambda one: one["model"],
        "provider": lambda one: one["provider"],
        "input": lambda one: said.count(one["exact"]["input_tokens"]),
        "cache read": lambda one: said.count(one["exact"]["cache_read_tokens"]),
        "output": lambda one: said.count(one["exact"]["output_tokens"]),
        "cost": lambda one: said.usd(one["exact"]["cost_usd"]),
        "latency": lambda one: said.ms(one["latency_ms"]),
        "error": lambda one: one["exact"]["error_code"] or said.UNKNOWN,
    }
    return [[said_of[name](one) for name in columns.split(",")] for one in listed]


IN_CALLS = "time,outcome,status,tool,client,model,input,cache read,output,cost,latency,error"
IN_LIVE = "clock,outcome,status,tool,client,model,provider,input,output,cost,latency,error"


def add(page: Page, name: str, text: str, *, is_chosen: bool = False) -> None:
    page.get_by_label("Add a filter").select_option(name)
    if is_chosen:
        page.get_by_label("Value", exact=True).select_option(text)
    else:
        field = page.get_by_label(f"Value: {name}")
        field.fill(text)
        field.press("Enter")


def test_every_filter_of_calls_lists_what_the_api_does(tab: Tab, asked: Asked) -> None:
    page = tab.open("/calls?range=all")
    unfiltered = rows(asked, IN_CALLS)
    shows(page, CALLS_SHOWN, unfiltered)
    (project, key) = (value_of(asked, name) for name in ("project", "key"))
    written = {
        "tool": ("codex", {"tool": "codex"}),
        "client": ("search-service", {"client_id": "search-service"}),
        "model": ("gpt-5-mini", {"model": "gpt-5-mini"}),
        "provider": ("ollama", {"provider": "ollama"}),
        "status": ("5xx", {"status_min": "500", "status_max": "599"}),
        "account": ("account-1", {"account": "account-1"}),
        "session": ("session-2", {"session": "session-2"}),
        "agent": ("agent-0", {"agent": "agent-0"}),
        "outcome": ("aborted", {"outcome": "aborted"}),
        "project": ("deep wells", {"project": project}),
        "key": ("key of shallow wells", {"key": key}),
    }
    for name, (text, query) in written.items():
        add(page, name, text, is_chosen=name in ("outcome", "project", "key"))
        expected = rows(asked, IN_CALLS, **query)
        assert expected != unfiltered
        shows(page, CALLS_SHOWN, expected)
        page.get_by_role("button", name=f"Remove the filter {name}: {text}", exact=True).click()
        shows(page, CALLS_SHOWN, unfiltered)


def test_every_range_of_calls_lists_what_the_api_does(tab: Tab, asked: Asked) -> None:
    page = tab.open("/calls")
    for name, length_s in (PRESETS | {"1d": DAY_S}).items():
        page.get_by_role("button", name=name, exact=True).click()
        shows(page, CALLS_SHOWN, rows(asked, IN_CALLS, **{"from": asked.ends(length_s)["from"]}))


def test_a_click_on_a_value_of_a_call_filters_by_it(tab: Tab, asked: Asked) -> None:
    page = tab.open("/calls?range=all&tool=openclaw")
    shows(page, CALLS_SHOWN, rows(asked, IN_CALLS, tool="openclaw"))
    page.get_by_role("button", name="refused", exact=True).first.click()
    shows(page, CALLS_SHOWN, rows(asked, IN_CALLS, tool="openclaw", outcome="refused"))
    assert search(page) == {"range": "all", "tool": "openclaw", "outcome": "refused"}


def test_live_begins_with_the_calls_that_its_filters_want(tab: Tab, asked: Asked) -> None:
    page = tab.open("/live")
    shows(page, CALLS_SHOWN, rows(asked, IN_LIVE))
    add(page, "tool", "codex")
    shows(page, CALLS_SHOWN, rows(asked, IN_LIVE, tool="codex"))
    add(page, "outcome", "failed", is_chosen=True)
    shows(page, CALLS_SHOWN, rows(asked, IN_LIVE, tool="codex", outcome="failed"))


# Addresses


def test_a_view_is_the_same_in_another_browser_and_the_way_back_leads_through_it(
    tab: Tab, browser: Browser, asked: Asked, running: Running
) -> None:
    page = tab.open("/")
    week = asked.ends(7 * DAY_S)
    page.get_by_role("button", name="1w", exact=True).click()
    choose(page, "tool")
    shows(page, KPIS, overview(asked, week, tool="codex"))
    page.get_by_role("button", name="Calls", exact=True).click()
    page.get_by_role("combobox", name="By", exact=True).select_option("client")
    page.get_by_label("Time zone").select_option("local")
    choose(page, "model")
    both = overview(asked, week, tool="codex", model="gpt-5")
    shows(page, KPIS, both)
    assert search(page) == {
        "range": "1w",
        "tz": "local",
        "tool": "codex",
        "model": "gpt-5",
        "measure": "calls",
        "by": "client",
    }
    with a_tab(browser, running.control, timezone_id=ZONE) as other:
        other.page.clock.set_fixed_time(datetime.fromtimestamp(asked.now_s, UTC))
        other.page.goto(page.url)
        shows(other.page, KPIS, both)
        assert other.page.locator(".chip").all_inner_texts() == page.locator(".chip").all_inner_texts()
        assert other.page.locator("section h2").first.inner_text() == "Calls by client"
        assert other.page.get_by_label("Time zone").input_value() == "local"
        other.quiet()
    page.go_back()
    shows(page, KPIS, overview(asked, week, tool="codex"))
    page.go_back()
    page.go_back()
    shows(page, KPIS, overview(asked, week))
    page.go_back()
    shows(page, KPIS, overview(asked, asked.ends(DAY_S)))
    page.go_forward()
    shows(page, KPIS, overview(asked, week))


@pytest.mark.parametrize("zone", ["utc", "local"])
def test_a_range_of_ones_own_is_on_the_clocks_of_the_view(tab: Tab, asked: Asked, zone: str) -> None:
    """Two days are chosen, as they are on those clocks; what is asked is the moments that they mean."""
    off = timedelta() if zone == "utc" else timedelta(hours=8, minutes=45)
    since = datetime.fromtimestamp(asked.now_s, UTC).replace(hour=0, minute=0, second=0) - timedelta(days=9)
    ends = {name: moment((since - off + timedelta(days=days)).timestamp()) for name, days in ENDS.items()}
    page = tab.open("/" if zone == "utc" else "/?tz=local")
    page.get_by_role("button", name="custom", exact=True).click()
    apply = page.get_by_role("button", name="Apply")
    page.get_by_label("to", exact=True).fill(f"{since - timedelta(days=900):%Y-%m-%dT%H:%M}")
    assert apply.is_disabled()
    for name, days in ENDS.items():
        page.get_by_label(name, exact=True).fill(f"{since + timedelta(days=days):%Y-%m-%dT%H:%M}")
    apply.click()
    shows(page, KPIS, overview(asked, ends))
    assert {name: search(page)[name] for name in ENDS} == ends
    page.get_by_role("link", name="Calls", exact=True).click()
    calls = rows(asked, IN_CALLS, **ends)
    if zone == "local":
        calls = [[said.stamp(at, ZONE), *row[1:]] for at, row in zip(began(asked, ends), calls, strict=True)]
    shows(page, CALLS_SHOWN, calls)


def test_who_goes_to_another_range_by_a_link_is_not_shown_the_one_that_was_being_picked(tab: Tab) -> None:
    page = tab.open("/?range=1w")
    custom = page.get_by_role("button", name="custom", exact=True)
    custom.click()
    expect(page.get_by_role("button", name="Apply")).to_be_visible()
    page.goto(f"{tab.home}#/?range=1mo")
    expect(page.get_by_role("button", name="1mo", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(custom).to_have_attribute("aria-pressed", "false")
    expect(page.get_by_role("button", name="Apply")).to_have_count(0)


ENDS = {"from": 0, "to": 2}


def began(asked: Asked, ends: dict[str, str]) -> list[str]:
    return [one["started_at"] for one in asked.get("/admin/logs", limit=ROWS, **ends)]


# Others


def test_ranges_of_providers_have_the_figures_of_the_api(tab: Tab, asked: Asked) -> None:
    page = tab.open("/providers")
    read = (
        "() => Object.fromEntries((" + TABLE + ")('Providers').filter((row) => row[2] !== '–')"
        ".map((row) => [row[0], [row[2], row.at(-1)]]).sort())"
    )
    for name, length_s in {"1w": 7 * DAY_S, "6h": 6 * HOUR_S}.items():
        page.get_by_role("button", name=name, exact=True).click()
        lines = asked.report(asked.ends(length_s), group_by="provider")
        lines.sort(key=lambda line: line["provider"])
        shows(
            page,
            read,
            {line["provider"]: [said.count(line["calls"]), said.usd(line["cost_usd"])] for line in lines},
        )


def test_keys_are_those_of_the_project_and_the_state_that_are_chosen(tab: Tab, asked: Asked) -> None:
    page = tab.open(f"/keys?{urlencode({'project': value_of(asked, 'project')})}")
    names = "() => (" + TABLE + ")('Keys').map((row) => row[0].split('wh_')[0].trim()).sort()"
    shows(page, names, ["key of deep wells"])
    tab.open("/keys")
    shows(page, names, ["key of deep wells", "key of shallow wells"])
    tab.open("/keys?state=revoked")
    page.get_by_text("No key is like that.").wait_for()
