"""Roles, and how every route of the control plane says which one it needs.

::

    @routes.get("/admin/limits", dependencies=VIEWER)

That declaration is the only way in: `Door` reads it when the route is made, and asks
before anything of the request's body is read.  A route without it cannot be made.
"""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request, Response
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute

from wellhead.registry import Actor

MANAGE = "/manage/"
"""Where a management token counts."""


class Role(StrEnum):
    """What an operator may do."""

    VIEWER = "viewer"
    """Read usage."""
    ADMIN = "admin"
    """Everything."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Who is asking."""

    name: str
    role: Role
    address: str
    manage_only: bool = False
    """A management token: what it opens is under `MANAGE`."""
    by_cookie: bool = False
    """A browser sends it along by itself."""

    def may(self, role: Role, path: str) -> bool:
        """Whether the operator is let in where this role is needed."""
        if self.manage_only and not path.startswith(MANAGE):
            return False
        return self.role is Role.ADMIN or role is Role.VIEWER

    @property
    def actor(self) -> Actor:
        """As the audit knows the operator."""
        return Actor(self.name, self.address)


class Admits(Protocol):
    """Whoever decides who is let in; it is the app's `state.operators`."""

    def admit(self, request: Request, role: Role) -> Operator: ...


class Needs:
    """Declares which role a route needs; `None`: nobody is asked."""

    def __init__(self, role: Role | None) -> None:
        self.role = role

    async def __call__(self, request: Request) -> None:
        # `Door` has asked already; a route that is not behind it answers nobody.
        assert request.state.admitted is self


class Door(APIRoute):
    """A route that asks who is there before it reads anything of what was sent."""

    @property
    def needs(self) -> Needs:
        (needs,) = [one.dependency for one in self.dependencies if isinstance(one.dependency, Needs)]
        return needs

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        needs, answer = self.needs, super().get_route_handler()

        async def ask(request: Request) -> Response:
            if needs.role is not None:
                operators: Admits = request.app.state.operators
                request.state.operator = operators.admit(request, needs.role)
            request.state.admitted = needs
            return await answer(request)

        return ask


WAYS: Mapping[str, Mapping[str, str]] = {
    "basic": {
        "type": "http",
        "description": "A viewer's or an admin's user and password.",
        "scheme": "basic",
    },
    "bearer": {
        "type": "http",
        "description": "The admin token; under /manage also its own.",
        "scheme": "bearer",
    },
    "token": {
        "type": "apiKey",
        "description": "The admin token.",
        "in": "header",
        "name": "x-admin-token",
    },
    "session": {
        "type": "apiKey",
        "description": "After a login.",
        "in": "cookie",
        "name": "__dashboard_session",
    },
}
"""How one identifies, for the OpenAPI document alone: `Operators` looks at all of them at once."""
OPEN: Sequence[Dependency] = (Depends(Needs(None)),)
VIEWER: Sequence[Dependency] = (Depends(Needs(Role.VIEWER)),)
ADMIN: Sequence[Dependency] = (Depends(Needs(Role.ADMIN)),)


async def _actor(request: Request) -> Actor:
    operator: Operator = request.state.operator
    return operator.actor


By = Annotated[Actor, Depends(_actor)]
"""The parameter of a handler that says who asked for a change."""
