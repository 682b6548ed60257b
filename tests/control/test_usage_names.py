"""Names to choose from: those of calls of some time, the most used first, and those with some text."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from fastapi import FastAPI

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from wellhead.database import calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.reports import DatabaseReports
from wellhead.moments import DAY_US
from wellhead.registry import Actor, NewKey
from wellhead.vault import Vault

BY = Actor("tests")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    engine = books_on_disk(tmp_path_factory.mktemp("books"))
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US)
    water = registry.create_project(BY, "Water_100%")
    laptop = registry.create_key(BY, NewKey("laptop", water.uuid)).key
    said: list[dict[str, Any]] = [
        {"model": "large", "key_id": laptop.id, "project_id": water.id},
        {"model": "large"},
        {"model": "Largest", "key_id": 99, "project_id": 98},
        {"model": None},
        {"model": "unknown"},
        {"model": "unknown"},
    ]
    made = [
        (
            an_opening(n, started_us=NOON_US - n * DAY_US, **one),
            a_settlement(finished_us=NOON_US - n * DAY_US, cost_nanousd=1_000 if n < 3 else None),
        )
        for n, one in enumerate(said)
    ]
    with closing(writing_connection(engine)) as connection, transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [opening for opening, _ in made]))
        book_ends(connection, made)
    yield an_app(DatabaseReports(engine), now_us=lambda: NOON_US)
    engine.dispose()


async def names(app: FastAPI, query: str) -> dict[str, Any]:
    async with a_client(app) as client:
        answer = await client.get(f"/admin/usage/names?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_names_come_with_their_calls_the_most_used_first(app: FastAPI) -> None:
    found = await names(app, "dimension=model")
    assert [(one["value"], one["calls"]) for one in found["names"]] == [
        ("unknown", 3),
        ("large", 2),
        ("Largest", 1),
    ]
    assert found["names"][1] == {
        "value": "large",
        "name": None,
        "calls": 2,
        "cost_usd": 2e-6,
        "last_day": "2025-03-01",
    }
    assert found["names"][0]["cost_usd"] is None
    assert found["more"] is False


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("dimension=model&text=LARGE", ["large", "Largest"]),
        ("dimension=model&text=%25", []),
        ("dimension=model&days=2", ["large"]),
        ("dimension=model&days=3", ["large", "Largest"]),
        ("dimension=key&text=lap", ["1"]),
        ("dimension=key&text=9", ["99"]),
        ("dimension=key", ["unknown", "1", "99"]),
        ("dimension=tool&limit=1", ["codex"]),
    ],
)
async def test_only_those_are_told_that_are_asked_for(app: FastAPI, query: str, values: list[str]) -> None:
    assert [one["value"] for one in (await names(app, query))["names"]] == values


async def test_keys_and_projects_are_told_by_what_people_call_them_too(app: FastAPI) -> None:
    (key,) = (await names(app, "dimension=key&text=LAP"))["names"]
    (project,) = (await names(app, "dimension=project&text=r_100%25"))["names"]
    assert (key["name"], project["name"], len(project["value"])) == ("laptop", "Water_100%", 36)
    found = (await names(app, "dimension=project&text=98"))["names"]
    gone = [one["value"] for one in found if one["name"] is None]  # The id of the other may have a 98 in it.
    assert gone == ["98"]


async def test_there_may_be_more(app: FastAPI) -> None:
    found = await names(app, "dimension=model&limit=2")
    assert ([one["value"] for one in found["names"]], found["more"]) == (["unknown", "large"], True)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "VALIDATION_FAILED"),
        ("dimension=session", "VALIDATION_FAILED"),
        ("dimension=model&days=0", "VALIDATION_FAILED"),
        ("dimension=model&limit=1001", "VALIDATION_FAILED"),
        ("dimension=model&q=x", "UNKNOWN_PARAMETER"),
    ],
)
async def test_a_mistake_is_a_400(app: FastAPI, query: str, code: str) -> None:
    async with a_client(app) as client:
        assert_one_shape(await client.get(f"/admin/usage/names?{query}"), 400, code)
