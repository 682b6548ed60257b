"""Cuts a record to what the database takes, so that no value can spoil the batch it is in.

Texts come from clients and upstreams: they may be of any length and, decoded from
strange bytes, hold what is not Unicode text.  Nearly every record fits as it is,
and then is given back itself.
"""

from dataclasses import fields, replace
from operator import attrgetter
from typing import Any, TypeVar

from wellhead.call import Opening, Settlement
from wellhead.usage import COUNT_MAX, NO_USAGE, Usage

TEXT_CHARS_MAX = 1000
"""Of any text; a longer one is cut."""
EXTRA_CHARS_MAX = 16_384
"""Of `usage_extra`; a longer one is left out, since half a JSON document is none."""

_Record = TypeVar("_Record", Opening, Settlement, Usage)


def _checked(record: type[Opening | Settlement | Usage]) -> tuple[str, ...]:
    apart = ("id", "usage", "usage_extra")
    return tuple(field.name for field in fields(record) if field.name not in apart)


_NAMES = {record: _checked(record) for record in (Opening, Settlement, Usage)}
_VALUES = {record: attrgetter(*names) for record, names in _NAMES.items()}


def fitted_opening(opening: Opening) -> Opening:
    """The opening, with its texts cut and impossible counts left out."""
    return _fitted(opening)


def fitted_settlement(settlement: Settlement) -> Settlement:
    """The settlement, with its texts cut and impossible counts left out."""
    fit = _fitted(settlement)
    if fit.usage is not NO_USAGE:
        usage = _fitted(fit.usage)
        fit = fit if usage is fit.usage else replace(fit, usage=usage)
    if fit.usage_extra is not None and not _fits(fit.usage_extra, EXTRA_CHARS_MAX):
        fit = replace(fit, usage_extra=None)
    return fit


def _fitted(record: _Record) -> _Record:
    kind = type(record)
    values = _VALUES[kind](record)
    if all(map(_fits, values)):
        return record
    return replace(record, **dict(zip(_NAMES[kind], map(_cut, values), strict=True)))


def _fits(value: Any, chars_max: int = TEXT_CHARS_MAX) -> bool:
    if value.__class__ is str:
        return len(value) <= chars_max and (value.isascii() or _is_text(value))
    if value.__class__ is int:
        return 0 <= value <= COUNT_MAX
    return True


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _cut(value: Any) -> Any:
    if _fits(value):
        return value
    return value[:TEXT_CHARS_MAX].encode(errors="replace").decode() if value.__class__ is str else None
