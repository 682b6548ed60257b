"""The official SDKs with a key of ours: the upstream gets the project's credential, and of the key nothing.

::

    SDK --(key of ours)--> Wellhead --(credential of the key's project)--> simulated upstream

The upstream's own record of the requests says what reached it.
"""

import hashlib
import itertools
import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import anthropic
import httpx
import httpx2
import ollama
import openai
import pytest
from google import genai
from google.genai import errors, types

from clients.conftest import OWN_TYPES
from fakes.keyed import BY, REFUSALS, Keyed, Refusal, keyed
from fakes.program import Wellhead
from fakes.rows import Booked
from fakes.simulated import Simulated
from fakes.wire import post
from wellhead.access import Project
from wellhead.limit import Measure, Window

ASKED: list[Any] = [{"role": "user", "content": "How deep is the well, and who has the key?"}]
CHAT_BODY = {"model": "gpt-4o", "messages": ASKED}
CARRIERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-wellhead-key")
CREDENTIALS = {
    "openai": "sk-of-the-project",
    "anthropic": "sk-ant-of-the-project",
    "gemini": "AIza-of-the-project",
    "ollama": "of-the-project",
}
FORMS = {
    "openai": {"authorization": "Bearer sk-of-the-project"},
    "anthropic": {"x-api-key": "sk-ant-of-the-project"},
    "gemini": {"x-goog-api-key": "AIza-of-the-project"},
    "ollama": {"authorization": "Bearer of-the-project"},
}
"""How the credential arrives at each provider."""

_addresses = (f"127.1.{high}.{low}" for high in itertools.count() for low in range(1, 255))


@dataclass(frozen=True, slots=True)
class Asking:
    """One call as a client makes it."""

    url: str
    secret: str | None
    streamed: bool = False
    model: str = "gpt-4o"
    address: str = "127.0.0.1"
    """Where the client calls from."""
    headers: tuple[tuple[str, str], ...] = ()
    retries: int = 0


def by_openai(asking: Asking) -> None:
    headers: dict[str, Any] = dict(asking.headers)
    if asking.secret is None:
        headers["Authorization"] = openai.Omit()
    with openai.OpenAI(
        base_url=f"{asking.url}/v1",
        api_key=asking.secret or "absent",
        max_retries=asking.retries,
        http_client=httpx2.Client(transport=httpx2.HTTPTransport(local_address=asking.address)),
    ) as client:
        answer = client.chat.completions.create(
            model=asking.model, messages=ASKED, stream=asking.streamed, extra_headers=headers
        )
        if isinstance(answer, openai.Stream):
            assert len(list(answer)) > 2


def by_anthropic(asking: Asking) -> None:
    """This SDK sends its `api_key` as a bearer token."""
    headers: dict[str, Any] = dict(asking.headers)
    if asking.secret is None:
        headers["Authorization"] = anthropic.Omit()
    _anthropic(asking, headers, asking.secret or "absent")


def by_anthropic_with_x_api_key(asking: Asking) -> None:
    """As its older versions and Claude Code do."""
    omitted: Any = anthropic.Omit()
    _anthropic(asking, {"x-api-key": asking.secret, "Authorization": omitted}, "absent")


def _anthropic(asking: Asking, headers: dict[str, Any], api_key: str) -> None:
    with anthropic.Anthropic(
        base_url=asking.url,
        api_key=api_key,
        default_headers=headers,
        max_retries=asking.retries,
        http_client=httpx2.Client(transport=httpx2.HTTPTransport(local_address=asking.address)),
    ) as client:
        answer = client.messages.create(
            model=asking.model, max_tokens=99, messages=ASKED, stream=asking.streamed
        )
        if isinstance(answer, anthropic.Stream):
            assert len(list(answer)) > 2


def by_genai(asking: Asking) -> None:
    transport = httpx.HTTPTransport(local_address=asking.address)
    with httpx.Client(transport=transport, event_hooks={"request": [_without_key(asking)]}) as connection:
        options = types.HttpOptions(
            base_url=asking.url, headers=dict(asking.headers), httpx_client=connection
        )
        client = genai.Client(api_key=asking.secret or "absent", http_options=options)
        if asking.streamed:
            stream = client.models.generate_content_stream(model=asking.model, contents="How deep?")
            assert len(list(stream)) > 2
        else:
            client.models.generate_content(model=asking.model, contents="How deep?")
        client.close()


def _without_key(asking: Asking) -> Callable[[httpx.Request], None]:
    """This SDK will not work without a key at all, so a missing one is taken out of the request."""

    def take_out(request: httpx.Request) -> None:
        if asking.secret is None:
            del request.headers["x-goog-api-key"]

    return take_out


def by_ollama(asking: Asking) -> None:
    headers = dict(asking.headers)
    if asking.secret is not None:
        headers["Authorization"] = f"Bearer {asking.secret}"
    transport = httpx.HTTPTransport(local_address=asking.address)
    client = ollama.Client(host=asking.url, headers=headers, transport=transport)
    with client._client:
        if asking.streamed:
            assert len(list(client.chat(model=asking.model, messages=ASKED, stream=True))) > 2
        else:
            client.chat(model=asking.model, messages=ASKED)


def by_query(asking: Asking) -> None:
    """As Gemini's users do without an SDK."""
    method = "streamGenerateContent" if asking.streamed else "generateContent"
    url = f"{asking.url}/v1beta/models/{asking.model}:{method}?alt=sse&key={asking.secret}"
    httpx.post(url, json={"contents": [{"parts": [{"text": "How deep?"}]}]}).raise_for_status()


def by_api_key_header(asking: Asking) -> None:
    """As Azure's users do."""
    body = {**CHAT_BODY, "model": asking.model, "stream": asking.streamed}
    headers = {"api-key": asking.secret or ""}
    httpx.post(f"{asking.url}/v1/chat/completions", json=body, headers=headers).raise_for_status()


def by_header_of_ours(asking: Asking) -> None:
    body = {**CHAT_BODY, "model": asking.model, "stream": asking.streamed}
    headers = {"x-wellhead-key": asking.secret or ""}
    httpx.post(f"{asking.url}/v1/chat/completions", json=body, headers=headers).raise_for_status()


By = Callable[[Asking], None]
SDKS: dict[str, By] = {
    "openai": by_openai,
    "anthropic": by_anthropic,
    "gemini": by_genai,
    "ollama": by_ollama,
}
"""By the provider that each one asks for."""
WAYS: tuple[tuple[str, By], ...] = (
    *SDKS.items(),
    ("anthropic", by_anthropic_with_x_api_key),
    ("gemini", by_query),
    ("openai", by_api_key_header),
    ("openai", by_header_of_ours),
)
RAISED: dict[str, dict[int, type[Exception]]] = {
    "openai": {
        401: openai.AuthenticationError,
        402: openai.APIStatusError,  # it has no class of its own for this one
        403: openai.PermissionDeniedError,
        429: openai.RateLimitError,
        503: openai.InternalServerError,
    },
    "anthropic": {
        401: anthropic.AuthenticationError,
        403: anthropic.PermissionDeniedError,
        429: anthropic.RateLimitError,
        503: anthropic.ServiceUnavailableError,
    },
    "gemini": {
        401: errors.ClientError,
        403: errors.ClientError,
        429: errors.ClientError,
        503: errors.ServerError,
    },
    "ollama": dict.fromkeys((401, 402, 403, 429, 503), ollama.ResponseError),
}
SAID: dict[str, dict[int, str]] = {
    "openai": {
        401: "authentication_error",
        402: "insufficient_quota",
        403: "permission_error",
        429: "rate_limit_error",
        503: "server_error",
    },
    "anthropic": {
        401: "authentication_error",
        403: "permission_error",
        429: "rate_limit_error",
        503: "overloaded_error",
    },
    "gemini": {
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    },
}
"""What each dialect's error says of its kind, by status."""


@pytest.fixture(scope="module")
def guarded(upstream: Simulated) -> Iterator[Wellhead]:
    """A program where every call needs a key."""
    providers = [
        {"id": id_, "type": kind, "base_url": f"{upstream.url}/at-{id_}"} for id_, kind in OWN_TYPES.items()
    ]
    config = {"gateway": {"require_key": True}, "providers": providers}
    with Wellhead(command="gateway", config=config) as program:
        yield program


@pytest.fixture(scope="module")
def books(guarded: Wellhead) -> Iterator[Keyed]:
    with keyed(guarded) as found:
        yield found


@pytest.fixture
def project(books: Keyed) -> Project:
    """A project with a credential for every provider."""
    made = books.project()
    for provider, secret in CREDENTIALS.items():
        books.credential(provider, secret, made)
    return made


@pytest.fixture
def its_books(guarded: Wellhead) -> Booked:
    return Booked(guarded.database_path)


@pytest.fixture
def address() -> str:
    """Where nobody has called from yet: an address with many wrong keys is slowed down."""
    return next(_addresses)


@pytest.fixture(autouse=True)
def reached(upstream: Simulated) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What reached the upstream since the test began; of our keys, never a byte."""
    before = int(upstream.stats()["requests"])

    def look() -> list[dict[str, Any]]:
        seen = upstream.stats()
        new = int(seen["requests"]) - before
        assert new <= len(seen["last"])
        return [one | {"headers": dict(one["headers"])} for one in seen["last"][len(seen["last"]) - new :]]

    yield look
    assert "wh_" not in json.dumps(look())


Reached = Callable[[], list[dict[str, Any]]]


def credentials_in(request: dict[str, Any]) -> dict[str, str]:
    """Whatever may identify somebody in a request."""
    found = {name: value for name, value in request["headers"].items() if name in CARRIERS}
    assert "key=" not in request["query"]
    return found


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("provider", "ask"), WAYS, ids=lambda value: getattr(value, "__name__", value))
def test_however_a_key_is_presented_the_upstream_gets_the_projects_credential_in_its_own_form(
    guarded: Wellhead,
    books: Keyed,
    project: Project,
    its_books: Booked,
    reached: Reached,
    provider: str,
    ask: By,
    streamed: bool,
) -> None:
    key = books.key(project)
    ask(Asking(guarded.gateway_url, key.secret, streamed))
    (request,) = reached()
    assert request["path"].startswith(f"/at-{provider}/")
    assert credentials_in(request) == FORMS[provider]
    row = its_books.row()
    assert row.only("state", "provider", "key_id", "project_id", "credential_hash") == {
        "state": "completed",
        "provider": provider,
        "key_id": key.key.id,
        "project_id": project.id,
        "credential_hash": None,
    }
    assert row["streamed"] == streamed


def test_a_token_of_a_subscription_goes_as_a_bearer_token(
    guarded: Wellhead, books: Keyed, reached: Reached
) -> None:
    project = books.project()
    books.credential("anthropic", "sk-ant-oat01-of-the-project", project)
    by_anthropic_with_x_api_key(Asking(guarded.gateway_url, books.key(project).secret))
    assert credentials_in(reached()[0]) == {"authorization": "Bearer sk-ant-oat01-of-the-project"}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("ask", "own", "arrives"),
    [
        (by_openai, "sk-mine", {"authorization": "Bearer sk-mine"}),
        (by_anthropic, "sk-ant-oat01-mine", {"authorization": "Bearer sk-ant-oat01-mine"}),
        (by_anthropic_with_x_api_key, "sk-ant-mine", {"x-api-key": "sk-ant-mine"}),
        (by_genai, "AIza-mine", {"x-goog-api-key": "AIza-mine"}),
        (by_ollama, "mine", {"authorization": "Bearer mine"}),
    ],
)
def test_beside_a_key_in_our_own_header_the_clients_own_credential_goes_on(
    guarded: Wellhead,
    books: Keyed,
    project: Project,
    its_books: Booked,
    reached: Reached,
    ask: By,
    own: str,
    arrives: dict[str, str],
    streamed: bool,
) -> None:
    key = books.key(project)
    if ask is by_anthropic_with_x_api_key:
        headers = {"x-wellhead-key": key.secret, "x-api-key": own, "anthropic-version": "2023-06-01"}
        body = {"model": "claude-sonnet-5", "max_tokens": 9, "messages": ASKED, "stream": streamed}
        httpx.post(f"{guarded.gateway_url}/v1/messages", json=body, headers=headers).raise_for_status()
    else:
        ask(Asking(guarded.gateway_url, own, streamed, headers=(("x-wellhead-key", key.secret),)))
    (request,) = reached()
    assert credentials_in(request) == arrives
    assert its_books.row().only("state", "key_id", "project_id", "credential_hash") == {
        "state": "completed",
        "key_id": key.key.id,
        "project_id": project.id,
        "credential_hash": hashlib.sha256(own.encode()).digest(),
    }


def test_two_keys_of_ours_in_one_request_both_stay_here(
    guarded: Wellhead, books: Keyed, project: Project, reached: Reached
) -> None:
    key, other = books.key(project).secret, books.key().secret
    by_openai(Asking(guarded.gateway_url, other, headers=(("x-wellhead-key", key), ("x-api-key", other))))
    assert credentials_in(reached()[0]) == FORMS["openai"]


def test_what_generates_nothing_gets_the_credential_too_and_is_not_booked(
    guarded: Wellhead, books: Keyed, project: Project, its_books: Booked, reached: Reached
) -> None:
    with openai.OpenAI(base_url=f"{guarded.gateway_url}/v1", api_key=books.key(project).secret) as client:
        assert client.models.list().data
    assert credentials_in(reached()[0]) == FORMS["openai"]
    assert its_books.nothing()


@pytest.mark.parametrize("ask", SDKS.values(), ids=SDKS)
def test_a_key_without_any_credential_for_the_provider_leaves_the_upstream_none_at_all(
    guarded: Wellhead, books: Keyed, its_books: Booked, reached: Reached, ask: By
) -> None:
    project = books.project()
    ask(Asking(guarded.gateway_url, books.key(project).secret))
    assert credentials_in(reached()[0]) == {}
    assert its_books.row().only("state", "project_id", "credential_hash") == {
        "state": "completed",
        "project_id": project.id,
        "credential_hash": None,
    }


def test_a_credential_for_everybody_serves_whoever_has_no_other(
    guarded: Wellhead, books: Keyed, project: Project, reached: Reached
) -> None:
    everybodys = books.credential("openai", "sk-of-everybody")
    for key in (books.key(), books.key(books.project()), books.key(project)):
        by_openai(Asking(guarded.gateway_url, key.secret))
    books.registry.delete_credential(BY, everybodys.id)
    by_openai(Asking(guarded.gateway_url, key.secret))
    assert [credentials_in(one)["authorization"] for one in reached()] == [
        "Bearer sk-of-everybody",
        "Bearer sk-of-everybody",
        "Bearer sk-of-the-project",
        "Bearer sk-of-the-project",
    ]


def test_calls_go_round_several_credentials_of_one_project(
    guarded: Wellhead, books: Keyed, reached: Reached
) -> None:
    project = books.project()
    for name in "abc":
        books.credential("openai", f"sk-{name}", project)
    key = books.key(project).secret
    for _ in range(6):
        by_openai(Asking(guarded.gateway_url, key))
    used = [credentials_in(one)["authorization"].removeprefix("Bearer sk-") for one in reached()]
    assert "".join(used) in ("abcabc", "bcabca", "cabcab")


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_credential_that_the_upstream_refused_or_limited_is_passed_over(
    guarded: Wellhead, books: Keyed, reached: Reached, status: int
) -> None:
    project = books.project()
    numbers = {books.credential("openai", f"sk-{name}", project).id for name in "abc"}

    def cooling() -> list[int]:
        said = guarded.events("credential.cooling")
        return [one["status"] for one in said if one["credential_id"] in numbers]

    key = books.key(project).secret
    with pytest.raises(openai.APIStatusError) as caught:
        by_openai(Asking(guarded.gateway_url, key, model=f"fail-{status}"))
    assert caught.value.status_code == status
    assert "x-wellhead-error" not in caught.value.response.headers, "it is the upstream's answer, untouched"
    refused = [credentials_in(one)["authorization"] for one in reached()]
    # What is wrong with one credential may be right with another; what is forbidden stays forbidden.
    assert sorted(refused) == [f"Bearer sk-{name}" for name in ("a" if status == 403 else "abc")]
    guarded.wait_until(lambda: cooling() == [status] * len(refused))
    books.credential("openai", "sk-d", project)
    for _ in range(4):
        by_openai(Asking(guarded.gateway_url, key))
    used = {credentials_in(one)["authorization"] for one in reached()[len(refused) :]}
    assert used == {f"Bearer sk-{name}" for name in ("bcd" if status == 403 else "d")}


def test_a_changed_or_disabled_credential_is_so_for_the_next_call(
    guarded: Wellhead, books: Keyed, reached: Reached
) -> None:
    project = books.project()
    kept = books.credential("openai", "sk-first", project)
    key = books.key(project).secret
    by_openai(Asking(guarded.gateway_url, key))
    books.registry.change_credential(BY, kept.id, secret="sk-second")
    by_openai(Asking(guarded.gateway_url, key))
    books.registry.change_credential(BY, kept.id, disabled=True)
    by_openai(Asking(guarded.gateway_url, key))
    assert [credentials_in(one).get("authorization") for one in reached()] == [
        "Bearer sk-first",
        "Bearer sk-second",
        None,
    ]


def told(error: Exception) -> tuple[int, str | None, Any]:
    """The status, what the error says of its kind, and its headers (Ollama's SDK keeps neither)."""
    match error:
        case openai.APIStatusError():
            return error.status_code, error.type, error.response.headers
        case anthropic.APIStatusError():
            body: Any = error.body
            return error.status_code, body["error"]["type"], error.response.headers
        case errors.APIError():
            return error.code, error.status, error.response.headers
        case ollama.ResponseError():
            return error.status_code, None, None
    raise error


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("provider", SDKS)
@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
def test_every_refusal_raises_the_sdks_proper_exception(
    guarded: Wellhead,
    books: Keyed,
    its_books: Booked,
    reached: Reached,
    address: str,
    refusal: Refusal,
    provider: str,
    streamed: bool,
) -> None:
    secret = refusal.key(books)
    asking = Asking(guarded.gateway_url, secret, streamed, address=address)
    for _ in range(refusal.calls_before):
        SDKS[provider](asking)
        its_books.row()
    with pytest.raises(RAISED[provider][refusal.status_for(provider)]) as caught:
        SDKS[provider](asking)
    assert type(caught.value) is RAISED[provider][refusal.status_for(provider)]
    status, kind, headers = told(caught.value)
    assert status == refusal.status_for(provider)
    assert kind == SAID.get(provider, {}).get(status)
    assert "wh_" not in str(caught.value)
    if headers is not None:
        assert headers["x-wellhead-error"] == refusal.code
        wait_s = headers.get("retry-after")
        assert (wait_s is not None and 0 < int(wait_s) <= 3660) if refusal.waits else wait_s is None
        assert ("ratelimit" in headers) == (refusal.calls_before > 0)
    if refusal.is_booked:
        row = its_books.row()
        state = "failed" if status == 503 else "refused"
        assert row.only("state", "status_code", "error_code") == {
            "state": state,
            "status_code": status,
            "error_code": refusal.code,
        }
    else:
        assert its_books.nothing()
    assert len(reached()) == refusal.calls_before


@pytest.mark.parametrize("provider", SDKS)
def test_a_budget_that_calls_under_way_hold_is_told_as_a_rate_limit(
    guarded: Wellhead, books: Keyed, project: Project, provider: str
) -> None:
    key = books.key(project)
    # Each call reserves 4,096 tokens of output, so there is room for one at a time.
    books.limit(key, Measure.TOTAL_TOKENS, Window.TOTAL, 4200)
    ask = json.dumps({**CHAT_BODY, "model": "hang", "stream": True}).encode()
    presented = f"authorization: Bearer {key.secret}".encode()
    where = urlsplit(guarded.gateway_url)
    with socket.create_connection((where.hostname, where.port)) as under_way:
        under_way.sendall(post(b"/v1/chat/completions", ask, b"content-type: application/json", presented))
        guarded.wait_until(lambda: any(row["state"] == "pending" for row in guarded.calls()))
        with pytest.raises(RAISED[provider][429]) as caught:
            SDKS[provider](Asking(guarded.gateway_url, key.secret))
    status, kind, headers = told(caught.value)
    assert (status, kind) == (429, SAID.get(provider, {}).get(429))
    if headers is not None:
        assert (headers["x-wellhead-error"], headers["retry-after"]) == ("budget_held", "1")
    guarded.wait_until(lambda: all(row["state"] != "pending" for row in guarded.calls()))
    SDKS[provider](Asking(guarded.gateway_url, key.secret))


def test_openais_clients_know_a_spent_budget_by_its_code_and_do_not_try_again(
    guarded: Wellhead, books: Keyed, its_books: Booked
) -> None:
    (spent,) = [one for one in REFUSALS if one.code == "budget_exhausted"]
    secret = spent.key(books)
    by_openai(Asking(guarded.gateway_url, secret))
    its_books.row()
    with pytest.raises(openai.APIStatusError) as caught:
        by_openai(Asking(guarded.gateway_url, secret, retries=2))
    assert caught.value.code == "insufficient_quota"
    assert its_books.row()["state"] == "refused"


def test_an_own_credential_without_a_key_of_ours_is_refused_where_one_is_needed(
    guarded: Wellhead, its_books: Booked, reached: Reached, address: str
) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        by_openai(Asking(guarded.gateway_url, "sk-mine", address=address))
    assert caught.value.code == "key_unknown"
    assert its_books.nothing()
    assert reached() == []
