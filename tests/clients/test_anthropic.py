"""Anthropic's SDK through the real program: what it is told of usage is what the books say."""

from collections.abc import Iterator

import anthropic
import pytest
from anthropic.types import MessageParam, TextBlockParam, ToolParam

from clients import told
from clients.conftest import UpstreamCalls
from fakes.program import Wellhead
from fakes.rows import Booked

MODEL = "claude-sonnet-5"
PROMPT = "How deep is the well, and who has the key?"
LONG_PROMPT = "water " * 1000
ASKED: list[MessageParam] = [{"role": "user", "content": PROMPT}]
ASKED_AGAIN: list[MessageParam] = [*ASKED, {"role": "assistant", "content": "Deep."}, *ASKED]
TOOL: ToolParam = {
    "name": "weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


@pytest.fixture
def client(wellhead: Wellhead) -> Iterator[anthropic.Anthropic]:
    with _client(wellhead) as client:
        yield client


def _client(wellhead: Wellhead, path: str = "") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=f"{wellhead.gateway_url}{path}", api_key="sk-test", max_retries=0)


def test_a_message_is_booked_as_told(client: anthropic.Anthropic, booked: Booked) -> None:
    answer = client.messages.create(model=MODEL, max_tokens=500, messages=ASKED)
    row = booked.row()
    assert row.went_well("anthropic", "anthropic_messages", MODEL)
    assert row.usage == told.anthropic(answer.usage)
    assert row["usage_source"] == "reported"
    assert row["tool"] == "anthropic-python"
    assert row.only("finish_reason", "model_served", "max_output_tokens", "message_count", "path") == {
        "finish_reason": "end_turn",
        "model_served": MODEL,
        "max_output_tokens": 500,
        "message_count": 1,
        "path": "/v1/messages",
    }


def test_a_streamed_message_is_booked_as_told(client: anthropic.Anthropic, booked: Booked) -> None:
    with client.messages.stream(model=MODEL, max_tokens=500, messages=ASKED) as stream:
        final = stream.get_final_message()
    row = booked.row()
    assert row.went_well("anthropic", "anthropic_messages", MODEL, streamed=True)
    assert row.usage == told.anthropic(final.usage)
    assert row["finish_reason"] == "end_turn"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("ttl", ["5m", "1h"])
@pytest.mark.parametrize("messages", [ASKED, ASKED_AGAIN], ids=["written", "read"])
def test_cached_tokens_are_part_of_the_input(
    client: anthropic.Anthropic, booked: Booked, messages: list[MessageParam], ttl: str, streamed: bool
) -> None:
    system: list[TextBlockParam] = [
        {"type": "text", "text": LONG_PROMPT, "cache_control": {"type": "ephemeral", "ttl": ttl}}  # type: ignore[typeddict-item]
    ]
    if streamed:
        with client.messages.stream(model=MODEL, max_tokens=50, system=system, messages=messages) as stream:
            usage = stream.get_final_message().usage
    else:
        usage = client.messages.create(model=MODEL, max_tokens=50, system=system, messages=messages).usage
    row = booked.row()
    assert row.usage == told.anthropic(usage)
    assert row["input_tokens"] > usage.input_tokens > 0
    if messages is ASKED:
        assert row["cache_write_tokens"] > 0
        assert row["cache_write_1h_tokens"] == (row["cache_write_tokens"] if ttl == "1h" else 0)
    else:
        assert row["cache_read_tokens"] > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_tool_call_is_booked_as_told(client: anthropic.Anthropic, booked: Booked, streamed: bool) -> None:
    if streamed:
        with client.messages.stream(model=MODEL, max_tokens=500, messages=ASKED, tools=[TOOL]) as stream:
            answer: anthropic.types.Message = stream.get_final_message()
    else:
        answer = client.messages.create(model=MODEL, max_tokens=500, messages=ASKED, tools=[TOOL])
    assert answer.content[0].type == "tool_use"
    assert set(answer.content[0].input) == {"city"}
    row = booked.row()
    assert row.went_well("anthropic", "anthropic_messages", MODEL, streamed=streamed)
    assert row.usage == told.anthropic(answer.usage)
    assert row["finish_reason"] == "tool_use"


def test_counting_tokens_and_listing_models_is_not_booked(
    client: anthropic.Anthropic, booked: Booked
) -> None:
    assert client.messages.count_tokens(model=MODEL, messages=ASKED).input_tokens > 0
    assert booked.nothing()


def test_headers_name_the_call_here_and_at_the_upstream(client: anthropic.Anthropic, booked: Booked) -> None:
    raw = client.messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=ASKED)
    row = booked.row()
    assert raw.headers["x-wellhead-call"] == str(row["id"])
    assert row["upstream_request_id"] == raw.parse().id


async def test_the_asynchronous_client_streams_too(wellhead: Wellhead, booked: Booked) -> None:
    async with anthropic.AsyncAnthropic(base_url=wellhead.gateway_url, api_key="sk-test") as client:
        async with client.messages.stream(model=MODEL, max_tokens=500, messages=ASKED) as stream:
            final = await stream.get_final_message()
    assert booked.row().usage == told.anthropic(final.usage)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (403, anthropic.PermissionDeniedError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
def test_an_error_of_the_upstream_keeps_its_class_and_is_booked(
    client: anthropic.Anthropic,
    booked: Booked,
    status: int,
    raised: type[anthropic.APIStatusError],
    streamed: bool,
) -> None:
    with pytest.raises(raised) as caught:
        client.messages.create(model=f"fail-{status}", max_tokens=5, messages=ASKED, stream=streamed)
    assert caught.value.status_code == status
    assert "x-wellhead-error" not in caught.value.response.headers
    row = booked.row()
    assert row.failed(status, "upstream_error")
    assert row["error_message"] in str(caught.value.body)
    assert (row.usage, row["usage_source"]) == ({}, "absent")


def test_an_error_inside_a_stream_is_raised_and_booked(client: anthropic.Anthropic, booked: Booked) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        client.messages.stream(model="error-event", max_tokens=500, messages=ASKED) as stream,
    ):
        stream.get_final_message()
    row = booked.row()
    assert row.failed(200, "upstream_error")
    assert row["error_message"] == "Overloaded."
    assert row["input_tokens"] > 0


def test_a_stream_that_breaks_off_breaks_off_for_the_client(
    client: anthropic.Anthropic, booked: Booked
) -> None:
    with (
        # The SDK lets its HTTP library's own exception through here.
        pytest.raises(Exception, match="incomplete chunked read"),
        client.messages.stream(model="cut", max_tokens=500, messages=ASKED) as stream,
    ):
        stream.get_final_message()
    row = booked.row()
    assert row.failed(200, "stream_error")
    assert row["incomplete"]


def test_what_a_left_stream_said_of_its_usage_is_kept(client: anthropic.Anthropic, booked: Booked) -> None:
    with client.messages.stream(model="endless", max_tokens=500, messages=ASKED) as stream:
        next(iter(stream.text_stream))
    row = booked.row()
    assert row.only("state", "error_code") == {"state": "aborted", "error_code": "aborted"}
    assert row["input_tokens"] > 0
    assert row["incomplete"]


def test_a_body_that_is_too_large_is_refused_with_413(
    client: anthropic.Anthropic, booked: Booked, upstream_calls: UpstreamCalls
) -> None:
    with pytest.raises(anthropic.RequestTooLargeError) as caught:
        client.messages.create(
            model=MODEL, max_tokens=5, messages=[{"role": "user", "content": LONG_PROMPT * 20}]
        )
    assert str(caught.value.type) == "request_too_large"
    assert upstream_calls() == 0
    assert booked.nothing()


def test_an_upstream_that_is_not_there_is_a_502(wellhead: Wellhead, booked: Booked) -> None:
    with _client(wellhead, "/gone") as client, pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(model=MODEL, max_tokens=5, messages=ASKED)
    assert (caught.value.status_code, caught.value.type) == (502, "api_error")
    assert caught.value.response.headers["x-wellhead-error"] == "bad_gateway"
    row = booked.row()
    assert row.failed(502, "bad_gateway")
    assert row["provider"] == "gone"


def test_a_path_that_nobody_serves_is_a_404(wellhead: Wellhead, booked: Booked) -> None:
    with _client(wellhead, "/nowhere") as client, pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model=MODEL, max_tokens=5, messages=ASKED)
    assert caught.value.response.headers["x-wellhead-error"] == "not_found"
    assert booked.nothing()
