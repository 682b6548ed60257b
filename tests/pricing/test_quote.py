"""Disjoint lines that add up; a gap makes no price, never a lower one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fakes.rates import NOW, a_catalogue, a_rate, nanousd
from wellhead.money import price
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.quote import Line, Priced, PriceState, Quote, Reason, estimate, priced, quote
from wellhead.pricing.rates import INPUT_KINDS, OPERATOR, Family, Kind, Rate, Sheet, per
from wellhead.usage import NO_USAGE, Usage

EVERYTHING = a_rate(
    {200_000: {"input": "6", "output": "22.5", "cache_read": "0.6"}},
    input="3",
    output="15",
    cache_read="0.30",
    cache_write="3.75",
    cache_write_1h="6",
    reasoning="20",
    input_audio="40",
    output_audio="80",
    input_image="5",
    output_image="45",
    web_search="10000",
    call="1.000001",
    audio_second="30.833333333",
)
PLAIN = a_rate(input="3", output="15")
CLAUDE = replace(PLAIN, family=Family.ANTHROPIC)
counts = st.integers(0, 10**7) | st.integers(0, 2**40)
PARTS = (
    "plain",
    "cache_read_tokens",
    "cache_write_5m",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "written",
    "reasoning_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "audio_ms",
    "web_searches",
)
parts = st.fixed_dictionaries(dict.fromkeys(PARTS, counts))


def usage_of(parts: dict[str, int]) -> Usage:
    """Wholes and parts as providers state them, of what was used of each kind."""
    own = {name: count for name, count in parts.items() if name in Usage.__struct_fields__}
    return Usage(
        **own,
        input_tokens=sum(parts[name] for name in PARTS[:6]),
        output_tokens=sum(parts[name] for name in PARTS[6:10]),
        cache_write_tokens=parts["cache_write_5m"] + parts["cache_write_1h_tokens"],
    )


def quoted(usage: Usage, rate: Rate, *, anthropic: bool = False) -> Quote:
    found = quote(usage, rate, anthropic=anthropic)
    assert found is not None
    return found


def lines_of(found: Quote) -> dict[Kind, int]:
    return {line.kind: line.count for line in found.lines}


@given(parts, st.sampled_from((EVERYTHING, PLAIN, CLAUDE)))
def test_lines_add_up_to_the_whole_and_counts_to_what_the_provider_stated(
    parts: dict[str, int], rate: Rate
) -> None:
    usage = usage_of({**parts, "web_searches": 0} if rate is PLAIN else parts)
    found = quoted(usage, rate)
    lines = lines_of(found)
    assert found.nanousd == sum(line.nanousd for line in found.lines)
    assert len(lines) == len(found.lines)
    assert sum(lines.get(kind, 0) for kind in INPUT_KINDS) == usage.input_tokens
    spoken = (Kind.OUTPUT, Kind.REASONING, Kind.OUTPUT_AUDIO, Kind.OUTPUT_IMAGE)
    assert sum(lines.get(kind, 0) for kind in spoken) == usage.output_tokens
    assert not found.trouble
    for line in found.lines:
        assert line.nanousd == price(line.count, line.nanousd_per_million, per(line.kind))


@given(parts, st.sampled_from(PARTS), counts)
def test_using_more_of_anything_never_costs_less(parts: dict[str, int], part: str, more: int) -> None:
    less = quoted(usage_of(parts), EVERYTHING)
    assert quoted(usage_of({**parts, part: parts[part] + more}), EVERYTHING).nanousd >= less.nanousd


figures = st.none() | counts


@given(st.builds(Usage, **dict.fromkeys(Usage.__struct_fields__, figures)))
def test_figures_that_contradict_each_other_neither_break_it_nor_make_anything_negative(usage: Usage) -> None:
    for rate in (EVERYTHING, PLAIN, CLAUDE):
        found = quote(usage, rate)
        if found is None:
            continue
        assert all(line.count > 0 and line.nanousd >= 0 for line in found.lines)
        lines = lines_of(found)
        if usage.input_tokens is not None:
            assert sum(lines.get(kind, 0) for kind in INPUT_KINDS) == usage.input_tokens


def test_parts_larger_than_the_whole_are_cut_and_told() -> None:
    found = quoted(
        Usage(input_tokens=100, output_tokens=1, cache_read_tokens=80, cache_write_tokens=30), CLAUDE
    )
    assert lines_of(found) == {Kind.CACHE_WRITE: 30, Kind.INPUT: 70, Kind.OUTPUT: 1}
    found = quoted(
        Usage(input_tokens=100, output_tokens=1, cache_read_tokens=80, cache_write_tokens=30), EVERYTHING
    )
    assert lines_of(found) == {Kind.CACHE_READ: 80, Kind.CACHE_WRITE: 20, Kind.OUTPUT: 1, Kind.CALL: 1}
    assert found.trouble == ("clamped:cache_write",)
    found = quoted(Usage(input_tokens=0, output_tokens=10, reasoning_tokens=11), EVERYTHING)
    assert found.trouble == ("clamped:reasoning",)
    assert lines_of(found) == {Kind.REASONING: 10, Kind.CALL: 1}


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (NO_USAGE, "nothing is known"),
        (Usage(input_tokens=10), "output may have been written"),
        (Usage(input_tokens=10, total_tokens=12), "some was"),
        (Usage(output_tokens=10), "input was read"),
        (Usage(cache_read_tokens=10, output_tokens=1), "and not only what was cached"),
    ],
)
def test_half_a_usage_has_no_price(usage: Usage, why: str) -> None:
    assert quote(usage, PLAIN) is None, why


def test_what_cannot_have_been_used_need_not_be_counted() -> None:
    assert quoted(Usage(input_tokens=10, total_tokens=10), PLAIN).nanousd == 10 * 3000
    assert quoted(Usage(output_tokens=10, total_tokens=10), PLAIN).nanousd == 10 * 15000
    assert quoted(Usage(input_tokens=10), a_rate(input="3")).nanousd == 10 * 3000
    assert quoted(Usage(input_tokens=10), a_rate(input="3", output="0")).nanousd == 10 * 3000


def test_parts_without_a_price_of_their_own_are_paid_like_the_rest() -> None:
    usage = Usage(
        input_tokens=1000,
        output_tokens=500,
        cache_read_tokens=200,
        cache_write_tokens=100,
        reasoning_tokens=300,
        input_audio_tokens=10,
    )
    assert lines_of(quoted(usage, PLAIN)) == {Kind.INPUT: 1000, Kind.OUTPUT: 500}


def test_anthropic_cache_writes_cost_a_quarter_more_and_double_for_an_hour() -> None:
    usage = Usage(input_tokens=300, output_tokens=0, cache_write_tokens=300, cache_write_1h_tokens=100)
    # 200 * 3.75 + 100 * 6
    for found in (quoted(usage, CLAUDE), quoted(usage, PLAIN, anthropic=True)):
        assert found.nanousd == 200 * 3750 + 100 * 6000
    # OpenAI did not charge for writing before it had a price for it.
    assert quoted(usage, PLAIN).nanousd == 300 * 3000
    # One price for writing is the price for any time.
    assert quoted(usage, a_rate(input="3", output="15", cache_write="4")).nanousd == 300 * 4000


def test_a_short_recording_is_billed_as_the_shortest_that_is_sold() -> None:
    rate = replace(a_rate(audio_second="100"), audio_ms_min=10_000)
    assert quoted(Usage(audio_ms=1), rate).lines == (
        Line(Kind.AUDIO_SECOND, 10_000, nanousd("100"), 10 * nanousd("100") // 10**6),
    )
    assert quoted(Usage(audio_ms=10_500), rate).nanousd == 1_050_000  # 10.5 s at 0.0001 USD
    assert quoted(Usage(audio_ms=0), rate).nanousd == 0
    assert quote(NO_USAGE, rate) is None


def test_half_a_nano_dollar_is_rounded_up() -> None:
    assert price(1, 500_000) == 1
    assert price(1, 499_999) == 0
    assert price(3, 500_000) == 2


def test_searches_without_a_price_leave_the_call_without_one() -> None:
    usage = Usage(input_tokens=1, output_tokens=1, web_searches=2)
    assert quote(usage, PLAIN) is None
    assert quoted(usage, CLAUDE).nanousd == 3000 + 15000 + 2 * 10_000_000
    # An operator's price is the whole price.
    own = quoted(usage, replace(PLAIN, source=OPERATOR))
    assert (own.nanousd, own.trouble) == (18_000, ("unpriced:web_search",))


def test_what_is_sold_by_the_page_or_the_character_has_no_price() -> None:
    rate = replace(a_rate(), uncounted=("characters",))
    assert not rate.is_free
    assert quote(Usage(input_tokens=1, output_tokens=1), rate) is None
    with_tokens = replace(PLAIN, uncounted=("citation_tokens",))
    assert quoted(Usage(input_tokens=1, output_tokens=1), with_tokens).trouble == (
        "uncounted:citation_tokens",
    )


def test_free_is_priced_at_nothing_whatever_was_counted() -> None:
    for rate in (a_rate(input="0", output="0"), a_rate()):
        assert rate.is_free
        assert quoted(NO_USAGE, rate).nanousd == 0
        assert quoted(Usage(input_tokens=5, output_tokens=5, web_searches=1), rate).nanousd == 0


def test_an_estimate_takes_the_plain_prices_of_a_call_of_that_size() -> None:
    assert estimate(EVERYTHING, 1000, 100) == 1000 * 3000 + 100 * 15000 + 1000
    assert estimate(EVERYTHING, 200_001, 100) == 200_001 * 6000 + 100 * 22_500 + 1000


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_an_estimate_is_not_below_what_reading_from_a_cache_costs(
    plain: int, cached: int, written: int
) -> None:
    rate = a_rate(input="3", output="15", cache_read="0.3")
    usage = Usage(input_tokens=plain + cached, output_tokens=written, cache_read_tokens=cached)
    # Two lines of input, each rounded.
    assert estimate(rate, plain + cached, written) >= quoted(usage, rate).nanousd - 1


# A whole call.


def test_the_wire_format_and_the_providers_type_say_whose_rules_hold() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cache_write_tokens=100)
    for changes in ({"provider_type": "anthropic"}, {"dialect": "anthropic_messages"}):
        assert priced_call(CATALOGUE, usage=usage, **changes).nanousd == 100 * 1250
    assert priced_call(CATALOGUE, usage=usage).nanousd == 100 * 1000


def test_a_provider_of_type_ollama_costs_nothing_by_whatever_name() -> None:
    found = priced_call(CATALOGUE, provider="gpu-1", provider_type="ollama", usage=NO_USAGE)
    assert (found.state, found.reason, found.nanousd) == (PriceState.PRICED, Reason.SETTLED, 0)


def priced_call(catalogue: Catalogue, **changes: object) -> Priced:
    given: dict[str, object] = {
        "provider": "shop",
        "provider_type": "openai-compatible",
        "model": "asked",
        "model_served": "served",
        "tier": None,
        "usage": Usage(input_tokens=1000, output_tokens=100),
        "reported_nanousd": None,
        "at_us": NOW,
    }
    return priced(catalogue, **(given | changes))  # type: ignore[arg-type]


CATALOGUE = a_catalogue(shop={"asked": PLAIN, "served": a_rate(input="1", output="2")})


def test_the_served_model_is_priced_and_the_asked_one_where_that_is_not_known() -> None:
    assert priced_call(CATALOGUE).nanousd == 1000 * 1000 + 100 * 2000
    for served in (None, "", "nobody-knows"):
        assert priced_call(CATALOGUE, model_served=served).nanousd == 1000 * 3000 + 100 * 15000


def test_a_guess_at_the_served_model_is_worth_less_than_the_asked_one() -> None:
    catalogue = a_catalogue(shop={"asked": PLAIN, "served": a_rate(input="1", output="2")})
    found = priced_call(catalogue, model_served="a-served-model")
    assert found.match is not None
    assert found.match.key == "shop/asked"
    found = priced_call(catalogue, model="other", model_served="a-served-model")
    assert found.match is not None
    assert (found.match.key, found.match.how) == ("shop/served", "fuzzy")


def test_a_cost_that_nobody_believes_is_left_pending() -> None:
    limit = 1000 * 1000 + 100 * 2000
    assert priced_call(CATALOGUE, cost_max_nanousd=limit).state is PriceState.PRICED
    found = priced_call(CATALOGUE, cost_max_nanousd=limit - 1)
    assert (found.state, found.reason, found.nanousd) == (PriceState.PENDING, Reason.GUARD, None)
    assert found.lines


@pytest.mark.parametrize("model", ["asked", "nobody-knows", None])
@pytest.mark.parametrize(
    ("reported", "told"),
    [(10**11 + 1, "100.000000001"), (-1, "-0.000000001"), (-2_500_000_000, "-2.5")],
)
def test_what_a_provider_reports_and_nobody_believes_is_left_pending_and_told(
    model: str | None, reported: int, told: str
) -> None:
    found = priced_call(
        CATALOGUE, model=model, model_served=model, reported_nanousd=reported, cost_max_nanousd=10**11
    )
    assert (found.state, found.reason, found.nanousd) == (PriceState.PENDING, Reason.GUARD, None)
    assert found.trouble == (f"reported_usd:{told}",)


def test_a_provider_that_reports_nothing_to_pay_is_believed() -> None:
    found = priced_call(CATALOGUE, reported_nanousd=0)
    assert (found.state, found.reason, found.nanousd) == (PriceState.PRICED, Reason.REPORTED, 0)


def test_a_tier_without_a_published_price_leaves_the_call_pending() -> None:
    for changes in (
        {"tier": "priority"},
        {"usage_extra": '{"speed":"fast"}'},
        {"usage_extra": '{"inference_geo":"eu"}'},
    ):
        found = priced_call(CATALOGUE, **changes)
        assert (found.state, found.reason, found.nanousd) == (PriceState.PENDING, Reason.TIER_UNKNOWN, None)
    for changes in ({"tier": "default"}, {"tier": "standard"}, {"usage_extra": '{"speed":"standard"}'}):
        assert priced_call(CATALOGUE, **changes).state is PriceState.PRICED


@pytest.mark.parametrize(
    "extra",
    [
        *("{", "[]", '{"iterations":7}', '{"iterations":[7]}', '{"iterations":[{"type":"x"}]}'),
        # Some steps are not told: their sum would be too little.
        '{"cut_short":true,"iterations":[{"input_tokens":1,"output_tokens":1}]}',
        '{"cut_short":true}',
    ],
)
def test_steps_that_cannot_be_read_leave_the_call_pending(extra: str) -> None:
    found = priced_call(CATALOGUE, usage_extra=extra)
    assert (found.state, found.reason) == (PriceState.PENDING, Reason.UNREADABLE)


def test_one_step_is_the_sums_again() -> None:
    plain = priced_call(CATALOGUE)
    assert priced_call(CATALOGUE, usage_extra='{"iterations":[{"type":"message"}]}') == plain


def test_what_a_step_took_from_a_cache_or_put_there_is_priced_as_that() -> None:
    step = '"input_tokens":10,"output_tokens":1,"cache_read_input_tokens":20,"cache_creation_input_tokens":70'
    hour = '"cache_creation":{"ephemeral_1h_input_tokens":30,"ephemeral_5m_input_tokens":40}'
    catalogue = a_catalogue(shop={"served": a_rate(input="1", output="2", cache_read="0.1")})
    found = priced_call(
        catalogue,
        dialect="anthropic_messages",
        usage_extra=f'{{"iterations":[{{{step},{hour}}},{{{step}}}]}}',
    )
    # 20 * 1 + 2 * 2 + 40 * 0.1 + (40 + 70) * 1.25 + 30 * 2
    assert found.nanousd == 20_000 + 4_000 + 4_000 + 137_500 + 60_000


def test_a_step_of_a_model_without_a_price_leaves_the_call_pending() -> None:
    step = '"input_tokens":1,"output_tokens":1'
    steps = f'{{"iterations":[{{{step}}},{{"model":"nobody-knows",{step}}}]}}'
    assert priced_call(CATALOGUE, usage_extra=steps).reason is Reason.NO_PRICE


def test_steps_add_up_and_what_a_call_costs_by_itself_is_paid_once() -> None:
    catalogue = a_catalogue(
        shop={
            "served": a_rate(input="1", output="2", call="1000", web_search="5"),
            "other": a_rate(input="3", output="4"),
        }
    )
    one = '"input_tokens":10,"output_tokens":1'
    found = priced_call(
        catalogue,
        usage=Usage(input_tokens=10, output_tokens=1, web_searches=2),
        usage_extra=f'{{"iterations":[{{"type":"fees",{one}}},{{"type":"advisor","model":"other",{one}}}]}}',
    )
    # What a provider calls fees is a step like any other.
    assert [(step.step.what, step.match.key, step.nanousd) for step in found.steps] == [
        (None, "shop/served", 10 * 1000 + 2000),
        ("advisor", "shop/other", 10 * 3000 + 4000),
        ("fees", "shop/served", 1_000_000 + 2 * 5000),
    ]
    assert found.nanousd == sum(step.nanousd for step in found.steps)
    assert found.nanousd == sum(line.nanousd for line in found.lines)
    assert priced_call(catalogue).steps == ()


def test_sizes_count_for_the_whole_call_and_what_was_cached_counts_in() -> None:
    at_mark = Usage(input_tokens=200_000, output_tokens=10, cache_read_tokens=199_999)
    above = structs.replace(at_mark, input_tokens=200_001)
    assert quoted(at_mark, EVERYTHING).nanousd == 1 * 3000 + 199_999 * 300 + 10 * 15_000 + 1000
    assert quoted(above, EVERYTHING).nanousd == 2 * 6000 + 199_999 * 600 + 10 * 22_500 + 1000


def test_a_rate_without_sheets_for_sizes_has_one_for_all() -> None:
    assert EVERYTHING.prices is EVERYTHING.sheets[0].prices
    assert [sheet.above for sheet in EVERYTHING.context] == [200_000]
    assert PLAIN.sheets == (Sheet(-1, PLAIN.prices),)
