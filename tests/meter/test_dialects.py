"""The tables say only what the shared code understands."""

import ast
from pathlib import Path

import pytest

import wellhead.meter
from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.dialect import Dialect, varied
from wellhead.meter.findings import plan_of
from wellhead.usage import Usage

FIGURES = set(Usage.__struct_fields__) - {"total_tokens"}


def all_tables() -> list[Dialect]:
    return [varied(d, variant) for d in DIALECTS.values() for variant in (None, *d.variants)]


def test_the_catalogue_has_every_dialect_under_its_name() -> None:
    files = Path(wellhead.meter.__file__).parent.glob("dialects/[a-z]*.py")
    assert set(DIALECTS) == {path.stem for path in files} == {dialect.name for dialect in DIALECTS.values()}


@pytest.mark.parametrize("dialect", all_tables(), ids=lambda d: d.name)
def test_a_table_names_figures_that_exist(dialect: Dialect) -> None:
    assert {*dialect.counts, *dialect.durations_s, *dialect.items, *dialect.count_headers.values()} <= FIGURES
    plan_of(dialect, None)


@pytest.mark.parametrize("dialect", all_tables(), ids=lambda d: d.name)
def test_hints_find_the_end_of_a_stream(dialect: Dialect) -> None:
    """What ends a stream must be parsed, whatever came before it."""
    if dialect.end_data:
        assert any(hint in dialect.end_data for hint in dialect.hints)
    for kind in dialect.end_types:
        event = b'data: {"type":"%b","response":{}}' % kind.encode()
        assert any(hint in event for hint in dialect.hints), kind


def test_an_unknown_variation_changes_nothing() -> None:
    for dialect in DIALECTS.values():
        assert varied(dialect, "unheard of") is dialect


def test_shared_code_names_no_provider() -> None:
    """A provider is a table; a branch for one would have to name it."""
    names = {"openai", "anthropic", "gemini", "ollama", "xai", "groq", "mistral", "deepseek", "openrouter"}
    for path in Path(wellhead.meter.__file__).parent.glob("*.py"):
        if path.stem == "catalogue":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                words = [
                    c.value
                    for c in ast.walk(node)
                    if isinstance(c, ast.Constant) and isinstance(c.value, str)
                ]
                assert not names & {part for word in words for part in word.lower().split("_")}, path.name
