"""What the document declares of the prices in a cost audit is what is kept of a rate."""

import json

import pytest

from fakes.books import a_settlement, an_opening
from wellhead.control.kept_prices import RatePrices
from wellhead.pricing.book import PriceBook
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.shipped import shipped
from wellhead.usage import Usage

USAGE = Usage(input_tokens=1_000, output_tokens=100, total_tokens=1_100)


@pytest.mark.parametrize("model", ["gpt-4o", "claude-sonnet-4-5", "gemini-2.5-pro", "deepseek-chat"])
def test_every_field_of_a_kept_rate_is_declared(model: str) -> None:
    found = PriceBook(Catalogue(shipped()), {}).price(
        an_opening(1, model=model), a_settlement(usage=USAGE, model_served=model)
    )
    assert found is not None
    assert found.rate is not None
    kept = json.loads(found.rate.prices)
    assert RatePrices.model_validate(kept, strict=True).model_dump() == kept
