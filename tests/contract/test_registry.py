"""What every `wellhead.registry.Registry` promises: the database's, and the tests' fake."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from fakes.books import NOON_US, books_on_disk
from fakes.registry import BY, FakeRegistry
from wellhead.access import Key, KeyState, Project
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.validity import AMOUNT_MAX, COST_AMOUNT_MAX, LATEST_US
from wellhead.errors import Conflict, Invalid, NotFound, RegistryError
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window
from wellhead.moments import HOUR_US
from wellhead.policy.keys import digest, is_well_formed
from wellhead.registry import (
    NAME_CHARS_MAX,
    PAGE_MAX,
    Actor,
    KeyChange,
    NewKey,
    NewLimit,
    Registry,
    Revoked,
)
from wellhead.vault import Vault

NOWHERE = "00000000-0000-4000-8000-000000000000"
A_SECRET = "sk-canary-0123456789"
GLOBAL = Scope(ScopeKind.GLOBAL)
HOURLY = NewLimit(Measure.CALLS, Window.HOUR, 5)


@dataclass
class Case:
    """A registry, and the clock it looks at."""

    registry: Registry
    version: Callable[[], int]
    now_us: int = NOON_US

    def later(self, by_us: int = HOUR_US) -> int:
        self.now_us += by_us
        return self.now_us

    def actions(self) -> list[str]:
        """What the audit says was done, in the order it was done."""
        return [entry.action for entry in reversed(self.registry.audit(count=PAGE_MAX).entries)]


@pytest.fixture(params=["database", "fake"])
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case
    if request.param == "fake":
        fake = FakeRegistry(lambda: made.now_us)
        made = Case(fake, lambda: fake.version)
        yield made
        return
    engine = books_on_disk(tmp_path)
    vault = Vault(bytes(32))
    made = Case(DatabaseRegistry(engine, lambda: vault, lambda: made.now_us), lambda: version_of(engine))
    yield made
    engine.dispose()


def version_of(engine: Any) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT coalesce(max(version), 0) FROM registry").scalar_one())


@pytest.fixture
def registry(case: Case) -> Registry:
    return case.registry


@pytest.fixture
def project(registry: Registry) -> Project:
    return registry.create_project(BY, "research")


def a_key(registry: Registry, name: str = "laptop", **fields: Any) -> Key:
    return registry.create_key(BY, NewKey(name, **fields)).key


# Projects.


def test_a_project_is_found_again_by_its_uuid(registry: Registry, project: Project) -> None:
    assert registry.project(project.uuid) == project
    assert UUID(project.uuid).version == 4
    assert (project.name, project.created_us, project.archived_us) == ("research", NOON_US, None)


def test_names_lose_the_spaces_around_them(registry: Registry) -> None:
    assert registry.create_project(BY, "  research ").name == "research"


def test_projects_are_paged_by_the_last_one_seen(registry: Registry) -> None:
    made = tuple(registry.create_project(BY, f"p{n}") for n in range(5))

    first = registry.projects(count=2)
    second = registry.projects(count=2, after=first.next or 0)
    third = registry.projects(count=2, after=second.next or 0)
    assert (*first.entries, *second.entries, *third.entries) == made
    assert third.next is None


def test_a_page_that_holds_all_there_is_has_no_next_one(registry: Registry, project: Project) -> None:
    assert registry.projects(count=1).next is None


def test_archived_projects_can_be_left_out_or_asked_for(registry: Registry, project: Project) -> None:
    archived = registry.change_project(BY, registry.create_project(BY, "old").uuid, archived=True)

    assert registry.projects(archived=True).entries == (archived,)
    assert registry.projects(archived=False).entries == (project,)
    assert registry.projects().entries == (project, archived)


def test_two_projects_of_one_name_are_a_conflict_unless_one_is_archived(
    registry: Registry, project: Project
) -> None:
    with pytest.raises(Conflict):
        registry.create_project(BY, "research")

    registry.change_project(BY, project.uuid, archived=True)
    again = registry.create_project(BY, "research")
    assert again.id != project.id
    with pytest.raises(Conflict):
        registry.change_project(BY, project.uuid, archived=False)
    with pytest.raises(Conflict):
        registry.change_project(BY, registry.create_project(BY, "b").uuid, name="research")


def test_a_project_can_be_renamed_to_what_it_is_called(case: Case, project: Project) -> None:
    version = case.version()

    assert case.registry.change_project(BY, project.uuid, name="research", archived=False) == project
    assert case.version() == version


def test_archiving_says_since_when_and_can_be_undone(case: Case, project: Project) -> None:
    now_us = case.later()

    assert case.registry.change_project(BY, project.uuid, archived=True).archived_us == now_us
    case.later()
    assert case.registry.change_project(BY, project.uuid, archived=True).archived_us == now_us
    assert case.registry.change_project(BY, project.uuid, archived=False) == project
    assert case.actions() == ["project.create", "project.archive", "project.change"]


def test_a_project_is_deleted_only_when_it_is_empty(registry: Registry, project: Project) -> None:
    a_key(registry, project=project.uuid)
    with pytest.raises(Conflict):
        registry.delete_project(BY, project.uuid)

    other = registry.create_project(BY, "other")
    credential = registry.create_credential(BY, "openai", "main", A_SECRET, other.uuid)
    with pytest.raises(Conflict):
        registry.delete_project(BY, other.uuid)
    registry.delete_credential(BY, credential.id)

    limit = registry.create_limit(BY, replace(HOURLY, scope=Scope(ScopeKind.PROJECT, other.uuid)))
    with pytest.raises(Conflict):
        registry.delete_project(BY, other.uuid)
    registry.delete_limit(BY, limit.id)

    registry.delete_project(BY, other.uuid)
    with pytest.raises(NotFound):
        registry.project(other.uuid)


def test_a_number_is_never_given_twice(registry: Registry) -> None:
    first = registry.create_project(BY, "first")
    registry.delete_project(BY, first.uuid)

    assert registry.create_project(BY, "second").id > first.id


def test_numbers_of_projects_are_translated(registry: Registry, project: Project) -> None:
    assert registry.project_uuids([project.id, 99]) == {project.id: project.uuid}
    assert registry.project_uuids([]) == {}


# Keys.


def test_a_key_is_well_formed_and_found_by_its_secret(registry: Registry) -> None:
    issued = registry.create_key(BY, NewKey("laptop"))

    assert is_well_formed(issued.secret)
    assert issued.key.hash == digest(issued.secret)
    assert issued.key.prefix == issued.secret[:8]
    assert registry.key_of(issued.secret).key == issued.key == registry.key(issued.key.id).key


def test_a_key_is_kept_as_it_was_asked_for(registry: Registry, project: Project) -> None:
    asked = NewKey(
        "laptop",
        project.uuid,
        expires_us=NOON_US + HOUR_US,
        allowed_models=("gpt-*",),
        allowed_providers=(),
        allowed_endpoints=("/v1/chat/*", "/v1/models"),
        allowed_accounts=("someone@example.org",),
        tags=(("team", "blue"), ("cost centre", "7")),
    )

    use = registry.key(registry.create_key(BY, asked).key.id)
    assert use.project == project
    assert use.key.project_id == project.id
    for field in ("expires_us", "allowed_models", "allowed_providers", "allowed_endpoints"):
        assert getattr(use.key, field) == getattr(asked, field)
    assert use.key.allowed_accounts == asked.allowed_accounts
    assert use.key.tags == (("cost centre", "7"), ("team", "blue"))
    assert (use.calls, use.total_tokens, use.cost_nanousd, use.last_used_us) == (0, 0, 0, None)


def test_a_key_withers_at_its_expiry(case: Case) -> None:
    key = a_key(case.registry, expires_us=NOON_US + HOUR_US)

    assert case.registry.key(key.id).state is KeyState.ACTIVE
    case.later()
    assert case.registry.key(key.id).state is KeyState.WITHERED


def test_keys_can_be_listed_by_state_and_project(case: Case, project: Project) -> None:
    registry = case.registry
    active, mine = a_key(registry), a_key(registry, project=project.uuid)
    withered, revoked = a_key(registry, expires_us=NOON_US + 1), a_key(registry, expires_us=NOON_US + 1)
    registry.revoke_key(BY, revoked.id)
    case.later()

    def listed(**wanted: Any) -> list[int]:
        return [use.key.id for use in registry.keys(**wanted).entries]

    assert listed() == [active.id, mine.id, withered.id, revoked.id]
    assert listed(state=KeyState.ACTIVE) == [active.id, mine.id]
    assert listed(state=KeyState.WITHERED) == [withered.id]
    assert listed(state=KeyState.REVOKED) == [revoked.id]
    assert listed(project=project.uuid) == [mine.id]
    assert listed(count=2, after=active.id) == [mine.id, withered.id]


def test_a_filtered_listing_goes_on_where_it_stopped(registry: Registry, project: Project) -> None:
    mine = [a_key(registry, project=of).id for of in (project.uuid, None, project.uuid, None, project.uuid)][
        ::2
    ]

    page = registry.keys(project=project.uuid, count=2)
    assert [use.key.id for use in page.entries] == mine[:2]
    assert [use.key.id for use in registry.keys(project=project.uuid, after=page.next or 0).entries] == mine[
        2:
    ]


def test_no_key_is_made_for_an_archived_project(registry: Registry, project: Project) -> None:
    registry.change_project(BY, project.uuid, archived=True)

    with pytest.raises(Conflict):
        a_key(registry, project=project.uuid)


def test_a_key_can_be_changed_field_by_field(registry: Registry) -> None:
    key = a_key(registry, allowed_models=("gpt-*",), expires_us=NOON_US + 1, tags=(("a", "b"),))

    changed = registry.change_key(BY, key.id, KeyChange(name="desktop", expires_us=None))
    assert changed == replace(key, name="desktop", expires_us=None) == registry.key(key.id).key
    changed = registry.change_key(BY, key.id, KeyChange(allowed_models=None, tags=()))
    assert changed == replace(key, name="desktop", expires_us=None, allowed_models=None, tags=())
    assert registry.key(key.id).key == changed


def test_changing_nothing_changes_nothing(case: Case) -> None:
    key = a_key(case.registry, tags=(("a", "b"),))
    version = case.version()

    assert case.registry.change_key(BY, key.id, KeyChange()) == key
    assert case.registry.change_key(BY, key.id, KeyChange(name=key.name, tags=key.tags)) == key
    assert case.version() == version
    assert case.actions() == ["key.create"]


def test_a_withered_key_can_be_given_more_time(case: Case) -> None:
    key = a_key(case.registry, expires_us=NOON_US + 1)
    now_us = case.later()

    case.registry.change_key(BY, key.id, KeyChange(expires_us=now_us + 1))
    assert case.registry.key(key.id).state is KeyState.ACTIVE


def test_a_revoked_key_stays_revoked(case: Case) -> None:
    key = a_key(case.registry)
    now_us = case.later()
    revoked = case.registry.revoke_key(BY, key.id)
    version = case.version()
    case.later()

    assert revoked == replace(key, revoked_us=now_us)
    assert case.registry.revoke_key(BY, key.id) == revoked
    assert case.version() == version
    assert case.actions() == ["key.create", "key.revoke"]
    with pytest.raises(Conflict):
        case.registry.change_key(BY, key.id, KeyChange(name="x"))


def test_all_keys_of_a_project_are_revoked_at_once(case: Case, project: Project) -> None:
    registry = case.registry
    mine = [a_key(registry, project=project.uuid).id for _ in range(3)]
    other = a_key(registry)
    registry.revoke_key(BY, mine[0])
    version = case.version()

    assert registry.revoke_keys_of(BY, project.uuid) == Revoked(2, 1)
    assert case.version() == version + 1
    assert all(registry.key(id_).state is KeyState.REVOKED for id_ in mine)
    assert registry.key(other.id).state is KeyState.ACTIVE
    assert registry.revoke_keys_of(BY, project.uuid) == Revoked(0, 3)
    assert case.version() == version + 1


def test_a_key_may_be_made_with_limits_of_its_own(case: Case) -> None:
    limits = (HOURLY, NewLimit(Measure.COST, Window.TOTAL, 12_500_000_000, action=Action.WARN, name="purse"))
    version = case.version()

    key = a_key(case.registry, limits=limits)
    made = [use.limit for use in case.registry.limits().entries]
    assert [limit.scope for limit in made] == [Scope(ScopeKind.KEY, str(key.id))] * 2
    assert [(m.measure, m.window, m.amount, m.action, m.name) for m in made] == [
        (n.measure, n.window, n.amount, n.action, n.name) for n in limits
    ]
    assert case.version() == version + 1
    assert case.actions() == ["key.create", "limit.create", "limit.create"]


def test_a_key_with_a_limit_that_cannot_be_is_not_made_at_all(case: Case) -> None:
    for bad in (replace(HOURLY, amount=-1), replace(HOURLY, scope=GLOBAL)):
        with pytest.raises(Invalid):
            a_key(case.registry, limits=(HOURLY, bad))

    assert case.registry.keys().entries == ()
    assert case.registry.limits().entries == ()
    assert case.version() == 0


# Rotation.


def test_a_successor_has_the_same_rights_and_limits_and_both_work_for_a_while(
    case: Case, project: Project
) -> None:
    registry = case.registry
    old = a_key(
        registry,
        project=project.uuid,
        expires_us=NOON_US + 9 * HOUR_US,
        allowed_models=("gpt-*",),
        allowed_endpoints=("/v1/*",),
        tags=(("a", "b"),),
        limits=(HOURLY,),
    )
    registry.create_limit(BY, replace(HOURLY, scope=GLOBAL))
    now_us, version = case.later(), case.version()

    issued = registry.rotate_key(BY, old.id, 600)
    new = issued.key
    assert case.version() == version + 1
    assert new == replace(
        old, id=new.id, hash=new.hash, prefix=new.prefix, created_us=now_us, predecessor_id=old.id
    )
    assert registry.key_of(issued.secret).key == new
    assert new.hash != old.hash
    assert len(registry.limits().entries) == 2  # They count both keys as one.
    assert registry.key(old.id).state is KeyState.ACTIVE
    case.later(600 * 1_000_000)
    assert registry.key(old.id).state is KeyState.WITHERED
    assert registry.key(new.id).state is KeyState.ACTIVE


def test_an_overlap_does_not_prolong_the_old_key(case: Case) -> None:
    old = a_key(case.registry, expires_us=NOON_US + 1)

    case.registry.rotate_key(BY, old.id, 600)
    assert case.registry.key(old.id).key.expires_us == NOON_US + 1


def test_without_an_overlap_the_old_key_ends_at_once(case: Case) -> None:
    old = a_key(case.registry)

    case.registry.rotate_key(BY, old.id, 0)
    assert case.registry.key(old.id).state is KeyState.WITHERED


def test_only_an_active_key_is_rotated(case: Case, project: Project) -> None:
    registry = case.registry
    withered, revoked = a_key(registry, expires_us=NOON_US + 1), a_key(registry)
    of_archived = a_key(registry, project=project.uuid)
    registry.revoke_key(BY, revoked.id)
    registry.change_project(BY, project.uuid, archived=True)
    case.later()
    version = case.version()

    for key in (withered, revoked, of_archived):
        with pytest.raises(Conflict):
            registry.rotate_key(BY, key.id, 600)
    with pytest.raises(Invalid):
        registry.rotate_key(BY, a_key(registry).id, -1)
    assert case.version() == version + 1, "the one key that was made"


# Credentials.


def test_a_credential_is_shown_without_its_secret(registry: Registry, project: Project) -> None:
    made = registry.create_credential(BY, "openai", "main", A_SECRET, project.uuid)

    assert (made.provider, made.name, made.project_id, made.secret) == ("openai", "main", project.id, None)
    assert registry.credential(made.id) == made
    assert registry.credentials().entries == (made,)


def test_several_credentials_of_one_provider_are_told_apart_by_number(
    registry: Registry, project: Project
) -> None:
    made = [
        registry.create_credential(BY, "openai", "main", A_SECRET, project.uuid),
        registry.create_credential(BY, "openai", "main", A_SECRET),
        registry.create_credential(BY, "anthropic", "main", A_SECRET, project.uuid),
    ]

    def listed(**wanted: Any) -> list[int]:
        return [credential.id for credential in registry.credentials(**wanted).entries]

    assert listed() == [one.id for one in made]
    assert listed(project=project.uuid) == [made[0].id, made[2].id]
    assert listed(provider="openai") == [made[0].id, made[1].id]
    assert listed(provider="openai", project=project.uuid) == [made[0].id]
    assert listed(count=1, after=made[0].id) == [made[1].id]


def test_a_credential_can_be_renamed_replaced_and_disabled(case: Case) -> None:
    registry = case.registry
    made = registry.create_credential(BY, "openai", "main", A_SECRET)
    now_us = case.later()

    changed = registry.change_credential(BY, made.id, name="spare", secret="sk-canary-other", disabled=True)
    assert changed == replace(made, name="spare", disabled_us=now_us) == registry.credential(made.id)
    assert registry.change_credential(BY, made.id, disabled=False) == replace(made, name="spare")
    version = case.version()
    registry.change_credential(BY, made.id, disabled=False, name="spare")
    assert case.version() == version
    registry.change_credential(BY, made.id, secret=A_SECRET)
    assert case.version() == version + 1, "whether it is the same cannot be told without opening it"


def test_a_deleted_credential_is_gone(registry: Registry) -> None:
    made = registry.create_credential(BY, "openai", "main", A_SECRET)

    registry.delete_credential(BY, made.id)
    with pytest.raises(NotFound):
        registry.credential(made.id)
    with pytest.raises(NotFound):
        registry.delete_credential(BY, made.id)


def test_no_credential_is_made_for_an_archived_project(registry: Registry, project: Project) -> None:
    registry.change_project(BY, project.uuid, archived=True)

    with pytest.raises(Conflict):
        registry.create_credential(BY, "openai", "main", A_SECRET, project.uuid)


# Limits.


def test_a_limit_is_kept_as_it_was_asked_for(registry: Registry) -> None:
    asked = NewLimit(
        Measure.TOTAL_TOKENS,
        Window.MONTH,
        1_000_000,
        Scope(ScopeKind.MODEL, "gpt-*"),
        Action.SHADOW,
        sliding=True,
        zone="Europe/Berlin",
        name="a trial",
    )

    made = registry.create_limit(BY, asked)
    assert (made.scope, made.measure, made.window, made.amount) == (
        asked.scope,
        asked.measure,
        asked.window,
        asked.amount,
    )
    assert (made.action, made.sliding, made.zone, made.name) == (
        asked.action,
        True,
        "Europe/Berlin",
        "a trial",
    )
    use = registry.limit(made.id)
    assert (use.limit, use.project, use.standings) == (made, None, ())
    assert registry.limits().entries == (use,)


def test_the_scope_of_a_limit_names_a_project_by_number_and_shows_it(
    registry: Registry, project: Project
) -> None:
    made = registry.create_limit(BY, replace(HOURLY, scope=Scope(ScopeKind.PROJECT, project.uuid)))

    assert made.scope == Scope(ScopeKind.PROJECT, str(project.id))
    assert registry.limit(made.id).project == project


@pytest.mark.parametrize(
    "scope",
    [
        GLOBAL,
        Scope(ScopeKind.PROJECT),
        Scope(ScopeKind.KEY),
        Scope(ScopeKind.MODEL),
        Scope(ScopeKind.PROVIDER, "openai"),
        Scope(ScopeKind.CLIENT),
        Scope(ScopeKind.CLIENT, tool="codex"),
        Scope(ScopeKind.CLIENT, tool="codex", client="laptop"),
    ],
)
def test_scopes_that_name_nobody_that_has_to_exist_are_taken(registry: Registry, scope: Scope) -> None:
    assert registry.create_limit(BY, replace(HOURLY, scope=scope)).scope == scope


@pytest.mark.parametrize(
    "scope",
    [
        Scope(ScopeKind.PROJECT, NOWHERE),
        Scope(ScopeKind.PROJECT, "1"),
        Scope(ScopeKind.KEY, "99"),
        Scope(ScopeKind.KEY, "-1"),
        Scope(ScopeKind.KEY, "٣"),
        Scope(ScopeKind.KEY, "1" * 40),
    ],
)
def test_a_scope_that_names_nobody_there_is_not_found(registry: Registry, scope: Scope) -> None:
    with pytest.raises(NotFound):
        registry.create_limit(BY, replace(HOURLY, scope=scope))


@pytest.mark.parametrize(
    "scope",
    [
        None,
        Scope(ScopeKind.GLOBAL, "1"),
        Scope(ScopeKind.MODEL, ""),
        Scope(ScopeKind.PROVIDER, ""),
        Scope(ScopeKind.PROVIDER, "a/b"),
        Scope(ScopeKind.CLIENT, "1"),
        Scope(ScopeKind.MODEL, "gpt", tool="codex"),
        Scope(ScopeKind.CLIENT, tool=""),
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(registry: Registry, scope: Scope | None) -> None:
    with pytest.raises(Invalid):
        registry.create_limit(BY, replace(HOURLY, scope=scope))


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": -1},
        {"amount": AMOUNT_MAX + 1},
        {"measure": Measure.COST, "amount": COST_AMOUNT_MAX + 1},
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"zone": "/etc/localtime"},
        {"zone": "Europe"},
        {"zone": ""},
        {"sliding": True, "window": Window.TOTAL},
        {"measure": Measure.CONCURRENT_CALLS, "window": Window.HOUR},
        {"name": ""},
        {"name": "two\nlines"},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(case: Case, changes: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        case.registry.create_limit(BY, replace(HOURLY, scope=GLOBAL, **changes))
    assert case.version() == 0
    assert case.actions() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": AMOUNT_MAX},
        {"measure": Measure.COST, "amount": COST_AMOUNT_MAX},
        {"measure": Measure.CONCURRENT_CALLS, "window": Window.TOTAL},
        {"zone": "America/Argentina/Buenos_Aires"},
        {"sliding": True, "window": Window.MINUTE},
        {"sliding": True, "window": Window.MONTH},
    ],
)
def test_the_edges_of_what_makes_sense_are_taken(registry: Registry, changes: dict[str, Any]) -> None:
    made = registry.create_limit(BY, replace(HOURLY, scope=GLOBAL, **changes))

    assert registry.limit(made.id).limit == made


def test_amount_action_and_name_of_a_limit_can_be_changed(case: Case) -> None:
    registry = case.registry
    made = registry.create_limit(BY, replace(HOURLY, scope=GLOBAL, name="a"))

    assert registry.change_limit(BY, made.id, amount=7) == replace(made, amount=7)
    changed = registry.change_limit(BY, made.id, action=Action.WARN, name=None)
    assert changed == replace(made, amount=7, action=Action.WARN, name=None)
    assert registry.limit(made.id).limit == changed
    version = case.version()
    registry.change_limit(BY, made.id, amount=7, name=None)
    assert case.version() == version
    with pytest.raises(Invalid):
        registry.change_limit(BY, made.id, amount=-1)


def test_a_deleted_limit_is_gone(registry: Registry) -> None:
    made = registry.create_limit(BY, replace(HOURLY, scope=GLOBAL))

    registry.delete_limit(BY, made.id)
    assert registry.limits().entries == ()
    with pytest.raises(NotFound):
        registry.limit(made.id)


# What is taken, and what is not there.


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\tb", "\x00", "\ud800", "x" * (NAME_CHARS_MAX + 1)])
def test_names_are_printable_and_not_too_long(case: Case, name: str) -> None:
    for make in (
        lambda: case.registry.create_project(BY, name),
        lambda: case.registry.create_key(BY, NewKey(name)),
        lambda: case.registry.create_credential(BY, "openai", name, A_SECRET),
    ):
        with pytest.raises(Invalid):
            make()
    assert case.version() == 0


def test_a_name_of_the_longest_kind_in_any_script_is_taken(registry: Registry) -> None:
    name = "Ж" * NAME_CHARS_MAX

    assert registry.create_project(BY, name).name == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_us": NOON_US},
        {"expires_us": NOON_US - 1},
        {"expires_us": LATEST_US},
        {"allowed_models": ("",)},
        {"allowed_models": ("x" * 201,)},
        {"allowed_providers": ("a\n",)},
        {"allowed_endpoints": tuple(map(str, range(101)))},
        {"allowed_accounts": ("\x1b[31m",)},
        {"tags": (("a", "b"), ("a", "c"))},
        {"tags": (("", "b"),)},
        {"tags": (("a", "b\n"),)},
        {"tags": tuple((str(n), "") for n in range(101))},
    ],
)
def test_a_key_that_makes_no_sense_is_neither_made_nor_changed_to(case: Case, wrong: dict[str, Any]) -> None:
    key = a_key(case.registry)
    version = case.version()

    with pytest.raises(Invalid):
        a_key(case.registry, **wrong)
    with pytest.raises(Invalid):
        case.registry.change_key(BY, key.id, KeyChange(**wrong))
    assert case.version() == version
    assert case.registry.key(key.id).key == key


@pytest.mark.parametrize(
    "secret", ["", " ", f" {A_SECRET}", f"{A_SECRET}\n", f"sk\r\nx: {A_SECRET}", "sk-canäry", "x" * 4097]
)
def test_a_secret_that_fits_into_no_header_is_refused_and_not_repeated(
    registry: Registry, secret: str
) -> None:
    with pytest.raises(Invalid) as failure:
        registry.create_credential(BY, "openai", "main", secret)
    assert "sk" not in str(failure.value)
    made = registry.create_credential(BY, "openai", "main", "x" * 4096)
    with pytest.raises(Invalid):
        registry.change_credential(BY, made.id, secret=secret)


@pytest.mark.parametrize("provider", ["", "a b", "a/b", "-a", "ä", "x" * 201])
def test_a_provider_is_named_by_something_that_can_be_an_id(registry: Registry, provider: str) -> None:
    with pytest.raises(Invalid):
        registry.create_credential(BY, provider, "main", A_SECRET)


def test_what_is_not_there_is_not_found(registry: Registry) -> None:
    for ask in (
        lambda: registry.project(NOWHERE),
        lambda: registry.change_project(BY, NOWHERE, name="a"),
        lambda: registry.delete_project(BY, NOWHERE),
        lambda: registry.keys(project=NOWHERE),
        lambda: registry.key(99),
        lambda: registry.key_of("wh_no_such_key"),
        lambda: registry.create_key(BY, NewKey("a", NOWHERE)),
        lambda: registry.change_key(BY, 99, KeyChange()),
        lambda: registry.revoke_key(BY, 99),
        lambda: registry.revoke_keys_of(BY, NOWHERE),
        lambda: registry.rotate_key(BY, 99, 0),
        lambda: registry.credentials(project=NOWHERE),
        lambda: registry.credential(99),
        lambda: registry.create_credential(BY, "openai", "a", A_SECRET, NOWHERE),
        lambda: registry.change_credential(BY, 99, name="a"),
        lambda: registry.delete_credential(BY, 99),
        lambda: registry.limit(99),
        lambda: registry.change_limit(BY, 99, amount=1),
        lambda: registry.delete_limit(BY, 99),
    ):
        with pytest.raises(NotFound):
            ask()


def test_values_that_no_database_takes_are_our_errors_and_not_the_drivers(registry: Registry) -> None:
    for ask in (
        lambda: registry.key(2**70),
        lambda: registry.key(-(2**70)),
        lambda: registry.limit(2**63),
        lambda: registry.key_of("\ud800"),
        lambda: registry.project("\ud800"),
        lambda: registry.create_limit(BY, replace(HOURLY, scope=Scope(ScopeKind.PROJECT, "\ud800"))),
    ):
        with pytest.raises(RegistryError) as failure:
            ask()
        assert failure.value.__cause__ is None


def test_a_page_has_at_least_one_entry_and_no_more_than_the_most(registry: Registry) -> None:
    for ask in (registry.projects, registry.keys, registry.credentials, registry.limits, registry.audit):
        with pytest.raises(Invalid):
            ask(count=0)
        assert ask(count=10 * PAGE_MAX).entries == ()


# The version and the audit.


def test_every_change_moves_the_version_by_one_and_is_in_the_audit(case: Case) -> None:
    registry = case.registry
    project = registry.create_project(BY, "research")
    key = a_key(registry)
    credential = registry.create_credential(BY, "openai", "main", A_SECRET)
    limit = registry.create_limit(BY, replace(HOURLY, scope=GLOBAL))
    assert case.version() == 4
    steps: list[tuple[Callable[[], object], list[str]]] = [
        (lambda: registry.change_project(BY, project.uuid, name="b"), ["project.change"]),
        (lambda: registry.change_project(BY, project.uuid, archived=True), ["project.archive"]),
        (lambda: registry.delete_project(BY, project.uuid), ["project.delete"]),
        (lambda: registry.change_key(BY, key.id, KeyChange(name="b")), ["key.change"]),
        (lambda: registry.rotate_key(BY, key.id, 60), ["key.rotate", "key.create"]),
        (lambda: registry.revoke_key(BY, key.id), ["key.revoke"]),
        (lambda: registry.change_credential(BY, credential.id, name="b"), ["credential.change"]),
        (lambda: registry.delete_credential(BY, credential.id), ["credential.delete"]),
        (lambda: registry.change_limit(BY, limit.id, amount=1), ["limit.change"]),
        (lambda: registry.delete_limit(BY, limit.id), ["limit.delete"]),
    ]

    for step, expected in steps:
        version, seen = case.version(), len(case.actions())
        step()
        assert case.version() == version + 1
        assert case.actions()[seen:] == expected


def test_the_audit_says_who_did_what_when_and_how_it_was(case: Case) -> None:
    registry = case.registry
    project = registry.create_project(BY, "research")
    now_us = case.later()
    registry.change_project(Actor("cli:alice"), project.uuid, name="b")

    newest, oldest = registry.audit().entries
    assert (newest.actor, newest.at_us, newest.object_kind, newest.object_id) == (
        Actor("cli:alice"),
        now_us,
        "project",
        project.uuid,
    )
    assert (newest.before, newest.after) == ({"name": "research"}, {"name": "b"})
    assert oldest.actor == BY
    assert oldest.before is None
    assert oldest.after == {"uuid": project.uuid, "name": "research", "created_us": NOON_US}


def test_no_secret_and_no_hash_is_in_the_audit(registry: Registry) -> None:
    issued = registry.create_key(BY, NewKey("laptop", limits=(HOURLY,)))
    successor = registry.rotate_key(BY, issued.key.id, 60)
    credential = registry.create_credential(BY, "openai", "main", A_SECRET)
    registry.change_credential(BY, credential.id, secret=f"{A_SECRET}2")
    registry.delete_credential(BY, credential.id)

    said = repr(registry.audit().entries)
    for secret in (issued.secret, successor.secret, A_SECRET, issued.key.hash.hex(), repr(issued.key.hash)):
        assert secret not in said
    assert "'secret': 'replaced'" in said


def test_the_audit_is_filtered_and_paged_from_the_newest_on(case: Case) -> None:
    registry = case.registry
    for n in range(3):
        registry.create_project(Actor(f"actor{n}"), f"p{n}")
        case.later()
    key = a_key(registry)

    def ids(**wanted: Any) -> list[int]:
        return [entry.id for entry in registry.audit(**wanted).entries]

    newest = ids()
    assert newest == sorted(newest, reverse=True)
    assert ids(object_kind="key") == newest[:1] == ids(object_kind="key", object_id=str(key.id))
    assert ids(action="project.create") == newest[1:]
    assert ids(actor="actor1") == newest[2:3]
    assert ids(since_us=NOON_US + HOUR_US, until_us=NOON_US + 3 * HOUR_US) == newest[1:3]
    page = registry.audit(count=3)
    assert [entry.id for entry in page.entries] == newest[:3]
    last = registry.audit(count=3, before=page.next)
    assert ([entry.id for entry in last.entries], last.next) == (newest[3:], None)


def test_what_changed_nothing_can_be_noted(case: Case) -> None:
    case.registry.note(BY, "session.login", "session")

    (entry,) = case.registry.audit().entries
    assert (entry.actor, entry.action, entry.object_kind, entry.object_id) == (
        BY,
        "session.login",
        "session",
        None,
    )
    assert (entry.before, entry.after) == (None, None)
    assert case.version() == 0


def test_a_refused_change_leaves_no_trace(case: Case, project: Project) -> None:
    version = case.version()

    for refused in (
        lambda: case.registry.create_project(BY, "research"),
        lambda: case.registry.create_key(BY, NewKey("a", NOWHERE)),
        lambda: case.registry.create_limit(BY, HOURLY),
        lambda: case.registry.create_credential(BY, "openai", "a", ""),
    ):
        with pytest.raises(RegistryError):
            refused()
    assert case.version() == version
    assert case.actions() == ["project.create"]
