"""An operator's prices, in YAML or JSON: checked here, and handed on as JSON text.

What they mean is said in `wellhead.pricing.overrides`; a gateway reads them again
there, so that settings stay plain values.
"""

import json
from datetime import date

from wellhead.config.values import Mistakes
from wellhead.pricing import overrides as reading


def entries(raw: object) -> str:
    """The list under `prices`, or YAML text that holds one; raises `Mistakes`."""
    if isinstance(raw, str):
        from wellhead.config.document import read_yaml

        raw = read_yaml(raw)
    found = reading.from_entries(raw)
    if found.problems:
        raise Mistakes(found.problems)
    return json.dumps(raw, default=_plain)


def overrides(raw: object) -> str:
    """agent-cli-proxy's JSON object of overrides; raises `Mistakes`."""
    text = _text(raw)
    found = reading.from_json(text, "pricing.overrides")
    if found.problems:
        raise Mistakes(found.problems)
    return text


def aliases(raw: object) -> str:
    """agent-cli-proxy's JSON object of aliases; raises `Mistakes`."""
    text = _text(raw)
    _, problems = reading.aliases_from_json(text, "pricing.aliases")
    if problems:
        raise Mistakes(problems)
    return text


def _text(raw: object) -> str:
    # In YAML the object itself may stand there.
    return raw if isinstance(raw, str) else json.dumps(raw, default=_plain)


def _plain(value: object) -> str:
    # YAML makes a date of what looks like one.
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError("must hold texts, numbers, lists and mappings only")
