"""The load is what it says it is."""

from bench.throughput import heads


def test_a_call_with_a_key_has_it_in_the_place_of_the_upstreams_and_nothing_twice() -> None:
    lines = heads("wh-key")
    assert lines["Authorization"] == "Bearer wh-key"
    assert len({name.lower() for name in lines}) == len(lines) == len(heads(None))
