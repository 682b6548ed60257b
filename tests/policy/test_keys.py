"""How a key looks: recognisable, checked against typos, and never twice the same."""

import binascii
import hashlib
import random
import re
import string

import pytest

from wellhead.policy.keys import KEY_CHARS, PREFIX, RANDOM_BYTES, digest, is_well_formed, new_secret

DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
FORM = re.compile(r"wh_[0-9A-Za-z]{43}[0-9A-Za-z]{6}")


def value(digits: str) -> int:
    """The number that digits of base 62 stand for, read the way a person would."""
    return sum(DIGITS.index(digit) * 62**place for place, digit in enumerate(reversed(digits)))


# What a second program made of the same bytes: kept, so that a key of today is good for ever.
GOLDEN = [
    (bytes(32), "wh_00000000000000000000000000000000000000000004WFt2I"),
    (b"\xff" * 32, "wh_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11hzXt4"),
    (bytes(range(32)), "wh_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf41dvuc"),
]


@pytest.mark.parametrize(("random_bytes", "secret"), GOLDEN)
def test_the_format_is_as_it_was_written_down(random_bytes: bytes, secret: str) -> None:
    assert new_secret(random_bytes) == secret
    assert is_well_formed(secret)


@pytest.mark.parametrize(("random_bytes", "secret"), GOLDEN)
def test_a_key_is_its_random_bytes_and_their_checksum_in_base_62(random_bytes: bytes, secret: str) -> None:
    assert FORM.fullmatch(secret)
    assert value(secret[3:46]) == int(random_bytes.hex(), 16)
    assert value(secret[46:]) == binascii.crc32(secret[:46].encode("ascii"))


def test_a_hundred_thousand_keys_are_well_formed_and_all_different() -> None:
    bytes_of = random.Random(1).randbytes
    keys = {new_secret(bytes_of(RANDOM_BYTES)) for _ in range(100_000)}
    assert len(keys) == 100_000
    assert all(FORM.fullmatch(key) for key in keys)
    assert all(is_well_formed(key) for key in keys)


@pytest.mark.parametrize("at", range(KEY_CHARS))
def test_every_typo_of_one_character_is_told(at: int) -> None:
    for _, secret in GOLDEN:
        for wrong in (*DIGITS, "-", "_", " ", "é", "\0"):
            if wrong != secret[at]:
                assert not is_well_formed(secret[:at] + wrong + secret[at + 1 :])


@pytest.mark.parametrize("at", range(KEY_CHARS))
def test_a_character_too_few_or_too_many_is_told(at: int) -> None:
    _, secret = GOLDEN[1]
    assert not is_well_formed(secret[:at] + secret[at + 1 :])
    assert not is_well_formed(secret[:at] + "0" + secret[at:])


def test_two_neighbours_that_changed_places_are_told() -> None:
    _, secret = GOLDEN[1]
    for at in range(len(PREFIX), KEY_CHARS - 1):
        swapped = secret[:at] + secret[at + 1] + secret[at] + secret[at + 2 :]
        assert swapped == secret or not is_well_formed(swapped)


@pytest.mark.parametrize("text", ["", "wh_", "sk-ant-api03-" + "a" * 39, "0" * 52, "wh_" + "é" * 49])
def test_what_is_no_key_of_ours_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_takes_32_bytes_and_no_other_number(size: int) -> None:
    with pytest.raises(AssertionError):
        new_secret(bytes(size))


def test_a_key_is_kept_as_the_sha_256_of_its_bytes_as_they_came() -> None:
    assert digest("wh_x").hex() == hashlib.sha256(b"wh_x").hexdigest()
    as_decoded = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert digest(as_decoded) == hashlib.sha256(b"caf\xe9").digest()
