"""What calls cost when they end, with their rates as the books number them."""

from collections.abc import Callable, Mapping, Sequence

from msgspec import structs

from wellhead.call import Attempt, Opening, Settlement
from wellhead.cost import Costed
from wellhead.database import costs
from wellhead.database.bulk import Row
from wellhead.database.calls import Settled
from wellhead.ledger.connection import HeldConnection
from wellhead.ledger.say import Say
from wellhead.money import COST_NANOUSD_MAX, decimal_usd
from wellhead.policy.limits import HOLD_TOKENS_MAX, priced
from wellhead.ports import Prices


class Costing:
    """Prices the ends of a worker's calls; belongs to one thread."""

    def __init__(self, prices: Prices, held: HeldConnection, now_us: Callable[[], int], say: Say) -> None:
        self._prices = prices
        self._held = held
        self._now_us = now_us
        self._say = say

    def costed(self, settled: Sequence[Settled]) -> dict[int, Costed]:
        """What calls that ended cost, by their ids; rates that are used for the first time are booked."""
        found = {call.id: cost for call, end in settled if (cost := self._prices.price(call, end))}
        used = {rate.digest: rate for cost in found.values() for rate in cost.rates()}
        new = {digest: rate for digest, rate in used.items() if digest not in self._held.rate_ids}
        if new:
            with self._held.transaction() as connection:
                ids = {key: costs.rate_id(connection, rate, self._now_us()) for key, rate in new.items()}
            self._held.rate_ids.update(ids)
        for call, end in settled:
            refused = found[call.id].refused_nanousd if call.id in found else None
            if refused is not None:
                about = {"provider": call.provider, "model": end.model_served or call.model}
                self._say("cost.guard", call_id=call.id, **about, raw_cost=decimal_usd(refused))
        return found

    def with_cost(self, end: Settlement, cost: Costed | None) -> Settlement:
        """The end of a call with what it cost, if that is known."""
        if cost is None:
            stated = end.cost_nanousd
            is_believed = stated is None or 0 <= stated <= COST_NANOUSD_MAX
            return end if is_believed else structs.replace(end, cost_nanousd=None)
        rate_id = None if cost.rate is None else self._held.rate_ids[cost.rate.digest]
        return structs.replace(end, cost_nanousd=cost.nanousd, cost_state=cost.state, rate_id=rate_id)

    def with_estimates(self, call: Opening, end: Settlement) -> Settlement:
        """The end of a call with the most that its attempts may have cost whose usage nobody knows."""
        if not any(one.unmetered for one in end.tried):
            return end
        tried = tuple(self._estimated(call, one) if one.unmetered else one for one in end.tried)
        return structs.replace(end, tried=tried)

    def _estimated(self, call: Opening, one: Attempt) -> Attempt:
        if one.input_tokens_max is None:
            return one
        input_tokens = min(one.input_tokens_max, HOLD_TOKENS_MAX)
        output_tokens = min(one.output_tokens_max or 0, HOLD_TOKENS_MAX)
        there = structs.replace(call, provider=one.provider)
        return structs.replace(
            one,
            input_tokens_max=input_tokens,
            output_tokens_max=output_tokens,
            cost_nanousd_max=priced(self._prices.estimate, there, input_tokens, output_tokens),
        )

    def audit_rows(self, settled: Sequence[Settled], costed: Mapping[int, Costed]) -> list[Row]:
        """How each cost came about, so that it can be computed again."""
        return [
            costs.audit_row(opening.id, end.finished_us, costed[opening.id], self._held.rate_ids)
            for opening, end in settled
            if opening.id in costed
        ]
