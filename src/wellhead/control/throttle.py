"""Who guessed wrong too often must wait.

Counted per address, over a window that ends now.  An IPv6 network of the size that
one customer gets counts as one address, and the table is bounded: the address that
was quiet longest is forgotten first.
"""

import ipaddress
import threading
from collections import OrderedDict, deque
from collections.abc import Callable

from wellhead.errors import CallerError

ADDRESSES_MAX = 10_000
IPV6_NETWORK_BITS = 64


class Throttle:
    """Attempts by address.  Any thread may ask."""

    def __init__(
        self,
        attempts_max: int,
        window_s: float,
        now_us: Callable[[], int],
        addresses_max: int = ADDRESSES_MAX,
    ) -> None:
        self._attempts_max = attempts_max
        self._window_us = int(window_s * 1_000_000)
        self._now_us = now_us
        self._addresses_max = addresses_max
        self._failed: OrderedDict[str, deque[int]] = OrderedDict()
        self._lock = threading.Lock()

    def attempt(self, address: str) -> int:
        """Count an attempt as a failure for the time being, before its credential is looked at.

        Returns what `forgive` takes.  Raises `CallerError` 429 if there were too many: then the
        credential must not be looked at, be it right or wrong.
        """
        now_us, subject = self._now_us(), network(address)
        with self._lock:
            failed = self._failed.get(subject)
            if failed is None:
                failed = self._failed[subject] = deque(maxlen=self._attempts_max)
            while failed and failed[0] <= now_us - self._window_us:
                failed.popleft()
            if len(failed) == self._attempts_max:
                raise _too_many(failed[0] + self._window_us - now_us)
            failed.append(now_us)
            self._failed.move_to_end(subject)
            if len(self._failed) > self._addresses_max:
                self._failed.popitem(last=False)
        return now_us

    def forgive(self, address: str, attempt: int) -> None:
        """That attempt was none: its credential was right."""
        subject = network(address)
        with self._lock:
            failed = self._failed.get(subject)
            if failed is not None and attempt in failed:
                failed.remove(attempt)
                if not failed:
                    del self._failed[subject]

    def __len__(self) -> int:
        return len(self._failed)


def network(address: str) -> str:
    """Whom an address stands for: itself, or its network with IPv6."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), IPV6_NETWORK_BITS), strict=False))


def _too_many(wait_us: int) -> CallerError:
    wait_s = -(-wait_us // 1_000_000)
    said = f"Too many wrong credentials came from this address; try again in {wait_s} s."
    return CallerError("TOO_MANY_ATTEMPTS", 429, said, retry_after_s=wait_s)
