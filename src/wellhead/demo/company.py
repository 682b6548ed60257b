"""The demo's company: its projects, keys, credentials and limits, made by the registry as an operator does.

::

    34 days ago   projects, credentials, most keys
    since then    one key revoked, one replaced, one withered, one project archived      found()
    today         budgets and other limits, by what was used                             set_limits()

All secrets are new with every company.  Who may know them is in the value of `found`.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from wellhead.demo.accounts import Account, Plan
from wellhead.demo.staff import Holding, Refusals, Staff
from wellhead.limit import Action, Measure, Scope, ScopeKind, Window
from wellhead.moments import DAY_US
from wellhead.money import NANOUSD_PER_USD
from wellhead.registry import Actor, NewKey, NewLimit, Registry

At = Callable[[int], Registry]
"""The registry, whose clock stands at a moment (microseconds)."""

OPERATOR = Actor("cli:nora")
FOUNDED_D = 34
"""Days ago."""
ROTATED_D, OVERLAP_S = 10, 86_400
REVOKED_D = 9
SPENT_D = 2
BURSTS_D = 21
BURST_CALLS = 3
"""Calls of the search service in a minute."""

PROJECTS = ("web app", "mobile app", "search", "research", "customer care", "back office")
ARCHIVED, ARCHIVED_D = "chatbot pilot", 12

ACCOUNTS = (
    # The credential's beginning, its project, the account.
    ("sk-ant-oat01-", None, Account("wells-max-1", "anthropic", Plan.CLAUDE, busy=0.62, busy_week=0.9)),
    ("sk-ant-oat01-", None, Account("wells-max-2", "anthropic", Plan.CLAUDE, busy=0.35, busy_week=0.55)),
    ("sk-ant-api03-", "customer care", Account("wells-care", "anthropic", Plan.ANTHROPIC_API, busy=0.2)),
    ("sess-", "web app", Account("wells-codex", "openai", Plan.CODEX, busy=0.5, busy_week=0.75)),
    ("sk-proj-", None, Account("wells-api", "openai", Plan.OPENAI_API, busy=0.3)),
    ("AIza", None, Account("wells-gemini", "gemini", Plan.UNTOLD)),
)
RESTING = "account of the pilot"
"""A credential that was disabled with its project."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key that somebody was given."""

    name: str
    project: str
    client: str
    made_d: int = FOUNDED_D
    """Days ago..."""
    ends_d: int | None = None
    """...as is its expiry; less than nothing: still to come."""
    models: tuple[str, ...] | None = None
    tags: tuple[tuple[str, str], ...] = ()
    limits: tuple[NewLimit, ...] = ()


PERSON, SERVICE, AGENT = ((("kind", kind),) for kind in ("person", "service", "agent"))
A_FEW = NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 4, name="a few at a time")
OLD_LAPTOP = "ben-old-laptop"
ROTATED = "nightly-report"
KEYS = (
    Entry("ann", "web app", "ann", tags=PERSON),
    Entry(OLD_LAPTOP, "web app", "ben", tags=PERSON),
    Entry("chloe", "mobile app", "chloe", ends_d=-3, tags=PERSON),
    Entry("dmitri", "research", "dmitri", tags=PERSON),
    Entry("search-service", "search", "search-service", tags=SERVICE),
    Entry(ROTATED, "back office", ROTATED, tags=SERVICE),
    Entry("support-bot", "customer care", "support-bot", 31, tags=AGENT, limits=(A_FEW,)),
    Entry("ivy-contractor", "mobile app", "ivy", 29, ends_d=6, tags=PERSON),
    Entry("eval-runner", "research", "eval-runner", 25, models=("gpt-4o*",), tags=AGENT),
    Entry("ben", "web app", "ben", REVOKED_D, tags=PERSON),
)


@dataclass(frozen=True, slots=True)
class Company:
    """What was made."""

    staff: Staff
    keys: dict[str, str] = field(repr=False)
    """Secrets of those that are good, by client."""
    credentials: dict[str, str] = field(repr=False)
    """Secrets by account."""


def found(at: At, now_us: int) -> Company:
    """Make all but the limits; the moments lie in the past."""
    begun = at(now_us - FOUNDED_D * DAY_US)
    uuids = {name: begun.create_project(OPERATOR, name).uuid for name in (*PROJECTS, ARCHIVED)}
    numbers = {name: begun.project(uuid).id for name, uuid in uuids.items()}
    credentials = {}
    for beginning, project, account in ACCOUNTS:
        secret = credentials[account.name] = beginning + secrets.token_urlsafe(30)
        of = None if project is None else uuids[project]
        begun.create_credential(OPERATOR, account.provider, account.name, secret, of)
    pilots = "sk-proj-" + secrets.token_urlsafe(30)
    resting = begun.create_credential(OPERATOR, "openai", RESTING, pilots, uuids[ARCHIVED])

    keys: dict[str, str] = {}
    holdings: dict[str, list[Holding]] = {}

    def give(entry: Entry) -> None:
        made_us = now_us - entry.made_d * DAY_US
        ends_us = None if entry.ends_d is None else now_us - entry.ends_d * DAY_US
        issued = at(made_us).create_key(
            OPERATOR,
            NewKey(
                entry.name,
                uuids[entry.project],
                ends_us,
                allowed_models=entry.models,
                tags=entry.tags,
                limits=entry.limits,
            ),
        )
        until_us = now_us - REVOKED_D * DAY_US if entry.name == OLD_LAPTOP else ends_us
        refusals = _refusals(entry.name, now_us)
        held = Holding(entry.name, issued.key.id, numbers[entry.project], made_us, until_us, refusals)
        holdings.setdefault(entry.client, []).append(held)
        if until_us is None or until_us > now_us:
            keys[entry.client] = issued.secret

    for entry in KEYS:
        if entry.made_d > ARCHIVED_D:
            give(entry)
    archiving = at(now_us - ARCHIVED_D * DAY_US)
    archiving.change_project(OPERATOR, uuids[ARCHIVED], archived=True)
    archiving.change_credential(OPERATOR, resting.id, disabled=True)
    rotated_us = now_us - ROTATED_D * DAY_US
    (old,) = holdings[ROTATED]
    successor = at(rotated_us).rotate_key(OPERATOR, old.key_id, OVERLAP_S)
    holdings[ROTATED].append(Holding(ROTATED, successor.key.id, old.project_id, rotated_us))
    keys[ROTATED] = successor.secret
    at(now_us - REVOKED_D * DAY_US).revoke_key(OPERATOR, holdings["ben"][0].key_id)
    for entry in KEYS:
        if entry.made_d <= ARCHIVED_D:
            give(entry)
    return Company(_staff(holdings, numbers), keys, credentials)


def _staff(holdings: dict[str, list[Holding]], numbers: dict[str, int]) -> Staff:
    accounts: dict[tuple[int | None, str], tuple[str, ...]] = {}
    for _, project, account in ACCOUNTS:
        place = None if project is None else numbers[project], account.provider
        if account.plan is not Plan.UNTOLD:
            accounts[place] = (*accounts.get(place, ()), account.name)
    return Staff({client: tuple(some) for client, some in holdings.items()}, accounts)


def _refusals(key: str, now_us: int) -> Refusals | None:
    if key == "eval-runner":
        told = "The budget 'evaluations' leaves no room; it frees when its first calls are 30 days old"
        return Refusals(now_us - SPENT_D * DAY_US, 1.0, 402, "budget_exhausted", told)
    if key == "search-service":
        told = f"The limit 'no bursts' ({BURST_CALLS} calls per minute for this key) leaves no room"
        return Refusals(now_us - BURSTS_D * DAY_US, 0.02, 429, "rate_limited", told)
    return None


def set_limits(registry: Registry, company: Company) -> None:
    """Make the limits; what the calls in the books used of them counts already."""

    def spent(*names: str) -> int:
        held = (one for some in company.staff.holdings.values() for one in some if one.name in names)
        return sum(registry.key(one.key_id).cost_nanousd or 0 for one in held)

    def key(client: str) -> Scope:
        return Scope(ScopeKind.KEY, str(company.staff.holdings[client][-1].key_id))

    uuids = {project.name: project.uuid for project in registry.projects().entries}
    web = Scope(ScopeKind.PROJECT, uuids["web app"])
    care = Scope(ScopeKind.PROJECT, uuids["customer care"])
    everybody, each_key = Scope(ScopeKind.GLOBAL), Scope(ScopeKind.KEY)
    opus = Scope(ScopeKind.MODEL, "claude-opus-*")
    everything = spent(*(entry.name for entry in KEYS))
    cost, month, warn, shadow = Measure.COST, Window.MONTH, Action.WARN, Action.SHADOW
    for new in (
        NewLimit(cost, month, _dollars(everything, 1.6, 10), everybody, warn, name="all of us"),
        NewLimit(cost, month, _dollars(spent("ann", "ben", OLD_LAPTOP), 1.4, 10), web, name="web app"),
        NewLimit(cost, month, _dollars(spent("dmitri"), 1.03), key("dmitri"), sliding=True, name="dmitri"),
        NewLimit(
            cost,
            month,
            _dollars(spent("eval-runner"), 0.9),
            key("eval-runner"),
            sliding=True,
            name="evaluations",
        ),
        NewLimit(cost, Window.DAY, 5 * NANOUSD_PER_USD, care, zone="Europe/Berlin", name="care, a day"),
        NewLimit(Measure.TOTAL_TOKENS, Window.DAY, 5_000_000, opus, shadow, name="opus, if we had a limit"),
        NewLimit(Measure.CALLS, Window.HOUR, 300, each_key, sliding=True, name="anybody, an hour"),
        NewLimit(
            Measure.CALLS, Window.MINUTE, BURST_CALLS, key("search-service"), sliding=True, name="no bursts"
        ),
    ):
        registry.create_limit(OPERATOR, new)


def _dollars(nanousd: int, times: float, step: int = 1) -> int:
    """So many times as much, in steps of so many dollars and never nothing."""
    size = step * NANOUSD_PER_USD
    return max(round(nanousd * times / size), 1) * size
