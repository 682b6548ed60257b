"""Takes the pictures of the dashboard in `docs/img`, all of them anew.  `make screenshots` runs it.

::

    books     the demo's past up to one fixed moment, with people's projects, keys and budgets
    program   the real one, whose clock says that moment
    browser   a real one, whose clock says so, too

So the same sources give nearly the same pictures, whenever and wherever they are taken.
"""

import asyncio
import json
import platform
import socket
import sqlite3
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Browser, Route, ViewportSize, sync_playwright
from small_png import small

from fakes.browser import launch
from fakes.inside import Inside
from fakes.program import Wellhead
from fakes.simulated import simulated_thread
from wellhead import compose, compose_pricing
from wellhead.config.settings import Settings
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.demo.endpoints import Scope as Asked
from wellhead.demo.habits import HABITS
from wellhead.demo.run import demo_settings
from wellhead.demo.upstream import SimulatedUpstream, Timing
from wellhead.ledger.rebuild import rebuild
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window
from wellhead.master_key import master_key
from wellhead.moments import DAY_US
from wellhead.registry import Actor, NewKey, NewLimit
from wellhead.vault import Vault

IMAGES = Path(__file__).parent.parent / "docs/img"
ALL_MAX = 1_500_000
"""Bytes of all pictures together."""
MOMENT = datetime(2026, 3, 25, 15, 40, 12, tzinfo=UTC)
"""A Wednesday afternoon: people are at work."""
AHEAD_S = 240
"""How long ago the program started, for whoever looks: longer than it takes to take the pictures."""
CALL_MAX_S = 600
LOOKED_S = 8
"""How long Live is looked at."""
AT_ONCE = 2
"""Calls that come in each second of that."""
SIZE = ViewportSize(width=1440, height=1000)
WAIT_MS = 20_000
SETTLE_MS = 900
BY = Actor("cli")
DOLLAR = 1_000_000_000

PROJECTS = {
    "apps": ("ann", "ben"),
    "platform": ("chloe", "dmitri"),
    "search": ("search-service", "nightly-report"),
}
"""Whose clients of the demo are whose; each has a key."""
PROVIDERS = {"openai": "openai-compatible", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
PROMPT = "How deep is the well, and who has the key? " * 120
HOLD = b"x-hold"
OWNED = "UPDATE calls SET project_id = ?, key_id = ?, admitted_us = started_us WHERE client = ?"
NOW = (
    ("ann", "claude-code", "claude-sonnet-5"),
    ("dmitri", "codex", "gpt-5"),
    ("chloe", "opencode", "gpt-4o-mini"),
    ("ben", "claude-code", "claude-haiku-4-5"),
    ("search-service", "openai-python", "gpt-4o-mini"),
    ("ann", "claude-code", "claude-opus-5"),
)
"""Who calls at that moment, by which tool, and which model."""
OPEN = 4
"""So many of them are under way."""
QUOTAS = {
    "openai-organization": "wells-ltd",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-remaining-requests": "8210",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-tokens": "412000",
}
"""What an upstream tells of its quotas."""


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    path: str
    theme: str = "light"
    click: str | None = None
    """What is opened first."""
    is_now: bool = False
    """It shows calls that are under way."""
    is_watched: bool = False
    """Calls come while it is looked at."""


THEMES = ("light", "dark", "solarized-light", "terminal", "fluid")
SHOTS = (
    *(Shot(f"overview-{theme}", "/?range=1w", theme) for theme in THEMES),
    Shot("calls", "/calls", is_now=True),
    Shot("call", "/calls", "dark", click=".calls-table tbody tr:nth-child(9) .cell-open"),
    Shot("spend", "/spend?range=1mo"),
    Shot("keys", "/keys"),
    Shot("credentials", "/credentials"),
    Shot("limits", "/limits"),
    Shot("providers", "/providers?range=1w"),
    Shot("accounts", "/accounts"),
    Shot("prices", "/prices"),
    Shot("system", "/system"),
    # The last, since it adds calls.
    Shot("live", "/live", is_now=True, is_watched=True),
)


def main() -> int:
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wellhead-")))
        program = stack.enter_context(running(directory, books(directory)))
        browser = launch(stack.enter_context(sync_playwright()))
        pictures = {shot.name: taken(browser, program, shot) for shot in SHOTS}
        browser.close()
    sizes = {name: len(picture) for name, picture in pictures.items()}
    sys.stdout.write(f"{sum(sizes.values())} bytes: {sizes}\n")
    if sum(sizes.values()) > ALL_MAX:
        sys.stdout.write(f"that is too much: {ALL_MAX} at most\n")
        return 1
    for old in IMAGES.glob("dashboard-*.png"):
        old.unlink()
    for name, picture in pictures.items():
        (IMAGES / f"dashboard-{name}.png").write_bytes(picture)
    return 0


def books(directory: Path) -> dict[str, str]:
    """The demo's past, with owners; says the secret of each client's key."""
    url = f"sqlite:///{directory / 'books.db'}"
    now_us = (int(MOMENT.timestamp()) - AHEAD_S) * 1_000_000
    settings = demo_settings(Settings(database=url), "http://127.0.0.1:9")
    upgrade(url)
    history.write(url, now_us, prices=compose_pricing.price_book(settings, compose.directory(settings)))
    engine = make_engine(url)
    try:
        vault = Vault(master_key(None, url).key)
        before = DatabaseRegistry(engine, lambda: vault, lambda: now_us - 31 * DAY_US)
        secrets = owners(before, directory / "books.db")
        for provider in PROVIDERS:
            before.create_credential(BY, provider, f"{provider}, team", f"sk-of-{provider}")
        rebuild(engine, now_us)
        # What was used before is counted when a limit is made.
        limits(DatabaseRegistry(engine, lambda: vault, lambda: now_us))
    finally:
        engine.dispose()
    return secrets


def owners(registry: DatabaseRegistry, path: Path) -> dict[str, str]:
    """Projects with a key for each client, and the past calls of those clients."""
    secrets, theirs = {}, []
    for name, clients in PROJECTS.items():
        project = registry.create_project(BY, name)
        for client in clients:
            issued = registry.create_key(BY, NewKey(name=client, project=project.uuid))
            secrets[client] = issued.secret
            theirs.append((project.id, issued.key.id, client))
    registry.revoke_key(BY, registry.create_key(BY, NewKey(name="a laptop that was lost")).key.id)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(OWNED, theirs)
    return secrets


def limits(registry: DatabaseRegistry) -> None:
    """Budgets that stand differently, and limits of other kinds."""
    ids = {project.name: project.uuid for project in registry.projects().entries}
    cost, month = Measure.COST, Window.MONTH
    everybody, each_key = Scope(ScopeKind.GLOBAL), Scope(ScopeKind.KEY)
    for name, scope, measure, window, amount, action in (
        ("all of us", everybody, cost, month, 400 * DOLLAR, Action.REFUSE),
        ("apps", Scope(ScopeKind.PROJECT, ids["apps"]), cost, month, 160 * DOLLAR, Action.REFUSE),
        ("search", Scope(ScopeKind.PROJECT, ids["search"]), cost, month, 2 * DOLLAR, Action.WARN),
        ("a day of anybody", each_key, cost, Window.DAY, 20 * DOLLAR, Action.REFUSE),
        (None, each_key, Measure.CALLS, Window.MINUTE, 120, Action.REFUSE),
    ):
        registry.create_limit(BY, NewLimit(measure, window, amount, scope, action, name=name))


class Upstream(SimulatedUpstream):
    """It tells of its quotas, and some answers are held back before their last byte."""

    def __init__(self) -> None:
        super().__init__(Timing(ttft_s=0.4, interval_s=0.02))
        self.let_go = threading.Event()

    async def __call__(self, scope: Asked, receive: Any, send: Any) -> None:
        is_held = HOLD in dict(scope["headers"])

        async def telling(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                told = [(name.encode(), value.encode()) for name, value in QUOTAS.items()]
                message = {**message, "headers": [*message["headers"], *told]}
            if is_held and not message.get("more_body", True):
                await asyncio.to_thread(self.let_go.wait)
            await send(message)

        await super().__call__(scope, receive, telling)


@dataclass(frozen=True)
class Running:
    """The program, and who calls it."""

    wellhead: Wellhead
    jump_s: int
    """How far its clock is from the real one."""
    more: Callable[[], None]
    """Makes a few calls more, without waiting for them."""

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.jump_s, UTC)


@contextmanager
def running(directory: Path, secrets: dict[str, str]) -> Iterator[Running]:
    """The real one, at that moment, after some calls that ended just now, and with some under way."""
    inside, upstream = Inside(directory), Upstream()
    jump_s = int(MOMENT.timestamp() - AHEAD_S - time.time())
    inside.clock_jumps(jump_s)
    with ExitStack() as stack:
        simulated = stack.enter_context(simulated_thread(upstream=upstream))
        providers = [{"id": id_, "type": kind, "base_url": simulated.url} for id_, kind in PROVIDERS.items()]
        wellhead = stack.enter_context(
            Wellhead(config={"providers": providers}, directory=directory, environ=inside.environ)
        )
        client = stack.enter_context(httpx.Client(base_url=wellhead.gateway_url, timeout=CALL_MAX_S))
        threads = stack.enter_context(ThreadPoolExecutor(16))
        stack.callback(upstream.let_go.set)
        list(threads.map(lambda one: ask(client, secrets[one[0]], *one), NOW))
        for who, tool, model in NOW[:OPEN]:
            threads.submit(ask, client, secrets[who], who, tool, model, is_held=True)
        wellhead.wait_until(lambda: sum(row["state"] == "pending" for row in wellhead.calls()) == OPEN)

        turns = cycle(NOW)

        def more() -> None:
            for who, tool, model in islice(turns, AT_ONCE):
                threads.submit(ask, client, secrets[who], who, tool, model)

        yield Running(wellhead, jump_s, more)


def ask(client: httpx.Client, secret: str, who: str, tool: str, model: str, *, is_held: bool = False) -> None:
    """One call of a client, as its tool makes it."""
    habit = next(one for one in HABITS if one.tool == tool and model in {known.name for known in one.models})
    body: dict[str, Any] = {"model": model, "stream": True}
    if habit.dialect == "openai_responses":
        body["input"] = PROMPT
    else:
        body["messages"] = [{"role": "user", "content": PROMPT}]
    if habit.dialect == "openai_chat":
        body["stream_options"] = {"include_usage": True}
    if habit.dialect == "anthropic_messages":
        body["max_tokens"] = 400
    headers = {
        "authorization": f"Bearer {secret}",
        "user-agent": habit.user_agent,
        "x-session-id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{tool} {who}")),
        **habit.headers,
        **({HOLD.decode(): "1"} if is_held else {}),
    }
    answer = client.post(habit.path, json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def taken(browser: Browser, program: Running, shot: Shot) -> bytes:
    """The picture, once everything on the page is there."""
    context = browser.new_context(viewport=SIZE, locale="en", timezone_id="UTC", reduced_motion="reduce")
    context.set_default_timeout(WAIT_MS)
    preferences = json.dumps({"theme": shot.theme, "language": "en"})
    context.add_init_script(f"localStorage.setItem('wellhead-preferences', {json.dumps(preferences)})")
    page = context.new_page()
    # Calls that are under way began when the program's clock said so.
    page.clock.install(time=program.now if shot.is_now else MOMENT)
    page.route("**/admin/**", lambda route: anonymous(route, program.wellhead))
    page.goto(f"{program.wellhead.control_url}/#{shot.path}")
    page.wait_for_selector("main h1")
    if shot.click:
        page.click(shot.click)
        page.wait_for_selector("dialog[open] h3")
    if shot.is_watched:
        for _ in range(LOOKED_S):
            program.more()
            page.wait_for_timeout(1000)
    else:
        page.wait_for_load_state("networkidle")
    page.wait_for_function("() => document.querySelectorAll('.state.loading').length === 0")
    page.wait_for_timeout(SETTLE_MS)
    picture = page.screenshot()
    try:
        return small(picture, context.new_page())
    finally:
        context.close()


def anonymous(route: Route, wellhead: Wellhead) -> None:
    """No picture says on which machine it was taken."""
    if "/admin/live" in route.request.url:
        route.continue_()
        return
    answer = route.fetch()
    body = answer.text()
    for own, said in (
        (str(wellhead.directory), "/var/lib/wellhead"),
        (socket.gethostname(), "wellhead-1"),
        (platform.platform(), "Linux-6.12-x86_64-with-glibc2.36"),
    ):
        body = body.replace(own, said)
    route.fulfill(response=answer, body=body)


if __name__ == "__main__":
    sys.exit(main())
