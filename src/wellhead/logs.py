"""Logs: one JSON object per line, or lines for people on a terminal; never a secret.

`ts` (ISO, UTC), `level`, `msg` (the event's name), then the event's fields.
Errors go to stderr, everything else to stdout.  Secrets are taken out in the
last step before rendering: by key, by what a value looks like, at any depth.

Only entry points call `configure`; parts are handed the `Log` it returns.
"""

import logging
import re
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

Log = FilteringBoundLogger

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
REDACTED = "[REDACTED]"
DEPTH_MAX = 8
"""What is nested deeper than this is not logged at all."""

# Exactly these, in lower case with `-` as `_`: `total_tokens` and `key_id` are no secrets.
SECRET_KEYS = frozenset(
    {"access_key", "access_token", "admin_token", "api_key", "apikey", "auth_token", "authorization"}
    | {"basic_password", "bearer", "client_secret", "cookie", "credential", "credentials", "id_token", "key"}
    | {"management_token", "passwd", "password", "private_key", "proxy_authorization", "refresh_token"}
    | {"secret", "secret_key", "session_secret", "set_cookie", "token", "x_admin_token", "x_api_key"}
    | {"x_goog_api_key", "x_proxy_key", "x_wellhead_key"}
)
SECRET_VALUES = re.compile(
    r"""(?ix)
      (?P<scheme> \b (?: bearer | basic ) \s+ ) [A-Za-z0-9._~+/=:-]{6,}
    | \b (?: sk | pk | rk ) - [A-Za-z0-9_-]{6,}
    | \b (?: wh_ | gsk_ | xai- | hf_ ) [A-Za-z0-9_-]{6,}
    | \b AIza [A-Za-z0-9_-]{20,}
    | (?P<query> [?&] (?: key | api_?key | x-api-key | access_token | token | password | secret ) = )
      [^&\s"'<>]+
    | (?P<userinfo> :// ) [^/\s@"'<>]+ @
    """
)


def configure(level: str, format: str, *, component: str | None = None) -> Log:  # noqa: A002
    """Set up the process's log, for structlog and the standard library alike, and return it."""
    pretty = format == "pretty" or (format == "auto" and sys.stdout.isatty())
    structlog.configure(
        processors=_processors(pretty),
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        logger_factory=_Streams,
        cache_logger_on_first_use=True,
    )
    log: Log = structlog.get_logger()
    if component is not None:
        log = log.bind(component=component)
    # What libraries have to say passes through ours, from warnings up: at lower levels some tell
    # every statement with its values.  Only the server may say more when we are debugging.
    logging.basicConfig(handlers=[_Forwarding(log)], level=max(LEVELS[level], logging.WARNING), force=True)
    logging.getLogger("uvicorn").setLevel(logging.DEBUG if level == "debug" else logging.NOTSET)
    return log


def scrub(value: object, depth: int = 0) -> object:
    """A value as it may be logged: without secrets, of plain types."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return scrub_text(value)
    if depth >= DEPTH_MAX:
        return "…"
    if isinstance(value, Mapping):
        return {str(k): REDACTED if v and is_secret(k) else scrub(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple) and len(value) == 2 and is_secret(value[0]):
        return [scrub(value[0], depth + 1), REDACTED]  # a header line
    if isinstance(value, list | tuple | set | frozenset):
        return [scrub(v, depth + 1) for v in value]
    if isinstance(value, bytes | bytearray):
        return scrub_text(value.decode("latin-1"))
    return scrub_text(str(value))


def scrub_text(text: str) -> str:
    """A text without the parts that look like secrets."""
    return SECRET_VALUES.sub(_replacement, text)


def is_secret(name: object) -> bool:
    """Whether a key or a header of that name holds a secret."""
    text = name.decode("latin-1") if isinstance(name, bytes) else str(name)
    return text.lower().replace("-", "_") in SECRET_KEYS


def _replacement(found: re.Match[str]) -> str:
    if found["userinfo"]:
        return f"://{REDACTED}@"
    return (found["scheme"] or found["query"] or "") + REDACTED


def _processors(pretty: bool) -> list[Processor]:
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.format_exc_info,
        _redacted,
    ]
    if not pretty:
        return [*shared, _json]
    console = structlog.dev.ConsoleRenderer(
        event_key="msg",
        timestamp_key="ts",
        colors=sys.stdout.isatty(),
        exception_formatter=structlog.dev.plain_traceback,
        level_styles={**structlog.dev.ConsoleRenderer.get_default_level_styles(), "warn": "\033[33m"},
        pad_event_to=24,
    )
    return [*shared, console]


def _redacted(_logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    level = event.pop("level", method)
    line: dict[str, Any] = {
        "ts": event.pop("ts", None),
        "level": "warn" if level == "warning" else level,
        "msg": scrub_text(str(event.pop("event", ""))),
    }
    for name, value in event.items():
        line[name] = REDACTED if value and is_secret(name) else scrub(value)
    return line


def _json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()


class _Streams:
    """Writes finished lines, each in one piece; a log that cannot be written stops nothing."""

    def __init__(self, *_: object) -> None:
        self.debug = self.info = self.warning = self._writer(lambda: sys.stdout)
        self.error = self.critical = self._writer(lambda: sys.stderr)

    def _writer(self, stream: Callable[[], TextIO]) -> Callable[[str], None]:
        def write(line: str) -> None:
            try:
                out = stream()
                out.write(line + "\n")
                out.flush()
            except (OSError, ValueError):
                return  # the reader is gone or the disk is full

        return write


class _Forwarding(logging.Handler):
    """Takes records of the standard library's logging into ours."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            message = str(record.msg)
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        level = min(max(record.levelno, logging.DEBUG), logging.ERROR) // 10 * 10
        self.log.log(level, message, **fields)
