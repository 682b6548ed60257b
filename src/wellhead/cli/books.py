"""The registry as commands use it: straight on the database, whether or not a gateway runs.

Running gateways notice every change before they admit their next call.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import typer

from wellhead.cli.options import configured
from wellhead.config.settings import Settings
from wellhead.errors import Invalid, NotFound
from wellhead.registry import PAGE_MAX, Actor, Page

if TYPE_CHECKING:
    from wellhead.access import Project
    from wellhead.database.registry import DatabaseRegistry
    from wellhead.vault import Vault

T = TypeVar("T")

UUID_CHARS = 36


class NoSuchProject(NotFound):
    """A project that an option names is not there, whatever the command is about."""


@dataclass(frozen=True, slots=True)
class Books:
    """An open registry, and who works with it."""

    registry: "DatabaseRegistry"
    settings: Settings
    by: Actor
    now_us: Callable[[], int]

    def project(self, named: str) -> "Project":
        """The project of this uuid or name; one that is archived only where no other has the name."""
        if len(named) == UUID_CHARS:
            try:
                return self.registry.project(named)
            except NotFound:
                pass  # a name may look like one
        found = list(all_of(lambda after: self.registry.projects(after=after, count=PAGE_MAX)))
        same = [p for p in found if p.name == named]
        same = [p for p in same if p.archived_us is None] or same
        if not same:
            raise NoSuchProject(f"there is no project {named!r}")
        if len(same) > 1:
            raise NoSuchProject(
                f"several archived projects are called {named!r}: name the one that is meant by its id"
            )
        return same[0]

    def project_uuid(self, named: str | None) -> str | None:
        return None if named is None else self.project(named).uuid


@contextmanager
def books(config: str | None, database: str | None, *, noun: str) -> Iterator[Books]:
    """Open the registry for one command that is about projects, keys, limits or credentials."""
    from wellhead.clock import Clock
    from wellhead.database.engine import make_engine
    from wellhead.database.registry import DatabaseRegistry
    from wellhead.database.upgrade import is_current, upgrade

    settings = configured(config, database=database).settings
    if not is_current(settings.database):
        upgrade(settings.database)
    engine = make_engine(settings.database)
    now_us = Clock().now_us
    try:
        yield Books(DatabaseRegistry(engine, ask_vault(settings), now_us), settings, operator(), now_us)
    except Invalid as error:
        raise typer.BadParameter(str(error)) from None
    except NotFound as error:
        noun = "projects" if isinstance(error, NoSuchProject) else noun
        raise NotFound(f"{error}; `wellhead {noun} list` shows what there is") from None
    finally:
        engine.dispose()


def all_of(page: Callable[[int], Page[T]]) -> Iterator[T]:
    """Every entry of a listing, page by page; `page` is asked for what comes after an id."""
    after: int | None = 0
    while after is not None:
        found = page(after)
        yield from found.entries
        after = found.next


def operator() -> Actor:
    """The user of this machine who gave the command."""
    import pwd

    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user need not have a name
        name = str(os.getuid())
    return Actor(f"cli:{name}")


def ask_vault(settings: Settings) -> "Callable[[], Vault]":
    """What seals secrets, once it is needed; its master key is made then, if there is none."""

    def ask() -> "Vault":
        from wellhead.master_key import master_key
        from wellhead.vault import Vault

        found = master_key(settings.master_key, settings.database)
        if found.is_new:
            say(
                f"made a master key: {found.file}; keep a copy of it, without it no credential can be opened "
                "(a gateway with another WELLHEAD_MASTER_KEY cannot open them either)"
            )
        return Vault(found.key)

    return ask


def say(message: str) -> None:
    """Tell a person something beside the command's output."""
    sys.stderr.write(f"wellhead: {message}\n")
