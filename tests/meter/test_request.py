import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.outline import SMALL_MAX
from wellhead.meter.request import LONG_MIN, read_form, read_request
from wellhead.usage import NOTHING_ASKED, Asked

CHAT = DIALECTS["openai_chat"]


def asked(dialect: str | None = "openai_chat", **body: Any) -> Asked:
    return read_request(json.dumps(body).encode(), DIALECTS[dialect] if dialect else None)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b'"x"', b"null", b"{", b'{"a":}', b"\xff", b"--boundary\r\n"]
)
def test_what_is_no_json_object_asks_for_nothing(body: bytes) -> None:
    assert read_request(body, CHAT) == NOTHING_ASKED
    assert read_request(body, None) == NOTHING_ASKED


def test_model_stream_and_messages() -> None:
    found = asked(model="gpt-5.6", stream=True, stream_options={"include_usage": True}, messages=[{}, {}, {}])
    assert found == Asked(model="gpt-5.6", streamed=True, include_usage=True, message_count=3)


@pytest.mark.parametrize(
    ("stated", "streamed"),
    [
        (True, True),
        ("true", True),
        (False, False),
        ("false", False),
        (None, None),
        (1, None),
        ("yes", None),
        ([], None),
    ],
)
def test_stream_may_be_a_text(stated: Any, streamed: bool | None) -> None:
    assert asked(stream=stated).streamed is streamed


@pytest.mark.parametrize("options", [None, True, [], {}, {"include_usage": False}, {"include_usage": None}])
def test_usage_is_asked_for_only_by_true(options: Any) -> None:
    assert asked(stream_options=options).include_usage is False


@pytest.mark.parametrize(
    ("dialect", "body", "ceiling"),
    [
        ("openai_chat", {"max_tokens": 5}, 5),
        ("openai_chat", {"max_tokens": 5, "max_completion_tokens": 7}, 7),
        ("openai_chat", {"max_output_tokens": 9}, None),
        ("openai_responses", {"max_output_tokens": 9}, 9),
        ("openai_chat", {"max_completion_tokens": 1, "max_tokens": 100_000}, 100_000),
        ("openai_chat", {"max_tokens": 1e5}, 100_000),
        ("openai_chat", {"max_tokens": 1.5}, None),
        ("anthropic_messages", {"max_tokens": 4096}, 4096),
        ("gemini", {"generationConfig": {"maxOutputTokens": 11}}, 11),
        ("ollama_chat", {"options": {"num_predict": 12}}, 12),
        ("ollama_chat", {"options": {"num_predict": -1}}, None),
        (None, {"max_tokens_to_sample": 13}, 13),
        ("openai_chat", {"max_tokens": 5.5}, None),
        ("openai_chat", {"max_tokens": "5"}, None),
        ("openai_chat", {"max_tokens": True}, None),
        ("openai_chat", {"max_tokens": 2**60}, None),
        ("openai_embeddings", {"max_tokens": 5}, None),
    ],
)
def test_the_ceiling_of_the_answer_has_many_names(
    dialect: str | None, body: dict[str, Any], ceiling: int | None
) -> None:
    assert asked(dialect, **body).max_output_tokens == ceiling


@pytest.mark.parametrize("length", [0, SMALL_MAX, LONG_MIN])
@pytest.mark.parametrize(
    ("dialect", "body", "choices"),
    [
        ("openai_chat", {}, None),
        ("openai_chat", {"n": 3}, 3),
        ("openai_chat", {"n": 0}, 0),
        ("openai_chat", {"n": -1}, None),
        ("openai_chat", {"n": "3"}, None),
        ("openai_chat", {"n": True}, None),
        ("openai_chat", {"n": 2**60}, None),
        # Of these only some are told, and all are paid.
        ("openai_completions", {"n": 2, "best_of": 5}, 5),
        ("openai_completions", {"n": 2, "best_of": None}, 2),
        ("gemini", {"generationConfig": {"candidateCount": 4}}, 4),
        ("gemini", {"generation_config": {"candidate_count": 4}}, 4),
        (None, {"n": 3}, 3),
    ],
)
def test_an_answer_may_be_wanted_several_times(
    dialect: str | None, body: dict[str, Any], choices: int | None, length: int
) -> None:
    found = asked(dialect, model="m", prompt="x" * length, **body)
    assert (found.choices, found.model) == (choices, "m")


@pytest.mark.parametrize(
    ("dialect", "body", "count"),
    [
        ("gemini", {"contents": [{}, {}]}, 2),
        ("openai_responses", {"input": [{}, {}, {}]}, 3),
        ("openai_responses", {"input": "one text"}, None),
        ("openai_embeddings", {"input": ["a", "b"]}, 2),
        (None, {"contents": [{}]}, 1),
        ("openai_chat", {"messages": []}, 0),
        ("openai_chat", {"messages": {"no": "list"}}, None),
        ("ollama_generate", {"prompt": "x"}, None),
    ],
)
def test_messages_are_counted_where_the_dialect_has_them(
    dialect: str | None, body: dict[str, Any], count: int | None
) -> None:
    found = asked(dialect, model="m", **body)
    assert (found.message_count, found.model) == (count, "m")


@pytest.mark.parametrize("length", [0, SMALL_MAX])
@pytest.mark.parametrize("other", [{"no": "list"}, True, 5, 1.5, "text"])
def test_messages_are_counted_beside_other_lists_of_odd_form(other: Any, length: int) -> None:
    """A small body is decoded whole, a longer one in part; both say the same."""
    found = asked(model="m", messages=[{}, {}], input=other, contents=other, prompt="x" * length)
    assert found == Asked(model="m", message_count=2)


OLD_ID = "user_1f2e_account_0a1b_session_6b8f0c3e-2f7c-4f8e-9d2a-1d0f6f0a9b11"
NEW_ID = '{"device_id":"d","account_uuid":"a","session_id":"6b8f0c3e"}'


@pytest.mark.parametrize(
    ("body", "user", "session"),
    [
        ({"user": "u"}, "u", None),
        ({"safety_identifier": "s"}, "s", None),
        ({"user": "u", "metadata": {"user_id": OLD_ID}}, "u", "6b8f0c3e-2f7c-4f8e-9d2a-1d0f6f0a9b11"),
        ({"metadata": {"user_id": OLD_ID}}, OLD_ID, "6b8f0c3e-2f7c-4f8e-9d2a-1d0f6f0a9b11"),
        ({"metadata": {"user_id": NEW_ID}}, NEW_ID, "6b8f0c3e"),
        ({"metadata": {"user_id": "{not json"}}, "{not json", None),
        ({"metadata": {"user_id": '{"session_id":5}'}}, '{"session_id":5}', None),
        ({"metadata": {"user_id": "plain"}}, "plain", None),
        ({"metadata": {"user_id": NEW_ID}, "prompt_cache_key": "p"}, NEW_ID, "6b8f0c3e"),
        ({"prompt_cache_key": "p", "conversation": "c"}, None, "p"),
        ({"conversation": "conv_1"}, None, "conv_1"),
        ({"conversation": {"id": "conv_2"}}, None, "conv_2"),
        ({"user": 5, "metadata": "x"}, None, None),
    ],
)
def test_user_and_session(body: dict[str, Any], user: str | None, session: str | None) -> None:
    found = asked("anthropic_messages", **body)
    assert (found.user, found.session) == (user, session)


def test_provider_counts_only_as_text() -> None:
    assert asked(provider="groq").provider == "groq"
    assert asked(provider={"order": ["groq"]}).provider is None


def test_nested_names_escapes_and_duplicates_do_not_mislead() -> None:
    body = rb"""{"messages":[{"model":"wrong","stream":true,"content":"\"model\":\"no\",\"max_tokens\":1}]"}],
        "mo\u0064el":"first","tools":[{"model":"wrong"}],"model":"last","max_tokens":3}"""
    assert read_request(body, CHAT) == Asked(model="last", max_output_tokens=3, message_count=1)


def test_a_part_that_cannot_be_read_spoils_nothing_else() -> None:
    found = read_request(b'{"model":"m","user":"\xff","max_tokens":1e999,"messages":[{"c":"\xff"}]}', CHAT)
    assert found == Asked(model="m", message_count=1)


def test_a_flood_of_tiny_messages_costs_little_memory() -> None:
    body = b'{"model":"m","messages":[' + b"0," * 5_000_000 + b"0]}"
    tracemalloc.start()
    found = read_request(body, CHAT)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == Asked(model="m")
    assert peak < 1024 * 1024


def test_a_model_name_is_kept_up_to_its_bound() -> None:
    assert len(asked(model="x" * 10_000).model or "") == 512


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise(body: bytes) -> None:
    for dialect in (None, CHAT):
        read_request(body, dialect)


NAMES = [
    "model",
    "stream",
    "stream_options",
    "include_usage",
    "messages",
    "max_tokens",
    "metadata",
    "user_id",
    "user",
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_arbitrary_objects_are_read(body: dict[str, Any]) -> None:
    found = read_request(json.dumps(body).encode(), CHAT)
    assert (
        found.model == (body.get("model") if isinstance(body.get("model"), str) else None)
        or not body["model"]
    )


def a_form(*parts: bytes) -> bytes:
    return (
        b"".join(b"--b\r\ncontent-disposition: form-data; " + part + b"\r\n" for part in parts) + b"--b--\r\n"
    )


def test_a_forms_fields_are_read_before_its_file() -> None:
    form = a_form(
        b'name="model"\r\n\r\nwhisper-1',
        b'name="stream"\r\ncontent-type: text/plain\r\n\r\ntrue',
        b'name="file"; filename="a.wav"\r\n\r\nRIFF',
    )
    assert read_form(form) == Asked(model="whisper-1", streamed=True)
    for cut in range(len(form)):
        assert read_form(form[:cut]).model in (None, "whisper-1")


def test_a_form_that_names_no_model_says_nothing() -> None:
    assert read_form(b"") == read_form(b"\x00\xff" * 1000) == Asked()
    assert read_form(a_form(b'name="prompt"\r\n\r\nmodel')) == Asked()
    assert read_form(a_form(b'name="model"\r\n\r\n' + b"m" * 1000)) == Asked()


LONG_TEXTS = st.builds(
    lambda unit, times, end: unit * times + end,
    st.sampled_from(["word ", "a\\b", "\n", "é☃", '"', '\\"', "\\\\", 'say "x" and ', "\\" * 7, "}],"]),
    st.integers(1, 20_000),
    st.sampled_from(["", "\\", '"', '\\"', "\\\\", "\n"]),
)


@given(st.lists(LONG_TEXTS, min_size=1, max_size=6), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_long_texts_are_left_out_without_a_trace(texts: list[str], ascii_only: bool, last: bool) -> None:
    texts = [*texts, "t" * LONG_MIN]
    named: dict[str, object] = {"model": "m", "stream": True, "max_tokens": 7, "metadata": {"user_id": "u"}}
    said: dict[str, object] = {"messages": [{"role": "user", "content": text} for text in texts]}
    body = json.dumps(said | named if last else named | said, ensure_ascii=ascii_only).encode()

    assert read_request(body, CHAT) == Asked(
        model="m", streamed=True, max_output_tokens=7, user="u", message_count=len(texts)
    )
    assert read_request(body[:-1], CHAT) == Asked()


def test_a_name_that_is_a_long_text_is_no_name() -> None:
    body = json.dumps({"model": "m" * LONG_MIN, "user": "u", "messages": []}).encode()
    assert read_request(body, CHAT) == Asked(user="u", message_count=0)
