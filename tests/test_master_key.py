"""Where the master key comes from, and how another one takes its place."""

import base64
from pathlib import Path

import pytest

from wellhead.master_key import adopt_next, file_beside, master_key, next_key, put_next
from wellhead.secret_files import SecretFileError

KEY = bytes(range(32))
OTHER = bytes(32)


def books(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/books.db"


def test_the_settings_key_is_taken_and_no_file_is_made(tmp_path: Path) -> None:
    for text in (KEY.hex(), base64.b64encode(KEY).decode()):
        found = master_key(text, books(tmp_path))
        assert (found.key, found.file, found.is_new) == (KEY, None, False)
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_file_beside_the_books_is_made_once(tmp_path: Path) -> None:
    made = master_key(None, books(tmp_path))
    assert (made.file, made.is_new) == (tmp_path / "books.db.master-key", True)
    again = master_key(None, books(tmp_path))
    assert (again.key, again.is_new) == (made.key, False)
    assert master_key(made.text, books(tmp_path)).key == made.key


def test_it_is_not_shown(tmp_path: Path) -> None:
    made = master_key(None, books(tmp_path))
    assert made.text not in repr(made)
    assert repr(made.key) not in repr(made)


def test_a_file_without_a_key_is_neither_used_nor_replaced_nor_shown(tmp_path: Path) -> None:
    master_key(None, books(tmp_path))
    file_beside(books(tmp_path)).write_text("canary")
    with pytest.raises(SecretFileError, match="holds no master key") as caught:
        master_key(None, books(tmp_path))
    assert "canary" not in str(caught.value)
    assert file_beside(books(tmp_path)).read_text() == "canary"


def test_another_key_takes_its_place_in_two_steps(tmp_path: Path) -> None:
    url = books(tmp_path)
    old = master_key(None, url)
    assert next_key(url) is None
    put_next(url, OTHER)
    upcoming = next_key(url)
    assert upcoming is not None
    assert (upcoming.key, master_key(None, url).key) == (OTHER, old.key)
    with pytest.raises(SecretFileError, match="another rotation of the master key is under way"):
        put_next(url, KEY)
    adopt_next(url)
    assert (next_key(url), master_key(None, url).key) == (None, OTHER)
    assert [file.name for file in tmp_path.iterdir()] == ["books.db.master-key"]
