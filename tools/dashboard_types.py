"""Writes `web/src/api/schema.ts`: the control API's types, from its OpenAPI document.  `make types` runs it.

With `--check` nothing is written: the exit code says whether the file is what the API is now.

Of the document only what a page is typed by goes in (parameters, bodies, answers): examples and errors
are the same everywhere and would make it four times as long.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from node import WEB, command

ROOT = Path(__file__).parent.parent
SCHEMA = WEB / "src/api/schema.ts"
TIMEOUT_S = 120
LEFT_OUT = ("example", "examples", "title", "summary")
GOOD = ("200", "201", "204")
METHODS = ("get", "put", "post", "patch", "delete")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "schema.ts")
        generate(made)
        if "--check" in sys.argv[1:]:
            return 0 if made.read_bytes() == SCHEMA.read_bytes() else 1
        SCHEMA.write_bytes(made.read_bytes())
    return 0


def generate(into: Path) -> None:
    """The types of the API as it is, written into a file."""
    document = into.with_suffix(".json")
    document.write_text(json.dumps(reduced(_document())))
    options = ["--alphabetize", "--root-types", "--root-types-no-schema-prefix"]
    run = command("openapi-typescript", str(document), "--output", str(into), *options)
    subprocess.run(run, cwd=WEB, timeout=TIMEOUT_S, check=True, stdout=subprocess.DEVNULL)


def reduced(document: dict[str, Any]) -> dict[str, Any]:
    """The document without what no type comes of."""
    for path in document["paths"].values():
        for method in METHODS:
            if method in path:
                operation = path[method]
                responses = operation["responses"]
                operation["responses"] = {code: responses[code] for code in GOOD if code in responses}
    lean: dict[str, Any] = _lean(document)
    return lean


def _lean(part: Any, *, names: bool = False) -> Any:
    """`names`: the keys are names of the API, whatever they look like."""
    if isinstance(part, list):
        return [_lean(one) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: _lean(value, names=key in ("properties", "schemas"))
        for key, value in part.items()
        if names or key not in LEFT_OUT
    }


def _document() -> dict[str, Any]:
    sys.path.insert(0, str(ROOT / "tests"))
    from fakes.control import an_app  # the app without books, as tests have it

    document: dict[str, Any] = json.loads(json.dumps(an_app().openapi()))
    return document


if __name__ == "__main__":
    sys.exit(main())
