"""What the gateway adds to a call on an idle machine: one connection, through minus direct.

Blocks of calls go straight to nginx and through the gateway in turn; a round's
figure is the difference of the two blocks' percentiles.
"""

import gc
import time

from bench import chat, servers
from bench.rig import Rig
from bench.rounds import Rounds, percentile
from bench.wire import Connection

ROUNDS = 12
BLOCK = 400
"""Calls per block."""
WARM = 500
"""Calls before the first block."""


def measure(rig: Rig) -> Rounds:
    """Added latency at p50 and p99, in milliseconds."""
    rounds = Rounds()
    with (
        servers.nginx_upstream(rig) as upstream,
        servers.wellhead(rig, upstream) as gateway,
        Connection(upstream) as direct,
        Connection(gateway.port) as through,
    ):
        _block(direct, WARM)
        _block(through, WARM)
        gc.disable()
        try:
            for _ in range(ROUNDS):
                plain, proxied = _block(direct, BLOCK), _block(through, BLOCK)
                for percent in (50, 99):
                    added_ms = percentile(proxied, percent) - percentile(plain, percent)
                    rounds.add(f"added_latency_p{percent}_ms", added_ms)
        finally:
            gc.enable()
    return rounds


def _block(connection: Connection, calls: int) -> list[float]:
    """Milliseconds of each of so many calls."""
    request = chat.request()
    taken_ms = []
    for _ in range(calls):
        started = time.perf_counter_ns()
        connection.exchange(request)
        taken_ms.append((time.perf_counter_ns() - started) / 1e6)
    return taken_ms
