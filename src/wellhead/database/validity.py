"""What the registry takes: names, patterns, secrets, expiries, limits.

Every function gives back the value to keep or raises `Invalid`, whose message says
what is allowed and never repeats a secret.  Whether a project or key exists is asked
of whoever knows.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from zoneinfo import ZoneInfo

from wellhead.access import Patterns, Tags
from wellhead.errors import Invalid, NotFound
from wellhead.limit import Action, Limit, Measure, Scope, ScopeKind, Source, Window
from wellhead.money import COST_NANOUSD_MAX, NANOUSD_PER_USD
from wellhead.registry import NAME_CHARS_MAX, PAGE_MAX, KeyChange, NewKey, NewLimit, Unchanged

PATTERNS_MAX = 100
"""Globs in one list."""
PATTERN_CHARS_MAX = 200
TAGS_MAX = 100
SECRET_CHARS_MAX = 4096
AMOUNT_MAX = 2**53
"""Of calls and tokens: what JavaScript still counts exactly."""
COST_AMOUNT_MAX = COST_NANOUSD_MAX * 1000
LATEST_US = 253_402_300_800_000_000
"""The year 10000."""
NUMBER_CHARS_MAX = 18

_PROVIDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_SECRET = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")


def page_size(count: int) -> int:
    """How many entries a page has."""
    if count < 1:
        raise Invalid(f"a page has between 1 and {PAGE_MAX} entries")
    return min(count, PAGE_MAX)


def name(text: str) -> str:
    """A name that an operator gave, without spaces around it."""
    return _text("a name", text.strip(), NAME_CHARS_MAX)


def provider(text: str) -> str:
    """A provider's id; whether it is configured is not known here."""
    if not _PROVIDER.fullmatch(text) or len(text) > NAME_CHARS_MAX:
        raise Invalid("a provider's id is made of letters, digits, dots, hyphens and underscores")
    return text


def secret(text: str) -> str:
    """A secret towards an upstream: it has to fit into a header."""
    if len(text) > SECRET_CHARS_MAX:
        raise Invalid(f"a secret has at most {SECRET_CHARS_MAX} characters")
    if not _SECRET.fullmatch(text):
        raise Invalid("a secret is printable ASCII, without spaces or line ends around it, and not empty")
    return text


def expiry(expires_us: int | None, now_us: int) -> int | None:
    if expires_us is not None and not now_us < expires_us < LATEST_US:
        raise Invalid("the expiry must lie in the future")
    return expires_us


def overlap_us(overlap_s: int, now_us: int) -> int:
    """How long two keys work side by side."""
    if overlap_s < 0 or now_us + overlap_s * 1_000_000 >= LATEST_US:
        raise Invalid("the overlap is a number of seconds, 0 or more")
    return overlap_s * 1_000_000


def new_key(new: NewKey, now_us: int) -> NewKey:
    """What is asked of a key, apart from its project and limits."""
    return replace(
        new,
        name=name(new.name),
        expires_us=expiry(new.expires_us, now_us),
        tags=_tags(new.tags),
        allowed_models=_patterns("allowed_models", new.allowed_models),
        allowed_providers=_patterns("allowed_providers", new.allowed_providers),
        allowed_endpoints=_patterns("allowed_endpoints", new.allowed_endpoints),
        allowed_accounts=_patterns("allowed_accounts", new.allowed_accounts),
    )


def key_change(change: KeyChange, now_us: int) -> dict[str, object]:
    """The fields of a key that are to be different."""
    fields = {field: getattr(change, field) for field in change.__slots__}
    wanted = {field: value for field, value in fields.items() if not isinstance(value, Unchanged)}
    for field in wanted:
        if field == "name":
            wanted[field] = name(wanted[field])
        elif field == "expires_us":
            wanted[field] = expiry(wanted[field], now_us)
        elif field == "tags":
            wanted[field] = _tags(wanted[field])
        else:
            wanted[field] = _patterns(field, wanted[field])
    return wanted


def limit(new: NewLimit, scope: Scope, now_us: int, source: Source = Source.OPERATOR) -> Limit:
    """The limit that is asked for, for a scope that is resolved already; its number is 0."""
    concurrent = new.measure is Measure.CONCURRENT_CALLS
    if concurrent and new.window is not Window.TOTAL:
        raise Invalid("calls at one time are counted over the window total")
    if new.sliding and new.window is Window.TOTAL:
        raise Invalid("only the windows minute, hour, day, week and month can be sliding")
    return Limit(
        id=0,
        scope=scope,
        measure=new.measure,
        window=new.window,
        amount=amount(new.measure, new.amount),
        created_us=now_us,
        action=Action(new.action),
        sliding=new.sliding,
        zone=_zone(new.zone),
        name=None if new.name is None else name(new.name),
        source=source,
    )


def amount(measure: Measure, value: int) -> int:
    """The amount of a limit; 0 lets nothing through."""
    if measure is Measure.COST and not 0 <= value <= COST_AMOUNT_MAX:
        most = COST_AMOUNT_MAX // NANOUSD_PER_USD
        raise Invalid(f"the amount of a limit on cost is between 0 and {most} US dollars")
    if measure is not Measure.COST and not 0 <= value <= AMOUNT_MAX:
        raise Invalid(f"the amount of a limit is a whole number between 0 and {AMOUNT_MAX}")
    return value


def scope(asked: Scope | None, project_id: Callable[[str], int], has_key: Callable[[int], bool]) -> Scope:
    """The scope with a project's number in place of its uuid; `NotFound` if it names what is not there."""
    if asked is None:
        raise Invalid("a limit needs a scope")
    kind, id_ = asked.kind, asked.id
    if kind is ScopeKind.CLIENT:
        if id_ is not None:
            raise Invalid("a limit for a tool and client names those, not an id")
        tool, client = (None if one is None else name(one) for one in (asked.tool, asked.client))
        return Scope(kind, None, tool, client)
    if asked.tool is not None or asked.client is not None:
        raise Invalid("only a limit for a tool and client names those")
    if kind is ScopeKind.GLOBAL and id_ is not None:
        raise Invalid("a global limit has no id")
    if id_ is None:
        return Scope(kind)
    if kind is ScopeKind.PROJECT:
        return Scope(kind, str(project_id(id_)))
    if kind is ScopeKind.KEY:
        return Scope(kind, str(_key(id_, has_key)))
    return Scope(kind, provider(id_) if kind is ScopeKind.PROVIDER else _pattern("the model of a limit", id_))


def _key(text: str, has_key: Callable[[int], bool]) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= NUMBER_CHARS_MAX and has_key(int(text))):
        raise NotFound("there is no such key")
    return int(text)


def _zone(text: str) -> str:
    try:
        if _ZONE.fullmatch(text):
            ZoneInfo(text)
            return text
    except (ValueError, OSError, KeyError):
        pass
    raise Invalid("the zone is no IANA time zone, such as UTC or Europe/Berlin")


def _patterns(field: str, globs: Patterns) -> Patterns:
    if globs is None:
        return None
    if len(globs) > PATTERNS_MAX:
        raise Invalid(f"{field} has at most {PATTERNS_MAX} entries")
    return tuple(_pattern(f"an entry of {field}", glob) for glob in globs)


def _pattern(what: str, glob: str) -> str:
    return _text(what, glob, PATTERN_CHARS_MAX)


def _tags(tags: Tags) -> Tags:
    if len(tags) > TAGS_MAX:
        raise Invalid(f"a key has at most {TAGS_MAX} tags")
    if len({tag for tag, _ in tags}) < len(tags):
        raise Invalid("a tag is named once")
    for tag, value in tags:
        _text("a tag's name", tag, NAME_CHARS_MAX)
        if value:
            _text("a tag's value", value, NAME_CHARS_MAX)
    return tuple(sorted(tags))


def _text(what: str, text: str, chars_max: int) -> str:
    if not text or len(text) > chars_max or not text.isprintable():
        raise Invalid(f"{what} has between 1 and {chars_max} printable characters")
    return text
