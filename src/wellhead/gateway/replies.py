"""Our own answers, in the form the caller's SDK turns into its proper exception.

The only place of the gateway that knows bodies and types of errors.  Every one
of them carries `x-wellhead-error: <code>`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from wellhead.directory import ProviderType
from wellhead.errors import (
    BreakerOpen,
    CallerError,
    Quota,
    Refused,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
    Wait,
)
from wellhead.ports import Headers

_OPENAI_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
TIMED_OUT = "upstream_timeout"
"""How the codes of all timeouts begin, and what a body calls each of them."""
SHORT_CIRCUIT = "short-circuit"
"""What agent-cli-proxy calls a breaker that is open."""
_OPENAI_CODES: Mapping[str, str] = {
    "budget_exhausted": "insufficient_quota",
    "breaker_open": SHORT_CIRCUIT,
    **{f"{TIMED_OUT}_{wait.value}": TIMED_OUT for wait in Wait},
}
"""Codes of ours for which clients know another."""
_ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_GEMINI_STATUSES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
INTEGER_MAX = 999_999_999_999_999
"""The largest integer of a structured field (RFC 9651, 3.3.1)."""


def error_body(family: ProviderType, error: CallerError) -> bytes:
    """The JSON body of one of our own errors."""
    status, message = error.status, error.message
    body: dict[str, Any]
    inner: dict[str, Any] = {}
    if family is ProviderType.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        inner = {"type": kind, "message": message}
        body = {"type": "error", "error": inner}
    elif family is ProviderType.GEMINI:
        kind = _GEMINI_STATUSES.get(status, "INVALID_ARGUMENT")
        inner = {"code": status, "message": message, "status": kind}
        body = {"error": inner}
    elif family is ProviderType.OLLAMA:
        body = inner = {"error": message}
    else:
        kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
        code = _OPENAI_CODES.get(error.code, error.code)
        inner = {"message": message, "type": kind, "code": code, "param": None}
        body = {"error": inner}
    if isinstance(error, BreakerOpen):
        # What the dialect itself says under one of these names stays.
        inner.update({name: value for name, value in _short_circuit(error).items() if name not in inner})
    return json.dumps(body).encode()


def _short_circuit(error: BreakerOpen) -> dict[str, Any]:
    """What agent-cli-proxy says of a breaker that is open."""
    return {
        "code": SHORT_CIRCUIT,
        "status": error.status,
        "providerId": error.provider,
        "retryable": False,
        "cause": "circuit breaker open",
    }


def is_short_circuit(headers: Sequence[tuple[bytes, bytes]], body: bytes) -> bool:
    """Whether a 503 is what a gateway like this one says because of its own breaker; `body` begins it."""
    if (b"x-wellhead-error", b"breaker_open") in headers:
        return True
    if SHORT_CIRCUIT.encode() not in body:
        return False
    try:
        found = json.loads(body)["error"]["code"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return False
    return bool(found == SHORT_CIRCUIT)


def error_headers(error: CallerError, body: bytes) -> Headers:
    """The header lines of one of our own errors.

    The connection ends after it where the request may not have been read to its end.
    """
    lines = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"x-wellhead-error", error.code.encode()),
    ]
    if error.retry_after_s is not None:
        lines.append((b"retry-after", b"%d" % error.retry_after_s))
    if isinstance(error, Refused) and error.quotas:
        lines += _quota_lines(error.quotas)
    if error.status == 401:
        lines.append((b"cache-control", b"no-store"))
    if error.status in (408, 413, 426):
        lines.append((b"connection", b"close"))
    if error.status == 426:
        lines.append((b"upgrade", b"HTTP/1.1"))
    return lines


def _quota_lines(quotas: Sequence[Quota]) -> Headers:
    """The limits that left no room (draft-ietf-httpapi-ratelimit-headers-10, as structured fields)."""
    policies, states = [], []
    for quota in quotas:
        window = "" if quota.window_s is None else f";w={_integer(quota.window_s)}"
        frees = "" if quota.frees_s is None else f";t={_integer(quota.frees_s)}"
        policies.append(f"{_string(quota.name)};q={_integer(quota.amount)}{window}")
        states.append(f"{_string(quota.name)};r={_integer(quota.left)}{frees}")
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
    ]


def _string(text: str) -> str:
    """A structured field's string: printable ASCII."""
    kept = "".join(c for c in text if c.isascii() and c.isprintable() and c not in '"\\')
    return f'"{kept}"'


def _integer(number: int) -> int:
    """A structured field's integer, of which larger ones there are none (budgets are nano-dollars)."""
    return min(number, INTEGER_MAX)


def from_upstream(provider_id: str, error: UpstreamError) -> CallerError:
    """What the client is told when the upstream gave no response head."""
    if isinstance(error, UpstreamTimeout):
        return CallerError(error.code, 504, f"The upstream {provider_id} timed out: {error.message}")
    happened = "could not be reached" if isinstance(error, UpstreamUnreachable) else "gave no answer"
    return CallerError("bad_gateway", 502, f"The upstream {provider_id} {happened}: {error.message}")
