"""Pictures of measured figures, drawn as SVG by hand: no plotting library is worth its weight here.

A picture is two panels over the same axis: what was answered well, and how late.
Text and lines take a colour that can be read on light and on dark pages.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

WIDTH, PANEL, GAP, LEFT, RIGHT, TOP, BOTTOM = 720, 220, 46, 74, 168, 34, 46
GREY = "#7a8594"
COLOURS = ("#1f7a8c", "#d1495b")
DASHES = ("", "5 4")

Place = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One set of axes."""

    title: str
    top: int
    y: Place
    ticks: Sequence[float]
    told: Callable[[float], str]


def overload(kept: Mapping[str, Any]) -> str:
    """Offered load against goodput and against the p99 of what was answered."""
    peak: float = kept["peak_calls_per_s"]
    curves = kept["curves"]
    offered_max: float = max(p["offered_per_s"] for points in curves.values() for p in points)
    goods = [p["good_per_s"] for points in curves.values() for p in points]
    lates = [p["p99_ms"] for points in curves.values() for p in points]
    tops = (TOP, TOP + PANEL + GAP)

    def x(offered: float) -> float:
        return LEFT + offered / offered_max * (WIDTH - LEFT - RIGHT)

    most = max([*goods, peak]) * 1.08
    low, high = math.floor(math.log10(max(min(lates), 0.1))), math.ceil(math.log10(max(lates)))
    goodput = Panel(
        "answered well, calls/s",
        tops[0],
        lambda value: tops[0] + PANEL * (1 - value / most),
        _round_steps(most),
        lambda value: f"{value:,.0f}",
    )
    lateness = Panel(
        "p99 of what was answered, ms",
        tops[1],
        lambda value: tops[1] + PANEL * (1 - (math.log10(max(value, 10**low)) - low) / max(high - low, 1)),
        [10.0**power for power in range(low, high + 1)],
        lambda value: f"{value:g}",
    )
    parts = [_frame(panel, x, offered_max) for panel in (goodput, lateness)]
    parts.append(_mark(x(peak), peak, tops))
    for number, (name, points) in enumerate(curves.items()):
        for panel, key in ((goodput, "good_per_s"), (lateness, "p99_ms")):
            parts.append(_line([(x(p["offered_per_s"]), panel.y(p[key])) for p in points], number))
        last = points[-1]
        at = x(last["offered_per_s"]) + 10
        for panel, key, unit in ((goodput, "good_per_s", "calls/s"), (lateness, "p99_ms", "ms")):
            parts.append(_text(at, panel.y(last[key]) - 3, name, COLOURS[number]))
            parts.append(_text(at, panel.y(last[key]) + 12, f"{last[key]:,.0f} {unit}", COLOURS[number]))
    height = tops[1] + PANEL + BOTTOM
    parts.append(_text(x(offered_max / 2), height - 6, "calls offered per second", GREY, "middle"))
    style = "font: 12px system-ui, sans-serif"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" style="{style}" role="img">'
    )
    title = "Calls that were answered well, and how late, over calls that were offered"
    return "\n".join([head, f"<title>{title}</title>", *parts, "</svg>", ""])


def _round_steps(most: float) -> list[float]:
    """About five steps of 1, 2 or 5 times a power of ten."""
    rough = most / 5
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
    return [step * number for number in range(int(most / step) + 1)]


def _frame(panel: Panel, x: Place, offered_max: float) -> str:
    parts = [_text(LEFT, panel.top - 12, panel.title, GREY)]
    for value in panel.ticks:
        y = panel.y(value)
        parts.append(_rule(LEFT, y, WIDTH - RIGHT, y, 0.25))
        parts.append(_text(LEFT - 8, y + 4, panel.told(value), GREY, "end"))
    below = panel.top + PANEL + 18
    parts += [_text(x(value), below, f"{value:,.0f}", GREY, "middle") for value in _round_steps(offered_max)]
    return "\n".join(parts)


def _mark(at: float, peak: float, tops: Sequence[int]) -> str:
    parts = [_rule(at, top, at, top + PANEL, 0.6) for top in tops]
    return "\n".join([*parts, _text(at + 5, tops[0] + 12, f"peak {peak:,.0f}", GREY)])


def _line(points: Sequence[tuple[float, float]], number: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    colour, dash = COLOURS[number], f' stroke-dasharray="{DASHES[number]}"' if DASHES[number] else ""
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>{dots}'


def _rule(x1: float, y1: float, x2: float, y2: float, opacity: float) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{GREY}" opacity="{opacity}"/>'
    )


def _text(x: float, y: float, said: str, colour: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}">{escape(said)}</text>'
