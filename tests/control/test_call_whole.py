"""The whole call: everything that the books have of it, and null for what they have not."""

from contextlib import closing
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, book_ends, books_on_disk
from fakes.control import a_client, an_app
from wellhead.call import Attempt, CallState, Opening, Settlement
from wellhead.database import attempts, calls
from wellhead.database.engine import transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.reports import DatabaseReports
from wellhead.registry import Actor, NewKey
from wellhead.usage import NO_USAGE, Usage, UsageSource
from wellhead.vault import Vault

BY = Actor("tests")


def book(engine: Engine, opening: Opening, end: Settlement | None) -> None:
    with closing(writing_connection(engine)) as connection, transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [opening]))
        if end is not None:
            book_ends(connection, [(opening, end)])
            attempts.note(connection, attempts.rows([(opening, end)]))


async def whole(app: FastAPI, id_: int) -> dict[str, Any]:
    async with a_client(app) as client:
        found: dict[str, Any] = (await client.get(f"/admin/logs/{id_}")).json()["wellhead"]
    return found


async def test_a_call_is_told_with_its_key_its_project_and_when_what_happened(tmp_path: Path) -> None:
    engine = books_on_disk(tmp_path)
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US)
    project = registry.create_project(BY, "water")
    issued = registry.create_key(BY, NewKey("laptop", project.uuid))
    opening = an_opening(
        7,
        started_us=NOON_US,
        admitted_us=NOON_US + 1_204,
        key_id=issued.key.id,
        project_id=project.id,
        session="s",
        origin="http://localhost",
        message_count=3,
        max_output_tokens=99,
        hold_nanousd=5_000_000,
    )
    end = a_settlement(
        finished_us=NOON_US + 1_840_000,
        latency_us=1_840_000,
        upstream_latency_us=310_500,
        ttft_us=320_112,
        usage=Usage(input_tokens=10, output_tokens=0, total_tokens=10, reasoning_tokens=0),
        cost_nanousd=10_950_000,
        finish_reason="stop",
        service_tier="flex",
        upstream_request_id="req_1",
        trouble=("first", "second"),
        attempts=2,
        tried=(
            Attempt("openai", 3, NOON_US + 2_000, None, None, "upstream_unreachable"),
            Attempt("groq", None, NOON_US + 90_000, 310_499, 200, None),
        ),
    )
    book(engine, opening, end)

    found = await whole(an_app(DatabaseReports(engine)), 7)
    assert found["state"] == "completed"
    assert found["key"] == {"id": issued.key.id, "name": "laptop", "prefix": issued.key.prefix}
    assert found["project"] == {"id": project.uuid, "name": "water"}
    assert {one["what"]: one["after_ms"] for one in found["timeline"]} == {
        "began": 0.0,
        "admitted": 1.204,
        "sent": 90.0,
        "response_head": 310.5,
        "first_byte": 320.112,
        "ended": 1840.0,
    }
    assert found["timeline"][0]["at"].endswith("T12:00:00.000Z")
    assert (found["usage"]["output_tokens"], found["usage"]["cache_read_tokens"]) == (0, None)
    assert found["usage"]["source"] == "reported"
    assert (found["finish_reason"], found["service_tier"], found["upstream_request_id"]) == (
        "stop",
        "flex",
        "req_1",
    )
    assert found["trouble"] == ["first", "second"]
    assert (found["sent"], found["message_count"], found["origin"]) == (2, 3, "http://localhost")
    engine.dispose()


async def test_what_nobody_said_of_a_call_is_null_and_not_0(tmp_path: Path) -> None:
    engine = books_on_disk(tmp_path)
    opening = an_opening(7, started_us=NOON_US, model=None, tool=None, key_id=99, project_id=98)
    end = a_settlement(
        finished_us=NOON_US + 1,
        state=CallState.INTERRUPTED,
        status_code=None,
        usage=NO_USAGE,
        usage_source=UsageSource.ABSENT,
        cost_nanousd=None,
        latency_us=None,
        ttft_us=None,
    )
    book(engine, opening, end)
    book(engine, an_opening(8, started_us=NOON_US), None)
    app = an_app(DatabaseReports(engine))

    found = await whole(app, 7)
    assert found["state"] == "interrupted"
    assert (found["status"], found["model"], found["tool"], found["latency_ms"]) == (None,) * 4
    assert set(found["usage"].values()) == {"absent", None}
    assert found["cost"]["usd"] is None
    # Those are gone.
    assert found["key"] == {"id": 99, "name": None, "prefix": None}
    assert found["project"] == {"id": "98", "name": None}
    assert [one["at"] is None for one in found["timeline"]] == [False, True, True, True, True, False]

    pending = await whole(app, 8)
    assert (pending["state"], pending["cost"]["state"], pending["usage"]["source"]) == ("pending", None, None)
    assert (pending["key"], pending["project"], pending["incomplete"]) == (None, None, None)
    assert pending["timeline"][-1] == {"what": "ended", "at": None, "after_ms": None}
    engine.dispose()
