"""How settings go together: what one of them demands of another, and what is hardly meant.

A setting counts as given even where its value is a mistake: that is told already,
and nothing else is to be said of it.
"""

from collections.abc import Iterator, Mapping

from wellhead.config.aliases import REQUIRE_KEY, Given
from wellhead.config.providers import SOLE_ID
from wellhead.config.settings import FILE_SUFFIX, Settings
from wellhead.errors import Problem

WEAK_SECRETS = frozenset(
    {"admin", "changeme", "change-me", "default", "example", "password", "proxy", "secret", "token"}
)
TOKEN_CHARS_MIN = 16
PASSWORD_CHARS_MIN = 8

PAIRS = (("basic_user", "basic_password"), ("admin_user", "admin_password"))
"""Of `control`: one alone would look like protection and be none."""
ADMIN_CREDENTIALS = (
    "control.admin_token",
    "control.admin_password",
    "control.admin_password_hash",
)
"""Any one of these makes somebody an administrator."""


def problems(settings: Settings, given: Mapping[str, Given]) -> Iterator[Problem]:
    """What cannot go together."""
    yield from _keys_off_loopback(settings, given)
    yield from _room_for_bodies(settings, given)
    yield from _pairs(given)
    yield from _remote(settings, given)
    yield from _ready_upstream(settings)
    if settings.control.allow_remote:
        yield from _weak(settings)


def doubts(settings: Settings) -> Iterator[str]:
    """What works but is hardly meant."""
    path = settings.database.removeprefix("sqlite:///")
    if not path.startswith("/"):
        yield f"database is relative to the working directory, so it depends on where it is started: {path}"
    for weak in _weak(settings):
        yield f"{weak.path} {weak.message}"


def _keys_off_loopback(settings: Settings, given: Mapping[str, Given]) -> Iterator[Problem]:
    gateway = settings.gateway
    if gateway.bind.is_loopback or gateway.require_key is not False:
        return
    message = "must be true when gateway.bind is not loopback"
    if given["gateway.require_key"].origin == REQUIRE_KEY:
        message = f"{REQUIRE_KEY} must be true when PROXY_HOST is not loopback"
    yield Problem("gateway.require_key", message)


def _room_for_bodies(settings: Settings, given: Mapping[str, Given]) -> Iterator[Problem]:
    gateway, name = settings.gateway, "gateway.max_held_bodies"
    if name in given and 0 < gateway.max_held_bodies < gateway.max_request_body:
        told = f"must not be below gateway.max_request_body ({gateway.max_request_body} bytes), or be 0"
        yield Problem(name, told)


def _ready_upstream(settings: Settings) -> Iterator[Problem]:
    wanted = settings.gateway.ready_upstream
    ids = [provider.id for provider in settings.providers] or [SOLE_ID]
    if wanted is not None and wanted not in ids:
        yield Problem("gateway.ready_upstream", f"must be the id of a provider: {', '.join(ids)}")


def _pairs(given: Mapping[str, Given]) -> Iterator[Problem]:
    for user, password in PAIRS:
        has_user, has_password = _is_given(f"control.{user}", given), _is_given(f"control.{password}", given)
        if has_user != has_password:
            missing = password if has_user else user
            yield Problem(f"control.{missing}", "is needed: user and password are set together or not at all")


def _remote(settings: Settings, given: Mapping[str, Given]) -> Iterator[Problem]:
    control = settings.control
    is_protected = any(_is_given(path, given) for path in ADMIN_CREDENTIALS)
    who = f"an administrator's credential ({', '.join(ADMIN_CREDENTIALS)})"
    if not control.bind.is_loopback and not (control.allow_remote and is_protected):
        yield Problem(
            "control.bind",
            f"must be a loopback address such as 127.0.0.1 or [::1], not {control.bind.host}, "
            f"unless control.allow_remote is true and there is {who}",
        )
    elif control.allow_remote and not is_protected:
        yield Problem("control.allow_remote", f"must be false as long as there is no {who}")


def _weak(settings: Settings) -> Iterator[Problem]:
    control = settings.control
    secrets = (
        ("basic_password", control.basic_password, PASSWORD_CHARS_MIN),
        ("admin_password", control.admin_password, PASSWORD_CHARS_MIN),
        ("admin_token", control.admin_token, TOKEN_CHARS_MIN),
        ("management_token", control.management_token, TOKEN_CHARS_MIN),
        ("session_secret", control.session_secret, TOKEN_CHARS_MIN),
    )
    for name, secret, chars_min in secrets:
        if secret is None:
            continue
        if secret.lower() in WEAK_SECRETS:
            yield Problem(f"control.{name}", "is one of those that are tried first; choose another")
        elif len(secret) < chars_min:
            yield Problem(f"control.{name}", f"is shorter than {chars_min} characters; choose a longer one")


def _is_given(path: str, given: Mapping[str, Given]) -> bool:
    return path in given or path + FILE_SUFFIX in given
