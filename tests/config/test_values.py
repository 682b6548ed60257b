"""How one value is read."""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from wellhead.config import values
from wellhead.config.values import Address, Leaving
from wellhead.directory import OnDisconnect


@pytest.mark.parametrize(
    ("raw", "size"),
    [(25, 25), ("25", 25), ("25MB", 25_000_000), ("25MiB", 26_214_400), ("1.5 kB", 1500), ("0.1MB", 100_000)],
)
def test_sizes_have_decimal_and_binary_units(raw: object, size: int) -> None:
    assert values.size(1, 10**9)(raw) == size


@pytest.mark.parametrize(
    ("raw", "seconds"), [(30, 30), (1.5, 1.5), ("30", 30), ("500ms", 0.5), ("2m", 120), ("1 h", 3600)]
)
def test_durations_are_seconds_unless_they_say_otherwise(raw: object, seconds: float) -> None:
    assert values.seconds(0, 3600)(raw) == seconds


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:0", Address("::1", 0)),
        ("localhost:65535", Address("localhost", 65535)),
    ],
)
def test_an_address_is_read_and_written_alike(raw: str, address: Address) -> None:
    assert values.address(raw) == address
    assert str(address) == raw


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.test", False),
    ],
)
def test_only_loopback_addresses_are_loopback(host: str, loopback: bool) -> None:
    assert Address(host, 1).is_loopback is loopback


@pytest.mark.parametrize(
    ("raw", "leaving", "written"),
    [
        ("cancel", Leaving(), "cancel"),
        ("drain", Leaving(OnDisconnect.DRAIN), "drain"),
        ("drain 30s", Leaving(OnDisconnect.DRAIN, 30.0), "drain 30s"),
        ("drain 500ms", Leaving(OnDisconnect.DRAIN, 0.5), "drain 0.5s"),
    ],
)
def test_a_client_that_leaves_cancels_or_drains(raw: str, leaving: Leaving, written: str) -> None:
    assert values.leaving(raw) == leaving
    assert str(leaving) == written


def test_an_upstream_url_loses_its_trailing_slashes() -> None:
    assert values.url("https://api.example.test/v1//") == "https://api.example.test/v1"


def test_a_path_is_a_database_too_and_tilde_is_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert values.database("~/books.db") == "sqlite:////home/ada/books.db"
    assert values.database("sqlite:///~/books.db") == "sqlite:////home/ada/books.db"
    assert values.database("sqlite:////srv/books.db") == "sqlite:////srv/books.db"
    assert values.database(str(Path("books.db"))) == "sqlite:///books.db"


@pytest.mark.parametrize(
    ("raw", "flag"), [(True, True), ("Yes", True), ("1", True), (0, False), ("off", False)]
)
def test_flags_have_the_usual_spellings(raw: object, flag: bool) -> None:
    assert values.flag(raw) is flag


@pytest.mark.parametrize(
    ("read", "raw"),
    [
        (values.text, ""),
        (values.text, 5),
        (values.flag, "maybe"),
        (values.whole(1, 64), 0),
        (values.whole(1, 64), 65),
        (values.whole(1, 64), 1.5),
        (values.whole(1, 64), True),
        (values.whole(1, 64), "many"),
        (values.size(1, 10**9), "25 pounds"),
        (values.size(1, 10**9), "2GB"),
        (values.size(1, 10**9), "0.5B"),
        (values.seconds(0, 60), "-1"),
        (values.seconds(0, 60), "61s"),
        (values.seconds(0, 60), None),
        (values.address, "8080"),
        (values.address, "127.0.0.1:65536"),
        (values.address, "127.0.0.1:http"),
        (values.address, "::1:8080"),
        (values.address, 8080),
        (values.leaving, "drain for ever"),
        (values.leaving, "drain 2h"),
        (values.leaving, "stay"),
        (values.url, "ftp://example.test"),
        (values.url, "example.test"),
        (values.url, "http://"),
        (values.url, "http://user:pass@example.test"),
        (values.url, "http://example.test?key=1"),
        (values.url, "http://example.test:port"),
        (values.url, "http://exa mple.test"),
        (values.url, None),
        (values.database, "postgresql://localhost/wellhead"),
        (values.database, "sqlite://"),
        (values.database, "sqlite:///"),
        (values.database, 5),
        (values.choice("json", "pretty"), "xml"),
    ],
)
def test_every_reader_says_what_is_allowed(read: Callable[[object], object], raw: object) -> None:
    with pytest.raises(ValueError, match=r"^must "):
        read(raw)


@pytest.mark.parametrize(
    ("raw", "names"),
    [
        ("a=alice", {"a": "alice"}),
        ("a=alice, b = bob ,", {"a": "alice", "b": "bob"}),
        ("YWJj===alice", {"YWJj==": "alice"}),
        ({"a": "alice"}, {"a": "alice"}),
        (f"sha256:{sha256(b'a').hexdigest().upper()}=alice,a=alice", {"a": "alice"}),
        ("", {}),
        ({}, {}),
    ],
)
def test_names_of_clients_are_kept_with_the_hashes_of_their_keys(raw: object, names: dict[str, str]) -> None:
    expected = {sha256(key.encode()).hexdigest(): name for key, name in names.items()}
    assert dict(values.client_names(raw)) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "alice",
        "=alice",
        "canary=",
        {"canary": 1},
        {1: "a"},
        ["a=b"],
        "sha256:12=a",
        "a=b\tc",
        {"a": "n" * 201},
    ],
)
def test_other_names_of_clients_are_refused_without_repeating_them(raw: object) -> None:
    with pytest.raises(ValueError, match="must be a mapping of keys to names") as caught:
        values.client_names(raw)
    assert "canary" not in str(caught.value)


def test_a_key_has_one_name() -> None:
    with pytest.raises(ValueError, match="must not give one key two names"):
        values.client_names("a=alice,a=bob")


@pytest.mark.parametrize(
    ("raw", "origins"),
    [
        (
            "https://App.example.com,http://localhost:3000",
            ("https://app.example.com", "http://localhost:3000"),
        ),
        (["http://[::1]:80"], ("http://[::1]:80",)),
        (["vscode-webview://1f9a", "vscode-webview://1f9a"], ("vscode-webview://1f9a",)),
        ([], ()),
    ],
)
def test_origins_are_a_list_or_text_with_commas(raw: object, origins: tuple[str, ...]) -> None:
    assert values.listed(values.ORIGIN, "origins")(raw) == origins


@pytest.mark.parametrize("raw", ["*", "app.example.com", "https://a/", "https://a/b", [1], {"a": 1}, "null"])
def test_what_is_no_origin_is_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="must be a list, or text with commas, of origins"):
        values.listed(values.ORIGIN, "origins")(raw)
