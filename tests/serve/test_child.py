"""When a process that died is started again."""

import socket
import threading

from wellhead import hosting
from wellhead.config.settings import Settings
from wellhead.config.values import Leaving
from wellhead.directory import Auth, AuthType, OnDisconnect, Provider, ProviderType
from wellhead.serve.child import BACKOFF_MAX_S, GONE_MAX_S, backoff_s, inherited
from wellhead.serve.line import receive_settings, send_settings


def test_the_first_failure_costs_no_wait_and_each_further_one_doubles_it_up_to_a_limit() -> None:
    assert [backoff_s(n) for n in range(1, 7)] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6]
    assert backoff_s(100) == BACKOFF_MAX_S


def test_who_was_told_to_leave_is_not_killed_before_it_gives_up_by_itself() -> None:
    assert GONE_MAX_S > hosting.LEAVING_MAX_S + hosting.LINGER_S


def test_settings_come_out_of_the_line_as_they_went_in() -> None:
    provider = Provider(
        "x",
        ProviderType.GEMINI,
        "http://x",
        headers=(("a", "ä"),),
        auth=Auth(AuthType.BEARER, "secret"),
        on_disconnect=OnDisconnect.DRAIN,
        drain_s=2.5,
    )
    settings = Settings(database="sqlite:///x", providers=(provider,) * 1000)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sending = threading.Thread(target=send_settings, args=(ours, settings))
        sending.start()
        assert receive_settings(theirs) == settings
        sending.join()
    assert settings.gateway.on_disconnect == Leaving()


def test_a_line_that_ends_early_brings_no_settings() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.send(b"\0\0")
        ours.close()
        assert receive_settings(theirs) is None


def test_a_process_inherits_nothing_that_the_settings_were_read_from() -> None:
    auth = Auth(AuthType.BEARER, "sk-upstream")
    provider = Provider("x", ProviderType.OPENAI, "http://x", headers=(("a", "sk-header"),), auth=auth)
    kept = {"PATH": "/bin", "HOME": "/root", "TZ": "UTC", "EMPTY": ""}
    read = {
        "WELLHEAD_MASTER_KEY": "x",
        "WELLHEAD_CONTROL__ADMIN_TOKEN": "x",
        "MANAGEMENT_TOKEN": "x",
        "ADMIN_PASSWORD": "x",
        "PROVIDERS_JSON": "[]",
        "UPSTREAM_KEY": "sk-upstream",
        "UPSTREAM_HEADER": "sk-header",
    }
    assert inherited(Settings(providers=(provider,)), {**kept, **read}) == kept
