"""What Anthropic's usage says beside the counts: speed, place, and steps of several models.

With the betas for compaction, advisors and fallbacks one answer is made in several
steps, each listed in `usage.iterations` with its own counts and, where it is not
the one asked for, its own model.  Compaction and advisor steps are *not* in the
sums above, so the cost is that of all steps, each at its own model (A-4.4).
A step that was declined before it wrote anything, and so fell back to another
model, is not billed.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from wellhead.usage import TOKENS_MAX, Usage
from wellhead.usage_extra import CUT_SHORT

STEPS_MAX = 1000
"""In one answer; more are not read, and the answer has no price."""
FEES = "fees"
"""What is paid once for the whole answer, as if it were a step of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an answer."""

    model: str | None
    """`None`: the one that the answer names."""
    usage: Usage
    what: str | None = None
    """`message`, `compaction`, ... in the provider's word, or `FEES`."""


@dataclass(frozen=True, slots=True)
class Extra:
    """What the parts of the usage that were kept as they came say about the price."""

    speed: str | None = None
    geography: str | None = None
    steps: tuple[Step, ...] = ()
    """Empty: the counts above are all there is."""
    is_whole: bool = True
    """Whether everything that decides about the price could be read."""


NO_EXTRA = Extra()


def extra_of(usage_extra: str | None) -> Extra:
    """Read `Reading.usage_extra`."""
    if usage_extra is None:
        return NO_EXTRA
    try:
        raw = msgspec.json.decode(usage_extra)
    except msgspec.DecodeError:
        return Extra(is_whole=False)
    if not isinstance(raw, dict):
        return Extra(is_whole=False)
    steps = _steps(raw.get("iterations"))
    return Extra(
        speed=_text(raw.get("speed")),
        geography=_text(raw.get("inference_geo")),
        steps=steps or (),
        is_whole=steps is not None and CUT_SHORT not in raw,
    )


def _steps(raw: Any) -> tuple[Step, ...] | None:
    if raw is None:
        return ()
    if not isinstance(raw, list) or len(raw) > STEPS_MAX or not all(isinstance(each, dict) for each in raw):
        return None
    if len(raw) == 1 and _text(raw[0].get("type")) in (None, "message"):
        return ()  # the sums again
    fell_back = any(each.get("type") == "fallback_message" for each in raw)
    steps = []
    for each in raw:
        usage = _usage(each)
        if usage is None:
            return None
        if not (fell_back and not usage.output_tokens):
            what = _text(each.get("type"))
            steps.append(Step(_text(each.get("model")), usage, None if what == FEES else what))
    return tuple(steps)


def _usage(raw: dict[str, Any]) -> Usage | None:
    by_age = raw.get("cache_creation")
    fresh, written = _count(raw, "input_tokens"), _count(raw, "output_tokens")
    cached, kept = _count(raw, "cache_read_input_tokens", 0), _count(raw, "cache_creation_input_tokens", 0)
    hour = _count(by_age, "ephemeral_1h_input_tokens", 0) if isinstance(by_age, dict) else 0
    if fresh is None or written is None or cached is None or kept is None or hour is None:
        return None
    return Usage(
        input_tokens=fresh + cached + kept,
        output_tokens=written,
        cache_read_tokens=cached,
        cache_write_tokens=kept,
        cache_write_1h_tokens=hour,
        total_tokens=fresh + cached + kept + written,
    )


def _count(raw: dict[str, Any], name: str, absent: int | None = None) -> int | None:
    value = raw.get(name)
    if value is None:
        return absent
    return value if type(value) is int and 0 <= value <= TOKENS_MAX else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
