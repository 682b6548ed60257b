"""What the control plane is told at start."""

from dataclasses import dataclass, field

SESSION_TTL_S = 7 * 24 * 3600
LOGIN_MAX_ATTEMPTS = 5
LOGIN_WINDOW_S = 60
MANAGE_CALLS_PER_HOUR = 1000
LIVE_S = 900.0


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """Who may come here, and as what.

    The configuration sees to it that a user never comes without a password, and that
    there are credentials where the port is open to other machines.
    """

    bind_host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    """Further names that the `Host` header may carry."""
    allow_remote: bool = False
    """Whether other machines may come here at all."""
    basic_user: str | None = None
    """A viewer, by HTTP Basic."""
    basic_password: str | None = field(default=None, repr=False)
    admin_user: str | None = None
    """An admin, by HTTP Basic."""
    admin_password: str | None = field(default=None, repr=False)
    admin_token: str | None = field(default=None, repr=False)
    """An admin, by `x-admin-token` or `Authorization: Bearer`, or by logging in with it."""
    management_token: str | None = field(default=None, repr=False)
    """An admin under `/manage` alone, by `Authorization: Bearer`."""
    admin_password_hash: str | None = field(default=None, repr=False)
    """For logins: argon2id or bcrypt, in their own text forms."""
    viewer_password_hash: str | None = field(default=None, repr=False)
    session_secret: bytes | None = field(default=None, repr=False)
    """Signs the cookies of sessions; `None`: one of this process's own."""
    session_ttl_s: float = SESSION_TTL_S
    login_max_attempts: int = LOGIN_MAX_ATTEMPTS
    """Wrong credentials from one address in `login_window_s`, before no more are looked at."""
    login_window_s: float = LOGIN_WINDOW_S
    manage_calls_per_hour: int = MANAGE_CALLS_PER_HOUR
    """A limit that every key made by `POST /manage/tokens` gets; 0: none."""
    live_s: float = LIVE_S
    """How long a live view lasts before its client has to come back and say again who it is."""

    def __post_init__(self) -> None:
        # One of them alone would look like protection and be none; so would an empty one.
        assert (self.basic_user is None) == (self.basic_password is None)
        assert (self.admin_user is None) == (self.admin_password is None)
        assert "" not in (self.basic_password, self.admin_password, self.admin_token, self.management_token)
        assert self.has_credentials or not self.allow_remote

    @property
    def has_basic(self) -> bool:
        return self.basic_user is not None or self.admin_user is not None

    @property
    def has_login(self) -> bool:
        """Whether anybody could log in."""
        others = (self.admin_password_hash, self.viewer_password_hash, self.admin_token)
        return self.has_basic or any(one is not None for one in others)

    @property
    def has_admin(self) -> bool:
        """Whether there is any way to be an admin everywhere."""
        ways = (self.admin_user, self.admin_token, self.admin_password_hash)
        return any(one is not None for one in ways)

    @property
    def has_viewer(self) -> bool:
        """Whether there is any way to be a viewer, or more, everywhere."""
        return self.has_admin or self.basic_user is not None or self.viewer_password_hash is not None

    @property
    def has_credentials(self) -> bool:
        return self.has_viewer or self.management_token is not None
