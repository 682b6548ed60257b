"""OpenAI's SDK through the real program: what it is told of usage is what the books say."""

import io
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from clients import told
from clients.conftest import UpstreamCalls
from fakes.program import Wellhead
from fakes.rows import Booked

PROMPT = "How deep is the well, and who has the key?"
LONG_PROMPT = "water " * 1000
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": PROMPT}]
WEATHER: dict[str, object] = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL: ChatCompletionToolParam = {"type": "function", "function": {"name": "weather", "parameters": WEATHER}}
CUT_SHORT = 3


@pytest.fixture
def client(wellhead: Wellhead) -> Iterator[openai.OpenAI]:
    with _client(wellhead) as client:
        yield client


def _client(wellhead: Wellhead, path: str = "/v1") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{wellhead.gateway_url}{path}", api_key="sk-test", max_retries=0)


def test_chat_is_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    answer = client.chat.completions.create(model="gpt-4o", messages=ASKED)
    row = booked.row()
    assert row.went_well("openai", "openai_chat", "gpt-4o")
    assert row["usage_source"] == "reported"
    assert row.usage == told.openai_chat(answer.usage)
    assert (row["model_served"], row["finish_reason"], row["message_count"]) == ("gpt-4o", "stop", 1)
    assert row["path"] == "/v1/chat/completions"
    assert row["user_agent"].startswith("OpenAI/Python")
    assert row["tool"] == "openai-python"


def test_chat_stream_is_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    chunks = list(
        client.chat.completions.create(
            model="gpt-4o", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
    )
    row = booked.row()
    assert row.went_well("openai", "openai_chat", "gpt-4o", streamed=True)
    assert row.usage == told.openai_chat(chunks[-1].usage)
    assert row["finish_reason"] == "stop"
    assert 0 < row["upstream_latency_us"] <= row["ttft_us"] <= row["latency_us"]


def test_usage_of_a_stream_that_did_not_ask_for_it_is_absent_and_not_zero(
    client: openai.OpenAI, booked: Booked
) -> None:
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=ASKED, stream=True))
    assert not any(chunk.usage for chunk in chunks)
    row = booked.row()
    assert row.went_well("openai", "openai_chat", "gpt-4o", streamed=True)
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_tool_calls_are_booked_as_told_whole_and_streamed(client: openai.OpenAI, booked: Booked) -> None:
    whole = client.chat.completions.create(model="gpt-4o", messages=ASKED, tools=[TOOL])
    calls = whole.choices[0].message.tool_calls
    assert calls
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"
    row = booked.row()
    assert row.went_well("openai", "openai_chat", "gpt-4o")
    assert row.usage == told.openai_chat(whole.usage)
    assert row["finish_reason"] == "tool_calls"
    with client.chat.completions.stream(
        model="gpt-4o", messages=ASKED, tools=[TOOL], stream_options={"include_usage": True}
    ) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.tool_calls
    row = booked.row()
    assert row.went_well("openai", "openai_chat", "gpt-4o", streamed=True)
    assert row.usage == told.openai_chat(final.usage)


def test_cached_and_reasoning_tokens_are_parts_of_the_sums(client: openai.OpenAI, booked: Booked) -> None:
    answer = client.chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": LONG_PROMPT}], max_completion_tokens=4000
    )
    row = booked.row()
    assert row.usage == told.openai_chat(answer.usage)
    assert 0 < row["cache_read_tokens"] < row["input_tokens"]
    assert 0 < row["reasoning_tokens"] < row["output_tokens"]
    assert row["max_output_tokens"] == 4000


@pytest.mark.parametrize("streamed", [False, True])
def test_text_completions_are_booked_as_told(client: openai.OpenAI, booked: Booked, streamed: bool) -> None:
    model = "gpt-3.5-turbo-instruct"
    if streamed:
        chunks = client.completions.create(
            model=model, prompt=PROMPT, stream=True, stream_options={"include_usage": True}
        )
        usage = list(chunks)[-1].usage
    else:
        usage = client.completions.create(model=model, prompt=PROMPT).usage
    row = booked.row()
    assert row.went_well("openai", "openai_completions", model, streamed=streamed)
    assert row.usage == told.openai_chat(usage)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(("limit", "finish_reason"), [(None, "completed"), (CUT_SHORT, "max_output_tokens")])
def test_responses_are_booked_as_told(
    client: openai.OpenAI, booked: Booked, streamed: bool, limit: int | None, finish_reason: str
) -> None:
    asked: dict[str, Any] = {"model": "gpt-5-mini", "input": PROMPT}
    if limit is not None:
        asked["max_output_tokens"] = limit
    if streamed:
        # Its last event carries the response; the SDK's own final response knows only completed ones.
        *_, last = client.responses.create(**asked, stream=True)
        answer = last.response
    else:
        answer = client.responses.create(**asked)
    row = booked.row()
    assert row.went_well("openai", "openai_responses", "gpt-5-mini", streamed=streamed)
    assert row.usage == told.openai_responses(answer.usage)
    assert row["finish_reason"] == finish_reason
    assert row["max_output_tokens"] == limit


def test_responses_tool_call_is_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    tool = {"type": "function", "name": "weather", "parameters": WEATHER, "strict": False}
    with client.responses.stream(model="gpt-4o", input=PROMPT, tools=[tool]) as stream:  # type: ignore[list-item]
        final = stream.get_final_response()
    assert final.output[0].type == "function_call"
    assert booked.row().usage == told.openai_responses(final.usage)


def test_embeddings_are_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=[PROMPT, "b"])
    assert len(answer.data) == 2
    row = booked.row()
    assert row.went_well("openai", "openai_embeddings", "text-embedding-3-small")
    assert row.usage == told.openai_chat(answer.usage)


def test_images_are_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    usage = client.images.generate(model="gpt-image-1", prompt=PROMPT).usage
    assert usage is not None
    assert usage.output_tokens_details is not None
    row = booked.row()
    assert row.went_well("openai", "openai_images", "gpt-image-1")
    assert row.usage == {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "input_image_tokens": usage.input_tokens_details.image_tokens,
        "output_image_tokens": usage.output_tokens_details.image_tokens,
    }


def test_an_upload_streams_through_and_is_booked_as_told(client: openai.OpenAI, booked: Booked) -> None:
    voice = ("a.wav", io.BytesIO(b"\0" * 40_000))
    heard = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=voice).usage
    assert heard is not None
    assert heard.type == "tokens"
    assert heard.input_token_details is not None
    row = booked.row()
    assert row.went_well("openai", "openai_transcription", "gpt-4o-transcribe")
    assert row["request_bytes"] > 40_000
    assert row.usage == {
        "input_tokens": heard.input_tokens,
        "output_tokens": heard.output_tokens,
        "total_tokens": heard.total_tokens,
        "input_audio_tokens": heard.input_token_details.audio_tokens,
    }


def test_a_transcription_billed_by_time_is_booked_in_milliseconds(
    client: openai.OpenAI, booked: Booked
) -> None:
    voice = ("a.wav", io.BytesIO(b"\0" * 40_000))
    timed = client.audio.transcriptions.create(model="whisper-1", file=voice).usage
    assert timed is not None
    assert timed.type == "duration"
    row = booked.row()
    assert row.went_well("openai", "openai_transcription", "whisper-1")
    assert row.usage == {"audio_ms": timed.seconds * 1000}


def test_listing_models_is_not_booked(client: openai.OpenAI, booked: Booked) -> None:
    assert "gpt-4o" in [model.id for model in client.models.list()]
    assert booked.nothing()


def test_headers_name_the_call_here_and_at_the_upstream(client: openai.OpenAI, booked: Booked) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASKED)
    row = booked.row()
    assert raw.headers["x-wellhead-call"] == str(row["id"])
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert row["upstream_request_id"] == raw.parse().id


async def test_the_asynchronous_client_streams_too(wellhead: Wellhead, booked: Booked) -> None:
    async with openai.AsyncOpenAI(base_url=f"{wellhead.gateway_url}/v1", api_key="sk-test") as client:
        stream = await client.chat.completions.create(
            model="gpt-4o", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert booked.row().usage == told.openai_chat(chunks[-1].usage)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_an_error_of_the_upstream_keeps_its_class_and_is_booked(
    client: openai.OpenAI, booked: Booked, status: int, raised: type[openai.APIStatusError], streamed: bool
) -> None:
    with pytest.raises(raised) as caught:
        client.chat.completions.create(model=f"fail-{status}", messages=ASKED, stream=streamed)
    assert caught.value.status_code == status
    assert "x-wellhead-error" not in caught.value.response.headers
    row = booked.row()
    assert row.failed(status, "upstream_error")
    assert row["error_message"] in caught.value.message
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_an_error_inside_a_stream_is_raised_and_booked(client: openai.OpenAI, booked: Booked) -> None:
    with pytest.raises(openai.APIError, match="Overloaded"):
        list(client.chat.completions.create(model="error-event", messages=ASKED, stream=True))
    row = booked.row()
    assert row.failed(200, "upstream_error")
    assert row["error_message"] == "Overloaded."


def test_a_stream_that_breaks_off_breaks_off_for_the_client(client: openai.OpenAI, booked: Booked) -> None:
    with pytest.raises(openai.APIConnectionError):
        list(client.chat.completions.create(model="cut", messages=ASKED, stream=True))
    row = booked.row()
    assert row.failed(200, "stream_error")
    assert row["incomplete"]


def test_a_stream_that_the_client_leaves_is_booked_as_aborted(client: openai.OpenAI, booked: Booked) -> None:
    stream = client.chat.completions.create(model="endless", messages=ASKED, stream=True)
    next(iter(stream))
    stream.close()
    row = booked.row()
    assert row.only("state", "error_code", "streamed") == {
        "state": "aborted",
        "error_code": "aborted",
        "streamed": True,
    }


def test_a_body_that_is_too_large_is_refused_with_413(
    client: openai.OpenAI, booked: Booked, upstream_calls: UpstreamCalls
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "water " * 20_000}]
        )
    assert caught.value.status_code == 413
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code == caught.value.response.headers["x-wellhead-error"]
    assert upstream_calls() == 0
    assert booked.nothing()


def test_an_upstream_that_is_not_there_is_a_502(wellhead: Wellhead, booked: Booked) -> None:
    with _client(wellhead, "/gone/v1") as client, pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert (caught.value.status_code, caught.value.code) == (502, "bad_gateway")
    assert caught.value.response.headers["x-wellhead-error"] == "bad_gateway"
    row = booked.row()
    assert row.failed(502, "bad_gateway")
    assert row["provider"] == "gone"


def test_a_path_that_nobody_serves_is_a_404(wellhead: Wellhead, booked: Booked) -> None:
    with _client(wellhead, "/nowhere") as client, pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert caught.value.type == "not_found_error"
    assert caught.value.response.headers["x-wellhead-error"] == "not_found"
    assert booked.nothing()
