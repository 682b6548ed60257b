"""Only this machine may come in, by its own names, and every response carries the security headers."""

import httpx
import pytest

from fakes.control import a_client, an_app, assert_one_shape
from wellhead.control.app import ControlOptions
from wellhead.control.guard import SECURITY_HEADERS


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
