"""The report is honest: what is not there is named, and nothing stands in for it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bench.rig import Failed, Unmeasured
from bench.rounds import Rounds, percentile
from bench.targets import TARGETS, number

from bench import report

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def row(table: str, figure: str) -> str:
    return next(line for line in table.splitlines() if line.lstrip().startswith(figure))


def test_a_figure_shows_its_median_its_range_and_whether_the_aim_is_reached() -> None:
    table = report.table(Rounds({"start_s": [1.5, 1.0, 9.0]}), {}, [])
    cells = row(table, "start to first").split("  ")
    assert [c.strip() for c in cells if c] == [
        "start to first answered call",
        "1.5 s",
        "1 – 9",
        "≤ 2 s",
        "yes",
        "≤ 0.8 s",
    ]


@pytest.mark.parametrize(("value", "told"), [(0.2, "NO"), (0.3, "yes")])
def test_more_is_better_where_the_aim_says_at_least(value: float, told: str) -> None:
    assert told in row(report.table(Rounds({"throughput_ratio": [value]}), {}, []), "throughput").split()


def test_a_figure_that_could_not_be_measured_is_named_with_its_reason() -> None:
    rounds = Rounds()
    rounds.miss(("peer_ratio",), Unmeasured("LiteLLM is not installed"))
    table = report.table(rounds, {}, ["wrk: not installed"])
    assert "missing" in row(table, "throughput / LiteLLM")
    assert "wrk: not installed" in table
    assert "peer_ratio: LiteLLM is not installed" in table


def test_what_failed_takes_its_earlier_rounds_with_it() -> None:
    rounds = Rounds({"start_s": [1.0]})
    rounds.miss(("start_s",), Failed("it ended"))
    assert rounds.values == {}
    assert rounds.missing["start_s"].failed


def test_a_figure_without_a_row_is_shown_all_the_same() -> None:
    assert "  meter_event_us: 1.64" in report.table(Rounds({"meter_event_us": [1.64]}), {}, [])


def test_the_run_is_kept_as_json(tmp_path: Path) -> None:
    rounds = Rounds({"start_s": [1.0, 3.0], "meter_event_us": [2.0]})
    rounds.miss(("peer_ratio",), Unmeasured("why"))
    path = report.keep(rounds, {"cores": "2"}, tmp_path / "results", AT)
    kept = json.loads(path.read_text())
    assert path.name == "20261120T120000Z.json"
    assert kept["machine"] == {"cores": "2"}
    assert kept["figures"]["start_s"] == {
        "median": 2.0,
        "rounds": [1.0, 3.0],
        "unit": "s",
        "first_aim": 2.0,
        "reached": True,
    }
    assert kept["figures"]["meter_event_us"] == {"median": 2.0}
    assert kept["missing"] == {"peer_ratio": "why"}


def test_every_target_has_a_name_of_its_own() -> None:
    assert (
        len({target.key for target in TARGETS}) == len({target.figure for target in TARGETS}) == len(TARGETS)
    )


@pytest.mark.parametrize(("value", "told"), [(12345.6, "12,346"), (0.2114, "0.211"), (67.13, "67.1")])
def test_figures_have_three_digits(value: float, told: str) -> None:
    assert number(value) == told


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 99), percentile([7.0], 99)) == (51.0, 100.0, 7.0)
