"""The programs of a measurement, each for the length of a block, on a port of loopback."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench import chat, wire
from bench.rig import Failed, Rig, Unmeasured, free_port, running, wait_for
from wellhead.clock import wall_us
from wellhead.database.engine import make_engine
from wellhead.database.registry import DatabaseRegistry
from wellhead.database.upgrade import upgrade
from wellhead.limit import Measure, Scope, ScopeKind, Window
from wellhead.registry import Actor, NewKey, NewLimit
from wellhead.vault import Vault

PROJECT = Path(__file__).parent.parent
LITELLM = PROJECT / ".venv-litellm" / "bin" / "litellm"

NGINX = """
{user}
worker_processes 1;
daemon off;
pid {home}/pid;
error_log {home}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    keepalive_requests 100000000;
    {http}
}}
"""
ANSWERING = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ default_type application/json; return 200 '{answer}'; }}
    }}
"""
PROXYING = """
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
    }}
"""
PROXYING_KEPT = """
    upstream behind {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 100000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://behind;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
"""


@contextlib.contextmanager
def nginx_upstream(rig: Rig) -> Iterator[int]:
    """nginx that answers every request with the chat completion; gives its port."""
    port = free_port()
    http = ANSWERING.format(port=port, answer=chat.answer().decode())
    with _nginx(rig, "nginx-upstream", http, rig.load, port):
        yield port


@contextlib.contextmanager
def nginx_proxy(rig: Rig, upstream: int, *, kept: bool) -> Iterator[int]:
    """nginx as a reverse proxy with one worker: the reference; gives its port.

    As it comes it makes a connection to the upstream for every call; `kept` lets
    it keep them, as the gateway does.
    """
    port, name = free_port(), "nginx-kept" if kept else "nginx-bare"
    http = (PROXYING_KEPT if kept else PROXYING).format(port=port, upstream=upstream)
    with _nginx(rig, name, http, rig.proxy, port):
        yield port


@contextlib.contextmanager
def _nginx(rig: Rig, name: str, http: str, cores: frozenset[int], port: int) -> Iterator[None]:
    home = rig.directory(name)
    user = "user root;" if os.geteuid() == 0 else ""
    (home / "nginx.conf").write_text(NGINX.format(home=home, user=user, http=http))
    command = [rig.tool("nginx"), "-p", str(home), "-e", str(home / "error.log"), "-c", "nginx.conf"]
    with running(command, cores=cores, home=home) as process:
        wait_for(lambda: wire.answers(port, wire.get("/")), process, home)
        yield


@contextlib.contextmanager
def stream_upstream(rig: Rig) -> Iterator[int]:
    """The bench's own upstream (`bench.stream_upstream`); gives its port."""
    port, home = free_port(), rig.directory("stream-upstream")
    command = [sys.executable, "-m", "bench.stream_upstream", str(port)]
    environment = {"PYTHONPATH": str(PROJECT)}
    with running(command, cores=rig.load, home=home, environment=environment) as process:
        wait_for(lambda: wire.answers(port, chat.request()), process, home)
        yield port


@dataclass(frozen=True, slots=True)
class Wellhead:
    """A running gateway."""

    port: int
    database: Path
    worker: psutil.Process
    """The one gateway process; not the supervisor."""
    key: str | None = None
    """What calls are to present."""


def wellhead_command(role: str, port: int, upstream: int, database: Path) -> list[str]:
    """How a user starts it, with free ports and books of its own."""
    command = [sys.executable, "-m", "wellhead", role, "--gateway-bind", f"127.0.0.1:{port}"]
    command += ["--upstream", f"http://127.0.0.1:{upstream}", "--database", f"sqlite:///{database}"]
    command += ["--log-format", "json"]
    return command + (["--control-bind", "127.0.0.1:0"] if role == "serve" else [])


@contextlib.contextmanager
def wellhead(
    rig: Rig, upstream: int, *, limited: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[Wellhead]:
    """The gateway with one worker, metering and a new ledger; `limited`: with a key and five limits.

    `settings` are variables that set something else than the defaults.
    """
    port, home = free_port(), rig.directory("wellhead-limited" if limited else "wellhead")
    database = home / "books.db"
    key = _with_limits(database) if limited else None
    command = wellhead_command("gateway", port, upstream, database)
    with running(command, cores=rig.proxy, home=home, environment=settings) as process:
        wait_for(lambda: wire.answers(port, wire.get("/health")), process, home)
        yield Wellhead(port, database, _worker(process.pid), key)


LIMITS = (
    NewLimit(Measure.CALLS, Window.MINUTE, 10**9, Scope(ScopeKind.GLOBAL), sliding=True),
    NewLimit(Measure.CALLS, Window.HOUR, 10**9, Scope(ScopeKind.KEY)),
    NewLimit(Measure.TOTAL_TOKENS, Window.DAY, 10**12, Scope(ScopeKind.MODEL)),
    NewLimit(Measure.COST, Window.MONTH, 10**15, Scope(ScopeKind.PROVIDER)),
    NewLimit(Measure.CONCURRENT_CALLS, Window.TOTAL, 10**6, Scope(ScopeKind.KEY)),
)
"""One of every kind, none of which is ever reached."""


def _with_limits(database: Path) -> str:
    """New books with the limits and a key; gives the key."""
    url, by = f"sqlite:///{database}", Actor("bench")
    upgrade(url)
    engine = make_engine(url)
    registry = DatabaseRegistry(engine, _no_vault, wall_us)
    for limit in LIMITS:
        registry.create_limit(by, limit)
    issued = registry.create_key(by, NewKey("bench"))
    engine.dispose()
    return issued.secret


def _no_vault() -> Vault:
    raise AssertionError("nothing is sealed here")


def _worker(pid: int) -> psutil.Process:
    for child in psutil.Process(pid).children(recursive=True):
        if {"wellhead.serve.worker", "gateway"} <= set(child.cmdline()):
            return child
    raise Failed("no gateway process under the supervisor")


@contextlib.contextmanager
def litellm(rig: Rig, upstream: int) -> Iterator[int]:
    """The LiteLLM proxy with one worker and one OpenAI model; gives its port."""
    if not LITELLM.exists():
        raise Unmeasured("LiteLLM is not installed (make setup)")
    port, home = free_port(), rig.directory("litellm")
    behind = {
        "model": f"openai/{chat.MODEL}",
        "api_base": f"http://127.0.0.1:{upstream}/v1",
        "api_key": "none",
    }
    config = {
        "model_list": [{"model_name": chat.MODEL, "litellm_params": behind}],
        "litellm_settings": {"telemetry": False},
    }
    (home / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [str(LITELLM), "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--num_workers", "1"]
    # Without a key of its own it checks none, as the gateway here; it wants to be told that this is meant.
    environment = {
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
    }
    with running(command, cores=rig.proxy, home=home, environment=environment) as process:
        wait_for(lambda: wire.answers(port, chat.request()), process, home)
        yield port
