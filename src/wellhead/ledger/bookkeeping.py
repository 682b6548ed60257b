"""The thread's side of the writer: has the clerk book what waits, and deals with what cannot be booked.

::

    run     sleep ─► look for who asks ─► moves ─► openings and ends ─► now and then a tick ─► sleep
    end     all that waits is booked, as far as that is possible in time; then the worker signs off
"""

import time
from collections.abc import Callable, Sequence

from wellhead.call import Opening
from wellhead.database.calls import Settled
from wellhead.directory import Directory
from wellhead.errors import BooksUnavailable
from wellhead.ledger import outage
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.outage import Trouble
from wellhead.ledger.queues import Queues, Waiting, answer, still_wanted, taken
from wellhead.ledger.say import Say

CLOSE_S_MAX = 10.0
"""How long the end may take that goes on trying to book what is kept."""
ALONG_MIN = 2
"""So many openings take the ends that wait along; one alone is booked by itself, for its call waits."""


class Bookkeeping:
    """The work of one thread.  What neither books nor spool nor memory can keep is lost, and said."""

    def __init__(
        self,
        clerk: Clerk,
        queues: Queues,
        trouble: Trouble,
        *,
        now_us: Callable[[], int],
        say: Say,
        tick_s: float,
    ) -> None:
        self._clerk = clerk
        self._queues = queues
        self._trouble = trouble
        self._now_us = now_us
        self._say = say
        self._tick_s = tick_s
        self._next_tick_s = 0.0
        self._lost_said = 0

    def begin(self) -> None:
        """Before the thread: recover what dead workers left, register.  Raises `BooksUnavailable`."""
        self._clerk.sign_on()
        self._trouble.adopt(self._now_us())
        self._clerk.refresh()
        self._next_tick_s = time.monotonic() + self._tick_s

    def run(self) -> None:
        """Work until the queues are closed."""
        try:
            while not self._queues.are_closed:
                self._sleep()
                self._answer_the_asking()
                self._move_queued()
                self._book_queued()
                self._tick_if_due()
            self._finish()
        except BaseException as error:  # The last thing this thread can do is not to end in silence.
            self._trouble.set(f"the books' thread ended: {type(error).__name__}: {error}")
            raise
        finally:
            self._clerk.hang_up()
            self._queues.refuse_all()

    def _sleep(self) -> None:
        timeout_s = max(self._next_tick_s - time.monotonic(), 0.0)
        if self._queues.settlements or self._trouble.has_spooled:
            timeout_s = min(timeout_s, outage.RETRY_S)
        self._queues.sleep(timeout_s, self._has_work)

    def _has_work(self) -> bool:
        # Settlements that could not be booked are no reason to try again at once, unless the spool waits
        # for them.
        queues = self._queues
        return bool(
            queues.openings
            or queues.moves
            or queues.asking
            or (queues.has_due_ends and self._trouble.takes_ends)
        )

    def _answer_the_asking(self) -> None:
        """Everybody who asked before the look at the registry gets what it said."""
        asking = taken(self._queues.asking)
        if not asking:
            return
        found: Directory | BooksUnavailable
        try:
            found = self._clerk.refresh()
        except BooksUnavailable as error:
            self._trouble.set(str(error))
            lets_through = self._trouble.lets_through
            found = self._clerk.directory if lets_through else BooksUnavailable(str(error))
        answer([(one, found) for one in asking])

    def _move_queued(self) -> None:
        """Each by itself: calls seldom turn to another provider."""
        moves = still_wanted(self._queues.moves)
        answer([(moved, self._moved(to)) for to, moved in moves])

    def _moved(self, to: Opening) -> Exception | None:
        if self._trouble.fault is None:
            try:
                return self._clerk.move(to)
            except BooksUnavailable as error:
                if not self._trouble.lets_through:
                    return BooksUnavailable(str(error))
            except Exception as error:  # As for an opening: one bad record disturbs nobody else.
                self._say("record_refused", error_type=type(error).__name__)
                return BooksUnavailable("this call cannot be booked")
        ruling = self._trouble.rulings([to]).get(to.id)
        if ruling is None:
            self._clerk.let_go(to.id)
        return ruling

    def _book_queued(self) -> None:
        queues, trouble = self._queues, self._trouble
        is_away = trouble.has_spooled or (trouble.lets_through and trouble.fault is not None)
        if is_away and not trouble.is_over():
            self._ride_out()
            return
        while queues.openings or queues.has_due_ends:
            # First the openings: the end of a call must not be taken while its beginning still waits.  That
            # of one that was cancelled never comes to be booked, so it does not matter when its end is.
            waiting = still_wanted(queues.openings)
            self._book(waiting, queues.taken_ends() if self._takes_ends_along(len(waiting)) else [])
            if trouble.fault is not None:
                return

    def _takes_ends_along(self, openings: int) -> bool:
        """Whether ends are booked with so many openings: under limits, for what ended makes room for them."""
        is_busy = openings >= ALONG_MIN
        return is_busy or self._queues.has_due_ends or bool(self._clerk.directory.limits)

    def _book(self, waiting: Sequence[Waiting], settled: Sequence[Settled]) -> None:
        self._tell_of_waiting()
        try:
            rulings = self._clerk.book([opening for opening, _ in waiting], settled)
        except BooksUnavailable as error:
            self._trouble.set(str(error))
            self._keep(settled)
            self._let_through_or_refuse(waiting)
        except Exception as error:  # A value that no column takes, an id used twice.
            self._book_one_by_one(waiting, settled, error)
        else:
            self._trouble.set(None)
            dead = sum(isinstance(ruling, BooksUnavailable) for ruling in rulings.values())
            if dead:
                self._say("worker_taken_for_dead", calls_refused=dead)
            answer([(booked, rulings.get(opening.id)) for opening, booked in waiting])

    def _book_one_by_one(
        self, waiting: Sequence[Waiting], settled: Sequence[Settled], error: Exception
    ) -> None:
        """So that one bad record does not take its whole batch with it."""
        if len(waiting) + len(settled) > 1:
            for opening in waiting:
                self._book([opening], [])
            for end in settled:
                self._book([], [end])
            return
        self._queues.lost += len(settled)
        # The error's text may hold what a client sent; its type does not.
        self._say("record_refused", error_type=type(error).__name__)
        answer([(booked, BooksUnavailable("this call cannot be booked")) for _, booked in waiting])

    def _ride_out(self) -> None:
        """Do with everything that is queued what can be done without a database."""
        queues, trouble = self._queues, self._trouble
        trouble.begin_anew()
        while queues.openings or (queues.settlements and not trouble.has_kept):
            waiting = still_wanted(queues.openings)
            self._keep(queues.taken_ends())
            self._let_through_or_refuse(waiting)

    def _keep(self, settled: Sequence[Settled]) -> None:
        """Keep ends of calls in the spool, or in memory where it takes no more."""
        if not self._trouble.keeps(settled):
            self._queues.put_back(settled)

    def _let_through_or_refuse(self, waiting: Sequence[Waiting]) -> None:
        rulings = self._trouble.rulings([opening for opening, _ in waiting])
        answer([(booked, rulings.get(opening.id)) for opening, booked in waiting])

    def _tick_if_due(self) -> None:
        if time.monotonic() < self._next_tick_s:
            return
        self._next_tick_s = time.monotonic() + self._tick_s
        self._say_losses()
        self._tell_of_waiting()
        if self._trouble.has_spooled and not self._trouble.is_over():
            return
        try:
            self._trouble.adopt(self._now_us())
            recovered = self._clerk.tick()
        except BooksUnavailable as error:
            self._trouble.set(str(error))
            return
        self._trouble.set(None)
        if recovered:
            self._say("calls_recovered", count=recovered)

    def _finish(self) -> None:
        queues = self._queues
        give_up_s = time.monotonic() + CLOSE_S_MAX
        self._book_queued()
        while (queues.settlements or self._trouble.has_spooled) and time.monotonic() < give_up_s:
            time.sleep(outage.RETRY_S)
            self._book_queued()
        # What is in the spool is booked by whoever looks there next.
        queues.lost += len(queues.settlements)
        self._say_losses()
        try:
            self._clerk.sign_off()
        except BooksUnavailable as error:  # Recovery will find the rest.
            self._trouble.set(str(error))

    def _tell_of_waiting(self) -> None:
        waiting, queues = self._clerk.waiting, self._queues
        waiting.queued = len(queues.openings) + len(queues.settlements)
        waiting.lost = queues.lost

    def _say_losses(self) -> None:
        lost = self._queues.lost - self._lost_said
        if lost:
            self._say("settlements_lost", count=lost)
            self._lost_said += lost
