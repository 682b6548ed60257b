"""An operator's rules of attribution, in YAML, to `policy.attribution.Rule`.

Mistakes carry the path the operator wrote, such as `attribution[0].when.x-team`;
all of them are told at once.
"""

from collections.abc import Mapping
from difflib import get_close_matches

from wellhead.config.providers import HEADER_NAME
from wellhead.config.values import Mistakes
from wellhead.errors import Problem
from wellhead.policy import attribution
from wellhead.policy.attribution import CARRYING_KEYS, NAME_MAX, How, Rule, Sign

RULES_MAX = 100
SIGNS_MAX = 10
PATTERN_MAX = 200
"""Characters."""
PARTS = ("tool", "client", "when")
SECRET_HEADERS = frozenset(
    header.decode() for header in (*CARRYING_KEYS, b"cookie", b"proxy-authorization", b"x-proxy-key")
)
NO_LIST = "must be a list of at most 100 rules such as {tool: nightly, when: {user-agent: 'Nightly/*'}}"


def rules(raw: object) -> tuple[Rule, ...]:
    """Read a list of rules, or YAML text that holds one; raises `Mistakes`, or `ValueError` for no list."""
    if isinstance(raw, str):
        from wellhead.config.document import read_yaml

        raw = read_yaml(raw)
    if not isinstance(raw, list) or len(raw) > RULES_MAX:
        raise ValueError(NO_LIST)
    problems: list[Problem] = []
    found = [_rule(f"attribution[{index}]", item, problems) for index, item in enumerate(raw)]
    if problems:
        raise Mistakes(tuple(problems))
    return tuple(rule for rule in found if rule is not None)


def _rule(path: str, raw: object, problems: list[Problem]) -> Rule | None:
    if not isinstance(raw, Mapping):
        problems.append(Problem(path, "must be a mapping with tool and when"))
        return None
    for part in raw:
        if part not in PARTS:
            near = get_close_matches(str(part), PARTS, n=1)
            told = "is not supported" + (f"; did you mean {near[0]}?" if near else "")
            problems.append(Problem(f"{path}.{part}", told))
    tool = _name(f"{path}.tool", raw.get("tool"), problems)
    client = raw.get("client")
    if client is not None:
        client = _name(f"{path}.client", client, problems)
    signs = _signs(f"{path}.when", raw.get("when"), problems)
    return None if tool is None else Rule(tool, signs, client)


def _name(path: str, raw: object, problems: list[Problem]) -> str | None:
    if isinstance(raw, str) and attribution.name(raw) == raw:
        return raw
    told = f"must be a name of at most {NAME_MAX} letters, digits, spaces and . _ - : @ / + #, and no key"
    problems.append(Problem(path, told))
    return None


def _signs(path: str, raw: object, problems: list[Problem]) -> tuple[Sign, ...]:
    if not isinstance(raw, Mapping) or not 0 < len(raw) <= SIGNS_MAX:
        told = f"must be a mapping of 1 to {SIGNS_MAX} headers to patterns, such as user-agent: 'Nightly/*'"
        problems.append(Problem(path, told))
        return ()
    signs = []
    for header, pattern in raw.items():
        problem = _problem_of_sign(header, pattern)
        if problem is not None:
            problems.append(Problem(f"{path}.{header}", problem))
        else:
            signs.append(Sign(header.lower().encode(), How.MATCHES, pattern.lower()))
    return tuple(signs)


def _problem_of_sign(header: object, pattern: object) -> str | None:
    if not isinstance(header, str) or not HEADER_NAME.fullmatch(header):
        return "must be a header name"
    if header.lower() in SECRET_HEADERS:
        return "must not be a header that carries a key"
    if not isinstance(pattern, str) or not 0 < len(pattern) <= PATTERN_MAX or not pattern.isprintable():
        return f"must be a pattern of at most {PATTERN_MAX} characters, in quotes, with * and ?"
    return None
