"""Histograms of calls one by one; those of sheets and hours are in test_usage_reports.py."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from wellhead.database.usage_histograms import BUCKETS, buckets
from wellhead.histogram import bucket
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
