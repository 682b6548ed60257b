"""`wellhead paths | version`: what is where, and which one this is."""

import json
import os
import platform
from pathlib import Path

from wellhead.cli.options import Config, Json, configured
from wellhead.version import version as installed_version


def paths(config: Config = None, as_json: Json = False) -> None:
    """Show the files that are in use.

    Example: wellhead paths --json
    """
    from wellhead.config.load import config_directory

    loaded = configured(config)
    directory = loaded.file.parent if loaded.file else config_directory(os.environ)
    database = Path(loaded.settings.database.removeprefix("sqlite:///"))
    found = {
        "configPath": str(loaded.file) if loaded.file else None,
        "configDir": str(directory),
        "envPath": str(directory / ".env"),
        "dbPath": str(database),
        "dataDir": str(database.parent),
    }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, path in found.items():
        print(f"{name:<11} {path or 'none (defaults, environment and flags only)'}")


def version(as_json: Json = False) -> None:
    """Show the version.

    Example: wellhead version --json
    """
    if as_json:
        print(json.dumps({"version": installed_version(), "python": platform.python_version()}))
    else:
        print(f"wellhead {installed_version()}")
