"""Which credential goes with a call, and whom a call may go to when its provider cannot serve it."""

import json
from typing import Any

import pytest

from fakes.access import a_credential, a_key
from fakes.three_providers import (
    BY_KEY,
    CHAT,
    FAILURE,
    GET,
    KEY,
    OWN,
    SUCCESS,
    FakeBreakers,
    a_place,
    down,
    fine,
    in_turn,
    limited,
    ours,
    sent_with,
)
from fakes.wire import Script, answer, chunked, talk
from wellhead.access import Key
from wellhead.breaker import Outcome
from wellhead.call import CallState
from wellhead.directory import Auth, AuthType

pytestmark = pytest.mark.usefixtures("at_once")

FIRST = a_credential(1, provider="a", secret="first-secret")
SECOND = a_credential(2, provider="a", secret="second-secret")
MANY = tuple(a_credential(n, provider="a", secret=f"secret-number-{n}") for n in range(1, 9))


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


# Whoever stands in.


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


async def test_whoever_the_path_may_lead_out_of_is_passed_over() -> None:
    async with a_place(down, "http://127.0.0.1:1/base") as place:
        assert (await place.ask(OWN, path=b"/v1/x/../chat/completions")).status == 200
        _, end = await place.gateway.the_call()
        assert [one.provider for one in end.tried] == ["a", "c"]


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
