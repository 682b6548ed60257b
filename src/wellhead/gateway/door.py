"""The door of the gateway: who calls, by which key, and whether that is a good one.

What is known of keys here may be older than what an operator just decided.  So a key
that looks bad is looked up once more in the present registry before it is refused;
a key that looks good is checked again when its call is admitted (`Books.open`), or
here by `let_through` for requests that are not booked.
"""

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from wellhead.access import Key
from wellhead.directory import Directory, Provider
from wellhead.errors import BooksUnavailable, CallerError
from wellhead.gateway.client import Client
from wellhead.policy import admission, identify
from wellhead.policy.identify import Presented
from wellhead.policy.keys import PREFIX, digest, is_well_formed
from wellhead.ports import Books

FAILURES_FREE = 5
"""Wrong keys of one address that cost it no time..."""
DELAY_S = 0.1
"""...each further one doubles this delay..."""
DELAY_S_MAX = 5.0
FORGIVEN_US = 60_000_000
"""...until so long nothing wrong came."""
ADDRESSES_MAX = 10_000
"""That are remembered; the one not heard of for the longest is forgotten first."""
DELAYED_MAX = 500
"""Refusals that wait at one time; beyond that they are given at once, as 429."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls."""

    key: Key | None = None
    presented: Presented | None = None
    """What was presented as the key; it goes no further."""
    own: Presented | None = None
    """The client's own credential for the upstream."""
    name: str | None = None
    """What the operator calls whoever has this credential."""


@dataclass(slots=True)
class _Failures:
    count: int
    last_us: int


class Door:
    """Tells callers apart."""

    def __init__(
        self,
        books: Books,
        now_us: Callable[[], int],
        *,
        require_key: bool,
        names: Mapping[bytes, str],
        allowed_origins: tuple[str, ...],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._books = books
        self._now_us = now_us
        self._require_key = require_key
        self._names = names
        self._allowed_origins = frozenset(origin.rstrip("/").lower() for origin in allowed_origins)
        self._sleep = sleep
        self._failures: OrderedDict[str | None, _Failures] = OrderedDict()
        self._delayed = 0
        self.refused = 0
        """Requests without a good key so far."""

    async def identify(self, client: Client) -> Caller:
        """Who calls.

        Raises `CallerError` (401) for a bad key, or none where one is required; 503 while the registry
        cannot be read.
        """
        shown = identify.presented(client.fields, client.query)
        if shown is None:
            if self._require_key:
                raise self._missing()
            return Caller()
        hash_ = digest(shown.secret)
        key, problem = self._look_up(shown, hash_)
        if problem is not None and problem.code != "key_malformed":
            # Perhaps the key was made, or given more time, a moment ago.
            await self._present()
            key, problem = self._look_up(shown, hash_)
        if problem is not None:
            await self._slow_down(client.address)
            raise problem
        name = self._names.get(hash_)
        if key is None:
            return Caller(own=shown, name=name)
        own = identify.credential_beside(shown, client.fields, client.query) if shown.is_apart else None
        return Caller(key, shown, own, name)

    async def let_through(self, caller: Caller, endpoint: str, provider: str) -> None:
        """Check the key of a request that is not booked against the present registry.

        Raises `CallerError` (401, 403, or 503 while the registry cannot be read).
        """
        if caller.key is None:
            return
        directory = await self._present()
        key = directory.keys_by_id.get(caller.key.id)
        # Clocks of processes differ a little: what was made to end at once has ended here, too.
        problem = admission.unauthorized(key, max(self._now_us(), directory.changed_us))
        if problem is None and key is not None:
            problem = admission.forbidden_unbooked(directory, key, endpoint, provider)
        if problem is not None:
            raise problem

    def guard_credential(self, client: Client, caller: Caller, provider: Provider) -> None:
        """Keep web pages of others from spending what the gateway adds for callers without a key."""
        origin = client.text(b"origin")
        adds_nothing = provider.auth.value is None and not provider.headers
        if origin is None or caller.key is not None or adds_nothing:
            return
        if origin.rstrip("/").lower() not in self._allowed_origins and not _is_local(origin):
            told = "Pages of this origin may not call without a key; see gateway.allowed_origins"
            raise CallerError("origin_not_allowed", 403, told)

    def _look_up(self, shown: Presented, hash_: bytes) -> tuple[Key | None, CallerError | None]:
        """The key, or what is wrong with it; neither: it is a credential of the client's own."""
        key = self._books.directory.keys.get(hash_)
        if key is not None:
            return key, admission.unauthorized(key, self._now_us())
        if shown.secret.startswith(PREFIX) and not is_well_formed(shown.secret):
            told = "This key is misspelt: its checksum does not fit; copy it again, whole"
            return None, CallerError("key_malformed", 401, told)
        if shown.claims_to_be_ours or self._require_key:
            return None, admission.unauthorized(None, 0)
        return None, None

    async def _present(self) -> Directory:
        try:
            return await self._books.current()
        except BooksUnavailable as error:
            told = "Keys cannot be checked at the moment; try again shortly"
            raise CallerError("books_unavailable", 503, told, retry_after_s=2) from error

    def _missing(self) -> CallerError:
        self.refused += 1
        told = "A key is needed here: send it as Authorization: Bearer, x-api-key or x-goog-api-key"
        return CallerError("key_missing", 401, told)

    async def _slow_down(self, address: str | None) -> None:
        """Let an address wait the longer the more wrong keys it tried; good keys never wait."""
        self.refused += 1
        now_us = self._now_us()
        known = self._failures.pop(address, None)
        if known is None or now_us - known.last_us > FORGIVEN_US:
            known = _Failures(0, now_us)
        known.count, known.last_us = known.count + 1, now_us
        self._failures[address] = known
        if len(self._failures) > ADDRESSES_MAX:
            self._failures.popitem(last=False)
        more = known.count - FAILURES_FREE
        if more <= 0:
            return
        if self._delayed >= DELAYED_MAX:
            told = "Too many wrong keys came from here; wait a while"
            raise CallerError("too_many_wrong_keys", 429, told, retry_after_s=FORGIVEN_US // 1_000_000)
        self._delayed += 1
        try:
            await self._sleep(min(DELAY_S * 2 ** min(more - 1, 10), DELAY_S_MAX))
        finally:
            self._delayed -= 1


def _is_local(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
