"""Computes every cost in the books again, from their rows alone: `python tests/recomputed.py books.db`.

It shares nothing with the program: it reads `calls`, `cost_audits` and `rates` by SQL, counts with
decimal fractions of a dollar instead of whole nano-dollars, and follows the accounting rules as they
are written for people.  What it has to agree with is each call's cost, to the nano-dollar::

    calls        what was used, which tier, when
    cost_audits  by which rate it was priced, and what came out      ->  agreed, or a line that says what not
    rates        that rate's prices, whole

An answer that was made in several steps has each of them in its record, with a rate of its own; the
steps have to be those that the provider listed.

A call without a price is counted with the reason that its record gives.  Ends with 1 if anything
disagrees.
"""

import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, localcontext
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Prices = dict[str, Decimal]
"""Dollars for one token, call, search or second."""

NANO = Decimal("1e-9")
MILLION = Decimal(1_000_000)
DIGITS = 60
OF_TOKENS = ("input", "cache", "output", "reasoning")
"""How the names of prices begin that are for tokens; the others are fees, the same in every tier."""
USUAL = {"", "auto", "default", "standard", "standard_only", "on_demand", "not_available", "unspecified"}
USUAL |= {"service_tier_unspecified", "traffic_type_unspecified"}
SAME_TIER = {"on_demand_flex": "flex", "on_demand_priority": "priority"}
TIERS_BY_RULE = {
    **{(seller, "batch"): Decimal("0.5") for seller in ("anthropic", "openai", "google", "mistral", "groq")},
    **{(seller, "flex"): Decimal("0.5") for seller in ("openai", "google")},
    ("groq", "flex"): Decimal(1),
}
"""What providers state as a rule, for models that have no list of their own for a tier."""
FAST = {"claude-opus-4-6": Decimal(6), "claude-opus-4-7": Decimal(6)}
IN_THE_USA = Decimal("1.1")
ANTHROPIC_SEARCH = Decimal("0.01")
FEES = "fees"
"""What the step is called that is none: what is paid once for the whole answer."""
COUNTS = (
    *("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
    *("reasoning_tokens", "input_audio_tokens", "output_audio_tokens", "input_image_tokens"),
    *("output_image_tokens", "audio_ms", "web_searches"),
)


@dataclass
class Recomputed:
    """How the books stood up to it."""

    agreed: Counter[str] = field(default_factory=Counter)
    """Priced calls by dialect."""
    reported: Counter[str] = field(default_factory=Counter)
    """Those for which the provider's own figure counts."""
    unpriced: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Calls without a cost, by dialect, state and reason."""
    dollars: Decimal = Decimal(0)
    wrong: list[str] = field(default_factory=list)
    """What does not agree, each in one line."""


class CannotTell(Exception):
    """The rows do not say all that is needed."""


def recompute(database: Path) -> Recomputed:
    """Compute all of it again."""
    found = Recomputed()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as books, localcontext(prec=DIGITS):
        books.row_factory = sqlite3.Row
        books.execute("BEGIN")
        rates = {rate["id"]: rate for rate in _rows(books, "SELECT * FROM rates")}
        found.wrong += [f"rate {id_} was edited" for id_, rate in rates.items() if _was_edited(rate)]
        for call, audit in _priced(books):
            try:
                _one(found, call, audit, rates)
            except CannotTell as why:
                found.wrong.append(f"call {call['id']} ({call['dialect']}): {why}")
    return found


def _priced(books: sqlite3.Connection) -> Iterator[tuple[Row, Row | None]]:
    """Every call that ended, with the last record of its price."""
    last = "SELECT max(number) FROM cost_audits WHERE call_id = calls.id"
    query = (
        "SELECT calls.*, dialect, a.number AS a_number, a.cost_state AS a_state, a.cost_nanousd AS a_nanousd,"
        " a.rate_id AS a_rate, a.reason AS a_reason, a.steps AS a_steps FROM calls"
        " LEFT JOIN request_forms ON request_forms.number = request_form LEFT JOIN cost_audits AS a"
    )
    query += f" ON a.call_id = calls.id AND a.number = ({last}) WHERE calls.state <> 'pending'"
    for row in _rows(books, query):
        audit = {name[2:]: row.pop(name) for name in list(row) if name.startswith("a_")}
        yield row, None if audit["number"] is None else audit


def _rows(books: sqlite3.Connection, query: str) -> Iterator[Row]:
    return (dict(row) for row in books.execute(query))


def _was_edited(rate: Row) -> bool:
    names = ("key", "source", "provider", "model", "since_us", "until_us")
    head = json.dumps([rate[name] for name in names], separators=(",", ":"), ensure_ascii=False)
    return bool(hashlib.sha256((head + rate["prices"]).encode()).digest() != rate["digest"])


def _one(found: Recomputed, call: Row, audit: Row | None, rates: dict[int, Row]) -> None:
    dialect, booked = call["dialect"], call["cost_nanousd"]
    if audit is None:
        if booked is not None or call["cost_state"] == "priced":
            raise CannotTell("it has a cost and no record of how that came about")
        reason = "it was never sent" if call["state"] == "refused" else "nobody said what it used"
        found.unpriced[dialect, call["cost_state"], reason] += 1
        return
    kept = (call["cost_state"], booked, call["rate_id"])
    if kept != (audit["state"], audit["nanousd"], audit["rate"]):
        raise CannotTell(f"it says {kept}, its record something else")
    if (booked is None) == (call["cost_state"] == "priced"):
        raise CannotTell(f"{call['cost_state']} with a cost of {booked}")
    if booked is None:
        found.unpriced[dialect, call["cost_state"], audit["reason"]] += 1
        return
    if audit["reason"] == "reported":
        found.reported[dialect] += 1
    else:
        computed = in_steps(call, audit, rates)
        if computed is None:
            computed = cost(call, rates[audit["rate"]])
        if computed != booked * NANO:
            raise CannotTell(f"{booked * NANO} USD are booked, {computed} USD come out")
        found.agreed[dialect] += 1
    found.dollars += booked * NANO


def cost(call: Row, rate: Row) -> Decimal:
    """What a call costs by a rate, in dollars: each kind of what it used is rounded to the nano-dollar."""
    terms, anthropic, prices = _terms(call, rate)
    parts = [*_read(call, prices, anthropic), *_written(call, prices), *_fees(call, prices, terms, anthropic)]
    return sum((_to_the_nanodollar(amount) for amount in parts), Decimal(0))


def in_steps(call: Row, audit: Row, rates: dict[int, Row]) -> Decimal | None:
    """What the steps of its record cost, each by its own rate, in dollars; `None`: it has none."""
    steps: list[Row] = json.loads(audit["steps"]) if audit["steps"] else []
    counted = [
        (step["model"], step["input_tokens"], step["output_tokens"]) for step in steps if step["what"] != FEES
    ]
    if counted != _paid_for(_extra(call)):
        raise CannotTell("the steps of its record are not those that the provider listed")
    if not steps:
        return None
    if sum(step.get("web_searches") or 0 for step in steps) != (call["web_searches"] or 0):
        raise CannotTell("its searches are not among the steps of its record")
    for step in steps:
        computed = _one_step(call, step, rates[step["rate_id"]])
        if computed != step["cost_nanousd"] * NANO:
            raise CannotTell(f"its step {step['what']!r} is booked otherwise: {computed} USD come out")
    return Decimal(sum(step["cost_nanousd"] for step in steps)) * NANO


def _one_step(call: Row, step: Row, rate: Row) -> Decimal:
    alone = {**call, **dict.fromkeys(COUNTS), **step}
    terms, anthropic, prices = _terms(alone, rate)
    if step["what"] == FEES:
        parts = [*_fees(alone, prices, terms, anthropic)]
    else:
        parts = [*_read(alone, prices, anthropic), *_written(alone, prices)]
    return sum((_to_the_nanodollar(amount) for amount in parts), Decimal(0))


def _paid_for(extra: Row) -> list[tuple[str | None, int, int]]:
    """A-4.4: model, tokens read and written of every step that is not in vain, where the sums are not all."""
    listed = extra.get("iterations")
    if not isinstance(listed, list) or not all(isinstance(step, dict) for step in listed):
        return []  # nobody can read it, so nothing but a free model has a price
    if [step.get("type") or "message" for step in listed] == ["message"]:
        return []
    if any(step.get("type") == "fallback_message" for step in listed):
        listed = [step for step in listed if step["output_tokens"]]
    cached = ("cache_read_input_tokens", "cache_creation_input_tokens")
    return [
        (
            step.get("model") or None,
            step["input_tokens"] + sum(step.get(name) or 0 for name in cached),
            step["output_tokens"],
        )
        for step in listed
    ]


def _extra(call: Row) -> Row:
    found: Row = json.loads(call["usage_extra"]) if call["usage_extra"] else {}
    return found


def _terms(call: Row, rate: Row) -> tuple[Row, bool, Prices]:
    """What a rate says, whose rules hold, and the prices of this call."""
    terms: Row = json.loads(rate["prices"])
    anthropic = call["dialect"] == "anthropic_messages" or terms["family"] == "anthropic"
    return terms, anthropic, _prices(call, rate, terms, _extra(call))


def _to_the_nanodollar(amount: Decimal) -> Decimal:
    return amount.quantize(NANO, rounding=ROUND_HALF_UP)


def _prices(call: Row, rate: Row, terms: Row, extra: Row) -> Prices:
    """The prices of a call of this size, tier and place."""
    sheets, times = terms["sheets"], Decimal(1)
    free = not any(price for sheet in sheets for price in sheet["prices"].values())
    tier = (extra.get("speed") or "").lower()
    if tier in ("", "standard"):
        stated = (call["service_tier"] or "").strip().lower()
        tier = "" if stated in USUAL else SAME_TIER.get(stated, stated)
    if tier and not free:
        lists = [one for one in terms["tiers"].get(tier, ()) if (one["since_us"] or 0) <= call["started_us"]]
        if lists:
            sheets = lists[-1]["sheets"]
        elif tier == "fast" and rate["model"] in FAST:
            times = FAST[rate["model"]]
        elif (rate["provider"], tier) in TIERS_BY_RULE:
            times = TIERS_BY_RULE[rate["provider"], tier]
        else:
            raise CannotTell(f"nobody published what the tier {tier!r} costs")
    if extra.get("inference_geo", "").lower() == "us" and not free:
        times *= IN_THE_USA
    fitting = [one for one in sheets if one["above"] < (call["input_tokens"] or 0)] or sheets[:1]
    listed = max(fitting, key=lambda one: one["above"])["prices"]
    return {
        kind: _scaled(price, times if kind.startswith(OF_TOKENS) else Decimal(1))
        for kind, price in listed.items()
    }


def _scaled(per_million: int, times: Decimal) -> Decimal:
    """Price lists are in whole nano-dollars for a million, also those that a rule makes of others."""
    whole = (per_million * times).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return whole * NANO / MILLION


def _read(call: Row, prices: Prices, anthropic: bool) -> Iterator[Decimal]:
    """Every token that was read is in `input_tokens`, whatever else it is; parts have prices of their own."""
    rest = call["input_tokens"] or 0
    plain = prices.get("input", Decimal(0))
    written, for_an_hour = call["cache_write_tokens"] or 0, call["cache_write_1h_tokens"] or 0
    own = dict(prices)
    if anthropic:  # writing costs 1.25 times the input price, for an hour twice
        own.setdefault("cache_write", _scaled(round(plain / NANO * MILLION), Decimal("1.25")))
        own.setdefault("cache_write_1h", plain * 2)
    if "cache_write" in own:
        own.setdefault("cache_write_1h", own["cache_write"])
    for kind, count in (
        ("cache_read", call["cache_read_tokens"]),
        ("cache_write_1h", for_an_hour),
        ("cache_write", max(written - for_an_hour, 0)),
        ("input_audio", call["input_audio_tokens"]),
        ("input_image", call["input_image_tokens"]),
    ):
        if count and kind in own:
            part = min(count, rest)
            rest -= part
            yield part * own[kind]
    yield rest * plain


def _written(call: Row, prices: Prices) -> Iterator[Decimal]:
    """The same for what was written."""
    rest = call["output_tokens"] or 0
    for kind in ("reasoning", "output_audio", "output_image"):
        count = call[f"{kind}_tokens"]
        if count and kind in prices:
            part = min(count, rest)
            rest -= part
            yield part * prices[kind]
    yield rest * prices.get("output", Decimal(0))


def _fees(call: Row, prices: Prices, terms: Row, anthropic: bool) -> Iterator[Decimal]:
    yield prices.get("call", Decimal(0))
    yield (call["web_searches"] or 0) * prices.get(
        "web_search", ANTHROPIC_SEARCH if anthropic else Decimal(0)
    )
    if call["audio_ms"]:
        seconds = max(call["audio_ms"], terms["audio_ms_min"]) / Decimal(1000)
        yield seconds * prices.get("audio_second", Decimal(0))


def said(found: Recomputed) -> Iterator[str]:
    """For people, a line for each."""
    for dialect, count in sorted(found.agreed.items()):
        yield f"agreed     {dialect:<22} {count:>8}"
    for dialect, count in sorted(found.reported.items()):
        yield f"reported   {dialect:<22} {count:>8}"
    for (dialect, state, reason), count in sorted(found.unpriced.items()):
        yield f"unpriced   {dialect:<22} {count:>8}  {state}: {reason}"
    for line in found.wrong:
        yield f"WRONG      {line}"
    yield f"{found.dollars} USD in {found.agreed.total() + found.reported.total()} priced calls"


if __name__ == "__main__":
    result = recompute(Path(sys.argv[1]))
    sys.stdout.write("\n".join((*said(result), "")))
    sys.exit(1 if result.wrong else 0)
