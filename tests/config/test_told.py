"""What the control plane may tell of the settings is all but secrets."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from fakes.canary import marked, secret
from wellhead.config.aliases import Given
from wellhead.config.load import load
from wellhead.config.settings import declared
from wellhead.config.told import TOLD_CHARS_MAX, facts, without_secrets
from wellhead.control.facts import Facts

JSON_ENTRIES = {
    "providers": [
        {
            "id": "local",
            "type": "openai-compatible",
            "paths": ["/v1/chat/completions"],
            "upstreamBaseUrl": "http://gpu-1:8000/llm",
            "models": ["demo"],
        },
        {"id": "broken", "type": "?", "paths": ["/x"], "upstreamBaseUrl": "http://b"},
    ]
}


def told(
    tmp_path: Path, config: Mapping[str, Any] | None = None, upstream: str | None = None, **environ: str
) -> Facts:
    file = tmp_path / "wellhead.yaml"
    file.write_text(yaml.safe_dump(dict(config or {})))
    flags = {} if upstream is None else {"upstream": Given(upstream, "--upstream")}
    given = {"HOME": str(tmp_path), **environ}
    return facts(load(flags, config=str(file), environ=given, here=tmp_path).settings)


def test_no_secret_is_told_and_of_each_that_it_is_set(tmp_path: Path) -> None:
    config = {
        "providers": [
            {
                "id": "own",
                "type": "openai-compatible",
                "base_url": "http://own:8000/v1",
                "auth": {"type": "bearer", "value": secret("provider")},
                "headers": {"x-tenant": secret("header")},
            },
            {
                "id": "env",
                "type": "gemini",
                "base_url": "http://e",
                "auth": {"type": "x-api-key", "env": "KEY"},
            },
        ],
        "gateway": {"client_names": {secret("client-key"): "alice"}},
        "control": {
            "basic_user": secret("viewer"),
            "basic_password": secret("viewer-password"),
            "admin_user": secret("admin"),
            "admin_password": secret("admin-password"),
            "admin_token": secret("admin-token"),
            "management_token": secret("management-token"),
            "session_secret": secret("session"),
        },
        "master_key": "00" * 32,
    }
    found = told(tmp_path, config, KEY=secret("environment"))
    everything = json.dumps(asdict(found)).encode()
    assert marked(everything) == []
    assert b"0000000000" not in everything
    assert {path for path, is_set in found.secrets.items() if is_set} == {
        *("control.basic_user", "control.basic_password", "control.admin_user", "control.admin_password"),
        *("control.admin_token", "control.management_token", "control.session_secret"),
        *("gateway.client_names", "master_key", "database"),
    }
    assert [(one.id, one.has_credential, one.has_headers) for one in found.providers[:2]] == [
        ("own", True, True),
        ("env", True, False),
    ]
    assert found.config.has_admin_token
    assert found.config.has_dashboard_password


def test_every_setting_is_told_as_it_is_or_as_whether_it_is_set(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert found.settings.keys() | found.secrets.keys() == {one.path for one in declared()}
    assert not found.settings.keys() & found.secrets.keys()
    assert found.settings["gateway.bind"] == "127.0.0.1:8080"
    assert found.settings["gateway.require_key"] is None
    assert found.settings["gateway.on_disconnect"] == "cancel"
    assert found.settings["control.hosts"] is None
    prices = json.dumps({f"model-{n}": {"input": 1, "output": 2} for n in range(TOLD_CHARS_MAX)})
    changed = told(
        tmp_path,
        {"control": {"hosts": ["a.example", "b.example"]}, "pricing": {"overrides": prices}},
    )
    assert changed.settings["control.hosts"] == "a.example, b.example"
    assert changed.settings["pricing.overrides"] is True


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://a", "http://a"),
        ("https://user:pass@a.example:8443/v1?key=x#y", "https://a.example:8443/v1"),
        ("http://key@[::1]:80/", "http://[::1]:80/"),
    ],
)
def test_of_a_url_there_is_no_user_no_password_and_no_query(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_providers_say_where_they_are_and_whether_that_is_built_in(tmp_path: Path) -> None:
    found = told(tmp_path)
    assert (found.source.name, found.source.path) == ("built-in", None)
    by_id = {one.id: one for one in found.providers}
    assert (by_id["openai"].upstream, by_id["openai"].has_custom_upstream) == (
        "https://api.openai.com",
        False,
    )
    moved = {"id": "openai", "type": "openai-compatible", "base_url": "http://mirror"}
    found = told(tmp_path, {"providers": [moved]})
    assert (found.source.name, found.source.path) == ("configuration", str(tmp_path / "wellhead.yaml"))
    assert {one.id for one in found.providers if one.has_custom_upstream} == {"openai"}


def test_entries_in_the_form_of_agent_cli_proxy_say_where_they_were_and_what_was_wrong(
    tmp_path: Path,
) -> None:
    found = told(tmp_path, PROVIDERS_JSON=json.dumps(JSON_ENTRIES))
    assert (found.source.name, found.source.path) == ("PROVIDERS_JSON", None)
    assert found.source.problem is not None
    assert found.source.problem.startswith("providers[1].type: ")
    assert found.source.loaded_us is not None
    assert found.providers[0].paths == ("/v1/chat/completions",)
    assert found.providers[0].upstream == "http://gpu-1:8000/llm"
    file = tmp_path / "providers.json"
    file.write_text(json.dumps(JSON_ENTRIES))
    found = told(tmp_path, PROVIDERS_CONFIG_PATH=str(file))
    assert (found.source.name, found.source.path) == ("PROVIDERS_CONFIG_PATH", str(file))


def test_timeouts_retries_and_stand_ins_are_told(tmp_path: Path) -> None:
    of_others = {"type": "openai-compatible", "base_url": "http://b"}
    config = {
        "timeouts": {"connect_s": 2.5, "idle_s": 60},
        "retries": {"max": 3},
        "providers": [
            {
                "id": "cliproxy",
                **of_others,
                "timeouts": {"total_s": 600, "headers_s": 0.25},
                "fallback": ["b"],
            },
            {"id": "b", **of_others},
        ],
    }
    found = told(tmp_path, config)
    by_id = {one.id: one for one in found.providers}
    a, b = by_id["cliproxy"], by_id["b"]
    assert (a.fallback, b.fallback) == (("b",), ())
    assert a.timeouts_ms == {
        "connect": 2500,
        "headers": 250,
        "first_chunk": 0,
        "idle": 60_000,
        "total": 600_000,
    }
    assert b.timeouts_ms["total"] == 0
    config_ = found.config
    assert (config_.timeout_ms, config_.connect_timeout_ms) == (600_000, 250)
    assert (config_.retries_max, config_.quota_refresh_ms) == (3, 0)
    assert found.settings["timeouts.idle_s"] == 60
    assert found.settings["retries.max"] == 3


def test_the_timeouts_of_one_upstream_for_all_are_told_as_agent_cli_proxy_set_them(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        upstream="http://127.0.0.1:11434/",
        UPSTREAM_TIMEOUT_MS="600000",
        UPSTREAM_CONNECT_TIMEOUT_MS="9000",
        UPSTREAM_MAX_RETRIES="4",
    )
    assert (found.config.timeout_ms, found.config.connect_timeout_ms) == (600_000, 9000)
    assert found.config.retries_max == 4
    assert found.providers[0].timeouts_ms["headers"] == 9000


def test_one_upstream_for_all_is_told_as_a_provider(tmp_path: Path) -> None:
    found = told(tmp_path, upstream="http://127.0.0.1:11434/")
    assert found.source.name == "upstream"
    (only,) = found.providers
    assert (only.id, only.upstream, only.has_custom_upstream) == ("upstream", "http://127.0.0.1:11434", True)
    assert found.config.upstream == "http://127.0.0.1:11434"


def test_what_agent_cli_proxy_calls_otherwise_is_in_its_units(tmp_path: Path) -> None:
    config = {"gateway": {"bind": "127.0.0.1:3100", "trust_proxy_headers": True, "require_key": True}}
    found = told(tmp_path, config, PRICING_REFRESH_INTERVAL_MS="3600000").config
    assert (found.host, found.port, found.requires_key, found.trusts_proxy_headers) == (
        "127.0.0.1",
        3100,
        True,
        True,
    )
    assert (found.pricing_refresh_ms, found.cost_backfill_ms) == (3_600_000, 1_800_000)
    assert (found.upstream, found.timeout_ms, found.connect_timeout_ms) == (
        "http://127.0.0.1:8317",
        0,
        0,
    )
