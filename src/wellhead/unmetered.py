"""Attempts that an upstream may have worked for, and charged, without anybody knowing what they used.

They were cut, or took too long after they were sent.  What they may have cost at most
stands by itself and is in no other figure: it is an estimate, and all others are facts.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unmetered:
    """Such attempts of one model at one provider."""

    provider: str
    model: str | None
    attempts: int
    priced: int
    """Of how many there is an estimate of the cost."""
    input_tokens_max: int
    output_tokens_max: int
    cost_nanousd_max: int
