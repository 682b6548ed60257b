"""Where values come from, and how mistakes are told."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from wellhead.config.aliases import Given
from wellhead.config.load import Loaded, load
from wellhead.config.providers import BUILT_IN
from wellhead.config.settings import Settings, declared
from wellhead.config.values import Address
from wellhead.directory import OnDisconnect
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
        "WELLHEAD_GATEWAY__ON_DISCONNECT": "drain 10s",
        "WELLHEAD_GATEWAY__SHUTDOWN_GRACE_S": "5",
        "WELLHEAD_CONTROL__BIND": "localhost:9001",
        "WELLHEAD_CONTROL__BASIC_USER": "ada",
        "WELLHEAD_CONTROL__BASIC_PASSWORD": "lovelace",
        "WELLHEAD_LOG__LEVEL": "warning",
        "WELLHEAD_LOG__FORMAT": "json",
        "WELLHEAD_DATABASE": "/srv/books.db",
        "WELLHEAD_DATABASE_SYNCHRONOUS": "FULL",
        "WELLHEAD_UPSTREAM": "http://127.0.0.1:11434/",
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
    assert {d.variable for d in declared()} - {"WELLHEAD_CONTROL__BASIC_PASSWORD_FILE"} == raw.keys()


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
        ("gateway: {}\ngateway: {workers: 2}", "must be YAML: line 2, column 1: gateway is there twice"),
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


@pytest.mark.parametrize("section", ["gateway", "control"])
@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "192.168.0.7"])
def test_a_bind_off_loopback_is_refused_by_name(place: Place, section: str, host: str) -> None:
    (told,) = place.problems({}, {f"{section}.bind": f"{host}:8080"}).items()
    assert told[0] == f"{section}.bind"
    assert told[1].startswith("must be a loopback address")


def test_user_and_password_are_set_together_or_not_at_all(place: Place) -> None:
    assert list(place.problems({}, {"control.basic_user": "ada"})) == ["control.basic_password"]
    assert list(place.problems({}, {"control.basic_password": "x"})) == ["control.basic_user"]


def test_the_password_may_come_from_a_file(place: Place) -> None:
    file = place.write("password", "lovelace\n")
    flags = {"control.basic_user": "ada", "control.basic_password_file": str(file)}
    assert place.settings({}, flags).control.basic_password == "lovelace"
    assert list(place.problems({}, {**flags, "control.basic_password": "x"})) == [
        "control.basic_password_file"
    ]
    file.write_text("\n")
    assert list(place.problems({}, flags)) == ["control.basic_password_file"]
    file.unlink()
    assert list(place.problems({}, flags)) == ["control.basic_password_file"]


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
    }
    environ["WELLHEAD_PORT_8080_TCP_ADDR"] = "10.0.0.1"
    assert place.settings(environ) == place.settings()
    assert set(place.problems({"WELLHEAD_SERVICES": "x"})) == {"WELLHEAD_SERVICES"}
