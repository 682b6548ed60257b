import msgspec
import pytest

from wellhead.meter.outline import (
    LIST_MAX,
    ODD_FORM,
    SMALL_MAX,
    TOO_LONG,
    VALUE_MAX,
    Outline,
    Trouble,
    reach,
    steps,
)

PATHS = ("id", "usage", "message.usage", "choices.*.finish_reason", "choices.*.usage")


def outline_of(document: bytes, *paths: str) -> tuple[dict[str, object], Trouble]:
    """The outline of a document too long to be decoded whole."""
    assert document.endswith(b"}")
    long = document[:-1] + b',"text":"' + b"x" * SMALL_MAX + b'"}'
    trouble: Trouble = {}
    return Outline([steps(path) for path in paths or PATHS]).read(long, trouble), trouble


def test_only_what_is_named_is_decoded() -> None:
    document = b'{"id":"a","usage":{"n":1},"choices":[{"finish_reason":"stop","delta":{}},{}],"other":[1]}'
    assert outline_of(document) == (
        {"id": "a", "usage": {"n": 1}, "choices": [{"finish_reason": "stop"}, {}]},
        {},
    )


def test_a_named_value_holds_what_deeper_paths_name() -> None:
    document = b'{"error":{"message":"m","code":5}}'
    assert outline_of(document, "error", "error.message") == ({"error": {"message": "m", "code": 5}}, {})


def test_null_and_absent_are_the_same() -> None:
    assert outline_of(b'{"id":null,"message":null,"choices":null}') == ({}, {})


@pytest.mark.parametrize(
    "part", [b'"message":"text"', b'"choices":{}', b'"choices":[1]', b'"id":"\xff"', b'"usage":{"n":1e999}']
)
def test_a_part_of_an_odd_form_spoils_nothing_else(part: bytes) -> None:
    outline, trouble = outline_of(b'{"model":"m",' + part + b"}", *PATHS, "model")
    assert outline == {"model": "m"}
    assert trouble == {ODD_FORM: None}


def test_a_value_is_read_up_to_its_bound() -> None:
    for excess, expected in ((0, {"id"}), (1, set())):
        value = b'"' + b"x" * (VALUE_MAX - 2 + excess) + b'"'
        outline, trouble = outline_of(b'{"id":' + value + b"}")
        assert outline.keys() == expected
        assert (TOO_LONG in trouble) is bool(excess)


def test_a_list_is_read_up_to_its_bound() -> None:
    filler = b'[{"text":"' + b"x" * LIST_MAX + b'"}]'
    assert outline_of(b'{"id":"a","choices":' + filler + b"}") == ({"id": "a"}, {TOO_LONG: None})


@pytest.mark.parametrize("document", [b"", b"[]", b"7", b"{", b'{"a":}', b"null", b"[" * 100_000])
def test_what_is_no_json_object_raises(document: bytes) -> None:
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        Outline([("id",)]).read(document, {})


def test_a_small_document_is_read_even_if_what_nobody_asked_for_is_odd() -> None:
    assert Outline([("id",)]).read(b'{"id":"a","text":"\xff"}', {}) == {"id": "a"}


def test_reach_follows_keys_and_lists() -> None:
    value = {"a": [{"b": 1}, {"b": None}, 7, {"b": {"c": 2}}], "d": {"e": 0}}
    assert list(reach(value, steps("a.*.b"))) == [1, {"c": 2}]
    assert list(reach(value, steps("a.*.b.c"))) == [2]
    assert list(reach(value, steps("d.e"))) == [0]
    assert list(reach(value, steps("d.*"))) == []
    assert list(reach(value, steps("a.b"))) == []
    assert list(reach(value, steps("."))) == [value]
