"""What monitoring sees of the whole program: two gateways, an upstream that tells of quotas, a restart."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from fakes.stand import Stand, a_stand
from fakes.wire import answer, post, talk, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"demo-small","messages":[]}'
TOLD = b'{"model":"demo-small","usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
JSON = b"content-type: application/json"
QUOTAS = (
    b"openai-organization: org-1",
    b"x-ratelimit-limit-requests: 200",
    b"x-ratelimit-remaining-requests: 150",
)
CALLS = 40


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Stand]:
    """One gateway and a control plane."""
    async with a_stand(command="serve") as made:
        yield made


async def sums(stand: Stand) -> dict[str, float]:
    """What a scrape says, added up over all labels."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{stand.wellhead.control_url}/metrics")).raise_for_status().text
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return found


async def test_counters_are_right_with_several_gateways_and_survive_a_restart() -> None:
    async with a_stand({"gateway": {"workers": 2}}, command="serve") as stand:
        stand.upstream.script = answer(TOLD, JSON, *QUOTAS)
        await asyncio.gather(*(talk(stand.port, post(CHAT, ASK, JSON)) for _ in range(CALLS)))
        rows = await stand.ended(CALLS)
        assert {row["account"] for row in rows} == {"org-1"}

        found = await sums(stand)
        assert found["wellhead_calls_total"] == found["wellhead_tool_calls_total"] == CALLS
        assert found["wellhead_call_duration_seconds_count"] == CALLS
        assert found["agent_cli_proxy_tokens_today_total"] == 10 * CALLS
        assert (found["wellhead_worker_up"], found["wellhead_calls_in_flight"]) == (2, 0)

        await asyncio.to_thread(stand.wellhead.stop)
        await stand.start_again()
        assert (await sums(stand))["wellhead_calls_total"] == CALLS


async def test_a_quota_that_a_response_told_of_is_shown(stand: Stand) -> None:
    stand.upstream.script = answer(TOLD, JSON, *QUOTAS)
    await talk(stand.port, post(CHAT, ASK, JSON))
    async with httpx.AsyncClient(base_url=stand.wellhead.control_url) as client:

        async def snapshots() -> list[dict[str, object]]:
            found: list[dict[str, object]] = (await client.get("/admin/quotas")).json()["snapshots"]
            return found

        # It is written along with the end of the call, which the client has seen before that.
        await stand.ended()
        (found,) = await snapshots()
    assert (found["account"], found["name"], found["used_pct"]) == ("org-1", "requests", 25.0)
    assert (found["limit"], found["left"]) == (200, 150)
    assert (await sums(stand))["wellhead_quota_used_ratio"] == 0.25


async def test_a_gateway_that_is_killed_is_up_again_when_another_has_taken_its_place(stand: Stand) -> None:
    assert (await sums(stand))["wellhead_worker_up"] == 1
    killed = stand.worker
    killed.kill()
    await until(lambda: bool(set(stand.wellhead.pids) - {killed.pid}), 20)
    async with asyncio.timeout(20):
        while (await sums(stand))["wellhead_worker_up"] != 1:
            await asyncio.sleep(0.05)
