"""The manual is complete: every setting, alias, command and option is in it, and no link leads nowhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from wellhead.cli.main import commands
from wellhead.config.aliases import ALIASES, Meaning
from wellhead.config.providers import BUILT_IN, OF_PARTS, READERS
from wellhead.config.settings import declared

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
CONFIGURATION = (ROOT / "docs/configuration.md").read_text()
COMMAND_LINE = (ROOT / "docs/command-line.md").read_text()


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The cells of a page's table rows below a heading, by their first cell."""
    section = re.split(r"^## ", text.split(f"## {heading}\n", 1)[1], flags=re.MULTILINE)[0]
    found = {}
    for line in section.splitlines():
        if line.startswith("| `"):
            cells = [cell.strip().replace("`", "") for cell in line.strip("| ").split(" | ")]
            found[cells[0]] = cells[1:]
    return found


def shown(default: object) -> str:
    match default:
        case None | ():
            return "none"
        case bool():
            return str(default).lower()
        case float():
            return f"{default:g}"
    return str(default)


def test_every_setting_is_in_the_manual_with_its_variable_and_default() -> None:
    documented = {name: cells[:2] for name, cells in rows(CONFIGURATION, "Settings").items()}
    expected = {d.path: [d.variable, shown(d.default)] for d in declared()}
    expected["database"][1] = "sqlite:///~/.local/share/wellhead/wellhead.db"
    expected["providers"] = ["WELLHEAD_PROVIDERS", "none"]
    assert documented == expected


def test_every_setting_says_what_it_means() -> None:
    assert [d.path for d in declared() if not d.meaning.endswith(".")] == []


def test_every_alias_is_in_the_manual() -> None:
    documented = rows(CONFIGURATION, "Coming from …")
    assert list(documented) == [alias.name for alias in ALIASES]
    for alias in ALIASES:
        system, where, target = documented[alias.name]
        assert (system, where) == (alias.systems, alias.where)
        if alias.meaning in (Meaning.ALWAYS_ON, Meaning.NEVER, Meaning.UNUSED):
            assert target.startswith("nothing: ")
        else:
            assert re.search(rf"(^| ){re.escape(alias.setting)}(,|$)", target)


def test_every_field_of_a_provider_and_every_built_in_one_is_in_the_manual() -> None:
    documented = rows(CONFIGURATION, "Providers")
    assert documented.keys() == {*READERS, *OF_PARTS, *(p.id for p in BUILT_IN)}
    for provider in BUILT_IN:
        assert documented[provider.id] == [provider.type, provider.base_url]


def command_paths() -> list[tuple[str, set[str], str]]:
    """Every command with its long options and its help."""

    def walk(name: str, command: object) -> Iterator[tuple[str, set[str], str]]:
        inner = getattr(command, "commands", None)
        if inner is not None:
            for child, sub in inner.items():
                yield from walk(f"{name} {child}", sub)
            return
        options = {o for p in getattr(command, "params", []) for o in p.opts if o.startswith("--")}
        yield name, options - {"--help"}, str(getattr(command, "help", ""))

    return list(walk("wellhead", typer.main.get_command(commands)))


@pytest.mark.parametrize(("command", "options", "help_text"), command_paths())
def test_every_command_is_in_the_manual_with_its_options_and_has_an_example(
    command: str, options: set[str], help_text: str
) -> None:
    assert f"`{command}`" in COMMAND_LINE
    for option in options:
        assert re.search(rf"`{option}[` ]", COMMAND_LINE), f"{command} {option}"
    assert f"Example: {command}" in help_text


def slug(heading: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_relative_link_leads_nowhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            headings = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.MULTILINE)
            assert anchor in {slug(h) for h in headings}, f"{page.name}: {link}"


@pytest.mark.parametrize("page", [p for p in PAGES if p.parent == ROOT], ids=lambda page: str(page.name))
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(re.findall(r"`make ([a-z-]+)", page.read_text()))
    named |= set(re.findall(r"^(?:\$ )?make ([a-z-]+)", page.read_text(), flags=re.MULTILINE))
    assert named <= targets
