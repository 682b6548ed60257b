from hypothesis import given
from hypothesis import strategies as st

from fakes.books import a_settlement, an_opening
from wellhead.ledger.fit import EXTRA_CHARS_MAX, TEXT_CHARS_MAX, fitted_opening, fitted_settlement
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


def test_extra_usage_that_is_too_long_is_left_out_whole() -> None:
    assert fitted_settlement(a_settlement(usage_extra="x" * EXTRA_CHARS_MAX)).usage_extra is not None
    assert fitted_settlement(a_settlement(usage_extra="x" * (EXTRA_CHARS_MAX + 1))).usage_extra is None


@given(st.text(st.characters(), max_size=20))
def test_every_text_can_be_stored_afterwards(text: str) -> None:
    assert fitted_opening(an_opening(1, model=text)).model == text.encode(errors="replace").decode()


def test_what_is_not_unicode_text_is_replaced() -> None:
    assert fitted_opening(an_opening(1, model="a\ud800b")).model == "a?b"
    assert fitted_settlement(a_settlement(usage_extra='"\udfff"')).usage_extra is None
