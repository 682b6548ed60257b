"""Provider entries, in both forms."""

from typing import Any

import pytest

from wellhead.config.providers import BUILT_IN, merge, read_entries, sole
from wellhead.config.values import Leaving
from wellhead.directory import Auth, AuthType, OnDisconnect, Provider, ProviderType
from wellhead.errors import Problem

VLLM = {"id": "vllm", "type": "openai-compatible", "base_url": "http://gpu-1:8000"}


def read(*entries: object, environ: dict[str, str] | None = None) -> tuple[Provider, ...]:
    found = read_entries(list(entries), environ or {}, Leaving())
    assert found.problems == ()
    return found.providers


def problems(*entries: object, camel_case: bool = False) -> dict[str, str]:
    found = read_entries(list(entries), {}, Leaving(), camel_case=camel_case)
    return {p.path: p.message for p in found.problems}


def test_an_entry_in_yaml_form_has_every_field() -> None:
    entry: dict[str, Any] = {
        **VLLM,
        "paths": ["/v1/chat/completions"],
        "upstream_path": "/chat",
        "models": ["llama", "qwen"],
        "headers": {"X-Team": "blue"},
        "auth": {"type": "bearer", "env": "VLLM_KEY", "header": "X-Auth"},
        "strip_provider_field": True,
        "ask_stream_usage": "yes",
        "on_disconnect": "drain 30s",
        "output_tokens_ceiling": 8192,
        "variant": "groq",
    }
    assert read(entry, environ={"VLLM_KEY": "sk-secret"}) == (
        Provider(
            "vllm",
            ProviderType.OPENAI,
            "http://gpu-1:8000",
            paths=("/v1/chat/completions",),
            upstream_path="/chat",
            models=("llama", "qwen"),
            headers=(("X-Team", "blue"),),
            auth=Auth(AuthType.BEARER, "sk-secret", "X-Auth"),
            strip_provider_field=True,
            ask_stream_usage=True,
            on_disconnect=OnDisconnect.DRAIN,
            drain_s=30.0,
            output_tokens_ceiling=8192,
            variant="groq",
        ),
    )


@pytest.mark.parametrize(
    ("entry", "variant"),
    [
        ({"id": "openrouter"}, "openrouter"),
        ({"id": "openrouter", "variant": "xai"}, "xai"),
        ({"id": "my-router"}, None),
    ],
)
def test_an_entry_in_the_place_of_a_built_in_one_speaks_its_variation(
    entry: dict[str, str], variant: str | None
) -> None:
    (one,) = read({**VLLM, **entry})
    assert one.variant == variant


def test_an_entry_in_the_json_form_of_agent_cli_proxy_loads_unchanged() -> None:
    document = {
        "providers": [
            {
                "id": "kimi",
                "type": "openai-compatible",
                "paths": ["/v1/chat/completions"],
                "upstreamBaseUrl": "https://api.example.test/",
                "upstreamPath": "/v1/chat",
                "models": ["kimi"],
                "headers": {"x-a": "b"},
                "auth": {"type": "x-api-key", "value": "secret"},
                "stripProviderField": True,
            }
        ]
    }
    found = read_entries(document, {}, Leaving(), camel_case=True)
    assert found.problems == ()
    assert found.providers == (
        Provider(
            "kimi",
            ProviderType.OPENAI,
            "https://api.example.test",
            paths=("/v1/chat/completions",),
            upstream_path="/v1/chat",
            models=("kimi",),
            headers=(("x-a", "b"),),
            auth=Auth(AuthType.X_API_KEY, "secret"),
            strip_provider_field=True,
        ),
    )


def test_a_bad_entry_of_the_json_form_leaves_the_others_alone() -> None:
    good = {"id": "a", "type": "anthropic", "paths": ["/v1/messages"], "upstreamBaseUrl": "http://a"}
    found = read_entries([{"id": "b"}, good], {}, Leaving(), camel_case=True)
    assert [p.id for p in found.providers] == ["a"]
    assert {p.path for p in found.problems} == {
        "providers[0].type",
        "providers[0].paths",
        "providers[0].upstreamBaseUrl",
    }


def test_in_the_json_form_the_last_entry_of_an_id_counts() -> None:
    first = {"id": "a", "type": "anthropic", "paths": ["/v1/messages"], "upstreamBaseUrl": "http://one"}
    found = read_entries([first, {**first, "upstreamBaseUrl": "http://two"}], {}, Leaving(), camel_case=True)
    assert [p.base_url for p in found.providers] == ["http://two"]


@pytest.mark.parametrize("kind", ["none", "preserve"])
def test_auth_may_be_just_its_type(kind: str) -> None:
    (provider,) = read({**VLLM, "auth": kind})
    assert provider.auth == Auth(AuthType(kind))


def test_all_mistakes_of_all_entries_are_told_with_their_paths() -> None:
    told = problems(
        {**VLLM, "type": "soap", "models": [], "auth": {"type": "magic", "secret": "x"}, "basUrl": 1},
        "nonsense",
        {**VLLM, "id": "v1", "headers": {"Host": "x"}, "upstream_path": "chat", "paths": "/v1"},
    )
    assert told == {
        "providers[0].type": "must be one of openai-compatible, anthropic, gemini, ollama",
        "providers[0].models": "must be a non-empty string array",
        "providers[0].auth.type": "must be one of preserve, none, bearer, x-api-key",
        "providers[0].auth.secret": "is not supported",
        "providers[0].basUrl": "is not supported; did you mean base_url?",
        "providers[1]": "must be a mapping with id, type and base_url",
        "providers[2].id": (
            "must be letters, digits, '.', '_' or '-', and none of api, health, models, ready, v1, v1beta"
        ),
        "providers[2].paths": "must be a non-empty string array",
        "providers[2].upstream_path": "must be request paths that begin with / and have no query",
        "providers[2].headers": "must not be Host: it belongs to the connection",
    }


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ({"timeouts": 5}, {"timeouts": "must be a mapping with any of connect_s, headers_s"}),
        ({"timeouts": {"idl_s": 5}}, {"timeouts.idl_s": "is not supported; did you mean idle_s?"}),
        ({"timeouts": {"idle_s": "soon"}}, {"timeouts.idle_s": "must be seconds, such as 30 or 1.5s"}),
        ({"timeouts": {"idle_s": -1}}, {"timeouts.idle_s": "must be seconds, such as 30 or 1.5s"}),
        ({"fallback": "groq"}, {"fallback": "must be a non-empty string array"}),
        ({"fallback": ["groq", "groq"]}, {"fallback": "must be at most 10 ids of providers, each once"}),
        ({"fallback": [f"p{n}" for n in range(11)]}, {"fallback": "must be at most 10 ids"}),
    ],
)
def test_timeouts_and_stand_ins_that_cannot_be_are_mistakes(
    field: dict[str, object], told: dict[str, str]
) -> None:
    found = problems({**VLLM, **field})
    assert found.keys() == {f"providers[0].{name}" for name in told}
    assert all(found[f"providers[0].{name}"].startswith(text) for name, text in told.items())


@pytest.mark.parametrize(
    ("auth", "path"),
    [
        (5, ".auth"),
        ("bearer", ".auth"),
        ({"type": "bearer", "env": "A", "value": "b"}, ".auth"),
        ({"type": "bearer", "env": "ABSENT"}, ".auth.env"),
        ({"type": "bearer", "value": "two\nlines"}, ".auth.value"),
        ({"type": "bearer", "value": "x", "header": "not a header"}, ".auth.header"),
        ({"type": "none", "value": "x"}, ".auth"),
        ({"value": "x"}, ".auth.type"),
    ],
)
def test_auth_that_cannot_work_is_a_mistake(auth: object, path: str) -> None:
    assert list(problems({**VLLM, "auth": auth})) == ["providers[0]" + path]


def test_a_mistake_never_repeats_a_secret() -> None:
    told = problems(
        {**VLLM, "auth": {"type": "bearer", "value": "sk-canary\n"}, "headers": {"x": "sk-canary\r"}},
        {**VLLM, "id": "b", "auth": {"type": "bearer", "env": "sk-canary"}},
    )
    assert len(told) == 3
    assert "sk-canary" not in str(told)


def test_two_entries_with_one_id_are_a_mistake() -> None:
    assert problems(VLLM, VLLM) == {"providers[1].id": "must be unique; 'vllm' is there already"}


def test_providers_that_are_no_list_are_a_mistake() -> None:
    found = read_entries({"vllm": VLLM}, {}, Leaving())
    assert found.problems == (Problem("providers", "must be a list of provider entries"),)


def test_own_providers_come_before_the_built_in_ones() -> None:
    (vllm,) = read(VLLM)
    assert merge((vllm,), None) == (vllm, *BUILT_IN)


def test_an_own_definition_takes_the_place_of_the_built_in_one() -> None:
    (deepseek,) = read({**VLLM, "id": "deepseek"})
    merged = merge((deepseek,), None)
    assert [p.id for p in merged] == [p.id for p in BUILT_IN]
    assert next(p for p in merged if p.id == "deepseek") is deepseek


def test_with_one_upstream_the_built_in_providers_point_there() -> None:
    (vllm,) = read(VLLM)
    merged = merge((vllm,), "http://one:8317")
    assert merged[0] is vllm
    assert {p.base_url for p in merged[1:]} == {"http://one:8317"}


def test_the_sole_upstream_takes_every_path() -> None:
    provider = sole("http://one", Leaving(OnDisconnect.DRAIN, 5.0))
    assert (provider.paths, provider.models, provider.drain_s) == ((), (), 5.0)
