"""Percentiles from buckets."""

from hypothesis import given
from hypothesis import strategies as st

from wellhead.histogram import bucket, percentile_us


@given(st.lists(st.integers(0, 10**9), min_size=1), st.sampled_from([1, 50, 95, 99, 100]))
def test_a_percentile_is_off_by_no_more_than_its_bucket_is_wide(durations: list[int], percent: int) -> None:
    histogram: dict[int, int] = {}
    for one in durations:
        histogram[bucket(one)] = histogram.get(bucket(one), 0) + 1
    exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
    found = percentile_us(histogram, percent)
    assert found is not None
    assert abs(found - exact) <= max(exact * 0.0625, 0.5)


def test_without_calls_there_is_no_percentile() -> None:
    assert percentile_us({}, 50) is None
