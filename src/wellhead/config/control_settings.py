"""The settings of the listener for metrics, health and administration."""

# ruff: noqa: RUF009 - `setting` makes a field of each class once; its defaults are immutable

from dataclasses import dataclass

from wellhead.config import values
from wellhead.config.setting import setting
from wellhead.config.values import Address

SESSION_MAX_S = 400 * 86_400.0
"""No browser keeps a cookie for longer."""
LOGIN_ATTEMPTS_MAX = 1000
LOGIN_WINDOW_MAX_S = 86_400.0


@dataclass(frozen=True, slots=True)
class ControlSettings:
    """The listener for metrics, health and administration, and who may use it."""

    bind: Address = setting(
        Address("127.0.0.1", 8081),
        values.address,
        "Where metrics, health and administration are served. Off loopback only with `allow_remote`.",
    )
    allow_remote: bool = setting(
        False,
        values.flag,
        "Whether others than this machine may come; needs a credential for administrators.",
    )
    hosts: tuple[str, ...] = setting(
        (),
        values.listed(values.HOST_NAME, "host names such as wellhead.example.com"),
        "Further names that the `Host` header may carry.",
    )
    basic_user: str | None = setting(
        None, values.text, "User of HTTP Basic authentication; needs a password, too."
    )
    basic_password: str | None = setting(
        None, values.text, "Password of HTTP Basic authentication.", secret=True
    )
    basic_password_file: str | None = setting(
        None, values.text, "File whose first line is that password, instead of `basic_password`."
    )
    admin_user: str | None = setting(
        None, values.text, "User of HTTP Basic authentication for administration; needs a password, too."
    )
    admin_password: str | None = setting(None, values.text, "That user's password.", secret=True)
    admin_password_file: str | None = setting(
        None, values.text, "File whose first line is that password, instead of `admin_password`."
    )
    admin_password_hash: str | None = setting(
        None,
        values.password_hash,
        "Hash (argon2id or bcrypt) of the password with which an administrator logs in.",
        secret=True,
    )
    viewer_password_hash: str | None = setting(
        None,
        values.password_hash,
        "Hash of the password with which somebody logs in who may only look.",
        secret=True,
    )
    admin_token: str | None = setting(
        None, values.text, "Token of an administrator, sent as `x-admin-token` or as a Bearer.", secret=True
    )
    admin_token_file: str | None = setting(
        None, values.text, "File whose first line is that token, instead of `admin_token`."
    )
    management_token: str | None = setting(
        None, values.text, "Token for `/manage`, sent as a Bearer.", secret=True
    )
    management_token_file: str | None = setting(
        None, values.text, "File whose first line is that token, instead of `management_token`."
    )
    session_secret: str | None = setting(
        None,
        values.text,
        "What cookies of sessions are signed with. Absent: made once and kept beside the database.",
        secret=True,
    )
    session_secret_file: str | None = setting(
        None, values.text, "File whose first line is that secret, instead of `session_secret`."
    )
    session_ttl_s: float = setting(604_800.0, values.seconds(60, SESSION_MAX_S), "How long a login lasts.")
    login_max_attempts: int = setting(
        5, values.whole(1, LOGIN_ATTEMPTS_MAX), "How many attempts to log in an address has in a window."
    )
    login_window_s: float = setting(60.0, values.seconds(1, LOGIN_WINDOW_MAX_S), "How long that window is.")
