"""Wrong credentials are counted by address, in a bounded table."""

import pytest

from wellhead.control.throttle import Throttle, network
from wellhead.errors import CallerError

S = 1_000_000


class Time:
    def __init__(self) -> None:
        self.us = 1_000 * S

    def __call__(self) -> int:
        return self.us


def test_as_many_as_allowed_may_fail_and_then_nobody_is_heard_until_the_first_is_old() -> None:
    time = Time()
    throttle = Throttle(3, 60, time)
    for _ in range(3):
        throttle.attempt("10.0.0.1")
        time.us += 10 * S
    with pytest.raises(CallerError) as refused:
        throttle.attempt("10.0.0.1")
    error = refused.value
    assert (error.code, error.status, error.retry_after_s) == ("TOO_MANY_ATTEMPTS", 429, 30)
    time.us += 30 * S - 1
    with pytest.raises(CallerError) as refused:
        throttle.attempt("10.0.0.1")
    assert refused.value.retry_after_s == 1
    time.us += 1
    throttle.attempt("10.0.0.1")
    with pytest.raises(CallerError):
        throttle.attempt("10.0.0.1")


def test_another_address_is_heard() -> None:
    throttle = Throttle(1, 60, Time())
    throttle.attempt("10.0.0.1")
    throttle.attempt("10.0.0.2")


def test_who_was_right_is_not_counted() -> None:
    throttle = Throttle(2, 60, Time())
    for _ in range(10):
        throttle.forgive("10.0.0.1", throttle.attempt("10.0.0.1"))
    assert len(throttle) == 0
    throttle.attempt("10.0.0.1")
    throttle.forgive("10.0.0.1", throttle.attempt("10.0.0.1"))
    throttle.attempt("10.0.0.1")
    with pytest.raises(CallerError):
        throttle.attempt("10.0.0.1")


def test_the_table_is_bounded_and_forgets_whoever_was_quiet_longest() -> None:
    throttle = Throttle(1, 60, Time(), addresses_max=100)
    for number in range(1000):
        throttle.attempt(f"10.0.{number // 256}.{number % 256}")
    assert len(throttle) == 100
    throttle.attempt("10.0.0.0")
    with pytest.raises(CallerError):
        throttle.attempt("10.0.3.231")


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_a_customers_network_is_one_address(address: str, subject: str) -> None:
    assert network(address) == subject
