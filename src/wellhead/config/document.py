"""Files: YAML and `.env` to plain values.

Imported only when there is such a file, because its libraries take longer to
load than the rest of the configuration together.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from dotenv import dotenv_values

QUOTED = re.compile(r"""(['"])(.*?)\1""")


class _UniqueKeys(yaml.SafeLoader):
    """A name that is there twice is a mistake: YAML itself would silently take the last one.

    It is not repeated, as in some mappings the names are secrets; line and column tell where it is.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem="this name is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> object:
    """Parse a YAML document.  Raises `ValueError` that says where it is broken."""
    try:
        return yaml.load(text, _UniqueKeys)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = QUOTED.sub(_without_text, error.problem or "it cannot be read")
        raise ValueError(f"must be YAML: {where}{problem}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"must be YAML: {error}") from None


def _without_text(quoted: re.Match[str]) -> str:
    """YAML's own signs stay; any other text may be a secret, taken for an alias or a tag."""
    sign = quoted[2]
    return quoted[0] if len(sign) <= 1 or sign.startswith("<") else "…"


def read_env_file(path: Path) -> Mapping[str, str]:
    """The variables of a `.env` file, without touching the process environment."""
    return {
        name: value for name, value in dotenv_values(path, interpolate=False).items() if value is not None
    }
