"""Secrets in the configuration are not repeated, whatever is wrong with it and whichever command says so."""

from typing import Any

import pytest
import yaml

from fakes.canary import PASSWORD, USER, marked, secret
from fakes.commands import Commands, Ended


def entry(**fields: Any) -> dict[str, Any]:
    """A configuration with one provider."""
    return {"providers": [{"id": "a", "type": "gemini", "base_url": "http://a", **fields}]}


MISTAKES: dict[str, dict[str, Any]] = {
    "unknown auth type": entry(auth={"type": "x", "value": secret("value")}),
    "secret as auth type": entry(auth={"type": secret("auth")}),
    "secret instead of auth": entry(auth=secret("auth")),
    "line break in a value": entry(auth={"type": "bearer", "value": secret("value") + "\nx"}),
    "value and env": entry(auth={"type": "bearer", "value": secret("value"), "env": "HOME"}),
    "secret as header's name": entry(auth={"type": "bearer", "value": "x", "header": secret("header") + " "}),
    "line break in a header": entry(headers={"x-key": secret("header") + "\nx"}),
    "password in a provider's url": entry(base_url=f"http://user:{secret('url')}@a"),
    "key in a provider's url": entry(base_url=f"http://a/?key={secret('url')}"),
    "password in the upstream's url": {"upstream": f"http://user:{secret('url')}@a"},
    "password in the database's url": {"database": f"postgresql://user:{secret('database')}@a/b"},
    "password without user": {"control": {"basic_password": secret("password")}},
    "password of a wrong kind": {"control": {"basic_user": USER, "basic_password": [secret("password")]}},
    "names of clients of a wrong kind": {"gateway": {"client_names": {secret("key"): 1}}},
    "names of clients without a name": {"gateway": {"client_names": f"{secret('key')}="}},
    "a key that is no hash": {"gateway": {"client_names": {f"sha256:{secret('key')}": "alice"}}},
    "password instead of its hash": {"control": {"admin_password_hash": secret("hash")}},
    "short token where others may come": {
        "control": {"allow_remote": True, "admin_token": secret("x")[:15], "management_token": "t" * 16}
    },
    "token of a wrong kind": {"control": {"admin_token": {secret("token"): secret("token")}}},
    "password of an administrator without user": {"control": {"admin_password": secret("admin")}},
    "master key of a wrong size": {"master_key": secret("master")},
    "providers of a wrong kind": {"providers": {"a": {"auth": {"value": secret("value")}}}},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_secret_is_in_what_is_said_of_a_mistake(commands: Commands, mistake: str) -> None:
    ended = _run(commands, MISTAKES[mistake], "serve")
    assert ended.code == 2
    assert ended.err.startswith("wellhead: ")
    assert _marked(ended) == []


def test_no_secret_is_in_what_commands_print(commands: Commands) -> None:
    config = entry(auth={"type": "bearer", "value": secret("value")}, headers={"x-key": secret("header")})
    config["gateway"] = {"client_names": {secret("key"): "alice"}}
    config["control"] = {
        "basic_user": USER,
        "basic_password": PASSWORD,
        "admin_user": USER,
        "admin_password": secret("admin"),
        "admin_token": secret("token"),
        "management_token": secret("management"),
        "session_secret": secret("session"),
    }
    for arguments in (("paths",), ("paths", "--json"), ("db", "init")):
        ended = _run(commands, config, *arguments)
        assert ended.code == 0, ended.err
        assert _marked(ended) == []


def _run(commands: Commands, config: dict[str, Any], *arguments: str) -> Ended:
    file = commands.home / "wellhead.yaml"
    file.write_text(yaml.safe_dump(config))
    return commands.run(*arguments, "--config", str(file))


def _marked(ended: Ended) -> list[bytes]:
    return marked((ended.out + ended.err).encode())
