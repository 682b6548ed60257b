"""Whom a limit counts a call for."""

from typing import Any

import pytest

from fakes.access import a_limit
from fakes.books import an_opening
from wellhead.limit import Scope, ScopeKind
from wellhead.policy.scopes import ALL, roots_of, subject_of

KEY, PROJECT, MODEL = ScopeKind.KEY, ScopeKind.PROJECT, ScopeKind.MODEL
PROVIDER, CLIENT = ScopeKind.PROVIDER, ScopeKind.CLIENT

CALL = {"key_id": 7, "project_id": 3, "model": "gpt-5-mini", "tool": "codex", "client": "alice"}
NOBODY = {"key_id": None, "project_id": None, "model": None, "tool": None, "client": None}


def subject(scope: Scope, **call: Any) -> str | None:
    return subject_of(a_limit(scope=scope), an_opening(1, **call))


@pytest.mark.parametrize(
    ("scope", "call", "counted"),
    [
        (Scope(ScopeKind.GLOBAL), CALL, ALL),
        (Scope(ScopeKind.GLOBAL), NOBODY, ALL),
        # One that is named: all its calls together; those of others not.
        (Scope(KEY, "7"), CALL, ALL),
        (Scope(KEY, "70"), CALL, None),
        (Scope(KEY, "7"), NOBODY, None),
        (Scope(PROJECT, "3"), CALL, ALL),
        (Scope(PROJECT, "4"), CALL, None),
        (Scope(PROJECT, "3"), NOBODY, None),
        (Scope(PROVIDER, "openai"), CALL, ALL),
        (Scope(PROVIDER, "open*"), CALL, None),
        (Scope(MODEL, "gpt-5-mini"), CALL, ALL),
        (Scope(MODEL, "gpt-5*"), CALL, ALL),
        (Scope(MODEL, "gpt-?-mini"), CALL, ALL),
        (Scope(MODEL, "gpt-[45]-*"), CALL, ALL),
        (Scope(MODEL, "GPT-5*"), CALL, None),
        (Scope(MODEL, "gpt-5"), CALL, None),
        (Scope(MODEL, "*"), NOBODY, None),
        (Scope(CLIENT, tool="codex", client="alice"), CALL, ALL),
        (Scope(CLIENT, tool="codex", client="bob"), CALL, None),
        (Scope(CLIENT, tool="codex"), CALL, ALL),
        (Scope(CLIENT, client="alice"), CALL, ALL),
        (Scope(CLIENT, client="alice"), NOBODY, None),
        # Nobody named: each by itself.
        (Scope(KEY), CALL, "7"),
        (Scope(KEY), NOBODY, None),
        (Scope(PROJECT), CALL, "3"),
        (Scope(PROJECT), NOBODY, None),
        (Scope(PROVIDER), CALL, "openai"),
        (Scope(MODEL), CALL, "gpt-5-mini"),
        (Scope(MODEL), NOBODY, None),
        (Scope(CLIENT), CALL, "codex/alice"),
        (Scope(CLIENT), {**CALL, "client": None}, "codex/@7"),
        (Scope(CLIENT), {**CALL, "tool": None}, "/alice"),
    ],
)
def test_a_limit_counts_those_it_is_for(scope: Scope, call: dict[str, Any], counted: str | None) -> None:
    assert subject(scope, **call) == counted


def test_whoever_says_nothing_of_themselves_counts_by_key_or_else_by_address() -> None:
    silent = {"tool": None, "client": None}
    assert subject(Scope(CLIENT), **silent, key_id=7, client_address="10.0.0.1") == "@7"
    assert subject(Scope(CLIENT), **silent, client_address="10.0.0.1") == "@10.0.0.1"
    assert subject(Scope(CLIENT), **silent) == "@"


def test_a_key_and_all_that_replaced_it_are_one() -> None:
    roots = roots_of([(8, 7), (9, 8), (21, 20)])

    assert roots == {8: 7, 9: 7, 21: 20}
    for key_id in (7, 8, 9):
        call = an_opening(1, key_id=key_id)
        for named in ("7", "8", "9"):
            assert subject_of(a_limit(scope=Scope(ScopeKind.KEY, named)), call, roots) == ALL
        assert subject_of(a_limit(scope=Scope(ScopeKind.KEY)), call, roots) == "7"
        assert subject_of(a_limit(scope=Scope(ScopeKind.KEY, "20")), call, roots) is None
