"""Basic authentication, once it is configured, protects the metrics and leaves health open."""

import base64

import pytest

from fakes.control import a_client, an_app, assert_one_shape
from wellhead.control.app import ControlOptions

USER, PASSWORD = "änn", "p:w ✓"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def protected() -> ControlOptions:
    return ControlOptions(basic_user=USER, basic_password=PASSWORD)


async def test_without_credentials_configured_the_metrics_are_open() -> None:
    async with a_client(an_app()) as client:
        assert (await client.get("/_qs/metrics")).status_code == 200


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_the_right_user_and_password_pass(scheme: str) -> None:
    given = basic(f"{USER}:{PASSWORD}").replace("Basic", scheme)
    async with a_client(an_app(options=protected())) as client:
        assert (await client.get("/_qs/metrics", headers={"authorization": given})).status_code == 200


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Basic",
        "Basic ****",
        "Basic " + "A" * 9000,
        "Bearer " + PASSWORD.encode().hex(),
        basic(""),
        basic(":"),
        basic(USER),
        basic(f"{USER}:"),
        basic(f"{USER}:{PASSWORD} "),
        basic(f"{PASSWORD}:{USER}"),
        basic(f":{PASSWORD}"),
        basic(f"{USER}:{PASSWORD}").removeprefix("Basic "),
    ],
)
async def test_anything_else_is_asked_for_credentials_again(given: str | None) -> None:
    async with a_client(an_app(options=protected())) as client:
        answer = await client.get("/_qs/metrics", headers={} if given is None else {"authorization": given})
    assert_one_shape(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_who_may_not_come_in_learns_nothing_about_parameters() -> None:
    async with a_client(an_app(options=protected())) as client:
        assert_one_shape(await client.get("/_qs/metrics?from=nonsense"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["/_qs/health", "/health", "/ready"])
async def test_health_stays_open(path: str) -> None:
    async with a_client(an_app(options=protected())) as client:
        assert (await client.get(path)).status_code == 200


def test_the_password_is_not_shown_by_the_options() -> None:
    assert PASSWORD not in repr(protected())
