"""The books of a busy year: as many calls as asked for, booked by the gateway's own statements.

::

    400 days ──► calls of a day ──► INSERT, UPDATE     as the clerk books them
                               └──► Tally ──► rollups  once for each day
         ──► days closed                               but for the last one

The habits are those of an organisation: thirty clients with forty keys in ten
projects, five tools, six providers, office hours.  The file is kept for the next
run, named by all that it is made of; one of another kind is taken away first.
"""

import hashlib
import math
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.schema import CreateIndex, CreateTable

from bench.rig import Unmeasured
from wellhead.call import CallState, Opening, Settlement
from wellhead.cost import CostState
from wellhead.database import calls, rollups, room
from wellhead.database.calls import Settled
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.schema import calls as calls_table
from wellhead.database.schema import (
    closed_days,
    model_sheets,
    session_sheets,
    usage_keys,
    usage_sheets,
)
from wellhead.database.upgrade import upgrade
from wellhead.demo.history import awake
from wellhead.ledger.closing import close, last_day
from wellhead.ledger.ids import Ids
from wellhead.ledger.rollup import tally
from wellhead.moments import DAY_US, HOUR_US
from wellhead.usage import NO_USAGE, Usage, UsageSource

CALLS = 10_000_000
CALLS_SETTING = "WELLHEAD_BENCH_CALLS"
"""Names fewer calls, or more."""
DAYS = 400
END_US = 1_790_000_000_000_000
"""2026-09-21T14:13:20Z, a Monday: the books end in the middle of a busy day."""
MADE_BY = 1
"""Goes up with every change of the habits below."""
BYTES_PER_CALL = 700
"""Room that is asked for before a file is made; it takes less."""
CALLS_PER_BATCH = 4_000
CLIENTS, KEYS, PROJECTS = 30, 40, 10
SESSION_CALLS = (20, 50)
FACTORS = 4_096
"""Draws of a log-normal distribution, made beforehand."""


@dataclass(frozen=True, slots=True)
class Use:
    """How a tool calls: one row of the table."""

    tool: str
    user_agent: str
    dialect: str
    path: str
    models: tuple[tuple[str, str], ...]
    """Provider and model, the usual one first."""
    agents: tuple[str | None, ...]
    accounts: tuple[str | None, ...]
    prompt_tokens: int
    answer_tokens: int
    ttft_us: int
    streamed: float
    sleeps: bool = True


USES = (
    Use(
        "claude-code",
        "claude-cli/2.1.329 (external, cli)",
        "anthropic_messages",
        "/v1/messages",
        (
            ("anthropic", "claude-sonnet-5"),
            ("anthropic", "claude-haiku-4-5"),
            ("anthropic", "claude-opus-5"),
        ),
        (None, None, "explore", "review"),
        ("team-a@example.org", "team-b@example.org", "team-c@example.org"),
        14_000,
        320,
        900_000,
        1.0,
    ),
    Use(
        "codex",
        "codex_exec/0.169.0 (Debian 12.0.0; x86_64)",
        "openai_responses",
        "/v1/responses",
        (("openai", "gpt-5"), ("openai", "gpt-5-mini")),
        (None,),
        (None, "pool@example.org"),
        9_000,
        420,
        1_600_000,
        1.0,
    ),
    Use(
        "opencode",
        "opencode/1.18.33 ai-sdk/provider-utils/4.0.23 runtime/bun/1.3.14",
        "openai_chat",
        "/v1/chat/completions",
        (
            ("openrouter", "claude-sonnet-5"),
            ("openai", "gpt-5-mini"),
            ("mistral", "mistral-large-3"),
        ),
        (None, "build", "plan"),
        (None,),
        3_500,
        260,
        500_000,
        0.95,
    ),
    Use(
        "gemini-cli",
        "GeminiCLI-tui/0.61.0/gemini-2.5-flash (linux; x64; terminal)",
        "gemini",
        "/v1beta/models/{model}:streamGenerateContent",
        (("gemini", "gemini-2.5-flash"),),
        (None,),
        (None,),
        6_000,
        300,
        400_000,
        1.0,
    ),
    Use(
        "openai-python",
        "OpenAI/Python 3.52.0",
        "openai_chat",
        "/v1/chat/completions",
        (("openai", "gpt-5-mini"), ("ollama", "llama3.2")),
        ("nightly", None),
        (None,),
        1_800,
        150,
        300_000,
        0.1,
        sleeps=False,
    ),
)
SHARES = (36, 20, 16, 8, 20)
"""Of all calls in office hours, by the order above."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """What becomes of some calls."""

    up_to: float
    """Of all calls, those before it included."""
    state: CallState
    status: int | None
    code: str


MISHAPS = (
    Mishap(0.012, CallState.FAILED, 429, "upstream_error"),
    Mishap(0.020, CallState.FAILED, 529, "upstream_error"),
    Mishap(0.025, CallState.FAILED, 500, "upstream_error"),
    Mishap(0.027, CallState.FAILED, 502, "stream_error"),
    Mishap(0.045, CallState.ABORTED, 200, "aborted"),
    Mishap(0.048, CallState.REFUSED, 429, "limit_calls"),
    Mishap(0.049, CallState.INTERRUPTED, None, "worker_died"),
)
CLOSED = (closed_days, model_sheets, usage_keys, usage_sheets, session_sheets)
PAGE = "http://localhost:5173"
FROM_A_PAGE = 0.02


class Conversation:
    """What a key is used for just now."""

    def __init__(self, key: int, chance: random.Random) -> None:
        self.key, self._chance = key, chance
        self.client = f"client-{key % CLIENTS:02d}"
        self.project_id = 1 + key % PROJECTS
        self._left = 0
        self.session = ""
        self.account: str | None = None
        self.usual = 0
        """Of the tool's models."""

    def goes_on(self, use: Use) -> None:
        """One call more; a new session where the last one was long enough."""
        if not self._left:
            self._left = self._chance.randint(*SESSION_CALLS)
            digits = f"{self._chance.getrandbits(128):032x}"
            self.session = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            self.account = self._chance.choice(use.accounts)
            self.usual = int(self._chance.random() ** 2 * len(use.models))
        self._left -= 1


class Year:
    """Draws calls; the same seed gives the same."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._spread = [math.exp(self._chance.gauss(0, 0.7)) for _ in range(FACTORS)]
        by_tool: list[list[Conversation]] = [[] for _ in USES]
        for key in range(KEYS):
            by_tool[key % len(USES)].append(Conversation(1 + key, self._chance))
        self._by_tool = by_tool
        self._moment_us = 0
        self._ids = Ids(1, lambda: self._moment_us)

    def hour(self, hour: int, count: int) -> Iterator[Settled]:
        """So many calls that begin within an hour, by their beginnings."""
        chance, up = self._chance, awake(hour * HOUR_US // 1_000_000)
        shares = [share * (up if use.sleeps else 0.3) for use, share in zip(USES, SHARES, strict=True)]
        tools = chance.choices(range(len(USES)), shares, k=count)
        for tool, offset_us in zip(
            tools, sorted(int(chance.random() * HOUR_US) for _ in range(count)), strict=True
        ):
            self._moment_us = hour * HOUR_US + offset_us
            some = self._by_tool[tool]
            yield self._call(USES[tool], some[int(chance.random() ** 1.5 * len(some))])

    def _call(self, use: Use, said: Conversation) -> Settled:
        chance = self._chance.random
        said.goes_on(use)
        place = said.usual if chance() < 0.8 else 0
        provider, model = use.models[place]
        streamed = chance() < use.streamed
        prompt = int(use.prompt_tokens * self._spread[int(chance() * FACTORS)])
        opening = Opening(
            id=self._ids.next(),
            started_us=self._moment_us,
            provider=provider,
            dialect=use.dialect,
            method="POST",
            path=use.path,
            model=model,
            streamed=streamed,
            tool=use.tool,
            client=said.client,
            session=said.session,
            agent=use.agents[int(chance() * len(use.agents))],
            user_agent=use.user_agent,
            origin=PAGE if chance() < FROM_A_PAGE else None,
            client_address="10.0.0.17",
            project_id=said.project_id,
            key_id=said.key,
            request_bytes=prompt * 4 + 400,
            message_count=1 + prompt // 800,
            max_output_tokens=8_192,
        )
        return opening, self._end(use, said, opening, prompt)

    def _end(self, use: Use, said: Conversation, opening: Opening, prompt: int) -> Settlement:
        chance, spread = self._chance.random, self._spread
        answer = int(use.answer_tokens * spread[int(chance() * FACTORS)])
        ttft_us = int(use.ttft_us * spread[int(chance() * FACTORS)] ** 0.5)
        latency_us = ttft_us + int(answer * 12_000 * spread[int(chance() * FACTORS)] ** 0.3)
        drawn = chance()
        mishap = next((one for one in MISHAPS if drawn < one.up_to), None)
        if mishap is not None:
            return Settlement(
                state=mishap.state,
                finished_us=opening.started_us + latency_us // 4,
                status_code=mishap.status,
                error_code=mishap.code,
                error_message="what went wrong, in a short sentence",
                streamed=opening.streamed,
                latency_us=None if mishap.state is CallState.INTERRUPTED else latency_us // 4,
                response_bytes=120,
                attempts=1,
                account=said.account,
                usage=NO_USAGE,
            )
        cached = int(prompt * 0.8 * chance())
        return Settlement(
            state=CallState.COMPLETED,
            finished_us=opening.started_us + latency_us,
            status_code=200,
            finish_reason="stop",
            upstream_request_id=f"req_{self._chance.getrandbits(96):024x}",
            model_served=opening.model,
            streamed=opening.streamed,
            usage=Usage(
                input_tokens=prompt,
                output_tokens=answer,
                cache_read_tokens=cached,
                reasoning_tokens=answer // 4,
                total_tokens=prompt + answer,
            ),
            usage_source=UsageSource.REPORTED,
            cost_nanousd=prompt * 3_000 + answer * 15_000,
            cost_state=CostState.PRICED,
            rate_id=1 + len(opening.provider),
            latency_us=latency_us,
            upstream_latency_us=ttft_us - 10_000,
            ttft_us=ttft_us,
            request_bytes=opening.request_bytes,
            response_bytes=answer * (120 if opening.streamed else 4) + 300,
            attempts=1,
            account=said.account,
        )


def calls_wanted() -> int:
    """How many calls there are to be, about."""
    return int(os.environ.get(CALLS_SETTING, CALLS))


def books(say: Callable[[str], None]) -> Path:
    """The file with the calls that are asked for; made if it is not there.  Raises `Unmeasured`."""
    count = calls_wanted()
    folder = Path(tempfile.gettempdir()) / f"wellhead-bench-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"year-{count}-{DAYS}-{_kind()}.db"
    if file.exists():
        upgrade(f"sqlite:///{file}", 0)  # Tables that have nothing to do with it may have come since.
        return file
    for old in folder.glob("year-*"):
        old.unlink()
    free = shutil.disk_usage(folder).free
    if free < count * BYTES_PER_CALL:
        raise Unmeasured(f"{folder} has no room for {count:,} calls; lower {CALLS_SETTING}")
    part = file.with_suffix(".part")
    upgrade(f"sqlite:///{part}")
    _fill(part, count, say)
    part.rename(file)
    return file


def _kind() -> str:
    """What the file is made of, beside its calls: the schema of what is written, and the habits."""
    written = (calls_table, *rollups.TABLES, *CLOSED)
    made = [str(room.RESERVE_CHARS), *(str(CreateTable(table)) for table in written)]
    made += [str(CreateIndex(index)) for table in written for index in table.indexes]
    return hashlib.sha256(f"{MADE_BY} {END_US} {sorted(made)}".encode()).hexdigest()[:12]


def _fill(part: Path, count: int, say: Callable[[str], None]) -> None:
    engine = make_engine(f"sqlite:///{part}")
    last = END_US // HOUR_US
    hours = range(last - DAYS * 24 + 1, last + 1)
    busy = [0.7 * awake(hour * HOUR_US // 1_000_000) + 0.06 for hour in hours]
    year = Year()
    day: list[Settled] = []
    try:
        with closing(writing_connection(engine)) as connection:
            # Whoever pulls the plug makes it anew.
            connection.execute("PRAGMA synchronous=OFF")
            _register(connection)
            due, made, all_of_it = 0.0, 0, sum(busy)
            for hour, weight in zip(hours, busy, strict=True):
                due += count * weight / all_of_it
                day += year.hour(hour, int(due) - made)
                made = int(due)
                if hour % 24 == 23 or hour == last:
                    _book(connection, day)
                    say(f"\rmade {(hour - hours.start) // 24} of {DAYS} days of calls")
                    day = []
        say("\rclosing the days")
        close(engine, last_day(END_US), rest=lambda _: None)
        with closing(writing_connection(engine)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")  # One file, to be renamed.
    finally:
        engine.dispose()


def _book(connection: sqlite3.Connection, day: list[Settled]) -> None:
    day = [(opening, end) for opening, end in day if end.finished_us < END_US]
    with transaction(connection):
        for start in range(0, len(day), CALLS_PER_BATCH):
            some = day[start : start + CALLS_PER_BATCH]
            calls.insert(connection, calls.pending_rows(1, (opening for opening, _ in some)))
            # In the order in which they end, as they do.
            calls.settle(connection, calls.settled_rows(sorted(some, key=lambda one: one[1].finished_us)))
        rollups.add(connection, tally(day))


def _register(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.executemany(
            "INSERT INTO projects (id,uuid,name,created_us) VALUES (?,?,?,?)",
            [
                (n, f"00000000-0000-4000-8000-{n:012d}", f"project {n}", END_US - DAYS * DAY_US)
                for n in range(1, PROJECTS + 1)
            ],
        )
