"""Which header lines go on, and which end here."""

from wellhead.directory import Auth, AuthType, Provider, ProviderType
from wellhead.gateway.headers import end_to_end, to_upstream, without_secrets

SIMPLE = Provider("u", ProviderType.OPENAI, "http://u")


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
