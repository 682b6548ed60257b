"""Which key a request presents, and that nothing of one goes on."""

import base64
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.access import a_secret
from wellhead.policy.identify import (
    SECRET_CHARS_MAX,
    Presented,
    carries,
    credential_beside,
    presented,
    query_without,
)

KEY = a_secret()
OURS = KEY.encode()
OTHER = a_secret(2).encode()
MISSPELT = OURS[:-1] + (b"0" if OURS[-1:] != b"0" else b"1")
CUT = OURS[:20]


def everywhere(text: bytes) -> bytes:
    """The text with every byte percent-encoded."""
    return b"".join(b"%%%02x" % byte for byte in text)


# Who it is that calls.


@pytest.mark.parametrize(
    ("fields", "query", "secret"),
    [
        ({}, b"", None),
        ({b"authorization": b"Bearer " + OURS}, b"", KEY),
        ({b"authorization": b"bearer " + OURS}, b"", KEY),
        ({b"authorization": b"BEARER \t " + OURS + b" "}, b"", KEY),
        ({b"authorization": OURS}, b"", KEY),
        ({b"x-api-key": OURS}, b"", KEY),
        ({b"x-goog-api-key": OURS}, b"", KEY),
        ({b"api-key": OURS}, b"", KEY),
        ({b"x-wellhead-key": OURS}, b"", KEY),
        ({b"x-wellhead-key": b"Bearer " + OURS}, b"", KEY),
        ({}, b"key=" + OURS, KEY),
        ({}, b"alt=sse&key=" + OURS + b"&x=1", KEY),
        ({}, b"key=" + everywhere(OURS), KEY),
        ({}, b"%6Bey=" + OURS, KEY),
        ({}, b"key=&key=" + OURS, KEY),
        ({}, b"key=sk%2Dtest", "sk-test"),
        # None of these is a place for a key.
        ({b"x-proxy-key": OURS}, b"", None),
        ({b"cookie": b"key=" + OURS}, b"", None),
        ({}, b"monkey=" + OURS, None),
        ({}, b"token=" + OURS, None),
        ({}, b"Key=" + OURS, None),
        ({}, b"key", None),
        # What holds nothing decides nothing.
        ({b"authorization": b""}, b"", None),
        ({b"authorization": b"Bearer"}, b"", None),
        ({b"authorization": b"Bearer  "}, b"key=" + OURS, KEY),
        ({b"x-wellhead-key": b" ", b"x-api-key": OURS}, b"", KEY),
        ({b"authorization": b"x" * (SECRET_CHARS_MAX + 1), b"x-api-key": OURS}, b"", KEY),
        # The first place decides, even where only the second has a key of ours.
        ({b"authorization": b"Bearer sk-test", b"x-api-key": OURS}, b"", "sk-test"),
        ({b"x-api-key": b"sk-1", b"x-goog-api-key": OURS}, b"", "sk-1"),
        ({b"x-goog-api-key": b"sk-1", b"api-key": OURS}, b"", "sk-1"),
        ({b"api-key": b"sk-1"}, b"key=" + OURS, "sk-1"),
        ({b"authorization": b"Bearer sk-test", b"x-wellhead-key": OURS}, b"key=sk-2", KEY),
        # Whatever bytes came, they are a secret of somebody.
        ({b"authorization": b"Bearer caf\xe9"}, b"", "caf\udce9"),
        # ...without the scheme, whichever it is.
        ({b"authorization": b"Basic dTpw"}, b"", "dTpw"),
        ({b"authorization": b"Token\t" + OURS}, b"", KEY),
        ({b"authorization": b"sk-test"}, b"", "sk-test"),
        ({b"authorization": OURS[:9] + b" " + OURS[9:]}, b"", f"{KEY[:9]} {KEY[9:]}"),
    ],
)
def test_the_first_place_that_holds_anything_decides(
    fields: dict[bytes, bytes], query: bytes, secret: str | None
) -> None:
    shown = presented(fields, query)
    assert (shown and shown.secret) == secret


BASIC = b"Basic " + base64.b64encode(b"user:" + OURS)


@pytest.mark.parametrize(
    ("fields", "query", "own"),
    [
        ({}, b"", None),
        ({b"authorization": b"Bearer sk-1", b"x-api-key": b"sk-2"}, b"key=sk-3", "sk-1"),
        ({b"x-api-key": b"sk-2"}, b"key=sk-3", "sk-2"),
        ({}, b"key=sk-3", "sk-3"),
        ({b"x-proxy-key": b"sk-4", b"cookie": b"sk-5"}, b"", None),
        # What is one of ours as well is nobody's own; what stands beside it may be.
        ({b"authorization": b"Bearer " + OURS}, b"", None),
        ({b"authorization": b"Bearer " + OTHER, b"x-api-key": b"sk-2"}, b"", "sk-2"),
        ({b"authorization": MISSPELT}, b"a=1&key=sk-3", "sk-3"),
        ({b"authorization": BASIC}, b"key=" + OURS, None),
    ],
)
def test_only_our_own_header_leaves_room_for_a_credential_of_the_clients(
    fields: dict[bytes, bytes], query: bytes, own: str | None
) -> None:
    shown = presented({b"x-wellhead-key": OURS, **fields}, query)
    assert shown == Presented(KEY, is_apart=True)
    found = credential_beside(shown, fields, query)
    assert (found and found.secret) == own
    assert presented({b"authorization": b"Bearer " + OURS}, b"") == Presented(KEY, is_apart=False)


def test_a_secret_claims_to_be_ours_by_its_prefix_or_its_place() -> None:
    assert Presented(KEY).claims_to_be_ours
    assert Presented("wh_nonsense").claims_to_be_ours
    assert Presented("sk-test", is_apart=True).claims_to_be_ours
    assert not Presented("sk-test").claims_to_be_ours
    assert not Presented("WH_test").claims_to_be_ours


def test_a_secret_is_not_shown_and_goes_back_to_the_bytes_it_came_as() -> None:
    assert KEY not in repr(Presented(KEY))
    for raw in (OURS, b"caf\xe9", "café".encode()):
        shown = presented({b"x-api-key": raw}, b"")
        assert shown is not None
        assert shown.as_it_came == raw


# What goes no further.


@pytest.mark.parametrize("key", [OURS, OTHER, MISSPELT, CUT, b"wh_"])
@pytest.mark.parametrize("form", [b"%s", b"Bearer %s", b"bearer   %s", b"  %s", b"Bearer %s, more"])
def test_a_value_that_begins_with_our_prefix_is_a_key(key: bytes, form: bytes) -> None:
    assert carries(form % key, None)


@pytest.mark.parametrize(
    "form", [b"token %s", b"session=1; key=%s; x=2", b"x%s", b"wx_%s", b"%swh_", b'{"k":"%s"}']
)
def test_a_whole_key_is_found_wherever_it_stands(form: bytes) -> None:
    assert carries(form % OURS, None)
    assert carries(form % OTHER, None)


def test_a_key_is_found_as_the_user_or_the_password_of_basic_authentication() -> None:
    for pair in (b"user:" + OURS, OURS + b":", b":" + OURS, b"user:" + CUT):
        for scheme in (b"Basic ", b"basic  ", b" BASIC "):
            assert carries(scheme + base64.b64encode(pair), None)
    assert not carries(b"Basic " + base64.b64encode(b"user:password"), None)
    assert not carries(b"Basic not base64", None)
    assert not carries(b"Basic \xff\xfe", None)


def test_a_key_from_another_system_is_known_by_being_the_one_presented() -> None:
    foreign = b"5a1e0000-0000-4000-8000-00000000beef"
    assert carries(b"Bearer " + foreign, foreign)
    assert carries(b"Basic " + base64.b64encode(b":" + foreign), foreign)
    assert not carries(b"Bearer " + foreign, None)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"sk-test",
        b"Bearer sk-proj-abc",
        b"the wh_ prefix",
        b"somewh_at",
        b"eyJhbGciOiJSUzI1NiJ9.wh_" + b"A" * 60,
        b"x " + MISSPELT,
        b"WH_" + OURS[3:],
    ],
)
def test_what_only_looks_a_little_like_a_key_goes_on(value: bytes) -> None:
    assert not carries(value, None)
    assert not carries(value, OURS)


@given(st.binary(max_size=200))
def test_looking_for_keys_never_fails_and_finds_none_in_noise(value: bytes) -> None:
    found = carries(value, OURS)
    assert not found or b"wh_" in value or value.lstrip()[:5].lower() == b"basic"
    query_without(value, OURS, all_keys=True)


# The query.


ENCODED = {
    "plain": OURS,
    "in capitals": everywhere(OURS).upper(),
    "in part": OURS[:2] + b"%5f" + OURS[3:],
    "twice": quote_from_bytes(everywhere(OURS)).encode(),
    "another key": OTHER,
    "a typo": MISSPELT,
    "cut off": CUT,
    "with a scheme": b"Bearer%20" + OURS,
    "with a plus": b"Bearer+" + OURS,
}


@pytest.mark.parametrize("all_keys", [False, True])
@pytest.mark.parametrize("encoded", ENCODED.values(), ids=ENCODED.keys())
def test_no_key_of_ours_goes_on_in_the_query(encoded: bytes, all_keys: bool) -> None:
    for name in (b"key", b"%6bey", b"token", b"x"):
        assert query_without(name + b"=" + encoded, OURS, all_keys=all_keys) == b""
        query = b"alt=sse&" + name + b"=" + encoded + b"&&b=%2f+%2F"
        assert query_without(query, OURS, all_keys=all_keys) == b"alt=sse&&b=%2f+%2F"
    assert query_without(encoded, OURS, all_keys=all_keys) == b""
    assert query_without(encoded + b"=1&a=1", OURS, all_keys=all_keys) == b"a=1"


@pytest.mark.parametrize(
    "query", [b"", b"a", b"a=&&b==%zz", b"key=sk-test", b"x=wh%2", b"q=the+wh_+prefix", b"monkey=1&keys=2"]
)
def test_a_query_without_keys_of_ours_is_byte_for_byte_the_same(query: bytes) -> None:
    assert query_without(query, OURS, all_keys=False) == query
    assert query_without(query, None, all_keys=False) == query


def test_a_clients_own_key_stays_here_where_another_credential_takes_its_place() -> None:
    for written in (b"key=sk-test", b"key=", b"key", b"%6B%65y=sk-test"):
        query = b"alt=sse&" + written + b"&monkey=1"
        assert query_without(query, None, all_keys=True) == b"alt=sse&monkey=1"
        assert query_without(query, None, all_keys=False) == query
