"""What leaves for the upstream: the client's request, with nothing of a key of ours in it."""

import base64
from typing import Any

import pytest

from fakes.access import a_credential, a_key, a_secret
from fakes.gateway import a_request
from wellhead.access import Credential
from wellhead.directory import Auth, AuthType, Directory, Provider, ProviderType
from wellhead.errors import CallerError
from wellhead.gateway.client import Client, Upload
from wellhead.gateway.door import Caller
from wellhead.gateway.plan import PLACE_CHARS_MAX, PLACES_MAX, Places, Plan, plan_of
from wellhead.policy.identify import Presented
from wellhead.ports import UpstreamRequest

KEY = a_secret().encode()
ENCODED = b"".join(b"%%%02X" % byte for byte in KEY)
OURS = Caller(a_key(), Presented(a_secret()))
BESIDE = Caller(a_key(), Presented(a_secret(), is_apart=True), Presented("sk-test"))
NOBODY = Caller()
OWN_ACCOUNT = Auth(AuthType.BEARER, "provider-secret")
SIZE_MAX = 1_000_000


def a_directory(**provider: Any) -> Directory:
    return Directory(sole=Provider("u", ProviderType.OPENAI, "http://u", **provider))


async def planned(client: Client, caller: Caller = OURS, directory: Directory = a_directory()) -> Plan:
    place = Places(directory).of(client)
    return plan_of(directory, client, place, caller, await client.body(SIZE_MAX))


async def sent(
    client: Client, caller: Caller = OURS, credential: Credential | None = None, **provider: Any
) -> UpstreamRequest:
    return (await planned(client, caller, a_directory(**provider))).request(client, credential)


# What of a key goes on: nothing.


@pytest.mark.parametrize(
    ("header", "query"),
    [
        ((b"authorization", b"Bearer " + KEY), b""),
        ((b"x-api-key", KEY), b""),
        ((b"x-goog-api-key", KEY), b""),
        ((b"x-wellhead-key", KEY), b""),
        ((b"x-proxy-key", KEY), b""),
        ((b"cookie", b"a=1; key=" + KEY), b""),
        ((b"authorization", b"Basic " + base64.b64encode(b":" + KEY)), b""),
        ((b"x", b"y"), b"key=" + KEY),
        ((b"x", b"y"), b"key=" + ENCODED),
        ((b"x", b"y"), b"%6b%65%79=" + ENCODED),
        ((b"x", b"y"), b"a=1&token=" + KEY),
        ((b"x", b"y"), KEY),
        ((b"x-api-key", KEY), b"key=" + KEY + b"&key=" + KEY),
    ],
)
async def test_a_key_goes_nowhere_and_all_else_as_it_came(header: tuple[bytes, bytes], query: bytes) -> None:
    body = b'{"model":"m" , "x":"\xc3\xa9"}'
    around = [(b"x-one", b"caf\xe9"), (b"x-one", b"2")]
    for caller in (OURS, NOBODY):
        client = a_request(
            around[0], header, around[1], header, path="/v1//%2e/x", query=query + b"&b=%2f+&&c", body=body
        )
        request = await sent(client, caller)
        kept = [(b"x", b"y")] if header == (b"x", b"y") else []
        assert request.headers == [around[0], *kept, around[1], *kept]
        whole = request.target + repr(request).encode()
        assert KEY not in whole
        assert ENCODED not in whole
        assert request.target.startswith(b"/v1//%2e/x?")
        assert request.target.endswith(b"b=%2f+&&c")
        assert request.body is body


async def test_a_request_without_keys_is_the_clients_own() -> None:
    headers = [(b"authorization", b"Bearer sk-test"), (b"x-api-key", b"sk-2"), (b"x", b"wh")]
    client = a_request(*headers, query=b"key=sk-3&=&%zz", body=b"{}")
    for caller in (NOBODY, Caller(own=Presented("sk-test"))):
        request = await sent(client, caller)
        assert [line for line in request.headers if line[0] != b"content-length"] == headers
        assert request.target == b"/v1/chat/completions?key=sk-3&=&%zz"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/" + KEY.decode(),
        "/v1/chat/" + ENCODED.decode(),
        "/u/" + KEY.decode() + "/v1/chat/completions",
        "/" + KEY.decode(),
    ],
)
async def test_a_key_in_the_path_is_refused_and_not_repeated(path: str) -> None:
    for directory in (a_directory(), Directory()):
        with pytest.raises(CallerError) as error:
            Places(directory).of(a_request(path=path))
        assert (error.value.code, error.value.status) == ("key_in_path", 400)
        assert "wh_" not in error.value.message


# Whose credential goes on.


async def test_a_projects_credential_takes_the_place_of_whatever_the_client_sent() -> None:
    headers = [(b"authorization", b"Bearer " + KEY), (b"x-api-key", b"sk-2"), (b"x", b"1")]
    request = await sent(a_request(*headers, query=b"key=sk-3&a=1"), OURS, a_credential())
    assert request.headers == [(b"x", b"1"), (b"authorization", b"Bearer upstream-1")]
    assert request.target == b"/v1/chat/completions?a=1"


async def test_beside_a_key_in_its_own_header_the_clients_credential_goes_on() -> None:
    headers = [(b"x-wellhead-key", KEY), (b"authorization", b"Bearer sk-test")]
    request = await sent(a_request(*headers, query=b"key=sk-3"), BESIDE)
    assert request.headers == [(b"authorization", b"Bearer sk-test")]
    assert request.target == b"/v1/chat/completions?key=sk-3"


async def test_a_provider_with_a_credential_of_its_own_takes_the_key_out_of_the_query() -> None:
    for auth in (OWN_ACCOUNT, Auth(AuthType.NONE)):
        request = await sent(a_request(query=b"alt=sse&key=theirs&monkey=1"), NOBODY, auth=auth)
        assert request.target == b"/v1/chat/completions?alt=sse&monkey=1"
    request = await sent(a_request(query=b"key=theirs"), NOBODY, auth=OWN_ACCOUNT)
    assert request.target == b"/v1/chat/completions"


# What is booked.


@pytest.mark.parametrize(
    ("method", "path", "body", "with_key", "without"),
    [
        ("POST", "/v1/chat/completions", b"{}", "openai_chat", "openai_chat"),
        ("POST", "/v1/rerank", b'{"model":"m"}', "openai_chat", "openai_chat"),
        ("POST", "/v1/batches", b'{"input_file_id":"f"}', "openai_chat", None),
        ("POST", "/v1/files", b"", "openai_chat", None),
        ("POST", "/v1beta/cachedContents", b"{}", "gemini", None),
        ("POST", "/api/anything", b"{}", "ollama_chat", None),
        ("POST", "/v1/messages/batches", b'{"requests":[]}', "anthropic_messages", None),
        ("POST", "/v1/messages/count_tokens", b'{"model":"m"}', None, None),
        ("POST", "/api/show", b'{"model":"m"}', None, None),
        ("GET", "/v1/models", b"", None, None),
        ("GET", "/v1/chat/completions", b"", None, None),
        ("DELETE", "/v1/files/1", b"", None, None),
    ],
)
async def test_whoever_has_a_key_passes_the_gate_with_whatever_may_cost_something(
    method: str, path: str, body: bytes, with_key: str | None, without: str | None
) -> None:
    for caller, dialect in ((OURS, with_key), (BESIDE, with_key), (NOBODY, without)):
        plan = await planned(a_request(method=method, path=path, body=body), caller)
        assert (plan.dialect and plan.dialect.name) == dialect


async def test_an_upload_is_planned_from_its_first_bytes_and_streams_on() -> None:
    form = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n' + b"x" * 100
    kind = b"content-type", b"multipart/form-data; boundary=b"
    client = a_request(kind, path="/v1/audio/transcriptions", body=form)
    directory = a_directory(strip_provider_field=True, ask_stream_usage=True)
    place = Places(directory).of(client)
    body = await client.body(SIZE_MAX)
    assert isinstance(body, Upload)
    plan = plan_of(directory, client, place, OURS, body)
    assert (plan.asked.model, plan.body, plan.hide_usage) == ("whisper-1", body.pieces, False)


def test_only_so_many_places_are_remembered_and_no_long_ones() -> None:
    places = Places(a_directory())
    for n in range(2 * PLACES_MAX):
        places.of(a_request(path=f"/v1/files/{n}"))
        places.of(a_request(path=f"/v1/{'x' * PLACE_CHARS_MAX}{n}"))
    assert places._remembered.cache_info().currsize == PLACES_MAX
    assert places._remembered.cache_info().misses == 2 * PLACES_MAX


def test_where_nothing_is_served_the_caller_is_told_what_to_change() -> None:
    openai = Provider("openai", ProviderType.OPENAI, "https://api.openai.com")
    with pytest.raises(CallerError, match=r"Nothing is served at /chat/completions; .* has to end in /v1$"):
        Places(Directory((openai,))).of(a_request(path="/chat/completions"))
