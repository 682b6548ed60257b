"""The demo's past: thirty days of calls, booked and priced as the gateway books and prices them.

Traffic follows the clock (office hours, quiet nights and week-ends, programs that
never sleep) and grows from the first day to the last.  Whenever it ends, somebody is
at work then, so that live traffic goes on as it ends.  The same seed, end and staff
give the same books.
"""

import hashlib
import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

from msgspec.structs import replace

from wellhead.call import CallState, Opening, Settlement
from wellhead.database import calls, costs, key_use, rollups
from wellhead.database.bulk import Row
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.demo.habits import HABITS, Mishap, Turn, a_turn
from wellhead.demo.staff import NOBODY, Refusals, Staff
from wellhead.ledger.ids import Ids
from wellhead.ledger.rollup import Tally
from wellhead.ports import Prices
from wellhead.usage import NO_USAGE, Usage, UsageSource

DAYS = 30
CALLS = 50_000
GROWTH = 6.0
"""How much busier the last day is than the first."""
OVERTIME_H = 6
"""The demo is shown at any hour: in the last ones more and more are at work, and all of them at the end."""
SLOT = 1023
"""The worker that these calls are booked for; real workers take the lowest free one."""
CALLS_PER_BATCH = 2_000
HOUR_S = 3_600
HOUR_US = HOUR_S * 1_000_000
ERROR_US = 180_000
"""How long an upstream takes to refuse..."""
REFUSAL_US = 3_000
"""...and the gateway."""

# How many people are at work at each hour of the day (UTC), in percent.
WORKDAY = (2, 1, 1, 1, 1, 2, 8, 30, 70, 95, 100, 90, 60, 75, 95, 100, 85, 60, 35, 22, 16, 12, 7, 4)
WEEKEND = 0.15
ASLEEP = sum(habit.share for habit in HABITS if habit.sleeps)
SLEEPLESS = sum(habit.share for habit in HABITS if not habit.sleeps)

Booked = tuple[Opening, Settlement]


def awake(at_s: int) -> float:
    """How many of those who keep office hours are up."""
    moment = datetime.fromtimestamp(at_s, UTC)
    return WORKDAY[moment.hour] / 100 * (WEEKEND if moment.weekday() >= 5 else 1.0)


def calls_per_s(until_us: int, count: int = CALLS) -> float:
    """How often people call when the history ends."""
    busy = _busy(until_us // HOUR_US)
    return count * busy[-1] / sum(busy) / HOUR_S


def write(
    database: str,
    until_us: int,
    *,
    seed: int = 1,
    count: int = CALLS,
    prices: Prices | None = None,
    staff: Staff = NOBODY,
) -> int:
    """Write the history into books that are still empty, all of it or nothing; how many calls it was.

    Without `prices` no call has a price yet.
    """
    engine = make_engine(database)
    try:
        with closing(writing_connection(engine)) as connection, transaction(connection):
            if calls.latest_id(connection):
                return 0
            tally, written = Tally(), 0
            rate_ids: dict[bytes, int] = {}
            past = history(until_us, seed, count, staff)
            used_us: dict[int, int] = {}
            while batch := list(islice(past, CALLS_PER_BATCH)):
                if prices is not None:
                    batch, audits = _priced(connection, batch, prices, rate_ids)
                    costs.note(connection, audits)
                calls.insert(connection, calls.pending_rows(SLOT, (opening for opening, _ in batch)))
                calls.settle(connection, calls.settled_rows(batch))
                for opening, settlement in batch:
                    tally.add(opening, settlement)
                    if opening.key_id is not None and opening.admitted_us is not None:
                        used_us[opening.key_id] = opening.started_us
                written += len(batch)
            key_use.note(connection, sorted(used_us.items()))
            rollups.add(connection, tally.rollup())
            return written
    finally:
        engine.dispose()


def history(until_us: int, seed: int, count: int = CALLS, staff: Staff = NOBODY) -> Iterator[Booked]:
    """The calls of the thirty days before a moment, by the time they began; about `count`."""
    chance = random.Random(seed)
    last_hour = until_us // HOUR_US
    busy = _busy(last_hour)
    all_of_it = sum(busy)
    moment_us = 0
    ids = Ids(SLOT, lambda: moment_us)
    for hour, weight in enumerate(busy, start=last_hour - len(busy) + 1):
        expected = count * weight / all_of_it * chance.lognormvariate(0, 0.2)
        moments = sorted(chance.randrange(HOUR_US) for _ in range(int(expected + chance.random())))
        for offset_us in moments:
            moment_us = hour * HOUR_US + offset_us
            turn = a_turn(chance, moment_us // 1_000_000, awake=_up(hour, last_hour))
            booked = _booked(turn, ids.next(), moment_us, chance, staff)
            if booked is not None and booked[1].finished_us < until_us:
                yield booked


def _busy(last_hour: int) -> list[float]:
    """How much is called in each hour of the thirty days, in relation to the others."""
    hours = range(last_hour - DAYS * 24, last_hour + 1)
    return [
        (ASLEEP * _up(hour, last_hour) + SLEEPLESS * 0.3) * GROWTH ** (place / len(hours))
        for place, hour in enumerate(hours)
    ]


def _up(hour: int, last_hour: int) -> float:
    """How many of those who keep office hours are up, and of those who work overtime at the end."""
    return max(awake(hour * HOUR_S), 1 - (last_hour - hour) / OVERTIME_H)


def _priced(
    connection: sqlite3.Connection, batch: Sequence[Booked], prices: Prices, rate_ids: dict[bytes, int]
) -> tuple[list[Booked], list[Row]]:
    """The same calls with their costs, and the records of how those came about; new rates are booked."""
    priced, audits = [], []
    for opening, end in batch:
        costed = prices.price(opening, end)
        if costed is not None:
            for rate in costed.rates():
                if rate.digest not in rate_ids:
                    rate_ids[rate.digest] = costs.rate_id(connection, rate, end.finished_us)
            rate_id = None if costed.rate is None else rate_ids[costed.rate.digest]
            audits.append(costs.audit_row(opening.id, end.finished_us, costed, rate_ids))
            end = replace(end, cost_nanousd=costed.nanousd, cost_state=costed.state, rate_id=rate_id)
        priced.append((opening, end))
    return priced, audits


def _booked(turn: Turn, call_id: int, started_us: int, chance: random.Random, staff: Staff) -> Booked | None:
    """The call as the books have it; `None` if its client has no good key any more, and so does not call."""
    holding = staff.holding(turn.client, started_us)
    if holding is None and staff.holdings:
        return None
    opening = _opening(turn, call_id, started_us)
    end = _settlement(turn, started_us, chance)
    if holding is None:
        return replace(opening, credential_hash=hashlib.sha256(f"demo {turn.client}".encode()).digest()), end
    opening = replace(opening, client=holding.name, key_id=holding.key_id, project_id=holding.project_id)
    refusals = holding.refusals
    if refusals is not None and refusals.from_us <= started_us and chance.random() < refusals.part:
        return opening, _refused(refusals, turn, started_us)
    account = staff.account(holding.project_id, turn.habit.provider, chance)
    return replace(opening, admitted_us=started_us), replace(end, account=account)


def _opening(turn: Turn, call_id: int, started_us: int) -> Opening:
    return Opening(
        id=call_id,
        started_us=started_us,
        provider=turn.habit.provider,
        dialect=turn.habit.dialect,
        method="POST",
        path=turn.path,
        model=turn.model.name,
        streamed=turn.streamed,
        tool=turn.habit.tool,
        client=turn.client,
        session=turn.session if turn.habit.session_header else None,
        agent=turn.agent,
        user_agent=turn.habit.user_agent,
        client_address="127.0.0.1",
        request_bytes=turn.prompt_tokens * 4 + 400,
        message_count=1 + turn.prompt_tokens // 800,
    )


def _refused(refusals: Refusals, turn: Turn, started_us: int) -> Settlement:
    """A call that never went out."""
    return Settlement(
        state=CallState.REFUSED,
        finished_us=started_us + REFUSAL_US,
        status_code=refusals.status,
        error_code=refusals.code,
        error_message=refusals.message,
        streamed=turn.streamed,
        latency_us=REFUSAL_US,
    )


def _settlement(turn: Turn, started_us: int, chance: random.Random) -> Settlement:
    ttft_us = int(turn.model.ttft_ms * 1000 * chance.lognormvariate(0, 0.35))
    speed = turn.model.tokens_per_s or 1
    latency_us = ttft_us + int(turn.answer_tokens / speed * 1_000_000 * chance.lognormvariate(0, 0.15))
    whole = Settlement(
        state=CallState.COMPLETED,
        finished_us=started_us + latency_us,
        status_code=200,
        finish_reason=_FINISH.get(turn.habit.dialect),
        upstream_request_id=f"req_{chance.getrandbits(64):016x}",
        model_served=turn.model.name,
        streamed=turn.streamed,
        usage=_usage(turn),
        usage_source=UsageSource.REPORTED,
        latency_us=latency_us,
        upstream_latency_us=ttft_us,
        ttft_us=ttft_us,
        request_bytes=turn.prompt_tokens * 4 + 400,
        response_bytes=turn.answer_tokens * (120 if turn.streamed else 4) + 300,
        attempts=1,
    )
    return whole if turn.mishap is None else _spoilt(whole, turn.mishap, started_us, chance)


def _spoilt(whole: Settlement, mishap: Mishap, started_us: int, chance: random.Random) -> Settlement:
    """The same call as the mishap left it: what the provider had not said yet is not known."""
    if mishap.status is not None:
        took_us = int(ERROR_US * chance.lognormvariate(0, 0.4))
        return replace(
            _without_end(whole, started_us, took_us),
            state=CallState.FAILED,
            status_code=mishap.status,
            error_code="upstream_error",
            error_message=_SAID[mishap],
            model_served=None,
            streamed=False,
            response_bytes=120,
            incomplete=False,
        )
    took_us = int((whole.latency_us or 0) * chance.uniform(0.1, 0.9))
    broken = _without_end(whole, started_us, took_us)
    if mishap is Mishap.LEAVE:
        said = "the client closed its connection"
        return replace(broken, state=CallState.ABORTED, error_code="aborted", error_message=said)
    said = "the upstream closed the connection before the response was complete"
    return replace(broken, state=CallState.FAILED, error_code="stream_error", error_message=said)


def _without_end(whole: Settlement, started_us: int, took_us: int) -> Settlement:
    return replace(
        whole,
        finished_us=started_us + took_us,
        finish_reason=None,
        usage=NO_USAGE,
        usage_source=UsageSource.ABSENT,
        latency_us=took_us,
        upstream_latency_us=min(whole.upstream_latency_us or 0, took_us),
        ttft_us=min(whole.ttft_us or 0, took_us),
        response_bytes=(whole.response_bytes or 0) // 3,
        incomplete=True,
    )


def _usage(turn: Turn) -> Usage:
    """What this provider reports: counts it never mentions stay unknown."""
    dialect, spoken = turn.habit.dialect, turn.answer_tokens
    if dialect == "openai_embeddings":
        return Usage(input_tokens=turn.prompt_tokens, total_tokens=turn.prompt_tokens)
    usage = Usage(
        input_tokens=turn.prompt_tokens, output_tokens=spoken, total_tokens=turn.prompt_tokens + spoken
    )
    if dialect == "ollama_chat":
        return usage
    if dialect == "anthropic_messages":
        written = (turn.prompt_tokens - turn.cached_tokens) // 2
        return replace(usage, cache_read_tokens=turn.cached_tokens, cache_write_tokens=written)
    return replace(usage, cache_read_tokens=turn.cached_tokens, reasoning_tokens=turn.reasoning_tokens)


_FINISH = {
    "anthropic_messages": "end_turn",
    "openai_chat": "stop",
    "openai_responses": "completed",
    "gemini": "STOP",
    "ollama_chat": "stop",
}
_SAID = {
    Mishap.RATE_LIMITED: "Too many requests.",
    Mishap.BROKEN: "The server had an error.",
    Mishap.OVERLOADED: "Overloaded.",
    Mishap.WRONG_KEY: "The API key is not valid.",
}
