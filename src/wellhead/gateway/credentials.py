"""Which of several credentials for an upstream serves a call.

Round robin over those that are not cooling down; one that the upstream refused or
limited cools down and is passed over.  If all of them cool, the one that is ready
first is tried all the same: the upstream knows better than we do.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from wellhead.access import Credential

REFUSED_US = 60_000_000
"""How long a credential is passed over that the upstream did not accept (401, 403)."""
LIMITED_US = 10_000_000
"""The same for one that it limited (429) without saying how long..."""
LIMITED_US_MAX = 3_600_000_000
"""...or for longer than this."""
REMEMBERED_MAX = 10_000


@dataclass(slots=True)
class _Past:
    """What happened to a credential in this process."""

    ready_us: int = 0
    """Until then it cools down."""
    chosen: int = 0
    """The number of the choice that last fell on it."""


class Credentials:
    """The choice among credentials, and what it learnt from upstreams."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        self._now_us = now_us
        # By the credential itself, secret included: a new secret starts afresh.
        self._past: OrderedDict[Credential, _Past] = OrderedDict()
        self._choices = 0

    def choose(self, candidates: Sequence[Credential]) -> Credential | None:
        """The next one to use; `None` where there is none that can be opened."""
        usable = [one for one in candidates if one.secret is not None]
        if not usable:
            return None
        now_us = self._now_us()
        chosen = min(usable, key=lambda one: self._rank(one, now_us))
        self._choices += 1
        self._of(chosen).chosen = self._choices
        return chosen

    def learn(self, credential: Credential, status: int | None, retry_after: bytes | None) -> bool:
        """Take note of the upstream's answer; whether the credential cools down now."""
        if status in (401, 403):
            cool_us = REFUSED_US
        elif status == 429:
            seconds = int(retry_after) if retry_after and retry_after.isdigit() else 0
            cool_us = min(seconds * 1_000_000, LIMITED_US_MAX) or LIMITED_US
        else:
            return False
        self._of(credential).ready_us = self._now_us() + cool_us
        return True

    def _rank(self, credential: Credential, now_us: int) -> tuple[int, int]:
        past = self._past.get(credential)
        return (0, 0) if past is None else (max(past.ready_us - now_us, 0), past.chosen)

    def _of(self, credential: Credential) -> _Past:
        past = self._past.get(credential)
        if past is None:
            past = self._past[credential] = _Past()
            if len(self._past) > REMEMBERED_MAX:
                self._past.popitem(last=False)
        return past
