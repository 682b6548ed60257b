"""Buckets packed into a few bytes, and what adds up in them."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from wellhead.histogram import (
    Lanes,
    bucket,
    lanes_for,
    merged,
    narrowed,
    packed,
    summed,
    unpacked,
    widened,
)
from wellhead.usage import COUNT_MAX

buckets = st.integers(0, bucket(COUNT_MAX)) | st.integers(200, 260)
counts = st.integers(1, 300) | st.sampled_from([255, 256, 2**16 - 1, 2**16, 2**32 - 1, 2**32])
histograms = st.dictionaries(buckets, counts, max_size=8)


@given(st.lists(histograms, max_size=5), st.lists(histograms, max_size=3))
@example([{200: 255}] * 5, [])
@example([{200: 2**16 - 1}, {200: 2**16 - 1}], [{200: 2**16 - 1}])
@example([{200: 2**32 - 1}], [])
@example([{200: 2**32 - 1}, {200: 1}], [])
def test_widened_histograms_add_up_as_numbers(some: list[dict[int, int]], less: list[dict[int, int]]) -> None:
    added, taken = [list(map(packed, more)) for more in (some + less, less)]
    lanes = lanes_for(added, len(added) + len(taken))
    # What is taken away may come first.
    total = -sum(widened(one, lanes) for one in taken) + sum(widened(one, lanes) for one in added)

    assert held(narrowed(total, lanes), lanes) == dict(sum(map(Counter, some), Counter()))


def held(found: bytes, lanes: Lanes) -> dict[int, int]:
    counts = [
        int.from_bytes(found[at : at + lanes.width], "little") for at in range(0, len(found), lanes.width)
    ]
    return {lanes.base + place: count for place, count in enumerate(counts) if count}


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
