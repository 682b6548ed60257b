"""What is sent once more, and what never: nothing that an upstream has perhaps worked on already."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.policy.retry import (
    BACK_OFF_MS_MAX,
    IDEMPOTENT,
    JITTER_MS,
    RETRY_AFTER_S_MAX,
    Attempted,
    Ended,
    Retries,
    Step,
    ended,
    steps,
    told_s,
    wait_s,
)

NOON_US = 1_740_830_400_000_000
"""2025-03-01T12:00:00Z."""
POST = Attempted(Ended.UNSENT, "POST", can_be_sent_again=True)
GET = replace(POST, method="GET")
CREDENTIAL, PROVIDER, AGAIN = Step.OTHER_CREDENTIAL, Step.OTHER_PROVIDER, Step.AGAIN
WAITING = Retries(max=2, rate_limited_max=3)

METHODS = ("GET", "HEAD", "OPTIONS", "DELETE", "PUT", "POST", "PATCH", "QUERY", "get", "")
ATTEMPTED = st.builds(
    Attempted,
    ended=st.sampled_from(Ended),
    method=st.sampled_from(METHODS),
    can_be_sent_again=st.booleans(),
    streamed=st.booleans(),
    again=st.integers(0, 200),
    again_limited=st.integers(0, 30),
    told_s=st.none() | st.floats(0, 1e9),
)
RETRIES = st.builds(Retries, max=st.integers(0, 100), rate_limited_max=st.integers(0, 20))


@pytest.mark.parametrize(
    ("how", "post", "get"),
    [
        (Ended.ANSWERED, (), ()),
        (Ended.CROWDED, (), ()),
        (Ended.UNSENT, (PROVIDER, AGAIN), (PROVIDER, AGAIN)),
        (Ended.BROKEN, (), (AGAIN,)),
        (Ended.REFUSED, (CREDENTIAL,), (CREDENTIAL,)),
        (Ended.LIMITED, (CREDENTIAL, PROVIDER), (CREDENTIAL, PROVIDER)),
        (Ended.FAILED, (PROVIDER,), (PROVIDER, AGAIN)),
    ],
)
def test_what_may_follow(how: Ended, post: tuple[Step, ...], get: tuple[Step, ...]) -> None:
    assert steps(replace(POST, ended=how), Retries()) == post
    assert steps(replace(GET, ended=how), Retries()) == get


@pytest.mark.parametrize(
    ("status", "how"),
    [
        *(
            (status, Ended.ANSWERED)
            for status in (200, 204, 302, 304, 400, 402, 403, 404, 408, 413, 422, 499)
        ),
        *((status, Ended.FAILED) for status in (500, 502, 503, 504, 529, 599, 999)),
        (401, Ended.REFUSED),
        (429, Ended.LIMITED),
    ],
)
def test_a_status_says_how_an_attempt_ended(status: int, how: Ended) -> None:
    assert ended(status) is how


@given(ATTEMPTED, RETRIES)
def test_nothing_perhaps_worked_on_is_sent_once_more_but_by_idempotent_methods(
    attempted: Attempted, retries: Retries
) -> None:
    if AGAIN in steps(attempted, retries) and attempted.ended in (Ended.BROKEN, Ended.FAILED):
        assert attempted.method in IDEMPOTENT


@given(ATTEMPTED, RETRIES)
def test_a_body_that_is_gone_is_never_sent_again(attempted: Attempted, retries: Retries) -> None:
    assert steps(replace(attempted, can_be_sent_again=False), retries) == ()


@given(ATTEMPTED, RETRIES)
def test_the_same_is_sent_so_often_at_most(attempted: Attempted, retries: Retries) -> None:
    if AGAIN in steps(attempted, retries):
        if attempted.ended is Ended.LIMITED:
            assert attempted.again_limited < retries.rate_limited_max
        else:
            assert attempted.again < retries.max


@given(ATTEMPTED, RETRIES, st.integers(0, JITTER_MS - 1))
def test_no_wait_is_longer_than_its_bound(attempted: Attempted, retries: Retries, jitter_ms: int) -> None:
    if AGAIN in steps(attempted, retries):
        limited = attempted.ended is Ended.LIMITED
        assert 0 <= wait_s(attempted, jitter_ms) <= (RETRY_AFTER_S_MAX if limited else BACK_OFF_MS_MAX / 1000)


def test_waits_double_up_to_five_seconds() -> None:
    waits = [wait_s(replace(POST, again=n), 7) for n in (0, 1, 2, 3, 4, 5, 99)]
    assert waits == [0.207, 0.407, 0.807, 1.607, 3.207, 5.0, 5.0]


@pytest.mark.parametrize(
    ("told", "streamed", "already", "retries", "waits"),
    [
        (3.0, False, 0, WAITING, True),
        (0.0, False, 2, WAITING, True),
        (60.0, False, 0, WAITING, True),
        (60.1, False, 0, WAITING, False),
        (None, False, 0, WAITING, False),
        (3.0, True, 0, WAITING, False),
        (3.0, False, 3, WAITING, False),
        (3.0, False, 0, Retries(), False),
    ],
)
def test_a_limited_upstream_is_waited_for_if_it_says_when_and_that_is_wanted(
    told: float | None, streamed: bool, already: int, retries: Retries, waits: bool
) -> None:
    limited = replace(POST, ended=Ended.LIMITED, told_s=told, streamed=streamed, again_limited=already)
    assert (AGAIN in steps(limited, retries)) is waits
    if waits:
        assert wait_s(limited, 99) == told


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        (b"", None),
        (b"0", 0),
        (b"7", 7),
        (b"007", 7),
        (b"9" * 5000, float("inf")),
        (b"-1", None),
        (b"1.5", None),
        (b"soon", None),
        ("٣".encode(), None),
        (b"\xff", None),
        (b"Sat, 01 Mar 2025 12:00:30 GMT", 30),
        (b"Sat, 01 Mar 2025 11:00:00 GMT", 0),
        (b"Sat, 01 Mar 99999 11:00:00 GMT", None),
    ],
)
def test_what_a_retry_after_says(said: bytes | None, seconds: float | None) -> None:
    assert told_s(said, NOON_US) == seconds


@given(st.binary(max_size=60))
def test_no_retry_after_disturbs(said: bytes) -> None:
    told = told_s(said, NOON_US)
    assert told is None or told >= 0
