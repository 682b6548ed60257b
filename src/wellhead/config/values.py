"""Readers: one raw value, from YAML or from text, to the typed value of a setting.

A reader raises `ValueError` with what is allowed; who calls it adds where the
value came from.  Environment variables and flags are text, so every reader
takes text, too.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from wellhead.directory import OnDisconnect
from wellhead.errors import Problem
from wellhead.policy.keys import digest

SIZE_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
TIME_UNITS_S = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
TRUE = frozenset({"true", "1", "yes", "on"})
FALSE = frozenset({"false", "0", "no", "off"})
QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)")
DRAIN_MAX_S = 3600.0
NAME_CHARS_MAX = 200
SHA256 = re.compile(r"sha256:([0-9A-Fa-f]{64})")
ARGON2ID = re.compile(r"\$argon2id\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+")
BCRYPT = re.compile(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}")
ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
HOST_NAME = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:]+\]")


class Mistakes(ValueError):
    """What is wrong inside the value of a setting, each with the place where it is."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"has {len(problems)} mistakes")
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is bound."""

    host: str
    port: int
    """0 takes any free port."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Only processes on this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Leaving:
    """What happens to the upstream call when the client has left."""

    what: OnDisconnect = OnDisconnect.CANCEL
    drain_s: float | None = None
    """With `DRAIN`: how long at most; `None` means to the end."""

    def __str__(self) -> str:
        return self.what.value if self.drain_s is None else f"{self.what.value} {self.drain_s:g}s"


def text(raw: object) -> str:
    if not isinstance(raw, str) or not raw.strip():
        raise ValueError("must be a non-empty string")
    return raw


def flag(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).strip().lower()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise ValueError("must be true or false")


def whole(lowest: int, highest: int) -> Callable[[object], int]:
    def read(raw: object) -> int:
        number = _quantity(raw, {"": 1})
        if number is None or not number.is_integer() or not lowest <= number <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(number)

    return read


def size(lowest: int, highest: int) -> Callable[[object], int]:
    """Bytes, as a number or with a unit: `25MB` is 25,000,000 and `25MiB` is 26,214,400."""

    def read(raw: object) -> int:
        number = _quantity(raw, SIZE_UNITS)
        if number is None or not number.is_integer() or not lowest <= number <= highest:
            raise ValueError(f"must be a size such as 25MB or 25MiB, from {lowest} to {highest} bytes")
        return int(number)

    return read


def seconds(lowest: float, highest: float) -> Callable[[object], float]:
    def read(raw: object) -> float:
        number = _quantity(raw, TIME_UNITS_S)
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"must be seconds, such as 30 or 1.5s, from {lowest:g} to {highest:g}")
        return number

    return read


def seconds_or_off(lowest: float, highest: float) -> Callable[[object], float]:
    """The same, or 0 for what is never to be."""
    some = seconds(lowest, highest)

    def read(raw: object) -> float:
        if _quantity(raw, TIME_UNITS_S) == 0:
            return 0.0
        try:
            return some(raw)
        except ValueError as error:
            raise ValueError(f"{error}, or 0") from None

    return read


def dollars(lowest: float, highest: float) -> Callable[[object], float]:
    def read(raw: object) -> float:
        number = _quantity(raw, {"": 1, "usd": 1})
        if number is None or not lowest <= number <= highest:
            raise ValueError(f"must be US dollars, such as 12.50, from {lowest:g} to {highest:g}")
        return number

    return read


def choice(*names: str, synonyms: Mapping[str, str] | None = None) -> Callable[[object], str]:
    def read(raw: object) -> str:
        word = raw.strip().lower() if isinstance(raw, str) else ""
        word = (synonyms or {}).get(word, word)
        if word not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return word

    return read


def address(raw: object) -> Address:
    problem = ValueError("must be host:port, such as 127.0.0.1:8080 or [::1]:8080")
    host, colon, port = raw.rpartition(":") if isinstance(raw, str) else ("", "", "")
    bracketed = host.startswith("[") and host.endswith("]")
    if not host or not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise problem
    if (":" in host) != bracketed or any(c.isspace() for c in host):
        raise problem
    return Address(host.strip("[]"), int(port))


def leaving(raw: object) -> Leaving:
    problem = ValueError("must be cancel, drain, or drain with a limit such as `drain 30s` (at most 1 h)")
    words = raw.split() if isinstance(raw, str) else []
    match words:
        case ["cancel"]:
            return Leaving()
        case ["drain"]:
            return Leaving(OnDisconnect.DRAIN)
        case ["drain", limit]:
            try:
                return Leaving(OnDisconnect.DRAIN, seconds(0, DRAIN_MAX_S)(limit))
            except ValueError:
                raise problem from None
    raise problem


def listed(one: re.Pattern[str], what: str) -> Callable[[object], tuple[str, ...]]:
    """A list, or text with commas; its entries in small letters, each once."""

    def read(raw: object) -> tuple[str, ...]:
        items = raw.split(",") if isinstance(raw, str) else raw
        if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
            raise ValueError(f"must be a list, or text with commas, of {what}")
        entries = tuple(dict.fromkeys(item.strip().lower() for item in items))
        if not all(one.fullmatch(entry) for entry in entries):
            raise ValueError(f"must be a list, or text with commas, of {what}")
        return entries

    return read


def client_names(raw: object) -> tuple[tuple[str, str], ...]:
    """Keys and the names of who has them; only the keys' SHA-256 (hexadecimal digits) is kept.

    Says nothing of its value when it refuses it, as that holds keys.
    """
    pairs: list[tuple[object, object]]
    if isinstance(raw, Mapping):
        pairs = list(raw.items())
    elif isinstance(raw, str):
        # The last `=` parts them: a key in base64 may end with some, a name does not.
        pairs = [(k, n) for k, _, n in (entry.rpartition("=") for entry in raw.split(",") if entry.strip())]
    else:
        pairs = [(None, None)]
    found: dict[str, str] = {}
    for key, name in pairs:
        hash_, named = _key_hash(key), name.strip() if isinstance(name, str) else ""
        if hash_ is None or not 0 < len(named) <= NAME_CHARS_MAX or not named.isprintable():
            raise ValueError(
                "must be a mapping of keys to names, or text such as `key1=alice,key2=bob`; "
                "a key may be written as `sha256:` and the 64 hexadecimal digits of its hash"
            )
        if found.setdefault(hash_, named) != named:
            raise ValueError("must not give one key two names")
    return tuple(found.items())


def _key_hash(raw: object) -> str | None:
    key = raw.strip() if isinstance(raw, str) else ""
    if not key.startswith("sha256:"):
        return digest(key).hex() if key else None
    hashed = SHA256.fullmatch(key)
    return hashed[1].lower() if hashed else None


def password_hash(raw: object) -> str:
    """What a password is checked against, in the form that its own algorithm writes."""
    text_ = raw.strip() if isinstance(raw, str) else ""
    if not ARGON2ID.fullmatch(text_) and not BCRYPT.fullmatch(text_):
        raise ValueError("must be a hash that begins with $argon2id$, or one of bcrypt ($2a$, $2b$, $2y$)")
    return text_


def master_key(raw: object) -> str:
    """The text of a master key; `wellhead.vault` knows what it looks like."""
    from wellhead.vault import parse_master_key

    try:
        parse_master_key(text(raw))
    except ValueError:
        raise ValueError("must be 32 bytes, as base64 or as 64 hexadecimal digits") from None
    return text(raw).strip()


def url(raw: object) -> str:
    """An upstream's base URL, without trailing slashes."""
    try:
        parts = urlsplit(raw.strip()) if isinstance(raw, str) else None
        usable = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port if parts is not None else None
    except ValueError:
        usable = False
    if parts is None or not usable or any(c.isspace() for c in parts.geturl()):
        raise ValueError("must be a parseable http(s) URL, such as http://127.0.0.1:11434")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not carry a user or password; use `auth` or `headers`")
    if parts.query or parts.fragment:
        raise ValueError("must not carry a query or fragment")
    return parts.geturl().rstrip("/")


def database(raw: object) -> str:
    """A database URL; `~` is expanded, and a bare path is taken for SQLite."""
    problem = ValueError("must be sqlite:///PATH or a path to the file (PostgreSQL is not supported yet)")
    if not isinstance(raw, str) or not raw.strip():
        raise problem
    scheme, separator, rest = raw.partition("://")
    if not separator:
        path = raw
    elif scheme == "sqlite" and len(rest) > 1 and rest.startswith("/"):
        path = rest[1:]
    else:
        raise problem
    return f"sqlite:///{Path(path).expanduser()}"


def _quantity(raw: object, units: Mapping[str, float]) -> float | None:
    if isinstance(raw, bool) or not isinstance(raw, int | float | str):
        return None
    found = QUANTITY.fullmatch(str(raw).strip())
    if found is None or found[2].lower() not in units:
        return None
    # Decimals of a unit may leave a trace of binary fractions behind (0.1 MB).
    return round(float(found[1]) * units[found[2].lower()], 6)
