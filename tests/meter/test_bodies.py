import tracemalloc

import pytest

from wellhead.meter.bodies import BODY_MAX, Document, Elements
from wellhead.meter.lines import PIECE_MAX


def elements_of(*chunks: bytes) -> list[bytes]:
    elements = Elements()
    return [element for chunk in chunks for element in elements.feed(chunk)]


ARRAY = rb'[ {"a":"]}\"\\"} ,' + b"\r\n" + rb'{"b":[1,{"c":"["}]}' + b'\n, 7, null, "x", [2], {}]'


def test_elements_are_handed_out_as_soon_as_they_are_whole() -> None:
    elements = Elements()
    assert elements.feed(b'[{"a":1},{"b"') == [b'{"a":1}']
    assert elements.feed(b":2}") == [b'{"b":2}']
    assert not elements.closed
    elements.feed(b"]")
    assert elements.closed


def test_brackets_inside_strings_do_not_count() -> None:
    assert elements_of(ARRAY) == [rb'{"a":"]}\"\\"}', rb'{"b":[1,{"c":"["}]}', b"[2]", b"{}"]


@pytest.mark.parametrize("cut", range(len(ARRAY) + 1))
def test_elements_are_the_same_however_the_array_is_cut(cut: int) -> None:
    assert elements_of(ARRAY[:cut], ARRAY[cut:]) == elements_of(ARRAY)


def test_what_follows_the_array_is_not_read() -> None:
    assert elements_of(b"[{}]", b"[{}]{}") == [b"{}"]


def test_more_closing_than_opening_brackets_end_the_array() -> None:
    assert elements_of(b"[]]]]}}}", b"[{}]") == []


def test_an_element_that_is_too_long_is_skipped_and_said_and_the_next_is_read() -> None:
    whole = b'[{"a":"' + b"x" * PIECE_MAX + b'"},{"b":2}]'
    for size in (len(whole), 65536):
        elements = Elements()
        chunks = [whole[n : n + size] for n in range(0, len(whole), size)]
        assert [e for chunk in chunks for e in elements.feed(chunk)] == [b'{"b":2}']
        assert elements.too_long


def test_an_endless_element_holds_no_more_than_its_bound() -> None:
    elements = Elements()
    elements.feed(b'[{"a":"')
    for _ in range(3 * PIECE_MAX // 65536):
        elements.feed(b"x" * 65536)
        assert len(elements._held) <= PIECE_MAX + 65536


def test_many_escapes_in_one_string_cost_no_memory() -> None:
    elements = Elements()
    chunk = b'[{"a":"' + rb"\n" * 500_000
    tracemalloc.start()
    elements.feed(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(chunk)


def test_a_document_is_gathered_up_to_its_end() -> None:
    document = Document()
    for chunk in (b'{"a"', b":", b"1}"):
        document.feed(chunk)
    assert document.finish() == b'{"a":1}'


def test_a_document_of_the_longest_size_is_read_and_a_longer_one_let_go() -> None:
    chunk = bytes(BODY_MAX // 4)
    document = Document()
    for _ in range(4):
        document.feed(chunk)
    assert len(document._body) == BODY_MAX
    document.feed(b"x")
    document.feed(chunk)
    assert document.too_long
    assert document.finish() == b""


def test_gathering_a_document_needs_its_memory_about_once() -> None:
    chunk = bytes(64 * 1024)
    document = Document()
    tracemalloc.start()
    for _ in range(256):
        document.feed(chunk)
    body = document.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1.5 * len(body)
