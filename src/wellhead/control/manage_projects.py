"""`/manage/projects`: projects in the form that the withering-token proxy's users know.

They are the same projects as under `/admin/projects`; a project that is not active is
archived there.
"""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from wellhead.access import Project
from wellhead.control import project_secret
from wellhead.control.answers import failing, link_next
from wellhead.control.bodies import After, Body, Count, Name, Secret, Uuid, example
from wellhead.control.parameters import only
from wellhead.control.projects import KEPT
from wellhead.control.roles import ADMIN, By
from wellhead.control.times import to_the_second_if
from wellhead.moments import to_the_second
from wellhead.registry import PAGE_MAX, Registry, Revoked

EXAMPLE_PROJECT: dict[str, Any] = {
    "id": "77b0c0de-0000-4000-8000-000000000001",
    "name": "search",
    "is_active": True,
    "created_at": "2026-03-01T09:00:00Z",
    "deactivated_at": None,
}


class ManagedProjectSent(Body):
    """A project to be made."""

    model_config = example(name="search", api_key="sk-…")

    name: Name
    api_key: Secret | None = Field(default=None, description=KEPT)


class ManagedProjectChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(is_active=False, revoke_tokens=True)

    name: Name | None = None
    api_key: Secret | None = Field(default=None, description=KEPT)
    is_active: bool | None = Field(default=None, description="The keys of one that is not are refused.")
    revoke_tokens: bool = Field(default=False, description="Revoke all its keys, too.")


class ManagedProject(BaseModel):
    """A project, without its upstream secret."""

    model_config = example(**EXAMPLE_PROJECT)

    id: str
    name: str
    is_active: bool
    created_at: str
    deactivated_at: str | None


class TokensRevoked(BaseModel):
    """What revoking all keys of a project did."""

    model_config = example(revoked_count=2, already_revoked_count=1, total_tokens=3, failed_count=0)

    revoked_count: int
    already_revoked_count: int
    total_tokens: int = Field(description="Keys of the project.")
    failed_count: int = Field(default=0, description="Always 0: all or none are revoked.")


def add_to(routes: APIRouter, registry: Registry) -> None:
    """List, make, show and change projects, and revoke all keys of one."""
    _add_reading(routes, registry)
    _add_changing(routes, registry)


def _add_reading(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/manage/projects",
        tags=["manage"],
        dependencies=[*ADMIN, Depends(only("after", "limit"))],
        summary="All projects",
        responses=failing(400),
    )
    def list_(
        request: Request, response: Response, after: After = 0, count: Count = PAGE_MAX
    ) -> list[ManagedProject]:
        """The oldest first; where there are more, a `Link` header says where they begin."""
        page = registry.projects(after=after, count=count)
        link_next(request, response, page.next)
        return [_shown(one) for one in page.entries]

    @routes.get(
        "/manage/projects/{id}",
        tags=["manage"],
        dependencies=ADMIN,
        summary="A project",
        responses=failing(404),
    )
    def show(uuid: Uuid) -> ManagedProject:
        """Without its upstream secret."""
        return _shown(registry.project(uuid))


def _add_changing(routes: APIRouter, registry: Registry) -> None:
    @routes.post(
        "/manage/projects",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Make a project",
        status_code=201,
        responses=failing(400, 409),
    )
    def create(body: ManagedProjectSent, by: By) -> ManagedProject:
        """With a credential for `openai`, if one is given."""
        return _shown(project_secret.create(registry, by, body.name, body.api_key))

    @routes.patch(
        "/manage/projects/{id}",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Change or deactivate a project",
        responses=failing(400, 404, 409),
    )
    def change(uuid: Uuid, body: ManagedProjectChange, by: By) -> ManagedProject:
        """It holds for every call that begins after the answer."""
        if body.api_key is not None:
            project_secret.replace(registry, by, uuid, body.api_key)
        archived = None if body.is_active is None else not body.is_active
        changed = registry.change_project(by, uuid, name=body.name, archived=archived)
        if body.revoke_tokens:
            registry.revoke_keys_of(by, uuid)
        return _shown(changed)

    @routes.post(
        "/manage/projects/{id}/tokens/revoke",
        tags=["manage"],
        dependencies=ADMIN,
        summary="Revoke all keys of a project",
        responses=failing(404),
    )
    def revoke(uuid: Uuid, by: By) -> TokensRevoked:
        """No call of theirs that begins after the answer gets through."""
        return _revoked(registry.revoke_keys_of(by, uuid))


def _revoked(revoked: Revoked) -> TokensRevoked:
    return TokensRevoked(
        revoked_count=revoked.revoked,
        already_revoked_count=revoked.already_revoked,
        total_tokens=revoked.revoked + revoked.already_revoked,
    )


def _shown(project: Project) -> ManagedProject:
    return ManagedProject(
        id=project.uuid,
        name=project.name,
        is_active=project.archived_us is None,
        created_at=to_the_second(project.created_us),
        deactivated_at=to_the_second_if(project.archived_us),
    )
