from hypothesis import given
from hypothesis import strategies as st

from fakes.books import NOON_US, a_settlement, an_opening
from wellhead.call import CallState
from wellhead.database import rollups
from wellhead.database.rollups import Rollup
from wellhead.database.schema import latency_total, usage_hourly, usage_total
from wellhead.histogram import bounds, bucket, packed
from wellhead.ledger.rollup import tally, tally_by_day
from wellhead.moments import DAY_US, HOUR_US
from wellhead.usage import NO_USAGE, Usage, UsageSource

NOON_HOUR = NOON_US // HOUR_US


@given(st.integers(0, 2**60))
def test_a_duration_lies_in_its_bucket(us: int) -> None:
    low, high = bounds(bucket(us))

    assert low <= us < high


@given(st.integers(1, 2**60))
def test_the_middle_of_a_bucket_is_within_five_percent(us: int) -> None:
    low, high = bounds(bucket(us))
    middle = (low + high - 1) / 2

    assert abs(middle - us) <= 0.05 * us


@given(st.integers(0, 900))
def test_buckets_follow_each_other_without_gap(number: int) -> None:
    assert bounds(number)[1] == bounds(number + 1)[0]
    assert bucket(bounds(number)[0]) == number


def test_rows_have_the_shape_of_their_tables() -> None:
    opening = an_opening(1, origin="http://localhost")
    rollup = tally([(opening, a_settlement(state=CallState.FAILED))])

    for table in rollups.TABLES:
        assert {len(row) for row in getattr(rollup, table.name)} == {len(table.columns)}


def test_figures_stand_in_the_columns_of_their_names() -> None:
    usage = Usage(*range(1, 14))
    end = a_settlement(usage=usage, cost_nanousd=77, streamed=True, account="ann@example.org")
    opening = an_opening(1, client="laptop", project_id=3, key_id=4)

    assert hourly(tally([(opening, end)])) == [
        {
            "hour": NOON_HOUR,
            "provider": "openai",
            "model": "demo-large",
            "tool": "codex",
            "client": "laptop",
            "project_id": 3,
            "key_id": 4,
            "account": "ann@example.org",
            "outcome": "completed",
            "streamed": 1,
            "calls": 1,
            "metered_calls": 1,
            "priced_calls": 1,
            "input_tokens": 1,
            "output_tokens": 2,
            "cache_read_tokens": 3,
            "cache_write_tokens": 4,
            "cache_write_1h_tokens": 5,
            "reasoning_tokens": 6,
            "input_audio_tokens": 7,
            "output_audio_tokens": 8,
            "input_image_tokens": 9,
            "output_image_tokens": 10,
            "total_tokens": 11,
            "audio_ms": 12,
            "web_searches": 13,
            "cost_nanousd": 77,
            "timed_calls": 1,
            "latency_us": 910_000,
            "ttft_calls": 1,
            "ttft_us": 100_000,
            "request_bytes": 500,
            "response_bytes": 2_000,
        }
    ]


def test_calls_that_are_alike_become_one_row() -> None:
    rollup = tally([(an_opening(n), a_settlement()) for n in range(5)])

    (row,) = hourly(rollup)
    assert (row["calls"], row["total_tokens"], row["latency_us"]) == (5, 1000, 5 * 910_000)


def test_what_nobody_said_adds_nothing_and_is_not_counted_as_known() -> None:
    end = a_settlement(usage=NO_USAGE, usage_source=UsageSource.ABSENT, latency_us=None, ttft_us=None)

    (row,) = hourly(tally([(an_opening(1), end)]))
    assert (row["calls"], row["metered_calls"], row["timed_calls"], row["priced_calls"]) == (1, 0, 0, 0)
    (model,) = tally([(an_opening(1), end)]).models_hourly
    assert model[-2:] == (b"", b"")


def test_calls_count_in_the_hour_they_ended() -> None:
    last_of_the_hour = NOON_US + HOUR_US - 1
    rollup = tally(
        [
            (an_opening(1), a_settlement(finished_us=last_of_the_hour)),
            (an_opening(2), a_settlement(finished_us=last_of_the_hour + 1)),
        ]
    )

    assert [row["hour"] for row in hourly(rollup)] == [NOON_HOUR, NOON_HOUR + 1]
    assert [row[usage_total.columns.keys().index("calls")] for row in rollup.usage_total] == [2]


def test_hours_add_up_to_all_of_time() -> None:
    midnight = NOON_US + 12 * HOUR_US
    moments = [midnight - HOUR_US, midnight - 1, midnight, midnight + 5 * HOUR_US]
    rollup = tally([(an_opening(n), a_settlement(finished_us=at)) for n, at in enumerate(moments)])

    day = midnight // DAY_US
    place = usage_hourly.columns.keys().index("calls")
    assert [row[0] - 24 * day for row in rollup.usage_hourly] == [-1, 0, 5]
    assert [row[place] for row in rollup.usage_hourly] == [2, 1, 1]
    assert [row[place - 1] for row in rollup.usage_total] == [4]


def test_days_that_are_counted_one_by_one_are_the_same_days() -> None:
    ends = [a_settlement(finished_us=NOON_US + n * 7 * HOUR_US) for n in range(9)]
    calls = [(an_opening(n), end) for n, end in enumerate(ends)]

    one_by_one = dict(tally_by_day(calls))
    assert len(one_by_one) == 3
    assert [row for day in one_by_one.values() for row in day.usage_hourly] == tally(calls).usage_hourly


def test_outcomes_are_kept_apart() -> None:
    ends = [a_settlement(), a_settlement(state=CallState.FAILED)]

    rollup = tally([(an_opening(n), end) for n, end in enumerate(ends)])
    assert [row["outcome"] for row in hourly(rollup)] == ["completed", "failed"]


def test_latency_and_time_to_first_byte_are_counted_in_their_buckets() -> None:
    rollup = tally([(an_opening(1), a_settlement())])

    both = packed({bucket(910_000): 1}), packed({bucket(100_000): 1})
    assert [(*row[:3], *row[-2:]) for row in rollup.models_hourly] == [
        (NOON_HOUR, "openai", "demo-large", *both)
    ]


def test_histograms_of_all_time_tell_answers_apart_and_keep_sums() -> None:
    ends = [
        a_settlement(latency_us=910_000, ttft_us=None),
        a_settlement(latency_us=910_001, ttft_us=910_002, streamed=True),
        a_settlement(latency_us=910_003, ttft_us=None),
        a_settlement(state=CallState.ABORTED, status_code=None, latency_us=910_000, ttft_us=None),
    ]
    rollup = tally([(an_opening(n), end) for n, end in enumerate(ends)])

    names = latency_total.columns.keys()
    assert names[:3] == ["provider", "model", "outcome"]
    number = bucket(910_000)
    assert [row[2:] for row in rollup.latency_total] == [
        ("aborted", 0, 0, 910_000, 0, packed({number: 1}), b""),
        ("completed", 200, 0, 1_820_003, 0, packed({number: 2}), b""),
        ("completed", 200, 1, 910_001, 910_002, packed({number: 1}), packed({number: 1})),
    ]


def test_rows_are_sorted_by_key() -> None:
    providers = ("openai", "anthropic", "ollama")
    rollup = tally([(an_opening(n, provider=p), a_settlement()) for n, p in enumerate(providers)])

    for table in rollups.TABLES:
        rows = getattr(rollup, table.name)
        assert list(rows) == sorted(rows)


def hourly(rollup: Rollup) -> list[dict[str, object]]:
    return [dict(zip(usage_hourly.columns.keys(), row, strict=True)) for row in rollup.usage_hourly]
