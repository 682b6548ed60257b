"""How one setting is declared: its default, how its value is read, what it means."""

from collections.abc import Callable
from dataclasses import field
from typing import TypeVar

T = TypeVar("T")


def setting(default: T, read: Callable[[object], T], meaning: str, *, secret: bool = False) -> T:
    """Declare one setting.  The value of a secret one, or of a URL that may hold one, is never repeated."""
    declared: T = field(
        default=default,
        repr=not secret,
        metadata={"read": read, "meaning": meaning, "secret": secret},
    )
    return declared
