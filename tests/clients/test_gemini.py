"""Google's SDK, and Gemini's streams without it, through the real program."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors, types

from clients import told
from clients.conftest import UpstreamCalls
from fakes.program import Wellhead
from fakes.rows import Booked

MODEL = "gemini-2.5-flash"
PROMPT = "How deep is the well, and who has the key?"
LONG_PROMPT = "water " * 1000
BODY = {"contents": [{"parts": [{"text": PROMPT}]}]}


@pytest.fixture
def client(wellhead: Wellhead) -> Iterator[genai.Client]:
    client = _client(wellhead)
    yield client
    client.close()


def _client(wellhead: Wellhead, path: str = "", version: str | None = None) -> genai.Client:
    options = types.HttpOptions(base_url=f"{wellhead.gateway_url}{path}", api_version=version)
    return genai.Client(api_key="test", http_options=options)


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_an_answer_is_booked_as_told_in_both_versions(
    wellhead: Wellhead, booked: Booked, version: str
) -> None:
    client = _client(wellhead, version=version)
    answer = client.models.generate_content(
        model=MODEL, contents=PROMPT, config=types.GenerateContentConfig(max_output_tokens=400)
    )
    client.close()
    row = booked.row()
    assert row.went_well("gemini", "gemini", MODEL)
    assert row.usage == told.gemini(answer.usage_metadata)
    assert row["tool"] == "google-genai"
    assert row.only("path", "max_output_tokens", "finish_reason", "model_served") == {
        "path": f"/{version}/models/{MODEL}:generateContent",
        "max_output_tokens": 400,
        "finish_reason": "STOP",
        "model_served": MODEL,
    }
    assert 0 < row["reasoning_tokens"] < row["output_tokens"]


def test_a_stream_is_booked_as_its_last_chunk_told(client: genai.Client, booked: Booked) -> None:
    chunks = list(client.models.generate_content_stream(model=MODEL, contents=PROMPT))
    assert len(chunks) > 2
    row = booked.row()
    assert row.went_well("gemini", "gemini", MODEL, streamed=True)
    assert row.usage == told.gemini(chunks[-1].usage_metadata)


def test_cached_tokens_are_part_of_the_input(client: genai.Client, booked: Booked) -> None:
    usage = client.models.generate_content(model=MODEL, contents=LONG_PROMPT).usage_metadata
    row = booked.row()
    assert row.usage == told.gemini(usage)
    assert 0 < row["cache_read_tokens"] < row["input_tokens"]


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_is_booked_as_told(client: genai.Client, booked: Booked, streamed: bool) -> None:
    schema = types.Schema(type=types.Type.OBJECT, properties={"city": types.Schema(type=types.Type.STRING)})
    weather = types.FunctionDeclaration(name="weather", parameters=schema)
    config = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])])
    asked: dict[str, Any] = {"model": "gemini-2.0-flash", "contents": PROMPT, "config": config}
    if streamed:
        *_, answer = client.models.generate_content_stream(**asked)
    else:
        answer = client.models.generate_content(**asked)
    assert answer.function_calls
    assert answer.function_calls[0].name == "weather"
    row = booked.row()
    assert row.went_well("gemini", "gemini", "gemini-2.0-flash", streamed=streamed)
    assert row.usage == told.gemini(answer.usage_metadata)


def test_embeddings_are_booked_although_their_usage_is_not_told(client: genai.Client, booked: Booked) -> None:
    assert client.models.embed_content(model="gemini-embedding-001", contents=PROMPT).embeddings
    row = booked.row()
    assert row.went_well("gemini", "gemini_embed", "gemini-embedding-001")
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_counting_tokens_is_not_booked(client: genai.Client, booked: Booked) -> None:
    assert client.models.count_tokens(model=MODEL, contents=PROMPT).total_tokens
    assert booked.nothing()


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
async def test_the_asynchronous_client_streams_too(wellhead: Wellhead, booked: Booked) -> None:
    client = _client(wellhead)
    stream = await client.aio.models.generate_content_stream(model=MODEL, contents=PROMPT)
    chunks = [chunk async for chunk in stream]
    await client.aio.aclose()
    client.close()
    assert booked.row().usage == told.gemini(chunks[-1].usage_metadata)


@pytest.mark.parametrize("encoding", [None, "gzip", "br", "zstd"])
def test_a_stream_without_sse_is_one_array_and_its_last_element_is_booked(
    wellhead: Wellhead, booked: Booked, encoding: str | None
) -> None:
    headers = {"x-goog-api-key": "test"} | ({"x-sim-encoding": encoding} if encoding else {})
    url = f"{wellhead.gateway_url}/v1beta/models/{MODEL}:streamGenerateContent"
    answer = httpx.post(url, json=BODY, headers=headers)
    assert answer.headers.get("content-encoding") == encoding
    elements = json.loads(answer.content)
    assert len(elements) > 2
    last = types.GenerateContentResponse.model_validate(elements[-1])
    row = booked.row()
    assert row.went_well("gemini", "gemini", MODEL, streamed=True)
    assert row.usage == told.gemini(last.usage_metadata)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, errors.ClientError),
        (401, errors.ClientError),
        (429, errors.ClientError),
        (500, errors.ServerError),
        (503, errors.ServerError),
    ],
)
def test_an_error_of_the_upstream_keeps_its_class_and_is_booked(
    client: genai.Client, booked: Booked, status: int, raised: type[errors.APIError], streamed: bool
) -> None:
    with pytest.raises(raised) as caught:
        if streamed:
            list(client.models.generate_content_stream(model=f"fail-{status}", contents=PROMPT))
        else:
            client.models.generate_content(model=f"fail-{status}", contents=PROMPT)
    assert caught.value.code == status
    row = booked.row()
    assert row.failed(status, "upstream_error")
    assert row["error_message"] == caught.value.message
    assert row["model"] == f"fail-{status}"
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_a_body_that_is_too_large_is_refused_with_413(
    client: genai.Client, booked: Booked, upstream_calls: UpstreamCalls
) -> None:
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents=LONG_PROMPT * 20)
    assert caught.value.code == 413
    assert upstream_calls() == 0
    assert booked.nothing()


def test_an_upstream_that_is_not_there_is_a_502(wellhead: Wellhead, booked: Booked) -> None:
    client = _client(wellhead, "/gone")
    with pytest.raises(errors.ServerError) as caught:
        client.models.generate_content(model=MODEL, contents=PROMPT)
    client.close()
    assert (caught.value.code, caught.value.status) == (502, "UNAVAILABLE")
    row = booked.row()
    assert row.failed(502, "bad_gateway")
    assert row.only("provider", "dialect", "model") == {
        "provider": "gone",
        "dialect": "gemini",
        "model": MODEL,
    }


def test_a_path_that_nobody_serves_is_a_404(wellhead: Wellhead, booked: Booked) -> None:
    client = _client(wellhead, "/nowhere")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents=PROMPT)
    client.close()
    assert caught.value.code == 404
    assert booked.nothing()
