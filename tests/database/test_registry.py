"""What the contract suite does not see: the rows, other processes, and what calls in the books mean."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from fakes.books import NOON_US, a_settlement, an_opening, books_on_disk, rows_of
from fakes.registry import BY
from wellhead.call import CallState, Opening
from wellhead.database import calls, key_use, limit_windows, rollups
from wellhead.database.directory import load_directory
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.upgrade import upgrade
from wellhead.errors import BooksUnavailable, Conflict, Invalid, NotFound
from wellhead.ledger.ids import Ids
from wellhead.ledger.rollup import tally
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Source, Window
from wellhead.moments import HOUR_US
from wellhead.policy import windows
from wellhead.registry import NewKey, NewLimit, Standing
from wellhead.usage import Usage
from wellhead.vault import Vault, VaultError

GLOBAL = Scope(ScopeKind.GLOBAL)
HOURLY = NewLimit(Measure.CALLS, Window.HOUR, 5, GLOBAL)
A_SECRET = "sk-canary-0123456789"
OLD, NEW = Vault(bytes(range(32))), Vault(bytes(range(1, 33)))
FIRST = Ids(0, lambda: NOON_US).next()
"""An id of noon."""


class Now:
    """A clock that tests set."""

    us = NOON_US

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def registry(engine: Engine, now: Now) -> DatabaseRegistry:
    return DatabaseRegistry(engine, lambda: OLD, now)


@pytest.fixture
def connection(engine: Engine) -> Iterator[sqlite3.Connection]:
    """The clerk's."""
    with closing(writing_connection(engine)) as made:
        yield made


def version(engine: Engine) -> int:
    return sum(row["version"] for row in rows_of(engine, "registry"))


def booked(connection: sqlite3.Connection, call: Opening, **end: Any) -> None:
    """A call in the books: under way, or with its end where one is told."""
    with transaction(connection):
        calls.insert(connection, calls.pending_rows(1, [call]))
        if end:
            settled = [(call, a_settlement(**end))]
            calls.settle(connection, calls.settled_rows(settled))
            rollups.add(connection, tally(settled))


# Rows.


def test_the_version_begins_with_the_first_change_where_nobody_put_it_in(
    engine: Engine, registry: DatabaseRegistry, now: Now
) -> None:
    assert rows_of(engine, "registry") == []

    registry.create_project(BY, "a")
    assert rows_of(engine, "registry") == [{"id": 1, "version": 1, "changed_us": NOON_US}]
    now.us += 1
    registry.create_project(BY, "b")
    assert rows_of(engine, "registry") == [{"id": 1, "version": 2, "changed_us": NOON_US + 1}]


def test_the_version_goes_on_where_the_migration_put_it(tmp_path: Path, now: Now) -> None:
    url = f"sqlite:///{tmp_path}/migrated.db"
    upgrade(url)
    engine = make_engine(url)

    DatabaseRegistry(engine, lambda: OLD, now).create_project(BY, "a")
    assert version(engine) == 2
    engine.dispose()


def test_nothing_secret_is_anywhere_in_the_file(
    engine: Engine, registry: DatabaseRegistry, tmp_path: Path
) -> None:
    issued = registry.create_key(BY, NewKey("laptop"))
    successor = registry.rotate_key(BY, issued.key.id, 60)
    made = registry.create_credential(BY, "openai", "main", A_SECRET)
    registry.change_credential(BY, made.id, secret="sk-canary-another")
    registry.rotate_master(BY, OLD, NEW)
    registry.key_of(issued.secret)

    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert issued.key.hash in files, "what we look for would be found"
    for secret in (issued.secret, successor.secret, A_SECRET, "canary", issued.secret[3:46]):
        assert secret.encode() not in files


def test_a_master_key_is_asked_for_only_to_seal_a_secret(engine: Engine, now: Now) -> None:
    asked: list[Vault] = []

    def vault() -> Vault:
        asked.append(OLD)
        return OLD

    registry = DatabaseRegistry(engine, vault, now)
    registry.create_key(BY, NewKey("a"))
    registry.credentials()
    with pytest.raises(Invalid):
        registry.create_credential(BY, "openai", "main", "")
    assert asked == []

    made = registry.create_credential(BY, "openai", "main", A_SECRET)
    assert len(asked) == 1
    registry.change_credential(BY, made.id, name="b", disabled=True)
    registry.delete_credential(BY, made.id)
    assert len(asked) == 1


def test_a_change_that_fails_half_way_leaves_nothing_behind(engine: Engine, now: Now) -> None:
    def no_vault() -> Vault:
        raise VaultError("there is no master key")

    registry = DatabaseRegistry(engine, no_vault, now)
    with pytest.raises(VaultError):
        registry.create_credential(BY, "openai", "main", A_SECRET)

    assert [rows_of(engine, table) for table in ("credentials", "admin_audit", "registry")] == [[], [], []]


# Others at the same time.


def test_two_registries_may_change_one_file_at_once(
    engine: Engine, registry: DatabaseRegistry, tmp_path: Path
) -> None:
    other_engine = books_on_disk(tmp_path)
    other = DatabaseRegistry(other_engine, lambda: OLD, lambda: NOON_US)
    failures: list[BaseException] = []

    def work(registry: DatabaseRegistry, name: str) -> None:
        try:
            for n in range(20):
                project = registry.create_project(BY, f"{name}{n}")
                registry.revoke_key(BY, registry.create_key(BY, NewKey("a", project.uuid)).key.id)
        except BaseException as error:
            failures.append(error)

    together([lambda: work(registry, "a"), lambda: work(other, "b"), lambda: work(registry, "c")])
    assert failures == []
    assert version(engine) == 3 * 20 * 3
    assert len(rows_of(engine, "admin_audit")) == 3 * 20 * 3
    other_engine.dispose()


def test_of_many_that_create_the_same_name_at_once_one_succeeds(
    engine: Engine, registry: DatabaseRegistry
) -> None:
    outcomes: list[str] = []

    def work() -> None:
        try:
            registry.create_project(BY, "research")
            outcomes.append("made")
        except Conflict:
            outcomes.append("conflict")

    together([work] * 8)
    assert sorted(outcomes) == ["conflict"] * 7 + ["made"]
    assert version(engine) == 1


def test_a_change_waits_for_a_batch_that_is_being_booked(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    key = registry.create_key(BY, NewKey("a")).key
    revoking = threading.Thread(target=lambda: registry.revoke_key(BY, key.id))

    with transaction(connection):
        revoking.start()
        revoking.join(0.2)
        assert revoking.is_alive()
        assert load_directory(connection).keys_by_id[key.id].revoked_us is None
    revoking.join(10)
    assert load_directory(connection).keys_by_id[key.id].revoked_us is not None


def test_a_database_that_is_gone_is_said_to_be_unavailable(tmp_path: Path, now: Now) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/not-there.db", must_exist=True)
    registry = DatabaseRegistry(engine, lambda: OLD, now)

    for ask in (
        registry.projects,
        lambda: registry.create_project(BY, "a"),
        lambda: registry.note(BY, "a", "b"),
    ):
        with pytest.raises(BooksUnavailable):
            ask()
    engine.dispose()


# What calls in the books mean.


def test_a_key_is_shown_with_what_was_done_with_it(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    key, other = (registry.create_key(BY, NewKey(name)).key for name in "ab")
    booked(connection, an_opening(1, key_id=key.id), cost_nanousd=9)
    booked(connection, an_opening(2, key_id=key.id, model="b"), usage=Usage(), state=CallState.FAILED)
    booked(connection, an_opening(3, key_id=key.id), state=CallState.REFUSED)
    booked(connection, an_opening(4, key_id=other.id), cost_nanousd=100)
    booked(connection, an_opening(5, key_id=key.id))
    key_use.note(connection, [(key.id, NOON_US + 5)])

    use = registry.key(key.id)
    assert (use.calls, use.total_tokens, use.cost_nanousd) == (2, 200, 9)
    assert use.last_used_us == NOON_US + 5
    assert registry.keys().entries[0] == use
    assert registry.key(other.id).last_used_us is None


def test_what_calls_without_a_price_cost_is_unknown_and_of_no_calls_nothing(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    unused, unpriced, free, refused = (registry.create_key(BY, NewKey(name)).key for name in "abcd")
    booked(connection, an_opening(1, key_id=unpriced.id), state=CallState.COMPLETED)
    booked(connection, an_opening(2, key_id=free.id), cost_nanousd=0)
    booked(connection, an_opening(3, key_id=free.id, model="b"), state=CallState.FAILED)
    booked(connection, an_opening(4, key_id=refused.id), state=CallState.REFUSED)
    costs = [registry.key(key.id).cost_nanousd for key in (unused, unpriced, free, refused)]
    assert costs == [0, None, 0, 0]


@pytest.mark.parametrize("end", [{}, {"state": CallState.FAILED}])
def test_a_project_that_calls_refer_to_is_not_deleted(
    registry: DatabaseRegistry, connection: sqlite3.Connection, end: dict[str, Any]
) -> None:
    project, other = (registry.create_project(BY, name) for name in "ab")
    booked(connection, an_opening(1, project_id=project.id), **end)
    connection.execute("DELETE FROM calls WHERE state<>'pending'")

    with pytest.raises(Conflict):
        registry.delete_project(BY, project.uuid)
    registry.delete_project(BY, other.uuid)


def standing(registry: DatabaseRegistry, limit: Limit) -> list[tuple[str, int, int]]:
    return [(s.subject, s.used, s.held) for s in registry.limit(limit.id).standings]


def test_a_new_limit_counts_what_its_present_window_has_seen(
    registry: DatabaseRegistry, connection: sqlite3.Connection, now: Now
) -> None:
    early = Ids(0, lambda: NOON_US - HOUR_US).next()
    booked(connection, an_opening(early, admitted_us=NOON_US - 1, key_id=1), cost_nanousd=1)
    booked(connection, an_opening(FIRST, admitted_us=NOON_US, key_id=1), cost_nanousd=1)
    booked(connection, an_opening(FIRST + 1, admitted_us=NOON_US, key_id=2, hold_output_tokens=70))
    now.us += 5

    per_key = Scope(ScopeKind.KEY)
    assert standing(registry, registry.create_limit(BY, HOURLY)) == [("", 2, 0)]
    assert standing(registry, registry.create_limit(BY, replace(HOURLY, window=Window.DAY))) == [("", 3, 0)]
    tokens = replace(HOURLY, measure=Measure.OUTPUT_TOKENS, scope=per_key)
    assert standing(registry, registry.create_limit(BY, tokens)) == [("1", 80, 0), ("2", 0, 70)]
    for_good = replace(HOURLY, window=Window.TOTAL)
    assert standing(registry, registry.create_limit(BY, for_good)) == []
    at_one_time = replace(for_good, measure=Measure.CONCURRENT_CALLS)
    assert standing(registry, registry.create_limit(BY, at_one_time)) == [("", 0, 1)]


@pytest.mark.parametrize("measure", Measure)
@pytest.mark.parametrize("sliding", [False, True])
def test_what_a_limit_starts_with_is_what_counting_again_gives(
    registry: DatabaseRegistry, connection: sqlite3.Connection, now: Now, measure: Measure, sliding: bool
) -> None:
    for n in range(50):
        holds = {"hold_input_tokens": n, "hold_output_tokens": 2 * n, "hold_nanousd": 3 * n}
        call = an_opening(FIRST + n, admitted_us=NOON_US + n * 60_000_000, key_id=n % 3, **holds)
        booked(connection, call, **({"cost_nanousd": n} if n % 4 else {}))
    now.us = NOON_US + 50 * 60_000_000

    concurrent = measure is Measure.CONCURRENT_CALLS
    limit = registry.create_limit(
        BY,
        NewLimit(
            measure,
            Window.TOTAL if concurrent else Window.HOUR,
            5,
            Scope(ScopeKind.KEY),
            sliding=sliding and not concurrent,
        ),
    )
    assert limit_windows.recount(connection, limit, windows.since(limit, now.us))
    assert limit_windows.differences(connection, [limit], now.us) == []


def test_standings_say_who_used_most_and_when_it_frees(
    registry: DatabaseRegistry, connection: sqlite3.Connection, now: Now
) -> None:
    limit = registry.create_limit(BY, replace(HOURLY, scope=Scope(ScopeKind.KEY)))
    last_hour = NOON_US - HOUR_US
    limit_windows.add(
        connection,
        [
            (limit.id, "1", NOON_US, 2, 1, 0),
            (limit.id, "2", NOON_US, 9, 0, 4),
            (limit.id, "3", NOON_US, 0, 0, 0),
            (limit.id, "1", last_hour, 99, 0, 0),
        ],
    )

    assert registry.limit(limit.id).standings == (
        Standing("2", 9, 0, 4, NOON_US + HOUR_US),
        Standing("1", 2, 1, 0, NOON_US + HOUR_US),
    )
    now.us += HOUR_US
    assert registry.limit(limit.id).standings == ()


def test_a_sliding_window_frees_with_the_first_bucket_that_was_used(
    registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    limit = registry.create_limit(BY, replace(HOURLY, sliding=True))
    minute_us = HOUR_US // windows.BUCKETS
    limit_windows.add(
        connection,
        [
            (limit.id, "", NOON_US - 3 * minute_us, 0, 0, 1),
            (limit.id, "", NOON_US - 2 * minute_us, 1, 0, 0),
            (limit.id, "", NOON_US, 1, 0, 0),
        ],
    )

    frees_us = windows.frees_us(limit, NOON_US - 2 * minute_us)
    assert registry.limit(limit.id).standings == (Standing("", 2, 0, 1, frees_us),)


def test_a_window_for_good_never_frees(registry: DatabaseRegistry, connection: sqlite3.Connection) -> None:
    limit = registry.create_limit(BY, replace(HOURLY, window=Window.TOTAL))
    limit_windows.add(connection, [(limit.id, "", windows.FOR_GOOD, 3, 0, 0)])

    assert registry.limits().entries[0].standings == (Standing("", 3, 0, 0, None),)


def test_the_windows_of_a_limit_go_with_it_and_stay_through_a_change(
    engine: Engine, registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    limit, other = registry.create_limit(BY, HOURLY), registry.create_limit(BY, HOURLY)
    limit_windows.add(connection, [(limit.id, "", NOON_US, 3, 0, 0), (other.id, "", NOON_US, 4, 0, 0)])

    registry.change_limit(BY, limit.id, amount=1)
    assert standing(registry, limit) == [("", 3, 0)]
    registry.delete_limit(BY, limit.id)
    assert [row["limit_id"] for row in rows_of(engine, "limit_windows")] == [other.id]


# What the configuration declares.


def declared(registry: DatabaseRegistry) -> list[Limit]:
    entries = (use.limit for use in registry.limits().entries)
    return [limit for limit in entries if limit.source is Source.CONFIGURATION]


def test_declared_limits_are_made_changed_and_taken_away(
    engine: Engine, registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    own = registry.create_limit(BY, HOURLY)
    daily = replace(HOURLY, window=Window.DAY, name="a day")
    registry.declare_limits([HOURLY, daily])
    first, second = declared(registry)
    limit_windows.add(connection, [(first.id, "", NOON_US, 3, 0, 0)])

    before = version(engine)
    registry.declare_limits([replace(HOURLY, amount=9, action=Action.WARN)])
    assert declared(registry) == [replace(first, amount=9, action=Action.WARN)]
    assert standing(registry, first) == [("", 3, 0)]
    assert version(engine) == before + 1
    with pytest.raises(NotFound):
        registry.limit(second.id)
    assert registry.limit(own.id).limit == own
    newest = registry.audit().entries[:4]
    assert [entry.action for entry in newest[::-1]] == [
        "limit.create",
        "limit.create",
        "limit.change",
        "limit.delete",
    ]
    assert {entry.actor.name for entry in newest} == {"configuration"}


def test_declaring_the_same_again_changes_nothing(engine: Engine, registry: DatabaseRegistry) -> None:
    some = [HOURLY, replace(HOURLY, scope=Scope(ScopeKind.CLIENT)), replace(HOURLY, sliding=True)]
    registry.declare_limits(some)
    limits, before = declared(registry), version(engine)

    registry.declare_limits(some[::-1])
    assert (declared(registry), version(engine)) == (limits, before)
    registry.declare_limits([])
    assert declared(registry) == []
    registry.declare_limits([])
    assert version(engine) == before + 1


def test_a_declaration_that_makes_no_sense_changes_nothing(
    engine: Engine, registry: DatabaseRegistry
) -> None:
    registry.declare_limits([HOURLY])
    limits, before = declared(registry), version(engine)

    for wrong in (
        [replace(HOURLY, amount=9), replace(HOURLY, amount=-1, window=Window.DAY)],
        [HOURLY, replace(HOURLY, amount=6)],
    ):
        with pytest.raises(Invalid):
            registry.declare_limits(wrong)
    assert (declared(registry), version(engine)) == (limits, before)


def test_what_the_configuration_made_is_changed_only_there(
    engine: Engine, registry: DatabaseRegistry
) -> None:
    registry.declare_limits([HOURLY])
    (limit,) = declared(registry)
    before = version(engine)

    with pytest.raises(Conflict):
        registry.change_limit(BY, limit.id, amount=1)
    with pytest.raises(Conflict):
        registry.delete_limit(BY, limit.id)
    assert version(engine) == before
    assert declared(registry) == [limit]


# Another master key.


def opened(connection: sqlite3.Connection, vault: Vault) -> list[str | None]:
    found = load_directory(connection, lambda: [vault]).credentials.values()
    return [one.secret for some in found for one in sorted(some, key=lambda one: one.id)]


def test_a_new_master_key_opens_what_the_old_one_sealed(
    engine: Engine, registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    project = registry.create_project(BY, "a")
    registry.create_credential(BY, "openai", "a", f"{A_SECRET}1", project.uuid)
    registry.create_credential(BY, "openai", "b", f"{A_SECRET}2")
    before = version(engine)

    assert registry.rotate_master(BY, OLD, NEW) == 2
    assert opened(connection, NEW) == [f"{A_SECRET}1", f"{A_SECRET}2"]
    assert opened(connection, OLD) == [None, None]
    assert version(engine) == before + 1
    (entry,) = registry.audit(action="credential.rotate_master").entries
    assert entry.before == {"master_key_id": OLD.key_id}
    assert entry.after == {"master_key_id": NEW.key_id, "credentials": 2}


def test_changing_the_master_key_twice_changes_nothing_more(
    engine: Engine, registry: DatabaseRegistry, connection: sqlite3.Connection, now: Now
) -> None:
    registry.create_credential(BY, "openai", "a", f"{A_SECRET}1")
    registry.rotate_master(BY, OLD, NEW)
    before = version(engine)
    assert registry.rotate_master(BY, OLD, NEW) == 0
    assert version(engine) == before

    registry.create_credential(BY, "openai", "b", f"{A_SECRET}2")
    assert registry.rotate_master(BY, OLD, NEW) == 1
    assert opened(connection, NEW) == [f"{A_SECRET}1", f"{A_SECRET}2"]


def test_a_secret_that_neither_key_opens_leaves_all_of_them_as_they_were(
    engine: Engine, registry: DatabaseRegistry, connection: sqlite3.Connection
) -> None:
    registry.create_credential(BY, "openai", "a", A_SECRET)
    stranger = Vault(bytes(32))
    DatabaseRegistry(engine, lambda: stranger, lambda: NOON_US).create_credential(BY, "openai", "b", A_SECRET)
    before = rows_of(engine, "credentials"), version(engine)

    with pytest.raises(VaultError, match="credential 2") as failure:
        registry.rotate_master(BY, OLD, NEW)
    assert A_SECRET not in str(failure.value)
    assert (rows_of(engine, "credentials"), version(engine)) == before


def together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
