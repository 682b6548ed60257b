"""An operator's rules of attribution: how they are read, and how mistakes are told."""

from pathlib import Path

import msgspec
import pytest

from fakes.access import a_secret
from wellhead.config import attribution
from wellhead.config.attribution import NO_LIST, RULES_MAX
from wellhead.config.load import Loaded, load
from wellhead.config.settings import Settings
from wellhead.errors import ConfigError
from wellhead.policy.attribution import Attribution, How, Rule, Sign
from wellhead.usage import NOTHING_ASKED

YAML = """
attribution:
  - tool: nightly
    client: batch-1
    when: {User-Agent: "Nightly/*", x-team: "Research"}
  - {tool: billing, when: {x-service: "billing?"}}
"""
RULES = (
    Rule(
        "nightly",
        (Sign(b"user-agent", How.MATCHES, "nightly/*"), Sign(b"x-team", How.MATCHES, "research")),
        "batch-1",
    ),
    Rule("billing", (Sign(b"x-service", How.MATCHES, "billing?"),)),
)


def loaded(tmp_path: Path, yaml: str = "", **environ: str) -> Loaded:
    (tmp_path / "wellhead.yaml").write_text(yaml)
    return load(environ={"HOME": str(tmp_path), **environ}, here=tmp_path)


def problems(tmp_path: Path, yaml: str = "", **environ: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, yaml, **environ)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_rules_come_from_the_file(tmp_path: Path) -> None:
    assert loaded(tmp_path, YAML).settings.attribution == RULES
    assert loaded(tmp_path).settings.attribution == ()


def test_rules_come_from_the_environment_as_yaml_or_json(tmp_path: Path) -> None:
    yaml = '[{tool: billing, when: {x-service: "billing?"}}]'
    json = '[{"tool": "billing", "when": {"x-service": "billing?"}}]'
    for text in (yaml, json):
        assert loaded(tmp_path, YAML, WELLHEAD_ATTRIBUTION=text).settings.attribution == RULES[1:]


def test_rules_that_were_read_tell_tools(tmp_path: Path) -> None:
    own = Attribution(loaded(tmp_path, YAML).settings.attribution)
    head = {b"user-agent": b"nightly/2", b"x-team": b"RESEARCH"}
    assert own.who(head, NOTHING_ASKED).client == "batch-1"
    assert own.who({b"x-service": b"billing7"}, NOTHING_ASKED).tool == "billing"
    assert own.who({b"x-service": b"billing"}, NOTHING_ASKED).tool is None


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    yaml = """
attribution:
  - tool: a<b
    wen: {x-a: "1"}
  - nothing
  - {tool: ok, when: {authorization: "Bearer *", "x y": "1", x-b: 5, x-c: ""}}
  - {client: c, when: {}}
  - {tool: ok, client: [1], when: {x-a: "*"}}
"""
    told = problems(tmp_path, yaml)
    assert told.keys() == {
        "attribution[0].wen",
        "attribution[0].tool",
        "attribution[0].when",
        "attribution[1]",
        "attribution[2].when.authorization",
        "attribution[2].when.x y",
        "attribution[2].when.x-b",
        "attribution[2].when.x-c",
        "attribution[3].tool",
        "attribution[3].when",
        "attribution[4].client",
    }
    assert told["attribution[0].wen"] == "is not supported; did you mean when?"
    assert told["attribution[2].when.authorization"] == "must not be a header that carries a key"


@pytest.mark.parametrize("raw", ["nothing", "{tool: a}", "5"])
def test_what_is_no_list_is_told(tmp_path: Path, raw: str) -> None:
    assert NO_LIST in problems(tmp_path, WELLHEAD_ATTRIBUTION=raw)["attribution"]


def test_a_list_is_bounded() -> None:
    rule = {"tool": "a", "when": {"x-a": "*"}}
    assert len(attribution.rules([rule] * RULES_MAX)) == RULES_MAX
    with pytest.raises(ValueError, match="at most 100"):
        attribution.rules([rule] * (RULES_MAX + 1))


def test_a_name_that_may_be_a_key_is_refused_and_not_repeated(tmp_path: Path) -> None:
    yaml = f"attribution: [{{tool: {a_secret()}, when: {{x-a: '*'}}}}]"
    told = problems(tmp_path, yaml)
    assert told.keys() == {"attribution[0].tool"}
    assert a_secret() not in repr(told)


def test_rules_reach_the_processes_that_serve_as_they_were_read(tmp_path: Path) -> None:
    settings = loaded(tmp_path, YAML).settings
    assert msgspec.json.decode(msgspec.json.encode(settings), type=Settings) == settings
