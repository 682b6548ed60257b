"""Whom the demo's calls are booked for: a client's key, its project, and the account that serves it.

Pure: `company.py` makes the keys and says what became of them.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

Accounts = Mapping[tuple[int | None, str], tuple[str, ...]]
"""Names by project (`None`: everybody with a key) and provider."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """Calls that a key's limits keep out, from a moment on."""

    from_us: int
    part: float
    """Of its calls."""
    status: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Holding:
    """A key in a client's hands, for some time."""

    name: str
    """The key's, and so the client's in the books."""
    key_id: int
    project_id: int
    from_us: int
    until_us: int | None = None
    """Withered or revoked then; `None`: it is still good."""
    refusals: Refusals | None = None


@dataclass(frozen=True, slots=True)
class Staff:
    """Who has which keys, and which accounts there are."""

    holdings: Mapping[str, tuple[Holding, ...]] = field(default_factory=dict)
    """By client, in the order of time."""
    accounts: Accounts = field(default_factory=dict)

    def holding(self, client: str, at_us: int) -> Holding | None:
        """The key that a client calls with at a moment; `None` where it has none, and calls no more."""
        return next(
            (
                one
                for one in reversed(self.holdings.get(client, ()))
                if one.from_us <= at_us and (one.until_us is None or at_us < one.until_us)
            ),
            None,
        )

    def account(self, project_id: int, provider: str, chance: random.Random) -> str | None:
        """The account that serves a call: the project's, or else one for everybody with a key."""
        names = self.accounts.get((project_id, provider)) or self.accounts.get((None, provider), ())
        return chance.choice(names) if names else None


NOBODY = Staff()
"""Nobody has a key: everybody calls with a credential of their own."""
