"""What is kept of a usage as it came: all of it, or as much as fits, and then that is said."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.usage_extra import CUT_SHORT, cut, is_cut, text_of

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20)
lists = st.lists(leaves | st.dictionaries(st.text(max_size=5), leaves, max_size=3), max_size=9)
extras = st.dictionaries(st.text(max_size=8), leaves | lists, max_size=5)


@given(extras, st.integers(18, 300))
def test_it_fits_and_what_fits_is_as_it_was(extra: dict[str, object], bytes_max: int) -> None:
    text = text_of(extra, bytes_max)
    assert len(text.encode()) <= bytes_max
    kept = json.loads(text)
    assert is_cut(text) is (CUT_SHORT in kept)
    if not is_cut(text):
        assert kept == extra
        return
    assert kept.pop(CUT_SHORT) is True
    assert kept != extra
    for name, value in kept.items():
        whole = extra[name]
        assert value == whole or (isinstance(whole, list) and value == whole[: len(value)])


def test_small_members_come_first_and_lists_from_their_beginning() -> None:
    extra = {"iterations": [{"n": number} for number in range(9)], "speed": "fast", "note": "x" * 90}
    assert json.loads(text_of(extra, 80)) == {
        CUT_SHORT: True,
        "speed": "fast",
        "iterations": [{"n": 0}, {"n": 1}, {"n": 2}],
    }


@pytest.mark.parametrize("text", ["", "x" * 99, "[1]", "7", '"\udfff"'])
def test_what_is_no_such_text_is_nothing(text: str) -> None:
    assert cut(text, 50) is None
