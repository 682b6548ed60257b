"""The real program: how it starts, what it survives, and how it ends."""

import logging
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import LogCapture

from fakes.program import Wellhead, command
from fakes.simulated import Simulated, simulated_process
from fault_table import Fault
from wellhead.config.control_settings import ControlSettings
from wellhead.config.settings import Settings
from wellhead.config.values import Address
from wellhead.serve import sockets
from wellhead.serve.supervisor import Supervisor

GATEWAY_KILOBYTES_MAX = 90_000


@pytest.fixture(scope="module")
def upstream() -> Iterator[Simulated]:
    with simulated_process() as simulated:
        yield simulated


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20) as client:
        yield client


def chat(pieces: int = 3, interval_ms: int = 0) -> dict[str, Any]:
    return {
        "json": {"model": "gpt-5", "stream": True, "messages": [{"role": "user", "content": "hello"}]},
        "headers": {"x-sim-pieces": str(pieces), "x-sim-interval-ms": str(interval_ms)},
    }


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody waited for yet has)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_it_answers_on_both_listeners_and_ends_with_sigterms_code(
    upstream: Simulated, client: httpx.Client
) -> None:
    with Wellhead(upstream=upstream.url) as wellhead:
        assert client.get(wellhead.gateway_url + "/health").status_code == 200
        assert client.get(wellhead.control_url + "/health").status_code == 200
        answer = client.post(wellhead.gateway_url + "/v1/chat/completions", **chat())
        assert answer.text.rstrip().endswith("data: [DONE]")
        assert wellhead.stop() == 143
        assert wellhead.events("shutdown.complete")[0]["exit_code"] == 143
        assert wellhead.database_path.exists()


def test_ctrl_c_is_no_error() -> None:
    with Wellhead(command="control") as wellhead:
        assert wellhead.stop(signal.SIGINT) == 0


def test_a_terminal_that_hangs_up_ends_what_was_started_at_it() -> None:
    ours, theirs = os.openpty()
    try:
        with Wellhead(command="control", terminal=theirs) as wellhead:
            assert wellhead.stop(signal.SIGHUP) == 129
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_hangup_that_was_to_be_ignored_is_ignored(upstream: Simulated, client: httpx.Client) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does; children inherit it
    try:
        program = Wellhead(command="gateway", upstream=upstream.url)
        with program as wellhead:
            wellhead.signal(signal.SIGHUP)
            for pid in wellhead.pids:
                os.kill(pid, signal.SIGHUP)
            assert client.get(wellhead.gateway_url + "/health").status_code == 200
            assert wellhead.stop() == 143
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_gateway_that_is_killed_comes_back_on_the_same_port(
    upstream: Simulated, client: httpx.Client
) -> None:
    with Wellhead(command="gateway", upstream=upstream.url) as wellhead:
        (before,) = wellhead.pids
        os.kill(before, signal.SIGKILL)
        died = wellhead.wait_for_event("worker.died")
        assert (died["role"], died["pid"], died["exit_code"]) == ("gateway", before, -signal.SIGKILL)
        # The listening socket never went away, so this waits for the new process instead of failing.
        assert client.get(wellhead.gateway_url + "/health").status_code == 200
        (after,) = wellhead.pids
        assert after != before


def test_a_call_that_was_running_in_a_killed_gateway_is_booked_by_the_next(
    upstream: Simulated, client: httpx.Client
) -> None:
    with Wellhead(command="gateway", upstream=upstream.url) as wellhead:
        url = wellhead.gateway_url + "/v1/chat/completions"
        with client.stream("POST", url, **chat(pieces=1000, interval_ms=50)) as answer:
            received = answer.iter_bytes()
            next(received)
            os.kill(wellhead.pids[0], signal.SIGKILL)
        wellhead.wait_until(lambda: [call["state"] for call in wellhead.calls()] == ["interrupted"])


def test_several_gateways_share_the_listener(upstream: Simulated, client: httpx.Client) -> None:
    with Wellhead(command="gateway", upstream=upstream.url, config={"gateway": {"workers": 2}}) as wellhead:
        assert len(wellhead.pids) == 2
        os.kill(wellhead.pids[0], signal.SIGKILL)
        assert client.get(wellhead.gateway_url + "/health").status_code == 200


def test_sigterm_lets_a_running_stream_finish_and_takes_no_new_calls(
    upstream: Simulated, client: httpx.Client
) -> None:
    with Wellhead(command="gateway", upstream=upstream.url) as wellhead:
        url = wellhead.gateway_url + "/v1/chat/completions"
        with client.stream("POST", url, **chat(pieces=20, interval_ms=50)) as answer:
            received = answer.iter_text()
            text = next(received)
            wellhead.signal(signal.SIGTERM)
            assert wellhead.wait_for_event("shutdown.drain")["pending_requests"] == 1
            text += "".join(received)
        assert text.rstrip().endswith("data: [DONE]")
        with pytest.raises(httpx.ConnectError):
            httpx.get(wellhead.gateway_url + "/health")
        assert wellhead.wait() == 143
        assert [call["state"] for call in wellhead.calls()] == ["completed"]


def test_a_gateway_is_small_after_its_start(upstream: Simulated) -> None:
    with Wellhead(command="gateway", upstream=upstream.url) as wellhead:
        status = Path(f"/proc/{wellhead.pids[0]}/status").read_text()
        (kilobytes,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
        assert kilobytes <= GATEWAY_KILOBYTES_MAX


def test_a_stream_that_outlasts_the_grace_period_is_cut(upstream: Simulated, client: httpx.Client) -> None:
    with Wellhead(
        command="gateway", upstream=upstream.url, config={"gateway": {"shutdown_grace_s": 0.2}}
    ) as wellhead:
        url = wellhead.gateway_url + "/v1/chat/completions"
        with client.stream("POST", url, **chat(pieces=1000, interval_ms=50)) as answer:
            received = answer.iter_bytes()
            next(received)
            assert wellhead.stop() == 143
            with pytest.raises(httpx.RemoteProtocolError):
                list(received)
        assert wellhead.events("shutdown.drained")[0]["cut"] == 1
        assert [(call["state"], call["error_code"]) for call in wellhead.calls()] == [("aborted", "shutdown")]


def test_a_second_signal_ends_it_at_once(upstream: Simulated, client: httpx.Client) -> None:
    with Wellhead(command="gateway", upstream=upstream.url) as wellhead:
        url = wellhead.gateway_url + "/v1/chat/completions"
        with client.stream("POST", url, **chat(pieces=1000, interval_ms=50)) as answer:
            received = answer.iter_bytes()  # kept, because dropping it would close the connection
            next(received)
            wellhead.signal(signal.SIGTERM)
            wellhead.wait_for_event("shutdown.drain")
            asked = time.monotonic()
            wellhead.signal(signal.SIGTERM)
            assert wellhead.wait() == 143
        assert time.monotonic() - asked < 5
        assert [(call["state"], call["error_code"]) for call in wellhead.calls()] == [("aborted", "shutdown")]


@pytest.mark.fault("Processes", "the supervisor is killed, with calls under way")
def test_when_the_supervisor_is_killed_its_processes_end_by_themselves(
    upstream: Simulated, client: httpx.Client, fault: Fault
) -> None:
    with Wellhead(upstream=upstream.url, config={"gateway": {"shutdown_grace_s": 0.2}}) as wellhead:
        pids = [*wellhead.pids, *wellhead.pids_of("control")]
        assert len(pids) == 2
        url = wellhead.gateway_url + "/v1/chat/completions"
        with client.stream("POST", url, **chat(pieces=1000, interval_ms=50)) as answer:
            received = answer.iter_bytes()
            next(received)
            os.kill(wellhead.pid, signal.SIGKILL)
            wellhead.wait_until(lambda: all(gone(pid) for pid in pids), 10, "its processes are still there")
            with pytest.raises(httpx.RemoteProtocolError):
                list(received)
        fault.client_sees("*cut* after `gateway.shutdown_grace_s`; then nobody listens")
        fault.books(wellhead.calls())
        fault.over_when("it is for a service manager to start it again")


def test_configuration_mistakes_are_told_all_at_once_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "wellhead.yaml").write_text("gateway: {bnd: 1}\nlog: {level: loud}\n")
    ended = command(tmp_path, "serve", "--workers", "none", WELLHEAD_CONTROL__BIND="0.0.0.0:1")
    assert ended.returncode == 2
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "gateway.bnd",
        "log.level",
        "gateway.workers",
        "control.bind",
    ]


def test_a_process_that_does_not_get_ready_in_time_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No process is ready as fast as this, so the real one stands for one that hangs.
    monkeypatch.setattr("wellhead.serve.child.READY_MAX_S", 0.0)
    settings = Settings(
        control=ControlSettings(bind=Address("127.0.0.1", 0)), database=f"sqlite:///{tmp_path}/books.db"
    )
    said = LogCapture()
    log = structlog.wrap_logger(
        None, processors=[said], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO)
    )
    assert Supervisor(settings, ("control",), log).run() == 1
    assert [line["event"] for line in said.entries] == [
        "worker.started",
        "worker.started",
        "master_key.generated",
        "worker.not_ready",
        "serve.failed",
        "shutdown.complete",
    ]


def test_a_port_in_use_is_told_in_one_line(tmp_path: Path) -> None:
    with sockets.bind(Address("127.0.0.1", 0), "x") as taken:
        port = taken.getsockname()[1]
        ended = command(
            tmp_path, "serve", "--gateway-bind", f"127.0.0.1:{port}", "--control-bind", "127.0.0.1:0"
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(
        f"wellhead: gateway.bind: cannot listen on 127.0.0.1:{port}: the address is in use"
    )


def test_a_database_that_cannot_be_opened_ends_it_before_it_serves(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_text("this is no database" * 100)
    binds = ("--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0")
    ended = command(tmp_path, "serve", "--database", str(tmp_path / "books.db"), *binds)
    assert ended.returncode == 1
    assert "the database could not be brought up to date" in ended.stderr
    assert "serve.ready" not in ended.stdout


def test_a_master_key_is_made_once_said_once_and_kept_to_itself(tmp_path: Path) -> None:
    file = tmp_path / "books.db.master-key"
    outputs = []
    for _ in range(2):
        with Wellhead(upstream="http://127.0.0.1:1", directory=tmp_path, command="gateway") as program:
            said = program.events("master_key.generated")
        outputs.append(program.output)
        text = file.read_text().strip()
        assert [line["path"] for line in said] == ([str(file)] if len(outputs) == 1 else [])
    assert text not in "".join(outputs)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_master_key_of_the_settings_makes_no_file(tmp_path: Path) -> None:
    with Wellhead(
        upstream="http://127.0.0.1:1",
        directory=tmp_path,
        command="gateway",
        environ={"WELLHEAD_MASTER_KEY": "0f" * 32},
    ) as program:
        assert program.events("master_key.generated") == []
    assert not (tmp_path / "books.db.master-key").exists()


def test_a_master_key_that_others_can_read_ends_it_before_it_serves(tmp_path: Path) -> None:
    file = tmp_path / "books.db.master-key"
    file.write_text("0f" * 32)
    file.chmod(0o644)
    binds = ("--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0")
    ended = command(tmp_path, "serve", "--database", str(tmp_path / "books.db"), *binds)
    assert ended.returncode == 1
    assert f"do: chmod 600 {file}" in ended.stderr
    assert "serve.ready" not in ended.stdout


def test_a_rotation_that_was_cut_short_is_said(tmp_path: Path) -> None:
    for name in ("books.db.master-key", "books.db.master-key.new"):
        (tmp_path / name).write_text("0f" * 32)
        (tmp_path / name).chmod(0o600)
    with Wellhead(upstream="http://127.0.0.1:1", directory=tmp_path, command="control") as program:
        (line,) = program.events("master_key.rotation_unfinished")
    assert line["advice"] == "run: wellhead credentials rotate-master"
