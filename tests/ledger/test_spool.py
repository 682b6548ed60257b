import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.books import a_settlement, an_opening
from wellhead.database.workers import Process
from wellhead.ledger.spool import (
    MAGIC,
    Record,
    Spool,
    SpoolFull,
    found_in,
    name_of,
    put_aside,
    read,
    take_over,
)

HERE = Process("here", 4711, 99)
NAME = name_of(3, 1_800_000_000_000_000, HERE)


def some(count: int, first: int = 1) -> list[Record]:
    numbers = range(first, first + count)
    return [(an_opening(one), a_settlement() if one % 2 else None) for one in numbers]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_what_was_appended_is_read_in_its_order(directory: Path) -> None:
    kept = Spool(directory, 10**6)

    kept.append(NAME, some(2))
    kept.append(NAME, some(3, 3))

    assert kept.records().records == some(5)
    assert read(directory / NAME).records == some(5)
    assert (directory / NAME).stat().st_mode & 0o777 == 0o600


def test_without_a_record_there_is_no_file(directory: Path) -> None:
    kept = Spool(directory, 10**6)
    assert kept.records().records == []
    kept.clear()
    assert not directory.exists()


def test_a_spool_that_was_cleared_begins_anew(directory: Path) -> None:
    kept = Spool(directory, 10**6)
    kept.append(NAME, some(2))

    kept.clear()
    assert list(directory.iterdir()) == []
    kept.append(NAME, some(1))

    assert read(directory / NAME).records == some(1)


def test_it_does_not_grow_above_its_bound_and_keeps_what_it_has(directory: Path) -> None:
    kept = Spool(directory, 5_000)
    appended = 0
    with pytest.raises(SpoolFull, match="5000 bytes"):
        for one in range(1, 1_000):
            kept.append(NAME, some(1, one))
            appended = one

    assert appended > 5
    assert (directory / NAME).stat().st_size == kept.size <= 5_000
    assert read(directory / NAME).records == some(appended)


def test_a_disk_that_takes_only_a_part_of_a_record_gets_none_of_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Spool(directory, 10**6)
    kept.append(NAME, some(2))
    write = os.write
    monkeypatch.setattr("wellhead.ledger.spool.os.write", lambda file, data: write(file, data[:10]))

    with pytest.raises(SpoolFull):
        kept.append(NAME, some(1, 3))
    monkeypatch.undo()
    kept.append(NAME, some(1, 3))

    assert read(directory / NAME).records == some(3)


def test_a_disk_that_takes_not_even_the_first_bytes_has_no_file(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Spool(directory, 10**6)
    write = os.write
    for taken in (3, len(MAGIC)):
        monkeypatch.setattr(
            "wellhead.ledger.spool.os.write", lambda file, data, n=taken: write(file, data[:n])
        )
        with pytest.raises(SpoolFull):
            kept.append(NAME, some(1))
        assert (kept.size, list(directory.iterdir())) == (0, [])
    monkeypatch.undo()

    kept.append(NAME, some(2))

    assert read(directory / NAME).records == some(2)


def test_a_place_that_cannot_be_written_is_full(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SpoolFull):
        Spool(tmp_path / "file" / "spool", 10**6).append(NAME, some(1))


def test_cut_at_any_byte_everything_before_the_cut_is_read_and_the_rest_is_counted(directory: Path) -> None:
    kept = Spool(directory, 10**6)
    ends = []
    for one in range(1, 5):
        kept.append(NAME, some(1, one))
        ends.append(kept.size)
    content = (directory / NAME).read_bytes()

    for cut in range(len(content) + 1):
        (directory / NAME).write_bytes(content[:cut])
        found = read(directory / NAME)
        whole = [end for end in ends if end <= cut]
        assert found.records == some(len(whole))
        assert found.bytes_unread == cut - (whole[-1] if whole else len(MAGIC) if cut >= len(MAGIC) else 0)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_byte_that_changed_is_noticed_and_nothing_wrong_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    Spool(directory, 10**6).append(NAME, some(4))
    content = bytearray((directory / NAME).read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    (directory / NAME).write_bytes(content)

    found = read(directory / NAME)

    assert found.records == some(4)[: len(found.records)]
    assert found.bytes_unread


def test_a_file_that_is_no_spool_holds_nothing(directory: Path) -> None:
    directory.mkdir()
    (directory / NAME).write_bytes(b"something else entirely")

    found = read(directory / NAME)

    assert (found.records, found.bytes_unread) == ([], 23)


def test_a_file_says_whose_it_was(directory: Path) -> None:
    Spool(directory, 10**6).append(NAME, some(1))
    (directory / "notes.txt").write_text("")

    (found,) = found_in(directory, "here")

    assert (found.slot, found.started_us, found.process) == (3, 1_800_000_000_000_000, HERE)
    assert found.taken_by is None


def test_a_file_is_taken_over_by_one_alone_and_again_if_that_one_dies(directory: Path) -> None:
    Spool(directory, 10**6).append(NAME, some(1))
    (found,) = found_in(directory, "here")

    first = take_over(found, 5000)
    assert first is not None
    assert take_over(found, 5001) is None
    (taken,) = found_in(directory, "here")
    assert (taken.path, taken.taken_by, taken.process) == (first, 5000, HERE)
    second = take_over(taken, 5002)

    assert second is not None
    assert second.name == f"{NAME}.5002"
    assert read(second).records == some(1)


def test_a_damaged_file_is_put_aside_where_nobody_replays_it(directory: Path) -> None:
    Spool(directory, 10**6).append(NAME, some(1))

    aside = put_aside(directory / NAME)

    assert aside.exists()
    assert found_in(directory, "here") == []
    assert found_in(directory / "nowhere", "here") == []
