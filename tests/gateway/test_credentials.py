"""Which of several credentials serves a call, and what an upstream's answer teaches."""

import tracemalloc
from collections import Counter
from dataclasses import replace

import pytest

from fakes.access import a_credential, a_key, knowing
from fakes.books import NOON_US
from wellhead.access import Credential
from wellhead.directory import Directory
from wellhead.errors import CallerError
from wellhead.gateway.credentials import LIMITED_US, LIMITED_US_MAX, REFUSED_US, REMEMBERED_MAX, Credentials

SECOND = 1_000_000
FIRST, SECOND_ONE, THIRD = (a_credential(n) for n in (1, 2, 3))
ALL = (FIRST, SECOND_ONE, THIRD)


class AChoice(Credentials):
    """With a clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.clock_us = NOON_US
        super().__init__(lambda: self.clock_us)

    def ids(self, candidates: tuple[Credential, ...], count: int) -> list[int]:
        chosen = [self.choose(candidates) for _ in range(count)]
        return [one.id for one in chosen if one is not None]


def test_a_project_has_its_own_before_those_for_everybody() -> None:
    own = a_credential(4, project_id=3)
    known = knowing(Directory(), FIRST, SECOND_ONE, own).credentials
    choice = AChoice()
    assert choice.of(known, a_key(project_id=3), "openai") == own
    assert choice.of(known, a_key(project_id=3), "openai") == own
    assert choice.of(known, a_key(project_id=4), "openai") == FIRST
    assert choice.of(known, a_key(), "openai") == SECOND_ONE
    assert choice.of(known, a_key(), "anthropic") is None
    assert choice.of({}, a_key(project_id=3), "openai") is None


def test_what_cannot_be_opened_is_a_503_and_never_another_credential() -> None:
    sealed = a_credential(4, project_id=3, secret=None)
    known = knowing(Directory(), FIRST, sealed).credentials
    with pytest.raises(CallerError) as error:
        AChoice().of(known, a_key(project_id=3), "openai")
    assert (error.value.code, error.value.status) == ("credential_unreadable", 503)
    # Of several the ones that open serve.
    known = knowing(Directory(), replace(FIRST, secret=None), SECOND_ONE).credentials
    assert AChoice().of(known, a_key(), "openai") == SECOND_ONE


def test_several_take_turns() -> None:
    choice = AChoice()
    assert choice.ids(ALL, 7) == [1, 2, 3, 1, 2, 3, 1]
    assert Counter(choice.ids(ALL, 300)) == {1: 100, 2: 100, 3: 100}


def test_one_that_joins_takes_its_turn_first() -> None:
    choice = AChoice()
    assert choice.ids((FIRST, SECOND_ONE), 3) == [1, 2, 1]
    assert choice.ids(ALL, 4) == [3, 2, 1, 3]


@pytest.mark.parametrize(
    ("status", "retry_after", "cool_us"),
    [
        (401, None, REFUSED_US),
        (403, None, REFUSED_US),
        (401, b"1", REFUSED_US),
        (429, None, LIMITED_US),
        (429, b"", LIMITED_US),
        (429, b"0", LIMITED_US),
        (429, b"7", 7 * SECOND),
        (429, b"120", 120 * SECOND),
        (429, b"86400", LIMITED_US_MAX),
        (429, b"9" * 18, LIMITED_US_MAX),
        (429, b"9" * 10_000, LIMITED_US_MAX),
        (429, b"-5", LIMITED_US),
        (429, b"1.5", LIMITED_US),
        (429, "٣".encode(), LIMITED_US),
        (429, b"Wed, 21 Oct 2026 07:28:00 GMT", LIMITED_US),
    ],
)
def test_one_that_the_upstream_refused_or_limited_is_passed_over(
    status: int, retry_after: bytes | None, cool_us: int
) -> None:
    choice = AChoice()
    assert choice.learn(FIRST, status, retry_after) is True
    choice.clock_us += cool_us - 1
    assert choice.ids((FIRST, SECOND_ONE), 2) == [2, 2]
    choice.clock_us += 1
    assert choice.ids((FIRST, SECOND_ONE), 2) == [1, 2]


@pytest.mark.parametrize("status", [None, 200, 400, 402, 404, 408, 500, 503, 529])
def test_no_other_answer_says_anything_about_a_credential(status: int | None) -> None:
    choice = AChoice()
    assert choice.learn(FIRST, status, b"60") is False
    assert choice.ids((FIRST, SECOND_ONE), 2) == [1, 2]


def test_if_all_cool_down_the_one_that_is_ready_first_is_tried() -> None:
    choice = AChoice()
    choice.learn(FIRST, 401, None)
    choice.learn(SECOND_ONE, 429, b"5")
    choice.learn(THIRD, 429, None)
    assert choice.ids(ALL, 3) == [2, 2, 2]
    choice.learn(SECOND_ONE, 429, b"30")
    assert choice.ids(ALL, 2) == [3, 3]
    assert choice.ids((FIRST,), 1) == [1]


def test_a_new_secret_starts_afresh() -> None:
    choice = AChoice()
    choice.learn(FIRST, 401, None)
    rotated = replace(FIRST, secret="rotated")
    assert choice.ids((rotated, SECOND_ONE), 4) == [1, 2, 1, 2]


def test_only_so_many_are_remembered() -> None:
    choice = AChoice()
    pool = [a_credential(n) for n in range(2 * REMEMBERED_MAX)]
    tracemalloc.start()
    try:
        for one in pool[:REMEMBERED_MAX]:
            choice.learn(one, 401, None)
        first = tracemalloc.get_traced_memory()[0]
        for one in pool[REMEMBERED_MAX:]:
            choice.learn(one, 401, None)
        assert tracemalloc.get_traced_memory()[0] - first < first / 2
    finally:
        tracemalloc.stop()
