"""Price lists that were fetched, and how up to date they are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchedList:
    """A list as it lies in the books."""

    id: int
    source: str
    digest: bytes
    """SHA-256 of what was fetched."""
    since_us: int
    """When it was first fetched: since then its prices count."""
    checked_us: int
    """When the source last said the same."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A list that was fetched and not believed; the one before it counts."""

    at_us: int
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Whether prices are kept up to date, and how that goes."""

    interval_s: float
    """0: they are not fetched."""
    age_max_s: float
    """A list that was not checked for longer is stale; 0: none ever is."""
    latest: FetchedList | None = None
    """`None`: none was fetched yet, the shipped list counts alone."""
    refused: Refusal | None = None
    """The last one that came, if it was."""

    def age_s(self, now_us: int) -> float | None:
        """How long ago the list was last checked."""
        return None if self.latest is None else max(now_us - self.latest.checked_us, 0) / 1_000_000

    def is_stale(self, now_us: int) -> bool:
        """Whether there is a list that should have been checked and was not.

        Never where nothing is fetched, nor before the first list: what was shipped is as good as it was.
        """
        age_s = self.age_s(now_us)
        return bool(self.interval_s and self.age_max_s and age_s is not None and age_s > self.age_max_s)
