"""What responses tell of an account's quotas, in the forms that providers document."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellhead.policy.quota_headers import (
    AHEAD_S_MAX,
    GAUGES_MAX,
    RATIO_MAX,
    account_of,
    read,
    read_events,
)
from wellhead.quota import Gauge

NOW_US = 1_795_258_800_000_000  # 2026-11-21T11:00:00Z
SECOND = 1_000_000
RESPONSES = Path(__file__).parents[1] / "data" / "responses"


def told(text: str, request: dict[bytes, bytes] | None = None) -> dict[str, Gauge]:
    pairs = (line.partition(": ") for line in text.strip().splitlines())
    # The port to upstreams gives names in small letters.
    headers = [(header.strip().lower().encode(), value.encode()) for header, _, value in pairs]
    account = account_of(headers, request or {})
    return {gauge.name: gauge for gauge in read(headers, NOW_US, account)}


def gauge(name: str, **fields: Any) -> Gauge:
    return Gauge(name, NOW_US, **fields)


def test_a_subscription_of_anthropic_has_windows() -> None:
    found = told("""
        anthropic-organization-id: 5a1e0000-0000-4000-8000-00000000beef
        anthropic-ratelimit-unified-5h-reset: 1795273200
        anthropic-ratelimit-unified-5h-status: allowed
        anthropic-ratelimit-unified-5h-utilization: 0.42
        anthropic-ratelimit-unified-7d-reset: 1795633200
        anthropic-ratelimit-unified-7d-status: allowed_warning
        anthropic-ratelimit-unified-7d-utilization: 1.02
        anthropic-ratelimit-unified-7d_oi-utilization: 0.0
        anthropic-ratelimit-unified-overage-status: rejected
        anthropic-ratelimit-unified-reset: 1795273200
        anthropic-ratelimit-unified-status: allowed
        anthropic-ratelimit-unified-representative-claim: five_hour
        anthropic-ratelimit-unified-fallback-percentage: 0.5
    """)
    org = "5a1e0000-0000-4000-8000-00000000beef"
    assert found == {
        "anthropic_5h": gauge(
            "anthropic_5h", used_ratio=0.42, resets_us=1795273200 * SECOND, status="allowed", account=org
        ),
        "anthropic_7d": gauge(
            "anthropic_7d",
            used_ratio=1.02,
            resets_us=1795633200 * SECOND,
            status="allowed_warning",
            account=org,
        ),
        "anthropic_7d_oi": gauge("anthropic_7d_oi", used_ratio=0.0, account=org),
        "anthropic_overage": gauge("anthropic_overage", status="rejected", account=org),
    }


def test_anthropics_rate_limits_have_dates() -> None:
    found = told("""
        Anthropic-RateLimit-Requests-Limit: 50
        Anthropic-RateLimit-Requests-Remaining: 49
        Anthropic-RateLimit-Requests-Reset: 2026-11-21T11:00:01Z
        anthropic-ratelimit-input-tokens-limit: 40000
        anthropic-ratelimit-input-tokens-remaining: 30000
        anthropic-ratelimit-input-tokens-reset: 2026-11-21T12:00:30+01:00
    """)
    assert found == {
        "requests": gauge("requests", used_ratio=0.02, limit=50, remaining=49, resets_us=NOW_US + SECOND),
        "input_tokens": gauge(
            "input_tokens", used_ratio=0.25, limit=40000, remaining=30000, resets_us=NOW_US + 30 * SECOND
        ),
    }


def test_a_subscription_of_codex_has_two_windows() -> None:
    found = told(
        """
        x-codex-primary-used-percent: 42.5
        x-codex-primary-window-minutes: 300
        x-codex-primary-reset-at: 1795262400
        x-codex-primary-reset-after-seconds: 60
        x-codex-secondary-used-percent: 12
        x-codex-secondary-window-minutes: 10080
        x-codex-secondary-reset-after-seconds: 604800
        x-codex-primary-over-secondary-limit-percent: 3
        x-codex-credits-balance: $5.00
        x-codex-bengalfox-primary-used-percent: 1
        """,
        {b"chatgpt-account-id": b"acct-1"},
    )
    assert found == {
        "codex_primary": gauge(
            "codex_primary",
            used_ratio=0.425,
            window_s=18_000,
            resets_us=1795262400 * SECOND,
            account="acct-1",
        ),
        "codex_secondary": gauge(
            "codex_secondary",
            used_ratio=0.12,
            window_s=604_800,
            resets_us=NOW_US + 604_800 * SECOND,
            account="acct-1",
        ),
        "codex_bengalfox_primary": gauge("codex_bengalfox_primary", used_ratio=0.01, account="acct-1"),
    }


def test_openais_rate_limits_have_times_from_now() -> None:
    found = told("""
        openai-organization: org-abc
        x-ratelimit-limit-requests: 60
        x-ratelimit-limit-tokens: 150000
        x-ratelimit-remaining-requests: 59
        x-ratelimit-remaining-tokens: 149984
        x-ratelimit-reset-requests: 1s
        x-ratelimit-reset-tokens: 6m0s
    """)
    assert found["requests"] == gauge(
        "requests", used_ratio=1 / 60, limit=60, remaining=59, resets_us=NOW_US + SECOND, account="org-abc"
    )
    assert (found["tokens"].limit, found["tokens"].remaining) == (150000, 149984)
    assert found["tokens"].resets_us == NOW_US + 360 * SECOND


@pytest.mark.parametrize(
    ("reset", "after_us"),
    [
        ("1s", SECOND),
        ("120ms", 120_000),
        ("7.66s", 7_660_000),
        ("2m59.56s", 179_560_000),
        ("1d2h", 26 * 3600 * SECOND),
        ("45.5", 45_500_000),
        ("33011.382867", 33_011_382_867),
        ("0", 0),
        (f"{NOW_US // SECOND + 5}", 5 * SECOND),
        (f"{NOW_US // 1000 + 5000}", 5 * SECOND),
        ("2026-11-21T11:00:07Z", 7 * SECOND),
        ("2026-11-21T11:00:07", 7 * SECOND),
        ("soon", None),
        ("-1", None),
        ("nan", None),
        ("99999999999999999", None),
        ("9" * 70, None),
        ("2999-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("999999999d", None),
    ],
)
def test_a_reset_is_told_in_many_forms(reset: str, after_us: int | None) -> None:
    found = told(f"x-ratelimit-remaining-tokens: 1\nx-ratelimit-reset-tokens: {reset}")
    resets_us = found["tokens"].resets_us
    assert (None if resets_us is None else resets_us - NOW_US) == after_us


def test_others_name_windows_or_nothing() -> None:
    found = told("""
        x-ratelimit-limit-tokens-minute: 200000
        x-ratelimit-remaining-tokens-minute: 195000
        x-ratelimit-reset-tokens-minute: 30.2
        X-RateLimit-Limit: 20
        X-RateLimit-Remaining: 0
        X-RateLimit-Reset: 1795258860000
    """)
    assert found["tokens_minute"].used_ratio == 0.025
    assert found["requests"] == gauge(
        "requests", used_ratio=1.0, limit=20, remaining=0, resets_us=NOW_US + 60 * SECOND
    )


@pytest.mark.parametrize(
    "text",
    [
        "content-type: application/json",
        "x-ratelimit-remaining-tokens: many",
        "x-ratelimit-remaining-tokens: -5",
        "x-ratelimit-limit-tokens: 1e99",
        "x-ratelimit-reset-tokens: 1s",
        f"x-codex-primary-used-percent: {RATIO_MAX * 100 + 1}",
        "anthropic-ratelimit-unified-5h-utilization: inf",
        "anthropic-ratelimit-unified-5h-reset: 1795273200",
        "x-codex-primary-window-minutes: 300",
        "retry-after: 30",
    ],
)
def test_what_says_nothing_of_use_makes_no_gauge(text: str) -> None:
    assert told(text) == {}


def test_an_account_is_an_identifier_and_never_a_secret() -> None:
    assert account_of([(b"anthropic-organization-id", b"org-1")], {}) == "org-1"
    assert account_of([], {b"chatgpt-account-id": b"acct-1"}) == "acct-1"
    assert account_of([(b"anthropic-organization-id", b"org-1")], {b"chatgpt-account-id": b"a"}) == "org-1"
    assert account_of([(b"openai-organization", b"sk-live-1234")], {}) is None
    assert account_of([(b"content-type", b"org-1")], {}) is None
    assert account_of([], {}) is None


def test_a_part_of_a_key_that_came_or_took_its_place_is_no_account() -> None:
    echo = [(b"openai-organization", b"plainkey-1")]
    assert account_of(echo, {b"authorization": b"Bearer my-plainkey-12"}) is None
    assert account_of(echo, {}, ["my-plainkey-12"]) is None
    assert account_of(echo, {}, [None, "another"]) == "plainkey-1"


def test_of_one_response_only_so_many_gauges_are_kept() -> None:
    headers = [(b"x-ratelimit-remaining-a%d" % n, b"1") for n in range(1000)]
    assert len(read(headers, NOW_US)) == GAUGES_MAX


def test_recorded_responses_without_quotas_have_no_gauges() -> None:
    heads = [file.read_bytes() for file in RESPONSES.glob("*.txt")]
    assert heads
    for head in heads:
        lines = [line.partition(b": ") for line in head.partition(b"\r\n\r\n")[0].splitlines()[:50]]
        assert read([(header.lower(), value) for header, _, value in lines], NOW_US) == ()


NAMES = st.sampled_from(
    [
        b"anthropic-ratelimit-unified-5h-reset",
        b"anthropic-ratelimit-unified-5h-utilization",
        b"anthropic-ratelimit-unified-5h-status",
        b"anthropic-ratelimit-requests-reset",
        b"anthropic-ratelimit-requests-limit",
        b"anthropic-ratelimit-requests-remaining",
        b"x-codex-primary-used-percent",
        b"x-codex-primary-reset-at",
        b"x-codex-primary-reset-after-seconds",
        b"x-codex-primary-window-minutes",
        b"x-ratelimit-reset",
        b"x-ratelimit-limit",
        b"anthropic-organization-id",
    ]
)
VALUES = (
    st.binary(max_size=80)
    | st.from_regex(rb"[0-9.:TZdhms+-]{1,30}", fullmatch=True)
    | st.floats().map(lambda number: repr(number).encode())
)


@given(st.lists(st.tuples(NAMES | st.binary(max_size=60), VALUES), max_size=30))
def test_nothing_that_comes_can_break_it(headers: list[tuple[bytes, bytes]]) -> None:
    for found in read(headers, NOW_US):
        assert found.used_ratio is None or 0 <= found.used_ratio <= RATIO_MAX
        assert found.resets_us is None or abs(found.resets_us - NOW_US) <= AHEAD_S_MAX * SECOND


# What a stream tells.

EVENT = {
    "rate_limits": {
        "allowed": True,
        "primary": {"used_percent": 42.5, "window_minutes": 300, "reset_at": 1795273200},
        "secondary": {"used_percent": 5, "window_minutes": 10080, "reset_after_seconds": 60},
    }
}


def test_an_event_of_codex_tells_what_its_headers_do() -> None:
    found = {one.name: one for one in read_events([EVENT], NOW_US, "an-account")}
    assert found == told("""
        x-codex-primary-used-percent: 42.5
        x-codex-primary-window-minutes: 300
        x-codex-primary-reset-at: 1795273200
        x-codex-secondary-used-percent: 5
        x-codex-secondary-window-minutes: 10080
        x-codex-secondary-reset-after-seconds: 60
        openai-organization: an-account
    """)


@pytest.mark.parametrize(
    ("of", "name"),
    [
        (None, "codex_primary"),
        ("codex", "codex_primary"),
        ("codex_bengalfox", "codex_bengalfox_primary"),
        ("gpt-reserve", "codex_gpt_reserve_primary"),
        ("GPT-Reserve", "codex_gpt_reserve_primary"),
        (7, "codex_primary"),
    ],
)
def test_each_limit_has_a_name_of_its_own(of: Any, name: str) -> None:
    event = {"metered_limit_name": of, "rate_limits": {"primary": {"used_percent": 1}}}
    assert [one.name for one in read_events([event], NOW_US)] == [name]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"rate_limits": None},
        {"rate_limits": [1]},
        {"rate_limits": {"primary": 7}},
        {"rate_limits": {"primary": {}}},
        {"rate_limits": {"primary": {"used_percent": "7"}}},
        {"rate_limits": {"primary": {"used_percent": True}}},
        {"rate_limits": {"primary": {"used_percent": -1}}},
        {"rate_limits": {"primary": {"used_percent": 1e300}}},
        {"rate_limits": {"primary": {"used_percent": float("nan")}}},
        {"metered_limit_name": "a b\n", "rate_limits": {"primary": {"used_percent": 1}}},
        {"metered_limit_name": "x" * 5000, "rate_limits": {"primary": {"used_percent": 1}}},
    ],
)
def test_an_event_that_tells_nothing_is_left_out(event: dict[str, Any]) -> None:
    assert read_events([event], NOW_US) == ()


def test_of_very_many_events_there_is_only_so_much() -> None:
    events = [
        {"metered_limit_name": f"n{n}", "rate_limits": {"primary": {"used_percent": 1}}} for n in range(99)
    ]
    assert len(read_events(events, NOW_US)) == GAUGES_MAX
