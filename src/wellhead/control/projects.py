"""`/admin/projects`: who keys belong to and who pays.

A project may bring its own credential for the provider `openai`, as in the
withering-token proxy.  What does that is in `project_secret.py`.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.access import Project
from wellhead.control import project_secret
from wellhead.control.answers import failing
from wellhead.control.bodies import After, Body, Count, Name, Next, Secret, Uuid, example
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, VIEWER, By
from wellhead.errors import Conflict
from wellhead.registry import Actor, Registry

EXAMPLE_PROJECT: dict[str, Any] = {
    "id": "77b0c0de-0000-4000-8000-000000000001",
    "name": "search",
    "is_active": True,
    "created_at": "2026-03-01T09:00:00.000Z",
    "archived_at": None,
}
KEPT = "Becomes the project's credential for the provider `openai`; no answer ever holds it."


class ProjectSent(Body):
    """A project to be made."""

    model_config = example(name="search", openai_api_key="sk-…")

    name: Name
    openai_api_key: Secret | None = Field(default=None, description=KEPT)


class ProjectChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(archived=True)

    name: Name | None = None
    archived: bool | None = Field(default=None, description="The keys of an archived project are refused.")
    openai_api_key: Secret | None = Field(default=None, description=KEPT)


class ProjectNamed(Body):
    """Which project."""

    model_config = example(id="77b0c0de-0000-4000-8000-000000000001")

    id: Name


class ProjectShown(BaseModel):
    """A project."""

    model_config = example(**EXAMPLE_PROJECT)

    id: str
    name: str
    is_active: bool
    created_at: str
    archived_at: str | None


class Projects(BaseModel):
    """One page."""

    model_config = example(projects=[EXAMPLE_PROJECT], next=None)

    projects: list[ProjectShown]
    next: Next


def add_to(routes: APIRouter, registry: Registry) -> None:
    """List, make, show, change and delete projects."""
    _add_reading(routes, registry)
    _add_changing(routes, registry)


def _add_reading(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/admin/projects",
        tags=["projects"],
        dependencies=[*VIEWER, Depends(only("after", "limit", "archived"))],
        summary="All projects",
        responses=failing(400),
    )
    def list_(
        after: After = 0,
        count: Count = 100,
        archived: Annotated[bool | None, Query(description="Only these; absent: all.")] = None,
    ) -> Projects:
        """The oldest first."""
        page = registry.projects(after=after, count=count, archived=archived)
        return Projects(projects=[_shown(one) for one in page.entries], next=page.next)

    @routes.get(
        "/admin/projects/{id}",
        tags=["projects"],
        dependencies=VIEWER,
        summary="A project",
        responses=failing(404),
    )
    def show(uuid: Uuid) -> ProjectShown:
        """Without its credentials; those are at `/admin/credentials`."""
        return _shown(registry.project(uuid))


def _add_changing(routes: APIRouter, registry: Registry) -> None:
    @routes.post(
        "/admin/projects",
        tags=["projects"],
        dependencies=ADMIN,
        summary="Make a project",
        status_code=201,
        responses=failing(400, 409),
    )
    def create(body: ProjectSent, by: By) -> ProjectShown:
        """With a credential for `openai`, if one is given."""
        return _shown(project_secret.create(registry, by, body.name, body.openai_api_key))

    @routes.patch(
        "/admin/projects/{id}",
        tags=["projects"],
        dependencies=ADMIN,
        summary="Change or archive a project",
        responses=failing(400, 404, 409),
    )
    def change(uuid: Uuid, body: ProjectChange, by: By) -> ProjectShown:
        """It holds for every call that begins after the answer."""
        if body.openai_api_key is not None:
            project_secret.replace(registry, by, uuid, body.openai_api_key)
        return _shown(registry.change_project(by, uuid, name=body.name, archived=body.archived))

    @routes.delete(
        "/admin/projects/{id}",
        tags=["projects"],
        dependencies=ADMIN,
        summary="Delete an empty project",
        status_code=204,
        response_class=Response,
        responses=failing(404, 409),
    )
    def delete(uuid: Uuid, by: By) -> None:
        """Only as long as nothing refers to it; archive it otherwise."""
        _delete(registry, by, uuid)

    @routes.delete(
        "/admin/projects",
        tags=["projects"],
        dependencies=ADMIN,
        summary="Delete an empty project, named in the body",
        status_code=204,
        response_class=Response,
        responses=failing(400, 404, 409),
    )
    def delete_named(body: ProjectNamed, by: By) -> None:
        """Only as long as nothing refers to it; archive it otherwise."""
        _delete(registry, by, body.id)


def _delete(registry: Registry, by: Actor, uuid: str) -> None:
    try:
        registry.delete_project(by, uuid)
    except Conflict:
        raise Conflict(
            "the project still has keys, credentials, limits or calls: archive it instead, "
            'with PATCH /admin/projects/{id} and {"archived": true}; its keys are refused from then on'
        ) from None


def _shown(project: Project) -> ProjectShown:
    return ProjectShown(**shown.project(project), is_active=project.archived_us is None)
