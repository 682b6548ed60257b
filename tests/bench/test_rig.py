"""Programs of a run: what is missing is said, what was started is ended."""

import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest
from bench.rig import Failed, Unmeasured, build, running, wait_for
from bench.servers import stream_upstream

from bench import chat, rig, streaming, tools, wire


def test_a_missing_tool_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "NEEDED", ("no-such-tool",))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(
        shutil, "which", lambda name, path=None: f"/usr/bin/{name}" if "apt" in name else None
    )
    assert tools.provide(build(tmp_path)) == [
        "no-such-tool: not installed; as root: apt-get install no-such-tool"
    ]


def test_a_measurement_without_its_tool_is_unmeasured_not_failed(tmp_path: Path) -> None:
    with pytest.raises(Unmeasured, match="no-such-tool is not installed"):
        build(tmp_path).tool("no-such-tool")


def test_a_program_is_ended_with_its_block(tmp_path: Path) -> None:
    here = build(tmp_path)
    with running(
        [sys.executable, "-c", "import time; time.sleep(60)"], cores=here.load, home=tmp_path
    ) as program:
        assert psutil.pid_exists(program.pid)
    assert program.poll() is not None


def test_a_program_that_will_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig, "STOP_MAX_S", 0.2)
    stubborn = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    )
    with running([sys.executable, "-c", stubborn], cores=build(tmp_path).load, home=tmp_path) as program:
        wait_for(lambda: (tmp_path / "log").stat().st_size > 0, program, tmp_path)
    assert program.returncode == -9


def test_a_program_that_cannot_start_fails_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such luck')"]
    with running(command, cores=build(tmp_path).load, home=tmp_path) as program:
        with pytest.raises(Failed, match="no such luck"):
            wait_for(lambda: False, program, tmp_path)


def test_the_answer_has_the_promised_size(tmp_path: Path) -> None:
    with stream_upstream(build(tmp_path)) as port, wire.Connection(port) as connection:
        _, body = connection.exchange(chat.request()).split(b"\r\n\r\n", 1)
    assert (body, len(body)) == (chat.answer(), chat.ANSWER_SIZE)


def test_streams_are_counted_only_when_they_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "STREAMS", 3)
    monkeypatch.setattr(streaming, "CHUNKS", 5)
    with stream_upstream(build(tmp_path)) as port:
        monkeypatch.setattr(streaming, "TARGET", f"{chat.PATH}?chunks=5&gap_ms=1")
        assert len(streaming.run_loop(streaming._round(port))) == 3
        monkeypatch.setattr(streaming, "TARGET", f"{chat.PATH}?chunks=4&gap_ms=1")
        with pytest.raises(Failed, match="3 of 3 streams were not whole"):
            streaming.run_loop(streaming._round(port))
