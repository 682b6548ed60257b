"""The door of the control plane: who may come in, and what every response carries.

Who asks is told by the *socket's* address alone.  Forwarding headers are never
believed, and without credentials not even let in: behind a reverse proxy on this
machine the whole internet would be local.  `Host` must be a name of ours, so that
no web page can point its own name at this address and read the answers (DNS
rebinding), and a page that wants to change something must come from here (`Origin`).

What is sent is bounded, too.
"""

import ipaddress
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wellhead.control.failures import failure
from wellhead.control.operators import SAFE_METHODS
from wellhead.control.options import ControlOptions
from wellhead.logs import Log

SECURITY_HEADERS = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "strict-origin-when-cross-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cross-origin-opener-policy": "same-origin",
    "x-permitted-cross-domain-policies": "none",
    "cache-control": "no-store",
}
STRICT_TRANSPORT = "max-age=31536000; includeSubDomains"
FORWARDING_HEADERS = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "cf-connecting-ip")
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]]+)(?::\d+)?")
ORIGIN = re.compile(r"https?://([^/?#@\\]+)")
WILDCARDS = ("0.0.0.0", "::")
HEAD = "wellhead.head"
"""In the scope of a request that is answered like `GET`, without its body."""
BODY_BYTES_MAX = 65_536
BODY_TOO_LARGE = f"A body of more than {BODY_BYTES_MAX} bytes is not taken here."


class Guard:
    """ASGI middleware around the whole app; it also answers for what the app breaks at."""

    def __init__(self, app: ASGIApp, options: ControlOptions, log: Log) -> None:
        self.app = app
        self.log = log
        self.options = options
        self.names = frozenset(name.lower() for name in ("localhost", options.bind_host, *options.hosts))
        self.further = frozenset(name.lower() for name in options.hosts)
        # Bound to every address, it is asked for by any of them; no page can be served under those.
        self.any_address = options.allow_remote and options.bind_host in WILDCARDS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        secured = _Secured(send, scope["scheme"] == "https")
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, secured)
            return
        if scope["method"] == "HEAD":
            # The server leaves the body out by itself; an answer without an end must know.
            scope = {**scope, "method": "GET", HEAD: True}
        try:
            await self.app(scope, _bounded(receive), secured)
        except Exception:
            self.log.exception("control.error", method=scope["method"], path=scope["path"])
            if secured.started:
                raise  # the server must break the response off
            broken = failure(500, "INTERNAL", "Something broke here; the log says what.")
            await broken(scope, receive, secured)

    def _refusal(self, scope: Scope) -> Response | None:
        client = scope.get("client")
        is_local = client is not None and is_loopback(client[0])
        if not is_local and not (self.options.allow_remote and client is not None and client[0]):
            return failure(403, "LOCAL_ONLY", "The control port answers only on the machine it runs on.")
        headers = Headers(scope=scope)
        if not self._is_ours(headers.getlist("host")):
            said = "The Host header names something else; ask for localhost or the address it is bound to."
            return failure(403, "HOST_NOT_ALLOWED", said)
        if not self.options.has_credentials and any(name in headers for name in FORWARDING_HEADERS):
            said = "A request from elsewhere was forwarded here; that needs a user and a password to be set."
            return failure(403, "LOCAL_ONLY", said)
        if scope["method"] not in SAFE_METHODS and not self._is_from_here(headers):
            said = "A page from elsewhere may not change anything here; control.hosts lists further names."
            return failure(403, "ORIGIN_NOT_ALLOWED", said)
        announced = headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > BODY_BYTES_MAX:
            return failure(413, "BODY_TOO_LARGE", BODY_TOO_LARGE)
        return None

    def _is_ours(self, hosts: list[str]) -> bool:
        name = _name(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return False
        return name in self.names or is_loopback(name) or (self.any_address and _is_address(name))

    def _is_from_here(self, headers: Headers) -> bool:
        """Whether a browser says that one of our own pages asks, or nobody says anything."""
        origins = headers.getlist("origin")
        if not origins:
            return True
        found = ORIGIN.fullmatch(origins[0].lower()) if len(origins) == 1 else None
        if found is None:
            return False
        # Another port is another site: whatever else runs on this machine is not ours.
        return found.group(1) == headers["host"].lower() or _name(found.group(1)) in self.further


def asked_for_head(scope: Scope) -> bool:
    """Whether nobody will see the body."""
    return HEAD in scope


def _name(host: str) -> str | None:
    """The name in a `Host` header, without its port."""
    found = HOST.fullmatch(host)
    return found.group(1).strip("[]").rstrip(".").lower() if found is not None else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _bounded(receive: Receive) -> Receive:
    """A `receive` that gives no more than a body may have."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES_MAX:
            raise HTTPException(413, BODY_TOO_LARGE)
        return message

    return bounded


def is_loopback(address: str) -> bool:
    """Whether a literal address is of this machine only (127.0.0.0/8, also mapped into IPv6, and ::1)."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


class _Secured:
    """A `send` that adds the headers that every response carries."""

    def __init__(self, send: Send, over_tls: bool) -> None:
        self.send = send
        self.over_tls = over_tls
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            if self.over_tls:
                headers["strict-transport-security"] = STRICT_TRANSPORT
        await self.send(message)
