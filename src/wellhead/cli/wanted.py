"""Filters as people write them: by the names of projects and keys, and `unknown` for what nobody said."""

from typing import TYPE_CHECKING

import typer

from wellhead.call import CallState
from wellhead.report import Dimension, Key

if TYPE_CHECKING:
    from sqlalchemy import Engine

NAMED = (Dimension.PROJECT, Dimension.KEY)
"""These are numbers in the books, and names for people."""
UNKNOWN = "unknown"
"""How a filter asks for calls of which nobody said it."""


def wanted(engine: "Engine", dimension: Dimension, value: str) -> Key:
    """What calls have to have; a project's uuid, a key's number, else the text itself."""
    if not value.strip():
        raise typer.BadParameter(f"--{dimension} must not be blank")
    if dimension is Dimension.OUTCOME and value not in tuple(CallState):
        raise typer.BadParameter(f"--{dimension} must be one of {', '.join(CallState)}")
    if value == UNKNOWN:
        return None
    if dimension not in NAMED:
        return value
    known = names(engine, dimension)
    if dimension is Dimension.KEY and value.isascii() and value.isdigit() and int(value) in known:
        return int(value)
    if value in known:
        return value
    same = [key for key, name in known.items() if name == value]
    if len(same) == 1:
        return same[0]
    # Not repeated: it may be a key that was pasted.
    what = "several have this name: name it by its id" if same else "there is none of this name or id"
    raise typer.BadParameter(f"--{dimension}: {what}; see `wellhead {dimension}s list`")


def names(engine: "Engine", dimension: Dimension) -> dict[Key, str]:
    """The names of projects by their uuids, or of keys by their numbers."""
    from wellhead.database.names import key_names, project_names

    if dimension is Dimension.PROJECT:
        return dict(project_names(engine).items())
    return dict(key_names(engine).items())
