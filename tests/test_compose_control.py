"""What a control process is made of."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from fakes.books import an_opening
from fakes.loaded import loaded_by
from wellhead.compose_control import beside_the_books, control_options, session_secret
from wellhead.config.control_settings import ControlSettings
from wellhead.config.gateway_settings import GatewaySettings
from wellhead.config.settings import LimitSettings, Settings
from wellhead.config.values import Address
from wellhead.figures import SpoolFigure
from wellhead.ledger.processes import this_process
from wellhead.ledger.spool import Spool, name_of

ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "R" * 43


def settings_of(tmp_path: Path, **different: Any) -> Settings:
    return Settings(**{"database": f"sqlite:///{tmp_path}/books.db", **different})


def test_a_control_process_loads_nothing_of_the_data_plane() -> None:
    assert (
        loaded_by("control") & {"aiohttp", "wellhead.gateway", "wellhead.ledger.writer", "alembic"} == set()
    )


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


async def test_the_control_plane_looks_at_the_spools_beside_its_database(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, database_spool=4096)
    async with beside_the_books(settings) as beside:
        assert beside.spool() == SpoolFigure(bytes_max=4096)
        Spool(tmp_path / "books.db.spool", 4096).append(
            name_of(3, 1, this_process()), [(an_opening(1), None)]
        )
        assert beside.spool().entries == 1
        assert beside.upstream is None


async def test_the_control_plane_asks_the_upstream_that_has_to_answer(tmp_path: Path) -> None:
    gateway = GatewaySettings(ready_upstream="upstream")
    # Nobody listens on this port.
    settings = settings_of(tmp_path, upstream="http://127.0.0.1:1", gateway=gateway)
    async with beside_the_books(settings) as beside:
        assert beside.upstream is not None
        assert await beside.upstream() is False
