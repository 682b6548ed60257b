"""Whether a call may go, and what its caller is told if not: which limit, its use, and when it frees."""

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.access import a_key, a_limit, a_project, a_secret, knowing
from fakes.books import NOON_US, an_opening
from wellhead.access import Key
from wellhead.directory import Directory
from wellhead.errors import Refused
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.meter.catalogue import DIALECTS
from wellhead.money import NANOUSD_PER_USD
from wellhead.policy.admission import (
    Shortage,
    allows,
    endpoint_of,
    fits,
    forbidden,
    forbidden_unbooked,
    refusal,
    shown,
    unauthorized,
)
from wellhead.policy.windows import bucket_of, frees_us

SECOND, MINUTE, HOUR = 1_000_000, 60_000_000, 3_600_000_000
CALL = an_opening(1)
DIRECTORY = knowing(Directory(), a_project())


# What a key allows.


@pytest.mark.parametrize(
    ("key", "code", "told"),
    [
        (a_key(), None, ""),
        (a_key(expires_us=NOON_US + 1), None, ""),
        (None, "key_unknown", "not known"),
        (a_key(expires_us=NOON_US), "key_withered", "expired at 2025-03-01T12:00:00Z"),
        (a_key(expires_us=NOON_US - 1), "key_withered", "expired at 2025-03-01T12:00:00Z"),
        (a_key(revoked_us=NOON_US), "key_revoked", "was revoked"),
        # It was revoked, whatever became of it besides.
        (a_key(revoked_us=NOON_US, expires_us=NOON_US - HOUR), "key_revoked", "was revoked"),
        # A revocation counts, also one that another host's clock puts into the future.
        (a_key(revoked_us=NOON_US + HOUR), "key_revoked", "was revoked"),
    ],
)
def test_a_key_is_worth_something_until_it_is_revoked_or_withers(
    key: Key | None, code: str | None, told: str
) -> None:
    error = unauthorized(key, NOON_US)
    if code is None:
        assert error is None
        return
    assert error is not None
    assert (error.code, error.status) == (code, 401)
    assert told in error.message
    assert not isinstance(error, Refused), "who is not known leaves no row"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"allowed_models": ("demo-*",), "allowed_providers": ("openai",)}, None),
        ({"allowed_models": ("gpt-*", "demo-?arge")}, None),
        ({"allowed_endpoints": ("/v1/chat/*",)}, None),
        ({"allowed_models": ("gpt-*",)}, "model_not_allowed"),
        ({"allowed_models": ()}, "model_not_allowed"),
        ({"allowed_providers": ("anthropic",)}, "provider_not_allowed"),
        ({"allowed_providers": ()}, "provider_not_allowed"),
        ({"allowed_endpoints": ("/v1/embeddings",)}, "endpoint_not_allowed"),
        ({"allowed_endpoints": ()}, "endpoint_not_allowed"),
        ({"project_id": 3}, None),
        ({"project_id": 99}, None),
    ],
)
def test_a_key_allows_what_its_lists_allow(changes: dict[str, Any], code: str | None) -> None:
    ruling = forbidden(DIRECTORY, a_key(**changes), CALL)
    assert (ruling and ruling.code) == code
    if ruling is not None:
        assert ruling.status == 403
        assert ruling.message.startswith("This key does not allow ")


def test_a_key_with_a_list_of_models_does_not_allow_a_call_that_names_none() -> None:
    nameless = an_opening(1, model=None)
    ruling = forbidden(DIRECTORY, a_key(allowed_models=("gpt-*",)), nameless)
    assert ruling is not None
    assert (ruling.code, ruling.message) == ("model_not_allowed", "This key does not allow the model (none)")
    assert forbidden(DIRECTORY, a_key(allowed_models=("*",)), nameless) is None


def test_the_keys_of_an_archived_project_are_refused() -> None:
    archived = knowing(Directory(), a_project(archived_us=NOON_US - 1))
    ruling = forbidden(archived, a_key(project_id=3), CALL)
    assert ruling is not None
    assert (ruling.code, ruling.status) == ("project_archived", 403)
    assert forbidden(archived, a_key(), CALL) is None


def test_an_endpoint_is_the_path_without_the_providers_prefix() -> None:
    assert endpoint_of(an_opening(1, path="/openai/v1/chat/completions")) == "/v1/chat/completions"
    assert endpoint_of(an_opening(1, path="/v1/chat/completions")) == "/v1/chat/completions"
    assert endpoint_of(an_opening(1, path="/openai2/v1/x", provider="openai")) == "/openai2/v1/x"
    key = a_key(allowed_endpoints=("/v1/chat/*",))
    assert forbidden(DIRECTORY, key, an_opening(1, path="/openai/v1/chat/completions")) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "/v1/chat/../files",
        "/v1/chat/..",
        "/v1/chat/./x",
        "/v1/chat/..\\files",
        "/v1/chat\\..\\x",
        "/v1/chat/..;/files",
        "/v1/chat/%2e%2e/files",
        "/v1/chat?/../files",
        "/v1/chat/\0/files",
        # Longer than what is booked of a path: nobody sees how it ends.
        "/v1/chat/" + "a/" * 200,
    ],
)
def test_dots_in_a_path_lead_nobody_past_a_list_of_endpoints(endpoint: str) -> None:
    key = a_key(allowed_endpoints=("/v1/chat*",))
    for ruling in (
        forbidden_unbooked(DIRECTORY, key, endpoint, "openai"),
        forbidden(DIRECTORY, key, an_opening(1, path=endpoint)),
    ):
        assert ruling is not None
        assert ruling.code == "endpoint_not_allowed"
    assert forbidden_unbooked(DIRECTORY, a_key(), endpoint, "openai") is None


def test_dots_in_a_path_lead_nobody_past_a_list_of_models() -> None:
    key = a_key(allowed_models=("gemini-flash*",))
    call = an_opening(
        1,
        path="/v1beta/models/gemini-flash/../gemini-ultra:generateContent",
        model="gemini-flash/../gemini-ultra",
    )
    ruling = forbidden(DIRECTORY, key, call)
    assert ruling is not None
    assert ruling.code == "endpoint_not_allowed"


def test_what_is_not_booked_is_held_to_endpoints_and_providers_all_the_same() -> None:
    anthropic_only = a_key(allowed_providers=("anthropic",), allowed_models=("claude-*",))
    told = forbidden_unbooked(DIRECTORY, anthropic_only, "/v1/files", "openai")
    assert told is not None
    assert told.code == "provider_not_allowed"
    assert forbidden_unbooked(DIRECTORY, anthropic_only, "/v1/files", "anthropic") is None
    for models in ("/v1/models", "/v1beta/models", "/api/tags"):
        assert forbidden_unbooked(DIRECTORY, anthropic_only, models, "openai") is None
    chat_only = a_key(allowed_endpoints=("/v1/chat/*",))
    told = forbidden_unbooked(DIRECTORY, chat_only, "/v1/models", "openai")
    assert told is not None
    assert told.code == "endpoint_not_allowed"


@pytest.mark.parametrize(
    ("patterns", "value", "is_allowed"),
    [
        (None, "anything", True),
        ((), "anything", False),
        (("*",), "", True),
        (("gpt-5",), "gpt-5", True),
        (("gpt-5",), "gpt-5-mini", False),
        (("gpt-5",), "GPT-5", False),
        (("a", "gpt-[0-9]*"), "gpt-5-mini", True),
        (("openrouter/*",), "openrouter/x/y", True),
    ],
)
def test_any_of_the_globs_allows(patterns: tuple[str, ...] | None, value: str, is_allowed: bool) -> None:
    assert allows(patterns, value) is is_allowed


# What limits leave.


@pytest.mark.parametrize(
    ("amount", "used", "held", "wanted", "has_room"),
    [
        (10, 0, 0, 1, True),
        (10, 9, 0, 1, True),
        (10, 10, 0, 1, False),
        (10, 5, 5, 1, False),
        (10, 5, 4, 1, True),
        (10, 0, 0, 10, True),
        (10, 0, 0, 11, False),
        (10, 11, 0, 1, False),
        # A call whose size nobody knows needs something to be left.
        (10, 9, 0, 0, True),
        (10, 10, 0, 0, False),
        (0, 0, 0, 0, False),
        (0, 0, 0, 1, False),
    ],
)
def test_a_call_fits_if_all_of_it_does(
    amount: int, used: int, held: int, wanted: int, has_room: bool
) -> None:
    assert fits(a_limit(amount=amount), used, held, wanted) is has_room


def a_shortage(limit: Limit, used: int = 0, held: int = 0, wanted: int = 1, **changes: Any) -> Shortage:
    until = frees_us(limit, bucket_of(limit, NOON_US)) if wanted <= limit.amount else None
    return replace(Shortage(limit, used, held, wanted, until), **changes)


def dollars(amount: float) -> int:
    return int(amount * NANOUSD_PER_USD)


KEY, PROJECT, CLIENT = Scope(ScopeKind.KEY, "7"), Scope(ScopeKind.PROJECT, "3"), Scope(ScopeKind.CLIENT)
BUDGET = a_limit(Measure.COST, dollars(12.5), Window.MONTH, id=5, scope=PROJECT, name="team water")
TOLD = {
    "calls of an hour": (
        a_shortage(a_limit(amount=200, scope=KEY), used=200),
        ("rate_limited", 429, 3600),
        (
            "The limit 1 (200 calls per hour for the key) leaves no room: 200 used; "
            "it frees at 2025-03-01T13:00:00Z, in 60 min"
        ),
    ),
    "calls of a day": (
        a_shortage(a_limit(amount=200, window=Window.DAY, name="daily"), used=200),
        ("rate_limited", 429, 12 * 3600),
        (
            "The limit 'daily' (200 calls per day for all calls) leaves no room: 200 used; "
            "it frees at 2025-03-02T00:00:00Z, in 12 h"
        ),
    ),
    "a sliding minute": (
        a_shortage(a_limit(amount=1, window=Window.MINUTE, sliding=True, scope=CLIENT), used=1),
        ("rate_limited", 429, 60),
        (
            "The limit 1 (1 calls per minute for the client) leaves no room: 1 used; "
            "it frees at 2025-03-01T12:01:01Z, in 61 s"
        ),
    ),
    "a sliding hour": (
        a_shortage(a_limit(amount=1, sliding=True, scope=Scope(ScopeKind.MODEL)), used=1),
        ("rate_limited", 429, 3660),
        (
            "The limit 1 (1 calls per hour for the model) leaves no room: 1 used; "
            "it frees at 2025-03-01T13:01:00Z, in 61 min"
        ),
    ),
    "tokens, some of them held": (
        a_shortage(
            a_limit(Measure.TOTAL_TOKENS, 9000, Window.MINUTE, scope=Scope(ScopeKind.PROVIDER)),
            used=8000,
            held=600,
            wanted=1400,
        ),
        ("rate_limited", 429, 60),
        (
            "The limit 1 (9000 tokens per minute for the provider) leaves no room: 8000 used, "
            "600 held for calls under way, this call may take 1400; it frees at 2025-03-01T12:01:00Z, in 60 s"
        ),
    ),
    "tokens, all of them held": (
        a_shortage(a_limit(Measure.INPUT_TOKENS, 9000), held=8600, wanted=1400),
        ("rate_limited", 429, 1),
        (
            "The limit 1 (9000 input tokens per hour for all calls) leaves no room: 0 used, "
            "8600 held for calls under way, this call may take 1400; try again when they are over"
        ),
    ),
    "a call larger than its limit": (
        a_shortage(a_limit(Measure.OUTPUT_TOKENS, 1000), wanted=4096),
        ("rate_limited", 429, None),
        (
            "The limit 1 (1000 output tokens per hour for all calls) leaves no room: 0 used, "
            "this call may take 4096; it can never fit; a smaller max_tokens makes it take less"
        ),
    ),
    "places": (
        a_shortage(a_limit(Measure.CONCURRENT_CALLS, 5, Window.TOTAL, scope=KEY), held=5),
        ("rate_limited", 429, 1),
        (
            "The limit 1 (5 calls at one time for the key) leaves no room: 5 under way; "
            "try again when they are over"
        ),
    ),
    "a spent budget": (
        a_shortage(BUDGET, used=dollars(12.5)),
        ("budget_exhausted", 402, 30 * 86400 + 12 * 3600),
        (
            "The budget 'team water' (12.50 USD per month for the project) leaves no room: 12.50 used; "
            "it frees at 2025-04-01T00:00:00Z, in 31 d"
        ),
    ),
    "a budget with too little left": (
        a_shortage(BUDGET, used=dollars(12.4999), wanted=dollars(0.0214)),
        ("budget_exhausted", 402, 30 * 86400 + 12 * 3600),
        (
            "The budget 'team water' (12.50 USD per month for the project) leaves no room: 12.4999 used, "
            "this call may take 0.0214; it frees at 2025-04-01T00:00:00Z, in 31 d"
        ),
    ),
    "a held budget": (
        a_shortage(BUDGET, used=dollars(2), held=dollars(10.25), wanted=dollars(0.5)),
        ("budget_held", 429, 1),
        (
            "The budget 'team water' (12.50 USD per month for the project) leaves no room: 2.00 used, "
            "10.25 held for calls under way, this call may take 0.50; try again when they are over"
        ),
    ),
    "prepaid tokens": (
        a_shortage(a_limit(Measure.TOTAL_TOKENS, 9000, Window.TOTAL, scope=KEY), used=9000),
        ("budget_exhausted", 402, None),
        "The budget 1 (9000 tokens for the key) leaves no room: 9000 used; it does not free by itself",
    ),
    "nothing at all": (
        a_shortage(a_limit(amount=0, scope=KEY)),
        ("rate_limited", 429, None),
        "The limit 1 (0 calls per hour for the key) leaves no room: 0 used; it can never fit",
    ),
}


@pytest.mark.parametrize(("shortage", "code", "told"), TOLD.values(), ids=TOLD.keys())
def test_a_refusal_names_the_limit_its_use_and_when_it_frees(
    shortage: Shortage, code: tuple[str, int, int | None], told: str
) -> None:
    refused = refusal(CALL, [shortage], NOON_US)
    assert (refused.code, refused.status, refused.retry_after_s) == code
    assert refused.message == told
    assert not re.search(r"wh_|" + re.escape(a_secret()), refused.message)


def test_two_calls_at_one_instant_under_one_a_minute_wait_the_minute() -> None:
    """The reference value of a system that clients come from."""
    limit = a_limit(amount=1, window=Window.MINUTE, sliding=True)
    for at_us in (NOON_US, NOON_US + 1, NOON_US + 999_999):
        until = frees_us(limit, bucket_of(limit, at_us))
        refused = refusal(CALL, [Shortage(limit, 1, 0, 1, until)], at_us)
        assert refused.retry_after_s == 60


@pytest.mark.parametrize(
    ("left_us", "retry_after_s"), [(1, 1), (SECOND, 1), (SECOND + 1, 2), (0, 1), (-5 * SECOND, 1)]
)
def test_nobody_is_sent_back_too_early_or_at_once(left_us: int, retry_after_s: int) -> None:
    shortage = a_shortage(a_limit(amount=1), used=1, frees_us=NOON_US + left_us)
    assert refusal(CALL, [shortage], NOON_US).retry_after_s == retry_after_s


@pytest.mark.parametrize(
    ("dialect", "status"),
    [
        *((name, 402) for name in DIALECTS if name.startswith(("openai", "ollama"))),
        ("anthropic_messages", 429),
        ("gemini", 429),
        ("gemini_embed", 429),
    ],
)
def test_a_spent_budget_is_a_402_where_the_dialects_clients_know_it(dialect: str, status: int) -> None:
    refused = refusal(an_opening(1, dialect=dialect), [a_shortage(BUDGET, used=BUDGET.amount)], NOON_US)
    assert (refused.code, refused.status) == ("budget_exhausted", status)


def test_every_dialect_has_a_status_for_a_spent_budget() -> None:
    for dialect in DIALECTS:
        refused = refusal(an_opening(1, dialect=dialect), [a_shortage(BUDGET, used=BUDGET.amount)], NOON_US)
        assert refused.status in (402, 429)


def test_of_several_limits_the_one_that_keeps_it_out_the_longest_is_told() -> None:
    minute = a_shortage(a_limit(amount=5, window=Window.MINUTE, id=1), used=5)
    month = a_shortage(replace(BUDGET, id=2), used=BUDGET.amount)
    held = a_shortage(a_limit(Measure.CONCURRENT_CALLS, 5, Window.TOTAL, id=3), held=5)
    for_good = a_shortage(a_limit(amount=5, window=Window.TOTAL, id=4), used=5)
    for shortages, longest in (
        ((minute, month, held, for_good), for_good),
        ((held, month, minute), month),
        ((held, minute), minute),
        ((held,), held),
    ):
        for order in (shortages, shortages[::-1]):
            refused = refusal(CALL, order, NOON_US)
            assert refused.message == refusal(CALL, [longest], NOON_US).message
            assert refused.retry_after_s == refusal(CALL, [longest], NOON_US).retry_after_s
            assert len(refused.quotas) == len(shortages)


def test_a_refusal_says_how_each_limit_stands() -> None:
    shortages = [
        a_shortage(a_limit(amount=5, window=Window.MINUTE, name="burst"), used=5),
        a_shortage(a_limit(Measure.TOTAL_TOKENS, 900, Window.TOTAL, id=2, name="größer"), 500, 300, 200),
        a_shortage(replace(BUDGET, name=None), used=dollars(13)),
    ]
    quotas = [
        (quota.name, quota.amount, quota.left, quota.window_s, quota.frees_s)
        for quota in refusal(CALL, shortages, NOON_US).quotas
    ]
    assert quotas == [
        ("burst", 5, 0, 60, 60),
        ("limit-2", 900, 100, None, 1),
        ("limit-5", dollars(12.5), 0, 30 * 86400, 30 * 86400 + 12 * 3600),
    ]


@pytest.mark.parametrize(
    ("nanousd", "text"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (10_000_000, "0.01"),
        (500_000_000, "0.50"),
        (NANOUSD_PER_USD, "1.00"),
        (12_500_000_000, "12.50"),
        (12_345_678_901, "12.345678901"),
        (10**18, "1000000000.00"),
    ],
)
def test_money_is_shown_exactly_with_two_decimals_or_more(nanousd: int, text: str) -> None:
    assert shown(Measure.COST, nanousd) == text


@given(st.integers(0, 10**20))
def test_money_that_is_shown_is_the_money(nanousd: int) -> None:
    dollars_, _, decimals = shown(Measure.COST, nanousd).partition(".")
    assert int(dollars_) * NANOUSD_PER_USD + int(decimals.ljust(9, "0")) == nanousd
    assert len(decimals) == 2 or (2 < len(decimals) <= 9 and not decimals.endswith("0"))


def test_everything_else_is_shown_as_it_is() -> None:
    assert {shown(measure, 1_500) for measure in Measure if measure is not Measure.COST} == {"1500"}
