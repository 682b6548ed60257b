"""What a control API shows of all calls there ever were: every view of it, added up.

::

    /admin/stats   /_qs/metrics   /metrics (JSON)     all of time
    /admin/usage/range, models, accounts, trend       year by year
    /admin/usage/models, providers, accounts          day by day
    /admin/usage/today                                beside the range of that day
    /admin/usage/report by ... in the zone of ...
    /metrics (Prometheus)                             counters since the books were opened

Each has to come to the same sums as the rows in the books, however it cuts them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from wellhead.cli.control_api import TEXT, Api, ApiTrouble, TooLarge
from wellhead.ledger.check import Disagreement
from wellhead.moments import at
from wellhead.money import nanousd

if TYPE_CHECKING:
    from wellhead.database.sums import Sums

RANGE_DAYS_MAX = 366
"""What the API answers at once."""
COST_MAX = 10**24
PARTITIONS: tuple[dict[str, str], ...] = (
    {},
    *({"group_by": one} for one in ("provider", "model", "tool", "client", "project", "key", "account")),
    {"group_by": "outcome,streamed"},
    {"interval": "month"},
    {"interval": "week"},
    *({"interval": "day", "tz": zone} for zone in ("UTC", "America/New_York", "Asia/Kolkata")),
    {"interval": "day", "group_by": "tool,model", "tz": "Europe/Berlin"},
)
"""How `/admin/usage/report` is asked to cut them."""

REPORTED = (
    *("calls", "metered_calls", "priced_calls", "input_tokens", "output_tokens", "total_tokens"),
    *("cache_read_tokens", "cache_write_tokens", "reasoning_tokens"),
)
DAYS, TODAY = "/admin/usage/range", "/admin/usage/today"
OF_DAY = {"calls": "requests", "total_tokens": "total_tokens", "cost_nanousd": "cost_usd"}
BRIEF = {"calls": "request_count", "total_tokens": "total_tokens", "cost_nanousd": "cost_usd"}
FULL = {
    **BRIEF,
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "cache_read_tokens": "cache_read_tokens",
    "cache_write_tokens": "cache_creation_tokens",
}
OF_ACCOUNT = {**FULL, "reasoning_tokens": "reasoning_tokens"}
"""Our names of figures, and theirs."""
Figures = dict[str, int]
Range = tuple[date, date]
"""From a day to a day, which is included."""


@dataclass(frozen=True, slots=True)
class View:
    """One view of all calls, added up."""

    name: str
    figures: Figures
    least: Figures | None = None
    """What it is held against instead of the rows: no less than this..."""
    most: Figures | None = None
    """...and no more than this."""
    is_too_long: bool = False
    """A day has more lines than an answer, so there are no figures."""


def disagreements(
    of: Api, counted: Callable[[], "Sums"], left_out: Callable[[str], None]
) -> list[Disagreement]:
    """Every figure of every view that is not what the rows add up to; `left_out` is told of views too long.

    Calls may end meanwhile, so the rows are counted before and after: what was shown in between is no
    less than the one and no more than the other.
    """
    before = counted()
    shown = list(views(of, before.first_us, before.last_us))
    after = counted()
    found = []
    for view in shown:
        if view.is_too_long:
            left_out(view.name)
        for figure, value in view.figures.items():
            least = (before.figures if view.least is None else view.least)[figure]
            most = (after.figures if view.most is None else view.most)[figure]
            if not least <= value <= most:
                found.append(Disagreement(view.name, {}, figure, value, least if value < least else most))
    return found


def views(of: Api, first_us: int | None, last_us: int | None) -> Iterator[View]:
    """Every view, where the first call ended at the one moment and the last at the other."""
    yield from _of_all_time(of)
    if first_us is not None and last_us is not None:
        # A day more at each end: there are zones in which it is another one.
        ranges = list(
            _ranges(at(first_us).date() - timedelta(days=1), at(last_us).date() + timedelta(days=1))
        )
        yield from _of_ranges(of, ranges)
        yield from _of_days(of, ranges)
    yield from _of_today(of)
    yield from _of_prometheus(of.get("/metrics", TEXT).decode())


def _ranges(first: date, last: date) -> Iterator[Range]:
    while first <= last:
        end = min(first + timedelta(days=RANGE_DAYS_MAX - 1), last)
        yield first, end
        first = end + timedelta(days=1)


def _of_all_time(of: Api) -> Iterator[View]:
    stats = of.json("/admin/stats")
    yield View(
        "GET /admin/stats",
        {
            "calls": stats["total_requests"],
            "total_tokens": stats["total_tokens"],
            "cost_nanousd": _nanousd(stats["total_cost_usd"]),
        },
    )
    qs = of.json("/_qs/metrics")
    totals = {"calls": qs["totals"]["total_requests"], "total_tokens": qs["totals"]["total_tokens"]}
    yield View("GET /_qs/metrics totals", totals)
    for part in ("by_model", "timeseries"):
        yield View(f"GET /_qs/metrics {part}", _added(qs[part], calls="requests", total_tokens="tokens"))
    requests = of.json("/metrics", format="json")["requests"]
    yield View("GET /metrics (JSON) total", {"calls": requests["total"]["total"]})
    both = (requests["streamed"], requests["non_streamed"])
    tokens = [one["tokens"] for one in both]
    yield View(
        "GET /metrics (JSON) streamed and not",
        {
            "calls": sum(one["total"] for one in both),
            **_added(
                tokens,
                metered_calls="reported_count",
                total_tokens="total",
                input_tokens="prompt_total",
                output_tokens="completion_total",
            ),
        },
    )


def _of_ranges(of: Api, ranges: Iterable[Range]) -> Iterator[View]:
    ranges = list(ranges)
    trend = {"calls": "requests", "total_tokens": "tokens", "cost_nanousd": "cost_usd"}
    for path, names, within in (
        ("/admin/usage/range", OF_DAY, None),
        ("/admin/usage/models", FULL, None),
        ("/admin/usage/accounts/range", OF_ACCOUNT, None),
        ("/admin/usage/accounts/summary", BRIEF, None),
        ("/admin/usage/trend", trend, "buckets"),
    ):
        yield _view(f"GET {path}", _over, of, path, ranges, names, within, {})
    report = {name: name for name in REPORTED} | {"cost_nanousd": "cost_usd", "error_calls": "errors"}
    for cut in PARTITIONS:
        name = " ".join(("GET /admin/usage/report", *cut.values()))
        yield _view(name, _over, of, "/admin/usage/report", ranges, report, "lines", cut)


def _view(name: str, figures: Callable[..., Figures], *arguments: Any) -> View:
    """A view, without figures where they are more than the API tells at once."""
    try:
        return View(name, figures(*arguments))
    except TooLarge:
        return View(name, {}, is_too_long=True)


def _over(
    of: Api,
    path: str,
    ranges: Iterable[Range],
    names: Mapping[str, str],
    within: str | None,
    parameters: Mapping[str, str],
) -> Figures:
    """The same figures of several ranges, added up."""
    answers = _answers(of, path, ranges, parameters)
    return _together(names, (one if within is None else one[within] for one in answers))


def _answers(of: Api, path: str, ranges: Iterable[Range], parameters: Mapping[str, str]) -> Iterator[Any]:
    """What is said of ranges, in as many parts as it takes."""
    left = list(ranges)[::-1]
    while left:
        first, last = left.pop()
        try:
            yield of.json(path, **{**parameters, "from": str(first), "to": str(last)})
        except TooLarge:
            if first == last:
                raise
            middle = first + (last - first) // 2
            left += [(middle + timedelta(days=1), last), (first, middle)]


def _of_days(of: Api, ranges: Iterable[Range]) -> Iterator[View]:
    """What is said of single days, of all together; days without calls are not asked for."""
    try:
        days = [one["date"] for answer in _answers(of, DAYS, ranges, {}) for one in answer]
    except TooLarge:
        return  # Their ranges were too long already.
    for path, names in (
        ("/admin/usage/models", FULL),
        ("/admin/usage/providers", BRIEF),
        ("/admin/usage/accounts", OF_ACCOUNT),
    ):
        yield _view(f"GET {path} by day", _together, names, (of.json(path, day=day) for day in days))


def _of_today(of: Api) -> Iterator[View]:
    """The day that it is, between two looks at the same day in a range."""
    try:
        day = of.json(TODAY)["date"]
        before = _of_day(of, day)
        shown = of.json(TODAY)
        after = _of_day(of, day)
    except TooLarge:
        yield View(f"GET {TODAY}", {}, is_too_long=True)
        return
    if shown["date"] != day:  # Midnight is over; what is today now was looked at as a range already.
        return
    yield View(f"GET {TODAY}", _added([shown], **OF_DAY), before, after)
    yield View(f"GET {TODAY} by model", _added(shown["breakdown"], **BRIEF), before, after)


def _of_day(of: Api, day: str) -> Figures:
    return _added(of.json(DAYS, **{"from": day, "to": day}), **OF_DAY)


def _together(names: Mapping[str, str], answers: Iterable[Iterable[Mapping[str, Any]]]) -> Figures:
    sums = dict.fromkeys(names, 0)
    for answer in answers:
        for name, more in _added(answer, **names).items():
            sums[name] += more
    return sums


def _added(entries: Iterable[Mapping[str, Any]], **names: str) -> Figures:
    """Fields of all entries, added up under our names; costs in whole nano-dollars."""
    sums = dict.fromkeys(names, 0)
    for entry in entries:
        for ours, theirs in names.items():
            value = entry[theirs] or 0
            sums[ours] += _nanousd(value) if ours == "cost_nanousd" else value
    return sums


def _nanousd(usd: float) -> int:
    found = nanousd(usd, COST_MAX)
    if found is None:
        raise ApiTrouble("a cost is no amount")
    return found


def _of_prometheus(text: str) -> Iterator[View]:
    from prometheus_client.parser import text_string_to_metric_families

    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]

    def added(name: str, count: Callable[[float], int] = int, **labels: str) -> int:
        return sum(
            count(one.value)
            for one in samples
            if one.name == name and all(one.labels.get(label) == value for label, value in labels.items())
        )

    name = "GET /metrics (Prometheus) wellhead"
    kinds = ("input", "output", "cache_read", "cache_write", "reasoning", "total")
    yield View(
        f"{name}_calls_total and its kin",
        {
            "calls": added("wellhead_calls_total"),
            "metered_calls": added("wellhead_metered_calls_total"),
            "priced_calls": added("wellhead_priced_calls_total"),
            "cost_nanousd": added("wellhead_cost_usd_total", _nanousd),
            **{f"{kind}_tokens": added("wellhead_tokens_total", kind=kind) for kind in kinds},
        },
    )
    for what in ("tool", "project"):
        yield View(
            f"{name}_{what}_…",
            {
                "calls": added(f"wellhead_{what}_calls_total"),
                "total_tokens": added(f"wellhead_{what}_tokens_total"),
                "cost_nanousd": added(f"wellhead_{what}_cost_usd_total", _nanousd),
            },
        )
    yield View(
        f"{name}_call_duration_seconds", {"timed_calls": added("wellhead_call_duration_seconds_count")}
    )
