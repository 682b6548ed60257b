"""A new demo: its books with the company and the history, and what its clients and upstream know.

::

    demo.db         made under another name first, so that there is all of it or nothing
    demo.db.keys    the clients' keys and the accounts' credentials, readable by their owner alone

Wellhead itself keeps no secret of a key, and a demo that is started again goes on with the same keys.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from wellhead import compose, compose_pricing, secret_files
from wellhead.config.settings import Settings
from wellhead.database import gauges
from wellhead.database.engine import make_engine, transaction, writing_connection
from wellhead.database.registry import DatabaseRegistry
from wellhead.demo import accounts, company, history
from wellhead.demo.accounts import Accounts
from wellhead.demo.company import ACCOUNTS, Company
from wellhead.logs import Log
from wellhead.policy import quota_headers
from wellhead.quota import Gauge
from wellhead.secret_files import SecretFileError

SUFFIX = ".keys"
NEW_SUFFIX = ".new"
SQLITES_OWN = ("", "-wal", "-shm", "-journal")


@dataclass(frozen=True, slots=True)
class Secrets:
    """What those outside the gateway know."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """By client."""
    accounts: Accounts = field(default_factory=dict, repr=False)


def begin(settings: Settings, until_us: int, log: Log, *, count: int = history.CALLS) -> int:
    """Make the books of a demo up to a moment, if there are none yet; how many calls are in them.

    The settings are those of the demo, with the master key.
    """
    path = _path(settings)
    if path.exists():
        return 0
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + NEW_SUFFIX)
    for old in (*(new.with_name(new.name + suffix) for suffix in SQLITES_OWN), _beside(path)):
        old.unlink(missing_ok=True)
    made, written = _make(replace(settings, database=f"sqlite:///{new}"), until_us, log, count)
    told = {"keys": made.keys, "credentials": made.credentials}
    secret_files.put(_beside(path), json.dumps(told))
    new.rename(path)
    return written


def known(settings: Settings) -> Secrets:
    """The secrets of the demo in the books; none if it was made without keys, or the file is gone.

    Raises `SecretFileError` for a file that others can read, or that holds something else.
    """
    file = _beside(_path(settings))
    told = secret_files.look(file)
    if told is None:
        return Secrets()
    try:
        kept = json.loads(told)
        return Secrets(kept["keys"], _accounts(kept["credentials"]))
    except (ValueError, KeyError, TypeError):
        # Without the cause: it may repeat what is in the file.
        raise SecretFileError(f"{file} does not hold the demo's keys; remove it to go on without") from None


def _make(settings: Settings, until_us: int, log: Log, count: int) -> tuple[Company, int]:
    compose.run_upgrade(settings, log)
    engine = make_engine(settings.database)
    vault = partial(compose.sealing_vault, settings)
    prices = compose_pricing.price_book(settings, compose.directory(settings))
    try:
        made = company.found(lambda at_us: DatabaseRegistry(engine, vault, lambda: at_us), until_us)
        written = history.write(settings.database, until_us, count=count, prices=prices, staff=made.staff)
        with closing(writing_connection(engine)) as connection, transaction(connection):
            gauges.keep(connection, _told(until_us), until_us)
        company.set_limits(DatabaseRegistry(engine, vault, lambda: until_us), made)
        return made, written
    finally:
        engine.dispose()


def _told(at_us: int) -> dict[gauges.Place, Gauge]:
    """What the last responses before a moment told of quotas."""
    told = {}
    for _, _, account in ACCOUNTS:
        headers = accounts.headers(account, at_us / 1e6).items()
        raw = [(name.encode(), value.encode()) for name, value in headers]
        for gauge in quota_headers.read(raw, at_us, account.name):
            told[account.provider, account.name, gauge.name] = gauge
    return told


def _accounts(credentials: Mapping[str, str]) -> Accounts:
    return {credentials[account.name]: account for _, _, account in ACCOUNTS if account.name in credentials}


def _path(settings: Settings) -> Path:
    return Path(settings.database.removeprefix("sqlite:///"))


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)
