"""The file that is shipped is whole, and its rates follow each other."""

from itertools import pairwise

import msgspec

from fakes.rates import NOW
from wellhead.pricing.rates import Hours, Kind, Rate
from wellhead.pricing.shipped import read, shipped

RATES = [rate for shelf in shipped().shelves.values() for each in shelf.names.values() for rate in each.rates]


def test_prices_for_some_hours_leave_the_days_of_the_others_alone() -> None:
    def rate(**when: object) -> dict[str, object]:
        return {"sheets": [[-1, {"input": 1, "output": 1}]], **when}

    rates = [rate(), rate(hours=["22:00", "02:30"]), rate(since="2026-01-01"), rate(since="2026-02-01")]
    document = {
        "source": "s",
        "version": "1",
        "providers": {"p": {"models": [{"id": "m", "rates": rates}], "names": {"m": 0}, "patterns": []}},
    }
    found = read(msgspec.json.encode(document)).find("p", "m")
    assert found is not None
    always, some_hours, january, february = found[0].rates
    assert always.until_us == january.since_us == 1_767_225_600_000_000
    assert january.until_us == february.since_us
    assert february.until_us is None
    assert some_hours.until_us is None
    assert some_hours.hours == Hours(22 * 3600, 2 * 3600 + 30 * 60)
    assert some_hours.key == "s/1:p/m@22:00-02:30Z"


def test_it_holds_the_prices_of_those_who_make_models() -> None:
    shelves = shipped().shelves
    for seller in ("openai", "anthropic", "google", "x-ai", "deepseek", "mistral", "groq", "moonshotai"):
        assert len(shelves[seller].names) > 5, seller
    assert shipped().source == "genai-prices"
    assert shipped().version


def test_every_rate_has_a_key_of_its_own() -> None:
    rates = {id(rate): rate for rate in RATES}.values()
    assert len({rate.key for rate in rates}) == len(rates)


def test_rates_of_a_model_follow_each_other_without_a_gap() -> None:
    for shelf in shipped().shelves.values():
        for listing in shelf.names.values():
            all_day = [rate for rate in listing.rates if rate.hours is None]
            assert all_day[0].since_us is None
            assert all_day[-1].until_us is None
            assert all(one.until_us == next_.since_us is not None for one, next_ in pairwise(all_day))
            assert listing.at(NOW) is not None


def test_sheets_begin_with_every_call_and_grow() -> None:
    def check(rate: Rate) -> None:
        for sheets in (rate.sheets, *(v.sheets for versions in rate.tiers.values() for v in versions)):
            marks = [sheet.above for sheet in sheets]
            assert marks[0] == -1
            assert marks == sorted(set(marks))
            assert all(
                isinstance(kind, Kind) and price >= 0 for s in sheets for kind, price in s.prices.items()
            )

    for rate in RATES:
        check(rate)
        for versions in rate.tiers.values():
            since = [-1 if v.since_us is None else v.since_us for v in versions]
            assert since == sorted(set(since))
