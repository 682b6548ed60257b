"""The clerk: books one worker's batches, a transaction each.

Everything here is synchronous and belongs to one thread.  Beside it::

    connection      the one connection it writes with
    registration    which worker it books for, and that this one lives
    costing         what the calls cost
    admission       what the limits say
    ends            what ends of calls are written as
    notes           what is written down along with them
    recovery        what dead workers left
    pruning         what can be cleared away
"""

import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Engine

from wellhead.call import CallState, Opening
from wellhead.call_id import slot_of
from wellhead.cost import Costed
from wellhead.database import calls, gauges, limit_windows
from wellhead.database.calls import Settled
from wellhead.database.directory import is_current, load_directory
from wellhead.database.engine import transaction
from wellhead.database.room import Room
from wellhead.database.workers import Process, Worker
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable, CallerError
from wellhead.ledger.admission import Admission, Decision, Plan
from wellhead.ledger.connection import HeldConnection
from wellhead.ledger.costing import Costing
from wellhead.ledger.ends import Ends, ends_of
from wellhead.ledger.fit import fitted_opening, fitted_settlement, with_fitted_extra
from wellhead.ledger.gauges import Gauges
from wellhead.ledger.notes import Notes
from wellhead.ledger.processes import is_running
from wellhead.ledger.pruning import Pruning
from wellhead.ledger.recovery import (
    BEAT_US,
    CALLS_PER_TRANSACTION,
    IDLE_BEAT_US,
    Hearing,
    interrupt,
    recover,
)
from wellhead.ledger.registration import Registration, RegistrationLost
from wellhead.ledger.rules import NO_RULES, Rules
from wellhead.ledger.say import Say, say_nothing


class _SomeWereSettled(Exception):
    """Not every settlement of the batch has a pending row."""


class _NotAdmitted(Exception):
    """A limit has no room; whatever was changed is to be taken back."""

    def __init__(self, ruling: CallerError) -> None:
        super().__init__()
        self.ruling = ruling


class _RegistryMoved(Exception):
    """The Directory is not the present one any more."""


class Clerk:
    """Books for one worker.

    A worker that was taken for dead (its host slept, say) finds its registration gone in the first
    batch after the silence.  It then signs on anew under another slot: its open calls were booked by
    whoever recovered them, and an id of the old slot opens no call any more, for that slot may be
    somebody else's by now.
    """

    def __init__(
        self,
        engine: Engine,
        now_us: Callable[[], int],
        process: Process,
        rules: Rules = NO_RULES,
        say: Say = say_nothing,
    ) -> None:
        self._now_us = now_us
        self._rules = rules
        self._say = say
        self._admission = self._admission_of(rules.directory)
        self._registration = Registration(process, now_us)
        self._held = HeldConnection(engine, self._registration.unheard, now_us)
        self._costing = Costing(rules.prices, self._held, now_us, say)
        self._pruning = Pruning(self._held)
        self._open: dict[int, Opening] = {}  # The calls in flight by their ids, as they were booked.
        self._room = Room()
        self.hearing: Hearing | None = None
        """For how long workers elsewhere have been silent; without it the wall clock alone says so."""
        self.gauges = Gauges()
        """What responses told of quotas; the one thing here that the event loop may fill."""
        self._notes = Notes(self.gauges, say)
        self.waiting = self._registration.waiting
        """Goes into the worker's figures; whoever owns the clerk keeps it."""
        self.spared: Callable[[], Collection[int]] = tuple
        """Slots of dead workers whose calls are not to be taken for interrupted yet."""

    @property
    def directory(self) -> Directory:
        """The latest snapshot that is known."""
        return self._admission.directory

    @property
    def worker(self) -> Worker:
        """The present registration."""
        return self._registration.worker

    def next_id(self) -> int:
        """A call id of the present registration; the only thing here that is for another thread."""
        ids = self._registration.ids
        assert ids is not None, "sign_on comes first"
        return ids.next()

    def sign_on(self) -> None:
        """Register under a free slot, having released those of the dead."""
        self.recover()
        self._registration.sign_on(self._held)
        self._open.clear()

    def book(self, openings: Sequence[Opening], settled: Sequence[Settled]) -> Mapping[int, Exception]:
        """Book a batch in one transaction; why some of the openings were not, by their ids.

        That is a `CallerError` (the key or a limit does not allow it) or `BooksUnavailable` (the id's slot
        was lost).  Raised, `BooksUnavailable` means that nothing of the batch is booked.  A settlement
        without a pending row is passed over, but for one of a call that was not to be opened at all: it is
        booked as refused.
        """
        openings = [fitted_opening(opening) for opening in openings]
        # Of several ends of one call the first counts.
        once = [
            (self._open.get(opening.id) or fitted_opening(opening), fitted_settlement(end))
            for opening, end in {pair[0].id: pair for pair in reversed(settled)}.values()
        ]
        unsent = [pair for pair in once if pair[1].state is CallState.REFUSED]
        if unsent:
            opening_now = {opening.id for opening in openings}
            ids = {call.id for call, _ in unsent} - opening_now - self._open.keys()
            unsent = [pair for pair in unsent if pair[0].id in ids]
            once = [pair for pair in once if pair[0].id not in ids]
        costed, with_cost = self._costing.costed(once), self._costing.with_cost
        estimated = self._costing.with_estimates
        once = [(opening, with_fitted_extra(estimated(opening, end))) for opening, end in once]
        exact = False
        while True:
            slot = self.worker.slot
            own = [opening for opening in openings if slot_of(opening.id) == slot]
            ends = [
                (opening, self._admission.with_kept(opening, with_cost(end, costed.get(opening.id))))
                for opening, end in once
            ]
            plan = self._admission.plan(own, self._now_us())
            try:
                decision = self._book(plan, ends, costed, unsent, exact)
            except RegistrationLost:
                self.sign_on()
            except _SomeWereSettled:
                exact = True
            except _RegistryMoved:
                self.refresh()
            else:
                self._open.update((opening.id, opening) for opening in (*plan.free, *decision.admitted))
                for opening, _ in once:
                    self._open.pop(opening.id, None)
                taken_for_dead = BooksUnavailable("this worker was taken for dead")
                stale = {opening.id for opening in openings} - {opening.id for opening in own}
                return {**plan.rulings, **decision.rulings, **dict.fromkeys(stale, taken_for_dead)}

    def move(self, to: Opening) -> CallerError | None:
        """Book an open call as another provider's, admitted anew; why not, if so: then nothing has changed.

        Raises `BooksUnavailable` also where the call is open no more.
        """
        to = fitted_opening(to)
        while True:
            was = self._open.get(to.id)
            if was is None:
                raise BooksUnavailable("this call is not open any more")
            plan = self._admission.plan([to], self._now_us())
            if plan.rulings:
                return plan.rulings[to.id]
            try:
                self._open[to.id] = self._move(was, plan)
            except _RegistryMoved:
                self.refresh()
            except _NotAdmitted as error:
                return error.ruling
            else:
                return None

    def _move(self, was: Opening, plan: Plan) -> Opening:
        """The call as it is booked now."""
        with self._held.transaction() as connection:
            if not is_current(connection, self.directory):
                raise _RegistryMoved
            limit_windows.add(connection, self._admission.released(was))
            decision = self._admission.decide(connection, plan, self._now_us())
            if decision.rulings:
                raise _NotAdmitted(decision.rulings[was.id])
            (moved,) = *plan.free, *decision.admitted
            limit_windows.add(connection, decision.rows)
            if not calls.move(connection, moved, self._held.forms):
                raise BooksUnavailable("this worker was taken for dead")
        return moved

    def refresh(self) -> Directory:
        """The Directory as the registry has it now; reads it anew only when it moved."""
        with self._held.use() as connection:
            if not is_current(connection, self.directory):
                self._adopt(load_directory(connection, self._rules.vaults))
        return self.directory

    def tick(self) -> int:
        """What has to be done from time to time; how many calls of dead workers were recovered."""
        recovered = self.recover()
        now_us = self._now_us()
        if self.gauges or self._registration.silent_us(now_us) >= (BEAT_US if self._open else IDLE_BEAT_US):
            self.book((), ())
        if any(one.secret is None for some in self.directory.credentials.values() for one in some):
            # Perhaps the master key that opens them is there by now.
            with self._held.use() as connection:
                self._adopt(load_directory(connection, self._rules.vaults))
        self._pruning.go_on(self.directory.limits, now_us)
        return recovered

    def recover(self) -> int:
        """Book what dead workers left open."""
        self.refresh()  # Now, rather than under the lock that everybody waits for.
        # Asked before the look at who is dead: whoever dies in between is found the next time.
        spared = self.spared()
        process = self._registration.process
        with self._held.use() as connection:
            now_us = self._now_us()
            return recover(connection, process, now_us, is_running, self._settle, spared, self.hearing)

    def ruling(self, opening: Opening) -> CallerError | None:
        """Why a call may not go out, as far as that is known without a look at the books."""
        return self._admission.ruling(opening, self._now_us())

    def as_booked(self, opening: Opening) -> Opening:
        """A call in flight as it was admitted."""
        return self._open.get(opening.id) or opening

    def let_go(self, call_id: int) -> None:
        """An open call goes on as what the spool says of it."""
        self._open.pop(call_id, None)

    def enter(self, openings: Sequence[Opening]) -> None:
        """Book calls that went out before they could be booked, and those that turned to another provider."""
        # Of a call that did both, or turned twice, the last counts.
        fitted = {opening.id: fitted_opening(opening) for opening in openings}
        with self._held.transaction() as connection:
            there = calls.known_among(connection, list(fitted))
            new = [opening for opening in fitted.values() if opening.id not in there]
            rows = calls.pending_rows(self.worker.slot, new, self._room)
            calls.insert(connection, rows, self._held.forms)
            for was in calls.open_among(connection, list(there)):
                to = fitted[was.id]
                if (to.provider, to.admitted_us) != (was.provider, was.admitted_us):
                    self._turn(connection, was, to)
                    new.append(to)
        self._open.update((opening.id, opening) for opening in new)

    def _turn(self, connection: sqlite3.Connection, was: Opening, to: Opening) -> None:
        if not is_current(connection, self.directory):
            self._adopt(load_directory(connection, self._rules.vaults))
        limit_windows.add(connection, self._admission.released(was))
        calls.move(connection, to, self._held.forms)

    def _settle(self, connection: sqlite3.Connection, settled: Sequence[Settled]) -> None:
        """Book ends of calls that are known to be pending, limits and rollups included; under the lock."""
        if not is_current(connection, self.directory):
            self._adopt(load_directory(connection, self._rules.vaults))
        settled = [(opening, self._admission.with_kept(opening, end)) for opening, end in settled]
        ends = self._ends(settled, {})
        ends.make_room(connection)
        were_pending = ends.book(connection)
        assert were_pending, "rows found under the write lock do not move away"

    def sign_off(self) -> None:
        """Book what is still open as interrupted, release the slot, and let the connection go."""
        try:
            with self._held.use() as connection:
                while True:
                    with transaction(connection):
                        gauges.keep(connection, self.gauges.all(), self._now_us())
                        count = interrupt(connection, self.worker.slot, self._now_us(), self._settle)
                        if count < CALLS_PER_TRANSACTION:
                            self._registration.release(connection)
                            return
        finally:
            self.hang_up()

    def _book(
        self,
        plan: Plan,
        settled: Sequence[Settled],
        costed: Mapping[int, Costed],
        unsent: Sequence[Settled],
        exact: bool,
    ) -> Decision:
        # All that can be computed beforehand is, since other processes wait for the lock.
        new = {call.id for call in plan.free} | {call.id for call, _ in plan.limited} | plan.rulings.keys()
        earlier = [pair for pair in settled if pair[0].id not in new]
        at_once = [pair for pair in settled if pair[0].id in new]
        free_rows, ends = (
            calls.pending_rows(self.worker.slot, plan.free, self._room),
            self._ends(earlier, costed),
        )
        # The last figures before a silence: no later batch would bring them up to date.
        ended = {opening.id for opening, _ in settled}
        goes_idle = bool(ended) and not plan.free and not plan.limited and self._open.keys() <= ended
        started_ns = time.monotonic_ns()
        with self._held.transaction() as connection:
            if not is_current(connection, self.directory):
                raise _RegistryMoved
            # Asked under the lock: whoever recovers this worker from here on waits for this batch.
            now_us = self._now_us()
            beat_is_due = goes_idle or self._registration.silent_us(now_us) >= BEAT_US
            if beat_is_due:
                self._registration.beat(connection, now_us, 0 if goes_idle else len(self._open))
            if exact:
                pending = calls.pending_among(connection, [opening.id for opening, _ in earlier])
                ends = self._ends([pair for pair in earlier if pair[0].id in pending], costed)
            # What ended makes room before anybody asks for some.
            ends.make_room(connection)
            decision = self._admission.decide(connection, plan, now_us)
            refused = [*plan.refused, *decision.refused]
            if unsent:
                known = calls.known_among(connection, [call.id for call, _ in unsent])
                refused += [pair for pair in unsent if pair[0].id not in known]
            admitted = {call.id: call for call in (*plan.free, *decision.admitted)}
            more = [*decision.admitted, *(call for call, _ in refused)]
            rows = free_rows + calls.pending_rows(self.worker.slot, more, self._room)
            calls.insert(connection, rows, self._held.forms)
            if not ends.book(connection):
                raise _SomeWereSettled
            limit_windows.add(connection, decision.rows)
            # A client that left while its call was being booked: open and over in one batch.
            over = [(admitted[opening.id], end) for opening, end in at_once if opening.id in admitted]
            if over or refused:
                self._settle(connection, [*over, *refused])
            noted = self._notes.write(connection, admitted.values(), now_us)
        self._registration.committed(time.monotonic_ns() - started_ns)
        if beat_is_due:
            self._registration.heard(now_us)
        self._notes.wrote(noted)
        return decision

    def _ends(self, settled: Sequence[Settled], costed: Mapping[int, Costed]) -> Ends:
        return ends_of(settled, costed, self._admission, self._costing, self._room)

    def _adopt(self, registry: Directory) -> None:
        """Go by what the registry says from here on; providers stay those of the configuration."""
        fixed = self._rules.directory
        self._admission = self._admission_of(replace(registry, providers=fixed.providers, sole=fixed.sole))

    def _admission_of(self, directory: Directory) -> Admission:
        rules = self._rules
        return Admission(directory, rules.prices.estimate, rules.charge_interrupted, self._say)

    def wait_for_locks(self, patience_s: float | None = None) -> None:
        """Wait no longer than that for other processes' locks from here on; `None`: as long as usual."""
        self._held.wait_for_locks(patience_s)

    def hang_up(self) -> None:
        """Let the connection go and sign off nothing, like a process that dies."""
        self._held.hang_up()
