"""Only this machine may come in, by its own names, and every response carries the security headers."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fakes.control import a_client, an_app, assert_one_shape
from wellhead.control.app import ControlOptions
from wellhead.control.guard import SECURITY_HEADERS
from wellhead.control.roles import OPEN


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
async def test_loopback_addresses_may_come_in(address: str) -> None:
    async with a_client(an_app(), address) as client:
        assert (await client.get("/health")).status_code == 200


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.9", "::ffff:10.0.0.1", "2001:db8::1", ""])
async def test_other_socket_addresses_may_not(address: str) -> None:
    async with a_client(an_app(), address) as client:
        for path in ("/health", "/_qs/metrics", "/nothing"):
            assert_one_shape(await client.get(path), 403, "LOCAL_ONLY")


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-real-ip", "forwarded", "cf-connecting-ip"])
async def test_a_forwarding_header_makes_nobody_local(header: str) -> None:
    value = "for=127.0.0.1" if header == "forwarded" else "127.0.0.1"
    async with a_client(an_app(), "10.0.0.1") as client:
        assert_one_shape(await client.get("/health", headers={header: value}), 403, "LOCAL_ONLY")


async def test_forwarded_requests_need_credentials_to_be_configured() -> None:
    forwarded = {"x-forwarded-for": "203.0.113.9"}
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get("/_qs/metrics", headers=forwarded), 403, "LOCAL_ONLY")
    protected = an_app(options=ControlOptions(basic_user="ann", basic_password="pw"))
    async with a_client(protected) as client:
        assert_one_shape(await client.get("/_qs/metrics", headers=forwarded), 401, "UNAUTHORIZED")
        assert (await client.get("/_qs/metrics", headers=forwarded, auth=("ann", "pw"))).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8081", "localhost.:1", "127.0.0.1:80", "[::1]:8081", "box.lan"],
)
async def test_our_own_names_may_be_asked_for(host: str) -> None:
    async with a_client(an_app(options=ControlOptions(hosts=("box.lan",)))) as client:
        assert (await client.get("/health", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost@evil", "10.0.0.1", "", "::1"],
)
async def test_another_name_is_refused_because_a_web_page_may_have_pointed_it_here(host: str) -> None:
    async with a_client(an_app()) as client:
        assert_one_shape(await client.get("/_qs/metrics", headers={"host": host}), 403, "HOST_NOT_ALLOWED")


async def test_two_host_headers_are_refused() -> None:
    async with a_client(an_app()) as client:
        answer = await client.get("/health", headers=[("host", "localhost"), ("host", "evil.example")])
    assert_one_shape(answer, 403, "HOST_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/health", "/ready", "/_qs/metrics", "/openapi.json", "/nothing"])
async def test_every_response_carries_the_security_headers(path: str) -> None:
    async with a_client(an_app()) as client:
        answer = await client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert answer.headers[name] == value
    assert "strict-transport-security" not in answer.headers


async def test_strict_transport_is_asked_for_over_tls_only() -> None:
    transport = httpx.ASGITransport(an_app(), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://localhost") as client:
        answer = await client.get("/health", headers={"x-mark": "1"})
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    forged = {"x-forwarded-proto": "https"}
    async with a_client(an_app()) as client:
        assert "strict-transport-security" not in (await client.get("/health", headers=forged)).headers


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://127.0.0.1:3000",
        "http://localhost:8081",
        "https://127.0.0.1:8081.evil.example",
        "http://user@127.0.0.1:8081",
        "http://127.0.0.1:8081/",
        "null",
        "",
        "file://",
    ],
)
async def test_a_page_from_elsewhere_may_not_change_anything_even_when_nobody_is_configured(
    origin: str,
) -> None:
    async with a_client(an_app()) as client:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = await client.request(method, "/_qs/metrics", headers={"origin": origin})
            assert_one_shape(answer, 403, "ORIGIN_NOT_ALLOWED")
        assert (await client.get("/_qs/metrics", headers={"origin": origin})).status_code == 200


async def test_our_own_pages_may_and_those_of_listed_names() -> None:
    async with a_client(an_app(options=ControlOptions(hosts=("box.lan",)))) as client:
        for origin in (
            "http://127.0.0.1:8081",
            "HTTP://127.0.0.1:8081",
            "https://box.lan",
            "http://box.lan:3000",
        ):
            answer = await client.post("/_qs/metrics", headers={"origin": origin})
            assert_one_shape(answer, 405, "METHOD_NOT_ALLOWED")


async def test_two_origins_are_refused() -> None:
    origins = [("origin", "http://127.0.0.1:8081"), ("origin", "http://evil.example")]
    async with a_client(an_app()) as client:
        assert_one_shape(await client.post("/health", headers=origins), 403, "ORIGIN_NOT_ALLOWED")


REMOTE: dict[str, Any] = {"allow_remote": True, "basic_user": "ann", "basic_password": "pw"}


async def test_other_machines_may_come_in_where_that_is_configured() -> None:
    remote = an_app(options=ControlOptions(bind_host="10.0.0.9", hosts=("box.lan",), **REMOTE))
    async with a_client(remote, "10.0.0.1") as client:
        for host in ("10.0.0.9:8081", "box.lan"):
            answer = await client.get("/_qs/metrics", headers={"host": host}, auth=("ann", "pw"))
            assert answer.status_code == 200
            assert_one_shape(await client.get("/_qs/metrics", headers={"host": host}), 401, "UNAUTHORIZED")
        for host in ("evil.example", "10.0.0.8"):
            answer = await client.get("/_qs/metrics", headers={"host": host}, auth=("ann", "pw"))
            assert_one_shape(answer, 403, "HOST_NOT_ALLOWED")


@pytest.mark.parametrize("bind_host", ["0.0.0.0", "::"])
async def test_bound_to_every_address_it_is_asked_for_by_any_of_them_but_not_by_any_name(
    bind_host: str,
) -> None:
    remote = an_app(options=ControlOptions(bind_host=bind_host, **REMOTE))
    async with a_client(remote, "10.0.0.1") as client:
        for host in ("10.0.0.9:8081", "[2001:db8::1]:8081"):
            assert (await client.get("/health", headers={"host": host})).status_code == 200
        answer = await client.get("/health", headers={"host": "evil.example"})
        assert_one_shape(answer, 403, "HOST_NOT_ALLOWED")


async def test_a_body_is_bounded_whether_its_size_is_announced_or_not() -> None:
    app = an_app()

    @app.post("/taken", dependencies=OPEN)
    def taken(body: dict[str, str]) -> int:
        return len(body["x"])

    async def pieces(size: int) -> AsyncIterator[bytes]:
        yield b'{"x":"'
        for _ in range(size // 1000):
            yield b"x" * 1000
        yield b'"}'

    json = {"content-type": "application/json"}
    async with a_client(app) as client:
        assert (await client.post("/taken", json={"x": "x" * 65_000})).json() == 65_000
        assert_one_shape(await client.post("/taken", json={"x": "x" * 66_000}), 413, "BODY_TOO_LARGE")
        assert (await client.post("/taken", content=pieces(65_000), headers=json)).json() == 65_000
        answer = await client.post("/taken", content=pieces(66_000), headers=json)
        assert_one_shape(answer, 413, "BODY_TOO_LARGE")
