"""What the simulated upstream does wrong when it is asked to, and how each API says that it failed.

A fault is asked for by the model's name (`{"model": "cut"}`) or, for any model, by
the header `x-sim-fault`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from wellhead.demo.answer import Answer, Ask, document, event
from wellhead.demo.encoding import encoded


class Fault(StrEnum):
    """The ways to fail; `fail-NNN` is any HTTP error status."""

    CUT = "cut"
    """The connection is closed in the middle of the body, which never gets its proper end."""
    RESET = "reset"
    """The same with a TCP reset."""
    HANG = "hang"
    """No answer, ever."""
    HEAD_ONLY = "head-only"
    """The head of the response, and then nothing."""
    STALL = "stall"
    """A few chunks, and then nothing."""
    SLOW = "slow"
    """Seconds before the head and between chunks."""
    ENDLESS = "endless"
    """A stream that never ends."""
    GARBAGE = "garbage"
    """200 and a body that is not what its content type says."""
    NOT_HTTP = "not-http"
    """Bytes that are not HTTP."""
    ERROR_EVENT = "error-event"
    """200 and a stream that ends in the API's own error."""


class Family(StrEnum):
    """Whose form of errors an endpoint uses."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    OLLAMA = "ollama"


RETRY_AFTER_S = 2
CHUNKS_BEFORE_FAULT = 3
GARBAGE_BYTES = b'data: {"usage": {"prompt_tokens": -1, "completion_\xff\xfe\x00 tokens": "many"\n\n{"usage":'
_KINDS = {
    # status: OpenAI's type and code, Anthropic's type, Gemini's status, what is said
    400: (
        "invalid_request_error",
        None,
        "invalid_request_error",
        "INVALID_ARGUMENT",
        "The request is not valid.",
    ),
    401: (
        "invalid_request_error",
        "invalid_api_key",
        "authentication_error",
        "UNAUTHENTICATED",
        "The API key is not valid.",
    ),
    403: (
        "invalid_request_error",
        None,
        "permission_error",
        "PERMISSION_DENIED",
        "This key may not do that.",
    ),
    404: (
        "invalid_request_error",
        "not_found",
        "not_found_error",
        "NOT_FOUND",
        "There is nothing at this path.",
    ),
    429: ("requests", "rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED", "Too many requests."),
    503: ("server_error", None, "api_error", "UNAVAILABLE", "The service is not available."),
    529: ("server_error", None, "overloaded_error", "UNAVAILABLE", "Overloaded."),
}
_OTHER = ("server_error", None, "api_error", "INTERNAL", "The server had an error.")


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a request asked to go wrong."""

    fault: Fault | None = None
    status: int | None = None
    """With `fail-NNN`."""


def trouble(ask: Ask) -> Trouble:
    """What a request asks to go wrong: nothing, as a rule."""
    name = ask.headers.get("x-sim-fault", ask.model)
    status = name.removeprefix("fail-")
    if name.startswith("fail-") and status.isdecimal() and 400 <= int(status) <= 599:
        return Trouble(status=int(status))
    return Trouble(Fault(name)) if name in set(Fault) else Trouble()


def spoilt(answer: Answer, family: Family, wrong: Trouble) -> Answer:
    """The answer as the fault that was asked for leaves it; what happens below HTTP is `wire.py`'s."""
    chunks: Iterable[bytes] = answer.chunks
    if wrong.fault is Fault.GARBAGE:
        chunks = [GARBAGE_BYTES]
    elif wrong.fault is Fault.ERROR_EVENT and answer.streamed:
        chunks = [*islice(answer.chunks, CHUNKS_BEFORE_FAULT), error_chunk(family, answer)]
    encoding = answer.headers.get("content-encoding")
    return replace(answer, chunks=encoded(chunks, encoding) if encoding else chunks)


def refusal(family: Family, status: int) -> Answer:
    """An HTTP error in the family's own form."""
    headers = {"retry-after": str(RETRY_AFTER_S)} if status in (429, 503, 529) else {}
    return document(error_body(family, status), status, headers)


def error_body(family: Family, status: int) -> dict[str, Any]:
    """The body of an error in the family's own form."""
    openai_type, openai_code, anthropic_type, gemini_status, said = _KINDS.get(status, _OTHER)
    match family:
        case Family.OPENAI:
            return {"error": {"message": said, "type": openai_type, "param": None, "code": openai_code}}
        case Family.ANTHROPIC:
            return {
                "type": "error",
                "error": {"type": anthropic_type, "message": said},
                "request_id": "req_simulated",
            }
        case Family.GEMINI:
            return {"error": {"code": status, "message": said, "status": gemini_status}}
        case Family.OLLAMA:
            return {"error": said.removesuffix(".").lower()}


def error_chunk(family: Family, answer: Answer) -> bytes:
    """How a stream of that family says that it failed half way."""
    body = error_body(family, 529)
    if not answer.content_type.startswith("text/event-stream"):
        chunk: bytes = b"".join(document(body).chunks)
        return chunk + b"\n"
    return event(body, "error" if family is Family.ANTHROPIC else None)
