"""Through Wellhead to a live server that nobody here wrote: the SDKs, the rows and the report agree.

LiteLLM's own ways are kept as they are found: a `stream: true` answered by plain
JSON, made-up usage in mock mode, a total of 0 beside an input of 10, a 500 as an
event stream, answers compressed with gzip, an extra `cost` in the usage.

All of it is in this one file, for LiteLLM takes several seconds to start.  The main job, as a
newcomer does it: ``pytest -s tests/end_to_end/test_litellm.py -k newcomer`` shows the transcript.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import openai
import pytest

from clients import told
from fakes.litellm import BRIDGED, MOCKED, MOCKED_ANSWER, Litellm, running_litellm
from fakes.program import Wellhead
from fakes.rows import Booked, Row
from fakes.simulated import simulated_process

pytestmark = pytest.mark.litellm

ASKED: list[Any] = [{"role": "user", "content": "How deep is the well?"}]
WITH_USAGE: Any = {"include_usage": True}
BOTH = pytest.mark.parametrize("model", [MOCKED, BRIDGED])
SHOWN = ("model", "dialect", "state", "input_tokens", "output_tokens", "total_tokens")


@pytest.fixture(scope="module")
def litellm() -> Iterator[Litellm]:
    with simulated_process() as simulated, running_litellm(simulated.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def wellhead(litellm: Litellm) -> Iterator[Wellhead]:
    with Wellhead(upstream=litellm.url) as program:
        yield program


@pytest.fixture
def booked(wellhead: Wellhead) -> Booked:
    return Booked(wellhead.database_path)


@pytest.fixture
def openai_client(wellhead: Wellhead, litellm: Litellm) -> Iterator[openai.OpenAI]:
    url = f"{wellhead.gateway_url}/v1"
    with openai.OpenAI(base_url=url, api_key=litellm.key, max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(wellhead: Wellhead, litellm: Litellm) -> Iterator[anthropic.Anthropic]:
    url = wellhead.gateway_url
    with anthropic.Anthropic(base_url=url, api_key=litellm.key, max_retries=0) as client:
        yield client


def _tokens(wellhead: Wellhead, model: str) -> int:
    """What the report says of a model."""
    answer = httpx.get(f"{wellhead.control_url}/_qs/metrics", params={"model": model})
    total: int = answer.raise_for_status().json()["totals"]["total_tokens"]
    return total


@BOTH
def test_chat(openai_client: openai.OpenAI, booked: Booked, model: str) -> None:
    answer = openai_client.chat.completions.create(model=model, messages=ASKED)
    row = booked.row()
    assert row.went_well("upstream", "openai_chat", model)
    assert row.usage == told.openai_chat(answer.usage)
    assert row["finish_reason"] == "stop"


@BOTH
def test_chat_stream_without_usage(openai_client: openai.OpenAI, booked: Booked, model: str) -> None:
    chunks = list(openai_client.chat.completions.create(model=model, messages=ASKED, stream=True))
    assert not any(chunk.usage for chunk in chunks)
    row = booked.row()
    assert row.went_well("upstream", "openai_chat", model, streamed=True)
    assert (row.usage, row["usage_source"]) == ({}, "absent")


@BOTH
def test_chat_stream_with_usage(openai_client: openai.OpenAI, booked: Booked, model: str) -> None:
    stream = openai_client.chat.completions.create(
        model=model, messages=ASKED, stream=True, stream_options=WITH_USAGE
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert model == BRIDGED or text == MOCKED_ANSWER
    usage = chunks[-1].usage
    assert usage is not None
    row = booked.row()
    assert row.went_well("upstream", "openai_chat", model, streamed=True)
    assert row.usage == told.openai_chat(usage)
    assert row["cost_nanousd"] == round(getattr(usage, "cost") * 10**9)  # noqa: B009 - LiteLLM's own addition


@BOTH
def test_embeddings(openai_client: openai.OpenAI, booked: Booked, model: str) -> None:
    raw = openai_client.embeddings.with_raw_response.create(model=model, input="a well")
    usage = openai.types.create_embedding_response.Usage.model_validate(raw.http_response.json()["usage"])
    row = booked.row()
    assert row.went_well("upstream", "openai_embeddings", model)
    assert row.usage == told.openai_chat(usage)


@BOTH
def test_responses(openai_client: openai.OpenAI, booked: Booked, model: str) -> None:
    raw = openai_client.responses.with_raw_response.create(model=model, input="How deep is the well?")
    assert raw.headers["content-encoding"] == "gzip"
    row = booked.row()
    assert row.went_well("upstream", "openai_responses", model)
    assert row.usage == told.openai_responses(raw.parse().usage)


def test_responses_stream(openai_client: openai.OpenAI, booked: Booked) -> None:
    *_, last = openai_client.responses.create(model=BRIDGED, input="How deep is the well?", stream=True)
    assert last.type == "response.completed"
    row = booked.row()
    assert row.went_well("upstream", "openai_responses", BRIDGED, streamed=True)
    assert row.usage == told.openai_responses(last.response.usage)


def test_a_failed_responses_stream_is_a_500_that_comes_as_events(
    openai_client: openai.OpenAI, booked: Booked
) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        openai_client.responses.create(model=MOCKED, input="How deep is the well?", stream=True)
    assert caught.value.response.headers["content-type"].startswith("text/event-stream")
    row = booked.row()
    assert row.failed(500, "upstream_error")
    assert row["error_message"] == "Error processing stream start"


@BOTH
def test_messages(anthropic_client: anthropic.Anthropic, booked: Booked, model: str) -> None:
    answer = anthropic_client.messages.create(model=model, max_tokens=300, messages=ASKED)
    row = booked.row()
    assert row.went_well("upstream", "anthropic_messages", model)
    assert row.usage == told.anthropic(answer.usage)


def test_messages_stream(anthropic_client: anthropic.Anthropic, booked: Booked) -> None:
    with anthropic_client.messages.stream(model=BRIDGED, max_tokens=300, messages=ASKED) as stream:
        final = stream.get_final_message()
    assert final.usage.input_tokens > 0
    row = booked.row()
    assert row.went_well("upstream", "anthropic_messages", BRIDGED, streamed=True)
    assert row.usage == told.anthropic(final.usage)


def test_a_stream_answered_by_plain_json_is_booked_as_what_it_was(
    wellhead: Wellhead, litellm: Litellm, booked: Booked
) -> None:
    body = {"model": MOCKED, "max_tokens": 300, "stream": True, "messages": ASKED}
    answer = httpx.post(f"{wellhead.gateway_url}/v1/messages", json=body, headers={"x-api-key": litellm.key})
    assert answer.headers["content-type"] == "application/json"
    row = booked.row()
    assert row.went_well("upstream", "anthropic_messages", MOCKED)
    assert row.usage == told.anthropic(anthropic.types.Usage.model_validate(answer.json()["usage"]))


def test_a_wrong_key_is_refused_by_the_upstream_in_its_own_words(wellhead: Wellhead, booked: Booked) -> None:
    url = f"{wellhead.gateway_url}/v1"
    with openai.OpenAI(base_url=url, api_key="sk-wrong", max_retries=0) as client:
        # Without a database LiteLLM knows its master key alone and does not look for others.
        with pytest.raises(openai.BadRequestError, match="No connected db") as caught:
            client.chat.completions.create(model=MOCKED, messages=ASKED)
    assert "x-wellhead-error" not in caught.value.response.headers
    row = booked.row()
    assert row.failed(400, "upstream_error")
    assert row["error_message"] == "No connected db."


def test_an_unknown_model_is_refused_by_the_upstream_in_its_own_words(
    openai_client: openai.OpenAI, booked: Booked
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        openai_client.chat.completions.create(model="nobody", messages=ASKED)
    row = booked.row()
    assert row.failed(400, "upstream_error")
    assert row["error_message"] in caught.value.message


def test_the_report_adds_up_to_what_the_sdks_were_told(
    wellhead: Wellhead,
    openai_client: openai.OpenAI,
    anthropic_client: anthropic.Anthropic,
    booked: Booked,
) -> None:
    before = _tokens(wellhead, BRIDGED)
    usages: list[dict[str, int]] = []
    for _ in range(3):
        *_, chunk = openai_client.chat.completions.create(
            model=BRIDGED, messages=ASKED, stream=True, stream_options=WITH_USAGE
        )
        usages.append(told.openai_chat(chunk.usage))
        with anthropic_client.messages.stream(model=BRIDGED, max_tokens=300, messages=ASKED) as stream:
            usages.append(told.anthropic(stream.get_final_message().usage))
    rows: list[Row] = booked.rows(len(usages))
    assert [row.usage for row in rows] == usages
    assert _tokens(wellhead, BRIDGED) - before == sum(usage["total_tokens"] for usage in usages)


# The main job: start the program, point two SDKs at it, look at the figures.


def test_a_newcomer_points_two_sdks_at_it_and_the_books_show_what_they_were_told(litellm: Litellm) -> None:
    with Wellhead(upstream=litellm.url) as program:
        booked = Booked(program.database_path)
        _say(f"$ wellhead serve --upstream {litellm.url}")
        usages = {
            MOCKED: _openai_streams(f"{program.gateway_url}/v1", litellm.key),
            BRIDGED: _anthropic_streams(program.gateway_url, litellm.key),
        }
        rows = booked.rows(2)
        for row in rows:
            _say("row: " + json.dumps(row.only(*SHOWN)))
        metrics = httpx.get(f"{program.control_url}/_qs/metrics").raise_for_status().json()
        _say(f"$ curl {program.control_url}/_qs/metrics\n{json.dumps(metrics, indent=2)}")
    assert {row["model"]: row.usage for row in rows} == usages
    assert {each["model"]: each["tokens"] for each in metrics["by_model"]} == {
        model: usage["total_tokens"] for model, usage in usages.items()
    }
    assert {each["requests"] for each in metrics["by_model"]} == {1}
    whole = sum(usage["total_tokens"] for usage in usages.values())
    assert metrics["totals"] == {"total_tokens": whole, "total_requests": 2}
    assert sum(hour["tokens"] for hour in metrics["timeseries"]) == whole


def _openai_streams(url: str, key: str) -> dict[str, int]:
    with openai.OpenAI(base_url=url, api_key=key, max_retries=0) as client:
        chunks = list(
            client.chat.completions.create(
                model=MOCKED, messages=ASKED, stream=True, stream_options={"include_usage": True}
            )
        )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    _say(f"openai, streamed in {len(chunks)} chunks: {text}\n  told: {chunks[-1].usage}")
    return told.openai_chat(chunks[-1].usage)


def _anthropic_streams(url: str, key: str) -> dict[str, int]:
    with anthropic.Anthropic(base_url=url, api_key=key, max_retries=0) as client:
        with client.messages.stream(model=BRIDGED, max_tokens=300, messages=ASKED) as stream:
            pieces = list(stream.text_stream)
            usage = stream.get_final_message().usage
    _say(f"anthropic, streamed in {len(pieces)} pieces: {''.join(pieces)}\n  told: {usage}")
    return told.anthropic(usage)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
