"""The state machine of a breaker: by its table, by the reference's figures, and against a simple model."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from wellhead.breaker import Outcome
from wellhead.policy import breaker as machine
from wellhead.policy.breaker import TRANSITIONS, Breaker, Event, Phase, Rules, Ticket

S = 1_000_000
RULES = Rules(failures=5, half_open_after_us=30 * S)
SUCCESS, FAILURE, NEUTRAL = Outcome.SUCCESS, Outcome.FAILURE, Outcome.NEUTRAL


def after(*outcomes: Outcome, breaker: Breaker = Breaker(), now_us: int = 0) -> Breaker:
    """What becomes of one by the ends of ordinary calls."""
    for outcome in outcomes:
        breaker = machine.ended(breaker, outcome, None, RULES, now_us)
    return breaker


OPEN = after(*[FAILURE] * 5)


def probing(now_us: int = 30 * S) -> tuple[Breaker, Ticket]:
    breaker = machine.taken(OPEN, RULES, now_us)
    return breaker, machine.ticket(breaker)


def test_it_opens_after_so_many_failures_in_a_row_and_tries_once_when_time_is_up() -> None:
    """The reference's vector: 5 failures, 30,000 ms."""
    for count in range(1, 5):
        assert after(*[FAILURE] * count) == Breaker(failures=count)
    assert (OPEN.phase, OPEN.failures) == (Phase.OPEN, 5)
    early = machine.at(OPEN, 29_999_000)
    assert (early.phase, machine.wait_s(early, 29_999_000)) == (Phase.OPEN, 1)
    due = machine.at(OPEN, 30_000_000)
    assert due.phase is Phase.HALF_OPEN
    probe = machine.taken(due, RULES, 30 * S)
    assert probe.phase is Phase.PROBING
    assert machine.taken(probe, RULES, 30 * S) == probe, "there is one"
    closed = machine.ended(probe, SUCCESS, machine.ticket(probe), RULES, 31 * S)
    assert (closed.phase, closed.failures) == (Phase.CLOSED, 0)


@pytest.mark.parametrize(("now_us", "wait_s"), [(0, 30), (1, 30), (S, 29), (29_000_001, 1), (29_999_999, 1)])
def test_whoever_is_refused_is_told_whole_seconds_and_at_least_one(now_us: int, wait_s: int) -> None:
    assert machine.wait_s(OPEN, now_us) == wait_s


def test_while_a_probe_is_under_way_it_is_worth_while_to_come_again_soon() -> None:
    breaker, _ = probing()
    assert machine.wait_s(breaker, 30 * S) == 1


def test_only_failures_in_a_row_count() -> None:
    assert after(*[FAILURE] * 4, SUCCESS, *[FAILURE] * 4) == Breaker(failures=4)
    assert after(*[FAILURE] * 4, NEUTRAL, FAILURE).phase is Phase.OPEN


def test_a_success_changes_nothing_where_there_was_no_failure() -> None:
    breaker = Breaker()
    assert machine.ended(breaker, SUCCESS, None, RULES, 0) is breaker
    assert machine.ended(breaker, NEUTRAL, None, RULES, 0) is breaker


@pytest.mark.parametrize("outcome", Outcome)
def test_calls_that_began_before_it_opened_do_not_matter_any_more(outcome: Outcome) -> None:
    assert after(outcome, breaker=OPEN, now_us=S) == OPEN
    half_open = machine.at(OPEN, 30 * S)
    assert after(outcome, breaker=half_open, now_us=31 * S) == half_open
    breaker, _ = probing()
    assert after(outcome, breaker=breaker, now_us=31 * S) == breaker


def test_a_probe_that_fails_opens_it_for_another_while() -> None:
    breaker, ticket = probing(now_us=40 * S)
    again = machine.ended(breaker, FAILURE, ticket, RULES, 50 * S)
    assert (again.phase, again.failures, again.opening) == (Phase.OPEN, 6, 2)
    assert machine.at(again, 80 * S - 1).phase is Phase.OPEN
    assert machine.at(again, 80 * S).phase is Phase.HALF_OPEN


def test_a_probe_of_which_nobody_can_tell_is_given_back() -> None:
    breaker, ticket = probing()
    back = machine.ended(breaker, NEUTRAL, ticket, RULES, 31 * S)
    assert back.phase is Phase.HALF_OPEN
    assert machine.taken(back, RULES, 31 * S).phase is Phase.PROBING


@pytest.mark.parametrize(("after_s", "lost_s"), [(1, 10), (30, 30), (3600, 60)])
def test_another_probe_may_go_when_one_is_not_heard_of(after_s: int, lost_s: int) -> None:
    rules = replace(RULES, half_open_after_us=after_s * S)
    breaker = machine.taken(replace(OPEN, until_us=0), rules, 0)
    assert machine.at(breaker, lost_s * S - 1).phase is Phase.PROBING
    assert machine.at(breaker, lost_s * S).phase is Phase.HALF_OPEN


def test_a_probe_that_took_too_long_counts_all_the_same() -> None:
    breaker, slow = probing()
    another = machine.taken(breaker, RULES, 60 * S)
    assert another.probe == breaker.probe + 1
    assert machine.ended(another, SUCCESS, slow, RULES, 61 * S).phase is Phase.CLOSED
    assert machine.ended(another, FAILURE, slow, RULES, 61 * S).phase is Phase.OPEN
    assert machine.ended(another, NEUTRAL, slow, RULES, 61 * S) == another, "that is not its to give back"


def test_a_probe_of_an_earlier_opening_does_not_close_it() -> None:
    breaker, slow = probing()
    another = machine.taken(breaker, RULES, 60 * S)
    opened = machine.ended(another, FAILURE, machine.ticket(another), RULES, 61 * S)
    assert machine.ended(opened, SUCCESS, slow, RULES, 62 * S) == opened
    half_open = machine.at(opened, 91 * S)
    assert machine.ended(half_open, SUCCESS, slow, RULES, 92 * S) == half_open


def test_the_end_of_a_call_is_judged_by_what_time_has_made_of_the_breaker() -> None:
    breaker, ticket = probing()
    late = machine.ended(breaker, NEUTRAL, ticket, RULES, 100 * S)
    assert late.phase is Phase.HALF_OPEN


def test_one_failure_is_enough_where_it_is_set_so() -> None:
    rules = replace(RULES, failures=1)
    assert machine.ended(Breaker(), FAILURE, None, rules, 0).phase is Phase.OPEN


def test_every_phase_has_its_row_and_every_event_its_place() -> None:
    assert set(TRANSITIONS) == set(Phase)
    assert {event for row in TRANSITIONS.values() for event in row} == set(Event)
    ordinary = {Event.SUCCEEDED, Event.FAILED, Event.FAILED_TOO_OFTEN}
    for phase, row in TRANSITIONS.items():
        assert phase is Phase.CLOSED or not row.keys() & ordinary
    assert {phase for phase, row in TRANSITIONS.items() if Event.TAKEN in row} == {Phase.HALF_OPEN}


class AgainstAModel(RuleBasedStateMachine):
    """Calls come and go, time passes; the model keeps whole histories instead of a state.

    It knows when the breaker opened last, which calls began since, and who probes; what is
    allowed and what follows it works out from those by the words of the manual.
    """

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker()
        self.now_us = 0
        self.calls: dict[int, Ticket | None] = {}
        self.began: dict[int, int] = {}
        """By call: during which opening; -1: it is no probe."""
        self.next_call = 0
        self.set = RULES
        # The model.
        self.is_open = False
        self.in_a_row = 0
        self.opened_us = 0
        self.openings = 0
        self.prober: int | None = None
        self.prober_us = 0

    @initialize(failures=st.integers(1, 4), after_s=st.sampled_from([1, 15, 120]))
    def set_up(self, failures: int, after_s: int) -> None:
        self.set = Rules(failures=failures, half_open_after_us=after_s * S)

    @rule(
        us=st.one_of(st.integers(0, 3 * S), st.sampled_from([S, 10 * S, 15 * S, 60 * S, 120 * S, 3600 * S]))
    )
    def time_passes(self, us: int) -> None:
        self.now_us += us

    @precondition(lambda self: len(self.calls) < 6)
    @rule()
    def a_call_comes(self) -> None:
        self.breaker = machine.at(self.breaker, self.now_us)
        if self.breaker.phase is Phase.CLOSED:
            assert not self.is_open
            ticket = None
        else:
            taken = machine.taken(self.breaker, self.set, self.now_us)
            is_probe = taken.probe != self.breaker.probe
            assert is_probe == self.may_probe()
            if not is_probe:
                assert machine.wait_s(self.breaker, self.now_us) >= 1
                return
            self.breaker, ticket = taken, machine.ticket(taken)
            self.prober, self.prober_us = self.next_call, self.now_us
        self.calls[self.next_call] = ticket
        self.began[self.next_call] = self.openings if ticket else -1
        self.next_call += 1

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), outcome=st.sampled_from(Outcome))
    def a_call_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        call = data.draw(st.sampled_from(sorted(self.calls)))
        self.breaker = machine.ended(self.breaker, outcome, self.calls.pop(call), self.set, self.now_us)
        counts = not self.is_open or self.began.pop(call) == self.openings
        if not counts:
            return
        if outcome is NEUTRAL:
            self.prober = None if self.prober == call else self.prober
        elif outcome is SUCCESS:
            self.is_open, self.in_a_row, self.prober = False, 0, None
        else:
            self.in_a_row += 1
            if self.is_open or self.in_a_row >= self.set.failures:
                self.is_open, self.opened_us, self.prober = True, self.now_us, None
                self.openings += 1

    def may_probe(self) -> bool:
        if self.now_us - self.opened_us < self.set.half_open_after_us:
            return False
        return self.prober is None or self.now_us - self.prober_us >= self.set.probe_us

    @invariant()
    def they_agree(self) -> None:
        phase = machine.at(self.breaker, self.now_us).phase
        assert (phase is not Phase.CLOSED) == self.is_open
        assert self.breaker.failures == self.in_a_row
        if self.is_open:
            assert (phase is Phase.HALF_OPEN) == self.may_probe()


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
