"""The official SDKs believe the simulated upstream: every dialect, whole and streamed, tools and errors."""

import io
from collections.abc import Iterator

import anthropic
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from fakes.simulated import simulated_thread
from wellhead.demo.speech import tokens

PROMPT = "How deep is the well, and who has the key?"
LONG_PROMPT = "water " * 1000


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with simulated_thread() as upstream:
        yield upstream.url


@pytest.fixture
def openai_client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as client:
        yield client


@pytest.fixture
def anthropic_client(url: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=url, api_key="sk-test", max_retries=0) as client:
        yield client


@pytest.fixture
def gemini_client(url: str) -> Iterator[genai.Client]:
    client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url))
    yield client
    client.close()


@pytest.fixture
def ollama_client(url: str) -> Iterator[ollama.Client]:
    client = ollama.Client(host=url)
    yield client
    client._client.close()


WEATHER_SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
}


def test_openai_chat_counts_a_token_for_four_characters(openai_client: openai.OpenAI) -> None:
    answer = openai_client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": PROMPT}]
    )
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == tokens(PROMPT)
    assert answer.usage.completion_tokens == tokens(answer.choices[0].message.content or "")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.choices[0].finish_reason == "stop"


def test_openai_chat_stream_says_its_usage_only_when_asked(openai_client: openai.OpenAI) -> None:
    silent = openai_client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": PROMPT}], stream=True
    )
    assert not any(chunk.usage for chunk in silent)
    chunks = list(
        openai_client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": PROMPT}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    last = chunks[-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.completion_tokens == tokens(text)


def test_openai_chat_calls_the_offered_tool(openai_client: openai.OpenAI) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}
    answer = openai_client.chat.completions.create(
        model="gpt-4o",
        messages=[{"role": "user", "content": PROMPT}],
        tools=[tool],  # type: ignore[list-item]
    )
    calls = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert calls
    assert calls[0].type == "function"
    assert calls[0].function.name == "weather"


def test_openai_reasoning_is_part_of_the_completion_and_a_long_prompt_is_cached(
    openai_client: openai.OpenAI,
) -> None:
    usage = openai_client.chat.completions.create(
        model="gpt-5-mini", messages=[{"role": "user", "content": LONG_PROMPT}]
    ).usage
    assert usage is not None
    assert usage.completion_tokens_details is not None
    assert usage.prompt_tokens_details is not None
    assert 0 < (usage.completion_tokens_details.reasoning_tokens or 0) < usage.completion_tokens
    assert 0 < (usage.prompt_tokens_details.cached_tokens or 0) < usage.prompt_tokens


def test_openai_completions_whole_and_streamed(openai_client: openai.OpenAI) -> None:
    whole = openai_client.completions.create(model="gpt-3.5-turbo-instruct", prompt=PROMPT)
    assert whole.usage is not None
    assert whole.usage.prompt_tokens == tokens(PROMPT)
    pieces = openai_client.completions.create(model="gpt-3.5-turbo-instruct", prompt=PROMPT, stream=True)
    assert "".join(piece.choices[0].text for piece in pieces)


def test_openai_responses_whole_and_streamed_with_tools(openai_client: openai.OpenAI) -> None:
    whole = openai_client.responses.create(model="gpt-5-mini", input=PROMPT)
    assert whole.usage is not None
    assert whole.usage.input_tokens == tokens(PROMPT)
    assert whole.output_text
    with openai_client.responses.stream(model="gpt-5-mini", input=PROMPT) as stream:
        final = stream.get_final_response()
    assert final.usage is not None
    assert final.usage.output_tokens > final.usage.output_tokens_details.reasoning_tokens > 0
    tool = {"type": "function", "name": "weather", "parameters": WEATHER_SCHEMA, "strict": False}
    with openai_client.responses.stream(model="gpt-4o", input=PROMPT, tools=[tool]) as stream:  # type: ignore[list-item]
        called = stream.get_final_response()
    assert called.output[0].type == "function_call"


def test_openai_responses_stop_at_the_limit_as_incomplete(openai_client: openai.OpenAI) -> None:
    short = openai_client.responses.create(model="gpt-4o", input=PROMPT, max_output_tokens=3)
    assert short.status == "incomplete"
    assert short.usage is not None
    assert short.usage.output_tokens == 3


def test_openai_embeddings_images_transcription_and_models(openai_client: openai.OpenAI) -> None:
    vectors = openai_client.embeddings.create(model="text-embedding-3-small", input=[PROMPT, "b"])
    assert len(vectors.data) == 2
    assert len(vectors.data[0].embedding) == 8
    drawn = openai_client.images.generate(model="gpt-image-1", prompt=PROMPT)
    assert drawn.usage is not None
    assert drawn.usage.input_tokens == tokens(PROMPT)
    voice = ("a.wav", io.BytesIO(b"\0" * 40_000))
    heard = openai_client.audio.transcriptions.create(model="gpt-4o-transcribe", file=voice)
    assert heard.usage is not None
    assert heard.usage.type == "tokens"
    timed = openai_client.audio.transcriptions.create(model="whisper-1", file=voice)
    assert timed.usage is not None
    assert timed.usage.type == "duration"
    assert timed.usage.seconds == 10
    assert "gpt-4o" in [model.id for model in openai_client.models.list()]


@pytest.mark.parametrize(
    ("model", "raised"),
    [
        ("fail-401", openai.AuthenticationError),
        ("fail-429", openai.RateLimitError),
        ("fail-500", openai.InternalServerError),
    ],
)
def test_openai_errors_have_their_classes(
    openai_client: openai.OpenAI, model: str, raised: type[openai.APIStatusError]
) -> None:
    with pytest.raises(raised) as caught:
        openai_client.chat.completions.create(model=model, messages=[{"role": "user", "content": PROMPT}])
    assert caught.value.type


def test_anthropic_message_whole(anthropic_client: anthropic.Anthropic) -> None:
    answer = anthropic_client.messages.create(
        model="claude-sonnet-5", max_tokens=500, messages=[{"role": "user", "content": PROMPT}]
    )
    assert answer.usage.input_tokens == tokens(PROMPT)
    assert answer.content[0].type == "text"
    assert answer.usage.output_tokens == tokens(answer.content[0].text)
    assert answer.stop_reason == "end_turn"


def test_anthropic_cached_tokens_are_beside_the_input(anthropic_client: anthropic.Anthropic) -> None:
    turns: list[anthropic.types.MessageParam] = [{"role": "user", "content": PROMPT}]
    system: list[anthropic.types.TextBlockParam] = [
        {"type": "text", "text": LONG_PROMPT, "cache_control": {"type": "ephemeral"}}
    ]
    first = anthropic_client.messages.create(
        model="claude-sonnet-5", max_tokens=500, system=system, messages=turns
    ).usage
    assert (first.cache_read_input_tokens, first.cache_creation_input_tokens) == (
        0,
        tokens(LONG_PROMPT + PROMPT) * 3 // 4,
    )
    turns += [{"role": "assistant", "content": "Deep."}, {"role": "user", "content": "How deep?"}]
    with anthropic_client.messages.stream(
        model="claude-sonnet-5", max_tokens=500, system=system, messages=turns
    ) as stream:
        later = stream.get_final_message().usage
    assert later.cache_creation_input_tokens == 0
    assert (later.cache_read_input_tokens or 0) > later.input_tokens


def test_anthropic_stream_ends_with_the_cumulative_usage(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="claude-sonnet-5", max_tokens=500, messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert final.usage.input_tokens == tokens(PROMPT)
    assert final.usage.output_tokens == tokens(text)


def test_anthropic_tool_use_streamed(anthropic_client: anthropic.Anthropic) -> None:
    with anthropic_client.messages.stream(
        model="claude-sonnet-5",
        max_tokens=500,
        messages=[{"role": "user", "content": PROMPT}],
        tools=[{"name": "weather", "input_schema": WEATHER_SCHEMA}],
    ) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert final.content[0].type == "tool_use"
    assert set(final.content[0].input) == {"city", "days"}


def test_anthropic_counts_tokens_and_lists_models(anthropic_client: anthropic.Anthropic) -> None:
    counted = anthropic_client.messages.count_tokens(
        model="claude-sonnet-5", messages=[{"role": "user", "content": PROMPT}]
    )
    assert counted.input_tokens == tokens(PROMPT)
    assert [model.id for model in anthropic_client.models.list()]


@pytest.mark.parametrize(
    ("model", "raised"),
    [
        ("fail-401", anthropic.AuthenticationError),
        ("fail-429", anthropic.RateLimitError),
        ("fail-529", anthropic.InternalServerError),
    ],
)
def test_anthropic_errors_have_their_classes(
    anthropic_client: anthropic.Anthropic, model: str, raised: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(raised):
        anthropic_client.messages.create(
            model=model, max_tokens=5, messages=[{"role": "user", "content": PROMPT}]
        )


def test_anthropic_error_event_breaks_the_stream(anthropic_client: anthropic.Anthropic) -> None:
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded"),
        anthropic_client.messages.stream(
            model="error-event", max_tokens=500, messages=[{"role": "user", "content": PROMPT}]
        ) as stream,
    ):
        stream.get_final_message()


@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_gemini_whole_and_streamed(url: str, version: str) -> None:
    client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url, api_version=version))
    whole = client.models.generate_content(model="gemini-2.5-flash", contents=PROMPT)
    usage = whole.usage_metadata
    assert usage is not None
    assert usage.prompt_token_count == tokens(PROMPT)
    assert (usage.thoughts_token_count or 0) > 0
    assert usage.candidates_token_count == tokens(whole.text or "")
    chunks = list(client.models.generate_content_stream(model="gemini-2.5-flash", contents=PROMPT))
    assert len(chunks) > 2
    assert chunks[-1].usage_metadata == usage
    client.close()


def test_gemini_tools_and_embeddings(gemini_client: genai.Client) -> None:
    schema = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
    weather = types.FunctionDeclaration(name="weather", parameters=schema)  # type: ignore[arg-type]
    answer = gemini_client.models.generate_content(
        model="gemini-2.0-flash",
        contents=PROMPT,
        config=types.GenerateContentConfig(tools=[types.Tool(function_declarations=[weather])]),
    )
    assert answer.function_calls
    assert answer.function_calls[0].name == "weather"
    embedded = gemini_client.models.embed_content(model="gemini-embedding-001", contents=PROMPT)
    assert embedded.embeddings
    assert len(embedded.embeddings[0].values or []) == 8


@pytest.mark.parametrize("status", [401, 429, 500])
def test_gemini_errors_have_their_status(gemini_client: genai.Client, status: int) -> None:
    with pytest.raises(genai.errors.APIError) as caught:
        gemini_client.models.generate_content(model=f"fail-{status}", contents=PROMPT)
    assert caught.value.code == status
    assert caught.value.status


def test_ollama_chat_generate_embed_and_listings(ollama_client: ollama.Client) -> None:
    whole = ollama_client.chat(model="llama3.2", messages=[{"role": "user", "content": PROMPT}])
    assert whole.prompt_eval_count == tokens(PROMPT)
    assert whole.eval_count == tokens(whole.message.content or "")
    parts = list(
        ollama_client.chat(model="llama3.2", messages=[{"role": "user", "content": PROMPT}], stream=True)
    )
    assert len(parts) > 2
    assert parts[-1].done
    assert parts[-1].eval_count == tokens("".join(part.message.content or "" for part in parts))
    assert ollama_client.generate(model="llama3.2", prompt=PROMPT).response
    assert len(ollama_client.embed(model="nomic", input=["a", "b"]).embeddings) == 2
    assert ollama_client.list().models
    assert ollama_client.show("llama3.2").capabilities == ["completion", "tools"]


def test_ollama_tools_and_errors(ollama_client: ollama.Client) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": WEATHER_SCHEMA}}
    called = ollama_client.chat(
        model="llama3.2", messages=[{"role": "user", "content": PROMPT}], tools=[tool]
    )
    assert called.message.tool_calls
    assert called.message.tool_calls[0].function.name == "weather"
    with pytest.raises(ollama.ResponseError) as caught:
        ollama_client.chat(model="fail-404", messages=[{"role": "user", "content": PROMPT}])
    assert caught.value.status_code == 404
