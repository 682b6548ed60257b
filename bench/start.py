"""From the command to the first answered call, with books that do not exist yet."""

import time

from bench import chat, servers, wire
from bench.rig import Rig, free_port, running, wait_for
from bench.rounds import Rounds

ROUNDS = 5


def measure(rig: Rig) -> Rounds:
    """Seconds of `wellhead serve` until a chat completion is answered; all cores, as in life."""
    rounds = Rounds()
    with servers.stream_upstream(rig) as upstream:
        for _ in range(ROUNDS):
            home, port = rig.directory("start"), free_port()
            command = servers.wellhead_command("serve", port, upstream, home / "books.db")
            started = time.monotonic()
            with running(command, cores=rig.everywhere, home=home) as process:
                wait_for(lambda port=port: wire.answers(port, chat.request()), process, home)  # type: ignore[misc]
                rounds.add("start_s", time.monotonic() - started)
    return rounds
