"""Who made a call: which program, which instance of it, in which conversation.

::

    an operator's rules -> RULES, from top to bottom; the first whose signs all hold -> tool
    the key's name, the rule's, or  tool-agent,  tool-first 8 characters of the session -> client
    X-Agent-Name and the like -> agent         SESSION_HEADERS, then the body -> session

Everything here is said by the client and proves nothing, so nothing is granted for it.
What is taken is short and plain, and never a part of a key: it becomes a name in the
books, in reports and in metrics.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from wellhead.policy.identify import HEADERS as CREDENTIALS
from wellhead.policy.identify import OWN_HEADER
from wellhead.usage import Asked

NAME_MAX = 64
"""Characters of a name that are taken."""
VALUE_MAX = 256
"""Bytes of a header that signs are looked for in."""
HEADS_MAX = 1024
"""What the last so many different heads say is remembered."""
SESSION_CHARS = 8
"""Of a session's id, in the name of an instance."""
KEY_CHARS_MIN = 8
"""What is shorter would be a part of a key by chance."""

Fields = Mapping[bytes, bytes]
"""Headers by their names in small letters."""


class How(StrEnum):
    """How a header's value is compared; capital and small letters are the same."""

    PRESENT = "is there"
    EQUALS = "is"
    BEGINS = "begins with"
    CONTAINS = "contains"
    MATCHES = "matches"
    """A pattern of an operator's, with `*` and `?`."""


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing by which a tool is known."""

    header: bytes
    """In small letters."""
    how: How = How.PRESENT
    text: str = ""
    """In small letters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A tool, and the signs that must all be there."""

    tool: str
    signs: tuple[Sign, ...]
    client: str | None = None
    """What the instance is called, whatever it says itself."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who made a call, as far as is known."""

    tool: str | None = None
    client: str | None = None
    agent: str | None = None
    session: str | None = None


NOBODY = Who()
_AGENT = b"user-agent"


def _there(tool: str, *headers: bytes) -> tuple[Rule, ...]:
    return tuple(Rule(tool, (Sign(header),)) for header in headers)


def _one(tool: str, header: bytes, how: How, *texts: str) -> tuple[Rule, ...]:
    return tuple(Rule(tool, (Sign(header, how, text),)) for text in texts)


def _begins(tool: str, *texts: str) -> tuple[Rule, ...]:
    return _one(tool, _AGENT, How.BEGINS, *texts)


def _contains(tool: str, *texts: str) -> tuple[Rule, ...]:
    return _one(tool, _AGENT, How.CONTAINS, *texts)


RULES: tuple[Rule, ...] = (
    # Headers that nobody else sends, so that these may use X-Agent-Name for their instances.
    *_there("claude-code", b"x-claude-code-session-id"),
    *_there("codex", b"x-codex-turn-metadata", b"x-codex-window-id"),
    # The table of agent-cli-proxy, in its order.  OpenClaw also goes as `claude-cli`, hence before it.
    *_there("opencode", b"x-opencode-session", b"x-opencode-project", b"x-initiator"),
    *_begins("opencode", "opencode/"),
    *_contains("opencode", "opencode-", "openai-sdk-bun"),
    *_there("openclaw", b"x-openclaw-session-id", b"x-openclaw-turn-id"),
    *_one("openclaw", b"originator", How.EQUALS, "openclaw"),
    *_begins("openclaw", "openclaw/"),
    *_contains("openclaw", "openclaw-"),
    *_there("openclaw", b"x-agent-name"),
    *_begins("hermes-agent", "hermesagent/"),
    *_there("hermes-agent", b"x-activity-request-id"),
    # Other agents and applications.
    *_begins("claude-code", "claude-cli/", "claude-code/"),
    *_one("codex", b"originator", How.BEGINS, "codex"),
    *_begins("codex", "codex_", "codex-", "codex/"),
    *_begins("gemini-cli", "geminicli"),
    *_begins("qwen-code", "qwencode/"),
    *_begins("cline", "cline/"),
    *_one("cline", b"x-title", How.EQUALS, "cline"),
    *_begins("roo-code", "roocode/", "roo-code"),
    *_one("roo-code", b"x-title", How.EQUALS, "roo code"),
    *_begins("kilo-code", "kilo-code/"),
    *_one("kilo-code", b"x-title", How.EQUALS, "kilo code"),
    *_begins("cursor", "cursor/"),
    *_begins("github-copilot", "githubcopilotchat/"),
    *_begins("aider", "aider/"),
    *_one("aider", b"x-title", How.EQUALS, "aider"),
    *_one("open-webui", b"x-title", How.EQUALS, "open webui"),
    # Frameworks, whose user agents may name the SDK beneath them as well.
    *_contains("pydantic-ai", "pydantic-ai/"),
    *_begins("langchain", "langchain"),
    *_begins("ai-sdk", "ai-sdk/"),
    *_contains("ai-sdk", " ai-sdk/"),
    *_begins("litellm", "litellm/"),
    *_begins("llm", "llm/"),
    # SDKs; `Async`, `Azure` and the like come before the name.
    *_contains("openai-python", "openai/python"),
    *_contains("openai-js", "openai/js"),
    *_contains("openai-go", "openai/go"),
    *_contains("anthropic-python", "anthropic/python"),
    *_contains("anthropic-js", "anthropic/js"),
    *_contains("anthropic-sdk", "anthropic"),
    *_begins("google-genai", "google-genai-sdk/"),
    *_one("google-genai", b"x-goog-api-client", How.BEGINS, "google-genai-sdk/"),
    *_begins("ollama-python", "ollama-python/"),
    *_begins("ollama-js", "ollama-js/"),
    *_begins("ollama", "ollama/"),
    # Hands.
    *_begins("curl", "curl/"),
    *_begins("browser", "mozilla/"),
)

SESSION_HEADERS = (
    b"session-id",
    b"session_id",
    b"x-session-id",
    b"x-session-affinity",
    b"x-opencode-session",
    b"x-openclaw-session-id",
    b"x-activity-request-id",
)
"""Where a session is told, the first first; before all of them Claude Code's own."""
CLAUDE_SESSION = b"x-claude-code-session-id"
REQUEST_ID = b"x-client-request-id"
"""Codex puts its session there; from others it is new with every request, so it names no instance."""
AGENT_HEADERS = (b"x-agent-name", b"x-claude-code-agent-id")
"""Who of an instance's agents it is; the first also names the instance."""
CARRYING_KEYS = (*CREDENTIALS, OWN_HEADER)

_ORDINARY = re.compile(r"[A-Za-z0-9][\w.\-:@/+#]{0,38}")
_STRANGE = re.compile(r"[^\w.\-:@/+# ]+")
_KEY = re.compile(r"(?:^|[^A-Za-z0-9])(?:wh_|sk-|eyJ)")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=_-]{40}")
_IDENTIFIERS = re.compile(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|^(?:conv|ses|sess|session|thread)_[A-Za-z0-9]+$"
)
"""Long, and yet no secrets: UUIDs, and what providers and agents call their conversations."""


def name(text: str) -> str | None:
    """A name as it is kept: bounded, of plain characters; `None` where nothing is left or it may be a key."""
    if _ORDINARY.fullmatch(text) and not _KEY.search(text):
        return text  # As nearly all are; it takes a third of the time.
    if looks_secret(text):
        return None
    plain = _STRANGE.sub("_", " ".join(text.split()))[:NAME_MAX].strip()
    return plain if any(map(str.isalnum, plain)) else None


def looks_secret(text: str) -> bool:
    """Whether a text holds what may be a key: one of ours, a provider's, or a long run of its characters."""
    return bool(_KEY.search(text) or _LONG_RUN.search(_IDENTIFIERS.sub(".", text)))


class Attribution:
    """Tells who made a call, by an operator's rules first and then by `RULES`."""

    def __init__(self, own: tuple[Rule, ...] = ()) -> None:
        self._rules = (*own, *RULES)
        signs = [sign for rule in self._rules for sign in rule.signs]
        self._compared = frozenset(sign.header for sign in signs if sign.how is not How.PRESENT)
        self._noticed = frozenset(sign.header for sign in signs)
        self._remembered = lru_cache(HEADS_MAX)(self._rule_of)

    def who(self, fields: Fields, asked: Asked, name_of_key: str | None = None) -> Who:
        """Who calls; `name_of_key` is what the operator calls whoever has the credential."""
        rule = self._rule(fields)
        called = _called(fields, AGENT_HEADERS[:1])
        session, is_instance = _session(fields, asked)
        client = name_of_key
        if client is None and rule is not None:
            instance = called or (session[:SESSION_CHARS] if session and is_instance else None)
            client = rule.client or (f"{rule.tool}-{instance}"[:NAME_MAX] if instance else None)
        agent = called or _called(fields, AGENT_HEADERS[1:])
        return Who(None if rule is None else rule.tool, client, agent, session)

    def _rule(self, fields: Fields) -> Rule | None:
        """The first rule that holds; heads with the same signs are looked at once."""
        noticed, compared = self._noticed, self._compared
        # Of headers that are only noticed the values would make every session a head of its own.
        head = [
            (header, value[:VALUE_MAX] if header in compared else b"")
            for header, value in fields.items()
            if header in noticed and value
        ]
        return self._remembered(tuple(head))

    def _rule_of(self, head: tuple[tuple[bytes, bytes], ...]) -> Rule | None:
        texts = {header: value.decode("utf-8", "replace").lower() for header, value in head}
        return next((r for r in self._rules if all(_holds(sign, texts) for sign in r.signs)), None)


def _holds(sign: Sign, texts: Mapping[bytes, str]) -> bool:
    text = texts.get(sign.header)
    if text is None:
        return False
    match sign.how:
        case How.PRESENT:
            return True
        case How.EQUALS:
            return text == sign.text
        case How.BEGINS:
            return text.startswith(sign.text)
        case How.CONTAINS:
            return sign.text in text
        case How.MATCHES:
            return fnmatchcase(text, sign.text)


def _session(fields: Fields, asked: Asked) -> tuple[str | None, bool]:
    """The conversation, and whether an instance of a tool may be called by it."""
    told = (
        _called(fields, (CLAUDE_SESSION,))
        or unless_of_a_key(asked.user_session, fields)
        or _called(fields, SESSION_HEADERS)
    )
    if told is not None:
        return told, True
    # An identifier of one request, or of what a cache is shared for, tells no instances apart.
    return _called(fields, (REQUEST_ID,)) or unless_of_a_key(asked.session, fields), False


def _called(fields: Fields, headers: tuple[bytes, ...]) -> str | None:
    """The first of these headers that holds a name."""
    for header in headers:
        value = fields.get(header)
        if value and (named := unless_of_a_key(value.decode("utf-8", "replace"), fields)):
            return named
    return None


def unless_of_a_key(text: str | None, fields: Fields) -> str | None:
    """A name as it is kept, unless it is a part of a key that the request brought."""
    named = name(text) if text else None
    if named is None or len(named) < KEY_CHARS_MIN:
        return named
    written = named.encode()
    for header in CARRYING_KEYS:
        key = fields.get(header, b"").rpartition(b" ")[2]
        if len(key) >= KEY_CHARS_MIN and (written in key or key in written):
            return None
    return named
