"""Who may call, as an operator gives it out: projects, keys, limits and credentials, by mouse and by keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from fakes.browser import Tab, a_tab
from fakes.program import Wellhead

MANY = 120
SECRET = "sk-of-the-provider-0123456789"
REFUSED = "Failed to load resource: the server responded with a status of 400 (Bad Request)"


@pytest.fixture(scope="module")
def wellhead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wellhead]:
    """Empty books."""
    directory: Path = tmp_path_factory.mktemp("access")
    with Wellhead(upstream="http://127.0.0.1:9", directory=directory) as program:
        yield program


@pytest.fixture
def tab(browser: Browser, wellhead: Wellhead) -> Iterator[Tab]:
    with a_tab(browser, wellhead.control_url) as opened:
        yield opened


def make(wellhead: Wellhead, path: str, **body: Any) -> Any:
    made = httpx.post(f"{wellhead.control_url}{path}", json=body, timeout=30)
    assert made.status_code == 201, made.text
    return made.json()


def row(page: Page, label: str, text: str) -> Locator:
    return page.get_by_role("region", name=label, exact=True).locator("tbody tr").filter(has_text=text)


def test_empty_books_say_where_to_begin(tab: Tab) -> None:
    for path, words in {
        "/": ("There are no calls in the books yet", "export OPENAI_BASE_URL=http://127.0.0.1:"),
        "/keys": ("No keys yet.", "“New key” makes one", "No projects yet.", "Begin with “New project”"),
        "/credentials": ("No credentials yet.", "“New credential” keeps"),
        "/limits": ("No limits yet", "Begin with “New limit”"),
        "/accounts": ("No answer has told of a quota yet.", "wellhead serve --upstream"),
        "/prices": ("No calls in the last 30 days.",),
        "/providers": ("No calls in this range.", "Choose a longer range"),
    }.items():
        page = tab.open(path)
        for text in words:
            expect(page.get_by_text(text).first).to_be_visible()
    tab.quiet()


@pytest.mark.parametrize("path", ["/", "/live", "/calls", "/spend", "/keys", "/accounts"])
def test_what_empty_books_say_fits_a_telephone(browser: Browser, wellhead: Wellhead, path: str) -> None:
    with a_tab(browser, wellhead.control_url, viewport={"width": 390, "height": 844}) as tab:
        page = tab.open(path)
        expect(page.locator(".state.empty").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_key_is_made_by_keys_alone(tab: Tab, wellhead: Wellhead) -> None:
    make(wellhead, "/admin/projects", name="shallow wells")
    deep = make(wellhead, "/admin/projects", name="deep wells")
    page = tab.open("/keys")
    page.get_by_role("button", name="New key").focus()
    for key in ("Enter", "laptop of Ann", "Tab", "deep", "Enter", "Tab", "Tab", "12.50", "Enter"):
        if key in ("Enter", "Tab"):
            page.keyboard.press(key)
        else:
            page.keyboard.type(key)
    dialog = page.get_by_role("dialog", name="The new key: laptop of Ann")
    expect(dialog.get_by_role("button", name="Copy").first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="New key")).to_be_focused()
    expect(row(page, "Keys", "laptop of Ann")).to_contain_text("deep wells")
    (key,) = httpx.get(f"{wellhead.control_url}/admin/keys?project_id={deep['id']}").json()["keys"]
    assert key["name"] == "laptop of Ann"
    tab.quiet()


def test_limits_of_a_key_are_set_changed_and_deleted_where_the_key_is(tab: Tab, wellhead: Wellhead) -> None:
    key = make(wellhead, "/admin/keys", name="of a program")
    page = tab.open(f"/keys?open={key['id']}")
    drawer = page.get_by_role("dialog", name="of a program")
    drawer.get_by_text("No limit is set for of a program.").wait_for()
    drawer.get_by_role("button", name="New limit").click()
    form = page.get_by_role("dialog", name="New limit: of a program")
    amount = form.get_by_label("How much")
    for bad in ("-1", "1e9", "twelve", "9999999999", "12,50", "0.0000000001"):
        amount.fill(bad)
        form.get_by_role("button", name="Save").click()
        expect(form.get_by_role("alert")).to_contain_text("US dollars such as 12.50")
    amount.fill("12.50")
    form.get_by_label("Whose calendar").fill("Mars/Olympus")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("The zone is no IANA time zone")
    # What was typed last is what is sent, however quickly.
    form.get_by_label("Whose calendar").fill("Europe/Berlin")
    page.keyboard.press("Enter")
    set_ = drawer.locator("tbody tr")
    expect(set_).to_contain_text("$12.50 per month")
    expect(set_).to_contain_text("Europe/Berlin")
    set_.get_by_role("button", name="Change").click()
    page.get_by_label("How much").fill("0")
    page.keyboard.press("Enter")
    expect(set_).to_contain_text("$0.00 per month")
    set_.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog", name="Delete this limit?").get_by_role("button", name="Delete").click()
    drawer.get_by_text("No limit is set for of a program.").wait_for()
    assert set(tab.noise) == {REFUSED}


def test_a_key_is_renamed_and_restricted_where_it_is(tab: Tab, wellhead: Wellhead) -> None:
    key = make(wellhead, "/admin/keys", name="nobody knows", duration_hours=24)
    page = tab.open("/keys")
    page.get_by_role("button", name="nobody knows", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Change", exact=True).click()
    form = page.get_by_role("dialog", name="Change: nobody knows")
    form.get_by_label("Name, for people").fill("of the tests")
    form.get_by_label("Expires").select_option("never")
    form.get_by_text("What it may use").click()
    form.get_by_label("Models").fill("gpt-4o*, o3")
    form.get_by_role("button", name="Save").click()
    drawer = page.get_by_role("dialog", name="of the tests")
    expect(drawer).to_contain_text("gpt-4o*, o3")
    shown = httpx.get(f"{wellhead.control_url}/admin/keys/{key['id']}").json()
    assert (shown["name"], shown["expires_at"], shown["allowed_models"]) == (
        "of the tests",
        None,
        ["gpt-4o*", "o3"],
    )
    tab.quiet()


def test_a_secret_goes_in_and_never_comes_back(tab: Tab) -> None:
    page = tab.open("/credentials")
    page.get_by_role("button", name="New credential").click()
    expect(page.get_by_label("Provider")).not_to_have_value("")
    secret = page.get_by_role("textbox", name="Secret")
    secret.fill("sk-ünï")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A secret is printable ASCII")
    secret.fill(SECRET)
    page.keyboard.press("Enter")
    kept = row(page, "Credentials", "main")
    expect(kept).to_contain_text("serves")
    kept.get_by_role("button", name="Replace the secret").click()
    expect(page.get_by_role("textbox", name="Secret")).to_have_value("")
    page.keyboard.press("Escape")
    kept.get_by_role("button", name="Let rest").click()
    expect(kept).to_contain_text("rests")
    kept.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No credentials yet.").wait_for()
    told = [one for one in tab.loaded if "/admin/credentials" in one.url and one.status in (200, 201)]
    assert told
    assert [one.url for one in told if SECRET in one.text()] == []
    assert set(tab.noise) == {REFUSED}


def test_many_keys_are_shown_page_by_page_and_found_by_their_names(tab: Tab, wellhead: Wellhead) -> None:
    for number in range(MANY):
        make(wellhead, "/admin/keys", name=f"robot {number:03}")
    page = tab.open("/keys?find=robot")
    shown = page.get_by_role("region", name="Keys", exact=True).locator("tbody tr")
    expect(shown).to_have_count(50)
    expect(shown.first).to_contain_text(f"robot {MANY - 1}")
    pager = page.get_by_role("navigation", name="Pages of the list")
    expect(pager).to_contain_text(f"1 to 50 of {MANY}")
    pager.get_by_role("button", name="Next").click()
    pager.get_by_role("button", name="Next").click()
    expect(pager).to_contain_text(f"101 to {MANY} of {MANY}")
    page.get_by_role("button", name="name", exact=True).first.click()
    expect(shown.first).to_contain_text("robot 000")
    page.get_by_label("find").fill("robot 07")
    expect(shown).to_have_count(10)
    page.get_by_label("find").fill("robot of nobody")
    page.get_by_text("No key is like that.").wait_for()
    page.get_by_role("button", name="Clear filters").click()
    expect(shown).to_have_count(50)
    tab.quiet()
