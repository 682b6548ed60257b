"""What workers share of breakers, in memory: slow, locked or gone on demand.  And a clock for them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Event, Lock

from fakes.books import NOON_US
from wellhead.breaker import Shared, State
from wellhead.errors import BooksUnavailable


class FakeSharedBreakers:
    """Implements `wellhead.ports.SharedBreakers`."""

    def __init__(self) -> None:
        self.rows: dict[str, Shared] = {}
        self.unavailable: str | None = None
        """Set a reason to have everything raise `BooksUnavailable`."""
        self.locked: str | None = None
        """The same, but only for what writes."""
        self.gate = Event()
        """Clear it to have what writes wait."""
        self.gate.set()
        self.looks = 0
        self.puts = 0
        """Those that came through the gate."""
        self.touches: list[dict[str, int | None]] = []
        self._lock = Lock()

    def look(self, after: int) -> Sequence[Shared]:
        self._check(self.unavailable)
        self.looks += 1
        with self._lock:
            return sorted(
                (row for row in self.rows.values() if row.version > after), key=lambda row: row.version
            )

    def put(self, new: Shared, seen: int) -> tuple[bool, Shared]:
        self.gate.wait()
        self._check(self.unavailable or self.locked)
        with self._lock:
            self.puts += 1
            found = self.rows.get(new.subject, Shared(new.subject))
            if found.version != seen:
                return False, found
            version = max(*(row.version + 1 for row in self.rows.values()), new.changed_us, 1)
            made = replace(
                new,
                version=version,
                opening=new.opening or version,
                active_us=new.active_us or new.changed_us,
            )
            self.rows[new.subject] = made
            return True, made

    def touch(self, failures: Mapping[str, int | None], at_us: int) -> None:
        self.gate.wait()
        self._check(self.unavailable or self.locked)
        with self._lock:
            self.touches.append(dict(failures))
            for subject, count in failures.items():
                row = self.rows.get(subject, Shared(subject))
                if row.state is State.CLOSED and count is not None:
                    row = replace(row, failures=count)
                self.rows[subject] = replace(row, active_us=max(row.active_us, at_us))

    def forget(self, healthy_before_us: int, any_before_us: int) -> None:
        self._check(self.unavailable or self.locked)
        with self._lock:
            for subject, row in list(self.rows.items()):
                is_healthy = row.state is State.CLOSED and not row.failures
                if row.active_us < (healthy_before_us if is_healthy else any_before_us):
                    del self.rows[subject]

    def _check(self, fault: str | None) -> None:
        if fault is not None:
            raise BooksUnavailable(fault)


class Ticks:
    """A clock that a test sets: what it says of the wall may jump, what it counts may not."""

    def __init__(self) -> None:
        self.ticks_us = 1_000_000
        self.jumped_us = 0

    def pass_s(self, seconds: float) -> None:
        self.ticks_us += round(seconds * 1_000_000)

    def now_us(self) -> int:
        return self.ticks_us

    def wall_us(self) -> int:
        return NOON_US + self.ticks_us + self.jumped_us
