"""What `deploy/` has for Prometheus and Grafana goes with what a real scrape says."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from fakes.program import Wellhead
from fakes.system import needed, path_of

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus" / "wellhead.rules.yml"
DASHBOARD = DEPLOY / "grafana" / "wellhead.json"
MANUAL = ROOT / "docs" / "monitoring.md"
METRIC = re.compile(r"\b(?:wellhead|agent_cli_proxy)_[a-z_]+\b")
MACROS = {"$__rate_interval": "5m", "$__range": "1h", "$provider": "p", "$model": "m"}
SUFFIXES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@pytest.fixture(scope="module")
def text() -> Iterator[str]:
    """What a real program says."""
    with Wellhead() as program:
        yield httpx.get(f"{program.control_url}/metrics").raise_for_status().text


@pytest.fixture(scope="module")
def scraped(text: str) -> dict[str, str]:
    """Every metric in it, by the names of its samples, with its type."""
    declared = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert len(declared) == len(list(text_string_to_metric_families(text)))
    return {name + suffix: kind for name, kind in declared for suffix in SUFFIXES[kind]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    """What is asked of Prometheus, by alert rules and by the dashboard."""
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"][1:]:
        assert variable["definition"] == variable["query"]["query"]
        yield variable["definition"]


def test_every_metric_that_is_asked_for_is_there(scraped: dict[str, str]) -> None:
    asked = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert len(asked) > 15
    assert asked - scraped.keys() == set()


def test_every_metric_is_in_the_manual_and_no_other(scraped: dict[str, str]) -> None:
    documented = set(METRIC.findall(MANUAL.read_text())) - {"wellhead_"}
    assert {
        re.sub(r"_(bucket|sum|count)$", "", n) if k == "histogram" else n for n, k in scraped.items()
    } == (documented)


def test_panels_have_a_place_of_their_own() -> None:
    taken: dict[tuple[int, int], str] = {}
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${datasource}"
            assert panel["targets"]


def test_the_dashboard_shows_each_thing_that_people_ask_for() -> None:
    asked = " ".join(expressions())
    for metric in ("cost_usd", "calls", "tokens", "call_duration_seconds", "time_to_first_byte_seconds"):
        assert f"wellhead_{metric}" in asked
    for metric in ("calls_in_flight", "limit_used_ratio", "quota_used_ratio", "writer_queue", "worker_up"):
        assert f"wellhead_{metric}" in asked


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    promtool("check", "rules", str(RULES))
    promtool("check", "config", str(DEPLOY / "prometheus" / "prometheus.yml"))


def test_promtool_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [target["expr"] for panel in panels() for target in panel.get("targets", ())]
    for macro, meaning in MACROS.items():
        asked = [expression.replace(macro, meaning) for expression in asked]
    rules = [{"record": f"asked:{number}", "expr": expression} for number, expression in enumerate(asked)]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(file))


def test_alerts_fire_when_they_should_and_at_no_other_time() -> None:
    promtool("test", "rules", str(Path(__file__).with_name("alerts.yml")))


def test_a_scrape_is_as_prometheus_wants_it(text: str) -> None:
    # What its linter thinks of the names of others is not ours to change.
    said = promtool("check", "metrics", text=text, may_complain=True)
    assert [line for line in said.splitlines() if not line.startswith("agent_cli_proxy_")] == []


def promtool(*arguments: str, text: str | None = None, may_complain: bool = False) -> str:
    needed("promtool")
    command = [str(path_of("promtool")), *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert may_complain or done.returncode == 0, said
    return said
