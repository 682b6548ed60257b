"""The price list that the books go by: implements `wellhead.ports.Prices` on a catalogue.

A fetched list that comes while calls are priced is taken up between two of them; several
threads may ask meanwhile.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec.structs import asdict

from wellhead.call import Opening, Settlement
from wellhead.cost import Costed, CostedStep, CostState, UsedRate
from wellhead.directory import ProviderType
from wellhead.money import COST_NANOUSD_MAX
from wellhead.pricing.catalogue import Catalogue, Match
from wellhead.pricing.layer import Layer
from wellhead.pricing.quote import StepPrice, estimate, priced
from wellhead.pricing.rates import Rate, Sheet
from wellhead.usage import UsageSource

RATES_REMEMBERED_MAX = 10_000


class PriceBook:
    """Prices calls by a catalogue."""

    def __init__(
        self,
        catalogue: Catalogue,
        types: Mapping[str, ProviderType],
        cost_max_nanousd: int = COST_NANOUSD_MAX,
    ) -> None:
        """`types` are those of the providers, by their ids; above `cost_max_nanousd` no call is believed."""
        self._catalogue = catalogue
        self._types = types
        self._cost_max_nanousd = cost_max_nanousd
        # By the rate's identity: it is as large as it is unchanging.
        self._used: dict[int, tuple[Rate, UsedRate]] = {}

    @property
    def catalogue(self) -> Catalogue:
        """What is gone by now."""
        return self._catalogue

    def go_by(self, refreshed: Layer) -> None:
        """Take up a fetched list in place of the one before; calls that are being priced see either."""
        self._catalogue = replace(self._catalogue, refreshed=refreshed)
        self._used = {}

    def match(self, provider: str, model: str, at_us: int) -> Match | None:
        """The rate of a model at a moment, as calls are priced."""
        local = self._types.get(provider) is ProviderType.OLLAMA
        return self._catalogue.match(provider, model, at_us, local=local)

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> int | None:
        if call.model is None:
            return None
        match = self.match(call.provider, call.model, call.started_us)
        return None if match is None else estimate(match.rate, input_tokens, output_tokens)

    def price(self, call: Opening, end: Settlement) -> Costed | None:
        if end.usage_source is UsageSource.ABSENT and end.cost_nanousd is None:
            return None
        found = priced(
            self._catalogue,
            provider=call.provider,
            provider_type=self._types.get(call.provider, ProviderType.OPENAI),
            model=call.model,
            model_served=end.model_served,
            tier=end.service_tier,
            usage=end.usage,
            reported_nanousd=end.cost_nanousd,
            at_us=call.started_us,
            dialect=call.dialect,
            usage_extra=end.usage_extra,
            cost_max_nanousd=self._cost_max_nanousd,
        )
        match = found.match
        return Costed(
            state=CostState(found.state.value),
            reason=found.reason.value,
            nanousd=found.nanousd,
            rate=None if match is None else self._kept(match.rate),
            model=None if match is None else match.key,
            how=None if match is None else match.how.value,
            trouble=found.trouble,
            steps=tuple(self._step(one) for one in found.steps),
            refused_nanousd=found.refused_nanousd,
        )

    def _step(self, one: StepPrice) -> CostedStep:
        step, match = one.step, one.match
        counts = {name: count for name, count in asdict(step.usage).items() if count is not None}
        return CostedStep(step.what, step.model, counts, self._kept(match.rate), match.how.value, one.nanousd)

    def _kept(self, rate: Rate) -> UsedRate:
        used = self._used
        known = used.get(id(rate))
        if known is None:
            if len(used) >= RATES_REMEMBERED_MAX:
                used.clear()
            known = used[id(rate)] = (rate, _used(rate))
        return known[1]


def _used(rate: Rate) -> UsedRate:
    prices = msgspec.json.encode(
        {
            "sheets": _sheets(rate.sheets),
            "tiers": {
                name: [{"since_us": one.since_us, "sheets": _sheets(one.sheets)} for one in some]
                for name, some in rate.tiers.items()
            },
            "hours": None if rate.hours is None else [rate.hours.from_s, rate.hours.until_s],
            "family": rate.family.value,
            "uncounted": rate.uncounted,
            "audio_ms_min": rate.audio_ms_min,
        },
        order="sorted",
    )
    head = (rate.key, rate.source, rate.provider, rate.model, rate.since_us, rate.until_us)
    digest = hashlib.sha256(msgspec.json.encode(head) + prices).digest()
    return UsedRate(digest, *head, prices.decode())


def _sheets(sheets: tuple[Sheet, ...]) -> list[Any]:
    return [
        {"above": one.above, "prices": {kind.value: price for kind, price in one.prices.items()}}
        for one in sheets
    ]
