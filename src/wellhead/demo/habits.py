"""Who calls in the demo, how often, and what for: one table for the history and the live traffic.

Names and figures are invented; their proportions are those of a small team with
coding agents, a search service that never sleeps and a model on the desk.
"""

import math
import random
import uuid
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache


class Mishap(StrEnum):
    """What goes wrong with a call; all but `LEAVE` are faults that the simulated upstream knows."""

    RATE_LIMITED = "fail-429"
    BROKEN = "fail-500"
    OVERLOADED = "fail-529"
    WRONG_KEY = "fail-401"
    CUT = "cut"
    LEAVE = "leave"
    """The client does not wait for the end."""

    @property
    def status(self) -> int | None:
        """The HTTP error that it is."""
        return int(self.removeprefix("fail-")) if self.startswith("fail-") else None


@dataclass(frozen=True, slots=True)
class Model:
    """A model, how often it is chosen, and how fast it is."""

    name: str
    weight: int
    tokens_per_s: int
    ttft_ms: int
    reasons: bool = False


@dataclass(frozen=True, slots=True)
class Habit:
    """How one program calls."""

    tool: str
    user_agent: str
    provider: str
    dialect: str
    path: str
    models: tuple[Model, ...]
    share: int
    """Of all calls, in relation to the others."""
    clients: tuple[str, ...]
    prompt_tokens: int
    """Half of the prompts are longer than this."""
    answer_tokens: int = 0
    streamed: float = 1.0
    """How many of its calls ask for a stream."""
    cached: float = 0.0
    """How much of a prompt comes from the cache."""
    sleeps: bool = True
    """Keeps office hours, as people do."""
    headers: dict[str, str] = field(default_factory=dict)
    session_header: str | None = "session-id"
    agents: tuple[str, ...] = ()
    """Of which some do a part of the work."""
    agent_header: str = "x-agent-name"


HABITS = (
    Habit(
        tool="claude-code",
        user_agent="claude-cli/2.1.329 (external, cli)",
        provider="anthropic",
        dialect="anthropic_messages",
        path="/v1/messages",
        models=(
            Model("claude-sonnet-5", 6, 80, 900),
            Model("claude-opus-5", 2, 50, 1400),
            Model("claude-haiku-4-5", 3, 160, 350),
        ),
        share=34,
        clients=("ann", "ben", "chloe"),
        prompt_tokens=14_000,
        answer_tokens=320,
        cached=0.85,
        headers={"anthropic-version": "2023-06-01", "x-app": "cli"},
        session_header="x-claude-code-session-id",
        agents=("explore", "review"),
        agent_header="x-claude-code-agent-id",
    ),
    Habit(
        tool="codex",
        user_agent="codex_exec/0.169.0 (Debian 12.0.0; x86_64) unknown (codex_exec; 0.169.0)",
        provider="openai",
        dialect="openai_responses",
        path="/v1/responses",
        models=(Model("gpt-5", 3, 70, 1600, reasons=True), Model("gpt-5-mini", 2, 140, 700, reasons=True)),
        share=18,
        clients=("ben", "dmitri"),
        prompt_tokens=9_000,
        answer_tokens=420,
        cached=0.7,
        headers={"originator": "codex_exec"},
    ),
    Habit(
        tool="opencode",
        user_agent="opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14",
        provider="openai",
        dialect="openai_chat",
        path="/v1/chat/completions",
        models=(Model("gpt-4o", 2, 90, 500), Model("gpt-4o-mini", 3, 150, 300)),
        share=12,
        clients=("chloe", "dmitri", "ivy"),
        prompt_tokens=3_500,
        answer_tokens=260,
        cached=0.5,
    ),
    Habit(
        tool="gemini-cli",
        user_agent="GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux; x64; terminal)",
        provider="gemini",
        dialect="gemini",
        path="/v1beta/models/{model}:streamGenerateContent",
        models=(
            Model("gemini-2.5-flash", 3, 190, 400, reasons=True),
            Model("gemini-2.5-pro", 1, 80, 1500, reasons=True),
        ),
        share=9,
        clients=("ann",),
        prompt_tokens=6_000,
        answer_tokens=300,
        cached=0.3,
        session_header=None,
    ),
    Habit(
        tool="openclaw",
        user_agent="openclaw/2026.8.2",
        provider="anthropic",
        dialect="anthropic_messages",
        path="/v1/messages",
        models=(Model("claude-haiku-4-5", 1, 160, 350),),
        share=6,
        clients=("support-bot",),
        prompt_tokens=4_000,
        answer_tokens=180,
        cached=0.6,
        sleeps=False,
        headers={"anthropic-version": "2023-06-01"},
        session_header="x-openclaw-session-id",
        agents=("triage", "replies"),
    ),
    Habit(
        tool="openai-python",
        user_agent="OpenAI/Python 3.52.0",
        provider="openai",
        dialect="openai_embeddings",
        path="/v1/embeddings",
        models=(Model("text-embedding-3-small", 1, 0, 60),),
        share=14,
        clients=("search-service",),
        prompt_tokens=700,
        streamed=0.0,
        sleeps=False,
    ),
    Habit(
        tool="openai-python",
        user_agent="OpenAI/Python 3.52.0",
        provider="openai",
        dialect="openai_chat",
        path="/v1/chat/completions",
        models=(Model("gpt-4o-mini", 1, 150, 300),),
        share=7,
        clients=("nightly-report", "search-service"),
        prompt_tokens=1_800,
        answer_tokens=150,
        streamed=0.1,
        sleeps=False,
    ),
    Habit(
        tool="pydantic-ai",
        user_agent="pydantic-ai/2.9.1",
        provider="openai",
        dialect="openai_chat",
        path="/v1/chat/completions",
        models=(Model("gpt-4o", 1, 90, 500),),
        share=2,
        clients=("eval-runner",),
        prompt_tokens=2_500,
        answer_tokens=200,
        streamed=0.0,
        sleeps=False,
    ),
    Habit(
        tool="ollama-python",
        user_agent="ollama-python/0.6.3 (x86_64 linux) Python/3.11.7",
        provider="ollama",
        dialect="ollama_chat",
        path="/api/chat",
        models=(Model("llama3.2", 3, 45, 250), Model("qwen3:8b", 1, 25, 500)),
        share=6,
        clients=("dmitri",),
        prompt_tokens=900,
        answer_tokens=220,
        streamed=0.9,
        session_header=None,
    ),
)

MISHAPS = (
    (Mishap.LEAVE, 0.022),
    (Mishap.RATE_LIMITED, 0.012),
    (Mishap.OVERLOADED, 0.006),
    (Mishap.BROKEN, 0.004),
    (Mishap.WRONG_KEY, 0.002),
    (Mishap.CUT, 0.002),
)
PROMPT_TOKENS_MAX = 30_000
ANSWER_TOKENS_MAX = 4_000
SPREAD = 0.7
"""Of the lengths' logarithms: one in twenty is three times the usual or longer."""
DELEGATED = 0.4
"""How much of the work of a tool with agents is theirs."""
SESSION_S = 5_400
"""One conversation lasts so long at most."""
SESSIONS_KNOWN = 64
"""Conversations that are under way."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One call as it is meant to go."""

    habit: Habit
    model: Model
    client: str
    session: str
    streamed: bool
    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int
    """Thought and spoken."""
    reasoning_tokens: int
    agent: str | None
    mishap: Mishap | None

    @property
    def path(self) -> str:
        return self.habit.path.format(model=self.model.name)


def a_turn(chance: random.Random, at_s: int, *, awake: float) -> Turn:
    """Draw a call; `awake` (0–1) is how many of those who sleep are up at that moment."""
    weights = [habit.share * (awake if habit.sleeps else 1.0) for habit in HABITS]
    habit = chance.choices(HABITS, weights)[0]
    model = chance.choices(habit.models, [model.weight for model in habit.models])[0]
    client = chance.choice(habit.clients)
    prompt = min(_length(chance, habit.prompt_tokens), PROMPT_TOKENS_MAX)
    spoken = min(_length(chance, habit.answer_tokens), ANSWER_TOKENS_MAX) if habit.answer_tokens else 0
    thought = _length(chance, 180) if model.reasons else 0
    return Turn(
        habit=habit,
        model=model,
        client=client,
        session=_session(f"{habit.tool} {client} {at_s // SESSION_S}"),
        streamed=chance.random() < habit.streamed,
        prompt_tokens=prompt,
        cached_tokens=int(prompt * habit.cached * chance.random() ** 0.3),
        answer_tokens=spoken + thought,
        reasoning_tokens=thought,
        agent=chance.choice(habit.agents) if habit.agents and chance.random() < DELEGATED else None,
        mishap=_mishap(chance),
    )


@lru_cache(SESSIONS_KNOWN)
def _session(conversation: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, conversation))


def _length(chance: random.Random, usual: int) -> int:
    return max(1, int(usual * math.exp(chance.gauss(0, SPREAD))))


def _mishap(chance: random.Random) -> Mishap | None:
    drawn = chance.random()
    for mishap, part in MISHAPS:
        drawn -= part
        if drawn < 0:
            return mishap
    return None
