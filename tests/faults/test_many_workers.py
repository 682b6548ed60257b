"""Several gateway processes write one file: under load nothing fails, nothing is counted twice or never."""

import asyncio
import json
import urllib.request
from typing import Any

import pytest

from fakes.books import rollups_of
from fakes.load import brief, load
from fakes.stand import a_stand
from fakes.wire import until
from wellhead.database.engine import make_engine

WORKERS = 3
CLIENTS = 24
SOAK = (pytest.mark.soak, pytest.mark.timeout(400))


def fetched(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=20) as response:
        got: dict[str, Any] = json.load(response)
        return got


@pytest.mark.parametrize("calls", [1500, pytest.param(60_000, marks=SOAK)])
async def test_answers_rows_rollups_and_metrics_agree(calls: int) -> None:
    async with a_stand({"gateway": {"workers": WORKERS}}, command="serve") as stand:
        stand.upstream.script = brief
        async with load(stand, clients=CLIENTS) as told:
            await until(lambda: len(told.whole) >= calls, 300)
        rows = await stand.ended(len(told.seen))
        assert told.lost == 0
        assert told.whole == {row["id"] for row in rows}
        assert len({row["worker_id"] for row in rows}) == WORKERS
        assert {(row["state"], row["total_tokens"]) for row in rows} == {("completed", 10)}
        metrics = await asyncio.to_thread(fetched, stand.wellhead.control_url + "/_qs/metrics")
        assert metrics["totals"] == {"total_tokens": 10 * len(rows), "total_requests": len(rows)}
        engine = make_engine(f"sqlite:///{stand.wellhead.database_path}")
        try:
            for table in ("usage_total", "usage_hourly"):
                sums = rollups_of(engine)[table]
                assert sum(sum_["calls"] for sum_ in sums) == len(rows)
                assert sum(sum_["total_tokens"] for sum_ in sums) == 10 * len(rows)
        finally:
            engine.dispose()
        assert [line for line in stand.wellhead.log_lines() if line["level"] in ("error", "warning")] == []
