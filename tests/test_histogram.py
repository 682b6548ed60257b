"""Percentiles from buckets, and buckets packed into a few bytes."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from wellhead.histogram import (
    Buckets,
    bucket,
    merged,
    narrowed,
    packed,
    percentiles_us,
    summed,
    unpacked,
    widened,
)
from wellhead.usage import COUNT_MAX

buckets = st.integers(0, bucket(COUNT_MAX)) | st.integers(200, 260)
counts = st.integers(1, 300) | st.sampled_from([255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32])
histograms = st.dictionaries(buckets, counts, max_size=8)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_off_by_no_more_than_its_bucket_is_wide(durations: list[int], percent: int) -> None:
    calls = Counter(map(bucket, durations))
    exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
    first = min(calls)
    found, most = percentiles_us(
        Buckets(first, [calls[n] for n in range(first, max(calls) + 2)]), (percent, 100)
    )
    assert found is not None
    assert most is not None
    assert found <= most
    assert abs(found - exact) <= max(exact * 0.0625, 0.5)


def test_without_calls_there_is_no_percentile() -> None:
    assert percentiles_us(Buckets(), (50, 99)) == [None, None]
    assert percentiles_us(Buckets(200, [0, 0]), (50,)) == [None]


@given(st.lists(histograms, max_size=5), st.integers(0, 200))
def test_widened_histograms_add_up_as_numbers(some: list[dict[int, int]], base: int) -> None:
    some = [{number + base: count for number, count in one.items()} for one in some]
    found = narrowed(sum(widened(packed(one), base) for one in some), base)

    assert held(found) == dict(sum(map(Counter, some), Counter()))


def held(some: Buckets) -> dict[int, int]:
    return {number: count for number, count in enumerate(some.calls, some.first) if count}


@given(histograms)
def test_what_is_packed_is_unpacked_again(histogram: dict[int, int]) -> None:
    assert unpacked(packed(histogram)) == histogram


@given(histograms, histograms)
@example({200: 255}, {200: 1})
@example({200: 1, 210: 1}, {210: 2**16})
def test_merging_gives_what_packing_the_sum_gives(one: dict[int, int], other: dict[int, int]) -> None:
    assert merged(packed(one), packed(other)) == packed(dict(Counter(one) + Counter(other)))


@given(st.lists(histograms, max_size=5))
def test_a_sum_over_packed_ones_holds_every_call(some: list[dict[int, int]]) -> None:
    assert summed(map(packed, some)) == dict(sum(map(Counter, some), Counter()))


def test_an_hour_of_calls_takes_a_byte_for_a_bucket() -> None:
    calls = Counter(bucket(400_000 + n * 1_000) for n in range(2_000))

    assert packed({}) == b""
    assert len(packed({7: 3})) == 3 + 1
    assert len(packed(calls)) == 3 + max(calls) - min(calls) + 1
