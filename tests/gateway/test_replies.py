"""Our own answers are in the form that the caller's SDK understands."""

import json

import pytest

from wellhead.directory import ProviderType
from wellhead.errors import CallerError, UpstreamBroke, UpstreamTimeout, UpstreamUnreachable
from wellhead.gateway.replies import error_body, error_headers, from_upstream

LARGE = CallerError("request_too_large", 413, "too large")


@pytest.mark.parametrize(
    ("family", "body"),
    [
        (
            ProviderType.OPENAI,
            {
                "error": {
                    "message": "too large",
                    "type": "invalid_request_error",
                    "code": "request_too_large",
                    "param": None,
                }
            },
        ),
        (
            ProviderType.ANTHROPIC,
            {"type": "error", "error": {"type": "request_too_large", "message": "too large"}},
        ),
        (
            ProviderType.GEMINI,
            {"error": {"code": 413, "message": "too large", "status": "INVALID_ARGUMENT"}},
        ),
        (ProviderType.OLLAMA, {"error": "too large"}),
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
    slow = from_upstream("vllm", UpstreamTimeout("silent"))
    assert (slow.status, slow.code) == (504, "upstream_timeout")
