"""Which address a proxy before the gateway says that a request came from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.policy.forwarded import address

FOR, FLARE = b"x-forwarded-for", b"cf-connecting-ip"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(FOR, b"203.0.113.9")], "203.0.113.9"),
        ([(FOR, b" 203.0.113.9 , 10.0.0.1")], "203.0.113.9"),
        ([(FOR, b"203.0.113.9"), (FOR, b"10.0.0.1")], "203.0.113.9"),
        ([(FOR, b"203.0.113.9:50123")], "203.0.113.9"),
        ([(FOR, b"2001:DB8::1")], "2001:db8::1"),
        ([(FOR, b"[2001:db8::1]:443")], "2001:db8::1"),
        ([(FOR, b'"[2001:db8::1]"')], "2001:db8::1"),
        ([(FOR, b"::ffff:203.0.113.9")], "203.0.113.9"),
        ([(FLARE, b"203.0.113.9")], "203.0.113.9"),
        ([(FLARE, b"203.0.113.1"), (FOR, b"203.0.113.9")], "203.0.113.9"),
        ([(FLARE, b"203.0.113.1"), (FOR, b"unknown")], "203.0.113.1"),
        ([(FOR, b"unknown, 203.0.113.9")], None),
        ([(FOR, b"fe80::1%a<b>")], None),
        ([(FOR, b"203.0.113.999")], None),
        ([(FOR, b"\xff"), (FLARE, b"")], None),
        ([(b"x-real-ip", b"203.0.113.9")], None),
        ([], None),
    ],
)
def test_the_first_address_of_the_first_header_counts(
    headers: list[tuple[bytes, bytes]], found: str | None
) -> None:
    assert address(headers) == found


@given(st.lists(st.tuples(st.sampled_from([FOR, FLARE]), st.binary(max_size=100))))
def test_nothing_that_comes_can_break_it(headers: list[tuple[bytes, bytes]]) -> None:
    found = address(headers)
    assert found is None or len(found) <= 39
