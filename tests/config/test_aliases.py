"""The names of the source systems' settings."""

import json
from pathlib import Path

import pytest

from wellhead.config.aliases import ALIASES, Meaning
from wellhead.config.load import Loaded, load
from wellhead.config.settings import declared
from wellhead.directory import Timeouts
from wellhead.errors import ConfigError


def loaded(tmp_path: Path, yaml: str = "", **environ: str) -> Loaded:
    if yaml:
        (tmp_path / "wellhead.yaml").write_text(yaml)
    return load(environ={"HOME": str(tmp_path), **environ}, here=tmp_path)


def test_every_alias_stands_for_a_setting_that_exists() -> None:
    paths = {d.path for d in declared()} | {"providers"}
    no_settings = (Meaning.ALWAYS_ON, Meaning.NEVER, Meaning.UNUSED)
    assert {a.setting for a in ALIASES if a.meaning not in no_settings} <= paths


def test_the_metrics_fork_is_configured_as_before_in_its_flat_file(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        "port: 8317\nmetrics_enabled: true\nmetrics_storage_path: /srv/metrics.db\n"
        "metrics_bind_address: 127.0.0.1:9081\n"
        "metrics_basic_auth_user: ada\nmetrics_basic_auth_pass: lovelace\n"
        "usage_statistics_enabled: true\nlogging_to_file: false\n",
    )
    settings = found.settings
    assert found.notices == ()
    assert str(settings.gateway.bind) == "127.0.0.1:8317"
    assert str(settings.control.bind) == "127.0.0.1:9081"
    assert settings.database == "sqlite:////srv/metrics.db"
    assert (settings.control.basic_user, settings.control.basic_password) == ("ada", "lovelace")


def test_its_environment_wins_over_its_file(tmp_path: Path) -> None:
    found = loaded(tmp_path, "metrics_storage_path: /srv/a.db\n", METRICS_STORAGE_PATH="/srv/b.db")
    assert found.settings.database == "sqlite:////srv/b.db"


def test_what_cannot_be_switched_off_is_said(tmp_path: Path) -> None:
    found = loaded(
        tmp_path, "usage_statistics_enabled: false\nlogging_to_file: true\n", METRICS_ENABLED="false"
    )
    assert [(n.event, str(n.fields["message"]).partition(" ")[0]) for n in found.notices] == [
        ("config.warning", "usage_statistics_enabled"),
        ("config.warning", "logging_to_file"),
        ("config.warning", "METRICS_ENABLED"),
    ]


def test_the_agent_proxys_background_work_is_set_up_as_before(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        PRICING_REFRESH_INTERVAL_MS="3600000",
        READY_PRICING_MAX_AGE_MS="7200000",
        COST_BACKFILL_INTERVAL_MS="60000",
        COST_BACKFILL_LOOKBACK_MS="86400000",
        COST_BACKFILL_CHUNK_SIZE="1000",
    )
    pricing = found.settings.pricing
    assert found.notices == ()
    assert (pricing.refresh_interval_s, pricing.ready_max_age_s) == (3600, 7200)
    assert (pricing.backfill_interval_s, pricing.backfill_lookback_s, pricing.backfill_chunk) == (
        *(60, 86_400),
        1000,
    )


def test_what_there_is_nothing_to_say_about_is_told(tmp_path: Path) -> None:
    found = loaded(tmp_path, PRICING_CACHE_PATH="/var/cache/prices.json", PRICING_CACHE_TTL_MS="3600000")
    assert [str(n.fields["message"]) for n in found.notices] == [
        "PRICING_CACHE_PATH has no effect: fetched price lists are kept in the database",
        "PRICING_CACHE_TTL_MS has no effect: pricing.refresh_interval_s says how often prices are fetched",
    ]


@pytest.mark.parametrize("raw", ["30", "-1", "often", "40d"])
def test_a_list_is_fetched_neither_too_often_nor_too_rarely(tmp_path: Path, raw: str) -> None:
    with pytest.raises(ConfigError) as failed:
        loaded(tmp_path, WELLHEAD_PRICING__REFRESH_INTERVAL_S=raw)
    assert failed.value.problems[0].message.startswith("must be seconds, such as 30 or 1.5s, from 60 to ")
    assert ", or 0, not " in failed.value.problems[0].message
    assert loaded(tmp_path, WELLHEAD_PRICING__REFRESH_INTERVAL_S="0").settings.pricing.refresh_interval_s == 0


def test_its_sample_host_is_bound_and_every_call_needs_a_key(tmp_path: Path) -> None:
    gateway = loaded(tmp_path, "host: 0.0.0.0\nport: 8080\n").settings.gateway
    assert (str(gateway.bind), gateway.requires_key) == ("0.0.0.0:8080", True)


def test_agent_cli_proxy_is_configured_as_before(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        PROXY_HOST="::1",
        PROXY_PORT="3100",
        MAX_REQUEST_BODY_BYTES="1000",
        CLI_PROXY_API_URL="http://localhost:8317/",
        DB_PATH="/srv/proxy.db",
        UPSTREAM_CIRCUIT_BREAKER_OPEN_AFTER_FAILURES="7",
        UPSTREAM_CIRCUIT_BREAKER_HALF_OPEN_AFTER_MS="1500",
        UPSTREAM_CIRCUIT_BREAKER_EVICT_AFTER_MS="600000",
        LOG_LEVEL="DEBUG",
        LOG_FORMAT="pretty",
    ).settings
    breaker = settings.breaker
    assert (breaker.failures, breaker.half_open_after_s, breaker.evict_after_s) == (7, 1.5, 600)
    assert str(settings.gateway.bind) == "[::1]:3100"
    assert settings.gateway.max_request_body == 1000
    assert settings.upstream == "http://localhost:8317"
    assert settings.database == "sqlite:////srv/proxy.db"
    assert (settings.log.level, settings.log.format) == ("debug", "pretty")


def test_its_patience_with_upstreams_is_configured_as_before(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path,
        UPSTREAM_TIMEOUT_MS="300000",
        UPSTREAM_STREAM_FIRST_BYTE_TIMEOUT_MS="900000",
        UPSTREAM_CONNECT_TIMEOUT_MS="1500",
        UPSTREAM_MAX_RETRIES="5",
        RATE_LIMIT_MAX_RETRIES="3",
    ).settings
    # What it calls connecting ends with the response's head.
    assert settings.timeouts.all == Timeouts(10, 1.5, 900, 0, 300)
    assert (settings.retries.max, settings.retries.rate_limited_max) == (5, 3)


BCRYPT = "$2b$12$" + "N" * 53


def test_its_keys_and_operators_are_configured_as_before(tmp_path: Path) -> None:
    found = loaded(
        tmp_path,
        PROXY_REQUIRE_API_KEY="yes",
        CLIENT_NAME_MAPPING="key1=alice,key2=bob",
        TRUST_PROXY_HEADERS="1",
        RATE_LIMIT_PER_CLIENT_PER_MIN="90",
        ADMIN_API_KEY="an-admin-key-of-b",
        DASHBOARD_PASSWORD_HASH=BCRYPT,
        DASHBOARD_SESSION_SECRET="a-secret-of-sessions",
        DASHBOARD_SESSION_TTL_MS="604800000",
        LOGIN_RATE_LIMIT_MAX_ATTEMPTS="7",
        LOGIN_RATE_LIMIT_WINDOW_MS="1500",
    )
    gateway, control = found.settings.gateway, found.settings.control
    assert gateway.requires_key
    assert gateway.trust_proxy_headers
    assert [name for _, name in gateway.client_names] == ["alice", "bob"]
    assert found.settings.limits.calls_per_client_per_minute == 90
    assert (control.admin_token, control.admin_password_hash) == ("an-admin-key-of-b", BCRYPT)
    assert control.session_secret == "a-secret-of-sessions"
    assert (control.session_ttl_s, control.login_max_attempts, control.login_window_s) == (604_800, 7, 1.5)
    assert found.notices == ()


def test_it_refuses_to_go_off_loopback_without_keys_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, PROXY_HOST="0.0.0.0", PROXY_REQUIRE_API_KEY="false")
    (problem,) = caught.value.problems
    assert problem.path == "gateway.require_key"
    assert problem.message == "PROXY_REQUIRE_API_KEY must be true when PROXY_HOST is not loopback"


@pytest.mark.parametrize("raw", ["soon", "1.5s", "-1", "99999999999999"])
def test_a_time_in_milliseconds_that_is_none_names_the_alias(tmp_path: Path, raw: str) -> None:
    with pytest.raises(ConfigError, match=r"control\.session_ttl_s: .*\(from DASHBOARD_SESSION_TTL_MS\)"):
        loaded(tmp_path, DASHBOARD_SESSION_TTL_MS=raw)


def test_the_proxy_with_withering_tokens_is_configured_as_before(tmp_path: Path) -> None:
    control = loaded(
        tmp_path, MANAGEMENT_TOKEN="0a1b2c3d-0000-4000-8000", ADMIN_USER="admin", ADMIN_PASSWORD="well-kept"
    ).settings.control
    assert control.management_token == "0a1b2c3d-0000-4000-8000"
    assert (control.admin_user, control.admin_password) == ("admin", "well-kept")


GOOD = {
    "id": "kimi",
    "type": "openai-compatible",
    "paths": ["/v1/chat/completions"],
    "upstreamBaseUrl": "http://k",
}


def test_its_providers_load_and_a_bad_one_is_skipped_and_said(tmp_path: Path) -> None:
    document = json.dumps({"providers": [{**GOOD, "auth": {"type": "magic"}}, GOOD]})
    found = loaded(tmp_path, PROVIDERS_JSON=document, CLI_PROXY_API_URL="http://localhost:8317")
    assert [p.base_url for p in found.settings.providers[:2]] == ["http://k", "http://localhost:8317"]
    assert [(n.event, n.fields["path"]) for n in found.notices] == [
        ("provider.config.invalid", "providers[0].auth.type")
    ]


def test_inline_providers_win_over_the_path(tmp_path: Path) -> None:
    file = tmp_path / "providers.json"
    file.write_text(json.dumps({"providers": [{**GOOD, "id": "from-file"}]}))
    assert loaded(tmp_path, PROVIDERS_CONFIG_PATH=str(file)).settings.providers[0].id == "from-file"
    inline = json.dumps({"providers": [GOOD]})
    settings = loaded(tmp_path, PROVIDERS_CONFIG_PATH=str(file), PROVIDERS_JSON=inline).settings
    assert settings.providers[0].id == "kimi"


@pytest.mark.parametrize(
    "environ", [{"PROVIDERS_JSON": "{"}, {"PROVIDERS_CONFIG_PATH": "/nowhere/providers.json"}]
)
def test_a_document_of_providers_that_cannot_be_read_is_a_mistake(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (name,) = environ
    with pytest.raises(ConfigError, match=name):
        loaded(tmp_path, **environ)


def test_the_metrics_proxy_is_configured_as_before(tmp_path: Path) -> None:
    settings = loaded(tmp_path, BACKEND_HOST="ollama", BACKEND_PORT="11434", PROXY_PORT="8000").settings
    assert settings.upstream == "http://ollama:11434"
    assert str(settings.gateway.bind) == "127.0.0.1:8000"
    assert loaded(tmp_path, BACKEND_PORT="8000").settings.upstream == "http://ollama:8000"


def test_our_own_name_wins_over_an_alias(tmp_path: Path) -> None:
    settings = loaded(tmp_path, PROXY_PORT="3100", WELLHEAD_GATEWAY__BIND="127.0.0.1:9000").settings
    assert str(settings.gateway.bind) == "127.0.0.1:9000"


def test_a_mistake_names_the_alias_it_came_from(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway\.bind: .*'127.0.0.1:http' \(from PROXY_PORT\)"):
        loaded(tmp_path, PROXY_PORT="http")
