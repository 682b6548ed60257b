"""What every `wellhead.ports.Books` promises: the ledger's writer, and the tests' fake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import Engine

from fakes.books import FakeBooks, a_settlement, an_opening, books_on_disk, rows_of
from wellhead.call import CallState, Opening
from wellhead.errors import BooksUnavailable
from wellhead.ledger.writer import Writer
from wellhead.ports import Books
from wellhead.quota import Gauge


@dataclass
class Case:
    """Books, and a look into them from outside."""

    books: Books
    states: Callable[[], dict[int, str]]
    gauges: Callable[[], dict[tuple[str, str, str], int]]
    """When each quota was told of last."""
    close: Callable[[], None]
    """Have all that was settled booked; the books may not be used afterwards."""
    break_down: Callable[[], None]
    """From here on the books cannot be written."""


@pytest.fixture(params=["writer", "fake"])
async def case(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Case]:
    if request.param == "fake":
        yield a_fake()
        return
    made, engine = a_writer(tmp_path)
    yield made
    await asyncio.to_thread(made.close)
    engine.dispose()


def a_fake() -> Case:
    fake = FakeBooks()

    def states() -> dict[int, str]:
        return {call_id: str(fake.state(call_id)) for call_id in fake.openings}

    def break_down() -> None:
        fake.unavailable = "broken down"

    def gauges() -> dict[tuple[str, str, str], int]:
        return {
            (provider, account or "", name): gauge.at_us
            for (provider, account, name), gauge in fake.gauges.items()
        }

    return Case(fake, states, gauges, lambda: None, break_down)


def a_writer(folder: Path) -> tuple[Case, Engine]:
    engine = books_on_disk(folder)
    writer = Writer(engine)
    writer.start()

    def states() -> dict[int, str]:
        return {row["id"]: row["state"] for row in rows_of(engine, "calls")}

    def gauges() -> dict[tuple[str, str, str], int]:
        rows = rows_of(engine, "quota_gauges")
        return {(row["provider"], row["account"], row["name"]): row["at_us"] for row in rows}

    return Case(writer, states, gauges, writer.close, writer.close), engine


def opening(case: Case) -> Opening:
    return an_opening(case.books.next_id())


def test_ids_grow(case: Case) -> None:
    ids = [case.books.next_id() for _ in range(10_000)]

    assert all(0 < earlier < later < 2**63 for earlier, later in pairwise(ids))


async def test_an_opened_call_is_in_the_books_as_pending(case: Case) -> None:
    call = opening(case)

    await case.books.open(call)
    assert case.states() == {call.id: CallState.PENDING}


async def test_a_settled_call_is_in_its_terminal_state(case: Case) -> None:
    call = opening(case)

    await case.books.open(call)
    case.books.settle(call, a_settlement(state=CallState.ABORTED))
    case.close()
    assert case.states() == {call.id: CallState.ABORTED}


async def test_the_first_settlement_counts(case: Case) -> None:
    call = opening(case)

    await case.books.open(call)
    case.books.settle(call, a_settlement())
    case.books.settle(call, a_settlement(state=CallState.FAILED))
    case.close()
    assert case.states() == {call.id: CallState.COMPLETED}


async def test_a_call_that_was_never_opened_is_left_alone(case: Case) -> None:
    case.books.settle(opening(case), a_settlement())

    case.close()
    assert case.states() == {}


async def test_a_call_can_become_another_providers_while_it_is_open(case: Case) -> None:
    call = opening(case)
    await case.books.open(call)
    moved = replace(call, provider="another")

    await case.books.move(call, moved)
    assert case.states() == {call.id: CallState.PENDING}
    case.books.settle(moved, a_settlement())
    case.close()
    assert case.states() == {call.id: CallState.COMPLETED}


async def test_a_call_that_is_not_open_cannot_move(case: Case) -> None:
    call = opening(case)
    with pytest.raises(BooksUnavailable):
        await case.books.move(call, replace(call, provider="another"))
    assert case.states() == {}


async def test_a_call_that_ends_as_refused_needs_no_opening(case: Case) -> None:
    call = opening(case)
    case.books.settle(call, a_settlement(state=CallState.REFUSED))
    case.close()
    assert case.states() == {call.id: CallState.REFUSED}


async def test_many_calls_at_once_are_all_booked(case: Case) -> None:
    some = [opening(case) for _ in range(500)]

    await asyncio.gather(*(case.books.open(call) for call in some))
    for call in some:
        case.books.settle(call, a_settlement())
    case.close()
    assert case.states() == {call.id: CallState.COMPLETED for call in some}


async def test_a_call_whose_opening_was_cancelled_can_be_settled_and_disturbs_nobody(case: Case) -> None:
    cancelled, other = opening(case), opening(case)

    opened = asyncio.ensure_future(case.books.open(cancelled))
    await asyncio.sleep(0)
    opened.cancel()
    case.books.settle(cancelled, a_settlement(state=CallState.ABORTED))
    await case.books.open(other)

    case.books.settle(other, a_settlement())
    case.close()
    assert case.states()[other.id] == CallState.COMPLETED
    assert case.states().get(cancelled.id, CallState.ABORTED) == CallState.ABORTED


async def test_books_that_broke_down_refuse_to_open_and_swallow_settlements(case: Case) -> None:
    call = opening(case)
    case.break_down()

    with pytest.raises(BooksUnavailable):
        await case.books.open(call)
    case.books.settle(call, a_settlement())
    assert case.states() == {}


async def test_of_quotas_the_newest_value_is_in_the_books_at_the_latest_with_their_end(case: Case) -> None:
    for at_us in (5, 7, 6):
        case.books.note_quotas("openai", [Gauge("requests", at_us, account="ann"), Gauge("tokens", at_us)])

    case.close()
    assert case.gauges() == {("openai", "ann", "requests"): 7, ("openai", "", "tokens"): 7}
