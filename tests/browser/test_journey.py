"""A key's whole life, as an admin sees it: made, copied, used, watched, looked up, revoked, refused.

::

    page Projects & keys ──copy──► openai's SDK ──► gateway ──► Live, Calls
                         ──revoke─────────────────► refused
"""

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from fakes.browser import Tab, a_tab
from fakes.canary import Secrets
from fakes.program import Wellhead
from fakes.simulated import Held, simulated_thread

PROJECT, KEY = "deep wells", "laptop of Ann"
ASKED: list[Any] = [{"role": "user", "content": "How deep is the well?"}]
MODEL = "gpt-4o-mini"
STORED = """async () => JSON.stringify([
    location.href, history.state, document.cookie, document.documentElement.outerHTML,
    [...document.querySelectorAll('input, textarea, select')].map((one) => one.value),
    { ...localStorage }, { ...sessionStorage }, await indexedDB.databases(), await caches.keys(),
])"""


@pytest.fixture(scope="module")
def upstream() -> Held:
    return Held()


@pytest.fixture(scope="module")
def wellhead(tmp_path_factory: pytest.TempPathFactory, upstream: Held) -> Iterator[Wellhead]:
    """Empty books; its gateway is where the settings say, since the page tells clients so."""
    directory: Path = tmp_path_factory.mktemp("journey")
    with simulated_thread(upstream=upstream) as simulated:
        bind = ("--gateway-bind", f"127.0.0.1:{a_free_port()}")
        with Wellhead(upstream=simulated.url, directory=directory, arguments=bind) as program:
            credential = {"provider": "openai", "name": "ours", "secret": "sk-of-all-of-us"}
            made = httpx.post(f"{program.control_url}/admin/credentials", json=credential, timeout=30)
            assert made.status_code == 201, made.text
            yield program


@pytest.fixture
def tab(browser: Browser, wellhead: Wellhead) -> Iterator[Tab]:
    permissions = ["clipboard-read", "clipboard-write"]
    with a_tab(browser, wellhead.control_url, permissions=permissions) as opened:
        yield opened


def a_free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def row(place: Page | Locator, label: str, text: str) -> Locator:
    """The row of a table in which that stands."""
    return place.get_by_role("region", name=label, exact=True).locator("tbody tr").filter(has_text=text)


def test_a_key_is_made_used_watched_and_revoked(tab: Tab, wellhead: Wellhead, upstream: Held) -> None:
    said: list[str] = []
    asked: list[str] = []
    tab.page.on("console", lambda message: said.append(message.text))
    tab.page.on("request", lambda request: asked.append(f"{request.url} {request.headers}"))

    page = tab.open("/keys")
    make_project(page)
    key, snippet = make_key(page)
    id_ = page.evaluate(
        "async (name) => (await (await fetch('admin/keys')).json()).keys.find((one) => one.name === name).id",
        KEY,
    )

    live = tab.page.context.new_page()
    live.goto(f"{tab.home}#/live?key={id_}")
    live.get_by_role("status").get_by_text("live", exact=True).wait_for()
    client = use(snippet)
    watch_a_stream(live, client, upstream)
    watch_what_is_not_streamed(live)
    look_it_up(page, tab, id_)
    revoke(page, tab)
    is_refused(live, client)

    tab.open("/keys")
    expect(row(page, "Keys", KEY)).to_contain_text("revoked")
    secrets = Secrets()
    secrets.add_key(key)
    for place in (page, live):
        assert secrets.found(place.evaluate(STORED).encode()) == []
    assert secrets.found("\n".join([*said, *asked]).encode()) == []
    assert secrets.found(wellhead.output.encode()) == []
    told = [one.url for one in tab.loaded if one.ok and secrets.found(one.body())]
    assert [url.removeprefix(tab.home) for url in told] == ["admin/keys"]
    tab.quiet()


def make_project(page: Page) -> None:
    page.get_by_role("button", name="New project").click()
    page.get_by_label("Name of the project").fill(PROJECT)
    page.get_by_role("button", name="Create").click()
    expect(row(page, "Projects", PROJECT)).to_contain_text("active")


def make_key(page: Page) -> tuple[str, str]:
    """The key and the ready snippet, both out of the clipboard; closed, the page has forgotten them."""
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name, for people").fill(KEY)
    dialog.get_by_role("combobox", name="Project").fill(PROJECT)
    dialog.get_by_role("option", name=PROJECT).click()
    dialog.get_by_role("button", name="Create").click()
    shown = dialog.get_by_test_id("secret").inner_text()
    key = copied(page, dialog.locator(".snippet").first)
    assert key == shown
    assert re.fullmatch(r"wh_\w{49}", key)

    dialog.get_by_role("button", name="OpenAI (Python)").click()
    snippet = copied(page, dialog.locator(".snippet").last)
    dialog.get_by_role("button", name="I have copied it").click()
    expect(dialog).to_have_count(0)
    mine = row(page, "Keys", KEY)
    expect(mine).to_contain_text("active")
    expect(mine).to_contain_text(PROJECT)
    return key, snippet


def copied(page: Page, place: Locator) -> str:
    place.get_by_role("button", name="Copy", exact=True).click()
    place.get_by_role("button", name="Copied", exact=True).wait_for()
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def use(snippet: str) -> openai.OpenAI:
    """What was pasted works as it is; its client goes on being used."""
    names: dict[str, Any] = {}
    exec(snippet, names)
    assert names["answer"].choices[0].message.content
    client = names["client"]
    assert isinstance(client, openai.OpenAI)
    return client.with_options(max_retries=0)


def outcomes(live: Page) -> Locator:
    return live.get_by_role("region", name="Live calls").locator("tbody tr .badge")


def watch_a_stream(live: Page, client: openai.OpenAI, upstream: Held) -> None:
    """It is there while it is open, without figures that nobody knows, and settles in its place."""
    expect(outcomes(live)).to_have_text(["completed"])
    upstream.hold()
    stream = client.chat.completions.create(
        model=MODEL, messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    next(stream)
    expect(outcomes(live)).to_have_text(["pending", "completed"])
    newest = live.get_by_role("region", name="Live calls").locator("tbody tr").first
    assert newest.locator("td.number").all_inner_texts()[:3] == ["–", "–", "–"]
    upstream.let_go()
    *_, last = stream
    assert last.usage
    expect(outcomes(live)).to_have_text(["completed", "completed"])
    figures = newest.locator("td.number").all_inner_texts()
    assert figures[:2] == [f"{last.usage.prompt_tokens:,}", f"{last.usage.completion_tokens:,}"]
    assert figures[2].startswith(("$", "< $"))


def watch_what_is_not_streamed(live: Page) -> None:
    """The call of the snippet itself came before the stream."""
    last = live.get_by_role("region", name="Live calls").locator("tbody tr").last
    assert "–" not in last.locator("td.number").all_inner_texts()


def look_it_up(page: Page, tab: Tab, id_: int) -> None:
    """Both calls are in the list, and one of them whole in its drawer."""
    tab.open(f"/calls?key={id_}")
    calls = page.get_by_role("region", name="Calls", exact=True).locator("tbody tr")
    expect(calls).to_have_count(2)
    calls.first.get_by_role("button").first.click()
    drawer = page.get_by_role("dialog")
    whose = drawer.get_by_role("region", name="Whose")
    expect(whose).to_contain_text(PROJECT)
    expect(whose).to_contain_text(KEY)
    expect(whose).to_contain_text("openai-python")
    expect(drawer.get_by_role("region", name="Timeline")).to_contain_text("first byte")
    expect(drawer.get_by_role("region", name="Usage")).to_contain_text("the provider")
    expect(drawer.get_by_role("region", name="Cost", exact=True)).to_contain_text("per million")
    drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_have_count(0)
    assert "call=" not in page.url


def revoke(page: Page, tab: Tab) -> None:
    """Only who confirms it takes the key away."""
    tab.open("/keys")
    mine = row(page, "Keys", KEY)
    for answer in ("Cancel", "Revoke"):
        mine.get_by_role("button", name=f"Revoke: {KEY}").click()
        dialog = page.get_by_role("dialog", name="Revoke this key?")
        expect(dialog).to_contain_text(f"No call with {KEY} gets through any more")
        dialog.get_by_role("button", name=answer, exact=True).click()
        expect(dialog).to_have_count(0)
        expect(mine).to_contain_text("active" if answer == "Cancel" else "revoked")
    expect(mine.get_by_role("button", name=re.compile("^(Revoke|Rotate)"))).to_have_count(0)


def is_refused(live: Page, client: openai.OpenAI) -> None:
    """The SDK says so; and what comes with a key that is worth nothing is no call of anybody."""
    with pytest.raises(openai.AuthenticationError) as refused:
        client.chat.completions.create(model=MODEL, messages=ASKED)
    assert (refused.value.status_code, refused.value.code) == (401, "key_revoked")
    expect(outcomes(live)).to_have_text(["completed", "completed"])
