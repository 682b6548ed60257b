"""A limit: a ceiling on calls, tokens or cost for a scope over a window.

::

    scope    whose calls      global, a project, a key, a tool and client, a model, a provider
    measure  what is counted  calls, tokens, cost, calls at one time
    window   over how long    minute ... month, aligned with the calendar of a zone or sliding; or for good
    action   what then        refuse, warn, or only count what would have been refused (shadow)

A scope that names nobody (`key` without an id) gives everybody of its kind a
count of their own.  Tokens are counts, costs nano-dollars.
"""

from dataclasses import dataclass
from enum import StrEnum


class ScopeKind(StrEnum):
    """Whose calls a limit counts."""

    GLOBAL = "global"
    PROJECT = "project"
    KEY = "key"
    CLIENT = "tool_client"
    MODEL = "model"
    PROVIDER = "provider"


class Measure(StrEnum):
    """What a limit counts."""

    CALLS = "calls"
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    TOTAL_TOKENS = "total_tokens"
    COST = "cost"
    CONCURRENT_CALLS = "concurrent_calls"


class Window(StrEnum):
    """Over how long a limit counts."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    TOTAL = "total"
    """Since the limit was made, for good; also that of calls at one time."""


class Action(StrEnum):
    """What happens to a call that does not fit."""

    REFUSE = "refuse"
    WARN = "warn"
    """It is admitted, and an event says so."""
    SHADOW = "shadow"
    """It is admitted, and counted as one that would have been refused."""


class Source(StrEnum):
    """Where a limit was made; what the configuration made, only the configuration changes."""

    OPERATOR = "operator"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose calls a limit counts."""

    kind: ScopeKind
    id: str | None = None
    """A project's or key's number as text, a provider's id, a glob of models; `None`: each by itself."""
    tool: str | None = None
    client: str | None = None
    """Of `tool_client`; both `None`: each pair by itself."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit.  Scope, measure and window never change: another one is another limit."""

    id: int
    scope: Scope
    measure: Measure
    window: Window
    amount: int
    """Calls, tokens or nano-dollars."""
    created_us: int
    action: Action = Action.REFUSE
    sliding: bool = False
    """The window ends now, instead of being aligned with the calendar."""
    zone: str = "UTC"
    """IANA name of the zone whose calendar counts."""
    name: str | None = None
    source: Source = Source.OPERATOR

    @property
    def is_budget(self) -> bool:
        """What is used up is spent: waiting a little does not help."""
        return self.measure is Measure.COST or (
            self.window is Window.TOTAL and self.measure is not Measure.CONCURRENT_CALLS
        )
