"""How records are shown in JSON."""

import json

from wellhead import shown
from wellhead.access import Credential, Key, KeyState, Project
from wellhead.limit import Limit, Measure, Scope, ScopeKind, Window
from wellhead.registry import KeyUse, LimitUse, Standing

AT_US = 1_772_366_400_123_999
BLUE = Project(3, "5a1e", "blue", AT_US)


def a_key_use(**different: object) -> KeyUse:
    key = Key(7, b"\x99" * 32, "wh_abcde", "laptop", AT_US, project_id=3, tags=(("team", "blue"),))
    fields = {"key": key, "project": BLUE, "state": KeyState.ACTIVE, "last_used_us": None}
    fields |= {"calls": 2, "total_tokens": 30, "cost_nanousd": 12_500_000_001}
    return KeyUse(**{**fields, **different})  # type: ignore[arg-type]


def a_limit(measure: Measure, scope: Scope, amount: int = 200) -> Limit:
    return Limit(5, scope, measure, Window.HOUR, amount, AT_US)


def test_a_cost_that_nobody_knows_is_none() -> None:
    assert shown.key(a_key_use(cost_nanousd=None))["cost_usd"] is None
    assert shown.key(a_key_use(cost_nanousd=0))["cost_usd"] == 0.0


def test_a_moment_is_utc_with_milliseconds_and_cut() -> None:
    assert shown.moment(AT_US) == "2026-03-01T12:00:00.123Z"
    assert shown.moment(0) == "1970-01-01T00:00:00.000Z"
    assert shown.moment(None) is None


def test_an_amount_of_money_is_text_exact_and_with_at_least_two_decimals() -> None:
    assert [shown.amount(Measure.COST, n) for n in (0, 1, 10**9, 12_500_000_000)] == [
        "0.00",
        "0.000000001",
        "1.00",
        "12.50",
    ]
    assert shown.amount(Measure.CALLS, 200) == 200


def test_a_key_is_shown_with_what_was_done_with_it_and_without_its_hash() -> None:
    assert shown.key(a_key_use()) == {
        "id": 7,
        "prefix": "wh_abcde",
        "name": "laptop",
        "project_id": "5a1e",
        "state": "active",
        "created_at": "2026-03-01T12:00:00.123Z",
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
        "allowed_models": None,
        "allowed_providers": None,
        "allowed_endpoints": None,
        "allowed_accounts": None,
        "tags": {"team": "blue"},
        "predecessor_id": None,
        "calls": 2,
        "total_tokens": 30,
        "cost_usd": 12.500000001,
    }


def test_only_a_key_just_made_has_its_secret() -> None:
    told = shown.issued(a_key_use(project=None), "wh_secret")
    assert (told["key"], told["project_id"]) == ("wh_secret", None)


def test_a_credential_is_shown_without_its_secret() -> None:
    found = Credential(1, "openai", "main", AT_US, project_id=3, secret="sk-canary")
    assert shown.credential(found, {3: "5a1e"}) == {
        "id": 1,
        "provider": "openai",
        "name": "main",
        "project_id": "5a1e",
        "created_at": "2026-03-01T12:00:00.123Z",
        "disabled_at": None,
    }


def test_a_limit_of_a_project_names_it_by_its_uuid_and_money_is_text() -> None:
    scope = Scope(ScopeKind.PROJECT, "3")
    standing = Standing("", 9_000_000_000, 4_000_000_000, 1, AT_US)
    use = LimitUse(a_limit(Measure.COST, scope, 12_500_000_000), BLUE, (standing,))
    told = shown.limit(use)
    assert told["scope"] == {"kind": "project", "id": "5a1e", "tool": None, "client": None}
    assert told["amount"] == "12.50"
    assert told["standings"] == [
        {
            "subject": None,
            "used": "9.00",
            "held": "4.00",
            "left": "0.00",
            "exceeded": 1,
            "frees_at": "2026-03-01T12:00:00.123Z",
        }
    ]
    assert json.loads(json.dumps(told)) == told


def test_a_limit_of_each_project_names_all_it_counts_by_their_uuids() -> None:
    limit = a_limit(Measure.CALLS, Scope(ScopeKind.PROJECT))
    use = LimitUse(limit, None, (Standing("3", 150, 0, 0, None), Standing("4", 1, 0, 0, None)))
    assert shown.projects_in([use]) == [3, 4]
    standings = shown.limit(use, {3: "5a1e"})["standings"]
    assert [(s["subject"], s["used"], s["left"]) for s in standings] == [("5a1e", 150, 50), (None, 1, 199)]
