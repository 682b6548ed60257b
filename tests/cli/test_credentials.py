"""`wellhead credentials`: secrets go in and do not come out; the master key changes hands."""

import base64
import os
import pty
import select
import sqlite3
import subprocess
import sys
from contextlib import closing
from time import monotonic

import pytest

from fakes.commands import Commands
from fakes.program import clean_environment
from wellhead import master_key
from wellhead.database.directory import load_directory
from wellhead.database.registry import DatabaseRegistry
from wellhead.vault import Vault, parse_master_key

SECRET = "sk-canary-of-an-upstream"
KEY = "0f" * 32
OTHER = base64.b64encode(bytes(range(32))).decode()
CREATE = ("credentials", "create", "openai", "--name", "main")
PROMPT = b"secret (not shown): "
PROMPT_MAX_S = 30.0


def secrets(commands: Commands, key: str | None = None) -> list[str | None]:
    """What a gateway with this master key (or the one in the file) would send upstream."""
    text = commands.key_file.read_text() if key is None else key
    with closing(sqlite3.connect(commands.database)) as connection:
        directory = load_directory(connection, lambda: [Vault(parse_master_key(text))])
    return [credential.secret for some in directory.credentials.values() for credential in some]


def test_a_secret_comes_in_by_stdin(commands: Commands) -> None:
    made = commands.json(*CREATE, "--stdin", stdin=SECRET + "\n")
    assert made == {
        "id": 1,
        "provider": "openai",
        "name": "main",
        "project_id": None,
        "created_at": made["created_at"],
        "disabled_at": None,
    }
    assert secrets(commands) == [SECRET]


def test_a_secret_comes_in_by_the_environment(commands: Commands) -> None:
    commands.well(*CREATE, "--from-env", "OPENAI_API_KEY", OPENAI_API_KEY=SECRET)
    assert secrets(commands) == [SECRET]


def test_a_secret_is_asked_for_on_a_terminal_and_not_shown(commands: Commands) -> None:
    ours, theirs = pty.openpty()
    asking = subprocess.Popen(
        [sys.executable, "-m", "wellhead", *CREATE],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=commands.home,
        env=clean_environment(commands.home),
        start_new_session=True,
    )
    os.close(theirs)
    shown, asked = b"", False
    deadline = monotonic() + PROMPT_MAX_S
    while monotonic() < deadline and (more := _read(ours)):
        shown += more
        if PROMPT in shown and not asked:
            os.write(ours, SECRET.encode() + b"\n")
            asked = True
    os.close(ours)
    assert asking.wait(PROMPT_MAX_S) == 0
    assert asked
    assert b"canary" not in shown
    assert secrets(commands) == [SECRET]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096) if select.select([terminal], [], [], PROMPT_MAX_S)[0] else b""
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give the secret with --stdin or --from-env NAME; there is no terminal to ask on"),
        (("--stdin",), "there is no secret on stdin"),
        (("--from-env", SECRET), "--from-env must name an environment variable that is set"),
        (("--stdin", "--from-env", "HOME"), "--stdin and --from-env exclude each other"),
        ((SECRET,), "Got unexpected extra argument(s)"),
        (("--secret", SECRET), "No such option: --secret"),
    ],
)
def test_it_comes_in_no_other_way_and_is_not_repeated(
    commands: Commands, options: tuple[str, ...], said: str
) -> None:
    code, line = commands.refused(*CREATE, *options)
    assert code == 2
    assert said in line
    assert "canary" not in line
    assert not commands.database.exists() or commands.json("credentials", "list") == []


def test_a_secret_that_fits_no_header_is_refused_and_not_repeated(commands: Commands) -> None:
    ended = commands.run(*CREATE, "--stdin", stdin="sk-canary\nof two lines")
    assert (ended.code, ended.out) == (2, "")
    assert "canary" not in ended.err


def test_nothing_shows_it_and_nothing_keeps_it_readable(commands: Commands) -> None:
    commands.well(*CREATE, "--stdin", stdin=SECRET)
    for arguments in (("list",), ("list", "--json"), ("show", "1"), ("show", "1", "--json")):
        assert "canary" not in commands.well("credentials", *arguments)
    for file in commands.database.parent.iterdir():
        assert b"canary" not in file.read_bytes()


def test_a_master_key_is_made_with_the_first_and_said_once(commands: Commands) -> None:
    first = commands.run(*CREATE, "--stdin", stdin=SECRET)
    assert f"made a master key: {commands.key_file}; keep a copy of it" in first.err
    assert commands.key_file.stat().st_mode & 0o777 == 0o600
    assert commands.key_file.read_text().strip() not in first.out + first.err
    assert commands.run(*CREATE, "--stdin", stdin=SECRET).err == ""


def test_the_master_key_of_the_settings_is_used(commands: Commands) -> None:
    commands.well(*CREATE, "--stdin", stdin=SECRET, WELLHEAD_MASTER_KEY=KEY)
    assert not commands.key_file.exists()
    assert secrets(commands, KEY) == [SECRET]


def test_one_is_for_a_project_or_for_every_key(commands: Commands) -> None:
    project = commands.json("projects", "create", "blue")
    commands.well(*CREATE, "--stdin", stdin=SECRET)
    commands.well(
        "credentials", "create", "gemini", "--name", "blue's", "--project", "blue", "--stdin", stdin=SECRET
    )
    listed = commands.json("credentials", "list")
    assert [(c["provider"], c["project_id"]) for c in listed] == [("openai", None), ("gemini", project["id"])]
    assert [c["id"] for c in commands.json("credentials", "list", "--project", "blue")] == [2]
    assert [c["id"] for c in commands.json("credentials", "list", "--provider", "openai")] == [1]
    _, first, second = commands.well("credentials", "list").splitlines()
    assert "every key" in first
    assert "blue" in second


def test_a_provider_that_is_not_configured_is_doubted(commands: Commands) -> None:
    ended = commands.run("credentials", "create", "opnai", "--name", "main", "--stdin", stdin=SECRET)
    assert ended.code == 0
    assert "wellhead: no such provider is configured here; did you mean openai?\n" in ended.err


def test_it_is_renamed_put_out_of_use_and_given_another_secret(commands: Commands) -> None:
    commands.well(*CREATE, "--stdin", stdin=SECRET)
    assert commands.json("credentials", "change", "1", "--name", "old", "--disable")["disabled_at"]
    assert secrets(commands) == []
    changed = commands.json("credentials", "change", "1", "--enable", "--stdin", stdin="sk-canary-2")
    assert (changed["name"], changed["disabled_at"]) == ("old", None)
    assert secrets(commands) == ["sk-canary-2"]
    for options in ((), ("--enable", "--disable"), ("--new-secret",)):
        assert commands.refused("credentials", "change", "1", *options)[0] == 2


def test_it_is_deleted(commands: Commands) -> None:
    commands.well(*CREATE, "--stdin", stdin=SECRET)
    assert commands.well("credentials", "delete", "1") == "Deleted the credential 1.\n"
    assert commands.refused("credentials", "show", "1") == (
        1,
        "there is no such credential; `wellhead credentials list` shows what there is",
    )


ROTATE = ("credentials", "rotate-master")


@pytest.fixture
def sealed(commands: Commands) -> str:
    """Two credentials under a key in a file; that key."""
    for name in ("a", "b"):
        commands.well("credentials", "create", "openai", "--name", name, "--stdin", stdin=f"{SECRET}-{name}")
    return commands.key_file.read_text()


BOTH = [f"{SECRET}-a", f"{SECRET}-b"]


def test_another_master_key_takes_the_place_of_the_one_in_the_file(commands: Commands, sealed: str) -> None:
    ended = commands.run(*ROTATE, "--generate")
    assert ended.code == 0
    assert ended.out == f"Sealed 2 credentials with the key in {commands.key_file}; keep a copy of it.\n"
    assert ended.err == ""
    assert commands.key_file.read_text() != sealed
    assert commands.key_file.stat().st_mode & 0o777 == 0o600
    assert (secrets(commands), secrets(commands, sealed)) == (BOTH, [None, None])
    for key in (sealed, commands.key_file.read_text()):
        assert key.strip() not in ended.out + ended.err


@pytest.mark.parametrize(
    ("options", "stdin"), [(("--stdin",), OTHER), (("--from-env", "NEXT"), ""), (("--stdin",), KEY + "\n")]
)
def test_it_may_be_given(commands: Commands, sealed: str, options: tuple[str, ...], stdin: str) -> None:
    done = commands.json(*ROTATE, *options, stdin=stdin, NEXT=KEY)
    assert done == {"resealed": 2, "master_key_file": str(commands.key_file)}
    assert secrets(commands, stdin or KEY) == secrets(commands) == BOTH


class Cut(Exception):
    """The machine went away."""


def cut(*_: object) -> None:
    raise Cut


@pytest.mark.parametrize(
    ("step", "opens"), [((DatabaseRegistry, "rotate_master"), "old"), ((master_key, "adopt_next"), "new")]
)
@pytest.mark.parametrize("again", [("--generate",), ("--stdin",), ()])
def test_one_that_is_cut_short_is_ended_by_the_next(
    commands: Commands,
    sealed: str,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[object, str],
    opens: str,
    again: tuple[str, ...],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(*step, cut)
        with pytest.raises(Cut):
            commands.run(*ROTATE, "--generate")
    upcoming = commands.key_file.with_name("wellhead.db.master-key.new")
    new = upcoming.read_text()
    assert commands.key_file.read_text() == sealed
    assert secrets(commands, sealed if opens == "old" else new) == BOTH
    # Whatever was sealed in between, by who still had the old key, is sealed again, too.
    commands.well("credentials", "create", "openai", "--name", "c", "--stdin", stdin=f"{SECRET}-c")
    ended = commands.run(*ROTATE, *again, stdin=OTHER)
    assert ended.code == 0
    assert "a rotation was cut short before: this one ends it" in ended.err
    assert commands.key_file.read_text() == new
    assert not upcoming.exists()
    assert secrets(commands) == [*BOTH, f"{SECRET}-c"]


def test_a_key_of_the_settings_is_changed_there_by_the_operator(commands: Commands) -> None:
    commands.well(*CREATE, "--stdin", stdin=SECRET, WELLHEAD_MASTER_KEY=KEY)
    code, line = commands.refused(*ROTATE, "--generate", WELLHEAD_MASTER_KEY=KEY)
    assert code == 2
    assert "yours is in the settings (master_key)" in line
    for resealed in (1, 0):
        ended = commands.run(*ROTATE, "--stdin", stdin=OTHER, WELLHEAD_MASTER_KEY=KEY)
        assert ended.out == f"Sealed {resealed} credentials with the new key.\n"
        assert "now put the new key where the settings have the old one" in ended.err
    assert secrets(commands, OTHER) == [SECRET]
    assert not commands.key_file.exists()


def test_a_key_that_opens_nothing_changes_nothing(commands: Commands, sealed: str) -> None:
    ended = commands.run(*ROTATE, "--stdin", stdin=OTHER, WELLHEAD_MASTER_KEY=KEY)
    assert (ended.code, ended.out) == (1, "")
    assert "opens credential 1" in ended.err
    assert secrets(commands) == BOTH


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--stdin",), "canary", "the new master key must be 32 bytes, as base64 or 64 hexadecimal digits"),
        (("--generate", "--stdin"), OTHER, "--generate excludes --stdin and --from-env"),
        ((), "", "give the new master key with --stdin or --from-env NAME"),
    ],
)
def test_a_wrong_use_leaves_everything_as_it_is(
    commands: Commands, sealed: str, arguments: tuple[str, ...], stdin: str, said: str
) -> None:
    code, line = commands.refused(*ROTATE, *arguments, stdin=stdin)
    assert code == 2
    assert said in line
    assert "canary" not in line
    assert commands.key_file.read_text() == sealed
    assert list(commands.database.parent.glob("*master-key*")) == [commands.key_file]


def test_a_key_that_others_can_read_is_not_used(commands: Commands, sealed: str) -> None:
    commands.key_file.chmod(0o644)
    for arguments in ((*CREATE, "--stdin"), (*ROTATE, "--generate")):
        code, line = commands.refused(*arguments, stdin=SECRET)
        assert code == 1
        assert f"do: chmod 600 {commands.key_file}" in line
