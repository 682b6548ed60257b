"""What every `wellhead.registry.Registry` promises of breakers: the database's, and the tests' fake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fakes.books import NOON_US, books_on_disk
from fakes.registry import BY, FakeRegistry
from wellhead.breaker import Shared, State
from wellhead.database.breakers import DatabaseBreakers
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.errors import NotFound
from wellhead.registry import Registry
from wellhead.vault import Vault

S = 1_000_000
OPEN = Shared(
    "openai",
    State.OPEN,
    failures=5,
    changed_us=NOON_US,
    opened_us=NOON_US,
    opened_by="host:7",
    retry_us=NOON_US + 30 * S,
    active_us=NOON_US,
)


@dataclass
class Case:
    """A registry, and how a breaker gets into it."""

    registry: Registry
    put: Callable[[Shared], Shared]


@pytest.fixture(params=["database", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    if request.param == "fake":
        fake = FakeRegistry(lambda: NOON_US + S)

        def put(new: Shared) -> Shared:
            made = fake.breaker_rows[new.subject] = replace(new, version=7, opening=7)
            return made

        yield Case(fake, put)
        return
    engine = books_on_disk(tmp_path)
    own = make_engine(str(engine.url))
    shared = DatabaseBreakers(own)
    registry = DatabaseRegistry(engine, lambda: Vault(bytes(32)), lambda: NOON_US + S)
    yield Case(registry, lambda new: shared.put(new, 0)[1])
    own.dispose()
    engine.dispose()


def test_breakers_are_listed_by_their_subjects(case: Case) -> None:
    assert list(case.registry.breakers()) == []
    rows = [case.put(replace(OPEN, subject=subject)) for subject in ("vllm", "a", "a/credential/3")]
    assert list(case.registry.breakers()) == sorted(rows, key=lambda row: row.subject)
    assert case.registry.breaker("vllm") == rows[0]


def test_a_reset_closes_one_for_whoever_looks_after_it(case: Case) -> None:
    before = case.put(OPEN)
    case.registry.reset_breaker(BY, "openai")
    after = case.registry.breaker("openai")
    assert after.version > before.version
    assert after == replace(
        Shared("openai"),
        version=after.version,
        opening=before.opening,
        changed_us=NOON_US + S,
        active_us=NOON_US,
    )
    (entry,) = case.registry.audit().entries
    assert (entry.actor, entry.action, entry.object_id) == (BY, "breaker.reset", "openai")
    assert entry.before == {"state": "open", "failures": 5}
    assert entry.after == {"state": "closed", "failures": 0}


def test_what_is_not_there_cannot_be_shown_nor_reset(case: Case) -> None:
    with pytest.raises(NotFound, match="there is no such breaker"):
        case.registry.breaker("nobody")
    with pytest.raises(NotFound, match="there is no such breaker"):
        case.registry.reset_breaker(BY, "nobody")
    assert case.registry.audit().entries == ()
