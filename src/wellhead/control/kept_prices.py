"""The prices of a rate as a cost audit has them: whole, and never edited since they priced a call."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from wellhead.control.declared import Declared

KINDS = (
    "Nano-dollars per million: `input`, `output`, `cache_read`, `cache_write`, `cache_write_1h`, "
    "`reasoning`, `input_audio`, … (tokens), `call`, `web_search`, `audio_second`."
)


class PriceSheet(BaseModel):
    """Prices of calls that read more than so many tokens."""

    above: int = Field(description="-1: of every call.")
    prices: dict[str, int] = Field(description=KINDS)


class TierPrices(BaseModel):
    """What a service tier costs from a moment on."""

    since_us: int | None = Field(description="Microseconds since the epoch; `null`: it always did.")
    sheets: list[PriceSheet]


class RatePrices(BaseModel):
    """A rate's prices; of the sheets the last one counts that begins below what a call read."""

    sheets: list[PriceSheet]
    tiers: dict[str, list[TierPrices]] = Field(default={}, description="By the service tier.")
    hours: list[int] | None = Field(
        default=None, description="From which second of the day (UTC) until which; `null`: all day."
    )
    family: str = Field(default="", description="Whose habits fill in what is not stated.")
    uncounted: list[str] = Field(default=[], description="What is charged for and in no usage.")
    audio_ms_min: int = Field(default=0, description="A shorter recording is billed as one of this length.")


KeptPrices = Annotated[dict[str, Any], Declared(RatePrices)]
"""As they were kept."""
