"""What the operator says models cost.

Two forms.  agent-cli-proxy's JSON: model -> dollars per million tokens, and the
beginnings of models' names -> the name they are priced by::

    PRICING_OVERRIDES_JSON={"gpt-5.4": {"input": 2.5, "output": 15, "cache_read": 0.25}}
    PRICING_ALIASES_JSON={"my-gpt": "gpt-5.4"}

And our own, in the configuration file; prices are numbers or decimal text, and are
taken exactly::

    prices:
      - model: claude-opus-4-5        # also with a date at its end
        provider: my-reseller         # without: whoever sells it
        since: 2026-11-01             # without: always; the latest that has begun counts
        input: "4.50"                 # US dollars per million tokens
        output: 22.5
        cache_read: 0.45              # also cache_write, cache_write_1h, reasoning,
                                      # input_audio, output_audio, input_image, output_image
        per_1000_searches: 10         # and per_call, per_audio_hour, in US dollars
        context:                      # the whole call, where its input is larger than `above`
          - above: 200000
            input: 9
        tiers:                        # what is not named costs the same as in the usual tier
          priority: {input: 9, output: 45}

A model with `input: 0` and `output: 0` is free, which is not the same as unknown.
Mistakes do not stop the program: an entry that has one is left out and told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

import msgspec

from wellhead.errors import Problem
from wellhead.moments import SECOND_US
from wellhead.pricing.layer import ANYBODY, EMPTY, Layer, shelf
from wellhead.pricing.names import fold
from wellhead.pricing.rates import (
    OPERATOR,
    Kind,
    Listing,
    Rate,
    Sheet,
    TierSheets,
    family_of,
    nanousd_per_million,
)

# Ours -> what is paid for, and what makes the price of a million units of it.
TOKEN_PRICES = {
    kind.value: (kind, 1)
    for kind in (
        Kind.INPUT,
        Kind.OUTPUT,
        Kind.CACHE_READ,
        Kind.CACHE_WRITE,
        Kind.CACHE_WRITE_1H,
        Kind.REASONING,
        Kind.INPUT_AUDIO,
        Kind.OUTPUT_AUDIO,
        Kind.INPUT_IMAGE,
        Kind.OUTPUT_IMAGE,
    )
}
FEES = {
    "per_1000_searches": (Kind.WEB_SEARCH, 1000),
    "per_call": (Kind.CALL, 1_000_000),
}
PER_HOUR = "per_audio_hour"
HOUR_S = 3600
NAMES = ("model", "provider", "since", "context", "tiers")
TIERS_MAX = 20
CONTEXT_MAX = 20
ENTRIES_MAX = 10_000

# agent-cli-proxy brings these along (source-systems 2.15.4).  The shipped list knows the same models
# better (sizes, tiers), so of its prices only the aliases are needed.
BUILT_IN_ALIASES: Mapping[str, str] = {
    "kimi-for-coding": "kimi-k2",
    "gpt-5.4-mini": "gpt-5.4-mini",
    "gpt-5.4": "gpt-5.4",
}


@dataclass(frozen=True, slots=True)
class Overrides:
    """What the operator's settings came to: what can be used, and what is wrong with the rest."""

    layer: Layer = EMPTY
    problems: tuple[Problem, ...] = ()


def from_json(text: str, setting: str = "PRICING_OVERRIDES_JSON") -> Overrides:
    """Read agent-cli-proxy's overrides."""
    raw, problem = _object(text, setting)
    if problem is not None:
        return Overrides(problems=(problem,))
    entries = [
        {"model": model, **prices} if isinstance(prices, dict) else prices for model, prices in raw.items()
    ]
    return _overrides(entries, [f"{setting}[{model!r}]" for model in raw])


def from_entries(raw: object, setting: str = "prices") -> Overrides:
    """Read the configuration file's `prices:`, already parsed."""
    if not isinstance(raw, list) or len(raw) > ENTRIES_MAX:
        return Overrides(problems=(Problem(setting, f"must be a list of at most {ENTRIES_MAX} prices"),))
    return _overrides(raw, [f"{setting}[{index}]" for index in range(len(raw))])


def aliases_from_json(
    text: str, setting: str = "PRICING_ALIASES_JSON"
) -> tuple[Mapping[str, str], tuple[Problem, ...]]:
    """Read agent-cli-proxy's aliases, which replace the built-in ones."""
    raw, problem = _object(text, setting)
    if problem is not None:
        return {}, (problem,)
    problems = tuple(
        Problem(f"{setting}[{prefix!r}]", "must be the name of a model")
        for prefix, model in raw.items()
        if not fold(prefix) or not isinstance(model, str) or not model.strip()
    )
    aliases = {
        fold(prefix): model.strip()
        for prefix, model in raw.items()
        if fold(prefix) and isinstance(model, str) and model.strip()
    }
    return aliases, problems


def both(stronger: Layer, weaker: Layer) -> Layer:
    """Two layers of overrides as one; where both price a model, the stronger counts."""
    shelves = dict(weaker.shelves)
    for seller, own in stronger.shelves.items():
        under = shelves.get(seller)
        shelves[seller] = own if under is None else shelf({**under.names, **own.names})
    return Layer(OPERATOR, None, shelves)


def _object(text: str, setting: str) -> tuple[dict[str, Any], Problem | None]:
    try:
        raw = msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}, Problem(setting, "must be a JSON object")
    return raw, None


def _overrides(entries: Iterable[object], paths: Iterable[str]) -> Overrides:
    problems: list[Problem] = []
    by_model: dict[tuple[str | None, str], list[Rate]] = {}
    for raw, path in zip(entries, paths, strict=True):
        entry = _Entry(path)
        rate = entry.rate(raw)
        problems += entry.problems
        if rate is None:
            continue
        rates = by_model.setdefault((rate.provider, rate.model.lower()), [])
        if any(other.since_us == rate.since_us for other in rates):
            problems.append(Problem(path, "prices a model that is priced from the same day on already"))
        else:
            rates.append(rate)
    shelves: dict[str, dict[str, Listing]] = {}
    for (provider, name), rates in by_model.items():
        listing = Listing(provider, rates[0].model, _in_time(rates))
        shelves.setdefault(provider or ANYBODY, {})[name] = listing
    layer = Layer(OPERATOR, None, {seller: shelf(names) for seller, names in shelves.items()})
    return Overrides(layer, tuple(problems))


def _in_time(rates: list[Rate]) -> tuple[Rate, ...]:
    rates.sort(key=lambda rate: -1 if rate.since_us is None else rate.since_us)
    untils = [*(rate.since_us for rate in rates[1:]), None]
    return tuple(replace(rate, until_us=until) for rate, until in zip(rates, untils, strict=True))


class _Entry:
    """Reads one entry and collects what is wrong with it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def rate(self, raw: object) -> Rate | None:
        if not isinstance(raw, Mapping):
            self.reject("", "must be a mapping with model, input and output")
            return None
        given = {str(name): value for name, value in raw.items() if value is not None}
        model, provider = self._text(given, "model", needed=True), self._text(given, "provider")
        since_us = self._since(given.get("since"))
        base = self._prices(given, NAMES, "")
        if not self.problems and not (Kind.INPUT in base and Kind.OUTPUT in base) and not _has_fee(base):
            self.reject("", "needs input and output, in US dollars per million tokens")
        sheets = self._context(given.get("context"), base)
        tiers = self._tiers(given.get("tiers"), sheets)
        if self.problems:
            return None
        provider = None if provider is None else provider.lower()
        key = f"{OPERATOR}:{model if provider is None else f'{provider}/{model}'}"
        if since_us is not None:
            key += f"@{datetime.fromtimestamp(since_us / SECOND_US, UTC):%Y-%m-%dT%H:%MZ}"
        return Rate(
            key=key,
            provider=provider,
            model=model or "",
            source=OPERATOR,
            sheets=sheets,
            since_us=since_us,
            tiers=tiers,
            family=family_of(provider, model or ""),
        )

    def reject(self, where: str, message: str) -> None:
        self.problems.append(Problem(self.path + where, message))

    def _text(self, given: Mapping[str, Any], name: str, *, needed: bool = False) -> str | None:
        value = given.get(name)
        if value is None and not needed:
            return None
        if not isinstance(value, str) or not value.strip():
            self.reject(f".{name}", "must be a text that is not empty")
            return None
        return value.strip()

    def _since(self, raw: object) -> int | None:
        if raw is None:
            return None
        if isinstance(raw, str):
            try:
                raw = datetime.fromisoformat(raw)
            except ValueError:
                raw = None
        if isinstance(raw, date) and not isinstance(raw, datetime):
            raw = datetime.combine(raw, time())
        if not isinstance(raw, datetime):
            self.reject(".since", "must be a date, such as 2026-11-01")
            return None
        at = raw if raw.tzinfo is not None else raw.replace(tzinfo=UTC)
        return int(at.timestamp()) * SECOND_US

    def _prices(self, given: Mapping[str, Any], others: tuple[str, ...], where: str) -> dict[Kind, int]:
        found: dict[Kind, int] = {}
        for name, value in given.items():
            if name in others or value is None:
                continue
            usd = nanousd_per_million(value)
            if name not in TOKEN_PRICES and name not in FEES and name != PER_HOUR:
                self.reject(f"{where}.{name}", "is not known")
            elif usd is None:
                self.reject(f"{where}.{name}", "must be an amount of US dollars that is not negative")
            elif name == PER_HOUR:
                found[Kind.AUDIO_SECOND] = (usd * 1_000_000 + HOUR_S // 2) // HOUR_S
            else:
                kind, times = TOKEN_PRICES.get(name) or FEES[name]
                found[kind] = usd * times
        return found

    def _context(self, raw: object, base: Mapping[Kind, int]) -> tuple[Sheet, ...]:
        sheets = [Sheet(-1, dict(base))]
        if raw is None:
            return tuple(sheets)
        if not isinstance(raw, list) or len(raw) > CONTEXT_MAX:
            self.reject(".context", f"must be a list of at most {CONTEXT_MAX} sizes")
            return tuple(sheets)
        for index, each in enumerate(raw):
            where = f".context[{index}]"
            above = each.get("above") if isinstance(each, Mapping) else None
            if type(above) is not int or above <= sheets[-1].above:
                self.reject(where, "needs `above`, a number of tokens larger than that of the one before")
                continue
            sheets.append(Sheet(above, {**sheets[-1].prices, **self._prices(each, ("above",), where)}))
        return tuple(sheets)

    def _tiers(self, raw: object, sheets: tuple[Sheet, ...]) -> dict[str, tuple[TierSheets, ...]]:
        if raw is None:
            return {}
        if not isinstance(raw, Mapping) or len(raw) > TIERS_MAX:
            self.reject(".tiers", f"must map at most {TIERS_MAX} tiers to prices")
            return {}
        found: dict[str, tuple[TierSheets, ...]] = {}
        for tier, each in raw.items():
            where = f".tiers.{tier}"
            if not isinstance(each, Mapping):
                self.reject(where, "must map kinds to prices")
                continue
            own = self._prices(each, (), where)
            priced = tuple(Sheet(sheet.above, {**sheet.prices, **own}) for sheet in sheets)
            found[str(tier).lower()] = (TierSheets(None, priced),)
        return found


def _has_fee(prices: Mapping[Kind, int]) -> bool:
    return Kind.CALL in prices or Kind.AUDIO_SECOND in prices
