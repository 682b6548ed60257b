"""What the processes are put together of, and what comes into the books before they begin."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from wellhead import logs
from wellhead.compose import declared_limits, run_declare, sealing_vault
from wellhead.config.settings import LimitSettings, Settings
from wellhead.vault import Vault, parse_master_key


def settings_of(tmp_path: Path, **different: Any) -> Settings:
    return Settings(**{"database": f"sqlite:///{tmp_path}/books.db", **different})


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
