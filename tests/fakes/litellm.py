"""The LiteLLM proxy, as its own users start it: a real server that nobody here wrote.

It lives in a virtual environment of its own.  Without network it answers in two
ways: the models of `MOCKED` with a fixed text and made-up usage (its mock mode),
`BRIDGED` by translating to another upstream, which here is the simulated one.
"""

import secrets
import socket
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import yaml

from fakes.program import clean_environment

PROGRAM = Path(__file__).parents[2] / ".venv-litellm" / "bin" / "litellm"
START_MAX_S = 90.0
STOP_MAX_S = 10.0
MOCKED = "gpt-4o"
MOCKED_ANSWER = "The well gives water to all who come."
BRIDGED = "bridged"


@dataclass(frozen=True)
class Litellm:
    """Where it listens, and the key it wants to see."""

    url: str
    key: str


@contextmanager
def running_litellm(upstream_url: str) -> Iterator[Litellm]:
    """Start it on a free port; `upstream_url` is where `BRIDGED` leads."""
    assert PROGRAM.exists(), f"LiteLLM is not installed in {PROGRAM.parents[1].name}: run make setup"
    key = f"sk-{secrets.token_hex(24)}"
    with tempfile.TemporaryDirectory(prefix="litellm-") as home:
        directory = Path(home)
        (directory / "config.yaml").write_text(yaml.safe_dump(_config(upstream_url)))
        with (directory / "output").open("w+b") as output, _free_port() as port:
            process = subprocess.Popen(
                [PROGRAM, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=directory,
                env=_environment(directory, key),
            )
            url = f"http://127.0.0.1:{port}"
            try:
                _wait_until_ready(process, url, directory / "output")
                yield Litellm(url, key)
            finally:
                _end(process)


def _config(upstream_url: str) -> dict[str, object]:
    mocked = {"model": f"openai/{MOCKED}", "api_key": "none", "mock_response": MOCKED_ANSWER}
    bridged = {"model": "openai/gpt-4o", "api_key": "none", "api_base": f"{upstream_url}/v1"}
    return {
        "model_list": [
            {"model_name": MOCKED, "litellm_params": mocked},
            {"model_name": BRIDGED, "litellm_params": bridged},
        ]
    }


def _environment(home: Path, key: str) -> dict[str, str]:
    """Nothing of the surroundings, and no price list from the network."""
    extra = {"LITELLM_MASTER_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    environ = clean_environment(home, extra)
    return {name: value for name, value in environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}


@contextmanager
def _free_port() -> Iterator[int]:
    """A port that nobody else is given meanwhile: it stays bound, and both sides allow sharing it."""
    with socket.socket() as kept:
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(("127.0.0.1", 0))
        yield kept.getsockname()[1]


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    deadline = monotonic() + START_MAX_S
    while not _is_ready(url):
        assert process.poll() is None, f"LiteLLM ended at once:\n{output.read_text(errors='replace')}"
        assert monotonic() < deadline, f"LiteLLM is not ready:\n{output.read_text(errors='replace')}"
        sleep(0.1)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/readiness", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_MAX_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
