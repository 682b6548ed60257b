"""Sessions: signed cookies that expire, and that a logout really ends."""

import base64
import hmac

import pytest

from wellhead.control.roles import Role
from wellhead.control.sessions import Sessions

MS = 1000
NOW_US = 1_772_323_200_000_000
PASSWORDS = {Role.ADMIN: "one", Role.VIEWER: "two"}


class Time:
    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us


def sessions(time: Time, passwords: dict[Role, str] = PASSWORDS, ended_max: int = 100) -> Sessions:
    return Sessions(b"k" * 32, 3600, passwords, time, ended_max)


@pytest.mark.parametrize("role", list(Role))
def test_a_session_is_of_the_role_that_began_it(role: Role) -> None:
    ours = sessions(Time())
    cookie = ours.begin(role)
    begun, name, signature = cookie.split(".")
    assert (begun, name, len(signature)) == (str(NOW_US // MS), role.value, 43)
    assert ours.role_of(cookie) is role


def test_the_role_and_the_moment_are_signed() -> None:
    ours = sessions(Time())
    begun, _, signature = ours.begin(Role.VIEWER).split(".")
    assert ours.role_of(f"{begun}.admin.{signature}") is None
    assert ours.role_of(f"{int(begun) + 1}.viewer.{signature}") is None


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ".",
        "..",
        "...",
        "1.admin.",
        "x.admin.y",
        "1.owner.y",
        "1.admin.ÿ",
        "9" * 400 + ".admin.y",
        "١.admin.y",
        "-1.admin.y",
    ],
)
def test_what_was_not_begun_here_is_nobodys(cookie: str) -> None:
    ours = sessions(Time())
    assert ours.role_of(cookie) is None
    ours.end(cookie)


def test_no_other_secret_signs_for_us() -> None:
    time = Time()
    foreign = Sessions(None, 3600, PASSWORDS, time).begin(Role.ADMIN)
    assert sessions(time).role_of(foreign) is None
    begun = NOW_US // MS
    unkeyed = hmac.digest(b"", f"{begun}.admin".encode(), "sha256")
    signature = base64.urlsafe_b64encode(unkeyed).rstrip(b"=").decode()
    assert sessions(time).role_of(f"{begun}.admin.{signature}") is None


def test_the_same_secret_and_password_sign_in_another_process() -> None:
    time = Time()
    assert sessions(time).role_of(sessions(time).begin(Role.ADMIN)) is Role.ADMIN


def test_who_changes_a_password_ends_the_sessions_it_began() -> None:
    time = Time()
    cookies = [sessions(time).begin(role) for role in Role]
    later = sessions(time, {Role.ADMIN: "changed", Role.VIEWER: "two"})
    assert [later.role_of(one) for one in cookies] == [Role.VIEWER, None]
    assert sessions(time, {Role.ADMIN: "one"}).role_of(cookies[0]) is None


def test_a_session_expires() -> None:
    time = Time()
    ours = sessions(time)
    cookie = ours.begin(Role.ADMIN)
    time.us += 3600 * 1000 * MS - MS
    assert ours.role_of(cookie) is Role.ADMIN
    time.us += MS
    assert ours.role_of(cookie) is None


def test_a_session_from_far_in_the_future_is_nobodys() -> None:
    time = Time()
    cookie = sessions(time).begin(Role.ADMIN)
    time.us -= 60_000 * MS
    assert sessions(time).role_of(cookie) is Role.ADMIN
    time.us -= MS
    assert sessions(time).role_of(cookie) is None


def test_a_logout_ends_that_session_and_no_other_even_of_the_same_millisecond() -> None:
    ours = sessions(Time())
    first, second = ours.begin(Role.ADMIN), ours.begin(Role.ADMIN)
    ours.end(first)
    ours.end(first)
    assert ours.role_of(first) is None
    assert ours.role_of(second) is Role.ADMIN


def test_what_is_remembered_of_ended_sessions_is_bounded_and_none_comes_back() -> None:
    time = Time()
    ours = sessions(time, ended_max=10)
    kept = ours.begin(Role.ADMIN)
    time.us += 5 * MS
    cookies = [ours.begin(Role.ADMIN) for _ in range(50)]
    newest = ours.begin(Role.ADMIN)
    for cookie in cookies:
        ours.end(cookie)
    assert len(ours._ended) == 10
    assert {ours.role_of(one) for one in cookies} == {None}
    assert ours.role_of(newest) is Role.ADMIN
    assert ours.role_of(kept) is None  # the price of the bound


def test_expired_ones_are_forgotten_before_any_other_is_ended() -> None:
    time = Time()
    ours = sessions(time, ended_max=10)
    for _ in range(10):
        ours.end(ours.begin(Role.ADMIN))
    time.us += 3600 * 1000 * MS + 20 * MS
    kept = ours.begin(Role.VIEWER)
    ours.end(ours.begin(Role.ADMIN))
    assert len(ours._ended) == 1
    assert ours.role_of(kept) is Role.VIEWER
