"""What models and their sellers are called.

Providers have one name in our configuration, another in each price list; models
come with namespaces (`openai/gpt-5`), dates (`gpt-5-2025-08-07`) and in various
spellings.  Who *made* a model decides what it costs where the provider is a proxy
that no list knows.
"""

import re
from collections.abc import Iterator
from datetime import date

# What a provider may be called -> the seller's name in the price lists.
SELLERS = {
    "amazon": "aws",
    "amazon-bedrock": "aws",
    "azure-openai": "azure",
    "bedrock": "aws",
    "claude": "anthropic",
    "copilot": "github-copilot",
    "deepseek-ai": "deepseek",
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "glm": "zai",
    "google-vertex": "google",
    "grok": "x-ai",
    "kimi": "moonshotai",
    "minimaxai": "minimax",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "together-ai": "together",
    "together_ai": "together",
    "togetherai": "together",
    "vertex": "google",
    "vertex-ai": "google",
    "vertex_ai": "google",
    "xai": "x-ai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}
# Servers that people run themselves: their tokens cost nothing, which is not unknown.
SELF_HOSTED = frozenset(
    {
        "llama-cpp",
        "llama-server",
        "llama.cpp",
        "llamacpp",
        "lm-studio",
        "lmstudio",
        "ollama",
        "sglang",
        "vllm",
    }
)
# Models that such a server passes on to somebody who charges.
PASSED_ON = (":cloud", "-cloud")

# By what a model's name begins with, source-systems 2.12; the first that fits.
MAKERS = (
    (re.compile(r"claude"), "anthropic"),
    (
        re.compile(
            r"gpt-(?!oss)|o[134](?![a-z0-9])|chatgpt|codex-|text-embedding-(?:3|ada)|whisper-1|tts-1|dall-e"
            r"|omni-moderation|davinci|babbage|computer-use|ft:"
        ),
        "openai",
    ),
    (re.compile(r"gemini|imagen|veo-|text-embedding-00"), "google"),
    (re.compile(r"grok"), "x-ai"),
    (re.compile(r"deepseek"), "deepseek"),
    (re.compile(r"kimi|k2p|k2-|moonshot"), "moonshotai"),
    (re.compile(r"glm"), "zai"),
    (re.compile(r"minimax|m2-her"), "minimax"),
    (
        re.compile(r"(?:labs-)?(?:mi|code|dev|magi|mini)stral|mixtral|pixtral|voxtral|open-mi[sx]tral"),
        "mistral",
    ),
    (re.compile(r"command-"), "cohere"),
    (re.compile(r"sonar"), "perplexity"),
    (re.compile(r"voyage-"), "voyageai"),
)
FIRST_PARTIES = tuple(maker for _, maker in MAKERS)

# What a name inside these says nothing about: weights that anybody serves, and tuned models with prices
# of their own.
_UNGUESSABLE = re.compile(r"ft:|(?:.*/)?(?:gpt-oss|gemma)")
_SPACES = re.compile(r"[_\s]+")
_DATE = re.compile(r"[-@](20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$")
_MONTH_AND_DAY = re.compile(r"-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])$")
_NO_NAMES = frozenset({"", "unknown", "undefined", "none", "null"})


def is_a_model(model: str | None) -> bool:
    """Whether this names a model at all."""
    return model is not None and model.strip().lower() not in _NO_NAMES


def seller(provider: str) -> str:
    """What the price lists call a provider."""
    name = provider.strip().lower()
    return SELLERS.get(name, name)


def is_local(provider: str, model: str) -> bool:
    """Whether a provider's name says that it runs on a machine of one's own."""
    return provider.strip().lower() in SELF_HOSTED and not model.lower().endswith(PASSED_ON)


def maker(model: str) -> str | None:
    """Who made a model, by what its name begins with."""
    name = model.lower()
    return next((maker for pattern, maker in MAKERS if pattern.match(name)), None)


def is_guessable(model: str) -> bool:
    """Whether a known name inside this one may stand for it."""
    return _UNGUESSABLE.match(model.lower()) is None


def fold(model: str) -> str:
    """A name without the ways in which spellings differ."""
    return _SPACES.sub("-", model.strip().lower())


def undated(model: str) -> Iterator[str]:
    """The names a dated one may stand for, the nearest first: another spelling of the date, then none.

    `gpt-5.2-20251211` -> `gpt-5.2-2025-12-11`, `gpt-5.2`.
    """
    found = _DATE.search(model)
    if found is None:
        if _MONTH_AND_DAY.search(model):
            yield _MONTH_AND_DAY.sub("", model)
        return
    year, month, day = (int(part) for part in found.groups())
    try:
        date(year, month, day)
    except ValueError:
        return
    bare = model[: found.start()]
    for spelling in (f"{bare}-{year}-{month:02}-{day:02}", f"{bare}-{year}{month:02}{day:02}"):
        if spelling != model:
            yield spelling
    yield bare
