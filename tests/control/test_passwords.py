"""Passwords are checked against argon2id and bcrypt hashes, a few at a time."""

import threading
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest
from argon2 import PasswordHasher

from fakes.control import hashed
from wellhead.control import passwords
from wellhead.control.passwords import Passwords, is_right
from wellhead.errors import CallerError

WORDS = "correct horse ✓"


@pytest.mark.parametrize("form", [b"2a", b"2b", b"2y"])
def test_a_bcrypt_hash_of_any_form_is_accepted(form: bytes) -> None:
    made = bcrypt.hashpw(WORDS.encode(), bcrypt.gensalt(4)).replace(b"$2b$", b"$" + form + b"$").decode()
    assert is_right(WORDS, made)
    assert not is_right(WORDS + "!", made)


def test_bcrypt_looks_at_the_first_72_bytes_as_it_always_did() -> None:
    made = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert is_right("x" * 100, made)
    assert not is_right("x" * 71, made)


def test_an_argon2id_hash_is_accepted_whatever_its_cost() -> None:
    for hasher in (PasswordHasher(1, 8, 1), PasswordHasher(2, 64, 2)):
        assert is_right(WORDS, hasher.hash(WORDS))
        assert not is_right(WORDS[:-1], hasher.hash(WORDS))


@pytest.mark.parametrize(
    "hash_", ["", "plain", "$argon2id$", "$2b$12$short", "$2y$99$" + "x" * 53, "$1$a$b", "\ud800"]
)
def test_a_hash_that_is_none_was_made_of_no_password(hash_: str) -> None:
    assert not is_right("", hash_)
    assert not is_right("plain", hash_)


def test_a_password_may_hold_anything() -> None:
    for password in ("", "\0", "a\0b", "\ud800", "é" * 1000):
        assert not is_right(password, hashed("other"))


def test_few_are_checked_at_once_and_whoever_comes_on_top_is_sent_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun, go_on, running = threading.Semaphore(0), threading.Event(), []

    def slow(password: str, _hashed: str) -> bool:
        running.append(password)
        begun.release()
        assert go_on.wait(30)
        return True

    monkeypatch.setattr(passwords, "is_right", slow)
    checks = Passwords(at_once_max=2, waiting_max=3)
    with ThreadPoolExecutor(5) as threads:
        asked = [threads.submit(checks.is_right, str(n), "") for n in range(5)]
        assert begun.acquire(timeout=30)
        assert begun.acquire(timeout=30)
        while checks._seats.acquire(blocking=False):  # until all five sit
            checks._seats.release()
        with pytest.raises(CallerError) as refused:
            checks.is_right("one more", "")
        assert len(running) == 2
        go_on.set()
        assert all(one.result(30) for one in asked)
    assert (refused.value.code, refused.value.retry_after_s) == ("TOO_MANY_ATTEMPTS", 1)
    assert checks.is_right("later", "")
