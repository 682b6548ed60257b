"""All the ways to say which provider is meant, each with a real client and a real program.

Every provider has a base path of its own, so that the upstream's own record of the
request says which way it came.
"""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import ollama
import openai
import pytest
from google import genai
from google.genai import types

from fakes.program import Wellhead
from fakes.rows import Booked
from fakes.simulated import Simulated

ASKED: list[Any] = [{"role": "user", "content": "How deep is the well?"}]
CHAT = "/v1/chat/completions"


@pytest.fixture(scope="module")
def named(upstream: Simulated) -> Iterator[Wellhead]:
    """Providers from YAML."""
    own = {"type": "openai-compatible", "paths": [CHAT]}
    providers = [
        {"id": "openai", "type": "openai-compatible", "base_url": f"{upstream.url}/at-openai"},
        {"id": "groq", "type": "openai-compatible", "base_url": f"{upstream.url}/at-groq/v1"},
        {"id": "anthropic", "type": "anthropic", "base_url": f"{upstream.url}/at-anthropic"},
        {
            **own,
            "id": "stripped",
            "base_url": f"{upstream.url}/at-stripped",
            "models": ["only-stripped"],
            "strip_provider_field": True,
            "auth": {"type": "bearer", "env": "STRIPPED_KEY"},
        },
        {**own, "id": "kept", "base_url": f"{upstream.url}/at-kept", "models": ["only-kept", "both"]},
    ]
    environ = {"STRIPPED_KEY": "sk-of-the-provider"}
    with Wellhead(config={"providers": providers}, command="gateway", environ=environ) as program:
        yield program


@pytest.fixture
def its_books(named: Wellhead) -> Booked:
    return Booked(named.database_path)


def _last_seen(upstream: Simulated) -> dict[str, Any]:
    """The last request as the upstream saw it."""
    seen: dict[str, Any] = upstream.stats()["last"][-1]
    return seen | {"headers": dict(seen["headers"])}


def test_a_path_alone_leads_to_its_familys_provider(
    named: Wellhead, upstream: Simulated, its_books: Booked
) -> None:
    with openai.OpenAI(base_url=f"{named.gateway_url}/v1", api_key="sk-test") as client:
        client.chat.completions.create(model="m", messages=ASKED)
    assert _last_seen(upstream)["path"] == f"/at-openai{CHAT}"
    assert its_books.row()["provider"] == "openai"
    with anthropic.Anthropic(base_url=named.gateway_url, api_key="sk-test") as client:
        client.messages.create(model="m", max_tokens=9, messages=ASKED)
    assert _last_seen(upstream)["path"] == "/at-anthropic/v1/messages"
    assert its_books.row()["provider"] == "anthropic"


@pytest.mark.parametrize("path", ["/groq", "/groq/v1"])
def test_a_prefix_names_the_provider(
    named: Wellhead, upstream: Simulated, its_books: Booked, path: str
) -> None:
    with openai.OpenAI(base_url=f"{named.gateway_url}{path}", api_key="sk-test") as client:
        client.chat.completions.create(model="m", messages=ASKED)
    assert _last_seen(upstream)["path"] == f"/at-groq{CHAT}"
    row = its_books.row()
    assert row.went_well("groq", "openai_chat", "m")
    assert row["path"] == f"{path}/chat/completions"


def test_a_header_names_the_provider_and_stays_here(
    named: Wellhead, upstream: Simulated, its_books: Booked
) -> None:
    with openai.OpenAI(
        base_url=f"{named.gateway_url}/v1", api_key="sk-test", default_headers={"x-provider": "groq"}
    ) as client:
        client.chat.completions.create(model="m", messages=ASKED)
    seen = _last_seen(upstream)
    assert seen["path"] == f"/at-groq{CHAT}"
    assert "x-provider" not in seen["headers"]
    assert seen["headers"]["authorization"] == "Bearer sk-test"
    assert its_books.row()["provider"] == "groq"


def test_a_header_that_names_nobody_is_a_400(named: Wellhead, its_books: Booked) -> None:
    with openai.OpenAI(
        base_url=f"{named.gateway_url}/v1", api_key="sk-test", default_headers={"x-provider": "nobody"}
    ) as client:
        with pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="m", messages=ASKED)
    assert caught.value.code == "unknown_provider"
    assert its_books.nothing()


def test_a_field_of_the_body_names_the_provider_and_is_forwarded(
    named: Wellhead, upstream: Simulated, its_books: Booked
) -> None:
    content = b'{"provider": "kept",  "model":"both-1", "messages": []}'
    httpx.post(named.gateway_url + CHAT, content=content, headers={"content-type": "application/json"})
    seen = _last_seen(upstream)
    assert seen["path"] == f"/at-kept{CHAT}"
    assert seen["body"].encode("latin-1") == content
    assert its_books.row()["provider"] == "kept"


def test_the_field_is_taken_out_where_that_is_configured_and_nothing_else_changes(
    named: Wellhead, upstream: Simulated, its_books: Booked
) -> None:
    content = b'{"model":"only-stripped",  "provider": "stripped", "messages": [ ] }'
    httpx.post(named.gateway_url + CHAT, content=content, headers={"authorization": "Bearer sk-mine"})
    seen = _last_seen(upstream)
    assert seen["path"] == f"/at-stripped{CHAT}"
    assert seen["body"].encode("latin-1") == content.replace(b'"provider": "stripped",', b"")
    assert seen["headers"]["authorization"] == "Bearer sk-of-the-provider"
    assert its_books.row()["provider"] == "stripped"


def test_a_model_leads_to_the_provider_that_has_it(
    named: Wellhead, upstream: Simulated, its_books: Booked
) -> None:
    with openai.OpenAI(base_url=f"{named.gateway_url}/v1", api_key="sk-test") as client:
        client.chat.completions.create(model="only-kept-2026", messages=ASKED)
    assert _last_seen(upstream)["path"] == f"/at-kept{CHAT}"
    assert its_books.row()["provider"] == "kept"


def test_entries_in_the_form_of_agent_cli_proxy_load_unchanged(upstream: Simulated) -> None:
    entry = {
        "id": "from-json",
        "type": "openai-compatible",
        "paths": [CHAT],
        "upstreamBaseUrl": f"{upstream.url}/at-json",
        "upstreamPath": "/deep/v1/chat/completions",
        "stripProviderField": True,
        "models": ["json-"],
        "headers": {"x-team": "water"},
        "auth": {"type": "x-api-key", "env": "JSON_KEY"},
    }
    environ = {"PROVIDERS_JSON": json.dumps({"providers": [entry]}), "JSON_KEY": "sk-from-json"}
    with Wellhead(command="gateway", environ=environ) as program:
        books = Booked(program.database_path)
        with openai.OpenAI(base_url=f"{program.gateway_url}/v1", api_key="sk-test") as client:
            client.chat.completions.create(
                model="json-1", messages=ASKED, extra_body={"provider": "from-json"}
            )
        row = books.row()
    seen = _last_seen(upstream)
    assert seen["path"] == "/at-json/deep/v1/chat/completions"
    assert "provider" not in json.loads(seen["body"])
    assert (seen["headers"]["x-team"], seen["headers"]["x-api-key"]) == ("water", "sk-from-json")
    assert "authorization" not in seen["headers"]
    assert row.went_well("from-json", "openai_chat", "json-1")


def test_one_upstream_takes_every_dialect(upstream: Simulated) -> None:
    with Wellhead(command="gateway", upstream=f"{upstream.url}/at-one") as program:
        books = Booked(program.database_path)
        url = program.gateway_url
        with openai.OpenAI(base_url=f"{url}/v1", api_key="sk-test") as openai_client:
            openai_client.chat.completions.create(model="m", messages=ASKED)
        with anthropic.Anthropic(base_url=url, api_key="sk-test") as anthropic_client:
            anthropic_client.messages.create(model="m", max_tokens=9, messages=ASKED)
        gemini_client = genai.Client(api_key="test", http_options=types.HttpOptions(base_url=url))
        gemini_client.models.generate_content(model="m", contents="How deep is the well?")
        gemini_client.close()
        ollama_client = ollama.Client(host=url)
        ollama_client.chat(model="m", messages=ASKED)
        ollama_client._client.close()
        rows = books.rows(4)
    assert [(row["provider"], row["dialect"]) for row in rows] == [
        ("upstream", "openai_chat"),
        ("upstream", "anthropic_messages"),
        ("upstream", "gemini"),
        ("upstream", "ollama_chat"),
    ]
    assert all(row["usage_source"] == "reported" for row in rows)
    assert [seen["path"] for seen in upstream.stats()["last"][-4:]] == [
        f"/at-one{CHAT}",
        "/at-one/v1/messages",
        "/at-one/v1/models/m:generateContent",
        "/at-one/api/chat",
    ]
