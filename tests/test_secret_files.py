"""Secrets in files: made once, by one process, for their owner alone."""

import multiprocessing
import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from wellhead.secret_files import Kept, SecretFileError, kept, look, move, put


def test_a_file_is_made_once_with_its_directory_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "books" / "secret"
    assert kept(path, lambda: "first") == Kept("first", path, is_new=True)
    assert kept(path, lambda: "second") == Kept("first", path, is_new=False)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def test_a_generous_mask_opens_it_to_nobody(tmp_path: Path) -> None:
    mask = os.umask(0)
    try:
        kept(tmp_path / "secret", lambda: "text")
    finally:
        os.umask(mask)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def _keep(path: Path, barrier: Barrier, name: str, told: "multiprocessing.Queue[tuple[str, bool]]") -> None:
    barrier.wait(30)
    found = kept(path, lambda: name)
    told.put((found.text, found.is_new))


def test_processes_that_make_it_at_once_agree(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier, told = spawn.Barrier(4), spawn.Queue()
    processes = [
        spawn.Process(target=_keep, args=(tmp_path / "secret", barrier, f"of-{n}", told)) for n in range(4)
    ]
    for process in processes:
        process.start()
    found = [told.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(60)
    assert len({text for text, _ in found}) == 1
    assert sum(is_new for _, is_new in found) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


def test_who_comes_second_reads_what_the_first_wrote(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    def late() -> str:
        put(path, "of somebody else")
        return "of ours"

    assert kept(path, late) == Kept("of somebody else", path, is_new=False)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o666])
def test_a_file_that_others_can_get_at_is_refused_with_what_to_do(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    kept(path, lambda: "canary")
    path.chmod(mode)
    with pytest.raises(SecretFileError, match=f"do: chmod 600 {path}") as caught:
        kept(path, lambda: "other")
    assert "canary" not in str(caught.value)


def test_a_file_without_a_text_is_refused_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    kept(path, lambda: "text")
    path.write_text(" \n")
    with pytest.raises(SecretFileError, match="is empty"):
        kept(path, lambda: "other")
    path.write_bytes(b"canary\xff")
    with pytest.raises(SecretFileError, match="cannot be read: it is no UTF-8 text") as caught:
        look(path)
    assert "canary" not in str(caught.value)


def test_what_the_disk_says_no_to_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SecretFileError, match=r"secret cannot be (read|made): Not a directory"):
        kept(tmp_path / "file" / "secret", lambda: "text")


def test_nothing_is_left_behind_when_it_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    with pytest.raises(SecretFileError, match="cannot be made: Operation not permitted"):
        kept(tmp_path / "secret", lambda: "text")
    assert list(tmp_path.iterdir()) == []


def test_putting_replaces_nothing_and_moving_does(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    put(old, "one")
    put(new, "two")
    with pytest.raises(FileExistsError):
        put(new, "three")
    move(old, new)
    assert (look(old), look(new)) == (None, "one")
    with pytest.raises(SecretFileError, match="cannot be renamed"):
        move(old, new)
