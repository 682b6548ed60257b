"""Whom the demo's calls are booked for."""

import random

from wellhead.demo.staff import NOBODY, Holding, Staff

OLD = Holding("laptop", key_id=1, project_id=7, from_us=100, until_us=200)
NEW = Holding("ben", key_id=2, project_id=7, from_us=150)
GONE = Holding("ivy", key_id=3, project_id=8, from_us=0, until_us=120)
STAFF = Staff({"ben": (OLD, NEW), "ivy": (GONE,)}, {(7, "openai"): ("own",), (None, "openai"): ("a", "b")})


def test_a_client_calls_with_the_newest_key_that_it_has() -> None:
    assert STAFF.holding("ben", 99) is None
    assert STAFF.holding("ben", 100) is OLD
    assert STAFF.holding("ben", 150) is NEW
    assert STAFF.holding("ben", 10_000) is NEW


def test_nobody_calls_with_a_key_that_is_worth_nothing() -> None:
    assert STAFF.holding("ivy", 119) is GONE
    assert STAFF.holding("ivy", 120) is None
    assert NOBODY.holding("ivy", 0) is None


def test_a_project_uses_its_own_account_and_the_others_share_theirs() -> None:
    chance = random.Random(1)
    assert {STAFF.account(7, "openai", chance) for _ in range(50)} == {"own"}
    assert {STAFF.account(8, "openai", chance) for _ in range(50)} == {"a", "b"}
    assert STAFF.account(7, "ollama", chance) is None
