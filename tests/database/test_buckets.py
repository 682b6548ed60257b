"""Buckets and ranks of many durations; what is made of them is in test_usage_reports.py."""

from collections import Counter

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from wellhead.database.buckets import BUCKETS, buckets, middles_us, ranked
from wellhead.histogram import bounds, bucket
from wellhead.usage import COUNT_MAX


@given(
    st.lists(
        st.integers(0, COUNT_MAX)
        | st.builds(lambda bits, off: 2**bits - off, st.integers(0, 53), st.integers(0, 1))
    )
)
@example([0, 1, 31, 32, 33, COUNT_MAX])
def test_many_durations_have_the_buckets_that_each_has(some: list[int]) -> None:
    found = buckets(np.array(some, np.int64)).tolist()
    assert found == list(map(bucket, some))
    assert max(found, default=0) < BUCKETS


def test_a_bucket_is_seen_from_its_middle() -> None:
    some = np.arange(BUCKETS)
    middles = [(low + end - 1) // 2 for low, end in map(bounds, some.tolist())]
    assert middles_us(some).tolist() == middles
    assert middles_us(some.astype(np.int32)).tolist() == middles
    assert buckets(np.array(middles)).tolist() == some.tolist()


percents = st.lists(st.integers(1, 100), min_size=1, max_size=3)


@given(st.lists(st.lists(st.integers(0, 10**9), max_size=8), max_size=5), percents)
def test_ranks_are_those_of_the_calls_of_each_place(places: list[list[int]], asked: list[int]) -> None:
    counts, numbers, ends = list[int](), list[int](), list[int]()
    for durations in places:
        of_place = Counter(map(bucket, durations))
        for number in range(min(of_place, default=0), max(of_place, default=-1) + 2):
            numbers.append(number)
            counts.append(of_place[number])
        ends.append(len(counts))

    totals, found = ranked(np.array(counts, np.uint32), np.array(ends, np.int64), asked)

    assert totals.tolist() == list(map(len, places))
    for percent, at in zip(asked, found.tolist(), strict=True):
        for durations, place in zip(places, at, strict=True):
            if durations:
                exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
                assert numbers[place] == bucket(exact)


@given(st.integers(0, COUNT_MAX))
def test_the_middle_of_a_bucket_is_near_every_duration_in_it(us: int) -> None:
    (middle,) = middles_us(buckets(np.array([us]))).tolist()
    assert abs(middle - us) <= max(us * 0.03125, 0.5)
