"""Loops: what is done again and again in the background, and how each of them stands."""

from dataclasses import dataclass
from enum import StrEnum


class Standing(StrEnum):
    """How something that others depend on is doing."""

    PASS = "pass"  # noqa: S105 (no password)
    WARN = "warn"
    """It does not do what it should just now, and goes on trying."""
    FAIL = "fail"
    """It has given up."""


@dataclass(frozen=True, slots=True)
class LoopState:
    """One loop at a moment; moments are microseconds since the epoch, `None` where there was none yet."""

    name: str
    interval_s: float
    runs: int = 0
    """Since the process started, those that failed included."""
    failed_runs: int = 0
    failures: int = 0
    """In a row, up to now."""
    is_running: bool = False
    is_disabled: bool = False
    """It failed so often in a row that it is not tried again until the process is."""
    last_run_us: int | None = None
    last_success_us: int | None = None
    last_error_us: int | None = None
    last_error: str | None = None
    """In words that hold no secret; it stays after the next success."""
    next_run_us: int | None = None

    @property
    def standing(self) -> Standing:
        if self.is_disabled:
            return Standing.FAIL
        return Standing.WARN if self.failures else Standing.PASS
