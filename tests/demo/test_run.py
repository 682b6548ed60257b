"""`wellhead demo` as a user starts it: history, live calls in books of their own, nobody real called."""

import shlex
import signal
import socket
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from fakes.program import Wellhead
from wellhead.config.control_settings import ControlSettings
from wellhead.config.gateway_settings import GatewaySettings
from wellhead.config.settings import Settings
from wellhead.config.values import Address
from wellhead.demo.run import demo_settings, main, where_to_look
from wellhead.serve.sockets import BindError


class Demo(Wellhead):
    """The demo, with books beside those of an operator who has a provider of his own."""

    def __init__(self, directory: Path) -> None:
        own = {"id": "openai", "type": "openai-compatible", "base_url": "http://127.0.0.1:9"}
        config = {"database": str(directory / "real.db"), "providers": [own]}
        super().__init__(config=config, command="demo", directory=directory)
        binds = ["--gateway-bind", "127.0.0.1:0", "--control-bind", "127.0.0.1:0"]
        file = str(directory / "wellhead.yaml")
        self._command = [
            sys.executable,
            "-m",
            "wellhead",
            "demo",
            "--config",
            file,
            "--log-format",
            "json",
            *binds,
        ]


def live_calls(directory: Path) -> int:
    """Calls that a gateway booked and that came to a good end."""
    with closing(sqlite3.connect(directory / "demo.db")) as books:
        query = "SELECT count(*) FROM calls WHERE state='completed' AND worker_id<>1023 AND total_tokens>0"
        found: int = books.execute(query).fetchone()[0]
    return found


def keyed_calls(directory: Path) -> int:
    """Calls with a key that a gateway booked, ended or not."""
    with closing(sqlite3.connect(directory / "demo.db")) as books:
        query = "SELECT count(key_id) FROM calls WHERE worker_id<>1023"
        found: int = books.execute(query).fetchone()[0]
    return found


def test_an_address_that_is_in_use_is_told_before_a_history_is_made(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(
            database=f"sqlite:///{tmp_path / 'real.db'}",
            gateway=GatewaySettings(bind=Address("127.0.0.1", 0)),
            control=ControlSettings(bind=Address("127.0.0.1", taken.getsockname()[1])),
        )
        with pytest.raises(BindError, match=r"control\.bind: cannot listen on .* is in use"):
            main(settings)
    assert list(tmp_path.iterdir()) == []


def test_the_demo_has_a_past_and_a_present_and_ends_at_once(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    try:
        demo.start()
        history = demo.events("demo.history")[-1]["calls"]
        assert history > 25_000
        demo.wait_until(lambda: live_calls(tmp_path) >= 1, 60, "no live calls")
        metrics = httpx.get(f"{demo.control_url}/_qs/metrics").json()
        assert metrics["totals"]["total_requests"] > history
        assert len(metrics["by_model"]) >= 10
        assert len(metrics["timeseries"]) > 600
        snapshots = httpx.get(f"{demo.control_url}/admin/quotas").json()["snapshots"]
        assert {one["account"] for one in snapshots} >= {"wells-max-1", "wells-codex", "wells-api"}
        assert keyed_calls(tmp_path) >= 1
        assert not (tmp_path / "real.db").exists()
    finally:
        assert demo.stop(signal.SIGINT) == 0
    assert demo.events("shutdown.complete")[-1]["total_ms"] < 5_000
    assert not demo.events("demo.failed")

    before = keyed_calls(tmp_path)
    try:
        demo.start()
        assert demo.events("demo.history")[-1]["calls"] == 0
        demo.wait_until(lambda: keyed_calls(tmp_path) > before, 60, "no calls with the same keys")
    finally:
        demo.stop()


def test_every_path_goes_to_the_simulated_upstream() -> None:
    settings = demo_settings(
        Settings(database="sqlite:////var/lib/wellhead/wellhead.db"), "http://127.0.0.1:7"
    )
    assert {provider.base_url for provider in settings.providers} == {"http://127.0.0.1:7"}
    assert settings.database == "sqlite:////var/lib/wellhead/demo.db"


def test_no_price_list_is_fetched_for_it() -> None:
    settings = Settings(database="sqlite:////var/lib/wellhead/wellhead.db")
    assert demo_settings(settings, "http://127.0.0.1:7").pricing.refresh_interval_s == 0


def test_it_says_where_to_look_without_the_password() -> None:
    settings = Settings(database="sqlite:////var/lib/wellhead/wellhead.db")
    urls = {"gateway": "http://127.0.0.1:1", "control": "http://127.0.0.1:2"}
    said = where_to_look(settings, urls)
    assert "dashboard http://127.0.0.1:2\n" in said
    assert "http://127.0.0.1:1/v1/chat/completions" in said
    assert "http://127.0.0.1:2/_qs/metrics" in said
    assert "http://127.0.0.1:2/metrics" in said
    assert "http://127.0.0.1:2/admin/stats" in said


def test_what_it_says_to_report_and_to_follow_can_be_pasted(tmp_path: Path) -> None:
    settings = demo_settings(Settings(database=f"sqlite:///{tmp_path}/some where/wellhead.db"), "http://u")
    said = where_to_look(settings, {"gateway": "http://g", "control": "http://c"})
    commands = [shlex.split(line) for line in said.splitlines() if line.startswith("  wellhead ")]
    assert [command[1] for command in commands] == ["report", "tail"]
    assert {command[-1] for command in commands} == {f"{tmp_path}/some where/demo.db"}
