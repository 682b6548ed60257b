"""`wellhead prices`."""

from collections.abc import Iterator
from typing import Any

import pytest

from fakes.commands import Commands
from fakes.price_source import Source, a_list, price_source

WELL = {"well-1": {"input": 3, "output": 15}, "well-2": {"input": 1, "output": 2}}


@pytest.fixture
def source() -> Iterator[Source]:
    with price_source(a_list("openai", **WELL)) as made:
        yield made


def price(commands: Commands, *arguments: str, **environ: str) -> Any:
    return commands.json("prices", "show", *arguments, **environ)["match"]["pricing"]["input"]


def test_without_books_the_shipped_prices_are_shown(commands: Commands) -> None:
    said = commands.well("prices", "show", "claude-sonnet-4-5", "--provider", "anthropic")
    assert "anthropic/claude-sonnet-4-5" in said
    assert "input (USD per million)        3.00" in said
    assert not commands.database.exists()
    assert "models with a price" in commands.well("prices", "show")


def test_prices_of_ones_own_are_shown(commands: Commands) -> None:
    own = '[{"model": "well-1", "input": 7, "output": 8}]'
    assert price(commands, "well-1", WELLHEAD_PRICES=own) == 7


def test_a_model_without_a_price_is_told(commands: Commands) -> None:
    code, said = commands.refused("prices", "show", "never-heard-of")
    assert (code, said.partition(";")[0]) == (1, "no price is known of never-heard-of")
    assert commands.json("prices", "show", "never-heard-of")["match"] is None


def test_a_list_is_fetched_and_counts(commands: Commands, source: Source) -> None:
    commands.refused("prices", "show", "well-1", "--provider", "openai")
    said = commands.well("prices", "refresh", WELLHEAD_PRICING__SOURCE_URL=source.url)
    assert said == "Took up a new list: models.dev, number 1.\n"
    assert price(commands, "well-1", "--provider", "openai") == 3
    assert price(commands, "well-1", "--provider", "openai", "--at", "2020-01-01T00:00:00Z") == 3
    said = commands.well("prices", "refresh", WELLHEAD_PRICING__SOURCE_URL=source.url)
    assert said == "The list is the one that counts already: models.dev, number 1.\n"
    assert "models.dev" in commands.well("prices", "show")
    assert source.asked[0]["user-agent"].startswith("wellhead/")


def test_a_list_that_is_not_believed_is_refused_unless_it_is_judged_anew(
    commands: Commands, source: Source
) -> None:
    url = {"WELLHEAD_PRICING__SOURCE_URL": source.url}
    commands.well("prices", "refresh", **url)
    del source.document["openai"]["models"]["well-1"]
    code, said = commands.refused("prices", "refresh", **url)
    reason, _, advice = said.rpartition("; ")
    assert (code, reason) == (1, "the list is not believed: it holds 1 prices; the one before held 2")
    assert advice == "if it is right all the same, `--anew` takes it"
    ended = commands.run("prices", "refresh", "--json", **url)
    assert ended.code == 1
    assert '"outcome": "refused"' in ended.out
    assert commands.json("prices", "refresh", "--anew", **url) == {
        "outcome": "new",
        "list_id": 2,
        "reasons": [],
    }
    assert price(commands, "well-1", "--provider", "openai") == 3, "calls of it may still come"


def test_a_source_that_does_not_answer_is_told_without_its_address(
    commands: Commands, source: Source
) -> None:
    source.status = 503
    code, said = commands.refused("prices", "refresh", WELLHEAD_PRICING__SOURCE_URL=source.url)
    assert (code, said) == (1, "the source answered 503")
