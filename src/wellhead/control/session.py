"""`/admin/session`: a browser logs in, asks who it is, and logs out."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from wellhead.control.answers import failing
from wellhead.control.bodies import PASSWORD_CHARS_MAX, Body, Name, example
from wellhead.control.failures import Responses, described
from wellhead.control.operators import Operators, address_of, insist_on_csrf
from wellhead.control.options import ControlOptions
from wellhead.control.roles import OPEN, Role
from wellhead.control.sessions import COOKIE
from wellhead.errors import CallerError
from wellhead.registry import Actor, Registry

NO_LOGIN = (
    "Nobody can log in yet: set control.admin_password_hash or control.viewer_password_hash "
    "(argon2id or bcrypt), or control.admin_token."
)
LOGIN_RESPONSES: Responses = {
    **failing(400),
    401: described("The password is wrong.", "INVALID_PASSWORD", "The user or the password is wrong."),
    403: described("Nobody could log in.", "LOGIN_NOT_CONFIGURED", NO_LOGIN),
}


class Login(Body):
    """A password or the admin token, and whose it is where somebody has a name."""

    model_config = example(password="correct horse battery staple")  # noqa: S106

    password: Annotated[str, Field(max_length=PASSWORD_CHARS_MAX)]
    user: Name | None = Field(
        default=None, description="The user of HTTP Basic; without one `admin` or `viewer`. Absent: either."
    )


class Session(BaseModel):
    """Who is asking."""

    model_config = example(authenticated=True, loginConfigured=True, role="admin")

    authenticated: bool
    loginConfigured: bool = Field(description="Whether anybody could log in.")  # noqa: N815 (on the wire)
    role: Role | None = Field(description="As what.")


def add_to(routes: APIRouter, operators: Operators, options: ControlOptions, registry: Registry) -> None:
    """The three endpoints of a session."""

    def state(role: Role | None) -> Session:
        return Session(authenticated=role is not None, loginConfigured=options.has_login, role=role)

    @routes.get(
        "/admin/session",
        tags=["session"],
        dependencies=OPEN,
        summary="Who am I?",
        responses=failing(),
    )
    def show(request: Request) -> Session:
        """Open to everybody; wrong credentials are refused here as anywhere."""
        operator = operators.who(request)
        return state(None if operator is None else operator.role)

    @routes.post(
        "/admin/session/login",
        tags=["session"],
        dependencies=OPEN,
        summary="Log in",
        responses=LOGIN_RESPONSES,
    )
    def log_in(body: Login, request: Request, response: Response) -> Session:
        """A right password is answered with the cookie of a new session."""
        if not options.has_login:
            raise CallerError("LOGIN_NOT_CONFIGURED", 403, NO_LOGIN)
        address = address_of(request)
        role = operators.log_in(address, body.user, body.password)
        if role is None:
            raise CallerError("INVALID_PASSWORD", 401, "The user or the password is wrong.")
        registry.note(Actor("session", address), "session.login", "session", role)
        response.set_cookie(
            COOKIE,
            operators.begin_session(role),
            max_age=int(options.session_ttl_s),
            path="/",
            httponly=True,
            samesite="strict",
            secure=_over_tls(request),
        )
        return state(role)

    @routes.post(
        "/admin/session/logout",
        tags=["session"],
        dependencies=OPEN,
        summary="Log out",
        responses=failing(),
    )
    def log_out(request: Request, response: Response) -> Session:
        """Ends the session whose cookie came along; without one there is nothing to do."""
        operator = operators.session(request)
        if operator is not None:
            insist_on_csrf(request)
            operators.end_session(request)
            registry.note(operator.actor, "session.logout", "session", operator.role)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=_over_tls(request))
        return state(None)


def _over_tls(request: Request) -> bool:
    """Whether the browser came over TLS, which may end at a reverse proxy before us."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
