"""The ports: where the program ends and something else begins.

Each has at least two implementations (the real one and the tests' fake), and
one contract suite that runs against all of them.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from wellhead.breaker import Outcome, Shared
from wellhead.call import Opening, Settlement
from wellhead.cost import Costed
from wellhead.directory import Directory, Timeouts
from wellhead.exporting.columns import Row
from wellhead.figures import BooksFigure, Figures, WorkerFigure
from wellhead.quota import AccountGauge, Gauge
from wellhead.report import (
    CallFilter,
    CallPage,
    CallRow,
    Dimension,
    Durations,
    Exchange,
    Key,
    Line,
    Movement,
    Name,
    Question,
    Seen,
)
from wellhead.unmetered import Unmetered

NO_TIMEOUTS = Timeouts()
Headers = list[tuple[bytes, bytes]]
"""Header lines in the order they came; names in lower case, values as raw bytes."""


class Books(Protocol):
    """The ledger as a gateway sees it."""

    def next_id(self) -> int:
        """A new call id: unique over all workers, ordered by time.  Never waits."""
        ...

    async def open(self, opening: Opening) -> None:
        """Admit a call and book it as `pending`; returns once the row is committed.

        Raises `CallerError` when its key or a limit does not allow it (a `Refused` is booked as such,
        and needs no settlement), and `BooksUnavailable` when it cannot be booked now: the request must
        not leave.  A cancelled `open` may or may not have been booked; settle it all the same.
        """
        ...

    @property
    def directory(self) -> Directory:
        """Who may go where, as far as is known; a call that is opened goes by the present state."""
        ...

    async def current(self) -> Directory:
        """The Directory with every change that was committed before this was called.

        Raises `BooksUnavailable` when the registry cannot be read.
        """
        ...

    async def move(self, opening: Opening, to: Opening) -> None:
        """Book an open call as another provider's: admitted anew under its limits, released from the old.

        `to` is the same call as that provider is to serve it.  Raises as `open` does (but nothing is booked
        as refused); then it stays as it was.  A cancelled `move` may or may not have been booked.
        """
        ...

    def settle(self, opening: Opening, settlement: Settlement) -> None:
        """Book the end of a call.  Never raises and never waits; a second settlement of a call is a no-op.

        A call that was never opened (or whose opening failed) is left alone, but for one that ends as
        refused: that is booked whole, since it is not to be opened at all.
        """
        ...

    def note_quotas(self, provider: str, gauges: Sequence[Gauge]) -> None:
        """Keep what a response told of quotas: of each the newest, soon.  Never raises and never waits."""
        ...


@dataclass(slots=True)
class UpstreamRequest:
    """One request as it is to go over the wire."""

    method: str
    base_url: str
    """Scheme, host and port (a path in it is part of `target` already)."""
    target: bytes
    """Path and query exactly as they are to be sent."""
    headers: Headers
    """Without `host`, `connection`, `content-length` and `transfer-encoding`: the port writes those."""
    body: bytes | AsyncIterator[bytes] | None = None
    """Whole, or as it comes in."""
    body_size: int | None = None
    """Announced length of a body that comes in pieces; `None` sends it chunked."""
    host: bytes | None = None
    """The `host` header; `None` takes the one of `base_url`."""
    timeouts: Timeouts = NO_TIMEOUTS
    """How long each step may take; `total_s` is for whoever makes several attempts."""
    streamed: bool = False
    """A stream is asked for."""


class UpstreamResponse(Protocol):
    """A response whose head has arrived."""

    status: int
    headers: Headers

    def ready(self) -> bytes:
        """What has arrived of the body already, maybe nothing.  Never waits, never raises."""
        ...

    async def read(self) -> bytes:
        """The next bytes of the body, as they came, at once; `b""` when the body is complete.

        Raises `UpstreamBroke` when it ended before it was complete, and `UpstreamTimeout` when nothing
        came for too long; time in which nobody waits here does not count.  Whoever does not call it
        slows the upstream down; at most 256 KiB wait here.
        """
        ...

    async def pass_on(self, sink: Callable[[bytes], bool]) -> bool:
        """Give `sink` the body as it comes, piece by piece, each at once and in whatever context it comes in.

        Returns False when the sink did: it took the piece, and no other is given until this is called again.
        True when the body is complete.  Raises as `read` does, and what the sink raises.
        """
        ...

    def close(self) -> None:
        """Let go: a response read to its end frees its connection, any other one cuts it.  Never raises."""
        ...


class Prices(Protocol):
    """What calls cost.  Pure: neither waits nor raises."""

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
        """Nano-dollars that so many tokens of a call cost at most; `None` where no price is known."""
        ...

    def price(self, call: Opening, end: Settlement) -> Costed | None:
        """Price a call that ended; `None` where there is nothing to price."""
        ...


class Upstream(Protocol):
    """The way to upstreams."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """Send and wait for the response head (interim 1xx are absorbed, redirects not followed).

        Raises `UpstreamUnreachable` (nothing was sent), `UpstreamBroke` or `UpstreamTimeout`; only where the
        error's `was_sent` is false is a body that comes in pieces as good as new.
        Cancelling it, or the body's own error, cuts the connection.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Breakers(Protocol):
    """Whether calls to a subject (`wellhead.breaker`) go through just now, for all workers together."""

    def is_open(self, subject: str) -> bool:
        """Whether calls to it are refused just now; a cheap look, for choosing."""
        ...

    async def enter(self, subject: str) -> int | None:
        """`None`: go on (perhaps as the one probe), and say `leave` exactly once afterwards.

        Else in how many seconds to come again.  Raises nothing.
        """
        ...

    def leave(self, subject: str, outcome: Outcome) -> None:
        """How it ended; never waits, never raises."""
        ...


class _NoBreakers:
    """Everything goes through."""

    def is_open(self, subject: str) -> bool:  # noqa: ARG002
        return False

    async def enter(self, subject: str) -> int | None:  # noqa: ARG002
        return None

    def leave(self, subject: str, outcome: Outcome) -> None:
        pass


NO_BREAKERS: Breakers = _NoBreakers()
"""Where they are turned off."""


class SharedBreakers(Protocol):
    """The breakers as all workers share them.

    Everything blocks (call it in a thread) and raises `BooksUnavailable` when it cannot be done now.
    """

    def look(self, after: int) -> Sequence[Shared]:
        """Those whose version is above `after`."""
        ...

    def put(self, new: Shared, seen: int) -> tuple[bool, Shared]:
        """Have a breaker be so, if its version still is `seen`; whether it was, and how it is now.

        It gets the next version, and that for its `opening` as well if it has 0 there.  Of several that put
        at once, one succeeds.
        """
        ...

    def touch(self, failures: Mapping[str, int | None], at_us: int) -> None:
        """Calls came to these; of a closed one also how many failed in a row, where that is said."""
        ...

    def forget(self, healthy_before_us: int, any_before_us: int) -> None:
        """Forget those idle since the second moment; healthy ones (closed, no failures) since the first."""
        ...


class Reports(Protocol):
    """What the control plane may ask of the books (blocking: call it in a thread)."""

    def qs_metrics(self, since_us: int | None, until_us: int | None, model: str | None) -> Mapping[str, Any]:
        """System A's `/_qs/metrics`: totals, models and hours of the calls that ended in [since, until)."""
        ...

    def usage(self, question: Question) -> Sequence[Line]:
        """Sums over the calls that ended, by slot; raises `TooManyLines`."""
        ...

    def percentiles(
        self, question: Question, percents: Sequence[int]
    ) -> Mapping[tuple[int, tuple[Key, ...]], Durations]:
        """How long the calls of each line took, by slot and keys; raises `TooManyLines`.

        `percents` are from 1 to 100.
        """
        ...

    def names(self, dimension: Dimension, *, since_us: int, text: str, count: int) -> Sequence[Name]:
        """What the calls have in a dimension that ended on the day of a moment or later, the most used first.

        Only what has this text in it, in any case; not of every dimension.
        """
        ...

    def exchange(self, since_us: int | None, until_us: int | None) -> Exchange:
        """What system C's metrics are made of, over the calls that ended in [since, until)."""
        ...

    def figures(self, now_us: int) -> Figures:
        """What monitoring reads; gives names in it to models that are new."""
        ...

    def unmetered(self, since_us: int, until_us: int) -> Sequence[Unmetered]:
        """Attempts that began in [since, until) whose usage nobody knows, with the most that they may have
        cost: by provider and model, the most expensive first, and no more than a thousand lines."""
        ...

    def workers(self, now_us: int) -> Sequence[WorkerFigure]:
        """The gateway processes that are registered, by their slots."""
        ...

    def books(self) -> BooksFigure:
        """How large the books are, and where."""
        ...

    def call_times(self) -> tuple[int | None, int | None]:
        """When the first and the last call in the books began; `None` when they are empty."""
        ...

    def call(self, id_: int) -> CallRow | None:
        """A call by its id, pending or not; `None` if there is none."""
        ...

    def cost_audits(self, id_: int) -> Sequence[Mapping[str, Any]]:
        """Every pricing of a call, the first one first: the columns of `cost_audits`, and of its rate
        `rate_key`, `rate_source`, `rate_provider` and `prices` (JSON).

        `steps` are mappings, none for most calls: `what`, `model`, `how`, `rate_id` and the same of that
        rate, the counts of `wellhead.usage.Usage` that it has, `cost_nanousd`."""
        ...

    def attempts(self, id_: int) -> Sequence[Mapping[str, Any]]:
        """The attempts of a call, the first one first: the columns of `attempts`; none if one sufficed."""
        ...

    def calls(
        self,
        wanted: CallFilter,
        *,
        count: int,
        offset: int = 0,
        before: int | None = None,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> CallPage:
        """Calls that match and began in [since, until), by their ids, the newest first; with ids below
        `before`, after `offset` others.

        Where few match there may be fewer than `count` on a page, or none, and more on the next.
        """
        ...

    def ended_calls(
        self,
        since_us: int | None,
        until_us: int | None,
        *,
        count: int,
        after: tuple[int, int] | None = None,
    ) -> Sequence[CallRow]:
        """Calls that ended in [since, until), the last first; after one by its `finished_us` and `id`."""
        ...

    def export(self, wanted: CallFilter, since_us: int, until_us: int) -> Iterator[Sequence[Row]]:
        """Calls that match and ended in [since, until), the first to end first, by pages; pending ones, which
        are in no range, where `wanted` asks for these alone.

        Each page is read by itself when it is asked for, and may raise `BooksUnavailable`; nothing is held
        between two of them.
        """
        ...

    def gauges(self) -> Sequence[AccountGauge]:
        """How accounts last stood with their quotas, by provider, account and name."""
        ...

    def movement(self, seen: Seen, count: int) -> Movement:
        """What opened and what ended since somebody looked; of more than `count` calls the newest."""
        ...

    def check(self) -> None:
        """A query that proves the database answers; raises `BooksUnavailable` if not."""
        ...
