"""A new demo: its company, what was called with whose keys, and what is known outside."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wellhead import compose, logs, secret_files
from wellhead.access import KeyState
from wellhead.config.settings import Settings
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.demo import beginning, company
from wellhead.demo.beginning import Secrets
from wellhead.demo.run import demo_settings
from wellhead.limit import Measure
from wellhead.moments import DAY_US
from wellhead.policy.keys import digest
from wellhead.registry import KeyUse, LimitUse
from wellhead.secret_files import SecretFileError
from wellhead.serve.supervisor import with_master_key

NOW_US = 1_795_012_345_678_000
LOG = logs.configure("error", "json", component="test")
CALLS = 6_000


@dataclass(frozen=True)
class Made:
    """A demo that nobody runs."""

    settings: Settings
    path: Path
    registry: DatabaseRegistry
    secrets: Secrets

    def asked(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(self.path)) as books:
            return books.execute(query).fetchall()

    def keys(self) -> dict[str, KeyUse]:
        """By name; of a name that two have, the newer one."""
        return {use.key.name: use for use in self.registry.keys(count=1000).entries}

    def limits(self) -> dict[str | None, LimitUse]:
        return {use.limit.name: use for use in self.registry.limits().entries}


def settings_in(directory: Path) -> Settings:
    usual = Settings(database=f"sqlite:///{directory / 'wellhead.db'}")
    return with_master_key(demo_settings(usual, "http://127.0.0.1:9"), LOG)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    directory = tmp_path_factory.mktemp("demo")
    settings = settings_in(directory)
    assert beginning.begin(settings, NOW_US, LOG, count=CALLS) > 0
    engine = make_engine(settings.database)
    registry = DatabaseRegistry(engine, lambda: compose.sealing_vault(settings), lambda: NOW_US)
    yield Made(settings, directory / "demo.db", registry, beginning.known(settings))
    engine.dispose()


def test_there_is_a_key_in_every_state_and_one_that_ends_soon(made: Made) -> None:
    keys = made.keys()
    assert keys["ben-old-laptop"].state is KeyState.REVOKED
    assert keys["ivy-contractor"].state is KeyState.WITHERED
    assert keys["ann"].state is KeyState.ACTIVE
    chloe = keys["chloe"].key
    assert chloe.expires_us is not None
    assert 0 < chloe.expires_us - NOW_US < 4 * DAY_US
    assert keys["nightly-report"].key.predecessor_id is not None


def test_every_key_was_used_and_none_when_it_was_worth_nothing(made: Made) -> None:
    assert all(use.calls > 0 and use.last_used_us for use in made.registry.keys(count=1000).entries)
    astray = (
        "SELECT count(*) FROM calls JOIN keys ON keys.id=key_id WHERE started_us<keys.created_us"
        " OR started_us>=coalesce(keys.revoked_us, keys.expires_us, started_us+1)"
        " OR calls.project_id<>keys.project_id OR calls.client<>keys.name"
    )
    assert made.asked(astray) == [(0,)]
    assert made.asked("SELECT count(*) FROM calls WHERE key_id IS NULL") == [(0,)]


def test_calls_have_sessions_agents_accounts_refusals_and_ends_of_every_kind(made: Made) -> None:
    states = dict(made.asked("SELECT state, count(*) FROM calls GROUP BY state"))
    assert set(states) == {"completed", "failed", "aborted", "refused"}
    assert states["completed"] > 0.9 * sum(states.values())
    assert {code for (code,) in made.asked("SELECT status_code FROM calls WHERE state='refused'")} == {
        402,
        429,
    }
    (found,) = made.asked(
        "SELECT count(DISTINCT session), count(DISTINCT agent), count(DISTINCT account) FROM calls"
    )
    assert found[0] > 100
    assert found[1:] == (4, 5)


def test_a_budget_is_nearly_used_and_one_is_over(made: Made) -> None:
    limits = made.limits()
    (dmitri,), (evaluations,) = limits["dmitri"].standings, limits["evaluations"].standings
    assert 0.75 < dmitri.used / limits["dmitri"].limit.amount <= 1.2
    assert evaluations.used > 0
    assert limits["no bursts"].limit.scope.id == str(made.keys()["search-service"].key.id)
    assert all(limits[name].standings for name in ("all of us", "web app", "anybody, an hour"))


def test_limits_count_what_was_called_before_them(made: Made) -> None:
    """History adds to no windows: a limit that was there already would have missed its calls."""
    limits = [use.limit for use in made.limits().values()]
    assert {one.created_us for one in limits if one.measure is not Measure.CONCURRENT_CALLS} == {NOW_US}


def test_secrets_are_of_good_keys_alone_and_open_them(made: Made) -> None:
    good = {use.key.hash for use in made.keys().values() if use.state is KeyState.ACTIVE}
    assert {digest(secret) for secret in made.secrets.keys.values()} == good
    assert {account.name for account in made.secrets.accounts.values()} == {
        account.name for _, _, account in company.ACCOUNTS
    }


def test_no_secret_is_in_the_books(made: Made) -> None:
    books = made.path.read_bytes()
    hidden = [*made.secrets.keys.values(), *made.secrets.accounts]
    assert len(hidden) == 14
    assert [secret[:8] for secret in hidden if secret.encode() in books] == []


def test_its_secrets_are_for_their_owner_alone_and_in_no_repr(made: Made) -> None:
    beside = made.path.with_name("demo.db.keys")
    assert beside.stat().st_mode & 0o777 == 0o600
    assert not any(secret in repr(made.secrets) for secret in made.secrets.keys.values())


def test_the_quotas_of_accounts_are_known_at_once(made: Made) -> None:
    told = {account for (account,) in made.asked("SELECT account FROM quota_gauges")}
    assert told == {"wells-max-1", "wells-max-2", "wells-care", "wells-codex", "wells-api"}


def test_what_was_done_is_in_the_audit_in_the_order_of_time(made: Made) -> None:
    entries = made.registry.audit(count=1000).entries
    assert {entry.actor.name for entry in entries} == {"cli:nora"}
    moments = [entry.at_us for entry in entries]
    assert moments == sorted(moments, reverse=True)
    assert {"key.revoke", "key.rotate", "project.archive", "limit.create"} <= {e.action for e in entries}


def test_another_start_finds_what_is_there(made: Made) -> None:
    assert beginning.begin(made.settings, NOW_US + DAY_US, LOG, count=CALLS) == 0
    assert beginning.known(made.settings) == made.secrets


def test_two_demos_share_no_secret(made: Made, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    beginning.begin(settings, NOW_US, LOG, count=50)
    other = beginning.known(settings)
    assert not set(other.keys.values()) & set(made.secrets.keys.values())
    assert not other.accounts.keys() & made.secrets.accounts.keys()


def test_a_start_that_was_cut_short_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (tmp_path / "demo.db.new").write_bytes(b"half of it")
    (tmp_path / "demo.db.new-wal").write_bytes(b"half of it")
    (tmp_path / "demo.db.keys").write_text("those of books that were deleted")
    assert beginning.begin(settings, NOW_US, LOG, count=50) > 0
    assert beginning.known(settings).keys
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "demo.db",
        "demo.db.keys",
        "demo.db.master-key",
    ]


@pytest.mark.parametrize("held", ["half of {", "[]", '{"keys": {}}'])
def test_a_file_with_something_else_is_said_so(tmp_path: Path, held: str) -> None:
    secret_files.put(tmp_path / "demo.db.keys", held)
    with pytest.raises(SecretFileError, match="does not hold the demo's keys"):
        beginning.known(settings_in(tmp_path))


def test_a_demo_of_which_the_secrets_are_gone_goes_on_without(tmp_path: Path) -> None:
    assert beginning.known(settings_in(tmp_path)) == Secrets()
