"""How full the spools beside a database are, for whoever watches them.

They are files that only grow until they are removed whole, so a look goes on where the
one before it ended: it costs as much as came in meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from wellhead.figures import SpoolFigure, WorkerSpool
from wellhead.ledger import spool
from wellhead.ledger.spool import DAMAGED, Found

HEAD_BYTES = 64


@dataclass(frozen=True, slots=True)
class _Counted:
    """A file, as far as it was read."""

    head: bytes
    """Its first bytes, the first record's checksum with them: another file of that name has others."""
    size: int
    entries: int
    end: int
    """Of the last record."""
    since_us: int | None


class SpoolLook:
    """Looks as often as it is called, in any thread; raises nothing."""

    def __init__(self, directory: Path, bytes_max: int) -> None:
        self._directory = directory
        self._bytes_max = bytes_max
        self._counted: dict[Path, _Counted] = {}
        self._lock = Lock()

    def __call__(self) -> SpoolFigure:
        with self._lock:
            try:
                return self._look()
            except OSError:  # Nobody may read it, or it is no directory: whoever writes there says so.
                return SpoolFigure(bytes_max=self._bytes_max)

    def _look(self) -> SpoolFigure:
        # Which host that is does not matter to a count.
        files = {found.path: found for found in spool.found_in(self._directory, "")}
        counted = {path: one for path in files if (one := self._count(path)) is not None}
        self._counted = counted
        damaged = len(list(self._directory.glob(f"*{DAMAGED}"))) if self._directory.is_dir() else 0
        found = _by_slot((files[path], one) for path, one in counted.items())
        return SpoolFigure(found, self._bytes_max, damaged)

    def _count(self, path: Path) -> _Counted | None:
        """`None` when it was removed meanwhile: what was in it is booked."""
        try:
            head, size = _head(path), path.stat().st_size
            before = self._counted.get(path)
            if before is None or before.head != head or before.size > size:
                before = _Counted(head, 0, 0, 0, None)
            if before.size == size:
                return before
            entries, end = spool.counted(path, before.end)
            since_us = before.since_us if before.entries else spool.kept_since(path)
        except FileNotFoundError:
            return None
        return _Counted(head, size, before.entries + entries, end, since_us)


def _head(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(HEAD_BYTES)


def _by_slot(files: Iterable[tuple[Found, _Counted]]) -> tuple[WorkerSpool, ...]:
    found: dict[int, list[_Counted]] = {}
    for file, one in files:
        found.setdefault(file.slot, []).append(one)
    return tuple(
        WorkerSpool(
            slot,
            sum(one.entries for one in some),
            sum(one.size for one in some),
            min((one.since_us for one in some if one.since_us is not None), default=None),
        )
        for slot, some in sorted(found.items())
    )
