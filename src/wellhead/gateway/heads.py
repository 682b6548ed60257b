"""Request heads that are refused although the parser takes them.

The parser is strict about spelling: signs and lists in a length, a length beside
chunks, spaces before a colon, folded lines, bare line feeds and control
characters never come this far.  What is left are heads that are spelt well and
may yet be read in two ways, by us and by whatever stands before or behind us::

    body      any transfer coding but `chunked`, once, in HTTP/1.1; the names of
              framing lines with `_` for `-`, which some servers take for the same
    target    a fragment, an authority, `*`, or another scheme than http
    host      none, or more than one (RFC 9112, 3.2)
    key       several lines that differ, of which we and the upstream may each take another
    version   any but 1.0 and 1.1; methods that are another protocol's

`docs/reliability.md` has the whole table.
"""

from wellhead.errors import CallerError
from wellhead.policy.identify import HEADERS, OWN_HEADER
from wellhead.ports import Headers

NOT_SERVED = frozenset(
    (
        b"TRACE",  # It would give the client's credentials back in a body.
        b"CONNECT",
        b"PRI",
        b"SOURCE",
        b"DESCRIBE",
        b"ANNOUNCE",
        b"SETUP",
        b"PLAY",
        b"PAUSE",
        b"TEARDOWN",
        b"GET_PARAMETER",
        b"SET_PARAMETER",
        b"REDIRECT",
        b"RECORD",
        b"FLUSH",
    )
)
"""Methods of tunnels, of loops and of other protocols that the parser knows as well."""
CREDENTIALS = frozenset((*HEADERS, OWN_HEADER))
_NEARLY_FRAMING = frozenset((b"content_length", b"transfer_encoding"))


def objection(method: bytes, version: str, target: bytes, headers: Headers) -> CallerError | None:
    """Why a head is refused; `None` where it is not.  Names of `headers` are in lower case."""
    if version not in ("1.1", "1.0"):
        return bad_request("Only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method in NOT_SERVED:
        told = f"{method.decode('latin-1')} is not served here"
        return CallerError("method_unsupported", 501, told)
    if target[:1] != b"/" and target[:7].lower() != b"http://" and target[:8].lower() != b"https://":
        return bad_request("The target of a request begins with a slash")
    if b"#" in target:
        return bad_request("The target of a request has no fragment (#)")
    return _objection_to_lines(version, headers)


def _objection_to_lines(version: str, headers: Headers) -> CallerError | None:
    hosts, codings = 0, 0
    credentials: dict[bytes, bytes] = {}
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding":
            codings += 1
            if codings > 1 or version == "1.0" or value.lower() != b"chunked":
                told = "The only transfer coding that is understood is chunked, once, in HTTP/1.1"
                return CallerError("transfer_coding_unsupported", 501, told)
        elif name in CREDENTIALS and credentials.setdefault(name, value) != value:
            return bad_request(f"A request says once what its {name.decode()} is")
        elif name in _NEARLY_FRAMING:
            return bad_request("A line of the head is named nearly as the one that frames the body")
    if hosts > 1 or (not hosts and version == "1.1"):
        return bad_request("A request names its host once")
    return None


def bad_request(told: str) -> CallerError:
    """400: it is not HTTP, or may be read in two ways."""
    return CallerError("bad_request", 400, told)
