"""Books with very many calls, made by the database itself: rows alone, without rollups.

::

    many.calls(engine, 500_000)     # about 3 s
"""

from sqlalchemy import Engine

from fakes.books import NOON_US
from wellhead.database.engine import writing_connection
from wellhead.database.request_forms import Forms
from wellhead.moments import DAY_US, SECOND_US

EVERY_US = SECOND_US
"""One call ends each second, from noon on."""

_INSERT = """
WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?)
INSERT INTO calls (
    id, state, worker_id, started_us, finished_us, provider, request_form, model, streamed, tool,
    session, client_address, request_bytes, status_code, finish_reason, model_served,
    input_tokens, output_tokens, cache_read_tokens, total_tokens, usage_source, cost_nanousd, cost_state,
    latency_us, upstream_latency_us, ttft_us, response_bytes, attempts, incomplete
)
SELECT n, 'completed', 1, ? + n * ? - 900000, ? + n * ?, 'openai', 1, 'model-' || (n % 7), n % 2,
    iif(n % 1000, 'codex', 'rare'),
    'session-' || (n / 40), '127.0.0.1', 5000 + n % 900, 200,
    'stop', 'model-' || (n % 7) || '-2026-01-01', n % 9000, n % 700, n % 800, n % 9000 + n % 700, 'reported',
    n * 1001, 'priced', 900000, 300000, 310000, 2000 + n % 100, 1, 0
FROM n
"""


def calls(engine: Engine, count: int) -> None:
    """So many calls that ended, with ids from 1 on, in books that are empty."""
    connection = writing_connection(engine)
    times = (NOON_US, EVERY_US)
    connection.execute("PRAGMA synchronous=OFF")
    agent = "codex_cli_rs/0.104.0 (Debian 13; x86_64)"
    form = NOON_US // DAY_US, "openai_chat", "POST", "/v1/chat/completions", agent, None
    assert Forms().number(connection, form) == 1
    connection.execute(_INSERT, (count, *times, *times))
    connection.close()
