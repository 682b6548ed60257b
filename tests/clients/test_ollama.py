"""Ollama's SDK through the real program: what it is told of usage is what the books say."""

from collections.abc import Iterator

import ollama
import pytest

from clients import told
from clients.conftest import UpstreamCalls
from fakes.program import Wellhead
from fakes.rows import Booked

MODEL = "llama3.2"
PROMPT = "How deep is the well, and who has the key?"
ASKED = [{"role": "user", "content": PROMPT}]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
def client(wellhead: Wellhead) -> Iterator[ollama.Client]:
    client = ollama.Client(host=wellhead.gateway_url)
    yield client
    client._client.close()


def test_a_chat_is_booked_as_told(client: ollama.Client, booked: Booked) -> None:
    answer = client.chat(model=MODEL, messages=ASKED, options={"num_predict": 300})
    row = booked.row()
    assert row.went_well("ollama", "ollama_chat", MODEL)
    assert row.usage == told.ollama(answer)
    assert row["tool"] == "ollama-python"
    assert row.only("path", "finish_reason", "model_served", "max_output_tokens") == {
        "path": "/api/chat",
        "finish_reason": "stop",
        "model_served": MODEL,
        "max_output_tokens": 300,
    }


def test_a_streamed_chat_is_booked_as_its_last_line_told(client: ollama.Client, booked: Booked) -> None:
    parts = list(client.chat(model=MODEL, messages=ASKED, stream=True))
    assert len(parts) > 2
    row = booked.row()
    assert row.went_well("ollama", "ollama_chat", MODEL, streamed=True)
    assert row.usage == told.ollama(parts[-1])


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_is_booked_as_told(client: ollama.Client, booked: Booked, streamed: bool) -> None:
    if streamed:
        parts = list(client.chat(model=MODEL, messages=ASKED, tools=[TOOL], stream=True))
        called, last = parts[0], parts[-1]
    else:
        called = last = client.chat(model=MODEL, messages=ASKED, tools=[TOOL])
    assert called.message.tool_calls
    assert called.message.tool_calls[0].function.name == "weather"
    row = booked.row()
    assert row.went_well("ollama", "ollama_chat", MODEL, streamed=streamed)
    assert row.usage == told.ollama(last)


@pytest.mark.parametrize("streamed", [False, True])
def test_generated_text_is_booked_as_told(client: ollama.Client, booked: Booked, streamed: bool) -> None:
    if streamed:
        *_, last = client.generate(model=MODEL, prompt=PROMPT, stream=True)
    else:
        last = client.generate(model=MODEL, prompt=PROMPT)
    row = booked.row()
    assert row.went_well("ollama", "ollama_generate", MODEL, streamed=streamed)
    assert row.usage == told.ollama(last)


def test_embeddings_are_booked_as_told(client: ollama.Client, booked: Booked) -> None:
    answer = client.embed(model="nomic", input=["a well", "a key"])
    assert len(answer.embeddings) == 2
    row = booked.row()
    assert row.went_well("ollama", "ollama_embed", "nomic")
    assert row.usage == told.ollama(answer)


def test_listing_and_showing_models_is_not_booked(client: ollama.Client, booked: Booked) -> None:
    assert client.list().models
    assert client.show(MODEL).capabilities
    assert booked.nothing()


async def test_the_asynchronous_client_streams_too(wellhead: Wellhead, booked: Booked) -> None:
    client = ollama.AsyncClient(host=wellhead.gateway_url)
    parts = [part async for part in await client.chat(model=MODEL, messages=ASKED, stream=True)]
    await client._client.aclose()
    assert booked.row().usage == told.ollama(parts[-1])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_an_error_of_the_upstream_keeps_its_status_and_is_booked(
    client: ollama.Client, booked: Booked, status: int, streamed: bool
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        if streamed:
            list(client.chat(model=f"fail-{status}", messages=ASKED, stream=True))
        else:
            client.chat(model=f"fail-{status}", messages=ASKED)
    assert caught.value.status_code == status
    row = booked.row()
    assert row.failed(status, "upstream_error")
    assert row["error_message"] in caught.value.error
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_an_error_inside_a_stream_is_raised_and_booked(client: ollama.Client, booked: Booked) -> None:
    with pytest.raises(ollama.ResponseError, match="overloaded"):
        list(client.chat(model="error-event", messages=ASKED, stream=True))
    row = booked.row()
    assert row.failed(200, "upstream_error")
    assert row["error_message"] == "overloaded"


def test_a_body_that_is_too_large_is_refused_with_413(
    client: ollama.Client, booked: Booked, upstream_calls: UpstreamCalls
) -> None:
    with pytest.raises(ollama.ResponseError) as caught:
        client.generate(model=MODEL, prompt="water " * 20_000)
    assert caught.value.status_code == 413
    assert upstream_calls() == 0
    assert booked.nothing()


def test_an_upstream_that_is_not_there_is_a_502(wellhead: Wellhead, booked: Booked) -> None:
    client = ollama.Client(host=f"{wellhead.gateway_url}/gone")
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat(model=MODEL, messages=ASKED)
    client._client.close()
    assert caught.value.status_code == 502
    assert "gone" in caught.value.error
    assert booked.row().failed(502, "bad_gateway")


def test_a_path_that_nobody_serves_is_a_404(wellhead: Wellhead, booked: Booked) -> None:
    client = ollama.Client(host=f"{wellhead.gateway_url}/nowhere")
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat(model=MODEL, messages=ASKED)
    client._client.close()
    assert caught.value.status_code == 404
    assert booked.nothing()
