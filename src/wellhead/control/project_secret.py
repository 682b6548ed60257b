"""The one upstream secret that a project brings along: its credential for the provider `openai`."""

from contextlib import suppress

from wellhead.access import Credential, Project
from wellhead.errors import Conflict, RegistryError
from wellhead.registry import PAGE_MAX, Actor, Registry

PROVIDER = "openai"
NAME = "api_key"
"""What the credential is called."""


def create(registry: Registry, by: Actor, name: str, secret: str | None) -> Project:
    """A project with that secret; without a project when the secret is refused."""
    project = registry.create_project(by, name)
    if secret is not None:
        try:
            registry.create_credential(by, PROVIDER, NAME, secret, project.uuid)
        except Exception:
            # What is left of it when this fails too is a project without any rights.
            with suppress(RegistryError):
                registry.delete_project(by, project.uuid)
            raise
    return project


def replace(registry: Registry, by: Actor, uuid: str, secret: str) -> None:
    """Put another secret in the place of the project's; `Conflict` if it is not clear which one is meant."""
    found = _find(registry.credentials(project=uuid, provider=PROVIDER, count=PAGE_MAX).entries)
    if found is None:
        registry.create_credential(by, PROVIDER, NAME, secret, uuid)
    else:
        registry.change_credential(by, found.id, secret=secret, disabled=False)


def _find(credentials: tuple[Credential, ...]) -> Credential | None:
    if len(credentials) <= 1:
        return credentials[0] if credentials else None
    named = [one for one in credentials if one.name == NAME]
    if len(named) != 1:
        raise Conflict("the project has several credentials for openai: change one at /admin/credentials")
    return named[0]
