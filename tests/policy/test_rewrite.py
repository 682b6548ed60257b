"""Splices of a request body leave every other byte as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.policy.rewrite import names_once, with_stream_usage, without_member

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(max_size=6) | st.just("provider"), VALUES, max_size=5)


@pytest.mark.parametrize(
    ("body", "spliced"),
    [
        (b'{"a":1}', b'{"stream_options":{"include_usage":true},"a":1}'),
        (b" \n{ }", b' \n{"stream_options":{"include_usage":true} }'),
        (b'{"stream_options":null,"a":1.0}', b'{"stream_options":{"include_usage":true},"a":1.0}'),
        (b'{"stream_options":{}}', b'{"stream_options":{"include_usage":true}}'),
        (b'{"stream_options": {"x" : 2} }', b'{"stream_options": {"include_usage":true,"x" : 2} }'),
        (b'{"stream_options":{"include_usage" : false}}', b'{"stream_options":{"include_usage" : true}}'),
    ],
)
def test_usage_is_asked_for_and_nothing_else_changes(body: bytes, spliced: bytes) -> None:
    assert with_stream_usage(body) == spliced


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"a":1,"a":2}', b'{"a":', b"\xff"])
def test_what_cannot_be_spliced_goes_on_as_it_is(body: bytes) -> None:
    assert with_stream_usage(body) is body
    assert without_member(body, "provider") is body


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        (b'{"provider":"x"}', b"{}"),
        (b'{"provider": "x" , "a":1}', b'{ "a":1}'),
        (b'{"a":1, "provider":"x"}', b'{"a":1}'),
        (b'{"a": 1 , "provider" : "x" , "b":2}', b'{"a": 1 ,  "b":2}'),
        (b'{"a":{"provider":"y"}}', b'{"a":{"provider":"y"}}'),
        (b'{"provider":"a\\"},{"}', b"{}"),
    ],
)
def test_a_member_is_taken_out_with_its_comma(body: bytes, rest: bytes) -> None:
    assert without_member(body, "provider") == rest


@given(OBJECTS, st.sampled_from([None, 1]), st.booleans())
def test_any_object_means_the_same_but_for_the_splice(
    members: dict[str, object], indent: int | None, ascii_only: bool
) -> None:
    body = json.dumps(members, indent=indent, ensure_ascii=ascii_only).encode()
    asked = json.loads(with_stream_usage(body))
    assert asked.pop("stream_options")["include_usage"] is True
    assert asked == {k: v for k, v in members.items() if k != "stream_options"}
    without = json.loads(without_member(body, "provider"))
    assert without == {k: v for k, v in members.items() if k != "provider"}


@pytest.mark.parametrize(
    ("body", "once"),
    [
        (b'{"model":"a"}', True),
        (b'{"n":1}', True),
        (b'{"model":"a","models":["b"],"x":{"model":"b"}}', True),
        (b'{"model":"a","model":"b"}', False),
        (b'{"model":"a", "Model":"b"}', False),
        (b'{"MODEL":"b","n":[1,2],"model":"a"}', False),
        (rb'{"model":"a","mod\u0065l":"b"}', False),
        (b'["model"]', False),
        (b'{"model":"a"} trailing', False),
        (b'{"model":"a",}', False),
    ],
)
def test_a_name_that_readers_may_take_differently_is_told(body: bytes, once: bool) -> None:
    assert names_once(body, "model") is once
