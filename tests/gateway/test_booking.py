"""What the books are told of a call before it leaves."""

import hashlib
from typing import Any

import pytest

from fakes.access import a_key, a_secret
from fakes.gateway import a_request
from wellhead.call import Opening
from wellhead.directory import Directory, Provider, ProviderType
from wellhead.gateway.booking import expected_tokens, opening
from wellhead.gateway.client import Client
from wellhead.gateway.door import Caller
from wellhead.gateway.plan import Places, Plan, plan_of
from wellhead.policy.attribution import Attribution
from wellhead.policy.identify import Presented
from wellhead.usage import COUNT_MAX

CEILING, BODY_MAX = 4096, 1_000_000
FORM = b"content-type", b"multipart/form-data; boundary=b"
BYTES = b"content-type", b"application/octet-stream"


def a_directory(**provider: Any) -> Directory:
    return Directory(sole=Provider("u", ProviderType.OPENAI, "http://u", **provider))


async def planned(
    client: Client, caller: Caller = Caller(key=a_key()), directory: Directory = a_directory()
) -> Plan:
    place = Places(directory).of(client)
    return plan_of(directory, client, place, caller, await client.body(BODY_MAX))


async def reckoned(path: str, body: bytes, *headers: tuple[bytes, bytes], **provider: Any) -> tuple[int, int]:
    client = a_request(*headers, path=path, body=body)
    plan = await planned(client, directory=a_directory(**provider))
    return expected_tokens(client, plan, CEILING, BODY_MAX)


@pytest.mark.parametrize(
    ("path", "body", "tokens"),
    [
        # The input by its bytes, four to a token; the output by what the request allows, or the ceiling.
        ("/v1/chat/completions", b'{"model":"m"}', (4, CEILING)),
        ("/v1/chat/completions", b'{"model":"m","max_tokens":9}', (7, 9)),
        ("/v1/chat/completions", b'{"model":"m","max_completion_tokens":9}', (10, 9)),
        ("/v1/chat/completions", b'{"model":"m","max_tokens":0}', (7, 0)),
        ("/v1/chat/completions", b'{"model":"m","max_tokens":-1}', (8, CEILING)),
        ("/v1/messages", b'{"model":"m","max_tokens":9}', (7, 9)),
        ("/v1/responses", b'{"model":"m","max_output_tokens":9}', (9, 9)),
        ("/api/chat", b'{"model":"m","options":{"num_predict":9}}', (11, 9)),
        ("/v1beta/models/g:generateContent", b'{"generationConfig":{"maxOutputTokens":9}}', (11, 9)),
        ("/v1beta/models/g:generateContent", b"{}", (1, CEILING)),
        # Each of several answers may be as long.
        ("/v1/chat/completions", b'{"model":"m","n":3,"max_tokens":9}', (9, 27)),
        ("/v1/chat/completions", b'{"model":"m","n":3}', (5, 3 * CEILING)),
        ("/v1/chat/completions", b'{"model":"m","n":0}', (5, CEILING)),
        ("/v1/chat/completions", b'{"model":"m","n":9007199254740992}', (9, COUNT_MAX)),
        ("/v1/completions", b'{"model":"m","best_of":5,"n":2,"max_tokens":9}', (12, 45)),
        ("/v1beta/models/g:generateContent", b'{"generationConfig":{"candidateCount":2}}', (11, 2 * CEILING)),
        # Embeddings have no output.
        ("/v1/embeddings", b'{"model":"m","input":"hi"}', (7, 0)),
        ("/v1beta/models/e:embedContent", b"{}", (1, 0)),
        ("/api/embed", b'{"model":"m"}', (4, 0)),
        # A path that generates does so whatever its body says or hides.
        ("/v1/chat/completions", b"no json", (2, CEILING)),
        ("/v1/chat/completions", b"", (0, CEILING)),
        # Nothing says that these generate: a file that is uploaded, say.
        ("/v1/batches", b'{"input_file_id":"f"}', (0, 0)),
        ("/v1/rerank", b'{"model":"m"}', (4, CEILING)),
    ],
)
async def test_a_call_is_reckoned_with_what_its_request_may_use(
    path: str, body: bytes, tokens: tuple[int, int]
) -> None:
    assert await reckoned(path, body) == tokens


async def test_a_body_that_streams_in_is_reckoned_by_its_announced_size() -> None:
    body = b"x" * 4000
    assert await reckoned("/v1/chat/completions", body, BYTES) == (1000, CEILING)
    client = a_request(BYTES, (b"transfer-encoding", b"chunked"))
    plan = await planned(client)
    assert expected_tokens(client, plan, CEILING, BODY_MAX) == (BODY_MAX // 4, CEILING)


async def test_of_sounds_and_images_the_bytes_say_nothing() -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n' + b"x" * 5000
    assert await reckoned("/v1/audio/transcriptions", head, FORM) == (0, CEILING)


async def test_a_provider_may_have_a_ceiling_of_its_own() -> None:
    ask = b'{"model":"m"}'
    assert await reckoned("/v1/chat/completions", ask, output_tokens_ceiling=100) == (4, 100)
    assert await reckoned("/v1/chat/completions", ask, output_tokens_ceiling=0) == (4, 0)
    said = b'{"model":"m","max_tokens":9}'
    assert await reckoned("/v1/chat/completions", said, output_tokens_ceiling=100) == (7, 9)


async def opened(caller: Caller, *headers: tuple[bytes, bytes], **request: Any) -> Opening:
    client = a_request(*headers, **{"body": b'{"model":"m"}', **request})
    plan = await planned(client, caller)
    who = Attribution().who(client.fields, plan.asked, caller.name)
    return opening(1, 2, client, plan, (30, 40), who)


async def test_a_call_by_key_is_booked_with_key_and_project_and_nothing_of_the_secret() -> None:
    shown = Presented(a_secret())
    caller = Caller(key=a_key(project_id=3), presented=shown, name="alice")
    call = await opened(caller, (b"authorization", b"Bearer " + shown.as_it_came))
    assert (call.key_id, call.project_id, call.client, call.credential_hash) == (7, 3, "alice", None)
    assert (call.hold_input_tokens, call.hold_output_tokens) == (30, 40)
    assert call.admitted_us is None, "the books say when they took it"
    assert shown.secret[3:] not in repr(call)


async def test_a_clients_own_credential_is_booked_as_its_hash() -> None:
    hash_ = hashlib.sha256(b"sk-test").digest()
    beside = await opened(Caller(a_key(), Presented(a_secret()), Presented("sk-test")))
    alone = await opened(Caller(own=Presented("sk-test")))
    assert (beside.credential_hash, beside.key_id) == (hash_, 7)
    assert (alone.credential_hash, alone.key_id, alone.project_id) == (hash_, None, None)
    assert (await opened(Caller())).credential_hash is None


async def test_a_path_is_booked_without_its_query() -> None:
    call = await opened(Caller(), path="/v1/chat/completions", query=b"key=" + a_secret().encode())
    assert call.path == "/v1/chat/completions"
    assert a_secret()[3:] not in repr(call)
