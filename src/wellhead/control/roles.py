"""Roles, and how every route of the control plane says which one it needs.

::

    @routes.get("/admin/limits", dependencies=VIEWER)

That declaration is the only way in: `Door` reads it when the route is made, and asks
before anything of the request's body is read.  A route without it cannot be made.
"""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request, Response
from fastapi.openapi.models import APIKey, HTTPBase
from fastapi.openapi.models import SecurityBase as Model
from fastapi.params import Depends as Dependency
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

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


class Way(SecurityBase):
    """A way to identify, for the OpenAPI document alone."""

    def __init__(self, name: str, model: Model) -> None:
        self.scheme_name = name
        self.model = model

    async def __call__(self) -> None:
        """`Operators` looks at all of them at once."""


def _key(place: str, name: str, description: str) -> APIKey:
    return APIKey.model_validate({"in": place, "name": name, "description": description})


WAYS = (
    Way("basic", HTTPBase(scheme="basic", description="A viewer's or an admin's user and password.")),
    Way("bearer", HTTPBase(scheme="bearer", description="The admin token; under /manage also its own.")),
    Way("token", _key("header", "x-admin-token", "The admin token.")),
    Way("session", _key("cookie", "__dashboard_session", "After a login.")),
)
OPEN: Sequence[Dependency] = (Depends(Needs(None)),)
VIEWER: Sequence[Dependency] = (Depends(Needs(Role.VIEWER)), *map(Depends, WAYS))
ADMIN: Sequence[Dependency] = (Depends(Needs(Role.ADMIN)), *map(Depends, WAYS))


async def _actor(request: Request) -> Actor:
    operator: Operator = request.state.operator
    return operator.actor


By = Annotated[Actor, Depends(_actor)]
"""The parameter of a handler that says who asked for a change."""
