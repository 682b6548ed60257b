"""The manual's page on keys: every command and snippet on it is run, every code and figure on it is true."""

import inspect
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import openai
import pytest

from fakes.keyed import REFUSALS
from fakes.program import Wellhead, clean_environment
from fakes.simulated import Simulated, simulated_process
from fakes.system import needed
from wellhead.cli import keys as keys_cli
from wellhead.config.settings import LimitSettings
from wellhead.control import keys as keys_api
from wellhead.directory import ProviderType
from wellhead.errors import CallerError
from wellhead.gateway import credentials, door, replies
from wellhead.policy import keys, windows
from wellhead.policy.admission import NO_BUDGET_STATUS
from wellhead.policy.limits import BYTES_PER_TOKEN

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "keys.md").read_text()
ADMIN_TOKEN = "the-token-of-an-admin"
OPENAI_API_KEY = "sk-of-the-project"
CREDENTIALS = {
    "openai": OPENAI_API_KEY,
    "anthropic": "sk-ant-of-everybody",
    "gemini": "AIza-of-everybody",
    "ollama": "of-everybody",
}
GATEWAY, CONTROL = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
CARRIERS = ("authorization", "x-api-key", "x-goog-api-key", "api-key", "x-wellhead-key")
AFTERWARDS = "-- afterwards --"
CODES = "| code | OpenAI | Anthropic | Gemini | Ollama | what happened, and what to do |"
WORDS = "| status | OpenAI (`error.type`) | Anthropic (`error.type`) | Gemini (`error.status`) |"
DIALECTS = {
    "OpenAI": "openai_chat",
    "Anthropic": "anthropic_messages",
    "Gemini": "gemini",
    "Ollama": "ollama_chat",
}
NOT_ABOUT_KEYS = {
    "bad_gateway",
    "bad_request",
    "head_too_large",
    "internal_error",
    "method_unsupported",
    "no_provider",
    "not_found",
    "overloaded",
    "path_outside",
    "request_timeout",
    "request_too_large",
    "shutting_down",
    "transfer_coding_unsupported",
    "unknown_provider",
    "upstream_timeout",
    "websocket_unsupported",
}


def blocks(language: str, heading: str = "") -> list[str]:
    """The page's blocks of a language, below a heading or all of them."""
    text = PAGE
    if heading:
        text = re.split(r"^##+ ", PAGE.split(f"# {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def table(header: str) -> list[list[str]]:
    """The cells of the table with this first line."""
    lines = PAGE.split(f"{header}\n", 1)[1].splitlines()[1:]
    rows = lines[: next((n for n, line in enumerate(lines) if not line.startswith("|")), len(lines))]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split(" |")] for row in rows]


# What is on the page runs.


@dataclass(frozen=True)
class Running:
    """The program that the page is about, and where its commands are given."""

    program: Wellhead
    upstream: Simulated
    home: Path
    environ: Mapping[str, str]

    def bash(self, script: str, **environ: str) -> str:
        """What a script prints; fails as soon as one of its commands does."""
        return self._run(["bash", "-euo", "pipefail", "-c", script], environ)

    def python(self, snippet: str, **environ: str) -> str:
        return self._run([sys.executable, "-W", "ignore", "-c", snippet], environ)

    def _run(self, command: list[str], environ: Mapping[str, str]) -> str:
        """Run it where this program listens, instead of where the page says."""
        urls = {GATEWAY: self.program.gateway_url, CONTROL: self.program.control_url}
        for stated, real in urls.items():
            command = [word.replace(stated, real) for word in command]
        ended = subprocess.run(
            command,
            env={**self.environ, **{name: self.moved(value) for name, value in environ.items()}},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def moved(self, text: str) -> str:
        return text.replace(GATEWAY, self.program.gateway_url)

    def last_credentials(self) -> dict[str, str]:
        """Those of the last request that reached the upstream."""
        headers = dict(self.upstream.stats()["last"][-1]["headers"])
        return {name: headers[name] for name in CARRIERS if name in headers}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    needed("curl", "jq")
    home = tmp_path_factory.mktemp("home")
    types = {"openai": "openai-compatible", "anthropic": "anthropic", "gemini": "gemini", "ollama": "ollama"}
    with simulated_process() as upstream:
        providers = [{"id": id_, "type": type_, "base_url": upstream.url} for id_, type_ in types.items()]
        control = {"admin_token": ADMIN_TOKEN}
        config = {"gateway": {"require_key": True}, "control": control, "providers": providers}
        with Wellhead(config=config) as program:
            environ = {
                "WELLHEAD_DATABASE": str(program.database_path),
                "ADMIN_TOKEN": ADMIN_TOKEN,
                "OPENAI_API_KEY": OPENAI_API_KEY,
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            }
            yield Running(program, upstream, home, {**clean_environment(home), **environ})


@pytest.fixture(scope="module")
def printed(running: Running) -> str:
    """What the commands of the page print, one after the other, and their first call again at the end."""
    scripts = blocks("bash")
    first_call = next(script for script in scripts if "authorization: Bearer $LLM_KEY" in script)
    return running.bash("\n".join([*scripts, f"echo '{AFTERWARDS}'", first_call]))


@pytest.fixture(scope="module")
def key(running: Running, printed: str) -> str:
    """A key for the snippets, and a credential of everybody's for each provider."""
    made = [
        f"printf %s {secret} | wellhead credentials create {provider} --name all --stdin"
        for provider, secret in CREDENTIALS.items()
    ]
    return running.bash("\n".join([*made, "wellhead keys create snippets --quiet"])).split()[-1]


def test_all_commands_work_one_after_the_other(running: Running, printed: str) -> None:
    _, afterwards = printed.split(AFTERWARDS)
    assert json.loads(afterwards)["object"] == "chat.completion"
    assert running.last_credentials() == {"authorization": f"Bearer {OPENAI_API_KEY}"}
    assert len(re.findall(r"\bwh_[0-9A-Za-z]{49}\b", printed)) == 2, "those that the page prints"
    seen = json.dumps(running.upstream.stats())
    assert "wh_" not in seen
    copy = running.home / "master-key.copy"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.read_text() != Path(f"{running.program.database_path}.master-key").read_text()


@pytest.mark.parametrize(
    ("heading", "arrives"),
    [
        ("OpenAI", {"authorization": f"Bearer {OPENAI_API_KEY}"}),
        ("Anthropic", {"x-api-key": CREDENTIALS["anthropic"]}),
        ("Gemini", {"x-goog-api-key": CREDENTIALS["gemini"]}),
        ("Ollama", {"authorization": f"Bearer {CREDENTIALS['ollama']}"}),
    ],
)
def test_every_snippet_works(running: Running, key: str, heading: str, arrives: dict[str, str]) -> None:
    (snippet,) = blocks("python", heading)
    assert running.python(snippet, LLM_KEY=key).strip()
    assert running.last_credentials() == arrives


def test_every_snippet_is_tried() -> None:
    assert len(blocks("python")) == 4
    assert len(blocks("sh")) == 2
    assert len(blocks("toml")) == 1
    assert set(re.findall(r"^```(\w*)", PAGE, flags=re.MULTILINE)) == {"", "bash", "python", "sh", "toml"}


ASK_ANTHROPIC = """
from anthropic import Anthropic
messages = [{"role": "user", "content": "How deep is the well?"}]
Anthropic().messages.create(model="claude-sonnet-5", max_tokens=20, messages=messages)
"""


@pytest.mark.parametrize(
    ("heading", "own", "arrives"),
    [
        ("Claude Code", {}, {"x-api-key": CREDENTIALS["anthropic"]}),
        (
            "Beside a credential of the client's own",
            {"ANTHROPIC_AUTH_TOKEN": "sk-ant-oat01-mine"},
            {"authorization": "Bearer sk-ant-oat01-mine"},
        ),
    ],
)
def test_the_variables_of_claude_code_lead_here(
    running: Running, key: str, heading: str, own: dict[str, str], arrives: dict[str, str]
) -> None:
    """Shown with Anthropic's SDK, which reads the same ones."""
    (exports,) = blocks("sh", heading)
    script = f"{exports}\nexec {sys.executable} -W ignore -c '{ASK_ANTHROPIC}'"
    running.bash(script, LLM_KEY=key, **own)
    assert running.last_credentials() == arrives


def test_the_configuration_of_codex_leads_here(running: Running, key: str) -> None:
    """Shown with OpenAI's SDK and the same values."""
    (text,) = blocks("toml")
    config: dict[str, Any] = tomllib.loads(running.moved(text))
    provider = config["model_providers"][config["model_provider"]]
    assert provider["wire_api"] == "responses"
    with openai.OpenAI(
        base_url=provider["base_url"], api_key={"LLM_KEY": key}[provider["env_key"]]
    ) as client:
        assert client.responses.create(model="gpt-5", input="How deep is the well?").output_text
    assert running.last_credentials() == {"authorization": f"Bearer {OPENAI_API_KEY}"}


# What is on the page is true.


def test_every_code_of_a_refusal_is_on_the_page_with_its_status() -> None:
    """That these statuses reach each SDK is shown in `tests/clients/test_keys.py`."""
    documented = {row[0]: row[1:5] for row in table(CODES)}
    sources = [*(ROOT / "src/wellhead/gateway").glob("*.py"), *(ROOT / "src/wellhead/policy").glob("*.py")]
    text = "\n".join(source.read_text() for source in sources)
    told = dict(re.findall(r'"([a-z]+(?:_[a-z]+)+)",\s+(\d{3})\b(?!:)', text))
    assert documented.keys() == told.keys() - NOT_ABOUT_KEYS | {"budget_exhausted"}
    for code, statuses in documented.items():
        if code == "budget_exhausted":
            assert statuses == [str(NO_BUDGET_STATUS.get(dialect, 402)) for dialect in DIALECTS.values()]
        else:
            assert statuses == [told[code]] * 4
    for refusal in REFUSALS:
        assert documented[refusal.code] == [str(refusal.status_for(name.lower())) for name in DIALECTS]


def test_the_bodies_own_words_are_those_on_the_page() -> None:
    rows = table(WORDS)
    assert {row[0] for row in rows} == {status for row in table(CODES) for status in row[1:5]}
    for status, *words in rows:
        for family, word in zip(
            (ProviderType.OPENAI, ProviderType.ANTHROPIC, ProviderType.GEMINI), words, strict=True
        ):
            error = json.loads(replies.error_body(family, CallerError("code", int(status), "")))["error"]
            assert word in ("", error["status" if family is ProviderType.GEMINI else "type"])


def test_figures_are_those_of_the_program() -> None:
    said = " ".join(PAGE.split())
    assert f"`{keys.PREFIX}` and {keys.KEY_CHARS - len(keys.PREFIX)} letters and digits" in said
    assert f"first {['eight'][keys.SHOWN_CHARS - 8]} characters" in said
    assert f"After {door.FAILURES_FREE} wrong keys from one address" in said
    assert f"up to {door.DELAY_S_MAX:g} seconds, until a minute has passed" in said
    assert door.FORGIVEN_US == 60_000_000
    assert f"passed over for {credentials.REFUSED_US // 1_000_000} seconds" in said
    assert f"or {credentials.LIMITED_US // 1_000_000} seconds" in said
    assert (BYTES_PER_TOKEN, windows.BUCKETS) == (4, 60), "a quarter, a sixtieth"
    assert f"or {LimitSettings().output_tokens_ceiling} |" in said
    assert keys_api.OVERLAP_S == 3600
    assert '"24h"' in inspect.getsource(keys_cli.rotate)
