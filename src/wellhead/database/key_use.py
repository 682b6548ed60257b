"""When keys were last used: beside the keys, because those change only by an operator's hand."""

import sqlite3
from collections.abc import Sequence


def note(connection: sqlite3.Connection, used: Sequence[tuple[int, int]]) -> None:
    """Write down keys and the moments they were used; an earlier one than is known changes nothing."""
    if used:
        connection.executemany(
            "INSERT INTO key_use (key_id, last_used_us) VALUES (?,?)"
            " ON CONFLICT (key_id) DO UPDATE SET last_used_us=max(last_used_us, excluded.last_used_us)",
            used,
        )
