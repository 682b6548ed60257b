"""Our own answers, in the form the caller's SDK turns into its proper exception.

The only place of the gateway that knows bodies and types of errors.  Every one
of them carries `x-wellhead-error: <code>`.
"""

import json
from collections.abc import Mapping
from typing import Any

from wellhead.directory import ProviderType
from wellhead.errors import CallerError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from wellhead.ports import Headers

_OPENAI_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}
_GEMINI_STATUSES: Mapping[int, str] = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


def error_body(family: ProviderType, error: CallerError) -> bytes:
    """The JSON body of one of our own errors."""
    status, message = error.status, error.message
    body: dict[str, Any]
    if family is ProviderType.ANTHROPIC:
        kind = _ANTHROPIC_TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
        body = {"type": "error", "error": {"type": kind, "message": message}}
    elif family is ProviderType.GEMINI:
        kind = _GEMINI_STATUSES.get(status, "INVALID_ARGUMENT")
        body = {"error": {"code": status, "message": message, "status": kind}}
    elif family is ProviderType.OLLAMA:
        body = {"error": message}
    else:
        kind = _OPENAI_TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
        body = {"error": {"message": message, "type": kind, "code": error.code, "param": None}}
    return json.dumps(body).encode()


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
    if error.status in (413, 426):
        lines.append((b"connection", b"close"))
    if error.status == 426:
        lines.append((b"upgrade", b"HTTP/1.1"))
    return lines


def from_upstream(provider_id: str, error: UpstreamError) -> CallerError:
    """What the client is told when the upstream gave no response head."""
    if isinstance(error, UpstreamTimeout):
        return CallerError("upstream_timeout", 504, f"The upstream {provider_id} timed out: {error.message}")
    happened = "could not be reached" if isinstance(error, UpstreamUnreachable) else "gave no answer"
    return CallerError("bad_gateway", 502, f"The upstream {provider_id} {happened}: {error.message}")
