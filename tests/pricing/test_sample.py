"""The package whose prices are shipped, and the program, agree on what hundreds of calls cost."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.layer import How
from wellhead.pricing.quote import quote
from wellhead.pricing.shipped import shipped
from wellhead.usage import Usage

SAMPLE = msgspec.json.decode((Path(__file__).parent / "genai_prices_sample.json").read_bytes())
CASES: list[dict[str, Any]] = SAMPLE["cases"]
NANOUSD = Decimal(10**9)


def test_the_sample_is_of_the_version_that_is_shipped() -> None:
    assert SAMPLE["version"] == shipped().version


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['provider']}/{case['model']}")
def test_a_call_costs_what_the_package_says(case: dict[str, Any]) -> None:
    at_us = int(datetime.fromisoformat(case["at"]).timestamp()) * 1_000_000
    match = Catalogue(shipped()).match(case["provider"], case["model"], at_us)
    assert match is not None
    assert match.how in (How.EXACT, How.NORMALIZED, How.ALIAS, How.DATED)
    quoted = quote(Usage(**case["usage"]), match.rate, tier=case.get("tier"), at_us=at_us)
    assert quoted is not None
    # Every line is rounded by itself, by half a nano-dollar at most; prices by the hour were rounded before.
    off = abs(quoted.nanousd - Decimal(case["usd"]) * NANOUSD)
    assert off <= Decimal("0.5") * len(quoted.lines) + Decimal("0.01")


@pytest.mark.parametrize(("seller", "name", "model"), SAMPLE["names"])
def test_a_name_is_taken_for_the_same_model(seller: str, name: str, model: str | None) -> None:
    found = shipped().find(seller, name)
    if model is not None:
        assert found is not None
        assert found[0].model == model
    elif found is not None and found[0].model.lower() != name.lower():
        # We also take a model's own id, and take off a date of which the package does not know.
        assert found[1] in (How.DATED, How.NORMALIZED)


def test_the_sample_has_tiers_sizes_and_every_part_in_it() -> None:
    assert {case.get("tier") for case in CASES} == {None, "batch", "flex", "priority", "fast"}
    assert sum(case["usage"]["input_tokens"] > 272_000 for case in CASES) > 100
    parts = {name for case in CASES for name, count in case["usage"].items() if count}
    assert parts >= {
        "cache_read_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "input_audio_tokens",
        "output_audio_tokens",
        "web_searches",
        "audio_ms",
    }
