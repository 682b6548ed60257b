"""From what providers count to what we count.

`Counts` keeps, per place in the usage object, the last figure that was stated;
sums over several places are made once, at the end, so an event that restates
only some of them cannot tear a sum apart.
"""

from collections.abc import Mapping
from typing import Any

from wellhead.meter.dialect import Count, Dialect
from wellhead.meter.outline import Trouble, reach, steps
from wellhead.usage import COUNT_MAX, Usage

SECONDS_MAX = 10**9
"""A longer recording is not believed."""

Tree = dict[str, "str | Tree"]
"""Key -> the path that ends here, or what lies below."""


def tree_of(dialect: Dialect) -> Tree:
    """The places of all figures, as nested keys."""
    tree: Tree = {}
    for path in places(dialect):
        node = tree
        *above, last = path.split(".")
        for key in above:
            below = node.setdefault(key, {})
            assert isinstance(below, dict), f"{path}: a figure cannot lie inside a figure"
            node = below
        node[last] = path
    return tree


def places(dialect: Dialect) -> set[str]:
    """Every path of the usage object that holds a count."""
    paths = set(dialect.total_at)
    for ways in dialect.counts.values():
        for count in ways:
            paths.update((count.path, *count.plus, *count.plus_if_total))
    return paths - dialect.counts.keys() | {c.path for ways in dialect.counts.values() for c in ways}


class Counts:
    """The figures of one response, as they come in."""

    def __init__(self, dialect: Dialect, tree: Tree, trouble: Trouble) -> None:
        self._dialect = dialect
        self._tree = tree
        self._trouble = trouble
        self._stated: dict[str, int] = {}
        self._refused: set[str] = set()
        self._direct: dict[str, int] = {}

    def read(self, usage: Any) -> None:
        """Take the figures of one usage object; a later one replaces an earlier one."""
        if not isinstance(usage, dict):
            self._trouble.setdefault("usage_of_odd_form")
            return
        self._walk(self._tree, usage)
        for figure, paths in self._dialect.durations_s.items():
            for path in paths:
                for seconds in reach(usage, steps(path)):
                    self._take_seconds(figure, seconds)

    def _walk(self, tree: Tree, usage: Mapping[str, Any]) -> None:
        for key, value in usage.items():
            node = tree.get(key)
            if node is None or value is None:
                continue
            if isinstance(node, str):
                self._take(node, value)
            elif isinstance(value, dict):
                self._walk(node, value)
            elif isinstance(value, list):
                # Gemini's parts by modality.
                self._walk(
                    node,
                    {
                        e["modality"]: e
                        for e in value
                        if isinstance(e, dict) and isinstance(e.get("modality"), str)
                    },
                )

    def _take(self, path: str, value: Any) -> None:
        if type(value) is not int or not 0 <= value <= COUNT_MAX:
            self._refused.add(path)
            self._trouble.setdefault(f"count_refused:{path}")
        elif not (self._dialect.never_falls and value < self._stated.get(path, 0)):
            self._stated[path] = value

    def _take_seconds(self, figure: str, seconds: Any) -> None:
        if type(seconds) not in (int, float) or not 0 <= seconds <= SECONDS_MAX:
            self._trouble.setdefault(f"count_refused:{figure}")
            return
        self._direct[figure] = int(seconds * 1000 + 0.5)

    def set(self, figure: str, value: int) -> None:
        """Take a figure that does not come from the usage object, unless it states it."""
        self._direct[figure] = value

    def usage(self) -> Usage:
        """The figures in our form."""
        figures = {name: self._figure(name) for name in self._dialect.counts}
        total = next((self._stated[path] for path in self._dialect.total_at if path in self._stated), None)
        self._add_by_total(figures, total)
        for name, value in self._direct.items():
            if figures.get(name) is None:
                figures[name] = value
        self._drop_odd_parts(figures)
        whole_in, whole_out = figures.get("input_tokens"), figures.get("output_tokens")
        if self._dialect.omits_zeros and total is not None:
            if whole_out is None and whole_in == total:
                figures["output_tokens"] = 0
            elif whole_in is None and whole_out == total:
                figures["input_tokens"] = 0
        if total is None and whole_in is not None and whole_out is not None:
            total = whole_in + whole_out
        return Usage(**figures, total_tokens=total)

    def _figure(self, name: str) -> int | None:
        for count in self._dialect.counts[name]:
            value = self._sum(count)
            if value is not None:
                return value
        return None

    def _sum(self, count: Count) -> int | None:
        if self._refused.intersection((count.path, *count.plus)) - self._stated.keys():
            return None  # A sum with an unknown addend is unknown.
        value = self._stated.get(count.path)
        addends = [self._addend(name) for name in count.plus]
        if value is None and not (count.may_be_absent and any(a is not None for a in addends)):
            return None
        value = (value or 0) + sum(a or 0 for a in addends)
        if value > COUNT_MAX:
            self._trouble.setdefault(f"count_refused:{count.path}")
            return None
        return value

    def _addend(self, name: str) -> int | None:
        return self._figure(name) if name in self._dialect.counts else self._stated.get(name)

    def _add_by_total(self, figures: dict[str, int | None], total: int | None) -> None:
        """Include what the stated total shows to be beside input and output."""
        for name, ways in self._dialect.counts.items():
            beside = sum(self._addend(extra) or 0 for extra in ways[0].plus_if_total)
            whole_in, whole_out = figures.get("input_tokens"), figures.get("output_tokens")
            if (
                beside
                and None not in (total, whole_in, whole_out)
                and total == (whole_in or 0) + (whole_out or 0) + beside
            ):
                figures[name] = (figures[name] or 0) + beside

    def _drop_odd_parts(self, figures: dict[str, int | None]) -> None:
        """A part that is larger than its whole is not believed."""
        for part, others, whole in PARTS:
            size = figures.get(part)
            bound = figures.get(whole)
            if size is None or bound is None:
                continue
            if size + sum(figures.get(other) or 0 for other in others) > bound:
                figures[part] = None
                self._trouble.setdefault(f"part_exceeds_whole:{part}")


PARTS = (
    ("cache_write_1h_tokens", (), "cache_write_tokens"),
    ("cache_read_tokens", (), "input_tokens"),
    ("cache_write_tokens", ("cache_read_tokens",), "input_tokens"),
    ("reasoning_tokens", (), "output_tokens"),
    ("input_audio_tokens", (), "input_tokens"),
    ("output_audio_tokens", (), "output_tokens"),
    ("input_image_tokens", (), "input_tokens"),
    ("output_image_tokens", (), "output_tokens"),
)
"""(part, parts that lie beside it, whole)."""
