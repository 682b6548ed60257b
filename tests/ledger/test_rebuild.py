import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk, rollups_of
from wellhead.call import CallState, Opening, Settlement
from wellhead.ledger.clerk import Clerk
from wellhead.ledger.processes import this_process
from wellhead.ledger.rebuild import rebuild
from wellhead.moments import HOUR_US
from wellhead.usage import COUNT_MAX, Usage, UsageSource

counts = st.none() | st.integers(0, 2**40) | st.just(COUNT_MAX)
durations = st.none() | st.integers(0, 10**9)
TERMINAL = [state for state in CallState if state is not CallState.PENDING]

usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    total_tokens=counts,
    audio_ms=counts,
)
openings = st.builds(
    lambda **changes: an_opening(1, **changes),
    provider=st.sampled_from(["openai", "anthropic"]),
    model=st.sampled_from([None, "", "demo-large", "demo-small"]),
    tool=st.sampled_from([None, "codex"]),
    client=st.none() | st.text(max_size=3),
    project_id=st.none() | st.integers(0, 3),
    streamed=st.booleans(),
    request_bytes=counts,
)
settlements = st.builds(
    lambda **changes: a_settlement(**changes),
    state=st.sampled_from(TERMINAL),
    finished_us=st.integers(NOON_US, NOON_US + 3 * HOUR_US),
    usage=usages,
    usage_source=st.sampled_from(list(UsageSource)),
    cost_nanousd=counts,
    latency_us=durations,
    ttft_us=durations,
    request_bytes=counts,
    response_bytes=counts,
    streamed=st.booleans(),
    account=st.sampled_from([None, "ann", ""]),
    trouble=st.sampled_from([(), ("one",), ("one", "two")]),
)
ends = st.lists(st.tuples(st.integers(0, 30), settlements), max_size=6)
"""Of calls by their place among all opened so far; some again, some that were not opened yet."""
batches = st.lists(st.tuples(st.lists(openings, max_size=4), ends), max_size=6)


@settings(deadline=None, max_examples=60)
@given(batches, st.booleans())
def test_rebuilding_changes_nothing(
    batches: list[tuple[list[Opening], list[tuple[int, Settlement]]]], leaves_calls_open: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        engine = books_on_disk(Path(folder))
        clerk = Clerk(engine, lambda: NOON_US, this_process())
        clerk.sign_on()
        calls = [an_opening(clerk.next_id())]
        for opened, settled in batches:
            new = [an_opening_with_id(opening, clerk.next_id()) for opening in opened]
            calls += new
            clerk.book(new, [(calls[place % len(calls)], end) for place, end in settled])
        if leaves_calls_open:
            clerk.hang_up()
        else:
            clerk.sign_off()

        before = rollups_of(engine)
        rebuild(engine, NOON_US)
        assert rollups_of(engine) == before
        engine.dispose()


def test_rebuilding_puts_right_what_was_edited_by_hand(engine: Engine) -> None:
    clerk = Clerk(engine, lambda: NOON_US, this_process())
    clerk.sign_on()
    calls = [an_opening(clerk.next_id()) for _ in range(3)]
    clerk.book(calls, [(call, a_settlement()) for call in calls])
    clerk.sign_off()
    before = rollups_of(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE usage_hourly SET calls = 99"))
        made_up = f"INSERT INTO models_hourly VALUES (1, 'nobody', ''{',0' * 16}, x'01070001', x'')"
        connection.execute(text(made_up))

    rebuild(engine, NOON_US)
    assert rollups_of(engine) == before


def an_opening_with_id(opening: Opening, call_id: int) -> Opening:
    return an_opening(
        call_id,
        **{
            name: getattr(opening, name)
            for name in ("provider", "model", "tool", "client", "project_id", "streamed", "request_bytes")
        },
    )
