"""Admission: which calls of a batch are booked as open, and what that takes of their limits.

::

    plan      before the lock   what the key allows; which limits each call meets; its hold
    decide    under the lock    room left in every limit, in order of arrival, all or nothing
    settled   under the lock    what calls that ended give back

`plan` belongs to one Directory: it is made anew when the registry moved.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from wellhead.call import CallState, Opening, Settlement
from wellhead.database import limit_windows
from wellhead.database.calls import Settled
from wellhead.directory import Directory
from wellhead.errors import CallerError, Refused
from wellhead.ledger.say import Say
from wellhead.limit import Action, Limit, Measure, Window
from wellhead.policy import admission, windows
from wellhead.policy.admission import Shortage
from wellhead.policy.limits import Limits, Met, Quote, given_back, kept, taken, with_holds

WindowRow = tuple[int, str, int, int, int, int]
"""Limit, subject, bucket; added to used, held, exceeded."""


@dataclass(slots=True)
class Plan:
    """A batch of openings, sorted by what there is to decide about them."""

    free: list[Opening] = field(default_factory=list)
    """They meet no limit."""
    limited: list[tuple[Opening, Sequence[Met]]] = field(default_factory=list)
    rulings: dict[int, CallerError] = field(default_factory=dict)
    """Those that may not go, by call id."""
    refused: list[Settled] = field(default_factory=list)
    """Those of them that are booked as refused."""


@dataclass(slots=True)
class Decision:
    """What became of the limited ones."""

    admitted: list[Opening] = field(default_factory=list)
    rulings: dict[int, CallerError] = field(default_factory=dict)
    refused: list[Settled] = field(default_factory=list)
    rows: list[WindowRow] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Short:
    """A limit without room for a call."""

    limit: Limit
    subject: str
    used: int
    held: int


class Admission:
    """The rules of one Directory."""

    def __init__(self, directory: Directory, quote: Quote, charge_interrupted: bool, say: Say) -> None:
        self.directory = directory
        self._limits = Limits(directory.limits, directory.roots)
        self._quote = quote
        self._charge_interrupted = charge_interrupted
        self._say = say

    def plan(self, openings: Iterable[Opening], now_us: int) -> Plan:
        """Everything about a batch that needs no look at the windows."""
        plan = Plan()
        # Clocks of processes differ a little: a key that was made to end now has ended here, too.
        ruled_us = max(now_us, self.directory.changed_us)
        for opening in openings:
            ruling = self.ruling(opening, ruled_us)
            met = self._limits.met_by(opening)
            hold = with_holds(opening, met, self._quote)
            call = replace(
                opening,
                admitted_us=now_us,
                hold_input_tokens=hold[0],
                hold_output_tokens=hold[1],
                hold_nanousd=hold[2],
            )
            if isinstance(ruling, Refused):
                plan.refused.append(_refused(call, ruling, now_us))
            if ruling is not None:
                plan.rulings[call.id] = ruling
            elif met:
                plan.limited.append((call, met))
            else:
                plan.free.append(call)
        return plan

    def ruling(self, opening: Opening, now_us: int) -> CallerError | None:
        """Why its key does not allow a call."""
        if opening.key_id is None:
            return None
        # The gateway knew the key when the call came; meanwhile it may be worth nothing.
        key = self.directory.keys_by_id.get(opening.key_id)
        ruling = admission.unauthorized(key, now_us)
        if ruling is None and key is not None:
            return admission.forbidden(self.directory, key, opening)
        return ruling

    def decide(self, connection: sqlite3.Connection, plan: Plan, now_us: int) -> Decision:
        """Admit the limited calls of a batch as far as there is room; call it under the write lock."""
        decision = Decision()
        if not plan.limited:
            return decision
        wanted = {(limit, subject) for _, met in plan.limited for limit, subject in met}
        room = limit_windows.standings(
            connection, [(limit.id, subject, windows.since(limit, now_us)) for limit, subject in wanted]
        )
        frees = _Frees(connection, now_us)
        counted: defaultdict[tuple[int, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for planned, met in plan.limited:
            # The moment under the lock decides the window, however long the lock was waited for.
            at_us = max(now_us, _not_before_us(met))
            call = replace(planned, admitted_us=at_us)
            short = [
                _Short(limit, subject, *now)
                for limit, subject in met
                if not _fits(limit, now := room.get((limit.id, subject), (0, 0)), call)
            ]
            refusing = [one for one in short if one.limit.action is Action.REFUSE]
            for one in refusing or short:
                counted[one.limit.id, one.subject, windows.bucket_of(one.limit, at_us)][2] += 1
            if refusing:
                shortages = [_shortage(call, one, frees) for one in refusing]
                ruling = admission.refusal(call, shortages, now_us)
                decision.rulings[call.id] = ruling
                decision.refused.append(_refused(call, ruling, now_us))
                continue
            for one in short:
                # Said once in a window: when it is passed, not with every call beyond.
                if one.limit.action is Action.WARN and one.used + one.held <= one.limit.amount:
                    self._say("limit_exceeded", limit_id=one.limit.id, used=one.used, held=one.held)
            for limit, subject in met:
                used, held = taken(limit.measure, call)
                before = room.get((limit.id, subject), (0, 0))
                room[limit.id, subject] = before[0] + used, before[1] + held
                sums = counted[limit.id, subject, windows.bucket_of(limit, at_us)]
                sums[0] += used
                sums[1] += held
            decision.admitted.append(call)
        decision.rows = _rows(counted)
        return decision

    def with_kept(self, call: Opening, end: Settlement) -> Settlement:
        """The end, with what it keeps of the call's hold."""
        hold = kept(call, end, self._quote, self._charge_interrupted)
        if hold == (None, None, None):
            return end
        return replace(end, hold_input_tokens=hold[0], hold_output_tokens=hold[1], hold_nanousd=hold[2])

    def released(self, call: Opening) -> list[WindowRow]:
        """What it changes about limits when an open call is no more what it was admitted as."""
        counted: defaultdict[tuple[int, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        if call.admitted_us is None:
            return []
        for limit, subject in self._limits.met_by(call):
            if not _counts(limit, call.admitted_us):
                continue
            used, held = taken(limit.measure, call)
            sums = counted[limit.id, subject, windows.bucket_of(limit, call.admitted_us)]
            sums[0] -= used
            sums[1] -= held
        return _rows(counted)

    def settled(self, settled: Iterable[Settled]) -> list[WindowRow]:
        """What calls that ended change about the limits they meet."""
        if not self.directory.limits:
            return []
        counted: defaultdict[tuple[int, str, int], list[int]] = defaultdict(lambda: [0, 0, 0])
        for call, end in settled:
            if end.state is CallState.REFUSED or call.admitted_us is None:
                continue
            for limit, subject in self._limits.met_by(call):
                used, held = given_back(limit, call, end)
                if used or held:
                    sums = counted[limit.id, subject, windows.bucket_of(limit, call.admitted_us)]
                    sums[0] += used
                    sums[1] += held
        return _rows(counted)


class _Frees:
    """When limits free again; looked up once for all calls of a batch that one has no room for."""

    def __init__(self, connection: sqlite3.Connection, now_us: int) -> None:
        self._connection = connection
        self._now_us = now_us
        self._buckets: dict[tuple[int, str], list[tuple[int, int]]] = {}

    def when(self, short: _Short, wanted: int) -> int | None:
        """When there is room for so much, if nothing else comes; `None`: not by itself."""
        limit, left = short.limit, short.used + short.held
        for bucket, amount in self._buckets_of(short):
            left -= amount
            if admission.fits(limit, left, 0, wanted):
                return windows.frees_us(limit, bucket)
        # What is left was admitted in this very batch.
        if admission.fits(limit, 0, 0, wanted):
            return windows.frees_us(limit, windows.bucket_of(limit, self._now_us))
        return None

    def _buckets_of(self, short: _Short) -> list[tuple[int, int]]:
        limit, key = short.limit, (short.limit.id, short.subject)
        if key not in self._buckets:
            rows = limit_windows.frees(self._connection, *key, windows.since(limit, self._now_us))
            self._buckets[key] = [(bucket, used + held) for bucket, used, held in rows]
        return self._buckets[key]


def _shortage(call: Opening, short: _Short, frees: _Frees) -> Shortage:
    wanted = sum(taken(short.limit.measure, call))
    return Shortage(short.limit, short.used, short.held, wanted, frees.when(short, wanted))


def _not_before_us(met: Iterable[Met]) -> int:
    """Since when calls count: clocks differ, and what came before a limit for good was made never does."""
    return max(
        (
            limit.created_us
            for limit, _ in met
            if limit.window is Window.TOTAL and limit.measure is not Measure.CONCURRENT_CALLS
        ),
        default=0,
    )


def _counts(limit: Limit, admitted_us: int) -> bool:
    """Whether a limit counted a call when it was admitted, or when it was made itself."""
    if limit.measure is Measure.CONCURRENT_CALLS or limit.window is not Window.TOTAL:
        return True
    return admitted_us >= limit.created_us


def _fits(limit: Limit, room: tuple[int, int], call: Opening) -> bool:
    return admission.fits(limit, *room, sum(taken(limit.measure, call)))


def _refused(call: Opening, ruling: CallerError, now_us: int) -> Settled:
    unheld = replace(call, hold_input_tokens=None, hold_output_tokens=None, hold_nanousd=None)
    end = Settlement(
        state=CallState.REFUSED,
        finished_us=max(now_us, call.started_us),
        status_code=ruling.status,
        error_code=ruling.code,
        error_message=ruling.message,
        streamed=call.streamed,
        latency_us=max(now_us - call.started_us, 0),
    )
    return unheld, end


def _rows(counted: Mapping[tuple[int, str, int], Sequence[int]]) -> list[WindowRow]:
    return sorted((*key, sums[0], sums[1], sums[2]) for key, sums in counted.items())
