"""The settings of the listener that serves the LLM API."""

# ruff: noqa: RUF009 - `setting` makes a field of each class once; its defaults are immutable

from dataclasses import dataclass

from wellhead.config import values
from wellhead.config.setting import setting
from wellhead.config.values import Address, Leaving

REQUEST_BODY_MAX = 10**9
HELD_BODIES_MAX = 10**12
WORKERS_MAX = 64
GRACE_MAX_S = 3600.0
CALLS_MAX = 1_000_000
CLIENT_TIMEOUT_MAX_S = 3600.0


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The listener that serves the LLM API."""

    bind: Address = setting(
        Address("127.0.0.1", 8080),
        values.address,
        "Where the LLM API is served. Off loopback every call needs a key.",
    )
    workers: int = setting(1, values.whole(1, WORKERS_MAX), "How many gateway processes share the listener.")
    max_request_body: int = setting(
        25_000_000, values.size(1, REQUEST_BODY_MAX), "Larger request bodies are answered with 413."
    )
    max_held_bodies: int = setting(
        500_000_000,
        values.size(0, HELD_BODIES_MAX),
        "How much memory the bodies of requests that wait for their answer may take in each worker; one more "
        "is answered with 503. 0: any amount.",
    )
    on_disconnect: Leaving = setting(
        Leaving(),
        values.leaving,
        "What happens to the upstream call when the client has left: cancel it, or drain it (to the end, "
        "or so long at most) so that its usage is known.",
    )
    max_concurrent_calls: int = setting(
        2000,
        values.whole(0, CALLS_MAX),
        "How many calls may be under way in each worker; one more is answered with 503. 0: any number.",
    )
    header_timeout_s: float = setting(
        10.0,
        values.seconds(0.1, CLIENT_TIMEOUT_MAX_S),
        "How long the head of a request may take from its first byte; then it is answered with 408.",
    )
    body_timeout_s: float = setting(
        30.0,
        values.seconds(0.1, CLIENT_TIMEOUT_MAX_S),
        "How long each further kilobyte of a request's body may take; then it is answered with 408.",
    )
    shutdown_grace_s: float = setting(
        30.0, values.seconds(0, GRACE_MAX_S), "How long running calls may go on after SIGTERM."
    )
    shutdown_delay_s: float = setting(
        0.0,
        values.seconds(0, GRACE_MAX_S),
        "How long calls are still taken after SIGTERM, while /ready already says no.",
    )
    ready_upstream: str | None = setting(
        None, values.text, "Id of the provider that has to answer for the gateway to be ready."
    )
    require_key: bool | None = setting(
        None,
        values.flag,
        "Whether every call needs a key of ours. Absent: on loopback none, elsewhere every one; "
        "elsewhere it cannot be false.",
    )
    client_names: tuple[tuple[str, str], ...] = setting(
        (),
        values.client_names,
        "Names for clients by the key that they present; only the keys' SHA-256 is kept.",
        secret=True,
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        values.listed(values.ORIGIN, "web origins such as https://app.example.com"),
        "Web origins whose pages may call a gateway that adds a credential of its own and needs no key.",
    )
    trust_proxy_headers: bool = setting(
        False,
        values.flag,
        "Whether a client's address is what the proxy before the gateway says (X-Forwarded-For, else "
        "CF-Connecting-IP); only where every request comes through one.",
    )

    @property
    def held_bodies(self) -> int:
        """`max_held_bodies`, as it is in force: there is always room for the largest body."""
        return max(self.max_held_bodies, self.max_request_body) if self.max_held_bodies else 0

    @property
    def requires_key(self) -> bool:
        """Whether every call needs a key of ours, as it is in force."""
        return not self.bind.is_loopback if self.require_key is None else self.require_key
