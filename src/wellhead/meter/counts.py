"""From what providers count to what we count.

`Counts` keeps, per place in the usage object, the last figure that was stated;
sums over several places are made once, at the end, so an event that restates
only some of them cannot tear a sum apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wellhead.meter.dialect import Count, Dialect
from wellhead.meter.outline import Find, Trouble, finder, steps
from wellhead.usage import NO_USAGE, TOKENS_MAX, Usage

SECONDS_MAX = 2_000_000
"""A longer recording is not believed."""

PARTS: tuple[tuple[str, str | None, str], ...] = (
    ("cache_write_1h_tokens", None, "cache_write_tokens"),
    ("cache_read_tokens", None, "input_tokens"),
    ("cache_write_tokens", "cache_read_tokens", "input_tokens"),
    ("reasoning_tokens", None, "output_tokens"),
    ("input_audio_tokens", None, "input_tokens"),
    ("output_audio_tokens", None, "output_tokens"),
    ("input_image_tokens", None, "input_tokens"),
    ("output_image_tokens", None, "output_tokens"),
)
"""(part, another part beside it, whole): a part that is larger than its whole is not believed."""

Tree = dict[str, "str | Tree"]
"""Key -> the path that ends here, or what lies below."""


@dataclass(frozen=True, eq=False, slots=True)
class Rules:
    """A dialect's counts, made ready for use."""

    dialect: Dialect
    tree: Tree
    plain: tuple[tuple[str, str], ...]
    """Figures that stand somewhere as they are, and where; of several places, the best comes last."""
    sums: tuple[str, ...]
    """Figures that have to be added up."""
    beside: tuple[tuple[str, tuple[str, ...]], ...]
    """Figures that may have to be, and what is added then."""
    durations: tuple[tuple[str, Find], ...]


def rules_of(dialect: Dialect) -> Rules:
    """The rules of a dialect's table."""
    paths = list(dialect.total_at)
    for ways in dialect.counts.values():
        for count in ways:
            extras = (*count.plus, *count.plus_if_total)
            paths += [*count.paths, *(extra for extra in extras if extra not in dialect.counts)]
    sums = tuple(name for name, ways in dialect.counts.items() if any(count.plus for count in ways))
    return Rules(
        dialect=dialect,
        tree=_tree(paths),
        plain=tuple(
            (name, path)
            for name, ways in dialect.counts.items()
            for count in reversed(ways)
            for path in reversed(count.paths)
            if name not in sums
        ),
        sums=sums,
        beside=tuple(
            (name, ways[0].plus_if_total) for name, ways in dialect.counts.items() if ways[0].plus_if_total
        ),
        durations=tuple(
            (name, finder(steps(path))) for name, paths in dialect.durations_s.items() for path in paths
        ),
    )


def _tree(paths: list[str]) -> Tree:
    tree: Tree = {}
    for path in paths:
        node = tree
        *above, last = path.split(".")
        for key in above:
            below = node.setdefault(key, {})
            assert isinstance(below, dict), f"{path}: a figure cannot lie inside a figure"
            node = below
        node[last] = path
    return tree


class Counts:
    """The figures of one response, as they come in."""

    __slots__ = ("_direct", "_refused", "_rules", "_stated", "_trouble")

    def __init__(self, rules: Rules, trouble: Trouble) -> None:
        self._rules = rules
        self._trouble = trouble
        self._stated: dict[str, int] = {}
        self._refused: set[str] = set()
        self._direct: dict[str, int] = {}

    def read(self, usage: Mapping[str, Any]) -> None:
        """Take the figures of one usage object; a later one replaces an earlier one."""
        self._walk(self._rules.tree, usage)
        for figure, find in self._rules.durations:
            for seconds in find(usage):
                self._take_seconds(figure, seconds)

    def set(self, figure: str, value: int) -> None:
        """Take a figure that does not come from the usage object; it counts unless that states it."""
        self._direct[figure] = value

    def _walk(self, tree: Tree, usage: Mapping[str, Any]) -> None:
        stated, never_falls = self._stated, self._rules.dialect.never_falls
        for key, value in usage.items():
            node = tree.get(key)
            if node is None or value is None:
                continue
            if isinstance(node, str):
                if type(value) is not int or not 0 <= value <= TOKENS_MAX:
                    self._refused.add(node)
                    self._trouble.setdefault(f"count_refused:{node}")
                elif not (never_falls and value < stated.get(node, 0)):
                    stated[node] = value
            elif isinstance(value, dict):
                self._walk(node, value)
            elif isinstance(value, list):
                parts = [part for part in value if isinstance(part, dict)]
                self._walk(node, {str(part.get("modality")): part for part in parts})

    def _take_seconds(self, figure: str, seconds: Any) -> None:
        if type(seconds) not in (int, float) or not 0 <= seconds <= SECONDS_MAX:
            self._trouble.setdefault(f"count_refused:{figure}")
        else:
            self._direct[figure] = int(seconds * 1000 + 0.5)

    def usage(self) -> Usage:
        """The figures in our form."""
        stated, rules = self._stated, self._rules
        figures = self._direct | {name: stated[path] for name, path in rules.plain if path in stated}
        for name in rules.sums:
            value = self._summed(name)
            if value is not None:
                figures[name] = value
        total = self._first(rules.dialect.total_at)
        if total is not None:
            self._heed_total(figures, total)
        self._drop_odd_parts(figures)
        if total is None and "input_tokens" in figures:
            written = figures.get("output_tokens", 0 if rules.dialect.input_only else None)
            total = None if written is None else figures["input_tokens"] + written
        if total is not None:
            figures["total_tokens"] = total
        return Usage(**figures) if figures else NO_USAGE

    def _summed(self, name: str) -> int | None:
        for count in self._rules.dialect.counts[name]:
            value = self._sum(count)
            if value is not None:
                return value
        return None

    def _sum(self, count: Count) -> int | None:
        base = self._first(count.paths)
        addends = [value for name in count.plus if (value := self._addend(name)) is not None]
        if base is None and not (count.may_be_absent and addends):
            return None
        if self._refused and (self._was_refused(count.paths) or any(map(self._is_spoilt, count.plus))):
            return None  # A sum with an unknown addend is unknown.
        value = (base or 0) + sum(addends)
        if value > TOKENS_MAX:
            self._trouble.setdefault(f"count_refused:{count.paths[0]}")
            return None
        return value

    def _first(self, paths: tuple[str, ...]) -> int | None:
        for path in paths:
            if path in self._stated:
                return self._stated[path]
        return None

    def _addend(self, name: str) -> int | None:
        return self._summed(name) if name in self._rules.dialect.counts else self._stated.get(name)

    def _was_refused(self, paths: tuple[str, ...]) -> bool:
        """Whether a count was stated here, but only in ways that had to be refused."""
        return any(path in self._refused for path in paths) and self._first(paths) is None

    def _is_spoilt(self, addend: str) -> bool:
        ways = self._rules.dialect.counts.get(addend, (Count((addend,)),))
        return any(self._was_refused(count.paths) for count in ways)

    def _heed_total(self, figures: dict[str, int], total: int) -> None:
        """Include what the stated total shows to be beside input and output, or to be left out as 0."""
        dialect = self._rules.dialect
        whole_in, whole_out = figures.get("input_tokens"), figures.get("output_tokens")
        if whole_in is not None and whole_out is not None:
            if total <= whole_in + whole_out:
                return
            for name, extras in self._rules.beside:
                beside = sum(self._addend(extra) or 0 for extra in extras)
                if beside and total == whole_in + whole_out + beside:
                    figures[name] += beside
        elif not dialect.omits_zeros or self._refused:
            return
        elif whole_in == total:
            figures["output_tokens"] = 0
        elif whole_out == total:
            figures["input_tokens"] = 0

    def _drop_odd_parts(self, figures: dict[str, int]) -> None:
        for part, beside, whole in PARTS:
            count = figures.get(part)
            if count and whole in figures:
                other = figures.get(beside, 0) if beside else 0
                if count + other > figures[whole]:
                    del figures[part]
                    self._trouble.setdefault(f"part_exceeds_whole:{part}")
