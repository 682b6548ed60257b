"""What the control plane is told at start."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ControlOptions:
    """Who may come here; the configuration sees to it that user and password are both set or both absent."""

    bind_host: str = "127.0.0.1"
    hosts: tuple[str, ...] = ()
    """Further names that the `Host` header may carry."""
    basic_user: str | None = None
    basic_password: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # One of them alone would look like protection and be none.
        assert (self.basic_user is None) == (self.basic_password is None)

    @property
    def has_credentials(self) -> bool:
        return self.basic_user is not None
