"""The command line: what it prints, how it fails, and how quickly."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from fakes.program import clean_environment, command
from wellhead.cli.main import COMMANDS, GROUPS
from wellhead.cli.serving import welcome
from wellhead.config.settings import Settings
from wellhead.version import version


def test_help_names_every_command(tmp_path: Path) -> None:
    ended = command(tmp_path, "--help")
    assert ended.returncode == 0
    groups = ("projects", "keys", "limits", "credentials", "db")
    for name in ("serve", "gateway", "control", "demo", *groups, "paths", "version"):
        assert f"\n  {name} " in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("serve", "--nope"), "wellhead: No such option: --nope (see wellhead serve --help)"),
        (("nope",), "wellhead: No such command 'nope' (see wellhead --help)"),
        (("db", "nope"), "wellhead: No such command 'nope' (see wellhead db --help)"),
        (
            ("serve", "--workers"),
            "wellhead: Option '--workers' requires an argument (see wellhead --help)",
        ),
        (
            ("keys", "list", "--state", "dead"),
            (
                "wellhead: Invalid value for '--state': 'dead' is not one of 'active', 'withered', 'revoked'"
                " (see wellhead keys list --help)"
            ),
        ),
        (("serve", "--config", "no.yaml"), "wellhead: --config: must name a file that exists, not no.yaml"),
    ],
)
def test_wrong_use_is_one_line_on_stderr_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    ended = command(tmp_path, *arguments)
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", line + "\n")


@pytest.mark.parametrize("arguments", [(), ("db",)])
def test_without_a_command_the_help_is_shown(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = command(tmp_path, *arguments)
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: wellhead")


def test_version_is_for_people_and_for_programs(tmp_path: Path) -> None:
    assert command(tmp_path, "version").stdout == f"wellhead {version()}\n"
    assert command(tmp_path, "--version").stdout == f"wellhead {version()}\n"
    told = json.loads(command(tmp_path, "version", "--json").stdout)
    assert told == {"version": version(), "python": platform.python_version()}


def test_paths_shows_the_files_in_use(tmp_path: Path) -> None:
    found = json.loads(command(tmp_path, "paths", "--json", XDG_CONFIG_HOME="/etc/ada").stdout)
    assert found == {
        "configPath": None,
        "configDir": "/etc/ada/wellhead",
        "envPath": "/etc/ada/wellhead/.env",
        "dbPath": f"{tmp_path}/.local/share/wellhead/wellhead.db",
        "dataDir": f"{tmp_path}/.local/share/wellhead",
    }
    (tmp_path / "wellhead.yaml").write_text("database: /srv/books.db")
    lines = dict(line.split(maxsplit=1) for line in command(tmp_path, "paths").stdout.splitlines())
    assert lines["configPath"] == f"{tmp_path}/wellhead.yaml"
    assert lines["dbPath"] == "/srv/books.db"


def test_db_init_makes_the_database_and_may_be_run_again(tmp_path: Path) -> None:
    for _ in range(2):
        ended = command(tmp_path, "db", "init", "--database", "books/books.db")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert ended.stdout == "Initialized DB at books/books.db\n"
    assert (tmp_path / "books/books.db").stat().st_mode & 0o777 == 0o600


def test_db_rebuild_computes_the_rollups_again(tmp_path: Path) -> None:
    ended = command(tmp_path, "db", "rebuild", "--database", "books.db")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "Rebuilt the rollups of books.db\n"


def test_a_database_that_cannot_be_used_is_one_line_on_stderr_and_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "books.db").write_text("no database at all, only text" * 50)
    ended = command(tmp_path, "db", "init", "--database", "books.db")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith("wellhead: books.db: the database cannot be used: file is not a database; stop ")
    assert line.endswith("wellhead db restore FILE")


def test_the_welcome_says_where_everything_is() -> None:
    text = welcome(
        Settings(database="sqlite:////srv/b.db"), {"gateway": "http://g:1", "control": "http://c:2"}
    )
    for part in ("http://g:1/v1", "dashboard  http://c:2\n", "http://c:2/_qs/metrics", "/srv/b.db"):
        assert part in text


def modules_after(tmp_path: Path, *arguments: str) -> set[str]:
    """What a command has loaded in the end."""
    code = (
        "import sys\nfrom wellhead.cli.main import app\n"
        f"try:\n    app({list(arguments)})\nexcept SystemExit:\n    pass\nprint(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stdout.split())


@pytest.mark.parametrize("arguments", [("version",), ("--version",), ("db", "--help"), ("keys",)])
def test_a_command_loads_neither_the_others_nor_what_only_they_need(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    loaded = modules_after(tmp_path, *arguments)
    place = {**COMMANDS, **GROUPS}.get(arguments[0], "about")
    others = {f"wellhead.cli.{name}" for name in (*COMMANDS.values(), *GROUPS.values()) if name != place}
    assert f"wellhead.cli.{place}" in loaded
    assert loaded & {*others, "pydantic", "wellhead.config.load"} == set()


def test_values_that_are_no_text_are_still_checked(tmp_path: Path) -> None:
    ended = command(tmp_path, "tail", "-n", "many")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "'-n'" in ended.stderr


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = {
        "rich",
        "structlog",
        "cryptography",
        "sqlalchemy",
        "alembic",
        "aiohttp",
        "fastapi",
        "uvicorn",
        "yaml",
        "asyncio",
        "pydantic",
    }
    assert modules_after(tmp_path, "--help") & heavy == set()
