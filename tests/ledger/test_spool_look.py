from pathlib import Path

import pytest

from fakes.books import NOON_US, a_settlement, an_opening
from wellhead.database.workers import Process
from wellhead.figures import SpoolFigure, WorkerSpool
from wellhead.ledger import spool as spools
from wellhead.ledger.spool import Record, Spool, name_of
from wellhead.ledger.spool_look import SpoolLook

HERE = Process("here", 4711, 99)
THERE = Process("here", 4712, 99)
BYTES_MAX = 10**6


def some(count: int, first: int = 1) -> list[Record]:
    return [(an_opening(one), a_settlement(finished_us=NOON_US + one)) for one in range(first, first + count)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def look(directory: Path) -> SpoolLook:
    return SpoolLook(directory, BYTES_MAX)


def test_nothing_waits_where_there_is_no_spool(look: SpoolLook) -> None:
    found = look()
    assert found == SpoolFigure((), BYTES_MAX)
    assert (found.entries, found.bytes, found.since_us) == (0, 0, None)


def test_what_waits_is_told_by_worker_and_goes_when_it_is_booked(look: SpoolLook, directory: Path) -> None:
    mine, theirs = Spool(directory, BYTES_MAX), Spool(directory, BYTES_MAX)
    mine.append(name_of(3, NOON_US, HERE), some(2, 5))
    theirs.append(name_of(1, NOON_US, THERE), [(an_opening(1, started_us=NOON_US - 7), None)])
    assert look().workers == (
        WorkerSpool(1, 1, theirs.size, NOON_US - 7),
        WorkerSpool(3, 2, mine.size, NOON_US + 5),
    )

    mine.append("", some(3, 9))
    found = look()
    assert (found.entries, found.bytes) == (6, mine.size + theirs.size)
    assert found.since_us == NOON_US - 7

    mine.clear()
    theirs.clear()
    assert look() == SpoolFigure((), BYTES_MAX)


def test_a_spool_that_begins_anew_under_its_name_is_counted_anew(look: SpoolLook, directory: Path) -> None:
    kept = Spool(directory, BYTES_MAX)
    kept.append(name_of(3, NOON_US, HERE), some(4))
    assert look().entries == 4
    kept.clear()
    kept.append(name_of(3, NOON_US, HERE), some(5, 9))
    assert (look().entries, look().since_us) == (5, NOON_US + 9)


def test_what_was_counted_is_not_read_again(
    look: SpoolLook, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Spool(directory, BYTES_MAX)
    kept.append(name_of(3, NOON_US, HERE), some(4))
    assert look().entries == 4
    starts = []
    counted = spools.counted

    def watched(path: Path, start: int = 0) -> tuple[int, int]:
        starts.append(start)
        return counted(path, start)

    monkeypatch.setattr(spools, "counted", watched)
    assert look().entries == 4
    before = kept.size
    kept.append("", some(1, 9))
    assert look().entries == 5
    assert starts == [before]


def test_half_a_record_counts_once_it_is_whole(look: SpoolLook, directory: Path) -> None:
    name = name_of(3, NOON_US, HERE)
    Spool(directory, BYTES_MAX).append(name, some(2))
    path = directory / name
    content = path.read_bytes()
    for cut in range(len(content) + 1):
        path.write_bytes(content[:cut])
        assert SpoolLook(directory, BYTES_MAX)().entries == len(spools.read(path).records)
    path.write_bytes(content[:-1])
    assert look().entries == 1
    with path.open("ab") as file:
        file.write(content[-1:])
    assert look().entries == 2


def test_damaged_files_are_counted_by_themselves(look: SpoolLook, directory: Path) -> None:
    directory.mkdir()
    for name in (name_of(3, NOON_US, HERE), name_of(4, NOON_US, HERE)):
        (directory / name).write_bytes(spools.MAGIC + b"\xff" * 100)
    assert look().entries == 0
    spools.put_aside(directory / name)
    found = look()
    assert ([one.slot for one in found.workers], found.damaged) == ([3], 1)


def test_a_place_that_is_no_directory_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("")
    assert SpoolLook(tmp_path / "spool", BYTES_MAX)() == SpoolFigure((), BYTES_MAX)
