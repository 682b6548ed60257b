"""How the books tell their operator of events."""

from typing import Protocol


class Say(Protocol):
    """Where events go that an operator should see; called from the books' thread, must not raise."""

    def __call__(self, event: str, /, **facts: object) -> object: ...


def say_nothing(_event: str, /, **_facts: object) -> None:
    """For those whom nobody listens to."""
