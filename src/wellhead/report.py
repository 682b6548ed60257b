"""Questions about the usage in the books, and their answers.

::

    edges_us   |-------|-------|-------|      by       provider, model
    slot           0       1       2          where    tool = codex

A question cuts a range of time into slots and asks for sums per slot and per
combination of dimensions; the range is over the moment a call *ended*.  Every call
that ended counts once, however it ended, so the lines of any cut and any grouping
add up to the same totals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from wellhead.errors import CallerError

Key = str | int | None
"""What stands in a dimension: text, a number for `streamed` and `key`; `None` when nobody said."""

CallRow = Mapping[str, Any]
"""A call by the columns of `calls` (the fields of `Opening` and `Settlement`), hashes left out.

Also `project`, the UUID of its project, or the number of one that is gone.
"""


UNKNOWN = "unknown"
"""How what nobody said is shown, and asked for."""


class Dimension(StrEnum):
    """What usage is told apart by."""

    PROVIDER = "provider"
    MODEL = "model"
    TOOL = "tool"
    CLIENT = "client"
    PROJECT = "project"
    """By its UUID; the number of a project that is gone."""
    KEY = "key"
    """By its number."""
    ACCOUNT = "account"
    OUTCOME = "outcome"
    """The terminal state."""
    STREAMED = "streamed"
    """0 or 1."""
    SESSION = "session"
    AGENT = "agent"


UNROLLED = frozenset({Dimension.SESSION, Dimension.AGENT})
"""These are in no rollup: a question about them reads every day of its range by itself."""
OF_ENDS = frozenset({Dimension.OUTCOME, Dimension.STREAMED})
"""How calls ended."""
HISTOGRAMMED = frozenset({Dimension.PROVIDER, Dimension.MODEL})
"""There are histograms by these; percentiles by others are counted call by call."""


class Measure(StrEnum):
    """What is added up; what a call did not say adds nothing."""

    CALLS = "calls"
    ERROR_CALLS = "error_calls"
    """Failed or refused."""
    ABORTED_CALLS = "aborted_calls"
    """Left by the client, or cut by an end of the gateway."""
    METERED_CALLS = "metered_calls"
    """Whose usage is known."""
    PRICED_CALLS = "priced_calls"
    """Whose cost is known."""
    INPUT_TOKENS = "input_tokens"
    OUTPUT_TOKENS = "output_tokens"
    CACHE_READ_TOKENS = "cache_read_tokens"
    CACHE_WRITE_TOKENS = "cache_write_tokens"
    REASONING_TOKENS = "reasoning_tokens"
    TOTAL_TOKENS = "total_tokens"
    COST_NANOUSD = "cost_nanousd"
    TIMED_CALLS = "timed_calls"
    """Whose latency is known."""
    LATENCY_US = "latency_us"
    TTFT_CALLS = "ttft_calls"
    TTFT_US = "ttft_us"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the books."""

    measures: tuple[Measure, ...]
    by: tuple[Dimension, ...] = ()
    edges_us: tuple[int, ...] = ()
    """Rising; slot *n* is [edges[n], edges[n+1]).  Empty: all of time is one slot."""
    where: Mapping[Dimension, Key] = field(default_factory=dict)
    """Only calls with exactly this; `None` finds those of which nobody said it."""
    lines_max: int = 100_000

    def __post_init__(self) -> None:
        assert len(self.edges_us) != 1
        assert all(a < b for a, b in zip(self.edges_us, self.edges_us[1:], strict=False))

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """All that it needs to know of a call."""
        return frozenset(self.by) | frozenset(self.where)


@dataclass(frozen=True, slots=True)
class Line:
    """The sums of the calls that are alike; there is none where there are no calls."""

    slot: int
    keys: tuple[Key, ...]
    """In the order of the question's `by`."""
    sums: Mapping[Measure, int]


@dataclass(frozen=True, slots=True)
class Name:
    """What some calls have in a dimension."""

    value: str
    """As filters take it."""
    label: str | None
    """What people call it, where that is something else."""
    calls: int
    cost_nanousd: int | None
    """`None`: that of none of them is known."""
    last_us: int
    """The beginning of the last day on which such a call ended."""


class Durations(NamedTuple):
    """How long the calls of one line took.

    Percentiles are in microseconds, in the order in which they were asked for; there are none
    where it is known of no call.
    """

    latency_calls: int = 0
    """Of how many it is known."""
    latency_us: tuple[int, ...] = ()
    ttft_calls: int = 0
    ttft_us: tuple[int, ...] = ()


_TEXTS = ("tool", "client", "provider", "model", "account", "session", "agent", "project")


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls a listing shows; `None` shows all."""

    tool: str | None = None
    client: str | None = None
    provider: str | None = None
    model: str | None = None
    states: tuple[str, ...] = ()
    """Any of these; empty: all of them, pending ones too."""
    status_min: int | None = None
    status_max: int | None = None
    account: str | None = None
    session: str | None = None
    agent: str | None = None
    project: str | None = None
    """By its UUID."""
    key: int | None = None
    """By its number; 0: calls without one."""

    @property
    def is_everything(self) -> bool:
        return self == CallFilter()

    def matches(self, call: CallRow) -> bool:
        """Whether a listing would show this call."""
        for name in _TEXTS:
            wanted = getattr(self, name)
            said = "" if wanted is None else call[name] or ""
            if wanted is not None and (said not in ("", UNKNOWN) if wanted == UNKNOWN else said != wanted):
                return False
        if self.key is not None and self.key != (call["key_id"] or 0):
            return False
        status = call["status_code"]
        if self.status_min is not None and (status is None or status < self.status_min):
            return False
        if self.status_max is not None and (status is None or status > self.status_max):
            return False
        return not self.states or call["state"] in self.states


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some calls, the newest first."""

    rows: Sequence[CallRow]
    before: int | None = None
    """Where the next page goes on; `None`: there is none.  Until then it was looked at all of them."""
    offset: int = 0
    """How many are to be left out there still."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody who follows the calls has seen of them."""

    since_us: int
    """Calls that ended before are not looked for, unless they were seen open."""
    open: frozenset[int] = frozenset()
    ended: Mapping[int, int] = field(default_factory=dict)
    """Of those that ended since then: when."""


@dataclass(frozen=True, slots=True)
class Movement:
    """What has changed since."""

    open: frozenset[int]
    ended: Mapping[int, int]
    """As in `Seen`, now..."""
    since_us: int
    """...and from when on all that ended are in it."""
    calls: Sequence[CallRow]
    """Those that opened (and are pending) or ended."""
    skipped: int
    """How many more there were."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What system C tells apart."""

    lines: list[Line]
    """By `streamed`, `outcome` and `model` (`other` where there are too many to name), in one slot."""
    error_codes: Mapping[tuple[bool, str], int]
    """Calls that did not go well, by whether they streamed and by their error code."""
    origins: Mapping[str, int]
    """Calls by the web page that they came from."""


class TooManyLines(CallerError):
    """An answer would have more lines than the question allows."""

    def __init__(self, lines_max: int) -> None:
        said = f"The answer would have more than {lines_max} lines; ask for a shorter range or fewer groups."
        super().__init__("REPORT_TOO_LARGE", 400, said)
