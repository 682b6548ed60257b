"""Where values come from, and how mistakes are told."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from wellhead.config.aliases import Given
from wellhead.config.load import Loaded, load
from wellhead.config.providers import BUILT_IN
from wellhead.config.settings import LimitSettings, Settings, declared
from wellhead.config.values import Address
from wellhead.directory import OnDisconnect, Timeouts
from wellhead.errors import ConfigError


class Place:
    """A machine with nothing configured: an empty directory that is also the home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.environ: dict[str, str] = {"HOME": str(path)}

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def load(
        self,
        environ: Mapping[str, str] | None = None,
        flags: Mapping[str, str] | None = None,
        *,
        config: str | None = None,
    ) -> Loaded:
        given = {name: Given(raw, "--flag") for name, raw in (flags or {}).items()}
        return load(given, config=config, environ={**self.environ, **(environ or {})}, here=self.path)

    def settings(
        self, environ: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
    ) -> Settings:
        return self.load(environ, flags).settings

    def problems(
        self, environ: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
    ) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            self.load(environ, flags)
        return {p.path: p.message for p in caught.value.problems}


BCRYPT = "$2y$10$" + "N" * 53
ARGON2ID = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$" + "R" * 43
MASTER_KEY = "0f" * 32
ADMIN = {"control.admin_token": "the-token-of-an-administrator"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_without_any_configuration_the_defaults_hold(place: Place) -> None:
    loaded = place.load()
    assert loaded.file is None
    assert str(loaded.settings.gateway.bind) == "127.0.0.1:8080"
    assert str(loaded.settings.control.bind) == "127.0.0.1:8081"
    assert loaded.settings.database == f"sqlite:///{place.path}/.local/share/wellhead/wellhead.db"
    assert loaded.settings.providers == BUILT_IN


def test_xdg_data_home_moves_the_database(place: Place) -> None:
    settings = place.settings({"XDG_DATA_HOME": "/srv/data"})
    assert settings.database == "sqlite:////srv/data/wellhead/wellhead.db"


def test_environment_wins_over_file_and_flags_win_over_both(place: Place) -> None:
    place.write("wellhead.yaml", "gateway: {workers: 2, shutdown_grace_s: 5}\nlog: {level: debug}\n")
    settings = place.settings(
        {"WELLHEAD_GATEWAY__WORKERS": "3", "WELLHEAD_LOG__LEVEL": "warn"}, {"log.level": "error"}
    )
    assert (settings.gateway.shutdown_grace_s, settings.gateway.workers, settings.log.level) == (
        5.0,
        3,
        "error",
    )


def test_the_env_file_beside_the_configuration_is_read_and_the_environment_wins_over_it(place: Place) -> None:
    place.write("etc/wellhead.yaml", "gateway: {workers: 2}\n")
    place.write(
        "etc/.env",
        "# comment\r\nexport WELLHEAD_GATEWAY__WORKERS='4'\r\n"
        'WELLHEAD_LOG__LEVEL="warn" # why\nWELLHEAD_LOG__FORMAT=json\n',
    )
    settings = place.load({"WELLHEAD_LOG__FORMAT": "pretty"}, config="etc/wellhead.yaml").settings
    assert (settings.gateway.workers, settings.log.level, settings.log.format) == (4, "warn", "pretty")


@pytest.mark.parametrize("name", [".config/wellhead/wellhead.yaml", "wellhead.yaml"])
def test_the_file_is_found_in_its_places(place: Place, name: str) -> None:
    file = place.write(name, "gateway: {workers: 7}\n")
    loaded = place.load()
    assert (loaded.file, loaded.settings.gateway.workers) == (file, 7)


def test_the_file_here_wins_over_the_one_at_home_and_a_named_one_over_both(place: Place) -> None:
    place.write(".config/wellhead/wellhead.yaml", "gateway: {workers: 2}\n")
    place.write("wellhead.yaml", "gateway: {workers: 3}\n")
    place.write("a.yaml", "gateway: {workers: 4}\n")
    place.write("b.yaml", "gateway: {workers: 5}\n")
    assert place.load().settings.gateway.workers == 3
    assert place.load({"WELLHEAD_CONFIG": "a.yaml"}).settings.gateway.workers == 4
    assert place.load({"WELLHEAD_CONFIG": "a.yaml"}, config="b.yaml").settings.gateway.workers == 5


def test_a_named_file_must_exist(place: Place) -> None:
    assert place.problems({"WELLHEAD_CONFIG": "absent.yaml"}) == {
        "WELLHEAD_CONFIG": "must name a file that exists, not absent.yaml"
    }


def test_every_setting_can_be_set_in_the_environment(place: Place) -> None:
    raw = {
        "WELLHEAD_GATEWAY__BIND": "[::1]:9000",
        "WELLHEAD_GATEWAY__WORKERS": "2",
        "WELLHEAD_GATEWAY__MAX_REQUEST_BODY": "1MiB",
        "WELLHEAD_GATEWAY__MAX_HELD_BODIES": "64MB",
        "WELLHEAD_GATEWAY__ON_DISCONNECT": "drain 10s",
        "WELLHEAD_GATEWAY__MAX_CONCURRENT_CALLS": "500",
        "WELLHEAD_GATEWAY__HEADER_TIMEOUT_S": "5s",
        "WELLHEAD_GATEWAY__BODY_TIMEOUT_S": "1m",
        "WELLHEAD_GATEWAY__SHUTDOWN_GRACE_S": "5",
        "WELLHEAD_GATEWAY__SHUTDOWN_DELAY_S": "3",
        "WELLHEAD_GATEWAY__READY_UPSTREAM": "upstream",
        "WELLHEAD_GATEWAY__REQUIRE_KEY": "true",
        "WELLHEAD_GATEWAY__CLIENT_NAMES": "key=alice",
        "WELLHEAD_GATEWAY__ALLOWED_ORIGINS": "https://app.example.com, http://localhost:3000",
        "WELLHEAD_GATEWAY__TRUST_PROXY_HEADERS": "on",
        "WELLHEAD_CONTROL__BIND": "localhost:9001",
        "WELLHEAD_CONTROL__ALLOW_REMOTE": "no",
        "WELLHEAD_CONTROL__HOSTS": "Wellhead.example.com",
        "WELLHEAD_CONTROL__BASIC_USER": "ada",
        "WELLHEAD_CONTROL__BASIC_PASSWORD": "lovelace",
        "WELLHEAD_CONTROL__ADMIN_USER": "grace",
        "WELLHEAD_CONTROL__ADMIN_PASSWORD": "a-password",
        "WELLHEAD_CONTROL__ADMIN_PASSWORD_HASH": BCRYPT,
        "WELLHEAD_CONTROL__VIEWER_PASSWORD_HASH": ARGON2ID,
        "WELLHEAD_CONTROL__ADMIN_TOKEN": "the-token-of-an-administrator",
        "WELLHEAD_CONTROL__MANAGEMENT_TOKEN": "the-token-of-management",
        "WELLHEAD_CONTROL__SESSION_SECRET": "the-secret-of-sessions",
        "WELLHEAD_CONTROL__SESSION_TTL_S": "7d",
        "WELLHEAD_CONTROL__LOGIN_MAX_ATTEMPTS": "3",
        "WELLHEAD_CONTROL__LOGIN_WINDOW_S": "2m",
        "WELLHEAD_LIMITS__CALLS_PER_CLIENT_PER_MINUTE": "60",
        "WELLHEAD_LIMITS__CALLS_PER_MANAGED_TOKEN_PER_HOUR": "0",
        "WELLHEAD_LIMITS__OUTPUT_TOKENS_CEILING": "8192",
        "WELLHEAD_LIMITS__VOCABULARY": "/srv/o200k_base.tiktoken",
        "WELLHEAD_LIMITS__CHARGE_INTERRUPTED": "true",
        "WELLHEAD_MASTER_KEY": MASTER_KEY,
        "WELLHEAD_PRICES": "[{model: llama, input: 0, output: 0, since: 2026-01-01}]",
        "WELLHEAD_BREAKER__FAILURES": "0",
        "WELLHEAD_BREAKER__HALF_OPEN_AFTER_S": "1m",
        "WELLHEAD_BREAKER__EVICT_AFTER_S": "1h",
        "WELLHEAD_TIMEOUTS__CONNECT_S": "2",
        "WELLHEAD_TIMEOUTS__HEADERS_S": "1m",
        "WELLHEAD_TIMEOUTS__FIRST_CHUNK_S": "90",
        "WELLHEAD_TIMEOUTS__IDLE_S": "500ms",
        "WELLHEAD_TIMEOUTS__TOTAL_S": "10m",
        "WELLHEAD_RETRIES__MAX": "0",
        "WELLHEAD_RETRIES__RATE_LIMITED_MAX": "3",
        "WELLHEAD_PRICING__OVERRIDES": '{"gpt-5": {"input": 1.25, "output": 10}}',
        "WELLHEAD_PRICING__ALIASES": '{"my-": "gpt-5"}',
        "WELLHEAD_PRICING__COST_MAX_USD": "250",
        "WELLHEAD_PRICING__SOURCE_URL": "https://prices.example.com/api.json",
        "WELLHEAD_PRICING__REFRESH_INTERVAL_S": "1h",
        "WELLHEAD_PRICING__READY_MAX_AGE_S": "2d",
        "WELLHEAD_PRICING__BACKFILL_INTERVAL_S": "0",
        "WELLHEAD_PRICING__BACKFILL_LOOKBACK_S": "30d",
        "WELLHEAD_PRICING__BACKFILL_CHUNK": "100",
        "WELLHEAD_LOG__LEVEL": "warning",
        "WELLHEAD_LOG__FORMAT": "json",
        "WELLHEAD_DATABASE": "/srv/books.db",
        "WELLHEAD_DATABASE_SYNCHRONOUS": "FULL",
        "WELLHEAD_DATABASE_BACKUPS": "3",
        "WELLHEAD_DATABASE_RETENTION_DAYS": "90",
        "WELLHEAD_DATABASE_OUTAGE": "open",
        "WELLHEAD_DATABASE_SPOOL": "1GB",
        "WELLHEAD_UPSTREAM": "http://127.0.0.1:11434/",
        "WELLHEAD_ATTRIBUTION": "[{tool: nightly, when: {x-team: research}}]",
    }
    settings = place.settings(raw)
    assert settings.gateway.bind == Address("::1", 9000)
    assert settings.gateway.max_request_body == 1024**2
    assert settings.gateway.on_disconnect.drain_s == 10
    assert settings.control.basic_password == "lovelace"
    assert settings.log.level == "warn"
    assert settings.database == "sqlite:////srv/books.db"
    assert settings.database_synchronous == "full"
    assert settings.upstream == "http://127.0.0.1:11434"
    assert settings.timeouts.all == Timeouts(2, 60, 90, 0.5, 600)
    assert (settings.retries.max, settings.retries.rate_limited_max) == (0, 3)
    assert settings.gateway.client_names == ((sha256(b"key").hexdigest(), "alice"),)
    assert settings.gateway.allowed_origins == ("https://app.example.com", "http://localhost:3000")
    assert settings.control.hosts == ("wellhead.example.com",)
    assert (settings.control.session_ttl_s, settings.control.login_window_s) == (604_800, 120)
    assert settings.limits == LimitSettings(60, 0, 8192, "/srv/o200k_base.tiktoken", True)
    assert settings.master_key == MASTER_KEY
    assert settings.gateway.trust_proxy_headers
    assert [rule.tool for rule in settings.attribution] == ["nightly"]
    assert {d.variable for d in declared() if not d.path.endswith("_file")} == raw.keys()


def test_timeouts_hold_for_every_provider_that_says_nothing_else(place: Place) -> None:
    entry = "{id: own, type: ollama, base_url: http://o, timeouts: {idle_s: 5s, total_s: 0}}"
    raw = {"WELLHEAD_TIMEOUTS__TOTAL_S": "60", "WELLHEAD_PROVIDERS": f"[{entry}]"}
    providers = {p.id: p for p in place.settings(raw).providers}
    assert providers["own"].timeouts == Timeouts(idle_s=5, total_s=0)
    assert providers["openai"].timeouts == Timeouts(total_s=60)


@pytest.mark.parametrize(
    ("ids", "told"),
    [
        ("[groq, mistral]", None),
        ("[grok]", "names no provider: 'grok'; did you mean groq?"),
        ("[own]", "names the provider itself"),
        ("[anthropic]", "names anthropic, which speaks another API (anthropic, not openai-compatible)"),
    ],
)
def test_only_a_provider_with_the_same_api_stands_in_for_another(
    place: Place, ids: str, told: str | None
) -> None:
    entry = f"[{{id: own, type: openai-compatible, base_url: http://o, fallback: {ids}}}]"
    if told is None:
        own = place.settings({"WELLHEAD_PROVIDERS": entry}).providers[0]
        assert own.fallback == ("groq", "mistral")
    else:
        assert place.problems({"WELLHEAD_PROVIDERS": entry}) == {"providers.own.fallback": told}


def test_the_provider_that_has_to_answer_must_be_there(place: Place) -> None:
    told = place.problems({"WELLHEAD_GATEWAY__READY_UPSTREAM": "opnai"})
    assert told["gateway.ready_upstream"].startswith("must be the id of a provider: ")
    assert place.settings({"WELLHEAD_GATEWAY__READY_UPSTREAM": "openai"}).gateway.ready_upstream == "openai"


def test_an_empty_variable_is_as_good_as_none(place: Place) -> None:
    assert place.settings({"WELLHEAD_CONTROL__BASIC_USER": "", "DB_PATH": ""}) == place.settings()


def test_all_mistakes_are_told_at_once_with_what_is_allowed(place: Place) -> None:
    place.write(
        "wellhead.yaml",
        "gatway: {bind: x}\ngateway: {wrokers: 2, max_request_body: huge}\n"
        "providers: [{id: a}]\nlog: {level: loud}\n",
    )
    told = place.problems(
        {"WELLHEAD_GATEWAY__BIND": "8080", "WELLHEAD_CONTROLL__BIND": "x"}, {"database": "mysql://x"}
    )
    assert told == {
        "gatway": "is not a setting; did you mean gateway?",
        "gateway.wrokers": "is not a setting; did you mean gateway.workers?",
        "gateway.max_request_body": (
            "must be a size such as 25MB or 25MiB, from 1 to 1000000000 bytes, not 'huge' "
            "(from wellhead.yaml)"
        ),
        "log.level": "must be one of debug, info, warn, error, not 'loud' (from wellhead.yaml)",
        "WELLHEAD_CONTROLL__BIND": "is not a setting; did you mean WELLHEAD_CONTROL__BIND?",
        "gateway.bind": (
            "must be host:port, such as 127.0.0.1:8080 or [::1]:8080, not '8080' "
            "(from WELLHEAD_GATEWAY__BIND)"
        ),
        "database": (
            "must be sqlite:///PATH or a path to the file (PostgreSQL is not supported yet) (from --flag)"
        ),
        "providers[0].type": "is needed; it must be one of openai-compatible, anthropic, gemini, ollama",
        "providers[0].base_url": "is needed; it must be a parseable http(s) URL, such as http://127.0.0.1:11434",
    }


def test_a_value_that_a_later_source_replaces_is_no_mistake(place: Place) -> None:
    place.write("wellhead.yaml", "gateway: {workers: lots}\n")
    assert place.settings({"WELLHEAD_GATEWAY__WORKERS": "1"}).gateway.workers == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gateway: {bind", "must be YAML: line "),
        ("gateway: {}\ngateway: {workers: 2}", "must be YAML: line 2, column 1: this name is there twice"),
        ("- a\n- b\n", "must be a mapping of settings"),
    ],
)
def test_a_broken_file_says_where(place: Place, text: str, message: str) -> None:
    file = place.write("wellhead.yaml", text)
    (told,) = place.problems().values()
    assert told.startswith(message)
    assert list(place.problems()) == [str(file)]


def test_an_empty_file_and_an_empty_section_are_fine(place: Place) -> None:
    place.write("wellhead.yaml", "")
    assert place.settings().gateway.workers == 1
    place.write("wellhead.yaml", "gateway:\nlog: {level: }\n")
    assert place.settings().gateway.workers == 1


OFF_LOOPBACK = pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.0.7"])


@OFF_LOOPBACK
def test_a_gateway_off_loopback_requires_keys(place: Place, host: str) -> None:
    assert not place.settings().gateway.requires_key
    bind = {"gateway.bind": f"{host}:8080"}
    assert place.settings({}, bind).gateway.requires_key
    assert place.problems({}, {**bind, "gateway.require_key": "false"}) == {
        "gateway.require_key": "must be true when gateway.bind is not loopback"
    }


def test_the_largest_body_always_has_room(place: Place) -> None:
    body, held = "WELLHEAD_GATEWAY__MAX_REQUEST_BODY", "WELLHEAD_GATEWAY__MAX_HELD_BODIES"
    assert place.settings({body: "900MB"}).gateway.held_bodies == 900_000_000
    assert place.settings({held: "0"}).gateway.held_bodies == 0
    assert place.problems({body: "3MB", held: "2MB"}) == {
        "gateway.max_held_bodies": "must not be below gateway.max_request_body (3000000 bytes), or be 0"
    }


def test_on_loopback_keys_are_required_if_one_says_so(place: Place) -> None:
    assert place.settings({}, {"gateway.require_key": "true"}).gateway.requires_key
    assert not place.settings({}, {"gateway.require_key": "false"}).gateway.requires_key


@OFF_LOOPBACK
@pytest.mark.parametrize("missing", [{}, {"control.allow_remote": "true"}, ADMIN])
def test_control_goes_off_loopback_only_when_it_is_meant_and_protected(
    place: Place, host: str, missing: dict[str, str]
) -> None:
    flags = {"control.bind": f"{host}:8081"}
    assert str(place.settings({}, {**flags, **ADMIN, "control.allow_remote": "true"}).control.bind) == (
        f"{host}:8081"
    )
    told = place.problems({}, {**flags, **missing})
    assert list(told) == ["control.bind"]
    assert "control.allow_remote" in told["control.bind"]
    assert "control.admin_token" in told["control.bind"]


def test_what_is_remote_needs_an_administrator_even_behind_another_server_here(place: Place) -> None:
    assert list(place.problems({}, {"control.allow_remote": "true"})) == ["control.allow_remote"]
    viewer = {"control.basic_user": "ada", "control.basic_password": "lovelace"}
    assert list(place.problems({}, {"control.allow_remote": "true", **viewer})) == ["control.allow_remote"]


@pytest.mark.parametrize(
    ("name", "weak", "strong"),
    [
        ("admin_token", "changeme", "x" * 16),
        ("admin_token", "x" * 15, "x" * 16),
        ("management_token", "Secret", "x" * 16),
        ("session_secret", "x" * 15, "x" * 16),
        ("admin_password", "x" * 7, "x" * 8),
    ],
)
def test_a_weak_secret_is_a_warning_here_and_a_mistake_where_others_may_come(
    place: Place, name: str, weak: str, strong: str
) -> None:
    users = {"control.admin_user": "grace"} if name == "admin_password" else {}
    remote = {**ADMIN, "control.allow_remote": "true"}
    path = f"control.{name}"
    (notice,) = place.load({}, {**users, path: weak}).notices
    assert (notice.event, str(notice.fields["message"]).split()[0]) == ("config.warning", path)
    assert weak not in str(notice)
    told = place.problems({}, {**users, **remote, path: weak})
    assert list(told) == [path]
    assert weak not in told[path]
    assert place.load({}, {**users, **remote, path: strong}).notices == ()


@pytest.mark.parametrize("raw", ["hunter2", "$2a$10$short", "$argon2i$v=19$m=1,t=1,p=1$YQ$YQ", "$1$a$b"])
def test_a_hash_of_another_kind_is_refused_and_not_repeated(place: Place, raw: str) -> None:
    told = place.problems({}, {"control.admin_password_hash": raw})
    assert told["control.admin_password_hash"].startswith("must be a hash that begins with $argon2id$")
    assert raw not in str(told)


def test_user_and_password_are_set_together_or_not_at_all(place: Place) -> None:
    assert list(place.problems({}, {"control.basic_user": "ada"})) == ["control.basic_password"]
    assert list(place.problems({}, {"control.basic_password": "x"})) == ["control.basic_user"]


FROM_FILES = {
    "control.basic_password": {"control.basic_user": "ada"},
    "control.admin_password": {"control.admin_user": "grace"},
    "control.admin_token": {},
    "control.management_token": {},
    "control.session_secret": {},
    "master_key": {},
}


@pytest.mark.parametrize("path", FROM_FILES)
def test_a_secret_may_come_from_the_first_line_of_a_file(place: Place, path: str) -> None:
    file = place.write("secret", f"  {MASTER_KEY}\r\nand so on\n")
    flags = {**FROM_FILES[path], f"{path}_file": str(file)}
    settings = place.settings({}, flags)
    section, _, name = path.rpartition(".")
    assert getattr(getattr(settings, section) if section else settings, name) == MASTER_KEY
    assert list(place.problems({}, {**flags, path: MASTER_KEY})) == [f"{path}_file"]
    file.write_text("\n")
    assert list(place.problems({}, flags)) == [f"{path}_file"]
    file.write_bytes(b"canary\xff")
    assert "canary" not in str(place.problems({}, flags))
    file.unlink()
    assert list(place.problems({}, flags)) == [f"{path}_file"]


def test_every_setting_that_names_a_file_is_for_another_one() -> None:
    paths = {d.path for d in declared()}
    of_files = {path.removesuffix("_file") for path in paths if path.endswith("_file")}
    assert of_files == FROM_FILES.keys()
    assert of_files <= paths


@pytest.mark.parametrize("raw", ["short", "0f" * 31, "zz" * 32])
def test_a_master_key_of_another_size_is_refused_and_not_repeated(place: Place, raw: str) -> None:
    told = place.problems({"WELLHEAD_MASTER_KEY": raw})
    assert told == {
        "master_key": ("must be 32 bytes, as base64 or as 64 hexadecimal digits (from WELLHEAD_MASTER_KEY)")
    }


def test_names_of_clients_are_a_mapping_in_the_file(place: Place) -> None:
    place.write(
        "wellhead.yaml", f"gateway:\n  client_names:\n    sk-canary: alice\n    'sha256:{'AB' * 32}': bob\n"
    )
    settings = place.settings()
    assert settings.gateway.client_names == (
        (sha256(b"sk-canary").hexdigest(), "alice"),
        ("ab" * 32, "bob"),
    )
    assert "alice" not in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        "gateway: {client_names: {sk-canary: alice, sk-canary: bob}}",
        "gateway: {client_names: {sk-canary: [alice]}}",
        "gateway: {client_names: [sk-canary]}",
        "gateway: {client_names: 'sk-canary'}",
        "gateway: {client_names: *sk-canary}",
        "control: {admin_token: !sk-canary}",
        "control: {admin_token: *sk-canary}",
        "control: {admin_token: {sk-canary: x}}",
    ],
)
def test_a_mistake_in_the_file_never_repeats_a_secret(place: Place, text: str) -> None:
    place.write("wellhead.yaml", text)
    told = place.problems()
    assert len(told) == 1
    assert "canary" not in str(told)


def test_secrets_are_in_no_message_and_no_representation(place: Place) -> None:
    settings = place.settings({}, {"control.basic_user": "ada", "control.basic_password": "canary"})
    assert "canary" not in repr(settings)
    assert "canary" not in str(place.problems({}, {"upstream": "http://user:canary@host"}))
    assert "canary" not in str(place.problems({}, {"database": "postgresql://user:canary@host/db"}))


def test_providers_may_be_given_in_the_environment(place: Place) -> None:
    raw = "[{id: vllm, type: openai-compatible, base_url: 'http://gpu-1:8000'}]"
    assert place.settings({"WELLHEAD_PROVIDERS": raw}).providers[0].id == "vllm"
    assert list(place.problems({"WELLHEAD_PROVIDERS": "[{"})) == ["WELLHEAD_PROVIDERS"]


def test_providers_leave_as_the_gateway_says_unless_they_say_otherwise(place: Place) -> None:
    place.write(
        "wellhead.yaml",
        "gateway: {on_disconnect: drain}\n"
        "providers: [{id: a, type: ollama, base_url: 'http://a', on_disconnect: cancel},"
        "            {id: b, type: ollama, base_url: 'http://b'}]\n",
    )
    by_id = {p.id: p.on_disconnect for p in place.settings().providers}
    assert (by_id["a"], by_id["b"], by_id["openai"]) == (
        OnDisconnect.CANCEL,
        OnDisconnect.DRAIN,
        OnDisconnect.DRAIN,
    )


def test_one_upstream_alone_leaves_no_providers(place: Place) -> None:
    assert place.settings({}, {"upstream": "http://one"}).providers == ()


def test_one_upstream_beside_own_providers_takes_what_they_leave(place: Place) -> None:
    place.write("wellhead.yaml", "providers: [{id: a, type: ollama, base_url: 'http://a'}]\n")
    providers = place.settings({}, {"upstream": "http://one"}).providers
    assert [p.base_url for p in providers if p.id in ("a", "openai")] == ["http://a", "http://one"]


def test_what_is_hardly_meant_is_a_warning(place: Place) -> None:
    flags = {"database": "books.db", "control.basic_user": "ada", "control.basic_password": "changeme"}
    messages = [str(notice.fields["message"]) for notice in place.load({}, flags).notices]
    assert [message.split()[0] for message in messages] == ["database", "control.basic_password"]
    assert "changeme" not in str(messages)


def test_variables_that_an_orchestrator_adds_are_no_settings(place: Place) -> None:
    environ = {
        "WELLHEAD_SERVICE_HOST": "10.0.0.1",
        "WELLHEAD_SERVICE_PORT_HTTP": "1",
        "WELLHEAD_PORT": "tcp://x",
        "WELLHEAD_KEY": "wh_of-a-client",
    }
    environ["WELLHEAD_PORT_8080_TCP_ADDR"] = "10.0.0.1"
    assert place.settings(environ) == place.settings()
    assert set(place.problems({"WELLHEAD_SERVICES": "x"})) == {"WELLHEAD_SERVICES"}


def test_prices_are_checked_like_every_setting(place: Place) -> None:
    place.write("wellhead.yaml", "prices: [{model: a, input: 1}, {model: b, input: x, output: 1}]\n")
    overrides = '{"c": {"input": -1, "output": 2}}'
    told = place.problems({"PRICING_OVERRIDES_JSON": overrides, "PRICING_ALIASES_JSON": "[]"})

    assert {path.partition("]")[0].partition("[")[0] for path in told} == {
        "prices",
        "pricing.overrides",
        "pricing.aliases",
    }
