"""What an exported call has, in the order of its columns.

The names are the vocabulary's (`wellhead.call`, `wellhead.usage`) and those of the
books; three columns beside show for people what another one holds exactly::

    started_us    1772355720000000              started_at    2026-03-01T09:02:00.000000Z
    finished_us   1772355723210000              finished_at   2026-03-01T09:02:03.210000Z
    cost_nanousd  4200000                       cost_usd      0.0042

Left out are hashes of credentials, and what the books keep for themselves (holds, the
number of a worker).  A project is named by its UUID, as everywhere outside the books.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

Row = Sequence[Any]
"""A call's values in the order of `COLUMNS`: text, whole numbers and booleans; `None` is "nobody said"."""


class Kind(Enum):
    """What stands in a column, which decides how each format writes it."""

    ID = auto()
    """A whole number that does not fit a JavaScript number."""
    TEXT = auto()
    WHOLE = auto()
    FLAG = auto()
    MOMENT = auto()
    """Microseconds since the epoch, to be shown as a date and time of UTC."""
    DOLLARS = auto()
    """Nano-dollars, to be shown as dollars."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of an export."""

    name: str
    kind: Kind
    of: str
    """The column of `calls` that its value comes from."""


def _columns(kind: Kind, *names: str) -> tuple[Column, ...]:
    return tuple(Column(name, kind, name) for name in names)


COLUMNS = (
    Column("id", Kind.ID, "id"),
    *_columns(Kind.TEXT, "state"),
    Column("started_at", Kind.MOMENT, "started_us"),
    Column("finished_at", Kind.MOMENT, "finished_us"),
    *_columns(Kind.WHOLE, "started_us", "finished_us"),
    *_columns(Kind.TEXT, "provider", "dialect", "method", "path", "model", "model_served"),
    *_columns(Kind.FLAG, "streamed"),
    *_columns(Kind.TEXT, "tool", "client", "session", "agent", "message_id"),
    *_columns(Kind.TEXT, "user_agent", "origin", "client_address", "project_id"),
    *_columns(Kind.WHOLE, "key_id"),
    *_columns(Kind.TEXT, "account"),
    *_columns(Kind.WHOLE, "status_code"),
    *_columns(Kind.TEXT, "error_code", "error_message", "finish_reason", "upstream_request_id"),
    *_columns(Kind.TEXT, "service_tier"),
    *_columns(Kind.WHOLE, "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *_columns(Kind.WHOLE, "cache_write_1h_tokens", "reasoning_tokens"),
    *_columns(Kind.WHOLE, "input_audio_tokens", "output_audio_tokens"),
    *_columns(Kind.WHOLE, "input_image_tokens", "output_image_tokens"),
    *_columns(Kind.WHOLE, "total_tokens", "audio_ms", "web_searches"),
    *_columns(Kind.TEXT, "usage_source", "usage_extra", "cost_state"),
    *_columns(Kind.WHOLE, "cost_nanousd"),
    Column("cost_usd", Kind.DOLLARS, "cost_nanousd"),
    *_columns(Kind.WHOLE, "rate_id", "latency_us", "upstream_latency_us", "ttft_us"),
    *_columns(Kind.WHOLE, "request_bytes", "response_bytes", "message_count", "max_output_tokens"),
    *_columns(Kind.WHOLE, "attempts"),
    *_columns(Kind.FLAG, "incomplete"),
    *_columns(Kind.TEXT, "trouble"),
)
NAMES = tuple(column.name for column in COLUMNS)


def places(*kinds: Kind) -> tuple[int, ...]:
    """Where in a row the columns of these kinds stand."""
    return tuple(place for place, column in enumerate(COLUMNS) if column.kind in kinds)
