"""What a call goes through before its client has an answer: again, with another credential, or elsewhere."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from fakes.access import a_credential, a_key, a_secret, knowing
from fakes.books import FakeBooks
from fakes.gateway import RunningGateway, running_gateway, sole
from fakes.wire import (
    Exchange,
    Script,
    WireAnswer,
    WireClient,
    WireServer,
    answer,
    chunked,
    post,
    raw,
    talk,
    until,
)
from wellhead.access import Credential, Key
from wellhead.breaker import Outcome
from wellhead.call import CallState
from wellhead.directory import Auth, AuthType, Directory, OnDisconnect, Provider, ProviderType, Timeouts
from wellhead.errors import BooksUnavailable, Refused
from wellhead.gateway.app import GatewayOptions
from wellhead.policy import retry
from wellhead.policy.retry import Retries

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","provider":"a","messages":[{"role":"user","content":"hi"}]}'
ASK_STREAM = b'{"model":"gpt-5","stream":true,"messages":[]}'
TOLD = b'{"id":"c","model":"gpt-5","usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
JSON = b"content-type: application/json"
FORM = b"content-type: multipart/form-data; boundary=b"
KEY = a_secret().encode()
BY_KEY = b"authorization: Bearer " + KEY
OWN = b"authorization: Bearer sk-of-the-client"
GET = b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n"
ours = Auth(AuthType.BEARER, "secret-of-b")
SUCCESS, FAILURE, NEUTRAL = Outcome.SUCCESS, Outcome.FAILURE, Outcome.NEUTRAL

fine = answer(TOLD, JSON)
down = answer(b'{"error":{"message":"no  memory"}}', JSON, b"x-own: \xe9", status=b"500 Oh")
RESET = raw(b"", then_reset=True)
limited = answer(b'{"error":{"message":"slow down"}}', JSON, status=b"429 Too Many")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are as long as ever in number, but short."""
    monkeypatch.setattr(retry, "BACK_OFF_MS", 1)
    monkeypatch.setattr(retry, "BACK_OFF_MS_MAX", 5)


Fields = Mapping[str, Any]
NO_FIELDS: Fields = {}
"""Of a provider's entry, beside those of the place."""


@dataclass
class FakeBreakers:
    """Implements `wellhead.ports.Breakers`: open ones on demand, and what was said to them."""

    open: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    """Open, though a look at them does not tell."""
    entered: list[str] = field(default_factory=list)
    left: list[tuple[str, Outcome]] = field(default_factory=list)

    def is_open(self, subject: str) -> bool:
        return subject in self.open

    async def enter(self, subject: str) -> int | None:
        await asyncio.sleep(0)
        wait_s = self.open.get(subject, self.unseen.get(subject))
        if wait_s is None:
            self.entered.append(subject)
        return wait_s

    def leave(self, subject: str, outcome: Outcome) -> None:
        self.left.append((subject, outcome))

    async def are_left(self) -> list[tuple[str, Outcome]]:
        """What was said, once everything that was entered is left."""
        await until(lambda: len(self.left) >= len(self.entered))
        assert sorted(subject for subject, _ in self.left) == sorted(self.entered)
        return self.left


def in_turn(*scripts: Script) -> Script:
    """Each request is answered by the next one; the last one serves all that follow."""
    left = list(scripts)

    async def script(exchange: Exchange) -> bool | None:
        return await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return script


def nobody() -> str:
    """Where a connection is refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@dataclass
class Place:
    """A gateway before provider a, for which b and then c stand in."""

    gateway: RunningGateway
    breakers: FakeBreakers
    servers: dict[str, WireServer]

    async def ask(self, *lines: bytes, path: bytes = CHAT, body: bytes = ASK) -> WireAnswer:
        return await talk(self.gateway.port, post(path, body, JSON, *lines))

    def asked(self) -> dict[str, int]:
        return {name: len(server.requests) for name, server in self.servers.items()}


@asynccontextmanager
async def a_place(
    a: Script | str = fine,
    b: Script | str = fine,
    c: Script | str = fine,
    *,
    known: tuple[Key | Credential, ...] = (),
    books: FakeBooks | None = None,
    options: GatewayOptions = GatewayOptions(),
    breakers: FakeBreakers | None = None,
    of_a: Fields = NO_FIELDS,
    of_b: Fields = NO_FIELDS,
    of_c: Fields = NO_FIELDS,
) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        servers: dict[str, WireServer] = {}
        providers = []
        for name, script, changes in (("a", a, of_a), ("b", b, of_b), ("c", c, of_c)):
            url = script if isinstance(script, str) else ""
            if not isinstance(script, str):
                servers[name] = await stack.enter_async_context(WireServer(script))
                url = servers[name].url
            auth = Auth(AuthType.PRESERVE) if name == "a" else ours
            fields = {"auth": auth, "fallback": ("b", "c") if name == "a" else (), **changes}
            providers.append(Provider(name, ProviderType.OPENAI, url, **fields))
        breakers = breakers or FakeBreakers()
        books = books or FakeBooks()
        books.directory = knowing(books.directory, *known)
        gateway = await stack.enter_async_context(
            running_gateway(
                Directory(providers=tuple(providers)), books=books, options=options, breakers=breakers
            )
        )
        yield Place(gateway, breakers, servers)


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
        assert [(one.provider, one.error_code, one.unmetered) for one in end.tried] == [
            ("a", "bad_gateway", True)
        ]
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


# Another credential.

FIRST = a_credential(1, provider="a", secret="first-secret")
SECOND = a_credential(2, provider="a", secret="second-secret")
MANY = tuple(a_credential(n, provider="a", secret=f"secret-number-{n}") for n in range(1, 9))


def sent_with(place: Place, name: str = "a") -> list[str]:
    lines = [request.header(b"authorization") or b"" for request in place.servers[name].requests]
    return [line.decode().removeprefix("Bearer ") for line in lines]


@pytest.mark.parametrize(
    ("trouble", "of_first"),
    [(limited, SUCCESS), (answer(b"no", status=b"401 No"), FAILURE)],
    ids=["429", "401"],
)
async def test_another_credential_comes_before_another_provider(trouble: Script, of_first: Outcome) -> None:
    async with a_place(in_turn(trouble, fine), known=(a_key(), FIRST, SECOND)) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert sent_with(place) == ["first-secret", "second-secret"]
        assert place.asked()["b"] == 0
        _, end = await place.gateway.the_call()
        assert [(one.credential_id, one.status_code, one.error_code) for one in end.tried] == [
            (1, 401 if of_first is FAILURE else 429, "upstream_error"),
            (2, 200, None),
        ]
        assert await place.breakers.are_left() == [
            ("a/credential/1", of_first),
            ("a", SUCCESS),
            ("a/credential/2", SUCCESS),
        ]


async def test_when_all_credentials_are_limited_another_provider_serves() -> None:
    async with a_place(limited, known=(a_key(), FIRST, SECOND)) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert sent_with(place) == ["first-secret", "second-secret"]
        assert sent_with(place, "b") == ["secret-of-b"]
        # Both cool down now, so the first one is tried and then nobody else of them.
        assert (await place.ask(BY_KEY)).status == 200
        assert len(sent_with(place)) == 3


async def test_a_refused_credential_is_no_reason_to_ask_another_provider() -> None:
    async with a_place(answer(b"no", status=b"401 No"), known=(a_key(), FIRST)) as place:
        assert (await place.ask(BY_KEY)).body == b"no"
        assert place.asked() == {"a": 1, "b": 0, "c": 0}


async def test_only_so_many_credentials_are_tried_for_one_call() -> None:
    async with a_place(limited, known=(a_key(), *MANY), of_a={"fallback": ()}) as place:
        assert (await place.ask(BY_KEY)).status == 429
        assert len(set(sent_with(place))) == len(sent_with(place)) == 4


async def test_a_credential_whose_breaker_is_open_is_passed_over() -> None:
    breakers = FakeBreakers({"a/credential/1": 20})
    async with a_place(known=(a_key(), FIRST, SECOND), breakers=breakers) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert sent_with(place) == ["second-secret"]


async def test_a_provider_whose_credentials_all_have_open_breakers_is_passed_over() -> None:
    breakers = FakeBreakers({"a/credential/1": 20, "a/credential/2": 7})
    async with a_place(known=(a_key(), FIRST, SECOND), breakers=breakers) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert place.asked() == {"a": 0, "b": 1, "c": 0}
    async with a_place(known=(a_key(), FIRST), breakers=breakers, of_a={"fallback": ()}) as place:
        said = await place.ask(BY_KEY)
        assert (said.status, said.header(b"x-wellhead-error")) == (503, b"breaker_open")
        assert (await place.gateway.the_call())[1].state is CallState.REFUSED


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


async def test_the_request_is_made_anew_for_whoever_stands_in() -> None:
    b = {
        "strip_provider_field": True,
        "ask_stream_usage": True,
        "headers": (("x-of-b", "1"),),
        "upstream_path": "/chat",
    }
    a = {"headers": (("x-of-a", "secret"),)}
    ask = b'{"model":"m","provider":"a","stream":true,"messages":[]}'
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    async with a_place(down, chunked(b"data: {}\n\n", usage, b"data: [DONE]\n\n"), of_a=a, of_b=b) as place:
        said = await place.ask(OWN, path=b"/a" + CHAT + b"?key=sk-query&x=1", body=ask)
        assert said.body == b"data: {}\n\ndata: [DONE]\n\n"
        first, second = place.servers["a"].requests[0], place.servers["b"].requests[0]
        assert (first.line, second.line) == (
            b"POST /v1/chat/completions?key=sk-query&x=1 HTTP/1.1",
            b"POST /chat?x=1 HTTP/1.1",
        )
        assert (first.header(b"x-of-a"), second.header(b"x-of-a")) == (b"secret", None)
        assert second.header(b"x-of-b") == b"1"
        assert json.loads(first.body) == json.loads(ask)
        assert json.loads(second.body) == {
            "model": "m",
            "stream": True,
            "messages": [],
            "stream_options": {"include_usage": True},
        }
        opening, end = await place.gateway.the_call()
        assert (opening.provider, opening.path) == ("b", CHAT.decode())
        assert end.usage.total_tokens == 3


CREDENTIALS = (
    OWN,
    b"x-api-key: sk-of-the-client",
    b"api-key: sk-of-the-client",
    b"x-goog-api-key: sk-of-the-client",
    b"cookie: session=sk-of-the-client",
    b"openai-organization: sk-of-the-client",
    b"proxy-authorization: Bearer sk-of-the-client",
)


@pytest.mark.parametrize("auth", [ours, Auth(AuthType.NONE), Auth(AuthType.X_API_KEY, "secret-of-b")])
async def test_nothing_of_the_clients_own_credential_reaches_whoever_stands_in(auth: Auth) -> None:
    async with a_place(down, of_b={"auth": auth}) as place:
        path = CHAT + b"?key=sk-of-the-client&api-version=1"
        assert (await place.ask(*CREDENTIALS, path=path)).status == 200
        (request,) = place.servers["b"].requests
        assert b"sk-of-the-client" not in request.head + request.body
        assert b"sk-of-the-client" in place.servers["a"].requests[0].head
        assert b"api-version=1" in request.line


async def test_a_provider_for_which_there_is_no_credential_never_stands_in() -> None:
    preserve = {"auth": Auth(AuthType.PRESERVE)}
    beside = b"x-wellhead-key: " + KEY
    async with a_place(down, of_b=preserve, of_c=preserve, known=(a_key(),)) as place:
        for lines in ((OWN,), (BY_KEY,), (beside, OWN)):
            assert (await place.ask(*lines)).status == 500
        assert place.asked() == {"a": 3, "b": 0, "c": 0}


@pytest.mark.parametrize("lines", [(BY_KEY,), (b"x-wellhead-key: " + KEY, OWN)], ids=["key", "beside"])
async def test_a_keys_credential_for_the_other_provider_goes_with_the_call(lines: tuple[bytes, ...]) -> None:
    of_b = a_credential(5, provider="b", secret="of-the-key-for-b")
    preserve = {"auth": Auth(AuthType.PRESERVE)}
    async with a_place(down, of_b=preserve, known=(a_key(), of_b)) as place:
        assert (await place.ask(*lines)).status == 200
        assert sent_with(place, "b") == ["of-the-key-for-b"]
        assert KEY not in place.servers["b"].requests[0].head
        _, end = await place.gateway.the_call()
        assert [one.credential_id for one in end.tried] == [None, 5]


async def test_a_credential_that_cannot_be_opened_is_no_credential() -> None:
    sealed = a_credential(5, provider="b", secret=None)
    async with a_place(down, known=(a_key(), sealed)) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert place.asked() == {"a": 1, "b": 0, "c": 1}


@pytest.mark.parametrize(
    ("key", "b"),
    [
        (a_key(allowed_providers=("a", "c")), {}),
        (a_key(), {"paths": ("/v1/embeddings",)}),
        (a_key(), {"models": ("llama",)}),
    ],
    ids=["key", "paths", "models"],
)
async def test_whoever_may_not_serve_the_call_is_passed_over(key: Key, b: dict[str, Any]) -> None:
    async with a_place(down, known=(key,), of_b=b) as place:
        assert (await place.ask(BY_KEY)).status == 200
        assert place.asked() == {"a": 1, "b": 0, "c": 1}


async def test_a_key_held_to_endpoints_may_go_elsewhere_from_a_path_with_a_prefix() -> None:
    async with a_place(down, known=(a_key(allowed_endpoints=(CHAT.decode(),)),)) as place:
        assert (await place.ask(BY_KEY, path=b"/a" + CHAT)).status == 200
        assert place.asked() == {"a": 1, "b": 1, "c": 0}


async def test_a_page_of_others_does_not_spend_the_account_of_whoever_stands_in() -> None:
    async with a_place(down) as place:
        assert (await place.ask(OWN, b"origin: https://evil.example")).status == 500
        assert place.asked() == {"a": 1, "b": 0, "c": 0}


@pytest.mark.parametrize("path", [b"/v1/files", b"/v1/batches", b"/v1/chat/completions/c1/cancel"])
async def test_what_stays_with_a_provider_goes_to_nobody_else(path: bytes) -> None:
    async with a_place(down, known=(a_key(),)) as place:
        assert (await place.ask(BY_KEY, path=path, body=b"{}")).status == 500
        assert (await talk(place.gateway.port, GET)).status == 500
        assert place.asked() == {"a": 4, "b": 0, "c": 0}


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
