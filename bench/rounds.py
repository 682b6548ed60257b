"""What the rounds of a measurement gave: per figure its values, or why there is none."""

from dataclasses import dataclass, field
from statistics import median

from bench.rig import Unmeasured


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a figure is not there, and whether that is a failure of what was measured."""

    reason: str
    failed: bool


@dataclass(slots=True)
class Rounds:
    """Figures by key, one value per round."""

    values: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)

    def add(self, key: str, value: float) -> None:
        self.values.setdefault(key, []).append(value)

    def miss(self, keys: tuple[str, ...], error: Exception) -> None:
        """Say of several figures why they cannot be had; what was measured already counts no more."""
        reason = str(error) or type(error).__name__
        for key in keys:
            self.values.pop(key, None)
            self.missing[key] = Missing(reason, failed=not isinstance(error, Unmeasured))

    def take(self, other: "Rounds") -> None:
        self.values |= other.values
        self.missing |= other.missing

    def median(self, key: str) -> float:
        return median(self.values[key])


def percentile(values: list[float], percent: float) -> float:
    """The value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
