"""Calls live out of the real program: a socket reads events while real calls go through two gateways.

``pytest -s tests/end_to_end/test_live.py`` shows the transcript.
"""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import pytest

from fakes.canary import basic
from fakes.program import Wellhead
from fakes.simulated import Simulated, simulated_thread
from wellhead.demo.upstream import Timing

CALL: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "How deep?"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
SLOW = Timing(ttft_s=1.5)
SEEN_MAX_S = 1.0
"""How long after its beginning a call may be seen first."""
USER, PASSWORD = "vera", "only-looks"


@dataclass
class Event:
    """One event, and when it came."""

    kind: str
    id: int
    data: dict[str, Any]
    at_s: float


@dataclass
class Events:
    """An event stream, read from a socket of its own as it comes."""

    url: str
    query: str = ""
    headers: tuple[str, ...] = ()
    events: list[Event] = field(default_factory=list)
    raw: bytes = b""
    place: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        where = urlsplit(self.url)
        self.socket = socket.create_connection((where.hostname, where.port), timeout=60)
        lines = (f"GET /admin/live{self.query} HTTP/1.1", f"host: {where.netloc}", *self.headers, "", "")
        self.socket.sendall("\r\n".join(lines).encode())
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.wait_for(lambda: self.place > 0)
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.socket.close()

    def wait_for(self, reached: Any, timeout_s: float = 10.0) -> None:
        deadline = monotonic() + timeout_s
        while not reached():
            assert monotonic() < deadline, (self.raw, self.events)
            sleep(0.005)

    def of(self, call_id: str, kind: str) -> Event:
        """An event of a call, once it is there."""
        self.wait_for(lambda: any(one.kind == kind and one.data["id"] == call_id for one in self.events))
        (found,) = [one for one in self.events if one.kind == kind and one.data["id"] == call_id]
        return found

    def _read(self) -> None:
        try:
            while got := self.socket.recv(65_536):
                self.raw += got
                self._parse(monotonic())
        except OSError:
            pass
        self.ended.set()

    def _parse(self, at_s: float) -> None:
        _, _, body = self.raw.partition(b"\r\n\r\n")
        # Each piece is a chunk of its own, and none of our lines looks like the size of one.
        lines = body.decode().replace("\r\n", "\n").split("\n")
        text = "\n".join(line for line in lines if ":" in line or not line)
        found = []
        for frame in text.split("\n\n")[:-1]:
            fields = dict(
                line.split(": ", 1) for line in frame.strip().splitlines() if not line.startswith(":")
            )
            if fields.get("id", "").isdigit():
                self.place = int(fields["id"])
            if "data" in fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        self.events += [Event(*one, at_s) for one in found[len(self.events) :]]


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulated]:
    with simulated_thread(SLOW) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def program(upstream: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wellhead]:
    config = {
        "gateway": {"workers": 2},
        "control": {"basic_user": USER, "basic_password": PASSWORD},
        "pricing": {"refresh_interval_s": 0},
    }
    directory: Path = tmp_path_factory.mktemp("live")
    with Wellhead(upstream=upstream.url, config=config, directory=directory) as program:
        yield program


LOGGED_IN = (f"authorization: Basic {basic(USER, PASSWORD).decode()}",)


def call(program: Wellhead, **changes: Any) -> tuple[str, float]:
    """A real call to its end: its id, and when it began."""
    began_s = monotonic()
    headers = {"user-agent": "codex_cli_rs/0.104.0"}
    answer = httpx.post(
        f"{program.gateway_url}/v1/chat/completions", json={**CALL, **changes}, headers=headers, timeout=30
    )
    assert answer.status_code == 200, answer.text
    return answer.headers["x-wellhead-call"], began_s


def test_a_call_is_seen_while_it_is_open_and_settles_with_tokens_and_cost(program: Wellhead) -> None:
    with Events(program.control_url, headers=LOGGED_IN) as live:
        id_, began_s = call(program)
        opened, settled = live.of(id_, "open"), live.of(id_, "settle")
        _say(live.raw.decode())
    assert opened.at_s - began_s < SEEN_MAX_S
    assert opened.data["lifecycle_status"] == "pending"
    assert (opened.data["model"], opened.data["tool"]) == ("gpt-4o", "codex")
    assert settled.data["lifecycle_status"] == "completed"
    assert settled.data["total_tokens"] > 0
    assert settled.data["cost_usd"] > 0
    assert settled.data["cost_status"] == "ok"
    assert settled.id > opened.id
    shown = httpx.get(f"{program.control_url}/admin/logs/{id_}", auth=(USER, PASSWORD)).json()
    assert settled.data == {name: shown[name] for name in settled.data}


def test_calls_of_every_gateway_process_are_there_and_who_comes_back_misses_none(program: Wellhead) -> None:
    with Events(program.control_url, headers=LOGGED_IN) as live:
        calls = [threading.Thread(target=call, args=(program,)) for _ in range(12)]
        for one in calls:
            one.start()
        live.wait_for(lambda: len(live.events) >= 12)
        place = live.events[-1].id
        before = [(one.kind, one.data["id"]) for one in live.events if one.id <= place]
    for one in calls:
        one.join()
    with Events(program.control_url, headers=(*LOGGED_IN, f"last-event-id: {place}")) as live:
        live.wait_for(lambda: len(live.events) + len(before) >= 24)
        after = [(one.kind, one.data["id"]) for one in live.events]
    assert len(set(before + after)) == len(before) + len(after) == 24
    workers = {row["worker_id"] for row in program.calls()}
    assert len(workers) == 2


def test_a_filter_holds_for_events(program: Wellhead) -> None:
    query = "?model=gpt-4o-mini&lifecycle_status=completed"
    with Events(program.control_url, query, LOGGED_IN) as live:
        call(program)
        id_, _ = call(program, model="gpt-4o-mini")
        live.of(id_, "settle")
        assert [one.data["model"] for one in live.events] == ["gpt-4o-mini"]


def test_the_head_of_the_answer_keeps_proxies_from_holding_it_back(program: Wellhead) -> None:
    with Events(program.control_url, headers=LOGGED_IN) as live:
        head = live.raw.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 200")
    for line in (b"content-type: text/event-stream", b"cache-control: no-store", b"x-accel-buffering: no"):
        assert line in head
    refused = httpx.get(f"{program.control_url}/admin/live")
    assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHORIZED")


def test_an_end_of_the_program_waits_for_no_listener(upstream: Simulated, tmp_path: Path) -> None:
    with Wellhead(upstream=upstream.url, directory=tmp_path) as program:
        with Events(program.control_url) as live, Events(program.control_url) as other:
            began_s = monotonic()
            assert program.stop() == 143
            took_s = monotonic() - began_s
            assert live.ended.wait(5)
            assert other.ended.wait(5)
        assert live.raw.endswith(b"0\r\n\r\n"), "it is let go in good order, not cut off"
    _say(f"ended in {took_s:.2f} s with two listeners")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
