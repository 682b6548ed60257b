"""The run as a table for people and as JSON for later comparison."""

import json
import platform
import subprocess
from datetime import datetime
from pathlib import Path

from bench import servers
from bench.rig import Rig, Unmeasured
from bench.rounds import Rounds
from bench.targets import TARGETS, Target, number

VERSION_MAX_S = 60


def machine(rig: Rig, before: float) -> dict[str, str]:
    """What the figures were measured with; `before` is the load average when the run began."""
    about = {
        "cores": str(len(rig.everywhere)) + ("" if rig.load != rig.proxy else " (load and proxy share it)"),
        "python": platform.python_version(),
        "load before the run": f"{before:.1f}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
    for name, option in (("nginx", "-v"), ("wrk", "-v")):
        try:
            about[name] = _first_line([rig.tool(name), option])
        except Unmeasured as error:
            about[name] = str(error)
    if servers.LITELLM.exists():
        python = str(servers.LITELLM.parent / "python")
        told = "from importlib.metadata import version; print(version('litellm'))"
        about["litellm"] = _first_line([python, "-c", told])
    return about


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=VERSION_MAX_S, check=False)
    return ((done.stdout + done.stderr).strip().splitlines() or ["?"])[0]


def table(rounds: Rounds, about: dict[str, str], trouble: list[str]) -> str:
    """Every figure of the run: its median and range, the first aim, whether it is reached, and how."""
    head = ("figure", "median", "min – max", "first aim", "reached", "heading")
    rows = [(_row(target, rounds), target.how) for target in TARGETS if _known(target, rounds)]
    widths = [max(len(cells[i]) for cells in (head, *(row for row, _ in rows))) for i in range(len(head))]

    def line(cells: tuple[str, ...]) -> str:
        return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()

    lines = ["", line(head), "  ".join("-" * width for width in widths)]
    previous = ""
    for row, how in rows:
        lines.append(line(row))
        if how != previous and not row[0].startswith(" "):
            lines.append(f"    {how}")
        previous = how
    extra = unpromised(rounds)
    if extra:
        lines += ["", "also measured:", *(f"  {key}: {number(value)}" for key, value in extra.items())]
    lines += ["", *(f"{name}: {value}" for name, value in about.items())]
    if trouble or rounds.missing:
        lines += ["", "not measured:", *(f"  {told}" for told in trouble)]
        lines += [f"  {key}: {missing.reason}" for key, missing in rounds.missing.items()]
    return "\n".join([*lines, ""])


def unpromised(rounds: Rounds) -> dict[str, float]:
    """Medians of figures that have no row of their own."""
    promised = {target.key for target in TARGETS}
    return {key: rounds.median(key) for key in rounds.values if key not in promised}


def _known(target: Target, rounds: Rounds) -> bool:
    return target.key in rounds.values or target.key in rounds.missing


def _row(target: Target, rounds: Rounds) -> tuple[str, ...]:
    aims = target.told(target.first_aim), target.told(target.heading)
    if target.key in rounds.missing:
        return target.figure, "missing", "", aims[0], "", aims[1]
    values, middle = rounds.values[target.key], rounds.median(target.key)
    spread = f"{number(min(values))} – {number(max(values))}" if len(values) > 1 else ""
    reached = {True: "yes", False: "NO", None: ""}[target.reached(middle)]
    return target.figure, f"{number(middle)} {target.unit}", spread, aims[0], reached, aims[1]


def keep(rounds: Rounds, about: dict[str, str], folder: Path, at: datetime) -> Path:
    """Write the run to a file named by its time."""
    figures: dict[str, dict[str, object]] = {
        key: {"median": value} for key, value in unpromised(rounds).items()
    }
    for target in TARGETS:
        if target.key in rounds.values:
            middle = rounds.median(target.key)
            figures[target.key] = {
                "median": middle,
                "rounds": rounds.values[target.key],
                "unit": target.unit,
                "first_aim": target.first_aim,
                "reached": target.reached(middle),
            }
    missing = {key: why.reason for key, why in rounds.missing.items()}
    whole = {"at": at.isoformat(timespec="seconds"), "machine": about, "figures": figures, "missing": missing}
    folder.mkdir(exist_ok=True)
    path = folder / f"{at:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(whole, indent=2) + "\n")
    return path
