"""What a worker's books go by beside the registry, and by what they go where nothing is said."""

from dataclasses import dataclass

from wellhead.call import Opening, Settlement
from wellhead.database.directory import AskVaults, no_vaults
from wellhead.directory import Directory
from wellhead.ports import Prices


class NoPrices:
    """Knows none: what a provider says itself counts, everything else waits for a price."""

    def estimate(self, call: Opening, input_tokens: int, output_tokens: int) -> None:  # noqa: ARG002
        return None

    def price(self, call: Opening, end: Settlement) -> None:  # noqa: ARG002
        return None


NOBODY = Directory()
NO_PRICES = NoPrices()


@dataclass(frozen=True, slots=True)
class Rules:
    """What a clerk goes by beside the registry."""

    directory: Directory = NOBODY
    """The part of the Directory that comes from the configuration."""
    vaults: AskVaults = no_vaults
    """What opens the credentials, asked for with every new Directory."""
    prices: Prices = NO_PRICES
    charge_interrupted: bool = False
    """What a call of a worker that died held stays charged, instead of being released."""


NO_RULES = Rules()
