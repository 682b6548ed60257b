"""Who made a call, by the heads that real clients sent and by an operator's rules."""

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from time import perf_counter_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes.access import a_secret
from wellhead.demo.habits import HABITS, Habit
from wellhead.policy.attribution import (
    CLAUDE_SESSION,
    HEADS_MAX,
    NAME_MAX,
    NOBODY,
    REQUEST_ID,
    RULES,
    SESSION_HEADERS,
    Attribution,
    How,
    Rule,
    Sign,
    Who,
    looks_secret,
    name,
)
from wellhead.usage import NOTHING_ASKED, Asked

HEADS = Path(__file__).parents[1] / "data" / "client_heads.txt"
UUID = "b46a6d57-639f-4934-a64d-c44a770b022c"

TOOLS = {
    # What was run, and as what it is known.
    "claude-2.1.197 hello": "claude-code",
    "claude-2.1.197 subagent": "claude-code",
    "claude-2.1.329 hello": "claude-code",
    "claude-2.1.329 subagent": "claude-code",
    "claude-apikey": "claude-code",
    "claude-authtoken": "claude-code",
    "claude-noflags": "claude-code",
    "codex shell-tool": "codex",
    "codex-exec": "codex",
    "codex-exec-openai-base": "codex",
    "opencode bash-tool": "opencode",
    "opencode-kit/gpt-4o": "opencode",
    "opencode-kitr/gpt-4o": "opencode",
    "opencode-kita/claude-sonnet-4-5": "opencode",
    "opencode-kitg/gemini-2.5-flash": "opencode",
    "gemini-cli": "gemini-cli",
    "py_pydantic_ai": "pydantic-ai",
    "py_openai": "openai-python",
    "py_anthropic": "anthropic-python",
    "py_genai": "google-genai",
    "py_ollama": "ollama-python",
    "node_openai": "openai-js",
    "node_anthropic": "anthropic-js",
    "node_genai": "google-genai",
    "node_genai_default": "google-genai",
    "node_ollama": "ollama-js",
    # These send nothing of their own with some requests, only what is beneath them.
    "llm": "openai-python",
    "aider-stream": "openai-python",
    "aider-nostream": "litellm",
    "py_langchain": "openai-python",
    "py_litellm": "litellm",
}
BENEATH = {
    ("py_langchain", "/v1/messages"): "langchain",
    ("py_litellm", "/v1/chat/completions"): "openai-python",
}


def fields(**headers: str) -> dict[bytes, bytes]:
    return {header.replace("_", "-").encode(): value.encode() for header, value in headers.items()}


def who(asked: Asked = NOTHING_ASKED, key: str | None = None, /, **headers: str) -> Who:
    return Attribution().who(fields(**headers), asked, key)


def captured() -> Iterator[tuple[str, str, dict[bytes, bytes]]]:
    """What was run, the path without its query, and the headers that came."""
    for block in HEADS.read_text().split("\n\n"):
        label, request, *lines = block.strip().splitlines()
        pairs = (line.partition(": ") for line in lines)
        head = {header.lower().encode(): value.encode() for header, _, value in pairs}
        yield label.removeprefix("# "), request.split()[1].partition("?")[0], head


# Tools.


@pytest.mark.parametrize(("label", "path", "head"), list(captured()))
def test_what_real_clients_send_tells_their_tools(label: str, path: str, head: dict[bytes, bytes]) -> None:
    found = Attribution().who(head, NOTHING_ASKED)
    if path == "/":  # Claude Code's first look is its runtime's, and is not booked.
        assert found == NOBODY
        return
    assert found.tool == BENEATH.get((label, path), TOOLS[label])
    told = {
        "claude-code": head.get(b"x-claude-code-session-id"),
        "codex": head.get(b"session-id"),
        "opencode": head.get(b"x-session-id"),
    }.get(found.tool or "")
    assert found.session == (told.decode() if told else None)
    assert found.client == (f"{found.tool}-{told[:8].decode()}" if told else None)
    agent = head.get(b"x-claude-code-agent-id")
    assert found.agent == (agent.decode() if agent else None)


def test_every_captured_head_is_expected() -> None:
    assert {label for label, _, _ in captured()} == TOOLS.keys()


@pytest.mark.parametrize(
    ("headers", "tool"),
    [
        # The table of agent-cli-proxy.
        ({"x_opencode_session": "s"}, "opencode"),
        ({"x_initiator": "user"}, "opencode"),
        ({"user_agent": "opencode/1.18.33"}, "opencode"),
        ({"x_openclaw_session_id": "s"}, "openclaw"),
        ({"originator": "openclaw"}, "openclaw"),
        ({"x_agent_name": "nora"}, "openclaw"),
        ({"x_agent_name": "nora", "user_agent": "claude-cli/2.1.2 (external, cli)"}, "openclaw"),
        ({"user_agent": "HermesAgent/0.11.0"}, "hermes-agent"),
        ({"x_activity_request_id": "r"}, "hermes-agent"),
        # In its order.
        ({"x_opencode_session": "s", "x_openclaw_session_id": "s"}, "opencode"),
        ({"x_agent_name": "nora", "user_agent": "HermesAgent/0.11.0"}, "openclaw"),
        # It takes part of a name for the name, but not somebody else's header for OpenClaw's.
        ({"x_agent_name": "nora", "user_agent": "opencode/1.18.33"}, "opencode"),
        ({"x_agent_name": "nora", "x_claude_code_session_id": UUID}, "claude-code"),
        ({"user_agent": "claude-cli/1.0.30 (external, cli)"}, "claude-code"),
        ({"originator": "codex_vscode"}, "codex"),
        ({"user_agent": "codex_cli_rs/0.50.0 (Mac OS 15.1; arm64)"}, "codex"),
        ({"user_agent": "AsyncOpenAI/Python 3.52.0"}, "openai-python"),
        ({"user_agent": "AzureOpenAI/Python 3.52.0"}, "openai-python"),
        ({"user_agent": "AsyncAnthropic/Python 2.11.0"}, "anthropic-python"),
        ({"user_agent": "AnthropicVertex/JS 1.0"}, "anthropic-sdk"),
        ({"user_agent": "ai-sdk/openai/2.0 ai-sdk/provider-utils/3.0"}, "ai-sdk"),
        ({"user_agent": "ai/5.0.9 ai-sdk/anthropic/2.0 runtime/node"}, "ai-sdk"),
        ({"x_goog_api_client": "google-genai-sdk/1.0 gl-node/web"}, "google-genai"),
        ({"user_agent": "ollama/0.12.0 (amd64 linux) Go/go1.24"}, "ollama"),
        ({"user_agent": "OpenAI/Python 2.20.0", "x_title": "Aider"}, "aider"),
        ({"user_agent": "OpenAI/JS 5.12.2", "x_title": "Cline"}, "cline"),
        ({"user_agent": "RooCode/3.53.0"}, "roo-code"),
        ({"user_agent": "Kilo-Code/4.1"}, "kilo-code"),
        ({"user_agent": "QwenCode/0.13.1 (linux; x64)"}, "qwen-code"),
        ({"user_agent": "curl/8.5.0"}, "curl"),
        ({"user_agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}, "browser"),
        # Nobody in particular.
        ({"user_agent": "python-httpx/0.28.1"}, None),
        ({"user_agent": ""}, None),
        ({"x_initiator": ""}, None),
        ({"originator": "my-own"}, None),
        ({}, None),
    ],
)
def test_what_a_head_says_of_its_tool(headers: dict[str, str], tool: str | None) -> None:
    assert who(**headers).tool == tool


@pytest.mark.parametrize("habit", HABITS)
def test_the_demo_sends_what_its_history_says(habit: Habit) -> None:
    head = {"user-agent": habit.user_agent, **habit.headers}
    assert who(**{header.replace("-", "_"): value for header, value in head.items()}).tool == habit.tool


def test_every_rule_is_of_use() -> None:
    """A rule that an earlier one always anticipates would be a mistake in the table."""
    for rule in RULES:
        (sign,) = rule.signs
        assert sign.header == sign.header.lower()
        assert sign.text == sign.text.lower()
        assert Attribution().who({sign.header: (sign.text or "x").encode()}, NOTHING_ASKED).tool == rule.tool


# Instances, sessions, agents.


def test_instances_are_told_apart_by_agent_or_by_session() -> None:
    assert who(x_agent_name="nora").client == "openclaw-nora"
    assert who(x_agent_name="nora").agent == "nora"
    assert who(x_openclaw_session_id=UUID).client == "openclaw-b46a6d57"
    both = who(x_agent_name="nora", x_claude_code_session_id=UUID)
    assert (both.client, both.agent, both.session) == ("claude-code-nora", "nora", UUID)
    assert who(user_agent="curl/8.5.0").client is None


def test_a_name_that_the_operator_gave_a_key_wins() -> None:
    found = who(NOTHING_ASKED, "alice", x_agent_name="nora", x_session_id="s-1")
    assert found == Who("openclaw", "alice", "nora", "s-1")
    assert who(NOTHING_ASKED, "alice") == Who(client="alice")


def test_whoever_is_unknown_is_no_instance_of_anything() -> None:
    assert who(x_session_id="s-1") == Who(session="s-1")


def test_a_session_is_taken_from_where_it_is_told_first() -> None:
    asked = Asked(session="of the user", user_session="of the user")
    order = [
        b"x-claude-code-session-id",
        None,  # metadata.user_id in the body
        b"session-id",
        b"session_id",
        b"x-session-id",
        b"x-session-affinity",
        b"x-opencode-session",
        b"x-openclaw-session-id",
        b"x-activity-request-id",
        b"x-client-request-id",
    ]
    for first, source in enumerate(order):
        told = {header: header for header in order[first:] if header is not None}
        found = Attribution().who(told, asked if first <= 1 else Asked(session="of the body"))
        assert found.session == ("of the user" if source is None else source.decode())
    assert who(Asked(session="of the body")).session == "of the body"
    assert who(Asked(session="of the body"), x_session_id=a_secret()).session == "of the body"


def test_what_changes_with_every_request_names_no_instance() -> None:
    assert who(user_agent="curl/8", x_client_request_id=UUID) == Who("curl", session=UUID)
    assert who(Asked(session="cache-1"), user_agent="curl/8") == Who("curl", session="cache-1")


# Operators' own rules.

NIGHTLY = Rule("nightly", (Sign(b"user-agent", How.MATCHES, "openai/*"), Sign(b"x-team", How.MATCHES, "re*")))


def test_operators_rules_come_first_and_all_their_signs_must_be_there() -> None:
    own = Attribution((NIGHTLY, Rule("ours", (Sign(b"x-agent-name"),), client="the-one")))
    assert own.who(fields(user_agent="OpenAI/Python 3", x_team="Research"), NOTHING_ASKED).tool == "nightly"
    assert own.who(fields(user_agent="OpenAI/Python 3", x_team="ops"), NOTHING_ASKED).tool == "openai-python"
    assert own.who(fields(user_agent="OpenAI/Python 3"), NOTHING_ASKED).tool == "openai-python"
    ours = own.who(fields(x_agent_name="nora"), NOTHING_ASKED)
    assert (ours.tool, ours.client, ours.agent) == ("ours", "the-one", "nora")
    assert own.who(fields(x_agent_name="nora"), NOTHING_ASKED, "alice").client == "alice"


# What is taken as a name.


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("nora", "nora"),
        ("  build bot \t2 ", "build bot 2"),
        ("a.b_c-d:e@f/g", "a.b_c-d:e@f/g"),
        ("Jörg", "Jörg"),
        ('a"b<c>', "a_b_c_"),
        ("a\u202eb\x00c", "a_b_c"),
        ("n" * 39, "n" * 39),
        ("nora " * 40, ("nora " * 40)[:NAME_MAX].strip()),
        (UUID, UUID),
        ("ses_e053d88e1ffeq4aen82ijEs8Gu", "ses_e053d88e1ffeq4aen82ijEs8Gu"),
        ("conv_689667905b048191b4740501625afd940c7533ace33a2dab",) * 2,
        (f"agent-{UUID}",) * 2,
        ("", None),
        ("---", None),
        ("\N{SKULL}", None),
        (a_secret(), None),
        (f"nora {a_secret()}", None),
        ("wh_short", None),
        ("sk-ant-api03-x", None),
        ("Bearer sk-x", None),
        ("0f" * 20, None),
        ("QUJD" * 10, None),
        ("eyJhbGciOiJIUzI1NiJ9.e30.x", None),
        ("task-force", "task-force"),
        ("risk-sk", "risk-sk"),
    ],
)
def test_a_name_is_short_and_plain_and_no_secret(text: str, taken: str | None) -> None:
    assert name(text) == taken


@given(st.text(max_size=200))
def test_a_name_is_always_bounded(text: str) -> None:
    found = name(text)
    assert found is None or (0 < len(found) <= NAME_MAX and found.isprintable() and not looks_secret(found))


def test_no_part_of_a_key_becomes_a_name() -> None:
    for header in ("authorization", "x_api_key", "x_goog_api_key", "x_wellhead_key"):
        key = "demo-key-of-nobody"
        sent = {header: f"Bearer {key}" if header == "authorization" else key}
        for text in (key, key[:8], f"agent {key}"):
            found = who(Asked(session=text), **sent, x_agent_name=text, x_session_id=text)
            assert found == Who("openclaw"), (header, text)
    # By chance something short is in everything.
    assert who(authorization="Bearer demo-ann", x_agent_name="ann").agent == "ann"


@given(
    st.dictionaries(
        st.sampled_from([b"user-agent", b"originator", b"x-agent-name", b"session-id", b"x-title"]),
        st.binary(max_size=5000),
    )
)
def test_nothing_that_comes_can_break_it(head: dict[bytes, bytes]) -> None:
    found = Attribution().who(head, NOTHING_ASKED)
    for told in (found.tool, found.client, found.agent, found.session):
        assert told is None or 0 < len(told) <= NAME_MAX


def test_what_is_remembered_of_heads_is_bounded_and_knows_no_sessions() -> None:
    attribution = Attribution()
    for n in range(100):
        attribution.who(fields(x_claude_code_session_id=f"s-{n}", user_agent="claude-cli/2"), NOTHING_ASKED)
    assert attribution._remembered.cache_info().currsize == 1
    for n in range(HEADS_MAX + 100):
        attribution.who(fields(user_agent=f"agent-{n} {'x' * 10_000}"), NOTHING_ASKED)
    assert attribution._remembered.cache_info().currsize == HEADS_MAX


def test_it_costs_a_call_next_to_nothing() -> None:
    attribution = Attribution()
    heads = [head for _, _, head in captured()]

    def us_per_call() -> float:
        started = perf_counter_ns()
        for head in heads:
            attribution.who(head, NOTHING_ASKED)
        return (perf_counter_ns() - started) / 1000 / len(heads)

    assert min(us_per_call() for _ in range(50)) < 10


def test_the_manual_has_every_tool_with_every_sign_in_the_same_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "attribution.md").read_text()
    table = [line.lower() for line in page.splitlines() if line.startswith("| `")]
    order = [tool for row in table for tool in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert order == [tool for tool, _ in groupby(rule.tool for rule in RULES)]
    for rule in RULES:
        (sign,) = rule.signs
        rows = [row for row in table if f"`{rule.tool}`" in row.split(" | ")[0]]
        told = sign.text.strip() or sign.header.decode()
        assert any(told in row or "the name and a slash" in row for row in rows), (rule.tool, told)
    for header in (CLAUDE_SESSION, *SESSION_HEADERS, REQUEST_ID):
        assert f"`{header.decode()}`" in page
    assert f"{NAME_MAX} characters" in page
