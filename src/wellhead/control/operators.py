"""Operators: who is asking, by any of the ways that are configured.

::

    Authorization: Basic     a viewer's or an admin's user and password
    Authorization: Bearer    the admin token; the management token, for /manage alone
    x-admin-token            the admin token
    cookie                   what a login gave (see sessions.py)

A header for which nothing is configured says nothing: it may be meant for somebody on
the way here.  One that is wrong ends the request, whatever else came along, and counts
against its address.  With nothing configured at all, whoever may come here is admin.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fastapi import HTTPException
from starlette.requests import HTTPConnection

from wellhead.control.failures import Responses, described
from wellhead.control.options import ControlOptions
from wellhead.control.passwords import Passwords
from wellhead.control.roles import MANAGE, Operator, Role
from wellhead.control.sessions import COOKIE, Sessions
from wellhead.control.throttle import Throttle
from wellhead.errors import CallerError
from wellhead.logs import Log

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
BASIC_CHALLENGE = 'Basic realm="Wellhead", charset="UTF-8"'
BEARER_CHALLENGE = 'Bearer realm="Wellhead"'
NEEDED = "An operator's credentials are needed here, and none or wrong ones came."
NO_ADMIN = (
    "Nobody can be admin here yet: set control.admin_token, control.admin_user with control.admin_password, "
    "or control.admin_password_hash."
)
NO_MANAGEMENT = NO_ADMIN[:-1] + "; control.management_token opens /manage alone."

REFUSALS: Responses = {
    401: described("No or wrong credentials, where HTTP Basic is configured.", "UNAUTHORIZED", NEEDED),
    403: described(
        "No or wrong credentials, or not enough rights.", "FORBIDDEN", "Only an admin may do this."
    ),
    429: described(
        "Too many wrong credentials came from this address.",
        "TOO_MANY_ATTEMPTS",
        "Too many wrong credentials came from this address; try again in 42 s.",
    ),
}
"""How a route that needs a role may refuse, for the OpenAPI document."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A credential that is right."""

    kind: str
    digest: bytes = field(repr=False)
    name: str
    role: Role
    manage_only: bool = False


@dataclass(frozen=True, slots=True)
class _Login:
    """With what one logs in as a role; without any of them nobody does."""

    user: str | None
    password: str | None = field(repr=False)
    hashed: str | None = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """Is a password, too, for whoever names nobody or the role."""

    @property
    def secret(self) -> str:
        """All of it: where that changes, sessions end."""
        return repr((self.user, self.password, self.hashed, self.token))


class Operators:
    """Recognises operators and lets them log in and out."""

    def __init__(self, options: ControlOptions, now_us: Callable[[], int], log: Log) -> None:
        self._options = options
        self._log = log
        self._known = _known(options)
        self._kinds = {one.kind for one in self._known}
        self._logins = _logins(options)
        self._passwords = Passwords()
        self._throttle = Throttle(options.login_max_attempts, options.login_window_s, now_us)
        secrets = {role: one.secret for role, one in self._logins.items()}
        self._sessions = Sessions(options.session_secret, options.session_ttl_s, secrets, now_us)

    def admit(self, request: HTTPConnection, role: Role) -> Operator:
        """Whoever asks, if they may do what needs this role; raises what to answer if not."""
        path = request.scope["path"]
        if not self._options.has_credentials:
            return Operator("local", Role.ADMIN, address_of(request))
        self._insist_on_a_way(role, path)
        found = self._found(request)
        if not found:
            raise self._unauthorized(request)
        operator = next((one for one in found if one.may(role, path)), found[0])
        if not operator.may(role, path):
            raise _forbidden(operator)
        if operator.by_cookie:
            insist_on_csrf(request)
        return operator

    def who(self, request: HTTPConnection) -> Operator | None:
        """Whoever asks, where nobody needs to be anybody; wrong credentials are refused all the same."""
        if not self._options.has_credentials:
            return Operator("local", Role.ADMIN, address_of(request))
        found = [one for one in self._found(request) if one.may(Role.VIEWER, request.scope["path"])]
        return next((one for one in found if one.role is Role.ADMIN), found[0] if found else None)

    def log_in(self, address: str, user: str | None, password: str) -> Role | None:
        """What a user, or without one whoever knows a password, may do; `None`: it is wrong.

        Takes a while: call it in a thread.
        """
        attempt = self._throttle.attempt(address)
        try:
            role = next((one for one in self._logins if self._is_right(one, user, password)), None)
        except CallerError:
            # It was not looked at.
            self._throttle.forgive(address, attempt)
            raise
        if role is None:
            self._log.warning("operator.refused", address=address, way="login")
        else:
            self._throttle.forgive(address, attempt)
        return role

    def begin_session(self, role: Role) -> str:
        """The cookie of a new session."""
        return self._sessions.begin(role)

    def end_session(self, request: HTTPConnection) -> None:
        """End the session whose cookie came along, if there is one."""
        self._sessions.end(request.cookies.get(COOKIE, ""))

    def session(self, request: HTTPConnection) -> Operator | None:
        """Whoever's cookie came along."""
        role = self._sessions.role_of(request.cookies.get(COOKIE, ""))
        return None if role is None else Operator("session", role, address_of(request), by_cookie=True)

    def _insist_on_a_way(self, role: Role, path: str) -> None:
        options = self._options
        is_managed = path.startswith(MANAGE)
        if is_managed and options.management_token is not None:
            return
        if not (options.has_admin if role is Role.ADMIN else options.has_viewer):
            said = NO_MANAGEMENT if is_managed or options.management_token is not None else NO_ADMIN
            raise CallerError("ADMIN_NOT_CONFIGURED", 403, said)

    def _found(self, request: HTTPConnection) -> list[Operator]:
        """Everybody whom the request proves to come from; what is written out goes first."""
        operators = (self._presented(request), self.session(request))
        return [one for one in operators if one is not None]

    def _presented(self, request: HTTPConnection) -> Operator | None:
        given = next((one for one in _presented(request) if one[0] in self._kinds), None)
        if given is None:
            return None
        kind, digest = given
        address = address_of(request)
        attempt = self._throttle.attempt(address)
        # All are compared, so that time does not tell which one was nearly right.
        right = [one for one in self._known if hmac.compare_digest(one.digest, digest) and one.kind == kind]
        if not right:
            self._log.warning("operator.refused", address=address, way=kind)
            raise self._unauthorized(request)
        self._throttle.forgive(address, attempt)
        return Operator(right[0].name, right[0].role, address, manage_only=right[0].manage_only)

    def _unauthorized(self, request: HTTPConnection) -> Exception:
        challenges = [BASIC_CHALLENGE] if self._options.has_basic else []
        if request.scope["path"].startswith(MANAGE) and self._options.management_token is not None:
            challenges.insert(0, BEARER_CHALLENGE)
        if not challenges:
            return CallerError("UNAUTHORIZED", 403, NEEDED)
        # A browser would ask by itself, over our page, which has a form of its own.
        headers = None if _is_from_our_page(request) else {"www-authenticate": ", ".join(challenges)}
        return HTTPException(401, NEEDED, headers)

    def _is_right(self, role: Role, user: str | None, password: str) -> bool:
        login = self._logins[role]
        by_token = login.token is not None and user in (None, role.value)
        if by_token and hmac.compare_digest(_digest(password), _digest(login.token or "")):
            return True
        if user is not None:
            if not hmac.compare_digest(_digest(user), _digest(login.user or role.value)):
                return False
            if login.password is not None and hmac.compare_digest(_digest(password), _digest(login.password)):
                return True
        return login.hashed is not None and self._passwords.is_right(password, login.hashed)


def address_of(request: HTTPConnection) -> str:
    """The socket's address."""
    return request.client.host if request.client is not None else ""


def insist_on_csrf(request: HTTPConnection) -> None:
    """A browser sends cookies for any page; a header of its own only our pages can send."""
    if request.scope["method"] not in SAFE_METHODS and not _is_from_our_page(request):
        said = "With a session this needs the header `x-csrf: 1`."
        raise CallerError("CSRF_REQUIRED", 403, said)


def _is_from_our_page(request: HTTPConnection) -> bool:
    return request.headers.get("x-csrf") == "1"


def _forbidden(operator: Operator) -> CallerError:
    said = "Only an admin may do this."
    if operator.manage_only:
        said = "The management token opens what is under /manage, and nothing else."
    return CallerError("FORBIDDEN", 403, said)


def _known(options: ControlOptions) -> tuple[_Known, ...]:
    known = []
    if options.admin_user is not None and options.admin_password is not None:
        digest = _pair(options.admin_user.encode(), options.admin_password.encode())
        known.append(_Known("basic", digest, options.admin_user, Role.ADMIN))
    if options.basic_user is not None and options.basic_password is not None:
        digest = _pair(options.basic_user.encode(), options.basic_password.encode())
        known.append(_Known("basic", digest, options.basic_user, Role.VIEWER))
    if options.admin_token is not None:
        digest = _digest(options.admin_token)
        known += [_Known(kind, digest, "admin-token", Role.ADMIN) for kind in ("x-admin-token", "bearer")]
    if options.management_token is not None:
        digest = _digest(options.management_token)
        known.append(_Known("bearer", digest, "management-token", Role.ADMIN, manage_only=True))
    return tuple(known)


def _logins(options: ControlOptions) -> dict[Role, _Login]:
    logins = {
        Role.ADMIN: _Login(
            options.admin_user, options.admin_password, options.admin_password_hash, options.admin_token
        ),
        Role.VIEWER: _Login(options.basic_user, options.basic_password, options.viewer_password_hash),
    }
    return {
        role: one for role, one in logins.items() if (one.password or one.hashed or one.token) is not None
    }


def _presented(request: HTTPConnection) -> Iterator[tuple[str, bytes]]:
    """Which headers say who is asking, and the digests of what they say."""
    token = request.headers.get("x-admin-token")
    if token:
        yield "x-admin-token", _digest(token, "latin-1")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        user, _, password = _decoded(given).partition(b":")
        yield "basic", _pair(user, password)
    elif scheme:
        # Headers are bytes; they were decoded as Latin-1 to be strings at all.
        yield scheme.lower(), _digest(given.strip(), "latin-1")


def _pair(user: bytes, password: bytes) -> bytes:
    return hashlib.sha256(user).digest() + hashlib.sha256(password).digest()


def _digest(secret: str, encoding: str = "utf-8") -> bytes:
    return hashlib.sha256(secret.encode(encoding, "surrogatepass")).digest()


def _decoded(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
