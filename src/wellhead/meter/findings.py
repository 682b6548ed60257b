"""Findings: what the documents of one response add up to.

A response is one document or a stream of them.  Each is reduced to its outline
and read here by the dialect's table; of everything, the last value stated counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec

from wellhead import usage_extra
from wellhead.meter.counts import Counts, Rules, rules_of
from wellhead.meter.dialect import Cost, Dialect, varied
from wellhead.meter.outline import UNREADABLE, VALUE_MAX, Find, Outline, Trouble, finder, reach, steps
from wellhead.money import stated_nanousd
from wellhead.usage import NO_USAGE, Reading, UsageSource

ERROR_MESSAGE_MAX = 500
"""Characters kept of an error message."""
NAME_MAX = 512
"""Characters kept of a model name, id, reason, tier or error type."""
COUNT_DIGITS_MAX = 15
"""Digits of a count in a header."""
USAGE_EXTRA_MAX = VALUE_MAX
"""Bytes kept of usage as it came, to price the call by; the books keep less."""
QUOTAS_MAX = 8
"""Events about quotas that are kept of one response."""


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A dialect's table, made ready for use."""

    dialect: Dialect
    outline: Outline
    rules: Rules
    usage: tuple[Find, ...]
    model: tuple[Find, ...]
    id: tuple[Find, ...]
    tier: tuple[Find, ...]
    finish: tuple[Find, ...]
    end_flag: Find | None
    items: tuple[tuple[str, tuple[Find, ...], str], ...]
    error: tuple[tuple[Find, ...], tuple[Find, ...]]
    bare_error: tuple[tuple[Find, ...], tuple[Find, ...]]
    headers: frozenset[bytes]
    error_roots: frozenset[str]
    """Members without one of which a document reports no error."""


@cache
def plan_of(dialect: Dialect, variant: str | None) -> Plan:
    """The plan of a dialect and variation; made once for each."""
    d = varied(dialect, variant)
    rules = rules_of(d)
    items = tuple(
        (figure, tuple(f"{list_at}.*.type" for list_at in lists_at), kind)
        for figure, (lists_at, kind) in d.items.items()
    )
    errors_at = (*d.error_type_at, *d.error_message_at, *d.bare_error_at[0], *d.bare_error_at[1])
    named_at = (*d.usage_at, *d.model_at, *d.id_at, *d.tier_at, *d.finish_at, *errors_at, *d.quota_at)
    wanted = {("type",), *map(steps, named_at), *(steps(path) for _, paths, _ in items for path in paths)}
    if d.end_flag:
        wanted.add((d.end_flag,))
    if () in wanted:
        # The figures stand in the document itself.
        wanted.remove(())
        wanted.update((name,) for name in (*rules.tree, *d.keep))
    return Plan(
        dialect=d,
        outline=Outline(sorted(wanted)),
        rules=rules,
        usage=_finders(d.usage_at),
        model=_finders(d.model_at),
        id=_finders(d.id_at),
        tier=_finders(d.tier_at),
        finish=_finders(d.finish_at),
        end_flag=finder((d.end_flag,)) if d.end_flag else None,
        items=tuple((figure, _finders(paths), kind) for figure, paths, kind in items),
        error=(_finders(d.error_type_at), _finders(d.error_message_at)),
        bare_error=(_finders(d.bare_error_at[0]), _finders(d.bare_error_at[1])),
        headers=frozenset((*d.id_headers, *d.count_headers)),
        error_roots=frozenset(steps(path)[0] for path in errors_at) - {"type"},
    )


def _finders(paths: Iterable[str]) -> tuple[Find, ...]:
    return tuple(finder(steps(path)) for path in paths)


class Findings:
    """Reads the documents of one response and makes the `Reading`."""

    __slots__ = ("_counts", "_extra", "_plan", "_quotas", "_status", "cost", "ended", "error_message",
                 "error_type", "finish", "id", "marked", "model", "tier", "trouble")  # fmt: skip

    def __init__(self, plan: Plan, status: int, trouble: Trouble) -> None:
        self._plan = plan
        self._status = status
        self._counts = Counts(plan.rules, trouble)
        self._extra: dict[str, Any] = {}
        self._quotas: dict[str, dict[str, Any]] = {}
        self.trouble = trouble
        self.ended = False
        self.marked = False
        """The end marker was read: what is worth reading came before it."""
        self.cost: int | None = None
        self.model: str | None = None
        self.id: str | None = None
        self.tier: str | None = None
        self.finish: str | None = None
        self.error_type: str | None = None
        self.error_message: str | None = None

    @property
    def dialect(self) -> Dialect:
        """The table in use."""
        return self._plan.dialect

    def read(self, document: Any, event: str | None = None) -> bool:
        """Take one JSON document, or the data of one event; false if it is not a JSON object."""
        plan = self._plan
        try:
            outline = plan.outline.read(document, self.trouble)
        except UNREADABLE:
            return False
        kind = outline.get("type", event)
        if kind is not None and kind == plan.dialect.quota_type:
            self._keep_quotas(outline)
            return True
        for find in plan.usage:
            usages = find(outline)
            if usages:
                self._read_usage(usages[-1])
                break
        self.model = _text(outline, plan.model) or self.model
        self.id = _text(outline, plan.id) or self.id
        self.tier = _text(outline, plan.tier) or self.tier
        self._read_end(outline, kind)
        for figure, finds, item in plan.items:
            kinds = [k for find in finds for k in find(outline)]
            if item in kinds:
                self._counts.set(figure, kinds.count(item))
        if not plan.error_roots.isdisjoint(outline):
            self._read_error(outline, bare=self._status >= 400 or kind == "error")
        return True

    def _read_usage(self, usage: Any) -> None:
        if not isinstance(usage, dict):
            self.trouble.setdefault("usage_of_odd_form")
            return
        self._counts.read(usage)
        dialect = self._plan.dialect
        for name in dialect.keep:
            if usage.get(name) is not None:
                self._extra[name] = usage[name]
        for cost in dialect.costs:
            if cost.path in usage:
                amount = _charged(cost, usage)
                if amount is not None:
                    self.cost = amount
                elif usage[cost.path] is not None:
                    self.trouble.setdefault(f"cost_refused:{cost.path}")
                break

    def _keep_quotas(self, outline: Any) -> None:
        told = {name: outline[name] for name in self._plan.dialect.quota_at if name in outline}
        of = str(told.get(self._plan.dialect.quota_at[0]))
        if of in self._quotas or len(self._quotas) < QUOTAS_MAX:
            self._quotas[of] = told

    def _read_end(self, outline: Any, kind: Any) -> None:
        plan, dialect = self._plan, self._plan.dialect
        for find in plan.finish:
            for reason in find(outline):
                if isinstance(reason, str) and reason and reason not in dialect.unfinished:
                    self.finish = reason[:NAME_MAX]
                    self.ended = self.ended or dialect.finish_ends
        is_end = isinstance(kind, str) and kind in dialect.end_types
        if is_end or (plan.end_flag and True in plan.end_flag(outline)):
            self.mark_end()

    def mark_end(self) -> None:
        """Take the dialect's end marker."""
        self.ended = self.marked = True

    def _read_error(self, outline: Any, *, bare: bool) -> None:
        plan = self._plan
        for types, messages in (plan.error, plan.bare_error) if bare else (plan.error,):
            kind = _text(outline, types)
            message = next((m for find in messages for m in find(outline) if m), None)
            if kind is not None or message is not None:
                self.error_type = kind
                self.error_message = None if message is None else _excerpt(message)
                return

    def reading(self, headers: Iterable[tuple[bytes, bytes]]) -> Reading:
        """All that was found, the response's headers standing in for what the body did not state."""
        self._read_headers(headers)
        usage = self._counts.usage()
        return Reading(
            usage=usage,
            usage_source=UsageSource.ABSENT if usage is NO_USAGE else UsageSource.REPORTED,
            usage_extra=self._kept(),
            cost_nanousd=self.cost,
            model_served=self.model,
            finish_reason=self.finish,
            upstream_request_id=self.id,
            service_tier=self.tier,
            error_type=self.error_type,
            error_message=self.error_message,
            ended=self.ended,
            trouble=tuple(self.trouble),
            quotas=tuple(self._quotas.values()),
        )

    def _read_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        plan, dialect = self._plan, self._plan.dialect
        if self.id is not None and not dialect.count_headers:
            return
        found = {name: value for name, value in headers if name in plan.headers}
        if not found:
            return
        for name, value in found.items():
            if name in dialect.count_headers and value.isdigit() and len(value) <= COUNT_DIGITS_MAX:
                self._counts.set(dialect.count_headers[name], int(value))
        if self.id is None:
            ids = (found[name] for name in dialect.id_headers if name in found)
            self.id = next(ids, b"").decode("latin-1")[:NAME_MAX] or None

    def _kept(self) -> str | None:
        if not self._extra:
            return None
        text = usage_extra.text_of(self._extra, USAGE_EXTRA_MAX)
        if usage_extra.is_cut(text):
            self.trouble.setdefault("usage_extra_too_long")
        return text


def _text(outline: Any, finds: tuple[Find, ...]) -> str | None:
    """The first text that is not empty; error codes may be numbers."""
    for find in finds:
        for value in find(outline):
            if isinstance(value, str) and value and value != "error":
                return value[:NAME_MAX]
            if type(value) is int:
                return str(value)[:NAME_MAX]
    return None


def _excerpt(message: Any) -> str:
    text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    return text[:ERROR_MESSAGE_MAX]


def _charged(cost: Cost, usage: Any) -> int | None:
    """What the provider says that it charged, in nano-dollars; `None` for what is no number."""
    amount = _nanousd(usage, cost.path, cost.units_per_usd)
    if amount is not None and cost.plus and cost.plus_if and True in reach(usage, steps(cost.plus_if)):
        more = _nanousd(usage, cost.plus, cost.units_per_usd) or 0
        # Less than nothing is left for all to see, rather than made good by the other part.
        amount = min(amount, more) if amount < 0 or more < 0 else amount + more
    return amount


def _nanousd(usage: Any, path: str, units_per_usd: int) -> int | None:
    for amount in reach(usage, steps(path)):
        if type(amount) in (int, float):
            return stated_nanousd(Decimal(repr(amount)) / units_per_usd)
    return None
