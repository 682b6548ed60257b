"""Our own answers are in the form that the caller's SDK understands."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import wellhead
from fakes.access import a_key, a_limit, a_project, knowing
from fakes.books import NOON_US, FakeBooks, an_opening
from fakes.gateway import a_request
from wellhead.access import Key
from wellhead.directory import Auth, AuthType, Directory, Provider, ProviderType
from wellhead.errors import (
    BreakerOpen,
    CallerError,
    Quota,
    Refused,
    UpstreamBroke,
    UpstreamTimeout,
    UpstreamUnreachable,
    Wait,
)
from wellhead.gateway.client import too_large
from wellhead.gateway.door import Caller, Door
from wellhead.gateway.replies import INTEGER_MAX, error_body, error_headers, from_upstream, is_short_circuit
from wellhead.gateway.terms import overloaded, too_slow
from wellhead.limit import Limit, Measure, Window
from wellhead.money import NANOUSD_PER_USD
from wellhead.policy.admission import Shortage, forbidden, refusal, unauthorized

LARGE = too_large(10)
OPENAI, ANTHROPIC = ProviderType.OPENAI, ProviderType.ANTHROPIC
GEMINI, OLLAMA = ProviderType.GEMINI, ProviderType.OLLAMA
TOO_LARGE = "The request body is larger than the limit of 10 bytes"
DIALECTS = {OPENAI: "openai_chat", ANTHROPIC: "anthropic_messages", GEMINI: "gemini", OLLAMA: "ollama_chat"}


@pytest.mark.parametrize(
    ("family", "body"),
    [
        (
            ProviderType.OPENAI,
            {
                "error": {
                    "message": TOO_LARGE,
                    "type": "invalid_request_error",
                    "code": "request_too_large",
                    "param": None,
                }
            },
        ),
        (
            ProviderType.ANTHROPIC,
            {"type": "error", "error": {"type": "request_too_large", "message": TOO_LARGE}},
        ),
        (
            ProviderType.GEMINI,
            {"error": {"code": 413, "message": TOO_LARGE, "status": "INVALID_ARGUMENT"}},
        ),
        (ProviderType.OLLAMA, {"error": TOO_LARGE}),
    ],
)
def test_each_family_has_its_own_form(family: ProviderType, body: object) -> None:
    assert json.loads(error_body(family, LARGE)) == body


def test_every_error_names_its_code_and_says_when_to_try_again() -> None:
    headers = dict(error_headers(CallerError("books_unavailable", 503, "x", retry_after_s=2), b"{}"))
    assert headers[b"x-wellhead-error"] == b"books_unavailable"
    assert headers[b"retry-after"] == b"2"
    assert b"connection" not in headers


def test_the_connection_ends_after_an_answer_to_an_unread_request() -> None:
    assert dict(error_headers(LARGE, b""))[b"connection"] == b"close"


def test_an_upstream_that_cannot_be_reached_is_a_502_and_a_slow_one_a_504() -> None:
    refused = from_upstream("vllm", UpstreamUnreachable("the connection was refused"))
    assert (refused.status, refused.code) == (502, "bad_gateway")
    assert refused.message == "The upstream vllm could not be reached: the connection was refused"
    odd = from_upstream("vllm", UpstreamBroke("what it sent is not HTTP"))
    assert odd.message == "The upstream vllm gave no answer: what it sent is not HTTP"
    slow = from_upstream("vllm", UpstreamTimeout(Wait.HEADERS, "silent"))
    assert (slow.status, slow.code) == (504, "upstream_timeout_headers")


# Every refusal, in every form.


def as_structured(field: bytes) -> list[tuple[str, dict[str, int]]]:
    """A list of strings with integers as parameters, read by the letter of RFC 9651."""
    member = re.compile(r'"((?:[ !#-\[\]-~]|\\\\|\\")*)"((?:;[a-z*][a-z0-9_.*-]*=-?[0-9]{1,15})*)')
    text, at, found = field.decode("ascii"), 0, []
    while True:
        read = member.match(text, at)
        assert read is not None, text[at:]
        parameters = (part.split("=") for part in read[2].split(";")[1:])
        found.append((read[1], {name: int(value) for name, value in parameters}))
        at = read.end()
        if at == len(text):
            return found
        assert text.startswith(", ", at), text[at:]
        at += 2


Make = Callable[[ProviderType], CallerError]
"""The error that a caller of a family meets."""


def full(
    limit: Limit, used: int = 0, held: int = 0, frees_us: int | None = NOON_US + 30_000_000
) -> Callable[[ProviderType], Refused]:
    """A limit without room."""
    shortage = Shortage(limit, used, held, 1, frees_us)
    return lambda family: refusal(an_opening(1, dialect=DIALECTS[family]), [shortage], NOON_US)


def a_bad(key: Key | None) -> Make:
    error = unauthorized(key, 2)
    assert error is not None
    return lambda _family: error


def not_allowed(**changes: Any) -> Make:
    error = forbidden(knowing(Directory(), a_project(archived_us=1)), a_key(**changes), an_opening(1))
    assert error is not None
    return lambda _family: error


def from_a_page(_family: ProviderType) -> CallerError:
    adds = Provider("u", OPENAI, "http://u", auth=Auth(AuthType.BEARER, "s"))
    door = Door(FakeBooks(), lambda: 0, require_key=False, names={}, allowed_origins=())
    with pytest.raises(CallerError) as error:
        door.guard_credential(a_request((b"origin", b"https://x.example")), Caller(), adds)
    return error.value


def said(code: str, status: int, retry_after_s: int | None = None) -> Make:
    """An error whose own place is tested with the part that raises it."""
    return lambda _family: CallerError(code, status, "told", retry_after_s=retry_after_s)


def late(wait: Wait) -> Make:
    return lambda _family: from_upstream("u", UpstreamTimeout(wait, "silent"))


HOURLY = a_limit(name="hourly")
BUDGET = a_limit(Measure.COST, 5 * NANOUSD_PER_USD, Window.MONTH, name="water")

# Code, the error, Retry-After; then for each family the status and the name that its clients go by:
# OpenAI's type (and code), Anthropic's type, Gemini's status.  Ollama's have a status and a message.
AUTHENTICATION = ((401, "authentication_error"), (401, "authentication_error"), (401, "UNAUTHENTICATED"), 401)
PERMISSION = ((403, "permission_error"), (403, "permission_error"), (403, "PERMISSION_DENIED"), 403)
RATE = ((429, "rate_limit_error"), (429, "rate_limit_error"), (429, "RESOURCE_EXHAUSTED"), 429)
SPENT = ((402, "insufficient_quota"), (429, "rate_limit_error"), (429, "RESOURCE_EXHAUSTED"), 402)
INVALID = ((400, "invalid_request_error"), (400, "invalid_request_error"), (400, "INVALID_ARGUMENT"), 400)
MISSING = ((404, "not_found_error"), (404, "not_found_error"), (404, "NOT_FOUND"), 404)
SLOW = ((408, "invalid_request_error"), (408, "timeout_error"), (408, "DEADLINE_EXCEEDED"), 408)
LONG = ((431, "invalid_request_error"), (431, "invalid_request_error"), (431, "INVALID_ARGUMENT"), 431)
UNKNOWN = ((501, "server_error"), (501, "api_error"), (501, "INVALID_ARGUMENT"), 501)
LARGER = ((413, "invalid_request_error"), (413, "request_too_large"), (413, "INVALID_ARGUMENT"), 413)
UPGRADE = ((426, "invalid_request_error"), (426, "invalid_request_error"), (426, "INVALID_ARGUMENT"), 426)
UNAVAILABLE = ((503, "server_error"), (503, "overloaded_error"), (503, "UNAVAILABLE"), 503)
GATEWAY = ((502, "server_error"), (502, "api_error"), (502, "UNAVAILABLE"), 502)
TIMEOUT = ((504, "server_error"), (504, "timeout_error"), (504, "DEADLINE_EXCEEDED"), 504)
INTERNAL = ((500, "server_error"), (500, "api_error"), (500, "INTERNAL"), 500)
Told = tuple[int, str]
Row = tuple[Make, int | None, tuple[Told, Told, Told, int]]
TABLE: dict[str, Row] = {
    "key_missing": (said("key_missing", 401), None, AUTHENTICATION),
    "key_unknown": (a_bad(None), None, AUTHENTICATION),
    "key_malformed": (said("key_malformed", 401), None, AUTHENTICATION),
    "key_revoked": (a_bad(a_key(revoked_us=1)), None, AUTHENTICATION),
    "key_withered": (a_bad(a_key(expires_us=1)), None, AUTHENTICATION),
    "too_many_wrong_keys": (said("too_many_wrong_keys", 429, 60), 60, RATE),
    "project_archived": (not_allowed(project_id=3), None, PERMISSION),
    "endpoint_not_allowed": (not_allowed(allowed_endpoints=()), None, PERMISSION),
    "provider_not_allowed": (not_allowed(allowed_providers=()), None, PERMISSION),
    "model_not_allowed": (not_allowed(allowed_models=()), None, PERMISSION),
    "origin_not_allowed": (from_a_page, None, PERMISSION),
    "rate_limited": (full(HOURLY, used=10), 30, RATE),
    "budget_held": (full(BUDGET, held=BUDGET.amount), 1, RATE),
    "budget_exhausted": (full(BUDGET, used=BUDGET.amount), 30, SPENT),
    "books_unavailable": (said("books_unavailable", 503, 2), 2, UNAVAILABLE),
    "credential_unreadable": (said("credential_unreadable", 503), None, UNAVAILABLE),
    "shutting_down": (said("shutting_down", 503, 1), 1, UNAVAILABLE),
    "key_in_path": (said("key_in_path", 400), None, INVALID),
    "model_ambiguous": (said("model_ambiguous", 400), None, INVALID),
    "path_outside": (said("path_outside", 400), None, INVALID),
    "unknown_provider": (said("unknown_provider", 400), None, INVALID),
    "no_provider": (said("no_provider", 404), None, MISSING),
    "not_found": (said("not_found", 404), None, MISSING),
    "bad_request": (said("bad_request", 400), None, INVALID),
    "head_too_large": (said("head_too_large", 431), None, LONG),
    "method_unsupported": (said("method_unsupported", 501), None, UNKNOWN),
    "transfer_coding_unsupported": (said("transfer_coding_unsupported", 501), None, UNKNOWN),
    "request_timeout": (lambda _: too_slow("The head", 10), None, SLOW),
    "overloaded": (lambda _: overloaded(), 1, UNAVAILABLE),
    "request_too_large": (lambda _: too_large(10), None, LARGER),
    "websocket_unsupported": (said("websocket_unsupported", 426), None, UPGRADE),
    **{f"upstream_timeout_{wait.value}": (late(wait), None, TIMEOUT) for wait in Wait},
    "bad_gateway": (lambda _: from_upstream("u", UpstreamBroke("silent")), None, GATEWAY),
    "internal_error": (said("internal_error", 500), None, INTERNAL),
}
TIMEOUTS = {f"upstream_timeout_{wait.value}": "upstream_timeout" for wait in Wait}
OF_OPENAI = {"budget_exhausted": "insufficient_quota", **TIMEOUTS}
"""Codes of ours that clients know by another name."""


@pytest.mark.parametrize("code", TABLE)
def test_every_refusal_has_its_status_and_its_form_in_every_family(code: str) -> None:
    make, retry_after_s, (openai, anthropic, gemini, ollama) = TABLE[code]
    for family in ProviderType:
        error = make(family)
        body = error_body(family, error)
        headers = error_headers(error, body)
        told, fields = json.loads(body), dict(headers)
        assert error.code == code
        if family is OPENAI:
            kind, code_there = openai[1], OF_OPENAI.get(code, code)
            assert told == {
                "error": {"message": error.message, "type": kind, "code": code_there, "param": None}
            }
            assert error.status == openai[0]
        elif family is ANTHROPIC:
            assert told == {"type": "error", "error": {"type": anthropic[1], "message": error.message}}
            assert error.status == anthropic[0]
        elif family is GEMINI:
            assert told == {"error": {"code": error.status, "message": error.message, "status": gemini[1]}}
            assert error.status == gemini[0]
        else:
            assert (told, error.status) == ({"error": error.message}, ollama)
        assert len(headers) == len(fields), "no header comes twice"
        assert fields.pop(b"x-wellhead-error") == code.encode()
        assert fields.pop(b"content-type") == b"application/json"
        assert fields.pop(b"content-length") == b"%d" % len(body)
        waits = None if retry_after_s is None else b"%d" % retry_after_s
        assert fields.pop(b"retry-after", None) == waits
        policy, state = fields.pop(b"ratelimit-policy", None), fields.pop(b"ratelimit", None)
        assert (policy is None) is (state is None) is (not isinstance(error, Refused) or not error.quotas)
        assert fields.pop(b"cache-control", None) == (b"no-store" if error.status == 401 else None)
        assert fields.pop(b"connection", None) == (b"close" if error.status in (408, 413, 426) else None)
        assert fields.pop(b"upgrade", None) == (b"HTTP/1.1" if error.status == 426 else None)
        assert fields == {}


def test_the_table_has_every_code_that_the_gateway_uses() -> None:
    root = Path(wellhead.__file__).parent
    source = "".join(
        path.read_text() for part in ("gateway", "policy") for path in sorted((root / part).glob("*.py"))
    )
    raised = re.findall(r'(?:CallerError|Refused)\(\s*"(\w+)", (\d{3})', source)
    chosen = re.findall(r'\bcode, status = "(\w+)"', source)
    assert {code for code, _ in raised} | set(chosen) | TIMEOUTS.keys() == TABLE.keys()
    assert all(TABLE[code][2][3] == int(status) for code, status in raised)


# A breaker that is open.


OPEN = BreakerOpen("vllm", 7)
THEIRS = {
    "code": "short-circuit",
    "status": 503,
    "providerId": "vllm",
    "retryable": False,
    "cause": "circuit breaker open",
}
"""What agent-cli-proxy says inside `error`."""


@pytest.mark.parametrize(
    ("family", "body"),
    [
        (OPENAI, {"error": {"message": OPEN.message, "type": "server_error", "param": None, **THEIRS}}),
        (
            ANTHROPIC,
            {"type": "error", "error": {"type": "overloaded_error", "message": OPEN.message, **THEIRS}},
        ),
        # Google's clients want a number and a name of theirs in two of the places.
        (
            GEMINI,
            {"error": {"message": OPEN.message, **THEIRS, "code": 503, "status": "UNAVAILABLE"}},
        ),
        (OLLAMA, {"error": OPEN.message, **THEIRS}),
    ],
)
def test_an_open_breaker_is_told_in_both_forms(family: ProviderType, body: object) -> None:
    said = error_body(family, OPEN)
    assert json.loads(said) == body
    fields = dict(error_headers(OPEN, said))
    assert (OPEN.status, fields[b"retry-after"], fields[b"x-wellhead-error"]) == (503, b"7", b"breaker_open")
    assert is_short_circuit(list(fields.items()), said)


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b'{"error":{"code":"short-circuit","status":503}}', True),
        (b'{"error":{"code":"overloaded","message":"short-circuit"}}', False),
        (b'{"error":"short-circuit"}', False),
        (b'["short-circuit"]', False),
        (b'{"error":{"code":"short-circuit"', False),
        (b"[" * 100_000 + b'"short-circuit"', False),
        (b"short-circuit \xff", False),
        (b"", False),
    ],
)
def test_what_another_gateway_says_of_its_breaker_is_known(body: bytes, is_one: bool) -> None:
    assert is_short_circuit([(b"content-type", b"application/json")], body) is is_one


# How limits stand.


def test_a_full_limit_tells_its_policy_and_its_state() -> None:
    error = full(a_limit(amount=200, name="hourly"), used=190, held=10)(OPENAI)
    fields = dict(error_headers(error, b""))
    assert fields[b"ratelimit-policy"] == b'"hourly";q=200;w=3600'
    assert fields[b"ratelimit"] == b'"hourly";r=0;t=1'


def test_each_of_several_limits_is_told() -> None:
    quotas = (
        Quota("hourly", 200, 0, 3600, 30),
        Quota("prepaid", 9000, 12, None, None),
        Quota('"so-called" \\ größer\r\nx: y', 5, 0, 60, 7),
        Quota("budget", 2 * 10**15, 10**15, 30 * 86400, 5),
    )
    fields = dict(error_headers(Refused("rate_limited", 429, "x", quotas=quotas), b""))
    assert as_structured(fields[b"ratelimit-policy"]) == [
        ("hourly", {"q": 200, "w": 3600}),
        ("prepaid", {"q": 9000}),
        ("so-called  grerx: y", {"q": 5, "w": 60}),
        ("budget", {"q": INTEGER_MAX, "w": 30 * 86400}),
    ]
    assert as_structured(fields[b"ratelimit"]) == [
        ("hourly", {"r": 0, "t": 30}),
        ("prepaid", {"r": 12}),
        ("so-called  grerx: y", {"r": 0, "t": 7}),
        ("budget", {"r": INTEGER_MAX, "t": 5}),
    ]


@pytest.mark.parametrize("window", Window)
@pytest.mark.parametrize("measure", Measure)
def test_every_kind_of_limit_is_told_in_structured_fields(measure: Measure, window: Window) -> None:
    limit = replace(a_limit(measure, 10**9, window), id=12)
    error = full(limit, used=10**9, frees_us=None if window is Window.TOTAL else NOON_US + 1)(OPENAI)
    fields = dict(error_headers(error, b""))
    (name, policy), (again, state) = (
        as_structured(fields[field])[0] for field in (b"ratelimit-policy", b"ratelimit")
    )
    assert name == again == "limit-12"
    assert policy["q"] == 10**9
    assert ("w" in policy) is (window is not Window.TOTAL)
    assert state["r"] == 0
