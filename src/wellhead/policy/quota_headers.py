"""How much of its quota an account has used, as the headers of a response tell it, or its stream.

::

    anthropic-ratelimit-unified-5h-utilization: 0.42     anthropic_5h     42 % of a subscription
    x-codex-primary-used-percent: 42                     codex_primary    42 % of a subscription
    anthropic-ratelimit-requests-remaining: 49           requests         49 left
    x-ratelimit-limit-tokens: 150000                     tokens           out of 150,000
    {"rate_limits": {"primary": {"used_percent": 42}}}   codex_primary, in a stream

Providers tell this in passing, so it costs no request of ours.  Nothing here raises:
what cannot be read is left out, and of everything there is only so much.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from wellhead.policy import attribution
from wellhead.quota import Gauge

GAUGES_MAX = 16
"""Of one response."""
HEADER_MAX = 96
VALUE_MAX = 64
"""Bytes: what is longer is none of these."""
HEADERS_KNOWN = 256
"""Headers whose meaning is remembered: the providers' are a few dozen."""
AMOUNT_MAX = 10**15
RATIO_MAX = 100.0
"""Some providers let an account use more than all."""
AHEAD_S_MAX = 400 * 86_400
"""No quota begins anew later than that."""
SECONDS_MAX = 10**11
"""Of a moment; a larger number is milliseconds."""
MOMENT_S_MIN = 10**9
"""A smaller number is no moment but a time from now."""

ACCOUNT_HEADERS = (b"anthropic-organization-id", b"openai-organization")
"""Of responses: identifiers, no secrets."""
ACCOUNT_REQUEST_HEADERS = (b"chatgpt-account-id",)
"""The same of requests."""

_PREFIXES = (b"anthropic-ratelimit-", b"x-codex-", b"x-ratelimit-")
_WHAT = r"(?P<what>[a-z0-9_]+(?:-[a-z0-9_]+){0,3})"
# A header to the gauge's name (what comes before it, and the part that it names) and the field.
_SHAPES = (
    (
        re.compile(
            r"anthropic-ratelimit-unified-(?P<what>[a-z0-9_-]{1,24})-(?P<field>utilization|reset|status)"
        ),
        "anthropic_",
    ),
    (re.compile(rf"anthropic-ratelimit-(?!unified-){_WHAT}-(?P<field>limit|remaining|reset)"), ""),
    (re.compile(rf"x-ratelimit-(?P<field>limit|remaining|reset)-{_WHAT}"), ""),
    (re.compile(r"x-ratelimit-(?P<field>limit|remaining|reset)(?P<what>)"), "requests"),
    (
        re.compile(
            r"x-codex-(?P<what>(?:[a-z0-9_]+-){0,2}(?:primary|secondary))"
            r"-(?P<field>used-percent|window-minutes|reset-at|reset-after-seconds)"
        ),
        "codex_",
    ),
)
_PREFIX = re.compile(r"^codex-?")
"""Of the name of a limit: the usual one is called just that."""
_WINDOW = ("used_percent", "window_minutes", "reset_at", "reset_after_seconds")
_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,18})?")
_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|us|µs|ns|[dhms]))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|[dhms])")
_UNITS_S = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EXACT = ("reset", "reset-at")
"""Told as a moment or as a time from now; `reset-after-seconds` is for where they are missing."""


def read(headers: Iterable[tuple[bytes, bytes]], at_us: int, account: str | None = None) -> tuple[Gauge, ...]:
    """What a response's headers (names in small letters) tell of quotas, by the gauges' names."""
    told: dict[str, dict[str, str]] = {}
    for header, value in headers:
        if not header.startswith(_PREFIXES) or len(header) > HEADER_MAX or len(value) > VALUE_MAX:
            continue
        found = _placed(header)
        if found is not None and (found[0] in told or len(told) < GAUGES_MAX):
            told.setdefault(found[0], {})[found[1]] = value.decode("latin-1").strip()
    if not told:
        return ()
    gauges = (_gauge(name, fields, at_us, account) for name, fields in sorted(told.items()))
    return tuple(gauge for gauge in gauges if gauge is not None)


def read_events(
    events: Iterable[Mapping[str, Any]], at_us: int, account: str | None = None
) -> tuple[Gauge, ...]:
    """The same from `codex.rate_limits` events, which say what the `x-codex-` headers do."""
    found: dict[str, Gauge] = {}
    for event in events:
        windows, of = event.get("rate_limits"), event.get("metered_limit_name")
        prefix = _PREFIX.sub("", of.lower().replace("_", "-")) if isinstance(of, str) else ""
        for which in ("primary", "secondary"):
            window = windows.get(which) if isinstance(windows, dict) else None
            header = f"x-codex-{prefix}{'-' if prefix else ''}{which}-used-percent".encode()
            placed = _placed(header) if len(header) <= HEADER_MAX else None
            if not isinstance(window, dict) or placed is None:
                continue
            fields = {
                name.replace("_", "-"): repr(value)
                for name in _WINDOW
                if type(value := window.get(name)) in (int, float)
            }
            gauge = _gauge(placed[0], fields, at_us, account)
            if gauge is not None and len(found) < GAUGES_MAX:
                found[gauge.name] = gauge
    return tuple(found.values())


def account_of(
    headers: Iterable[tuple[bytes, bytes]], request: Mapping[bytes, bytes], secrets: Iterable[str | None] = ()
) -> str | None:
    """The account that a call was made for, as response and request name it.

    Never a part of a key: of those that the request brought, nor of the `secrets` that took their place.
    """
    named = [value for name, value in headers if name in ACCOUNT_HEADERS]
    named += [request[name] for name in ACCOUNT_REQUEST_HEADERS if name in request]
    for value in named:
        account = attribution.unless_of_a_key(value[:VALUE_MAX].decode("utf-8", "replace"), request)
        if account and not any(_is_part(account, secret) for secret in secrets):
            return account
    return None


def _is_part(account: str, secret: str | None) -> bool:
    return secret is not None and len(account) >= attribution.KEY_CHARS_MIN and account in secret


@lru_cache(HEADERS_KNOWN)
def _placed(header: bytes) -> tuple[str, str] | None:
    """The gauge that a header belongs to, and which of its figures it is."""
    text = header.decode("latin-1")
    for shape, prefix in _SHAPES:
        found = shape.fullmatch(text)
        if found is not None:
            return (prefix + found["what"].replace("-", "_"))[: attribution.NAME_MAX], found["field"]
    return None


def _gauge(name: str, fields: Mapping[str, str], at_us: int, account: str | None) -> Gauge | None:
    limit, remaining = _amount(fields.get("limit")), _amount(fields.get("remaining"))
    used_ratio = _ratio(fields)
    if used_ratio is None and limit and remaining is not None:
        used_ratio = max(0.0, (limit - remaining) / limit)
    status = attribution.name(fields.get("status", ""))
    if used_ratio is None and limit is None and remaining is None and status is None:
        return None
    minutes = _amount(fields.get("window-minutes"))
    return Gauge(
        name=name,
        at_us=at_us,
        used_ratio=used_ratio,
        limit=limit,
        remaining=remaining,
        resets_us=_resets_us(fields, at_us),
        window_s=None if minutes is None else minutes * 60,
        status=status,
        account=account,
    )


def _ratio(fields: Mapping[str, str]) -> float | None:
    ratio = _number(fields.get("utilization"))
    percent = _number(fields.get("used-percent"))
    if ratio is None and percent is not None:
        ratio = percent / 100
    return ratio if ratio is not None and ratio <= RATIO_MAX else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and _NUMBER.fullmatch(text) else None


def _amount(text: str | None) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number <= AMOUNT_MAX else None


def _resets_us(fields: Mapping[str, str], at_us: int) -> int | None:
    """When it begins anew: told as seconds or milliseconds of a clock, as a date, or as a time from now."""
    for field in _EXACT:
        text = fields.get(field)
        if text and (found := _moment_us(text, at_us)) is not None:
            return found
    after_s = _number(fields.get("reset-after-seconds"))
    return None if after_s is None else _bounded(at_us + round(min(after_s, SECONDS_MAX) * 1e6), at_us)


def _moment_us(text: str, at_us: int) -> int | None:
    number = _number(text)
    if number is None and _DURATION.fullmatch(text):
        number = sum(float(count) * _UNITS_S[unit] for count, unit in _DURATION_PART.findall(text))
        return _bounded(at_us + round(number * 1e6), at_us)
    if number is None:
        return _bounded(_date_us(text), at_us)
    if number < MOMENT_S_MIN:
        return _bounded(at_us + round(number * 1e6), at_us)
    return _bounded(round(number * (1e6 if number < SECONDS_MAX else 1e3)), at_us)


def _date_us(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6)
    except (ValueError, OverflowError):
        return None


def _bounded(moment_us: int | None, at_us: int) -> int | None:
    if moment_us is None or not 0 <= moment_us - at_us + AHEAD_S_MAX * 10**6 <= 2 * AHEAD_S_MAX * 10**6:
        return None
    return moment_us
