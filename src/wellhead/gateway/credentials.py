"""Which of several credentials for an upstream serves a call.

Round robin over those that are not cooling down; one that the upstream refused or
limited cools down and is passed over.  If all of them cool, the one that is ready
first is tried all the same: the upstream knows better than we do.  A second one for the
same call is taken only if it does not cool.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from wellhead.access import Credential, Key
from wellhead.errors import CallerError

Known = Mapping[tuple[int | None, str], tuple[Credential, ...]]
"""By project (`None`: everybody with a key) and provider, as the Directory has them."""

REFUSED_US = 60_000_000
"""How long a credential is passed over that the upstream did not accept (401, 403)."""
LIMITED_US = 10_000_000
"""The same for one that it limited (429) without saying how long..."""
LIMITED_US_MAX = 3_600_000_000
"""...or for longer than this."""
DIGITS_MAX = 18
"""Of a number of seconds; what is longer is for ever."""
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

    def of(self, known: Known, key: Key, provider: str) -> Credential | None:
        """The one for a key's next call: its project's, or else one for everybody with a key.

        `None` where there is none for the provider.  Raises `CallerError` (503) where there are, and none
        of them can be opened.
        """
        known_for = candidates(known, key, provider)
        chosen = self.choose(known_for)
        if chosen is None and known_for:
            told = f"The credential for {provider} cannot be opened; the gateway's master key is another"
            raise CallerError("credential_unreadable", 503, told)
        return chosen

    def other(self, known: Known, key: Key, provider: str, tried: Collection[int]) -> Credential | None:
        """One more for the same call, beside those with these ids; `None` where none is ready."""
        known_for = candidates(known, key, provider)
        if len(known_for) <= len(tried):
            return None
        now_us = self._now_us()
        ready = [one for one in known_for if one.id not in tried and self._rank(one, now_us)[0] == 0]
        return self.choose(ready)

    def choose(self, some: Sequence[Credential]) -> Credential | None:
        """The next one to use; `None` where there is none that can be opened."""
        usable = [one for one in some if one.secret is not None]
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
            cool_us = min(_seconds(retry_after) * 1_000_000, LIMITED_US_MAX) or LIMITED_US
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


def candidates(known: Known, key: Key, provider: str) -> Sequence[Credential]:
    """Those that may serve a key's calls: its project's, or else those for everybody with a key."""
    return known.get((key.project_id, provider)) or known.get((None, provider), ())


def _seconds(retry_after: bytes | None) -> int:
    """What a `Retry-After` says in seconds; 0 where it says nothing, or a date."""
    if not retry_after or not retry_after.isdigit():
        return 0
    return int(retry_after) if len(retry_after) <= DIGITS_MAX else LIMITED_US_MAX
