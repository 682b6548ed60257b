"""`/admin/credentials`: secrets towards upstreams.  They go in and never come out, not even in part."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, Field

from wellhead import shown
from wellhead.access import Credential
from wellhead.control.answers import failing
from wellhead.control.bodies import After, Body, Count, Id, Name, Next, Secret, example
from wellhead.control.parameters import only
from wellhead.control.roles import ADMIN, By
from wellhead.registry import Registry

EXAMPLE_CREDENTIAL: dict[str, Any] = {
    "id": 4,
    "provider": "openai",
    "name": "second account",
    "project_id": "77b0c0de-0000-4000-8000-000000000001",
    "created_at": "2026-03-01T09:00:00.000Z",
    "disabled_at": None,
}


class CredentialSent(Body):
    """A credential to be kept."""

    model_config = example(provider="openai", name="second account", secret="sk-…")  # noqa: S106

    provider: Name = Field(description="The provider's id.")
    name: Name
    secret: Secret = Field(description="No answer ever holds it.")
    project_id: Name | None = Field(default=None, description="Absent: for everybody with a key.")


class CredentialChange(Body):
    """What is to be different; what is absent stays."""

    model_config = example(secret="sk-…")  # noqa: S106

    name: Name | None = None
    secret: Secret | None = Field(default=None, description="Takes the place of the old one.")
    disabled: bool | None = Field(default=None, description="Whether it rests.")


class CredentialShown(BaseModel):
    """A credential, without its secret."""

    model_config = example(**EXAMPLE_CREDENTIAL)

    id: int
    provider: str
    name: str
    project_id: str | None
    created_at: str
    disabled_at: str | None


class Credentials(BaseModel):
    """One page."""

    model_config = example(credentials=[EXAMPLE_CREDENTIAL], next=None)

    credentials: list[CredentialShown]
    next: Next


def add_to(routes: APIRouter, registry: Registry) -> None:
    """List, keep, show, change and delete credentials."""
    _add_reading(routes, registry)
    _add_changing(routes, registry)


def _add_reading(routes: APIRouter, registry: Registry) -> None:
    @routes.get(
        "/admin/credentials",
        tags=["credentials"],
        dependencies=[*ADMIN, Depends(only("after", "limit", "project_id", "provider"))],
        summary="All credentials",
        responses=failing(400, 404),
    )
    def list_(
        after: After = 0,
        count: Count = 100,
        project_id: Annotated[str | None, Query(max_length=64, description="Those of this project.")] = None,
        provider: Annotated[str | None, Query(description="Those for this provider.")] = None,
    ) -> Credentials:
        """Without their secrets, the oldest first."""
        page = registry.credentials(after=after, count=count, project=project_id, provider=provider)
        return Credentials(credentials=_shown(registry, *page.entries), next=page.next)

    @routes.get(
        "/admin/credentials/{id}",
        tags=["credentials"],
        dependencies=ADMIN,
        summary="A credential",
        responses=failing(404),
    )
    def show(credential_id: Id) -> CredentialShown:
        """Without its secret."""
        return _shown(registry, registry.credential(credential_id))[0]


def _add_changing(routes: APIRouter, registry: Registry) -> None:
    @routes.post(
        "/admin/credentials",
        tags=["credentials"],
        dependencies=ADMIN,
        summary="Keep a credential",
        status_code=201,
        responses=failing(400, 404, 409),
    )
    def create(body: CredentialSent, by: By) -> CredentialShown:
        """The secret is kept encrypted and given to the upstream alone."""
        made = registry.create_credential(by, body.provider, body.name, body.secret, body.project_id)
        return _shown(registry, made)[0]

    @routes.patch(
        "/admin/credentials/{id}",
        tags=["credentials"],
        dependencies=ADMIN,
        summary="Change, replace or disable a credential",
        responses=failing(400, 404),
    )
    def change(credential_id: Id, body: CredentialChange, by: By) -> CredentialShown:
        """It holds for every call that begins after the answer."""
        changed = registry.change_credential(
            by, credential_id, name=body.name, secret=body.secret, disabled=body.disabled
        )
        return _shown(registry, changed)[0]

    @routes.delete(
        "/admin/credentials/{id}",
        tags=["credentials"],
        dependencies=ADMIN,
        summary="Delete a credential",
        status_code=204,
        response_class=Response,
        responses=failing(404),
    )
    def delete(credential_id: Id, by: By) -> None:
        """The secret is gone."""
        registry.delete_credential(by, credential_id)


def _shown(registry: Registry, *credentials: Credential) -> list[CredentialShown]:
    numbers = {one.project_id for one in credentials if one.project_id is not None}
    uuids = registry.project_uuids(sorted(numbers)) if numbers else {}
    return [CredentialShown(**shown.credential(one, uuids)) for one in credentials]
