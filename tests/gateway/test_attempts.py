"""What a call goes through before its client has an answer: again, with another credential, or elsewhere."""

import asyncio
import json
from typing import Any

import pytest

from fakes.books import FakeBooks
from fakes.gateway import running_gateway, sole
from fakes.three_providers import (
    ASK,
    ASK_STREAM,
    CHAT,
    FAILURE,
    FORM,
    GET,
    JSON,
    NEUTRAL,
    OWN,
    RESET,
    SUCCESS,
    TOLD,
    FakeBreakers,
    a_place,
    down,
    fine,
    in_turn,
    limited,
    nobody,
)
from fakes.wire import Exchange, Script, WireClient, answer, post, raw, talk, until
from wellhead.breaker import Outcome
from wellhead.call import CallState
from wellhead.directory import OnDisconnect, Timeouts
from wellhead.errors import BooksUnavailable, Refused
from wellhead.gateway.app import GatewayOptions
from wellhead.policy import retry
from wellhead.policy.retry import Retries

pytestmark = pytest.mark.usefixtures("at_once")

# The same once more.


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"PUT"])
@pytest.mark.parametrize(
    "trouble", [down, raw(b""), raw(b"", then_reset=True)], ids=["5xx", "close", "reset"]
)
async def test_what_may_be_done_twice_is_done_until_it_succeeds(method: bytes, trouble: Script) -> None:
    async with a_place(in_turn(trouble, trouble, answer(b""))) as place:
        said = await talk(place.gateway.port, method + b" /a/v1/files/1 HTTP/1.1\r\nhost: h\r\n\r\n")
        assert (said.status, said.complete) == (200, True)
        assert place.asked() == {"a": 3, "b": 0, "c": 0}
        assert {request.line for request in place.servers["a"].requests} == {
            method + b" /v1/files/1 HTTP/1.1"
        }
        assert await place.breakers.are_left() == [("a", NEUTRAL), ("a", NEUTRAL), ("a", SUCCESS)]


async def test_the_last_answer_reaches_the_client_byte_for_byte() -> None:
    async with a_place(down) as place:
        said = await talk(place.gateway.port, GET)
        assert (said.status, said.body) == (500, b'{"error":{"message":"no  memory"}}')
        assert (said.header(b"x-own"), said.header(b"x-wellhead-error")) == (b"\xe9", None)
        assert place.asked() == {"a": 3, "b": 0, "c": 0}
        assert await place.breakers.are_left() == [("a", NEUTRAL), ("a", NEUTRAL), ("a", FAILURE)]


async def test_a_body_that_was_held_is_sent_again_whole() -> None:
    async with a_place(in_turn(raw(b""), fine)) as place:
        put = post(b"/a/v1/files/1", ASK, JSON).replace(b"POST", b"PUT", 1)
        assert (await talk(place.gateway.port, put)).status == 200
        first, second = place.servers["a"].requests
        assert (first.head, first.body) == (second.head, second.body)


@pytest.mark.parametrize("trouble", [raw(b""), RESET], ids=["close", "reset"])
async def test_a_post_that_was_perhaps_read_is_never_sent_twice(trouble: Script) -> None:
    """Nor is it sent to anybody else: it may be worked on."""
    async with a_place(trouble) as place:
        said = await place.ask(OWN)
        assert (said.status, said.header(b"x-wellhead-error")) == (502, b"bad_gateway")
        assert place.asked() == {"a": 1, "b": 0, "c": 0}
        _, end = await place.gateway.the_call()
        assert (end.state, end.error_code, end.attempts) == (CallState.FAILED, "bad_gateway", 1)
        (one,) = end.tried
        assert (one.provider, one.error_code, one.unmetered) == ("a", "bad_gateway", True)
        # What a limit would have held for it.
        assert (one.input_tokens_max, one.output_tokens_max) == (-(-len(ASK) // 4), 4096)
        assert await place.breakers.are_left() == [("a", FAILURE)]


async def test_a_post_of_which_nothing_was_sent_is_tried_again() -> None:
    async with running_gateway(sole(nobody())) as gateway:
        said = await talk(gateway.port, post(CHAT, ASK, JSON))
        assert (said.status, said.header(b"x-wellhead-error")) == (502, b"bad_gateway")
        _, end = await gateway.the_call()
        assert end.attempts == 3
        assert [(one.error_code, one.unmetered, one.latency_us) for one in end.tried] == [
            ("bad_gateway", False, None)
        ] * 3
        assert {(one.input_tokens_max, one.output_tokens_max) for one in end.tried} == {(None, None)}


async def test_an_upload_of_which_nothing_was_sent_reaches_whoever_is_there() -> None:
    body = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--b--\r\n'
    async with a_place(nobody()) as place:
        said = await talk(place.gateway.port, post(b"/v1/audio/transcriptions", body, FORM))
        assert said.status == 200
        assert place.servers["b"].requests[0].body == body


async def test_an_upload_that_was_sent_is_gone() -> None:
    put = post(b"/a/v1/files/1", b"--b--\r\n", FORM).replace(b"POST", b"PUT", 1)
    async with a_place(down) as place:
        assert (await talk(place.gateway.port, put)).status == 500
        assert place.asked()["a"] == 1


async def test_nothing_is_sent_again_once_the_client_has_a_byte() -> None:
    begun = raw(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
    async with a_place(begun) as place:
        for ask in (GET, post(CHAT, ASK, JSON, OWN)):
            said = await talk(place.gateway.port, ask)
            assert (said.status, said.body, said.complete) == (200, b"half", False)
        assert place.asked() == {"a": 2, "b": 0, "c": 0}
        assert await place.breakers.are_left() == [("a", SUCCESS)] * 2


async def test_so_often_and_no_more() -> None:
    async with a_place(down, options=GatewayOptions(retries=Retries(max=0))) as place:
        assert (await talk(place.gateway.port, GET)).status == 500
        assert place.asked()["a"] == 1


# A limited upstream.


@pytest.mark.parametrize(
    ("after", "body", "requests"),
    [
        (b"retry-after: 0", ASK, 3),
        (b"retry-after: Sat, 01 Mar 2025 12:00:00 GMT", ASK, 3),
        (b"retry-after: 61", ASK, 1),
        (b"x-none: 1", ASK, 1),
        (b"retry-after: 0", ASK_STREAM, 1),
    ],
)
async def test_a_limited_upstream_is_asked_again_when_it_says_when(
    after: bytes, body: bytes, requests: int
) -> None:
    wait = answer(b"no", after, status=b"429 Too Many")
    options = GatewayOptions(retries=Retries(rate_limited_max=2))
    async with a_place(in_turn(wait, wait, fine), options=options, of_a={"fallback": ()}) as place:
        said = await place.ask(OWN, body=body)
        assert (said.status, len(place.servers["a"].requests)) == (200 if requests == 3 else 429, requests)
        left = await place.breakers.are_left()
        assert set(left) == {("a", SUCCESS)}


async def test_a_limited_upstream_is_left_alone_unless_it_is_wanted_otherwise() -> None:
    async with a_place(
        answer(b"no", b"retry-after: 0", status=b"429 Too Many"), of_a={"fallback": ()}
    ) as place:
        assert (await place.ask(OWN)).status == 429
        assert place.asked()["a"] == 1


# A client that leaves.


@pytest.mark.parametrize("leaving", OnDisconnect)
async def test_a_client_that_leaves_ends_a_wait_at_once(
    leaving: OnDisconnect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACK_OFF_MS", 60_000)
    monkeypatch.setattr(retry, "BACK_OFF_MS_MAX", 60_000)
    changes = {"on_disconnect": leaving}
    async with a_place(nobody(), of_a={"fallback": (), **changes}) as place:
        client = await WireClient.connect(place.gateway.port)
        await client.send(post(CHAT, ASK, JSON, OWN))
        await until(lambda: place.breakers.left)
        client.close()
        _, end = await place.gateway.the_call()
        assert (end.state, end.error_code, end.attempts) == (CallState.ABORTED, "aborted", 1)
        assert await place.breakers.are_left() == [("a", NEUTRAL)]


async def test_a_client_that_left_makes_no_further_attempt() -> None:
    """Though its upstream call is drained."""
    gone = asyncio.Event()

    async def fails_later(exchange: Exchange) -> None:
        await gone.wait()
        await down(exchange)

    async with a_place(fails_later, of_a={"on_disconnect": OnDisconnect.DRAIN}) as place:
        client = await WireClient.connect(place.gateway.port)
        await client.send(post(CHAT, ASK, JSON, OWN))
        await until(lambda: place.servers["a"].requests)
        client.close()
        await asyncio.sleep(0.1)  # Until that is noticed.
        gone.set()
        _, end = await place.gateway.the_call()
        assert (end.state, end.attempts) == (CallState.ABORTED, 1)
        assert place.asked() == {"a": 1, "b": 0, "c": 0}


# Another provider.


@pytest.mark.parametrize("trouble", [nobody(), down, limited], ids=["gone", "5xx", "429"])
async def test_another_provider_serves_when_the_first_cannot(trouble: Script | str) -> None:
    async with a_place(trouble) as place:
        said = await place.ask(OWN)
        assert (said.status, said.body) == (200, TOLD)
        names = {name for name, _ in said.lines}
        assert names == {b"content-type", b"content-length", b"x-wellhead-call"}
        opening, end = await place.gateway.the_call()
        assert (opening.provider, end.state, end.attempts) == ("b", CallState.COMPLETED, 2)
        assert [one.provider for one in end.tried] == ["a", "b"]
        assert end.usage.total_tokens == 10
        of_a = SUCCESS if trouble is limited else FAILURE
        assert await place.breakers.are_left() == [("a", of_a), ("b", SUCCESS)]


async def test_one_after_the_other_stands_in_and_the_last_one_says_why_not() -> None:
    worse = answer(b"worse", status=b"503 No")
    async with a_place(down, nobody(), worse) as place:
        said = await place.ask(OWN)
        assert (said.status, said.body) == (503, b"worse")
        opening, end = await place.gateway.the_call()
        assert (opening.provider, end.status_code) == ("c", 503)
        assert [(one.provider, one.status_code, one.error_code) for one in end.tried] == [
            ("a", 500, "upstream_error"),
            ("b", None, "bad_gateway"),
            ("c", 503, "upstream_error"),
        ]
        assert await place.breakers.are_left() == [("a", FAILURE), ("b", FAILURE), ("c", FAILURE)]


class FullFor(FakeBooks):
    """Nothing fits into the limits of some providers, or the books are away."""

    def __init__(self, *providers: str, error: Exception) -> None:
        super().__init__()
        self.providers, self.error = providers, error

    async def move(self, opening: Any, to: Any) -> None:
        if to.provider in self.providers:
            raise self.error
        await super().move(opening, to)


@pytest.mark.parametrize(
    "error", [Refused("rate_limited", 429, "full"), BooksUnavailable("locked")], ids=["limit", "books"]
)
async def test_whoever_has_no_room_in_the_books_is_passed_over(error: Exception) -> None:
    async with a_place(down, books=FullFor("b", error=error)) as place:
        assert (await place.ask(OWN)).status == 200
        assert (await place.gateway.the_call())[0].provider == "c"
        assert place.asked() == {"a": 1, "b": 0, "c": 1}
        assert await place.breakers.are_left() == [("b", NEUTRAL), ("a", FAILURE), ("c", SUCCESS)]
    async with a_place(down, books=FullFor("b", "c", error=error)) as place:
        # What the first one said is there still.
        assert (await place.ask(OWN)).body == b'{"error":{"message":"no  memory"}}'
        assert (await place.gateway.the_call())[0].provider == "a"


# Breakers.


async def test_a_call_that_no_breaker_lets_through_is_refused_and_booked_as_that() -> None:
    breakers = FakeBreakers({"a": 17}, unseen={"b": 3, "c": 4})
    async with a_place(breakers=breakers) as place:
        said = await place.ask(OWN)
        assert (said.status, said.header(b"retry-after")) == (503, b"17")
        assert said.header(b"x-wellhead-error") == b"breaker_open"
        told = json.loads(said.body)["error"]
        assert (told["code"], told["providerId"], told["retryable"]) == ("short-circuit", "a", False)
        opening, end = await place.gateway.the_call()
        assert said.header(b"x-wellhead-call") == str(opening.id).encode()
        assert (opening.provider, end.state, end.status_code) == ("a", CallState.REFUSED, 503)
        assert (end.error_code, end.attempts, end.tried) == ("breaker_open", 0, ())
        assert place.asked() == {"a": 0, "b": 0, "c": 0}
        refused = await talk(place.gateway.port, GET)
        assert (refused.status, refused.header(b"x-wellhead-error")) == (503, b"breaker_open")
        assert len(place.gateway.books.openings) == 1
        assert await breakers.are_left() == []


async def test_behind_an_open_breaker_another_provider_serves_from_the_start() -> None:
    async with a_place(breakers=FakeBreakers({"a": 17})) as place:
        assert (await place.ask(OWN, path=b"/a" + CHAT)).status == 200
        opening, end = await place.gateway.the_call()
        assert (opening.provider, opening.path, end.attempts) == ("b", CHAT.decode(), 1)
        assert end.tried == ()
        assert await place.breakers.are_left() == [("b", SUCCESS)]


async def test_a_breaker_that_opens_between_two_attempts_leaves_the_last_answer() -> None:
    breakers = FakeBreakers()

    async def fails_and_opens(exchange: Exchange) -> None:
        breakers.open["a"] = 30
        await down(exchange)

    async with a_place(fails_and_opens, breakers=breakers) as place:
        assert (await talk(place.gateway.port, GET)).body == b'{"error":{"message":"no  memory"}}'
        assert place.asked()["a"] == 1
        assert await breakers.are_left() == [("a", NEUTRAL)]


SHORT = b'{"error":{"code":"short-circuit","status":503,"providerId":"x","retryable":false}}'


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (fine, SUCCESS),
        (answer(b"", status=b"204 No Content"), SUCCESS),
        (answer(b"bad", status=b"400 Bad"), SUCCESS),
        (answer(b"no", status=b"404 No"), SUCCESS),
        (limited, SUCCESS),
        (down, FAILURE),
        (answer(b"", status=b"502 Bad"), FAILURE),
        (answer(b"busy", status=b"503 Busy"), FAILURE),
        (answer(SHORT, JSON, status=b"503 Busy"), NEUTRAL),
        (answer(b"{}", b"x-wellhead-error: breaker_open", status=b"503 Busy"), NEUTRAL),
        (answer(SHORT, JSON, status=b"500 Oh"), FAILURE),
        (raw(b""), FAILURE),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), FAILURE),
        (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc"), SUCCESS),
    ],
)
async def test_what_a_provider_did_counts_for_its_breaker(script: Script, outcome: Outcome) -> None:
    async with a_place(script, of_a={"fallback": ()}) as place:
        await place.ask(OWN)
        assert await place.breakers.are_left() == [("a", outcome)]


async def test_what_another_gateway_says_of_its_breaker_reaches_the_client_or_lets_another_serve() -> None:
    theirs = answer(SHORT, JSON, b"retry-after: 9", status=b"503 Service Unavailable")
    async with a_place(theirs, of_a={"fallback": ()}) as place:
        said = await place.ask(OWN)
        assert (said.status, said.body, said.header(b"retry-after")) == (503, SHORT, b"9")
    async with a_place(theirs) as place:
        assert (await place.ask(OWN)).status == 200
        assert await place.breakers.are_left() == [("a", NEUTRAL), ("b", SUCCESS)]


async def test_a_client_that_leaves_before_an_answer_says_nothing_of_its_provider() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    async with a_place(hang) as place:
        client = await WireClient.connect(place.gateway.port)
        await client.send(post(CHAT, ASK, JSON, OWN))
        await until(lambda: place.servers["a"].requests)
        client.close()
        await place.gateway.the_call()
        assert await place.breakers.are_left() == [("a", NEUTRAL)]


async def test_a_call_that_the_books_refuse_leaves_the_breaker_it_entered() -> None:
    books = FakeBooks()
    books.full = Refused("rate_limited", 429, "full")
    async with a_place(books=books) as place:
        assert (await place.ask(OWN)).status == 429
        assert await place.breakers.are_left() == [("a", NEUTRAL)]


# Time.


async def test_the_total_bounds_all_attempts_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "BACK_OFF_MS", 60_000)
    monkeypatch.setattr(retry, "BACK_OFF_MS_MAX", 60_000)
    total = {"timeouts": Timeouts(total_s=0.2), "fallback": ()}
    async with a_place(nobody(), of_a=total) as place:
        said = await asyncio.wait_for(place.ask(OWN), 5)
        assert (said.status, said.header(b"x-wellhead-error")) == (504, b"upstream_timeout_total")
        assert json.loads(said.body)["error"]["code"] == "upstream_timeout"
        _, end = await place.gateway.the_call()
        assert (end.state, end.error_code) == (CallState.FAILED, "upstream_timeout_total")


async def test_each_provider_has_its_own_patience() -> None:
    async def hang(exchange: Exchange) -> bool:
        await exchange.gone()
        return True

    async with a_place(down, hang, of_b={"timeouts": Timeouts(headers_s=0.1)}) as place:
        said = await asyncio.wait_for(place.ask(OWN), 5)
        assert (said.status, said.header(b"x-wellhead-error")) == (504, b"upstream_timeout_headers")
        assert (await place.gateway.the_call())[0].provider == "b"
        await until(lambda: place.servers["b"].open_connections == 0)
