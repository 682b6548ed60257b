"""The main job, as a newcomer does it: start the program, point two SDKs at it, look at the figures.

``pytest -s tests/end_to_end/test_main_job.py`` shows the transcript.
"""

import json
import sys
from typing import Any

import anthropic
import httpx
import openai
import pytest

from clients import told
from fakes.litellm import BRIDGED, MOCKED, Litellm
from fakes.program import Wellhead
from fakes.rows import Booked

pytestmark = [pytest.mark.litellm, pytest.mark.xdist_group("litellm")]

ASKED: list[Any] = [{"role": "user", "content": "How deep is the well, and who has the key?"}]
SHOWN = ("model", "dialect", "state", "input_tokens", "output_tokens", "total_tokens")


def test_two_sdks_stream_through_it_and_the_books_show_what_they_were_told(litellm: Litellm) -> None:
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
