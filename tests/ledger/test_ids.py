from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from fakes.ids import started_ms_of
from wellhead.call_id import EPOCH_MS, slot_of
from wellhead.ledger.ids import Ids

NOW_MS = 1_740_830_400_123


class Clock:
    def __init__(self, ms: int = NOW_MS) -> None:
        self.ms = ms

    def us(self) -> int:
        return self.ms * 1000


def test_an_id_tells_its_slot_and_its_millisecond() -> None:
    call_id = Ids(777, Clock().us).next()

    assert slot_of(call_id) == 777
    assert started_ms_of(call_id) == NOW_MS


def test_ids_are_positive_and_fit_into_63_bits_until_2089() -> None:
    last_ms = EPOCH_MS + 2**41 - 1

    assert 0 < Ids(0, Clock(EPOCH_MS).us).next() < Ids(1023, Clock(last_ms).us).next() < 2**63


def test_more_ids_than_a_millisecond_holds_are_borrowed_from_the_next() -> None:
    ids = Ids(5, Clock().us)
    made = [ids.next() for _ in range(4097)]

    assert {started_ms_of(call_id) for call_id in made[:4096]} == {NOW_MS}
    assert started_ms_of(made[4096]) == NOW_MS + 1


@given(st.lists(st.integers(-10_000, 10_000), max_size=50), st.integers(0, 1023))
def test_ids_grow_whatever_the_clock_does(jumps_ms: list[int], slot: int) -> None:
    clock = Clock()
    ids = Ids(slot, clock.us)
    made = []
    for jump_ms in jumps_ms:
        clock.ms += jump_ms
        made += [ids.next() for _ in range(3)]

    assert all(earlier < later for earlier, later in pairwise(made))
    assert all(slot_of(call_id) == slot for call_id in made)


def test_workers_with_different_slots_never_make_the_same_id() -> None:
    clock = Clock()
    first, second = Ids(1, clock.us), Ids(2, clock.us)

    assert not {first.next() for _ in range(5000)} & {second.next() for _ in range(5000)}


def test_new_ids_follow_those_in_the_books_even_if_the_clock_was_set_back() -> None:
    clock = Clock()
    latest = Ids(900, clock.us).next()
    clock.ms -= 3_600_000

    assert Ids(3, clock.us, after=latest).next() > latest
