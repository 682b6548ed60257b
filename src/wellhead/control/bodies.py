"""What is sent: JSON objects whose fields are known and have exactly the type they should.

A misspelt field that is silently ignored would make a key without the expiry that
was asked for.  What was sent is never repeated in an error; the name of a field is,
as long as it looks like one.
"""

import re
from difflib import get_close_matches
from typing import Annotated, Any

from fastapi import Path, Query
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from wellhead.access import Patterns
from wellhead.control.amounts import Amount
from wellhead.limit import Action, Measure, ScopeKind, Window
from wellhead.registry import NAME_CHARS_MAX, PAGE_MAX, UNCHANGED, Unchanged

ID_MAX = 2**63 - 1
PASSWORD_CHARS_MAX = 1024
SECRET_CHARS_MAX = 4096
LISTED_MAX = 100
"""Entries of any list in a body."""
HOURS_MAX = 876_000
"""A hundred years."""
MINUTES_MAX = 60 * HOURS_MAX
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,23}")


def example(**fields: Any) -> ConfigDict:
    """The configuration of a model with an example of it."""
    return ConfigDict(json_schema_extra={"examples": [fields]})


class Body(BaseModel):
    """What every body has in common."""

    # The document shall say it, too; who sends another field is told by the validator below.
    model_config = ConfigDict(strict=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_every_field(cls, sent: Any) -> Any:
        unknown = [one for one in sent if one not in cls.model_fields] if isinstance(sent, dict) else []
        if unknown:
            name = f" `{unknown[0]}`" if FIELD.fullmatch(unknown[0]) else " of that name"
            near = get_close_matches(unknown[0], cls.model_fields, n=1)
            known = ", ".join(f"`{one}`" for one in cls.model_fields)
            hint = f"perhaps `{near[0]}` was meant" if near else f"known are {known}"
            raise ValueError(f"there is no field{name}; {hint}")
        return sent

    def given(self, name: str) -> bool:
        """Whether a field was sent, be it as `null`."""
        return name in self.model_fields_set

    def globs(self, name: str) -> Patterns | Unchanged:
        """A list of globs as a change takes it: absent it stays, `null` allows everything."""
        return patterns(getattr(self, name)) if self.given(name) else UNCHANGED


def _an_amount(sent: Any) -> Any:
    if isinstance(sent, bool) or not isinstance(sent, int | str):
        raise ValueError('an amount is a whole number, or for cost dollars as text such as "12.50"')
    return sent


def patterns(globs: list[str] | None) -> Patterns:
    """A list of globs as the registry takes it."""
    return None if globs is None else tuple(globs)


Name = Annotated[str, Field(min_length=1, max_length=NAME_CHARS_MAX)]
Secret = Annotated[str, Field(min_length=1, max_length=SECRET_CHARS_MAX)]
Moment = Annotated[str, Field(max_length=40, description="ISO-8601; without an offset it is UTC.")]
Globs = Annotated[list[str], Field(max_length=LISTED_MAX, description="`*`, `?` and `[…]` stand for others.")]
Hours = Annotated[int, Field(ge=1, le=HOURS_MAX)]
Minutes = Annotated[int, Field(ge=1, le=MINUTES_MAX)]
AmountSent = Annotated[
    Amount,
    BeforeValidator(_an_amount),
    Field(description='Calls or tokens as a whole number; for `cost` US dollars as text, such as "12.50".'),
]
# Strict validation wants members of an enumeration; on the wire there is only their text.
MeasureSent = Annotated[Measure, Field(strict=False)]
WindowSent = Annotated[Window, Field(strict=False)]
ActionSent = Annotated[Action, Field(strict=False)]
KindSent = Annotated[ScopeKind, Field(strict=False)]

Id = Annotated[int, Path(alias="id", ge=1, le=ID_MAX, description="Its number.")]
Uuid = Annotated[str, Path(alias="id", max_length=64, description="The project's id, a UUID.")]
After = Annotated[int, Query(ge=0, le=ID_MAX, description="Entries after this one: the last page's `next`.")]
Count = Annotated[int, Query(alias="limit", ge=1, le=PAGE_MAX, description="Entries at most.")]
Next = Annotated[int | None, Field(description="`after` of the next page; `null`: this is the last one.")]
