"""A price list of one price: implements `wellhead.ports.Prices`."""

import hashlib

from wellhead.call import Opening, Settlement
from wellhead.cost import Costed, CostState, UsedRate

CENT = 10_000_000
UNPRICED = "unpriced"
"""A model that it does not know."""
A_CENT = UsedRate(hashlib.sha256(b"a cent").digest(), "tests/a-cent", "tests", None, "*", None, None, "{}")


class CentPerToken:
    """Every token of every model but one costs a cent."""

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
        return None if call.model == UNPRICED else (input_tokens + output_tokens) * CENT

    def price(self, call: Opening, end: Settlement) -> Costed | None:
        usage = end.usage
        if end.cost_nanousd is not None:
            return Costed(CostState.PRICED, "reported", end.cost_nanousd)
        if usage.input_tokens is None or usage.output_tokens is None:
            return None
        cost = self.estimate(call, usage.input_tokens, usage.output_tokens)
        if cost is None:
            return Costed(CostState.PENDING, "no_price")
        return Costed(CostState.PRICED, "settled", cost, A_CENT, call.model, "exact")
