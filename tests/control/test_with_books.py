"""The control plane on real books: what it shows is what the rows add up to."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk
from fakes.control import a_client, an_app, assert_one_shape
from wellhead.database import calls, rollups
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.reports import DatabaseReports
from wellhead.database.upgrade import upgrade
from wellhead.demo import history
from wellhead.ledger.ids import Ids
from wellhead.ledger.rollup import tally
from wellhead.policy.keys import digest
from wellhead.vault import Vault

UNTIL = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
UNTIL_US = int(UNTIL.timestamp()) * 1_000_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("books") / "books.db"
    upgrade(f"sqlite:///{path}")
    history.write(f"sqlite:///{path}", UNTIL_US, count=3_000)
    return path


@pytest.fixture
def app(path: Path) -> Iterator[FastAPI]:
    engine = make_engine(f"sqlite:///{path}")
    yield an_app(DatabaseReports(engine))
    engine.dispose()


def rows(path: Path, condition: str = "1") -> tuple[int, int]:
    """Tokens and calls, from the rows themselves."""
    with closing(sqlite3.connect(path)) as books:
        query = f"SELECT coalesce(sum(total_tokens), 0), count(*) FROM calls WHERE {condition}"
        tokens, count = books.execute(query).fetchone()
    return tokens, count


async def test_all_time_is_the_sum_of_all_rows_in_all_three_parts(app: FastAPI, path: Path) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics")).json()
    expected = rows(path)
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected
    for part in ("by_model", "timeseries"):
        assert (
            sum(one["tokens"] for one in shown[part]),
            sum(one["requests"] for one in shown[part]),
        ) == expected
    assert all(one["bucket_start"].endswith(":00:00Z") for one in shown["timeseries"])


@pytest.mark.parametrize(
    ("since", "until"),
    [
        ("2026-11-18T09:17:00Z", "2026-11-19T16:41:30Z"),
        ("2026-11-18T09:00:00+02:00", "2026-11-18T12:00:00Z"),
        ("2026-11-19T10:10:00Z", "2026-11-19T10:50:00Z"),
        ("2026-11-19T10:10:00.000001Z", "2026-11-20"),
        ("1970-01-01", "9999-12-31"),
    ],
)
async def test_a_range_is_exact_to_the_microsecond(app: FastAPI, path: Path, since: str, until: str) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics", params={"from": since, "to": until})).json()

    def us(text: str) -> int:
        moment = datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int(aware.timestamp()) * 1_000_000 + aware.microsecond

    expected = rows(path, f"finished_us >= {us(since)} AND finished_us < {us(until)}")
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected


async def test_a_model_is_shown_alone(app: FastAPI, path: Path) -> None:
    async with a_client(app) as client:
        shown = (await client.get("/_qs/metrics?model=claude-sonnet-5")).json()
        nothing = (await client.get("/_qs/metrics?model=claude")).json()
    expected = rows(path, "model='claude-sonnet-5'")
    assert expected[1] > 100
    assert (shown["totals"]["total_tokens"], shown["totals"]["total_requests"]) == expected
    assert [one["model"] for one in shown["by_model"]] == ["claude-sonnet-5"]
    assert nothing == {"totals": {"total_tokens": 0, "total_requests": 0}, "by_model": [], "timeseries": []}


async def test_what_is_known_of_a_call_is_the_same_wherever_it_is_shown(app: FastAPI) -> None:
    """In a row of the list, in the call by itself, and in an export; unknown is `null` in all of them."""
    async with a_client(app) as client:
        rows = (await client.get("/admin/logs?limit=60")).json()
        exported = (await client.get("/admin/export?format=json&from=2026-11-19&to=2026-11-20")).json()
        by_id = {one["id"]: one for one in exported}
        for row in rows:
            one = (await client.get(f"/admin/logs/{row['id']}")).json()
            assert one["exact"] == row["exact"]
            exact, whole, in_file = row["exact"], one["wellhead"], by_id[row["id"]]
            tokens = {name: exact[name] for name in exact if name.endswith("_tokens")}
            assert tokens == {name: whole["usage"][name] for name in tokens}
            assert exact["cost_usd"] == whole["cost"]["usd"]
            said = exact.keys() - {"ttft_ms"}
            assert {name: exact[name] for name in said} == {name: in_file[name] for name in said}
            ttft_us = in_file["ttft_us"]
            assert exact["ttft_ms"] == (None if ttft_us is None else ttft_us / 1000)
    assert {row["exact"]["output_tokens"] is None for row in rows} == {True, False}


async def test_the_ends_of_the_calendar_are_answered(app: FastAPI) -> None:
    ends = {"from": "0001-01-01T00:00:00+14:00", "to": "9999-12-31T23:59:59-14:00"}
    async with a_client(app) as client:
        assert (await client.get("/_qs/metrics", params=ends)).status_code == 200


async def test_ready_as_long_as_the_books_are_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'books.db'}"
    engine = make_engine(url)
    async with a_client(an_app(DatabaseReports(engine))) as client:
        answer = await client.get("/ready")
        metrics = await client.get("/_qs/metrics")
    engine.dispose()
    assert (answer.status_code, answer.json()["code"]) == (503, "NOT_READY")
    assert_one_shape(metrics, 503, "BOOKS_UNAVAILABLE")
    assert str(tmp_path) not in answer.text + metrics.text


# Keys, projects and limits on a real registry.


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = books_on_disk(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def managed(engine: Engine) -> FastAPI:
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US)
    return an_app(DatabaseReports(engine), registry=registry)


def booked(engine: Engine, count: int, key_id: int) -> None:
    """Calls that ended."""
    with closing(writing_connection(engine)) as connection, transaction(connection):
        ids = Ids(0, lambda: NOON_US)
        for _ in range(count):
            opening = an_opening(ids.next(), admitted_us=NOON_US, key_id=key_id)
            calls.insert(connection, calls.pending_rows(1, [opening]))
            settled = [(opening, a_settlement())]
            calls.settle(connection, calls.settled_rows(settled))
            rollups.add(connection, tally(settled))


async def test_the_exchange_of_system_d_ends_in_the_books(engine: Engine, managed: FastAPI) -> None:
    async with a_client(managed) as client:
        sent = {"name": "search", "api_key": "sk-canary-0123456789"}
        project = (await client.post("/manage/projects", json=sent)).json()["id"]
        sent = {"project_id": project, "duration_hours": 24, "max_requests": 7}  # type: ignore[dict-item]
        token = (await client.post("/manage/tokens", json=sent)).json()["token"]
        listed = (await client.get(f"/manage/tokens?projectId={project}")).json()
        gone = await client.request("DELETE", "/manage/tokens", json={"token": token})
        again = (await client.get("/manage/tokens")).json()
    assert (listed[0]["token"], listed[0]["max_requests"], listed[0]["is_active"]) == (
        token[:8] + "...",
        7,
        True,
    )
    with engine.connect() as connection:
        (key,) = connection.execute(text("SELECT hash, revoked_us FROM keys")).all()
        limits = connection.execute(text("SELECT amount FROM limits ORDER BY id")).scalars().all()
        (provider,) = connection.execute(text("SELECT provider FROM credentials")).scalars().all()
    assert (bytes(key.hash), key.revoked_us) == (digest(token), NOON_US)
    assert (limits, provider) == ([1000, 7], "openai")
    assert gone.status_code == 204
    assert again[0]["is_active"] is False


async def test_what_calls_used_is_shown_of_keys_and_limits(engine: Engine, managed: FastAPI) -> None:
    limit = {"scope": {"kind": "key"}, "measure": "calls", "window": "day", "amount": 5}
    async with a_client(managed) as client:
        await client.post("/admin/keys", json={"name": "x"})
        booked(engine, 3, key_id=1)
        made = (await client.post("/admin/limits", json=limit)).json()
        shown = (await client.get("/admin/limits/1")).json()
        key = (await client.get("/admin/keys/1")).json()
        usage = (await client.get("/admin/api-keys/1/usage")).json()
    assert made == shown
    (standing,) = shown["standings"]
    assert (standing["subject"], standing["used"], standing["left"]) == ("1", 3, 2)
    assert standing["frees_at"] == "2025-03-02T00:00:00.000Z"
    assert (key["calls"], usage["requestCount"]) == (3, 3)
    assert key["total_tokens"] == usage["totalTokens"] > 0


async def test_a_change_that_is_refused_leaves_nothing_behind(engine: Engine, managed: FastAPI) -> None:
    async with a_client(managed) as client:
        refused = await client.post("/manage/projects", json={"name": "search", "api_key": "two\nlines"})
        sent = {
            "name": "x",
            "limits": [{"measure": "calls", "window": "hour", "amount": 1, "zone": "nowhere"}],
        }
        zone = await client.post("/admin/keys", json=sent)
        projects = (await client.get("/admin/projects")).json()["projects"]
        keys = (await client.get("/admin/keys")).json()["keys"]
    for answer in (refused, zone):
        assert_one_shape(answer, 400, "VALIDATION_FAILED")
    assert projects == keys == []


async def test_every_change_is_in_the_audit_and_no_secret_in_the_file(
    engine: Engine, managed: FastAPI, tmp_path: Path
) -> None:
    async with a_client(managed) as client:
        secrets = ["sk-canary-0123456789"]
        sent = {"provider": "openai", "name": "x", "secret": secrets[0]}
        await client.post("/admin/credentials", json=sent)
        secrets.append((await client.post("/admin/keys", json={"name": "x"})).json()["key"])
        secrets.append((await client.post("/admin/keys/1/rotate")).json()["key"])
        await client.delete("/admin/keys/1")
        audit = (await client.get("/admin/audit")).json()["audit"]
    actions = [one["action"] for one in reversed(audit)]
    assert actions == ["credential.create", "key.create", "key.rotate", "key.create", "key.revoke"]
    assert {(one["actor"], one["address"]) for one in audit} == {("local", "127.0.0.1")}
    files = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert [one for one in secrets if one.encode() in files] == []


async def test_without_the_database_everything_says_so(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'books.db'}")
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US)
    async with a_client(an_app(registry=registry)) as client:
        for path in ("keys", "api-keys", "projects", "limits", "credentials", "audit", "tokens"):
            answer = await client.get(f"/admin/{path}")
            assert_one_shape(answer, 503, "BOOKS_UNAVAILABLE")
            assert str(tmp_path) not in answer.text
        assert_one_shape(await client.post("/admin/keys", json={"name": "x"}), 503, "BOOKS_UNAVAILABLE")
    engine.dispose()
