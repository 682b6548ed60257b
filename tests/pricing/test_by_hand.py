"""Responses of every provider, priced by hand from the providers' price pages, to the nano-dollar (R-7).

The arithmetic beside each is in dollars: tokens x dollars per million / a million.
Bodies go through the meter, so that what it calls input and what is priced as input
are one thing.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest

from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.meter import Meter
from wellhead.pricing.catalogue import Catalogue
from wellhead.pricing.quote import Priced, PriceState, Reason, priced
from wellhead.pricing.shipped import shipped

MILLION = Decimal(10**6)
CATALOGUE = Catalogue(shipped())
TYPES = {"anthropic_messages": "anthropic", "gemini": "gemini"}


@dataclass(frozen=True)
class Case:
    name: str
    provider: str
    dialect: str
    body: str
    """`'` for `"`."""
    usd_millions: str
    """Sum of tokens x dollars per million."""
    at: str = "2026-11-20T12:00:00Z"
    asked: str = "what-was-asked"
    provider_type: str | None = None


def body(model: str, usage: str, more: str = "") -> str:
    return f"{{'id':'x','model':'{model}',{more}'usage':{usage}}}"


CHAT = "openai_chat"
CASES = (
    # OpenAI: gpt-5 is 1.25 / 10, cached 0.125.  Cached and reasoning tokens are inside.
    Case(
        "openai plain",
        "openai",
        CHAT,
        body("gpt-5-2025-08-07", "{'prompt_tokens':1000,'completion_tokens':500,'total_tokens':1500}"),
        "1000*1.25 + 500*10",
    ),
    Case(
        "openai cache read and reasoning",
        "openai",
        CHAT,
        body(
            "gpt-5",
            "{'prompt_tokens':1000,'completion_tokens':500,'prompt_tokens_details':{'cached_tokens':200},"
            "'completion_tokens_details':{'reasoning_tokens':300}}",
        ),
        "800*1.25 + 200*0.125 + 500*10",
    ),
    Case(
        "openai flex",
        "openai",
        CHAT,
        body(
            "gpt-5",
            "{'prompt_tokens':1001,'completion_tokens':501,'prompt_tokens_details':{'cached_tokens':200}}",
            "'service_tier':'flex',",
        ),
        "801*0.625 + 200*0.0625 + 501*5",
    ),
    Case(
        "openai priority",
        "openai",
        CHAT,
        body("gpt-5", "{'prompt_tokens':1000,'completion_tokens':500}", "'service_tier':'priority',"),
        "1000*2.5 + 500*20",
    ),
    Case(
        "openai asked for priority and was downgraded",
        "openai",
        CHAT,
        body("gpt-5", "{'prompt_tokens':1000,'completion_tokens':500}", "'service_tier':'default',"),
        "1000*1.25 + 500*10",
    ),
    # gpt-5.6-luna charges for cache writes, and was made cheaper on 30 July 2026.
    Case(
        "openai cache write",
        "openai",
        "openai_responses",
        body(
            "gpt-5.6-luna",
            "{'input_tokens':1000,'output_tokens':100,'input_tokens_details':{'cached_tokens':300,'cache_write_tokens':400}}",
        ),
        "300*0.2 + 300*0.02 + 400*0.25 + 100*1.2",
    ),
    Case(
        "openai before a price change",
        "openai",
        "openai_responses",
        body(
            "gpt-5.6-luna",
            "{'input_tokens':1000,'output_tokens':100,'input_tokens_details':{'cached_tokens':300,'cache_write_tokens':400}}",
        ),
        "300*1 + 300*0.1 + 400*1.25 + 100*6",
        at="2026-07-29T23:59:59Z",
    ),
    # gpt-5.4: 2.5 / 15 / 0.25, above 272 k of input the whole call twice, output one and a half times.
    Case(
        "openai at the mark",
        "openai",
        CHAT,
        body("gpt-5.4", "{'prompt_tokens':272000,'completion_tokens':10}"),
        "272000*2.5 + 10*15",
    ),
    Case(
        "openai above the mark",
        "openai",
        CHAT,
        body(
            "gpt-5.4",
            "{'prompt_tokens':272001,'completion_tokens':10,'prompt_tokens_details':{'cached_tokens':272000}}",
        ),
        "1*5 + 272000*0.5 + 10*22.5",
    ),
    Case(
        "openai embeddings",
        "openai",
        "openai_embeddings",
        body("text-embedding-3-small", "{'prompt_tokens':12345,'total_tokens':12345}"),
        "12345*0.02",
    ),
    Case(
        "openai transcription by the minute",
        "openai",
        "openai_transcription",
        "{'text':'hello','usage':{'type':'duration','seconds':90}}",
        "90*100",  # 0.36 an hour
        asked="whisper-1",
    ),
    # Anthropic: claude-sonnet-4-5 is 3 / 15, read 0.30, written 3.75 and 6.  Cached tokens are beside.
    Case(
        "anthropic plain",
        "anthropic",
        "anthropic_messages",
        body("claude-sonnet-4-5-20250929", "{'input_tokens':1000,'output_tokens':500}"),
        "1000*3 + 500*15",
    ),
    Case(
        "anthropic cache read and written for five minutes",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-sonnet-4-5-20250929",
            "{'input_tokens':1000,'output_tokens':500,'cache_read_input_tokens':200,"
            "'cache_creation_input_tokens':100,'service_tier':'standard'}",
        ),
        "1000*3 + 500*15 + 200*0.3 + 100*3.75",
    ),
    Case(
        "anthropic written for an hour",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-sonnet-4-5-20250929",
            "{'input_tokens':7,'output_tokens':500,'cache_read_input_tokens':0,'cache_creation_input_tokens':100,"
            "'cache_creation':{'ephemeral_5m_input_tokens':30,'ephemeral_1h_input_tokens':70}}",
        ),
        "7*3 + 500*15 + 30*3.75 + 70*6",
    ),
    Case(
        "anthropic thinking is output",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-sonnet-4-5",
            "{'input_tokens':7,'output_tokens':500,'output_tokens_details':{'thinking_tokens':400}}",
        ),
        "7*3 + 500*15",
    ),
    Case(
        "anthropic batch",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-sonnet-4-5",
            "{'input_tokens':1000,'output_tokens':500,'cache_creation_input_tokens':101,'service_tier':'batch'}",
        ),
        "1000*1.5 + 500*7.5 + 101*1.875",
    ),
    Case(
        "anthropic large, counting what was cached",
        "anthropic",
        "anthropic_messages",
        body("claude-sonnet-4-5", "{'input_tokens':1,'output_tokens':10,'cache_read_input_tokens':200000}"),
        "1*6 + 200000*0.6 + 10*22.5",
    ),
    Case(
        "anthropic searching",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-opus-5",
            "{'input_tokens':1000,'output_tokens':500,'server_tool_use':{'web_search_requests':3}}",
        ),
        "1000*5 + 500*25 + 3*10000",
    ),
    Case(
        "anthropic fast",
        "anthropic",
        "anthropic_messages",
        body("claude-opus-5", "{'input_tokens':1000,'output_tokens':500,'speed':'fast'}"),
        "1000*10 + 500*50",
    ),
    Case(
        "anthropic fast, by the rule",
        "anthropic",
        "anthropic_messages",
        body("claude-opus-4-7", "{'input_tokens':1000,'output_tokens':500,'speed':'fast'}"),
        "1000*30 + 500*150",
    ),
    Case(
        "anthropic in the usa only",
        "anthropic",
        "anthropic_messages",
        body(
            "claude-opus-4-7",
            "{'input_tokens':1000,'output_tokens':500,'inference_geo':'us','server_tool_use':{'web_search_requests':1}}",
        ),
        "1000*5.5 + 500*27.5 + 1*10000",
    ),
    # Gemini: 2.5-pro is 1.25 / 10, cached 0.125.  Thoughts are beside the candidates, billed as output.
    Case(
        "gemini cache read and thoughts",
        "gemini",
        "gemini",
        "{'modelVersion':'gemini-2.5-pro','usageMetadata':{'promptTokenCount':1000,'candidatesTokenCount':500,"
        "'thoughtsTokenCount':100,'cachedContentTokenCount':200,'totalTokenCount':1600}}",
        "800*1.25 + 200*0.125 + 600*10",
    ),
    Case(
        "gemini tools and large",
        "gemini",
        "gemini",
        "{'modelVersion':'gemini-2.5-pro','usageMetadata':{'promptTokenCount':200000,'candidatesTokenCount':500,"
        "'toolUsePromptTokenCount':1,'totalTokenCount':200501}}",
        "200001*2.5 + 500*15",
    ),
    Case(
        "gemini audio",
        "gemini",
        "gemini",
        "{'modelVersion':'gemini-2.5-flash','usageMetadata':{'promptTokenCount':1000,'candidatesTokenCount':500,"
        "'totalTokenCount':1500,'promptTokensDetails':[{'modality':'TEXT','tokenCount':100},"
        "{'modality':'AUDIO','tokenCount':900}]}}",
        "100*0.3 + 900*1 + 500*2.5",
    ),
    Case(
        "gemini flex",
        "gemini",
        "gemini",
        "{'modelVersion':'gemini-2.5-pro','usageMetadata':{'promptTokenCount':1000,'candidatesTokenCount':500,"
        "'totalTokenCount':1500,'serviceTier':'flex'}}",
        "1000*0.625 + 500*5",
    ),
    # DeepSeek: dearer at some hours, 00:30 to 16:30 UTC.
    Case(
        "deepseek by day",
        "deepseek",
        CHAT,
        body(
            "deepseek-chat",
            "{'prompt_tokens':1000,'completion_tokens':500,'prompt_cache_hit_tokens':600,'prompt_cache_miss_tokens':400}",
        ),
        "400*0.27 + 600*0.07 + 500*1.1",
        at="2026-11-20T16:29:59Z",
    ),
    Case(
        "deepseek by night",
        "deepseek",
        CHAT,
        body(
            "deepseek-chat",
            "{'prompt_tokens':1000,'completion_tokens':500,'prompt_cache_hit_tokens':600,'prompt_cache_miss_tokens':400}",
        ),
        "400*0.135 + 600*0.035 + 500*0.55",
        at="2026-11-20T16:30:00Z",
    ),
    # xAI: reasoning lies beside the completion.
    Case(
        "xai reasoning beside",
        "xai",
        CHAT,
        body(
            "grok-4.3",
            "{'prompt_tokens':1000,'completion_tokens':100,'total_tokens':1500,"
            "'prompt_tokens_details':{'cached_tokens':200},'completion_tokens_details':{'reasoning_tokens':400}}",
        ),
        "800*1.25 + 200*0.2 + 500*2.5",
    ),
    Case(
        "mistral cache read",
        "mistral",
        CHAT,
        body(
            "mistral-large-2512",
            "{'prompt_tokens':1000,'completion_tokens':100,'total_tokens':1100,'prompt_tokens_details':{'cached_tokens':200}}",
        ),
        "800*0.5 + 200*0.05 + 100*1.5",
    ),
    Case(
        "groq flex costs the same",
        "groq",
        CHAT,
        body(
            "openai/gpt-oss-120b",
            "{'prompt_tokens':1000,'completion_tokens':100,'total_tokens':1100,'prompt_tokens_details':{'cached_tokens':200}}",
            "'service_tier':'flex',",
        ),
        "800*0.15 + 200*0.075 + 100*0.6",
    ),
    Case(
        "openrouter without a cost of its own",
        "openrouter",
        CHAT,
        body(
            "anthropic/claude-sonnet-4.5",
            "{'prompt_tokens':1000,'completion_tokens':100,'prompt_tokens_details':{'cached_tokens':200,'cache_write_tokens':300}}",
        ),
        "500*3 + 200*0.3 + 300*3.75 + 100*15",
    ),
    # A proxy that no price list knows: by who made the model; it speaks OpenAI's format.
    Case(
        "claude behind a proxy, in the other format",
        "cliproxy",
        CHAT,
        body(
            "claude-sonnet-4-5",
            "{'prompt_tokens':1000,'completion_tokens':100,'prompt_tokens_details':{'cached_tokens':200,'cache_creation_tokens':300}}",
        ),
        "500*3 + 200*0.3 + 300*3.75 + 100*15",
    ),
    Case(
        "ollama costs nothing",
        "ollama",
        "ollama_chat",
        "{'model':'llama3.2','done':true,'prompt_eval_count':26,'eval_count':298}",
        "0",
        provider_type="ollama",
    ),
)


def priced_from(case: Case) -> Priced:
    variant = case.provider if case.provider in DIALECTS[case.dialect].variants else None
    meter = Meter(
        DIALECTS[case.dialect], status=200, content_type="application/json", variant=variant, headers=()
    )
    meter.feed(case.body.replace("'", '"').encode())
    reading = meter.finish()
    assert not reading.trouble
    return priced(
        CATALOGUE,
        provider=case.provider,
        provider_type=case.provider_type or TYPES.get(case.dialect, "openai-compatible"),
        model=case.asked,
        model_served=reading.model_served,
        tier=reading.service_tier,
        usage=reading.usage,
        reported_nanousd=reading.cost_nanousd,
        at_us=int(datetime.fromisoformat(case.at).timestamp()) * 1_000_000,
        dialect=case.dialect,
        usage_extra=reading.usage_extra,
    )


def by_hand(sum_of_products: str) -> Decimal:
    """`800*1.25 + 200*0.125`, in nano-dollars."""
    total = Decimal(0)
    for product in sum_of_products.split(" + "):
        count, _, usd = product.partition("*")
        total += Decimal(count) * Decimal(usd or "1")
    return total / MILLION * 10**9


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_response_costs_what_the_price_page_says(case: Case) -> None:
    found = priced_from(case)
    assert (found.state, found.reason) == (PriceState.PRICED, Reason.SETTLED)
    assert not found.trouble
    assert found.nanousd is not None
    assert abs(found.nanousd - by_hand(case.usd_millions)) < 1
    assert sum(line.nanousd for line in found.lines) == found.nanousd


def test_what_a_provider_says_it_cost_wins_and_says_so() -> None:
    ticks = body("grok-4.3", "{'prompt_tokens':1000,'completion_tokens':100,'cost_in_usd_ticks':158500000}")
    found = priced_from(Case("", "xai", CHAT, ticks, ""))
    assert (found.nanousd, found.reason, found.lines) == (15_850_000, Reason.REPORTED, ())
    credits_ = body("nobody/knows-this", "{'prompt_tokens':1,'completion_tokens':1,'cost':0.00014}")
    found = priced_from(Case("", "openrouter", CHAT, credits_, ""))
    assert (found.nanousd, found.reason, found.match) == (140_000, Reason.REPORTED, None)


def test_the_whole_charge_is_found_where_the_answer_was_made_in_steps() -> None:
    # 23 k at the top; the compaction step read 180 k, and an advisor of another model was asked.
    steps = body(
        "claude-opus-5",
        "{'input_tokens':23000,'output_tokens':1000,'server_tool_use':{'web_search_requests':2},'iterations':["
        "{'type':'compaction','input_tokens':180000,'output_tokens':3500},"
        "{'type':'message','input_tokens':23000,'output_tokens':1000,'cache_read_input_tokens':0,"
        "'cache_creation_input_tokens':0},"
        "{'type':'advisor_message','model':'claude-haiku-4-5','input_tokens':500,'output_tokens':60}]}",
    )
    found = priced_from(Case("", "anthropic", "anthropic_messages", steps, ""))
    assert found.nanousd == by_hand("203000*5 + 4500*25 + 500*1 + 60*5 + 2*10000")
    assert {line.model for line in found.lines} == {None, "claude-haiku-4-5"}


def test_a_step_that_was_declined_is_billed_only_for_what_it_wrote() -> None:
    def fallback(written: int) -> Priced:
        steps = body(
            "claude-opus-4-8",
            "{'input_tokens':1000,'output_tokens':200,'iterations':["
            f"{{'type':'message','model':'claude-opus-5','input_tokens':1000,'output_tokens':{written}}},"
            "{'type':'fallback_message','model':'claude-sonnet-4-5','input_tokens':1000,'output_tokens':200}]}",
        )
        return priced_from(Case("", "anthropic", "anthropic_messages", steps, ""))

    assert fallback(0).nanousd == by_hand("1000*3 + 200*15")
    assert fallback(10).nanousd == by_hand("1000*5 + 10*25 + 1000*3 + 200*15")
