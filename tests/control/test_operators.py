"""Operators identify by whatever is configured, and guess no more than a few times."""

import base64
from typing import Any

import httpx
import pytest

from fakes.control import a_client, an_app, assert_one_shape, hashed
from wellhead.control.app import ControlOptions

USER, PASSWORD = "änn", "p:w ✓"
TOKEN = "tökén-of-admin"
MANAGEMENT = "77b0c0de-0000-4000-8000-000000000001"


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


def protected(**further: Any) -> ControlOptions:
    return ControlOptions(basic_user=USER, basic_password=PASSWORD, **further)


async def asked(
    options: ControlOptions, headers: dict[str, str], path: str = "/_qs/metrics"
) -> httpx.Response:
    async with a_client(an_app(options=options)) as client:
        return await client.get(path, headers={name.encode(): one.encode() for name, one in headers.items()})


async def test_without_credentials_configured_the_metrics_are_open() -> None:
    for headers in ({}, {"authorization": "Bearer whatever"}, {"x-admin-token": "x"}):
        assert (await asked(ControlOptions(), headers)).status_code == 200


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
async def test_the_right_user_and_password_pass(scheme: str) -> None:
    given = basic(f"{USER}:{PASSWORD}").replace("Basic", scheme)
    assert (await asked(protected(), {"authorization": given})).status_code == 200


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
    answer = await asked(protected(), {} if given is None else {"authorization": given})
    assert_one_shape(answer, 401, "UNAUTHORIZED")
    assert answer.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("given", [{}, {"authorization": "Basic eDp5"}])
async def test_our_own_page_is_told_without_a_challenge_at_which_browsers_would_ask(
    given: dict[str, str],
) -> None:
    answer = await asked(protected(), {"x-csrf": "1", **given})
    assert_one_shape(answer, 401, "UNAUTHORIZED")
    assert "www-authenticate" not in answer.headers
    assert "www-authenticate" in (await asked(protected(), {"x-csrf": "0", **given})).headers


@pytest.mark.parametrize(
    "headers",
    [{"x-admin-token": TOKEN}, {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"bearer  {TOKEN}"}],
)
async def test_the_admin_token_passes_in_either_header(headers: dict[str, str]) -> None:
    assert (await asked(ControlOptions(admin_token=TOKEN), headers)).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-admin-token": ""},
        {"x-admin-token": TOKEN[:-1]},
        {"authorization": f"Token {TOKEN}"},
        {"authorization": TOKEN},
    ],
)
async def test_where_only_tokens_are_configured_nobody_is_asked_for_a_password(
    headers: dict[str, str],
) -> None:
    answer = await asked(ControlOptions(admin_token=TOKEN), headers)
    assert_one_shape(answer, 403, "UNAUTHORIZED")
    assert "www-authenticate" not in answer.headers


async def test_the_management_token_opens_nothing_but_manage() -> None:
    options = protected(management_token=MANAGEMENT)
    answer = await asked(options, {"authorization": f"Bearer {MANAGEMENT}"})
    assert_one_shape(answer, 403, "FORBIDDEN")
    # It is no admin token, wherever it stands.
    assert_one_shape(await asked(options, {"x-admin-token": MANAGEMENT}), 401, "UNAUTHORIZED")


async def test_with_the_management_token_alone_nothing_else_can_be_reached_and_the_answer_says_why() -> None:
    answer = await asked(
        ControlOptions(management_token=MANAGEMENT), {"authorization": f"Bearer {MANAGEMENT}"}
    )
    assert_one_shape(answer, 403, "ADMIN_NOT_CONFIGURED")
    assert "control.admin_token" in answer.json()["error"]


async def test_a_header_that_nothing_is_configured_for_says_nothing() -> None:
    tokens = ControlOptions(admin_token=TOKEN)
    foreign = {"authorization": basic("somebody:else")}
    async with a_client(an_app(options=tokens)) as client:
        for _ in range(10):
            assert_one_shape(await client.get("/_qs/metrics", headers=foreign), 403, "UNAUTHORIZED")
    assert (await asked(tokens, {**foreign, "x-admin-token": TOKEN})).status_code == 200
    assert (
        await asked(protected(), {"authorization": basic(f"{USER}:{PASSWORD}"), "x-admin-token": "x"})
    ).status_code == 200


async def test_a_wrong_credential_ends_the_request_whatever_else_came_along() -> None:
    options = protected(admin_token=TOKEN)
    both = {"x-admin-token": "wrong", "authorization": basic(f"{USER}:{PASSWORD}")}
    assert_one_shape(await asked(options, both), 401, "UNAUTHORIZED")


async def test_a_user_may_have_a_password_as_viewer_and_another_as_admin() -> None:
    options = protected(admin_user=USER, admin_password="other")
    for password in (PASSWORD, "other"):
        assert (await asked(options, {"authorization": basic(f"{USER}:{password}")})).status_code == 200


async def test_after_too_many_wrong_ones_no_credential_from_that_address_is_looked_at() -> None:
    options = protected(admin_token=TOKEN, login_max_attempts=3)
    app = an_app(options=options)
    right = {"authorization": basic(f"{USER}:{PASSWORD}")}
    async with a_client(app) as client:
        assert (await client.get("/_qs/metrics", headers=right)).status_code == 200
        for wrong in (basic("x:y"), basic(f"{USER}:y"), "Bearer guess"):
            answer = await client.get("/_qs/metrics", headers={"authorization": wrong})
            assert_one_shape(answer, 401, "UNAUTHORIZED")
        answer = await client.get("/_qs/metrics", headers=right)
        assert_one_shape(answer, 429, "TOO_MANY_ATTEMPTS")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        # Who says nothing guesses nothing.
        assert_one_shape(await client.get("/_qs/metrics"), 401, "UNAUTHORIZED")
        assert (await client.get("/health", headers=right)).status_code == 200
    async with a_client(app, "127.0.0.2") as client:
        assert (await client.get("/_qs/metrics", headers=right)).status_code == 200


async def test_right_credentials_may_come_as_often_as_they_like() -> None:
    async with a_client(an_app(options=protected(login_max_attempts=1))) as client:
        for _ in range(20):
            assert (await client.get("/_qs/metrics", auth=(USER, PASSWORD))).status_code == 200


async def test_who_may_not_come_in_learns_nothing_about_parameters() -> None:
    assert_one_shape(await asked(protected(), {}, "/_qs/metrics?from=nonsense"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize("path", ["/_qs/health", "/health", "/ready"])
async def test_health_stays_open_even_to_wrong_credentials(path: str) -> None:
    async with a_client(an_app(options=protected(login_max_attempts=1))) as client:
        for _ in range(3):
            assert (await client.get(path, auth=("x", "y"))).status_code == 200


async def test_everything_else_is_closed_to_strangers() -> None:
    assert_one_shape(await asked(protected(), {}, "/openapi.json"), 401, "UNAUTHORIZED")
    assert (
        await asked(protected(), {"authorization": basic(f"{USER}:{PASSWORD}")}, "/openapi.json")
    ).status_code == 200


def test_no_secret_is_shown_by_the_options() -> None:
    options = protected(
        admin_user="root",
        admin_password="canary-1",
        admin_token="canary-2",
        management_token="canary-3",
        admin_password_hash=hashed("canary"),
        viewer_password_hash=hashed("canary"),
        session_secret=b"canary-4",
    )
    assert "canary" not in repr(options)
    assert PASSWORD not in repr(options)
    assert "$argon2" not in repr(options)


@pytest.mark.parametrize(
    "half",
    [
        {"basic_user": "ann"},
        {"basic_password": "pw"},
        {"admin_user": "ann"},
        {"admin_password": "pw"},
        {"admin_token": ""},
        {"management_token": ""},
        {"basic_user": "ann", "basic_password": ""},
        {"allow_remote": True},
    ],
)
def test_half_a_protection_is_none(half: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        ControlOptions(**half)
