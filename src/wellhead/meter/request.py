"""What a request asks for, read from its JSON body by a partial decode.

Only the named members become Python values (of a small body all do, which is
quicker); of the messages only their number is taken.  JSON allows no jump to the
end of a list, but long texts can be told quickly, and are left out beforehand.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from wellhead.meter.dialect import Dialect
from wellhead.meter.outline import SMALL_MAX, UNREADABLE, Find, finder, steps
from wellhead.usage import COUNT_MAX, NOTHING_ASKED, Asked

MEMBER_MAX = 64 * 1024
"""Bytes: a longer member (save the messages) is passed over."""
COUNTED_MAX = 1024 * 1024
"""Bytes: in a longer body..."""
COMMAS_MAX = 200_000
"""...with more commas than this the messages are not counted: each costs an object for a moment."""
TEXT_MAX = 512
"""Characters kept of a model name, user or session."""
LONG_MIN = 64 * 1024
"""Bytes: from here on a body's long texts are left out before it is decoded..."""
SPAN_MIN = 1024
"""...where so many bytes of a string lie between two quotes..."""
QUOTES_MAX = 64
"""...and as long as so many quotes bring at least one such text: among code they do not."""
LEFT_OUT = b"\\u0000"
"""Stands where a text was left out; a member that has it is no name of anything."""

MAX_OUTPUT_AT = (
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_tokens_to_sample",
    "generationConfig.maxOutputTokens",
    "generation_config.max_output_tokens",
    "options.num_predict",
)
"""All names for the ceiling of the answer's length."""

SMALL = (
    "model", "stream", "stream_options", "user", "safety_identifier", "metadata", "prompt_cache_key",
    "conversation", "provider", "n", "best_of",
    *dict.fromkeys(path.partition(".")[0] for path in MAX_OUTPUT_AT),
)  # fmt: skip
LISTS = ("messages", "contents", "input")

_FIELD = re.compile(rb'; name="?(model|stream)"?\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]{1,%d})\r\n' % TEXT_MAX)

_small = [(name, msgspec.Raw, None) for name in SMALL]
_Messages = list[msgspec.Raw] | dict[str, msgspec.Raw] | str | float | bool | None
_Members = msgspec.defstruct("Members", [*_small, *((name, _Messages, None) for name in LISTS)])
_SmallMembers = msgspec.defstruct("SmallMembers", _small)

_members: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_Members)
_small_members: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_SmallMembers)
_value: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def _finders(*paths: str) -> tuple[Find, ...]:
    return tuple(finder(steps(path)) for path in paths)


_MODEL = _finders("model")
_INCLUDE_USAGE = finder(("stream_options", "include_usage"))
_USER_ID = _finders("metadata.user_id")
_USER = _finders("user", "safety_identifier")
_SESSION = _finders("prompt_cache_key", "conversation", "conversation.id")
_PROVIDER = _finders("provider")
_CHOICES = _finders("best_of", "n", "generationConfig.candidateCount", "generation_config.candidate_count")
_STREAMED = {True: True, "true": True, False: False, "false": False}


def read_request(body: bytes, dialect: Dialect | None) -> Asked:
    """Read a request body; never raises.  What is no JSON object asks for nothing."""
    try:
        asked = _members_of(body)
    except UNREADABLE:
        return NOTHING_ASKED
    user_id = _text(asked, _USER_ID)
    user_session = _session(user_id)
    return Asked(
        model=_text(asked, _MODEL),
        streamed=_STREAMED.get(_scalar(asked.get("stream"))),
        include_usage=True in _INCLUDE_USAGE(asked),
        max_output_tokens=_count(asked, _max_output_finders(dialect)),
        choices=_count(asked, _CHOICES),
        message_count=_message_count(asked, dialect),
        user=_text(asked, _USER) or user_id,
        session=user_session or _text(asked, _SESSION),
        user_session=user_session,
        provider=_text(asked, _PROVIDER),
    )


def read_form(head: bytes) -> Asked:
    """Read what a multipart form says before its file, from the first bytes of it; never raises.

    SDKs send the fields first, so the first piece of an upload has them.
    """
    fields = {name: value.decode("utf-8", "replace") for name, value in _FIELD.findall(head)}
    return Asked(
        model=fields.get(b"model"), streamed={"true": True, "false": False}.get(fields.get(b"stream", ""))
    )


def _members_of(body: bytes) -> dict[str, Any]:
    """The members worth reading, and perhaps others; raises one of `UNREADABLE` for no JSON object."""
    if len(body) <= SMALL_MAX:
        try:
            whole = _value.decode(body)
            if isinstance(whole, dict):
                return whole
        except UNREADABLE:
            pass  # Perhaps only a part of it that nobody asked for.
    return dict(_decoded(_read_members(body)))


def _without_long_texts(body: bytes) -> bytes:
    """The body with its long texts left out, as far as they are quickly found; means the same otherwise.

    The way leads from quote to quote: inside a string nothing between two quotes has a meaning
    for the rest, and a search for one byte is many times as fast as a decoder.  A cut begins
    behind a quote and ends before the backslashes of the next, so it splits no escape.
    """
    kept: list[bytes] = []
    start = at = 0
    in_string, quotes = False, QUOTES_MAX
    while quotes and (quote := body.find(b'"', at)) >= 0:
        quotes -= 1
        if in_string:
            end = quote
            while end > at and body[end - 1] == 0x5C:  # a backslash
                end -= 1
            in_string = (quote - end) % 2 == 1
            if end - at >= SPAN_MIN:
                kept += (body[start:at], LEFT_OUT)
                start, quotes = end, QUOTES_MAX
        else:
            in_string = True
        at = quote + 1
    return b"".join((*kept, body[start:])) if kept else body


def _read_members(body: bytes) -> Any:
    if len(body) >= LONG_MIN:
        body = _without_long_texts(body)
    if len(body) <= COUNTED_MAX or body.count(b",") <= COMMAS_MAX:
        try:
            return _members.decode(body)
        except msgspec.ValidationError:
            pass  # Messages of no readable form; the rest is still worth reading.
    return _small_members.decode(body)


def _decoded(members: Any) -> Iterator[tuple[str, Any]]:
    for name in SMALL:
        raw = getattr(members, name)
        if raw is not None and len(raw) <= MEMBER_MAX:
            try:
                yield name, _value.decode(raw)
            except UNREADABLE:
                continue
    for name in LISTS:
        yield name, getattr(members, name, None)


def _scalar(value: Any) -> Any:
    return value if isinstance(value, bool | str) else None


def _text(asked: dict[str, Any], finds: tuple[Find, ...]) -> str | None:
    for find in finds:
        for value in find(asked):
            if isinstance(value, str) and value and "\0" not in value:
                return value[:TEXT_MAX]
    return None


@cache
def _max_output_finders(dialect: Dialect | None) -> tuple[Find, ...]:
    return _finders(*(dialect.max_output_at if dialect else MAX_OUTPUT_AT))


def _count(asked: dict[str, Any], finds: tuple[Find, ...]) -> int | None:
    """The largest of all that are given: upstreams differ in which of two names they go by."""
    counts = [_whole(value) for find in finds for value in find(asked)]
    return max((count for count in counts if count is not None), default=None)


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():  # Some write 1e5, and are understood.
        value = int(value)
    return value if type(value) is int and 0 <= value <= COUNT_MAX else None


def _message_count(asked: dict[str, Any], dialect: Dialect | None) -> int | None:
    for name in (dialect.messages_at,) if dialect else LISTS:
        messages = asked.get(name)
        if isinstance(messages, list):
            return len(messages)
    return None


def _session(user_id: str | None) -> str | None:
    """The session in Claude Code's `metadata.user_id`: JSON text, or (older) `..._session_<uuid>`."""
    if not user_id:
        return None
    if user_id.startswith("{"):
        try:
            session = _value.decode(user_id).get("session_id")
        except UNREADABLE:
            return None
        return session if isinstance(session, str) and session else None
    _, found, session = user_id.rpartition("_session_")
    return session if found and session else None
