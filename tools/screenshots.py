"""Takes the pictures of the dashboard in `docs/img`, all of them anew.  `make screenshots` runs it.

::

    books     the demo's company and its past up to one fixed moment
    program   the real one, whose clock says that moment
    browser   a real one, whose clock says so, too

So the same sources give nearly the same pictures, whenever and wherever they are taken.
"""

import asyncio
import json
import platform
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
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
from wellhead import logs
from wellhead.config.settings import Settings
from wellhead.demo import beginning
from wellhead.demo.accounts import Accounts
from wellhead.demo.beginning import Secrets
from wellhead.demo.endpoints import Scope as Asked
from wellhead.demo.habits import HABITS
from wellhead.demo.run import demo_settings
from wellhead.demo.upstream import SimulatedUpstream, Timing
from wellhead.policy.keys import digest
from wellhead.serve.supervisor import with_master_key

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

PROVIDERS = {"openai": "openai-compatible", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
PROMPT = "How deep is the well, and who has the key? " * 120
HOLD = b"x-hold"
TOO_MANY = 429
"""What a client with a narrow limit may be told."""
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
    Shot("limits", "/limits", is_now=True),
    Shot("providers", "/providers?range=1w"),
    Shot("accounts", "/accounts", is_now=True),
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


def books(directory: Path) -> Secrets:
    """A demo that begins a little before the moment; says what its clients and its upstream know."""
    url = f"sqlite:///{directory / 'books.db'}"
    log = logs.configure("error", "json", component="screenshots")
    settings = replace(demo_settings(Settings(database=url), "http://127.0.0.1:9"), database=url)
    beginning.begin(with_master_key(settings, log), (int(MOMENT.timestamp()) - AHEAD_S) * 1_000_000, log)
    return beginning.known(settings)


class Upstream(SimulatedUpstream):
    """Some answers are held back before their last byte."""

    def __init__(self, known: Accounts, now_s: Callable[[], float]) -> None:
        super().__init__(Timing(ttft_s=0.4, interval_s=0.02), known, now_s)
        self.let_go = threading.Event()

    async def __call__(self, scope: Asked, receive: Any, send: Any) -> None:
        is_held = HOLD in dict(scope["headers"])

        async def holding(message: dict[str, Any]) -> None:
            if is_held and not message.get("more_body", True):
                await asyncio.to_thread(self.let_go.wait)
            await send(message)

        await super().__call__(scope, receive, holding)


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
def running(directory: Path, known: Secrets) -> Iterator[Running]:
    """The real one, at that moment, after some calls that ended just now, and with some under way."""
    jump_s, secrets = int(MOMENT.timestamp() - AHEAD_S - time.time()), known.keys
    inside, upstream = Inside(directory), Upstream(known.accounts, lambda: time.time() + jump_s)
    inside.clock_jumps(jump_s)
    with ExitStack() as stack:
        simulated = stack.enter_context(simulated_thread(upstream=upstream))
        providers = [{"id": id_, "type": kind, "base_url": simulated.url} for id_, kind in PROVIDERS.items()]
        names = {f"sha256:{digest(secret).hex()}": client for client, secret in secrets.items()}
        config = {"providers": providers, "gateway": {"client_names": names}}
        wellhead = stack.enter_context(Wellhead(config=config, directory=directory, environ=inside.environ))
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
    assert answer.status_code in (200, TOO_MANY), answer.text


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
