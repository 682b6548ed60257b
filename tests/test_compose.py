"""What a gateway process is made of."""

import asyncio
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from wellhead import logs
from wellhead.compose import (
    control_options,
    declared_limits,
    end_with_books,
    run_declare,
    sealing_vault,
    session_secret,
)
from wellhead.config.settings import ControlSettings, LimitSettings, Settings
from wellhead.config.values import Address
from wellhead.hosting import Life
from wellhead.vault import Vault, parse_master_key

CODE = """
import sys
from wellhead.serve import worker
from wellhead import compose
compose.prepare_{role}()
print(*sorted(sys.modules))
"""


def modules(role: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", CODE.format(role=role)], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())


def test_a_gateway_process_loads_nothing_of_the_control_plane() -> None:
    unwanted = {
        "fastapi",
        "starlette",
        "pydantic",
        "alembic",
        "typer",
        "yaml",
        "wellhead.control",
        "wellhead.cli",
    }
    assert modules("gateway") & unwanted == set()


def test_a_control_process_loads_nothing_of_the_data_plane() -> None:
    assert modules("control") & {"aiohttp", "wellhead.gateway", "wellhead.ledger.writer", "alembic"} == set()


ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "R" * 43


def settings_of(tmp_path: Path, **different: Any) -> Settings:
    return Settings(**{"database": f"sqlite:///{tmp_path}/books.db", **different})


def test_the_control_plane_is_told_every_way_in(tmp_path: Path) -> None:
    control = ControlSettings(
        bind=Address("192.0.2.7", 8081),
        allow_remote=True,
        hosts=("wellhead.example.com",),
        basic_user="ada",
        basic_password="lovelace",
        admin_user="grace",
        admin_password="a-password",
        admin_token="the-token-of-an-administrator",
        management_token="the-token-of-management",
        admin_password_hash=ARGON2ID,
        viewer_password_hash=ARGON2ID,
        session_secret="the-secret-of-sessions",
        session_ttl_s=90.0,
        login_max_attempts=3,
        login_window_s=1.5,
    )
    limits = LimitSettings(calls_per_managed_token_per_hour=7)
    options = control_options(settings_of(tmp_path, control=control, limits=limits))
    names = {"bind", "session_secret", "session_ttl_s", "login_window_s"}
    names |= {f.name for f in fields(control) if f.name.endswith("_file")}
    for field in fields(control):
        if field.name not in names:
            assert getattr(options, field.name) == getattr(control, field.name)
    assert (options.bind_host, options.session_secret) == ("192.0.2.7", b"the-secret-of-sessions")
    assert (options.session_ttl_s, options.login_window_s, options.manage_calls_per_hour) == (90, 2, 7)


def test_sessions_outlive_a_restart_and_without_logins_nothing_is_kept(tmp_path: Path) -> None:
    assert control_options(settings_of(tmp_path)).session_secret is None
    assert list(tmp_path.iterdir()) == []
    settings = settings_of(tmp_path, control=ControlSettings(admin_password_hash=ARGON2ID))
    secret = control_options(settings).session_secret
    assert secret is not None
    assert len(secret) == 64
    assert session_secret(settings) == secret
    assert (tmp_path / ".wellhead-session-secret").stat().st_mode & 0o777 == 0o600


def test_the_limits_of_the_configuration_come_into_the_books_and_leave_them_again(tmp_path: Path) -> None:
    log = logs.configure("error", "json")
    for amount, expected in ((90, [("calls", "minute", 90, 1)]), (0, [])):
        settings = settings_of(tmp_path, limits=LimitSettings(calls_per_client_per_minute=amount))
        run_declare(settings, log)
        run_declare(settings, log)
        with closing(sqlite3.connect(tmp_path / "books.db")) as connection:
            found = connection.execute("SELECT measure, window, amount, sliding FROM limits").fetchall()
        assert found == expected
    assert declared_limits(settings) == []


def test_new_credentials_are_sealed_with_the_key_that_is_in_the_file_now(tmp_path: Path) -> None:
    old, new = "0f" * 32, "f0" * 32
    file = tmp_path / "key"
    settings = settings_of(tmp_path, master_key=old, master_key_file=str(file))
    key_ids = {text: Vault(parse_master_key(text)).key_id for text in (old, new)}
    assert sealing_vault(settings).key_id == key_ids[old]
    for text, expected in ((old, old), (new + "\nand more", new), ("", old), ("no key", old)):
        file.write_text(text)
        assert sealing_vault(settings).key_id == key_ids[expected]
    assert sealing_vault(settings_of(tmp_path, master_key=new)).key_id == key_ids[new]


@dataclass
class Books:
    is_alive: bool = True


async def test_a_gateway_ends_when_its_books_thread_has() -> None:
    books, (ours, theirs) = Books(), socket.socketpair()
    with ours, theirs:
        life = Life(ours, ready=b"")
        watching = asyncio.create_task(
            end_with_books(books, life, logs.configure("error", "json"), look_s=0.001)
        )
        await asyncio.sleep(0)
        assert not life.asked.is_set()
        books.is_alive = False
        await asyncio.wait_for(watching, 5)
        assert life.asked.is_set()
