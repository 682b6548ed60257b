import base64
import subprocess
import sys

import pytest

from wellhead.errors import WellheadError
from wellhead.vault import NONCE_BYTES, Vault, VaultError, new_master_key_text, parse_master_key

KEY = bytes(range(32))
OTHER = bytes(range(1, 33))
SECRET = "sk-canary-0123456789"
PURPOSE = b"credential:openai:7"


def test_what_was_sealed_opens_again() -> None:
    vault = Vault(KEY)

    assert vault.open(vault.seal(SECRET, bound_to=PURPOSE), bound_to=PURPOSE) == SECRET


def test_another_vault_with_the_same_key_opens_it() -> None:
    assert Vault(KEY).open(Vault(KEY).seal(SECRET, bound_to=PURPOSE), bound_to=PURPOSE) == SECRET


def test_a_sealed_secret_holds_nothing_of_it_and_is_never_twice_the_same() -> None:
    sealed = [Vault(KEY).seal(SECRET, bound_to=PURPOSE) for _ in range(100)]

    assert len({one[:NONCE_BYTES] for one in sealed}) == 100
    assert not any(SECRET[:6].encode() in one for one in sealed)


@pytest.mark.parametrize("purpose", [b"credential:openai:8", b"credential:anthropic:7", b""])
def test_moved_to_another_purpose_it_does_not_open(purpose: bytes) -> None:
    sealed = Vault(KEY).seal(SECRET, bound_to=PURPOSE)

    with pytest.raises(VaultError):
        Vault(KEY).open(sealed, bound_to=purpose)


def test_another_key_does_not_open_it_and_says_nothing_secret() -> None:
    sealed = Vault(KEY).seal(SECRET, bound_to=PURPOSE)

    with pytest.raises(WellheadError) as failure:
        Vault(OTHER).open(sealed, bound_to=PURPOSE)
    assert SECRET not in str(failure.value)
    assert OTHER.hex() not in str(failure.value)


def test_a_change_of_any_byte_is_noticed() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(SECRET, bound_to=PURPOSE)

    for place in range(len(sealed)):
        damaged = bytearray(sealed)
        damaged[place] ^= 1
        with pytest.raises(VaultError):
            vault.open(bytes(damaged), bound_to=PURPOSE)


def test_a_secret_that_was_cut_short_anywhere_is_noticed() -> None:
    vault = Vault(KEY)
    sealed = vault.seal(SECRET, bound_to=PURPOSE)

    for size in range(len(sealed)):
        with pytest.raises(VaultError):
            vault.open(sealed[:size], bound_to=PURPOSE)


def test_the_id_of_a_key_tells_keys_apart_and_stays_the_same() -> None:
    assert Vault(KEY).key_id == Vault(KEY).key_id != Vault(OTHER).key_id
    assert len(Vault(KEY).key_id) == 8
    assert Vault(KEY).key_id not in KEY.hex()


def test_a_vault_does_not_show_its_key() -> None:
    assert KEY.hex() not in repr(Vault(KEY))
    assert repr(KEY) not in repr(vars(Vault(KEY)))


def test_a_new_master_key_can_be_parsed_and_is_another_one_each_time() -> None:
    made = {parse_master_key(new_master_key_text()) for _ in range(20)}

    assert len(made) == 20
    assert {len(key) for key in made} == {32}


@pytest.mark.parametrize(
    "text",
    [
        OTHER.hex(),
        OTHER.hex().upper(),
        base64.b64encode(OTHER).decode(),
        base64.urlsafe_b64encode(OTHER).decode(),
        base64.b64encode(OTHER).decode().rstrip("="),
        f"\n{OTHER.hex()}\n",
    ],
)
def test_a_master_key_may_be_written_as_base64_or_hexadecimal(text: str) -> None:
    assert parse_master_key(text) == OTHER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "canary",
        "canary" * 20,
        OTHER.hex()[:-1],
        base64.b64encode(OTHER[:31]).decode(),
        "canäry=" * 7,
        "====",
    ],
)
def test_anything_else_is_no_master_key_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="32 bytes, as base64 or as 64 hexadecimal digits") as failure:
        parse_master_key(text)
    assert "can" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_importing_it_does_not_import_cryptography() -> None:
    program = "import sys, wellhead.vault; sys.exit('cryptography' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
