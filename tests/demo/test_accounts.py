"""The accounts of the demo's company: known by their credentials, with quotas that the gateway reads."""

import pytest

from wellhead.demo.accounts import Account, Plan, account_of, headers
from wellhead.policy import quota_headers
from wellhead.quota import Gauge

NOON_S = 1_790_000_000.0
HOUR_S = 3_600


def gauges(account: Account, now_s: float = NOON_S) -> dict[str, Gauge]:
    raw = [(name.encode(), value.encode()) for name, value in headers(account, now_s).items()]
    return {gauge.name: gauge for gauge in quota_headers.read(raw, round(now_s * 1e6))}


@pytest.mark.parametrize(
    ("plan", "names"),
    [
        (Plan.CLAUDE, {"anthropic_5h", "anthropic_7d"}),
        (Plan.CODEX, {"codex_primary", "codex_secondary"}),
        (Plan.ANTHROPIC_API, {"requests", "input_tokens", "output_tokens"}),
        (Plan.OPENAI_API, {"requests", "tokens"}),
        (Plan.UNTOLD, set()),
    ],
)
def test_every_quota_of_a_plan_is_read_with_its_use_and_its_end(plan: Plan, names: set[str]) -> None:
    found = gauges(Account("wells", "any", plan))
    assert set(found) == names
    for gauge in found.values():
        assert 0 < (gauge.used_ratio or 0) < 1
        assert gauge.resets_us is not None
        assert gauge.resets_us > NOON_S * 1e6


def test_a_quota_is_used_up_slowly_and_begins_anew() -> None:
    account = Account("wells", "anthropic", Plan.CLAUDE, busy=0.8)
    begun_s = NOON_S // (5 * HOUR_S) * 5 * HOUR_S
    used = [gauges(account, begun_s + hour * HOUR_S)["anthropic_5h"].used_ratio or 0 for hour in range(6)]
    assert used[:5] == sorted(used[:5])
    assert used[5] == used[0] < used[4]


def test_a_provider_warns_before_it_is_too_much() -> None:
    full = Account("wells", "anthropic", Plan.CLAUDE, busy=2.0, busy_week=0.1)
    found = gauges(full)
    assert (found["anthropic_5h"].status, found["anthropic_7d"].status) == ("allowed_warning", "allowed")


@pytest.mark.parametrize(
    "shown", [{"authorization": "Bearer secret"}, {"x-api-key": "secret"}, {"x-goog-api-key": "secret"}]
)
def test_an_account_is_known_by_its_credential_wherever_that_stands(shown: dict[str, str]) -> None:
    account = Account("wells", "openai", Plan.OPENAI_API)
    assert account_of({"secret": account}, shown) is account
    assert account_of({"another": account}, shown) is None


def test_nobody_is_known_who_shows_nothing() -> None:
    assert account_of({"secret": Account("wells", "openai", Plan.OPENAI_API)}, {}) is None
