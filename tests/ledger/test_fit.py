import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.books import a_settlement, an_opening
from wellhead.ledger.fit import (
    EXTRA_BYTES_MAX,
    TEXT_CHARS_MAX,
    fitted_opening,
    fitted_settlement,
    with_fitted_extra,
)
from wellhead.money import STATED_NANOUSD_MAX
from wellhead.usage import COUNT_MAX, Usage


def test_a_record_that_fits_is_given_back_itself() -> None:
    opening, settlement = an_opening(2**62, session="naïve"), a_settlement(usage_extra='{"iterations":[]}')

    assert fitted_opening(opening) is opening
    assert fitted_settlement(settlement) is settlement


def test_long_texts_are_cut() -> None:
    assert fitted_opening(an_opening(1, user_agent="x" * 5000)).user_agent == "x" * TEXT_CHARS_MAX


def test_counts_that_cannot_be_are_left_out() -> None:
    assert fitted_opening(an_opening(1, max_output_tokens=10**30)).max_output_tokens is None
    assert fitted_opening(an_opening(1, max_output_tokens=-1)).max_output_tokens is None
    assert fitted_settlement(a_settlement(usage=Usage(input_tokens=COUNT_MAX + 1))).usage == Usage()


def test_a_cost_stays_as_the_provider_stated_it_until_it_is_priced() -> None:
    for stated in (-5, -STATED_NANOUSD_MAX, STATED_NANOUSD_MAX):
        assert fitted_settlement(a_settlement(cost_nanousd=stated)).cost_nanousd == stated


def test_extra_usage_that_is_too_long_is_cut_and_says_so() -> None:
    steps = ",".join('{"input_tokens":7}' for _ in range(2000))
    end = a_settlement(usage_extra=f'{{"iterations":[{steps}],"speed":"fast"}}')
    assert fitted_settlement(end) == end
    fit = with_fitted_extra(end)
    assert fit.usage_extra is not None
    assert EXTRA_BYTES_MAX - 100 < len(fit.usage_extra) <= EXTRA_BYTES_MAX
    kept = json.loads(fit.usage_extra)
    assert (kept["cut_short"], kept["speed"], kept["iterations"][0]) == (True, "fast", {"input_tokens": 7})
    assert fit.trouble == (*end.trouble, "usage_extra_cut")
    short = a_settlement(usage_extra='{"speed":"fast"}')
    assert with_fitted_extra(short) is short


@pytest.mark.parametrize(
    "text", ["x" * (EXTRA_BYTES_MAX + 1), "[" + "1," * EXTRA_BYTES_MAX + "1]", '"\udfff"']
)
def test_what_is_no_extra_usage_is_left_out(text: str) -> None:
    fit = with_fitted_extra(a_settlement(usage_extra=text))
    assert (fit.usage_extra, fit.trouble) == (None, ("usage_extra_cut",))


@given(st.text(st.characters(), max_size=20))
def test_every_text_can_be_stored_afterwards(text: str) -> None:
    assert fitted_opening(an_opening(1, model=text)).model == text.encode(errors="replace").decode()


def test_what_is_not_unicode_text_is_replaced() -> None:
    assert fitted_opening(an_opening(1, model="a\ud800b")).model == "a?b"
