"""A document is fetched from the host that was named, in bounded time and room, or not at all."""

import gzip
import json
from collections.abc import Iterator

import pytest

from fakes.price_source import Source, price_source
from wellhead.jobs.fetch import FetchFailed, fetch

DOCUMENT = {"well": "head"}


@pytest.fixture
def source() -> Iterator[Source]:
    with price_source(DOCUMENT) as made:
        yield made


async def refused(source: Source, *, timeout_s: float = 5, size_max: int = 1000) -> str:
    with pytest.raises(FetchFailed) as failed:
        await fetch(source.url, agent="wellhead/1", timeout_s=timeout_s, size_max=size_max)
    assert "127.0.0.1" not in str(failed.value)
    return str(failed.value)


async def test_it_is_asked_for_packed_and_is_unpacked(source: Source) -> None:
    assert json.loads(await fetch(source.url, agent="wellhead/1")) == DOCUMENT
    (asked,) = source.asked
    assert (asked["accept-encoding"], asked["user-agent"]) == ("gzip", "wellhead/1")
    assert {"cookie", "authorization", "referer"}.isdisjoint(asked)


async def test_it_may_come_unpacked(source: Source) -> None:
    source.body = b"{}"
    assert await fetch(source.url, agent="wellhead/1") == b"{}"


@pytest.mark.parametrize("status", [204, 404, 500, 304])
async def test_another_answer_is_none(source: Source, status: int) -> None:
    source.status, source.body = status, b""
    assert await refused(source) == f"the source answered {status}"


async def test_a_redirect_on_the_same_host_is_followed(source: Source) -> None:
    source.status, source.headers = 302, {"location": "/elsewhere"}
    assert json.loads(await fetch(source.url, agent="wellhead/1")) == DOCUMENT
    assert [asked["path"] for asked in source.asked] == ["/api.json", "/elsewhere"]


@pytest.mark.parametrize(
    "location", ["http://localhost:1/api.json", "//example.com/", "file:///etc/passwd", "gopher://127.0.0.1/"]
)
async def test_a_redirect_to_another_host_is_not(source: Source, location: str) -> None:
    source.status, source.headers = 302, {"location": location}
    assert (await refused(source)).startswith("the source redirects to another host")
    assert len(source.asked) == 1


async def test_a_redirect_in_a_circle_ends(source: Source) -> None:
    source.status, source.headers = 302, {"location": "/api.json"}
    assert await refused(source) == "the source redirects too often"


@pytest.mark.parametrize("packed", [False, True])
async def test_what_is_too_large_is_not_read(source: Source, packed: bool) -> None:
    source.body = b" " * 1001
    if packed:
        source.body, source.headers = gzip.compress(b" " * 10**6, mtime=0), {"content-encoding": "gzip"}
        assert len(source.body) < 1001 * 2
    assert await refused(source, size_max=1000 if not packed else 10**6 - 1) in (
        "the source sent more than 1000 bytes",
        "the source sent more than 999999 bytes",
    )


@pytest.mark.parametrize(
    ("body", "encoding", "said"),
    [
        (gzip.compress(b"x" * 500, mtime=0)[:-9], "gzip", "the source sent what cannot be unpacked"),
        (b"no gzip at all", "gzip", "the source sent what cannot be unpacked"),
        (b"x", "br", "the source sent an encoding that was not asked for"),
    ],
)
async def test_what_cannot_be_unpacked_is_none(source: Source, body: bytes, encoding: str, said: str) -> None:
    source.body, source.headers = body, {"content-encoding": encoding}
    assert await refused(source) == said


async def test_a_source_that_hangs_is_waited_for_no_longer_than_the_bound(source: Source) -> None:
    source.hangs.clear()
    assert await refused(source, timeout_s=0.05) == "the source took longer than 0.05 s"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/api.json", "the connection was refused"),
        ("http://wellhead.invalid/api.json", "its name could not be resolved"),
    ],
)
async def test_a_source_that_is_not_there_is_told_in_words(url: str, said: str) -> None:
    with pytest.raises(FetchFailed) as failed:
        await fetch(url, agent="wellhead/1")
    assert str(failed.value) == f"the source could not be read: {said}"
