"""A browser logs in, stays logged in, and is logged out for good."""

from typing import Any

import httpx
import pytest

from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape, hashed
from fakes.registry import FakeRegistry
from wellhead.control.app import ControlOptions
from wellhead.control.sessions import COOKIE

ADMINS, VIEWERS = "correct horse ✓", "battery staple"
BOTH = ControlOptions(admin_password_hash=hashed(ADMINS), viewer_password_hash=hashed(VIEWERS))
CSRF = {"x-csrf": "1"}
TOKEN = "the-admin-token-of-tests"


async def log_in(client: httpx.AsyncClient, password: str, **further: Any) -> httpx.Response:
    return await client.post("/admin/session/login", json={"password": password, **further})


@pytest.mark.parametrize(("password", "role"), [(ADMINS, "admin"), (VIEWERS, "viewer")])
async def test_a_password_makes_a_session_of_its_role(password: str, role: str) -> None:
    registry = FakeRegistry()
    async with a_client(an_app(options=BOTH, registry=registry)) as client:
        before = await client.get("/admin/session")
        answer = await log_in(client, password)
        after = await client.get("/admin/session")
        metrics = await client.get("/_qs/metrics")
        audit = await client.get("/admin/audit")
    assert before.json() == {"authenticated": False, "loginConfigured": True, "role": None}
    assert answer.json() == after.json() == {"authenticated": True, "loginConfigured": True, "role": role}
    assert metrics.status_code == 200
    assert audit.status_code == (200 if role == "admin" else 403)
    entry = registry.entries[-1]
    assert (entry.action, entry.actor.name, entry.object_id) == ("session.login", "session", role)


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites() -> None:
    async with a_client(an_app(options=BOTH)) as client:
        cookie = (await log_in(client, ADMINS)).headers["set-cookie"]
    value, *attributes = cookie.split("; ")
    assert value.startswith(f"{COOKIE}={NOON_US // 1000}.admin.")
    assert {one.lower() for one in attributes} == {"httponly", "max-age=604800", "path=/", "samesite=strict"}


async def test_over_tls_the_cookie_is_sent_over_tls_alone_also_where_that_ends_before_us() -> None:
    app = an_app(options=ControlOptions(admin_password_hash=hashed(ADMINS), hosts=("box.lan",)))
    async with a_client(app) as client:
        headers = {"origin": "https://box.lan"}
        answer = await client.post("/admin/session/login", json={"password": ADMINS}, headers=headers)
        assert "; secure" in answer.headers["set-cookie"].lower()
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        assert "; secure" in (await log_in(client, ADMINS)).headers["set-cookie"].lower()


async def test_a_wrong_password_is_a_401_without_a_cookie() -> None:
    async with a_client(an_app(options=BOTH)) as client:
        for further in ({}, {"user": "admin"}, {"user": "nobody"}):
            answer = await log_in(client, "wrong", **further)
            assert_one_shape(answer, 401, "INVALID_PASSWORD")
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("user", "password", "role"),
    [
        ("vera", "plain", "viewer"),
        ("ada", "other", "admin"),
        ("ada", ADMINS, "admin"),
        ("viewer", "plain", None),
        ("admin", ADMINS, None),
        ("vera", ADMINS, None),
        ("ada", "plain", None),
        (None, ADMINS, "admin"),
        (None, "plain", None),
    ],
)
async def test_who_has_a_name_may_say_it(user: str | None, password: str, role: str | None) -> None:
    options = ControlOptions(
        basic_user="vera",
        basic_password="plain",
        admin_user="ada",
        admin_password="other",
        admin_password_hash=hashed(ADMINS),
    )
    async with a_client(an_app(options=options)) as client:
        answer = await log_in(client, password, user=user)
    assert answer.json().get("role") == role


@pytest.mark.parametrize(
    ("user", "password", "role"),
    [("admin", ADMINS, "admin"), ("viewer", VIEWERS, "viewer"), ("viewer", ADMINS, None)],
)
async def test_who_has_no_name_goes_by_the_role(user: str, password: str, role: str | None) -> None:
    async with a_client(an_app(options=BOTH)) as client:
        assert (await log_in(client, password, user=user)).json().get("role") == role


async def test_without_any_password_there_is_no_login() -> None:
    async with a_client(an_app(options=ControlOptions(management_token="x" * 20))) as client:
        answer = await log_in(client, "x")
        assert_one_shape(answer, 403, "LOGIN_NOT_CONFIGURED")
        assert "control.admin_password_hash" in answer.json()["error"]
        assert (await client.get("/admin/session")).json()["loginConfigured"] is False


@pytest.mark.parametrize(
    ("user", "password", "role"),
    [
        (None, TOKEN, "admin"),
        ("admin", TOKEN, "admin"),
        ("ada", TOKEN, None),
        ("viewer", TOKEN, None),
        ("", TOKEN, None),
        (None, TOKEN[:-1], None),
        (None, "", None),
    ],
)
@pytest.mark.parametrize("further", [{}, {"admin_password_hash": hashed(ADMINS)}])
async def test_the_admin_token_is_a_password_for_who_names_nobody_or_admin(
    user: str | None, password: str, role: str | None, further: dict[str, Any]
) -> None:
    async with a_client(an_app(options=ControlOptions(admin_token=TOKEN, **further))) as client:
        assert (await client.get("/admin/session")).json()["loginConfigured"] is True
        said = {} if user is None else {"user": user}
        assert (await log_in(client, password, **said)).json().get("role") == role
        assert (await client.get("/admin/keys")).status_code == (403 if role is None else 200)


async def test_a_session_by_token_ends_when_the_token_changes() -> None:
    secret = b"s" * 32
    async with a_client(an_app(options=ControlOptions(admin_token=TOKEN, session_secret=secret))) as client:
        await log_in(client, TOKEN)
        cookie = {"cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    for token, status in ((TOKEN, 200), (TOKEN + "2", 403)):
        options = ControlOptions(admin_token=token, session_secret=secret)
        async with a_client(an_app(options=options)) as client:
            assert (await client.get("/admin/keys", headers=cookie)).status_code == status


async def test_guesses_at_the_token_are_throttled_as_all_logins() -> None:
    options = ControlOptions(admin_token=TOKEN, login_max_attempts=2)
    async with a_client(an_app(options=options)) as client:
        for guess in ("a", "b"):
            assert_one_shape(await log_in(client, guess), 401, "INVALID_PASSWORD")
        assert_one_shape(await log_in(client, TOKEN), 429, "TOO_MANY_ATTEMPTS")


async def test_with_nobody_configured_who_is_here_needs_no_login() -> None:
    async with a_client(an_app()) as client:
        state = (await client.get("/admin/session")).json()
    assert state == {"authenticated": True, "loginConfigured": False, "role": "admin"}


async def test_a_logout_ends_the_session_even_if_the_cookie_is_kept() -> None:
    registry = FakeRegistry()
    app = an_app(options=BOTH, registry=registry)
    async with a_client(app) as client:
        await log_in(client, ADMINS)
        cookie = client.cookies[COOKIE]
        assert_one_shape(await client.post("/admin/session/logout"), 403, "CSRF_REQUIRED")
        assert (await client.get("/admin/session")).json()["authenticated"] is True
        answer = await client.post("/admin/session/logout", headers=CSRF)
        assert answer.json()["authenticated"] is False
        assert COOKIE not in client.cookies
        again = await client.get("/admin/keys", headers={"cookie": f"{COOKIE}={cookie}"})
    assert_one_shape(again, 403, "UNAUTHORIZED")
    assert [one.action for one in registry.entries] == ["session.login", "session.logout"]


async def test_a_logout_without_a_session_does_nothing() -> None:
    registry = FakeRegistry()
    async with a_client(an_app(options=BOTH, registry=registry)) as client:
        assert (await client.post("/admin/session/logout")).status_code == 200
    assert registry.entries == []


async def test_too_many_attempts_are_not_looked_at_any_more_and_sessions_go_on() -> None:
    now = [NOON_US]
    app = an_app(options=BOTH, now_us=lambda: now[0])
    async with a_client(app) as inside, a_client(app) as client:
        await log_in(inside, ADMINS)
        for _ in range(5):
            assert_one_shape(await log_in(client, "wrong"), 401, "INVALID_PASSWORD")
        answer = await log_in(client, ADMINS)
        assert_one_shape(answer, 429, "TOO_MANY_ATTEMPTS")
        assert answer.headers["retry-after"] == "60"
        assert (await inside.get("/admin/keys")).status_code == 200
        now[0] += 60_000_000
        assert (await log_in(client, ADMINS)).status_code == 200


async def test_asking_for_the_session_is_no_way_around_the_throttle() -> None:
    options = ControlOptions(admin_token="right", login_max_attempts=2)
    async with a_client(an_app(options=options)) as client:
        for _ in range(2):
            answer = await client.get("/admin/session", headers={"x-admin-token": "wrong"})
            assert_one_shape(answer, 403, "UNAUTHORIZED")
        answer = await client.get("/admin/session", headers={"x-admin-token": "right"})
    assert_one_shape(answer, 429, "TOO_MANY_ATTEMPTS")


async def test_the_management_token_is_nobody_to_a_browser() -> None:
    options = ControlOptions(management_token="m" * 20)
    async with a_client(an_app(options=options)) as client:
        answer = await client.get("/admin/session", headers={"authorization": "Bearer " + "m" * 20})
    assert answer.json()["authenticated"] is False


@pytest.mark.parametrize(
    "body", [{}, {"password": None}, {"password": 5}, {"password": "x" * 2000}, {"passwort": "canary"}, []]
)
async def test_a_body_that_is_none_is_a_400_that_does_not_repeat_it(body: Any) -> None:
    async with a_client(an_app(options=BOTH)) as client:
        answer = await client.post("/admin/session/login", json=body)
    assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert "canary" not in answer.text


async def test_a_login_that_cannot_be_written_down_is_none() -> None:
    registry = FakeRegistry()
    registry.unavailable = "locked"
    async with a_client(an_app(options=BOTH, registry=registry)) as client:
        answer = await log_in(client, ADMINS)
    assert_one_shape(answer, 503, "BOOKS_UNAVAILABLE")
    assert "set-cookie" not in answer.headers
