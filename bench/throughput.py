"""Calls per second under load: nginx's reverse proxy, Wellhead and LiteLLM, round by round.

::

    wrk ── load core ──► the proxy ── proxy core ──► nginx ── load core

Every proxy gets the same load in turn (A B C A B C …), so what the machine does
meanwhile strikes all of them; a ratio is taken within a round.  wrk and the nginx
that answers share the load core.  The ledger the load leaves behind is weighed.
"""

import contextlib
import json
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from bench import chat, servers
from bench.rig import Failed, Rig, Unmeasured
from bench.rounds import Rounds

ROUNDS = 5
ROUND_S = 2
WARM_S = 1
CONNECTIONS = 32
CROWD = 3_000
"""Connections of clients that come again at once, whatever they are told."""
CROWD_ROUNDS, CROWD_ROUND_S = 3, 8
PAUSE_S = 0.5
"""Between two loads, for calls that were under way when the load ended."""
CALL_MAX_S = 15

RATIOS = {"nginx": "throughput_ratio", "nginx_kept": "throughput_kept_ratio", "litellm": "peer_ratio"}
LIMITED_RATIO = "limited_ratio"
CROWD_RATIO = "crowd_ratio"

SCRIPT = """
wrk.method = "POST"
wrk.body = [==[{body}]==]
{headers}
done = function(summary, latency, requests)
    local e = summary.errors
    local broken = e.connect + e.read + e.write + e.timeout
    io.write(string.format('{{"answers": %d, "refused": %d, "broken": %d, "duration_us": %d}}\\n',
        summary.requests, e.status, broken, summary.duration))
end
"""


def measure(rig: Rig) -> Rounds:
    """Throughput, its ratios, and the size of the ledger per call."""
    rig.tool("wrk")
    rounds = Rounds()
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(servers.nginx_upstream(rig))
        ports = {
            "nginx": stack.enter_context(servers.nginx_proxy(rig, upstream, kept=False)),
            "nginx_kept": stack.enter_context(servers.nginx_proxy(rig, upstream, kept=True)),
        }
        peer = _peer(rig, upstream, stack, rounds)
        with (
            servers.wellhead(rig, upstream) as gateway,
            servers.wellhead(rig, upstream, limited=True) as limited,
        ):
            ports |= {"gateway": gateway.port, "limited": limited.port}
            _load(rig, ports | ({"litellm": peer} if peer else {}), rounds, {"limited": limited.key})
            _crowd(rig, gateway.port, rounds)
        rounds.add("disk_bytes_per_call", bytes_per_call(gateway.database))
    return rounds


def _peer(rig: Rig, upstream: int, stack: contextlib.ExitStack, rounds: Rounds) -> int | None:
    """The peer's port.  Without a peer the other figures are still to be had."""
    try:
        return stack.enter_context(servers.litellm(rig, upstream))
    except (Unmeasured, Failed) as error:
        rounds.miss(("peer_ratio", "litellm_calls_per_s"), error)
        return None


def _load(rig: Rig, ports: dict[str, int], rounds: Rounds, keys: Mapping[str, str | None]) -> None:
    """Load one proxy after the other; one that fails is left out from then on, with its figures."""
    for number in range(ROUNDS + 1):
        speeds: dict[str, float] = {}
        for name in list(ports):
            try:
                # The first round only warms up.
                seconds = ROUND_S if number else WARM_S
                speeds[name] = calls_per_s(rig, ports[name], seconds=seconds, key=keys.get(name))
            except Failed as error:
                del ports[name]
                rounds.miss((f"{name}_calls_per_s", *_ratios_with(name)), error)
            time.sleep(PAUSE_S)
        if number:
            _note(speeds, rounds)


def _ratios_with(name: str) -> list[str]:
    """The ratios that a program has part in."""
    return [*RATIOS.values(), LIMITED_RATIO] if name == "gateway" else [RATIOS.get(name, LIMITED_RATIO)]


def _note(speeds: dict[str, float], rounds: Rounds) -> None:
    for name, speed in speeds.items():
        rounds.add(f"{name}_calls_per_s", speed)
        if name in RATIOS and "gateway" in speeds:
            rounds.add(RATIOS[name], speeds["gateway"] / speed)
    if "limited" in speeds and "gateway" in speeds:
        rounds.add(LIMITED_RATIO, speeds["limited"] / speeds["gateway"])


def _crowd(rig: Rig, port: int, rounds: Rounds) -> None:
    """How much is still answered well when many times more come than can be served."""
    try:
        for _ in range(CROWD_ROUNDS):
            few = calls_per_s(rig, port, seconds=ROUND_S)
            many = calls_per_s(rig, port, seconds=CROWD_ROUND_S, connections=CROWD)
            rounds.add(CROWD_RATIO, many / few)
            time.sleep(PAUSE_S)
    except Failed as error:
        rounds.miss((CROWD_RATIO,), error)


def calls_per_s(
    rig: Rig, port: int, *, seconds: int, key: str | None = None, connections: int = CONNECTIONS
) -> float:
    """The rate of answered calls.  Raises `Failed` if any failed; in a crowd some may be refused."""
    script = rig.directory("wrk") / "chat.lua"
    headers = "\n".join(f'wrk.headers["{name}"] = "{value}"' for name, value in heads(key).items())
    script.write_text(SCRIPT.format(body=chat.body().decode(), headers=headers))
    command = [rig.tool("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={CALL_MAX_S}s"]
    command += ["-s", str(script), f"http://127.0.0.1:{port}{chat.PATH}"]
    limit_s = seconds + 2 * CALL_MAX_S
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise Failed(f"wrk did not finish: {error}") from error
    told = json.loads(done.stdout.strip().splitlines()[-1])
    well = told["answers"] - told["refused"]
    if told["broken"] or not well or (told["refused"] and connections < CROWD):
        counts = f"{told['refused']} of {told['answers']} answers were errors, {told['broken']} broke"
        raise Failed(f"calls under load failed: {counts}")
    return float(well / (told["duration_us"] / 1e6))


def heads(key: str | None) -> dict[str, str]:
    """The lines of a request's head, with a key of the gateway's in the place of one for the upstream.

    Spelled as that one is: wrk sends whatever is spelled otherwise as a second line, in any order.
    """
    return chat.HEADERS | ({"Authorization": f"Bearer {key}"} if key else {})


def bytes_per_call(database: Path) -> float:
    """What a call takes in a ledger, indexes, rollups and free pages included."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        (calls,) = connection.execute("SELECT count(*) FROM calls").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    return float(pages * size / calls)
