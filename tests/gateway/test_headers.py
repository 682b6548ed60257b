"""Which header lines go on, and which end here."""

import base64

import pytest

from fakes.access import a_secret
from wellhead.directory import Auth, AuthType, Provider, ProviderType
from wellhead.gateway.headers import end_to_end, to_upstream, without_secrets
from wellhead.policy.identify import Presented
from wellhead.ports import Headers

SIMPLE = Provider("u", ProviderType.OPENAI, "http://u")
OPENAI, ANTHROPIC = ProviderType.OPENAI, ProviderType.ANTHROPIC
GEMINI, OLLAMA = ProviderType.GEMINI, ProviderType.OLLAMA
KEY = a_secret().encode()
OUR_KEY = Presented(a_secret())


def test_hop_by_hop_lines_end_here_also_those_that_connection_names() -> None:
    lines = [
        (b"connection", b"X-Private, close"),
        (b"x-private", b"1"),
        (b"keep-alive", b"timeout=5"),
        (b"transfer-encoding", b"chunked"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"upgrade", b"h2c"),
        (b"proxy-authorization", b"Basic x"),
        (b"x-public", b"2"),
    ]
    assert end_to_end(lines) == [(b"x-public", b"2")]


def test_duplicates_order_and_raw_bytes_are_kept() -> None:
    lines = [
        (b"set-cookie", b"a=1"),
        (b"x-name", "é".encode("latin-1")),
        (b"set-cookie", b"b=2"),
        (b"x", b""),
    ]
    assert end_to_end(lines) == lines


def test_connection_cannot_take_away_the_length_of_the_body() -> None:
    lines = [(b"connection", b"content-length"), (b"content-length", b"5")]
    assert end_to_end(lines) == [(b"content-length", b"5")]


def test_the_clients_credentials_pass_unless_the_provider_has_its_own() -> None:
    lines = [(b"authorization", b"Bearer c"), (b"x-api-key", b"c"), (b"x", b"1")]
    assert to_upstream(lines, SIMPLE) == lines

    def with_auth(auth: Auth) -> list[tuple[bytes, bytes]]:
        return to_upstream(lines, Provider("u", ProviderType.OPENAI, "http://u", auth=auth))

    assert with_auth(Auth(AuthType.NONE)) == [(b"x", b"1")]
    assert with_auth(Auth(AuthType.BEARER, "s")) == [(b"x", b"1"), (b"authorization", b"Bearer s")]
    assert with_auth(Auth(AuthType.X_API_KEY, "s")) == [(b"x", b"1"), (b"x-api-key", b"s")]
    assert with_auth(Auth(AuthType.X_API_KEY, "s", "Api-Key")) == [(b"x", b"1"), (b"api-key", b"s")]


def test_a_providers_headers_replace_the_clients_of_the_same_name() -> None:
    provider = Provider("u", ProviderType.OPENAI, "http://u", headers=(("X-Team", "red"),))
    assert to_upstream([(b"x-team", b"blue"), (b"a", b"1")], provider) == [(b"a", b"1"), (b"x-team", b"red")]


def test_an_anthropic_provider_is_told_a_version_if_the_client_told_none() -> None:
    provider = Provider("a", ProviderType.ANTHROPIC, "http://a")
    assert to_upstream([], provider) == [(b"anthropic-version", b"2023-06-01")]
    theirs = [(b"anthropic-version", b"2026-10-21")]
    assert to_upstream(theirs, provider) == theirs


def test_the_selector_and_the_framing_do_not_go_on() -> None:
    lines = [(b"x-provider", b"u"), (b"host", b"h"), (b"content-length", b"3"), (b"expect", b"100-continue")]
    assert to_upstream(lines, SIMPLE) == []


def test_what_an_upstream_says_is_kept_without_the_secrets_that_it_repeats() -> None:
    provider = Provider(
        "u",
        ProviderType.OPENAI,
        "http://u",
        headers=(("x-tenant", "tenant-secret"), ("x-team", "water")),
        auth=Auth(AuthType.BEARER, "provider-secret"),
    )
    fields = {b"authorization": b"Bearer client-secret", b"x-api-key": b"client-secret-2"}
    said = (
        "client-secret, client-secret-2, query%secret, query%25secret, provider-secret, tenant-secret, water"
    )
    assert without_secrets(said, fields, b"a=b&api_key=query%25secret", provider) == (
        "[REDACTED], [REDACTED], [REDACTED], [REDACTED], [REDACTED], [REDACTED], water"
    )
    assert without_secrets("there is no water here", fields, b"", provider) == "there is no water here"


def test_a_secret_that_is_cut_off_at_the_end_is_taken_out_too() -> None:
    fields = {b"x-api-key": b"client-secret"}
    assert without_secrets("wrong: client-sec", fields, b"", SIMPLE) == "wrong: [REDACTED]"
    assert without_secrets("wrong: client", fields, b"", SIMPLE) == "wrong: client"


# Keys of ours.


NAMES = (b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"x-proxy-key", b"cookie", b"x-any")
FORMS = {
    "plain": KEY,
    "bearer": b"Bearer " + KEY,
    "in capitals": b"BEARER  " + KEY,
    "another": b"Bearer " + a_secret(2).encode(),
    "cut off": b"Bearer " + KEY[:20],
    "among other things": b"session=1; key=" + KEY + b"; b=2",
    "basic": b"Basic " + base64.b64encode(b"user:" + KEY),
}
OTHERS = [
    (b"x-one", b"caf\xe9"),
    (b"x-one", b""),
    (b"user-agent", b"who/1.0"),
    (b"x-note", b"the wh_ prefix"),
    (b"accept", b"*/*"),
]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("name", NAMES)
def test_no_line_with_a_key_goes_on_and_every_other_one_does(name: bytes, form: bytes) -> None:
    lines = [OTHERS[0], (name, form), *OTHERS[1:3], (name, form), *OTHERS[3:]]
    for key in (OUR_KEY, None):
        assert to_upstream(lines, SIMPLE, key=key) == OTHERS


@pytest.mark.parametrize("name", [b"authorization", b"x-api-key", b"x-any"])
def test_of_two_lines_of_one_name_only_the_one_with_a_key_stays_here(name: bytes) -> None:
    lines = [(name, b"Bearer sk-1"), (name, b"Bearer " + KEY), (name, b"sk-2")]
    assert to_upstream(lines, SIMPLE, key=OUR_KEY) == [lines[0], lines[2]]


def test_the_line_of_our_own_never_goes_on_whatever_it_holds() -> None:
    assert to_upstream([(b"x-wellhead-key", b"sk-test"), (b"x", b"1")], SIMPLE) == [(b"x", b"1")]


def test_a_key_that_another_system_made_goes_nowhere_either() -> None:
    foreign = Presented("5a1e0000-0000-4000-8000-00000000beef")
    lines = [(b"authorization", b"Bearer " + foreign.as_it_came), (b"x-api-key", foreign.as_it_came)]
    assert to_upstream(lines, SIMPLE, key=foreign) == []
    assert to_upstream(lines, SIMPLE) == lines, "to us it is a credential of the client's own"


# How a project's credential is presented.


@pytest.mark.parametrize(
    ("provider_type", "family", "line"),
    [
        (OPENAI, OPENAI, (b"authorization", b"Bearer upstream-1")),
        (ANTHROPIC, ANTHROPIC, (b"x-api-key", b"upstream-1")),
        (GEMINI, GEMINI, (b"x-goog-api-key", b"upstream-1")),
        (OLLAMA, OLLAMA, (b"authorization", b"Bearer upstream-1")),
        # The path decides where a provider speaks several.
        (ANTHROPIC, OPENAI, (b"authorization", b"Bearer upstream-1")),
        (OPENAI, ANTHROPIC, (b"x-api-key", b"upstream-1")),
        (OPENAI, None, (b"authorization", b"Bearer upstream-1")),
        (GEMINI, None, (b"x-goog-api-key", b"upstream-1")),
    ],
)
def test_a_credential_is_presented_the_way_the_family_does(
    provider_type: ProviderType, family: ProviderType | None, line: tuple[bytes, bytes]
) -> None:
    provider = Provider("u", provider_type, "http://u")
    lines: Headers = [
        (b"authorization", b"Bearer " + KEY),
        (b"x-api-key", b"sk-1"),
        (b"x-goog-api-key", b"sk-2"),
        (b"api-key", b"sk-3"),
        (b"anthropic-version", b"2023-06-01"),
    ]
    sent = to_upstream(lines, provider, key=OUR_KEY, credential="upstream-1", family=family)
    assert sent == [(b"anthropic-version", b"2023-06-01"), line]


def test_a_token_of_a_subscription_goes_as_a_bearer_token() -> None:
    provider = Provider("a", ANTHROPIC, "http://a")
    sent = to_upstream([], provider, credential="sk-ant-oat01-x", family=ANTHROPIC)
    assert (b"authorization", b"Bearer sk-ant-oat01-x") in sent
    assert all(name != b"x-api-key" for name, _ in sent)


@pytest.mark.parametrize(
    ("auth", "line"),
    [
        (Auth(AuthType.BEARER, "configured"), (b"authorization", b"Bearer upstream-1")),
        (Auth(AuthType.X_API_KEY, "configured"), (b"x-api-key", b"upstream-1")),
        (Auth(AuthType.X_API_KEY, "configured", "Api-Key"), (b"api-key", b"upstream-1")),
        (Auth(AuthType.NONE), (b"x-goog-api-key", b"upstream-1")),
        (Auth(AuthType.PRESERVE, header="X-Token"), (b"x-token", b"upstream-1")),
    ],
)
def test_a_credential_goes_where_the_provider_takes_it_and_before_the_configured_one(
    auth: Auth, line: tuple[bytes, bytes]
) -> None:
    provider = Provider("g", GEMINI, "http://g", auth=auth)
    for theirs in ([], [(b"x-api-key", b"sk-1")], [(b"x-token", b"sk-2"), (b"api-key", b"sk-3")]):
        sent = to_upstream(theirs, provider, credential="upstream-1", family=GEMINI)
        assert [one for one in sent if one not in theirs] == [line]
        assert [name for name, _ in sent].count(line[0]) == 1


def test_a_projects_credential_that_an_upstream_repeats_is_taken_out() -> None:
    said = without_secrets("no such key: upstream-secret", {}, b"", SIMPLE, "upstream-secret")
    assert said == "no such key: [REDACTED]"
