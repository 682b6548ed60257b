"""The manual's page on the demo names every fault, every wish and every endpoint that there is."""

import re
from pathlib import Path

from wellhead.demo.endpoints import ROUTES
from wellhead.demo.faults import Fault

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text()
SOURCES = Path(__file__).parents[2] / "src" / "wellhead" / "demo"


def test_every_fault_is_described() -> None:
    assert [fault.value for fault in Fault if f"| `{fault.value}` |" not in PAGE] == []


def test_every_wish_is_described() -> None:
    wishes = {
        wish
        for source in SOURCES.rglob("*.py")
        for wish in re.findall(r"x-sim-[a-z-]*[a-z]", source.read_text())
    }
    assert [wish for wish in sorted(wishes) if f"| `{wish}` |" not in PAGE] == []


def test_every_endpoint_is_named() -> None:
    endings = {pattern.pattern.rstrip("$").rpartition(":")[2] for _, pattern, _, _ in ROUTES}
    assert [ending for ending in sorted(endings) if ending not in PAGE] == []
