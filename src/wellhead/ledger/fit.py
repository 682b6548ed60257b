"""Cuts a record to what the database takes, so that no value can spoil the batch it is in.

Texts come from clients and upstreams: they may be of any length and, decoded from
strange bytes, hold what is not Unicode text.  Nearly every record fits as it is,
and then is given back itself.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar

from msgspec.structs import fields, replace

from wellhead import usage_extra
from wellhead.call import Opening, Settlement
from wellhead.usage import COUNT_MAX, NO_USAGE, TOKENS_MAX, Usage

TEXT_CHARS_MAX = 1000
"""Of any text; a longer one is cut."""
EXTRA_BYTES_MAX = 16_384
"""Of `usage_extra` in the books; a longer one is cut, which `usage_extra_cut` among the troubles says."""

_Record = TypeVar("_Record", Opening, Settlement, Usage)


class _Fields:
    """Which fields of a record are texts and which are counts."""

    def __init__(self, record: type[Opening | Settlement | Usage]) -> None:
        kinds = {field.name: str(field.type) for field in fields(record)}
        # What a provider says that a call cost is believed, or not, where calls are priced.
        apart = ("id", "usage_extra", "cost_nanousd")
        self.texts = tuple(name for name in kinds if "str" in kinds[name] and name not in (*apart, "trouble"))
        self.counts = tuple(name for name in kinds if "int" in kinds[name] and name not in apart)
        self.most = 2 * TOKENS_MAX if record is Usage else COUNT_MAX
        self.texts_of = _tuple_of(self.texts)
        self.counts_of = _tuple_of(self.counts)


def _tuple_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    return attrgetter(*names) if names else lambda _: ()


_FIELDS = {record: _Fields(record) for record in (Opening, Settlement, Usage)}


def fitted_opening(opening: Opening) -> Opening:
    """The opening, with its texts cut and impossible counts left out."""
    return _fitted(opening)


def fitted_settlement(settlement: Settlement) -> Settlement:
    """The settlement, with its texts cut and impossible counts left out; `usage_extra` is as it was."""
    fit = _fitted(settlement)
    if fit.usage is not NO_USAGE:
        usage = _fitted(fit.usage)
        fit = fit if usage is fit.usage else replace(fit, usage=usage)
    return fit


def with_fitted_extra(settlement: Settlement) -> Settlement:
    """The settlement as it goes into the books; before that it is priced by all that was said."""
    extra = settlement.usage_extra
    if extra is None or _is_storable(extra):
        return settlement
    kept = usage_extra.cut(extra, EXTRA_BYTES_MAX)
    return replace(settlement, usage_extra=kept, trouble=(*settlement.trouble, "usage_extra_cut"))


def _fitted(record: _Record) -> _Record:
    # Twice for every call, so the look at a record that fits takes few and long steps.
    known: _Fields = _FIELDS[type(record)]
    texts = "".join(filter(None, known.texts_of(record)))
    counts = [0, *filter(None, known.counts_of(record))]
    if len(texts) <= TEXT_CHARS_MAX and texts.isascii() and min(counts) == 0 and max(counts) <= known.most:
        return record
    old = {name: getattr(record, name) for name in (*known.texts, *known.counts)}
    changes: dict[str, Any] = {
        name: new for name, value in old.items() if (new := _cut(value, known.most)) != value
    }
    return replace(record, **changes) if changes else record


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, str):
        return value[:TEXT_CHARS_MAX].encode(errors="replace").decode()
    return value if value is None or 0 <= value <= most else None


def _is_storable(extra: str) -> bool:
    return len(extra) <= EXTRA_BYTES_MAX and extra == extra.encode(errors="replace").decode()
