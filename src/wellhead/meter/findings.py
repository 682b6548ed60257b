"""Findings: what the documents of one response add up to.

A response is one document or a stream of them.  Each is reduced to its outline
and read here by the dialect's table; of everything, the last value stated counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from wellhead.meter.counts import Counts, Tree, tree_of
from wellhead.meter.dialect import Dialect, varied
from wellhead.meter.outline import UNREADABLE, Outline, Steps, Trouble, reach, steps
from wellhead.money import NANOUSD_PER_USD, nanousd
from wellhead.usage import NO_USAGE, Reading, UsageSource

ERROR_MESSAGE_MAX = 500
"""Characters kept of an error message."""
NAME_MAX = 512
"""Characters kept of a model name, id, reason, tier or error type."""
COUNT_DIGITS_MAX = 15
"""Digits of a count in a header."""
USAGE_EXTRA_MAX = 16 * 1024
"""Bytes kept of usage as it came."""


@dataclass(frozen=True, eq=False, slots=True)
class Plan:
    """A dialect's table, made ready for use."""

    dialect: Dialect
    outline: Outline
    tree: Tree
    usage: tuple[Steps, ...]
    names: tuple[tuple[str, tuple[Steps, ...]], ...]
    """Attribute of `Findings` -> where its text stands."""
    finish: tuple[Steps, ...]
    end_flag: Steps | None
    error: tuple[tuple[Steps, ...], tuple[Steps, ...]]
    bare_error: tuple[tuple[Steps, ...], tuple[Steps, ...]]


@cache
def plan_of(dialect: Dialect, variant: str | None) -> Plan:
    """The plan of a dialect and variation; made once for each."""
    d = varied(dialect, variant)
    lists = [f"{list_at}.*.type" for lists_at, _ in d.items.values() for list_at in lists_at]
    flags = [d.end_flag] if d.end_flag else []
    wanted = {
        *d.usage_at, *d.model_at, *d.id_at, *d.tier_at, *d.finish_at, *lists, *flags,
        "type", "error", *d.error_type_at, *d.error_message_at, *d.bare_error_at[0], *d.bare_error_at[1],
    }  # fmt: skip
    if "." in d.usage_at:
        # The figures stand in the document itself.
        wanted.update(tree_of(d), d.keep)
    wanted.discard(".")
    return Plan(
        dialect=d,
        outline=Outline(sorted(steps(path) for path in wanted)),
        tree=tree_of(d),
        usage=_all(d.usage_at),
        names=(("model", _all(d.model_at)), ("id", _all(d.id_at)), ("tier", _all(d.tier_at))),
        finish=_all(d.finish_at),
        end_flag=steps(d.end_flag) if d.end_flag else None,
        error=(_all(d.error_type_at), _all(d.error_message_at)),
        bare_error=(_all(d.bare_error_at[0]), _all(d.bare_error_at[1])),
    )


def _all(paths: tuple[str, ...]) -> tuple[Steps, ...]:
    return tuple(steps(path) for path in paths)


class Findings:
    """Reads the documents of one response and makes the `Reading`."""

    __slots__ = ("_counts", "_extra", "_plan", "_saw_usage", "_status", "cost", "ended", "error_message",
                 "error_type", "finish", "id", "model", "tier", "trouble")  # fmt: skip

    def __init__(self, plan: Plan, status: int, trouble: Trouble) -> None:
        self._plan = plan
        self._status = status
        self._counts: Counts = Counts(plan.dialect, plan.tree, trouble)
        self._extra: dict[str, Any] = {}
        self.trouble = trouble
        self.ended = False
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
        try:
            outline = self._plan.outline.read(document, self.trouble)
        except UNREADABLE:
            return False
        plan, dialect = self._plan, self._plan.dialect
        kind = outline.get("type", event)
        for path in plan.usage:
            for usage in reach(outline, path):
                self._read_usage(usage)
        for name, paths in plan.names:
            text = _text(outline, paths)
            if text is not None:
                setattr(self, name, text)
        for path in plan.finish:
            for reason in reach(outline, path):
                if isinstance(reason, str) and reason and reason not in dialect.unfinished:
                    self.finish = reason[:NAME_MAX]
                    self.ended = self.ended or dialect.finish_ends
        if (isinstance(kind, str) and kind in dialect.end_types) or (
            plan.end_flag and True in reach(outline, plan.end_flag)
        ):
            self.ended = True
        self._read_items(outline)
        self._read_error(outline, bare=self._status >= 400 or kind == "error")
        return True

    def _read_usage(self, usage: Any) -> None:
        self._counts.read(usage)
        dialect = self._plan.dialect
        if not isinstance(usage, dict):
            return
        for name in dialect.keep:
            if usage.get(name) is not None:
                self._extra[name] = usage[name]
        for cost in dialect.costs:
            amount = _nanousd(usage, cost.path, cost.units_per_usd)
            if amount is None:
                continue
            if cost.plus and cost.plus_if and True in reach(usage, steps(cost.plus_if)):
                amount += _nanousd(usage, cost.plus, cost.units_per_usd) or 0
            self.cost = amount
            break

    def _read_items(self, outline: Any) -> None:
        for figure, (lists_at, kind) in self._plan.dialect.items.items():
            found = [k for list_at in lists_at for k in reach(outline, steps(f"{list_at}.*.type"))].count(
                kind
            )
            if found:
                self._counts.set(figure, found)

    def _read_error(self, outline: Any, *, bare: bool) -> None:
        for types, messages in (self._plan.error, self._plan.bare_error) if bare else (self._plan.error,):
            kind = _text(outline, types)
            message = next((m for path in messages for m in reach(outline, path)), None)
            if kind is None and message is None:
                continue
            self.error_type = kind
            self.error_message = None if message is None else _excerpt(message)
            return

    def reading(self, headers: Iterable[tuple[bytes, bytes]]) -> Reading:
        """All that was found, the response's headers standing in for what the body did not state."""
        self._read_headers(headers)
        usage = self._counts.usage()
        return Reading(
            usage=usage,
            usage_source=UsageSource.ABSENT if usage == NO_USAGE else UsageSource.REPORTED,
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
        )

    def _read_headers(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        dialect = self._plan.dialect
        ids = {}
        for name, value in headers:
            if name in dialect.id_headers:
                ids[name] = value
            elif name in dialect.count_headers and value.isdigit() and len(value) <= COUNT_DIGITS_MAX:
                self._counts.set(dialect.count_headers[name], int(value))
        if self.id is None and ids:
            first = min(ids, key=dialect.id_headers.index)
            self.id = ids[first].decode("latin-1")[:NAME_MAX]

    def _kept(self) -> str | None:
        if not self._extra:
            return None
        text = msgspec.json.encode(self._extra)
        if len(text) > USAGE_EXTRA_MAX:
            self.trouble.setdefault("usage_extra_too_long")
            return None
        return text.decode()


def _text(outline: Any, paths: tuple[Steps, ...]) -> str | None:
    """The first text (or number, for error codes) that is not empty."""
    for path in paths:
        for value in reach(outline, path):
            if isinstance(value, str) and value and value != "error":
                return value[:NAME_MAX]
            if type(value) is int:
                return str(value)
    return None


def _excerpt(message: Any) -> str:
    text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
    return text[:ERROR_MESSAGE_MAX]


def _nanousd(usage: Any, path: str, units_per_usd: int) -> int | None:
    for amount in reach(usage, steps(path)):
        if units_per_usd == 1:
            return nanousd(amount) if isinstance(amount, int | float) else None
        if type(amount) is int and amount >= 0:
            return (amount * NANOUSD_PER_USD * 2 + units_per_usd) // (units_per_usd * 2)
    return None
