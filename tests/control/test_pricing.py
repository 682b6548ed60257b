"""`/admin/pricing` in agent-cli-proxy's shape, with what that cannot say beside it."""

from typing import Any

import pytest

from fakes.background import a_background
from fakes.books import NOON_US
from fakes.control import a_client, an_app, assert_one_shape
from wellhead.control.background import Background
from wellhead.directory import ProviderType
from wellhead.moments import DAY_US, HOUR_US
from wellhead.price_list import FetchedList, Refreshing, Refusal
from wellhead.pricing import models_dev
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.overrides import aliases_from_json, from_entries
from wellhead.pricing.shipped import shipped

FETCHED = FetchedList(7, "models.dev", b"\xab" * 32, NOON_US - DAY_US, NOON_US - HOUR_US)
REFRESHING = Refreshing(21_600.0, 86_400.0, FETCHED)


def a_book() -> PriceBook:
    own = from_entries([{"model": "my-well", "input": "0.5", "output": 1}]).layer
    aliases, _ = aliases_from_json('{"alias-of-": "gpt-5"}')
    book = PriceBook(Catalogue(shipped(), overrides=own, aliases=aliases), {"box": ProviderType.OLLAMA})
    document = {
        "openai": {
            "models": {
                "deep-well-1": {
                    "cost": {
                        "input": 3,
                        "output": 15,
                        "reasoning": 20,
                        "context_over_200k": {"input": 6, "output": 30},
                    }
                }
            }
        }
    }
    history = models_dev.with_list(None, document, NOON_US - 2 * DAY_US)
    document["openai"]["models"]["deep-well-1"]["cost"]["input"] = 4
    book.go_by(models_dev.layer(models_dev.with_list(history, document, NOON_US - DAY_US)))
    return book


async def ask(query: str, background: Background | None = None) -> Any:
    app = an_app(background=background or a_background(REFRESHING, book=a_book()))
    async with a_client(app) as client:
        return await client.get(f"/admin/pricing{query}")


async def test_the_answer_has_agent_cli_proxys_fields_and_what_they_cannot_say() -> None:
    found = (await ask("?model=deep-well-1&provider=openai")).json()
    assert found.pop("loaded") > 1000
    assert found == {
        "fetchedAt": (NOON_US - HOUR_US) // 1000,
        "ageMs": 3_600_000,
        "cachePath": None,
        "model": "deep-well-1",
        "provider": "openai",
        "match": {
            "key": "openai/deep-well-1",
            "source": "exact",
            "pricing": {
                "input": 4.0,
                "output": 15.0,
                "cache_read": None,
                "cache_write": None,
                "reasoning": 20.0,
            },
            "how": "exact",
            "rate": "models.dev/2025-02-28T12:00:00Z:openai/deep-well-1",
            "price_list": "models.dev/2025-02-28",
            "since": "2025-02-28T12:00:00.000Z",
            "until": None,
            "context": [
                {
                    "above": 200_000,
                    "pricing": {
                        "input": 6.0,
                        "output": 30.0,
                        "cache_read": None,
                        "cache_write": None,
                        "reasoning": 20.0,
                    },
                }
            ],
            "tiers": [],
        },
        "refresh": {
            "interval_s": 21_600.0,
            "list_id": 7,
            "source": "models.dev",
            "digest": "ab" * 32,
            "since": "2025-02-28T12:00:00.000Z",
            "checked": "2025-03-01T11:00:00.000Z",
            "stale": False,
            "refused": None,
        },
    }


@pytest.mark.parametrize(
    ("query", "source", "how", "price"),
    [
        ("model=gpt-5&provider=openai", "exact", "exact", 1.25),
        ("model=gpt-5", "exact", "exact", 1.25),
        ("model=GPT-5%20Mini&provider=openai", "normalized", "normalized", 0.25),
        ("model=alias-of-the-best", "alias", "alias", 1.25),
        ("model=claude-sonnet-4-5-20250929", "normalized", "dated", 3.0),
        ("model=team-gpt-4o-mini-blue", "fuzzy", "fuzzy", 0.15),
        ("model=my-well&provider=anybody", "override", "override", 0.5),
        ("model=whatever&provider=box", "exact", "exact", 0.0),
        ("model=deep-well-1&provider=openai&at=2025-02-27T12:00:00Z", "exact", "exact", 3.0),
        ("model=deep-well-1&provider=openai&at=2020-01-01", "exact", "exact", 3.0),
    ],
)
async def test_it_says_how_a_model_is_found(query: str, source: str, how: str, price: float) -> None:
    match = (await ask(f"?{query}")).json()["match"]
    assert (match["source"], match["how"], match["pricing"]["input"]) == (source, how, price)


async def test_a_model_without_a_price_has_no_match_and_neither_has_no_model() -> None:
    found = (await ask("?model=never-heard-of&provider=openai")).json()
    assert (found["match"], found["model"]) == (None, "never-heard-of")
    found = (await ask("")).json()
    assert (found["match"], found["model"], found["provider"]) == (None, None, None)


async def test_before_anything_was_fetched_the_shipped_prices_are_told() -> None:
    found = (await ask("?model=gpt-5", a_background())).json()
    assert (found["fetchedAt"], found["ageMs"], found["refresh"]["list_id"]) == (None, None, None)
    assert found["match"]["price_list"].startswith("genai-prices/")
    assert found["match"]["tiers"]


async def test_a_list_that_is_stale_or_not_believed_is_told() -> None:
    old = Refreshing(
        3600.0, 1800.0, FETCHED, Refusal(NOON_US - HOUR_US, ("it holds 3 prices; the one before held 10",))
    )
    refresh = (await ask("", a_background(old))).json()["refresh"]
    assert refresh["stale"] is True
    assert refresh["refused"] == {
        "at": "2025-03-01T11:00:00.000Z",
        "reasons": ["it holds 3 prices; the one before held 10"],
    }


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?modle=gpt-5", "UNKNOWN_PARAMETER"),
        ("?model=gpt-5&model=gpt-4o", "REPEATED_PARAMETER"),
        ("?model=", "VALIDATION_FAILED"),
        (f"?model={'x' * 513}", "VALIDATION_FAILED"),
        ("?model=gpt-5&at=soon", "INVALID_TIME"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(query: str, code: str) -> None:
    assert_one_shape(await ask(query), 400, code)
