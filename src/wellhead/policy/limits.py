"""Which limits a call meets, what it takes of them, and what its end gives back.

::

    admission    calls           used + 1
                 tokens, cost    held + what it may use at most
                 at one time     held + 1
    settlement   tokens, cost    held - the same, used + what it did use
                 at one time     held - 1

A limit's figures can be computed again from the rows of calls at any time, because
of every call it takes `fact + hold`: while it runs there is no fact, and afterwards
the hold is what stands in for facts that nobody reported.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

from wellhead.call import CallState, Opening, Settlement
from wellhead.limit import Limit, Measure, ScopeKind, Window
from wellhead.money import COST_NANOUSD_MAX
from wellhead.policy.scopes import NO_ROOTS, Roots, root_of, subject_of
from wellhead.usage import TOKENS_MAX, UsageSource

BYTES_PER_TOKEN = 4
"""Of text, by the providers' own rule of thumb."""
HOLD_TOKENS_MAX = TOKENS_MAX
"""No call uses more, whatever its client asks for: the sum of all holds has to stay below 64 bits."""
CALLERS_REMEMBERED = 4096
"""Whose limits are not looked for again."""

Quote = Callable[[Opening, int, int], int | None]
"""A call, input and output tokens to nano-dollars; `None` where there is no price."""

Met = tuple[Limit, str]
"""A limit that applies to a call, and the subject it counts it under."""

_TOKENS = (Measure.INPUT_TOKENS, Measure.OUTPUT_TOKENS, Measure.TOTAL_TOKENS)
_BY_ID = (ScopeKind.KEY, ScopeKind.PROJECT, ScopeKind.PROVIDER)


_WHO_CALLS = ("provider", "model", "key_id", "project_id", "tool", "client", "client_address")
"""All that scopes look at."""
_who_calls = attrgetter(*_WHO_CALLS)


class Limits:
    """A set of limits, arranged so that a call finds its own among thousands."""

    def __init__(self, limits: Iterable[Limit], roots: Roots = NO_ROOTS) -> None:
        self._roots = roots
        self._found_for = lru_cache(CALLERS_REMEMBERED)(self._find)
        self._for_all: list[Limit] = []
        self._by_id: defaultdict[tuple[ScopeKind, str], list[Limit]] = defaultdict(list)
        for limit in limits:
            kind, id_ = limit.scope.kind, limit.scope.id
            if kind in _BY_ID and id_ is not None:
                self._by_id[kind, root_of(id_, roots) if kind is ScopeKind.KEY else id_].append(limit)
            else:
                self._for_all.append(limit)

    def met_by(self, call: Opening) -> Sequence[Met]:
        """Those that apply to the call, ordered by their ids."""
        return self._found_for(*_who_calls(call))

    def _find(self, *who: Any) -> Sequence[Met]:
        # The same few callers come again and again, and a glob of models has to be tried against each.
        known = dict(zip(_WHO_CALLS, who, strict=True))
        call = Opening(id=0, started_us=0, dialect="", method="", path="", **known)
        found = list(self._for_all)
        if self._by_id:
            for kind, id_ in (
                (ScopeKind.KEY, self._roots.get(call.key_id or 0, call.key_id)),
                (ScopeKind.PROJECT, call.project_id),
                (ScopeKind.PROVIDER, call.provider),
            ):
                if id_ is not None:
                    found += self._by_id.get((kind, str(id_)), ())
        met = [
            (limit, subject)
            for limit in found
            if (subject := subject_of(limit, call, self._roots)) is not None
        ]
        return tuple(sorted(met, key=lambda one: one[0].id))


def with_holds(call: Opening, met: Sequence[Met], quote: Quote) -> tuple[int | None, int | None, int | None]:
    """What is reserved for a call (input tokens, output tokens, nano-dollars), given the limits it meets."""
    measures = {limit.measure for limit, _ in met}
    input_tokens = min(call.hold_input_tokens or 0, HOLD_TOKENS_MAX)
    output_tokens = min(call.hold_output_tokens or 0, HOLD_TOKENS_MAX)
    costs = Measure.COST in measures
    if not costs and measures.isdisjoint(_TOKENS):
        return None, None, None
    return (
        input_tokens,
        output_tokens,
        priced(quote, call, input_tokens, output_tokens) if costs else None,
    )


def priced(quote: Quote, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
    """What tokens of a call cost, if there is a price; never more than is believed of one call."""
    price = quote(call, input_tokens, output_tokens)
    return None if price is None else min(price, COST_NANOUSD_MAX)


def taken(measure: Measure, call: Opening) -> tuple[int, int]:
    """What a call takes of a limit when it is admitted: used, held."""
    if measure is Measure.CALLS:
        return 1, 0
    if measure is Measure.CONCURRENT_CALLS:
        return 0, 1
    return 0, held(measure, call)


def held(measure: Measure, record: Opening | Settlement) -> int:
    """The hold of a record, by what the limit counts."""
    if measure is Measure.COST:
        return record.hold_nanousd or 0
    input_tokens = 0 if measure is Measure.OUTPUT_TOKENS else record.hold_input_tokens or 0
    output_tokens = 0 if measure is Measure.INPUT_TOKENS else record.hold_output_tokens or 0
    return input_tokens + output_tokens


def fact(measure: Measure, settlement: Settlement) -> int:
    """What a call is known to have used."""
    if measure is Measure.COST:
        return settlement.cost_nanousd or 0
    usage = settlement.usage
    if measure is Measure.INPUT_TOKENS:
        return usage.input_tokens or 0
    return (usage.output_tokens if measure is Measure.OUTPUT_TOKENS else usage.total_tokens) or 0


def given_back(limit: Limit, call: Opening, settlement: Settlement) -> tuple[int, int]:
    """What the end of a call changes about a limit: used, held."""
    measure = limit.measure
    if measure is Measure.CALLS or call.admitted_us is None:
        return 0, 0
    if measure is Measure.CONCURRENT_CALLS:
        return 0, -1
    if limit.window is Window.TOTAL and call.admitted_us < limit.created_us:
        return 0, 0
    return fact(measure, settlement) + held(measure, settlement), -held(measure, call)


def kept(
    call: Opening, end: Settlement, quote: Quote, charge_interrupted: bool
) -> tuple[int | None, int | None, int | None]:
    """What stays of a call's hold at its end: an estimate of what the upstream did not report, or nothing.

    Without it whoever leaves every stream before its last event, or never asks for usage,
    would have no limit at all.  The estimate never exceeds the hold.
    """
    if call.hold_input_tokens is None:
        return None, None, None
    held_output = call.hold_output_tokens or 0
    if end.state is CallState.INTERRUPTED:
        whole = call.hold_input_tokens, held_output, call.hold_nanousd
        return whole if charge_interrupted else (None, None, None)
    if not _may_have_used_more(end):
        return None, None, None
    known_input, known_output = end.usage.input_tokens, end.usage.output_tokens or 0
    input_tokens = call.hold_input_tokens if known_input is None else 0
    written = -(-(end.response_bytes or 0) // BYTES_PER_TOKEN)
    if end.state is CallState.ABORTED and not call.streamed:
        written = held_output  # An answer that is no stream is written whole before any of it comes.
    output_tokens = max(min(held_output, written) - known_output, 0)
    nanousd = None
    if call.hold_nanousd is not None:
        if end.cost_nanousd is None:  # What is known has no price yet either.
            unpriced = input_tokens + (known_input or 0), output_tokens + known_output
            nanousd = priced(quote, call, *unpriced) or 0
        else:
            nanousd = _beside_its_price(quote, call, input_tokens, output_tokens)
        nanousd = min(call.hold_nanousd, nanousd)
    return input_tokens or None, output_tokens or None, nanousd or None


def kept_when_priced(call: Opening, end: Settlement, quote: Quote) -> int | None:
    """What stays of a hold in money once the rest of the call has a price, or another one.

    `end` is the end as it was booked: the tokens it keeps are those that nobody reported.
    """
    unknown = end.hold_input_tokens or 0, end.hold_output_tokens or 0
    if end.hold_nanousd is None or unknown == (0, 0):
        return None
    return _beside_its_price(quote, call, *unknown) or None


def _beside_its_price(quote: Quote, call: Opening, input_tokens: int, output_tokens: int) -> int:
    """What further tokens of a call cost that has a price: what is paid for the call itself is in there."""
    whole, fee = priced(quote, call, input_tokens, output_tokens), priced(quote, call, 0, 0)
    return max((whole or 0) - (fee or 0), 0)


def _may_have_used_more(end: Settlement) -> bool:
    """Whether the upstream worked for it and did not say how much: errors cost nothing."""
    if end.state is CallState.REFUSED or not end.attempts:
        return False
    if end.upstream_latency_us is None:
        # Nothing was answered: for somebody who left the upstream read the request all the same.
        return end.state is CallState.ABORTED
    if end.state is CallState.FAILED and (end.status_code or 0) >= 400:
        return False
    return end.usage_source is UsageSource.ABSENT or end.incomplete
