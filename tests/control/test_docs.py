"""The manual's page on the control API names every endpoint, parameter and error code that there is."""

import re
from pathlib import Path

from fakes.control import the_document

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "control-api.md").read_text()


def test_every_endpoint_and_parameter_is_described() -> None:
    for path, methods in the_document()["paths"].items():
        for method, operation in methods.items():
            assert f"\n## `{method.upper()} {path}`\n" in PAGE
            for parameter in operation.get("parameters", ()):
                assert f"| `{parameter['name']}` |" in PAGE


def test_every_field_of_a_body_is_described() -> None:
    for name, schema in the_document()["components"]["schemas"].items():
        if name.endswith(("Sent", "Change", "Named", "NamedEither", "Login", "Rotation")):
            missing = [field for field in schema["properties"] if f"`{field}`" not in PAGE]
            assert missing == [], name


def test_every_error_code_is_described() -> None:
    sources = (ROOT / "src" / "wellhead" / "control").glob("*.py")
    codes = {
        code
        for source in sources
        for code in re.findall(r'"([A-Z]+_[A-Z_]+|INTERNAL|UNAUTHORIZED)"', source.read_text())
    }
    assert len(codes) >= 12
    assert [code for code in sorted(codes) if f"| `{code}` |" not in PAGE] == []
