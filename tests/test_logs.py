"""What a log line looks like, and what never gets into one."""

import json
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from wellhead import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Leave the process's logging as it was found."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.NOTSET)


Captured = pytest.CaptureFixture[str]


def written(capsys: Captured) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    return [json.loads(line) for line in (captured.out + captured.err).splitlines()]


def test_a_line_has_time_level_event_and_fields_in_that_order(capsys: Captured) -> None:
    logs.configure("info", "json", component="gateway").info("call.done", status=200)
    (line,) = written(capsys)
    assert list(line) == ["ts", "level", "msg", "component", "status"]
    assert (line["level"], line["msg"], line["component"], line["status"]) == (
        "info",
        "call.done",
        "gateway",
        200,
    )
    at = datetime.fromisoformat(line["ts"])
    assert at.tzinfo == UTC
    assert abs(at.timestamp() - time.time()) < 60


def test_errors_go_to_stderr_and_the_rest_to_stdout(capsys: Captured) -> None:
    log = logs.configure("debug", "json")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.error("d")
    captured = capsys.readouterr()
    assert [json.loads(x)["level"] for x in captured.out.splitlines()] == ["debug", "info", "warn"]
    assert [json.loads(x)["level"] for x in captured.err.splitlines()] == ["error"]


def test_what_is_below_the_level_is_not_written(capsys: Captured) -> None:
    log = logs.configure("warn", "json")
    log.info("quiet")
    log.warning("loud")
    assert [line["msg"] for line in written(capsys)] == ["loud"]


def test_an_exception_is_one_line_with_its_traceback(capsys: Captured) -> None:
    log = logs.configure("info", "json")
    try:
        raise RuntimeError("no key sk-canary-1234 here")
    except RuntimeError:
        log.exception("it.broke")
    (line,) = written(capsys)
    assert line["msg"] == "it.broke"
    assert "RuntimeError: no key [REDACTED] here" in line["exception"]


def test_pretty_lines_are_for_people_and_as_secret(capsys: Captured) -> None:
    logs.configure("info", "pretty").info("call.done", api_key="canary", url="http://h/?key=canary")
    out = capsys.readouterr().out
    assert "call.done" in out
    assert "canary" not in out


def test_the_standard_librarys_log_comes_through_ours(capsys: Captured) -> None:
    logs.configure("info", "json")
    logging.getLogger("uvicorn.error").warning("Invalid %s with Bearer canary123", "request")
    logging.getLogger("uvicorn.error").info("Started")
    (line,) = written(capsys)
    assert (line["level"], line["logger"]) == ("warn", "uvicorn.error")
    assert line["msg"] == "Invalid request with Bearer [REDACTED]"


def test_debugging_makes_the_server_talkative_and_no_other_library(capsys: Captured) -> None:
    logs.configure("debug", "json")
    logging.getLogger("uvicorn.error").info("Started")
    logging.getLogger("sqlalchemy.engine.Engine").info("INSERT ... ('canary')")
    assert [line["msg"] for line in written(capsys)] == ["Started"]
    logs.configure("info", "json")
    logging.getLogger("uvicorn.error").info("Started")
    assert written(capsys) == []


def test_a_reader_that_is_gone_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stdout", Closed())
    logs.configure("info", "auto").info("nobody.hears")


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "api_key",
        "x-api-key",
        "X-Goog-Api-Key",
        "password",
        "secret",
        "Set-Cookie",
    ],
)
def test_values_of_secret_keys_are_not_written_at_any_depth(key: str) -> None:
    deep = {
        "a": [{"b": ({key: {"value": "canary"}},)}],
        "headers": [(key, "canary"), [key.encode(), b"canary"]],
    }
    assert "canary" not in json.dumps(logs.scrub(deep))


def test_a_secret_key_at_the_top_is_not_written(capsys: Captured) -> None:
    logs.configure("info", "json").info("x", authorization="canary", key=None)
    (line,) = written(capsys)
    assert (line["authorization"], line["key"]) == ("[REDACTED]", None)


@pytest.mark.parametrize(
    "name", ["total_tokens", "input_tokens", "key_id", "credential_hash", "secretary", "monkey"]
)
def test_names_that_only_look_alike_are_written(name: str) -> None:
    assert logs.scrub({name: 5}) == {name: 5}
    assert not logs.is_secret(name)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer [REDACTED]"),
        ("basic dXNlcjpwYXNz", "basic [REDACTED]"),
        ("key sk-ant-api03-abcdef", "key [REDACTED]"),
        ("wh_0123456789abcdef", "[REDACTED]"),
        ("gsk_abcdefgh xai-abcdefgh", "[REDACTED] [REDACTED]"),
        ("AIzaSyA-1234567890_abcdefghij", "[REDACTED]"),
        ("GET /v1beta/models?alt=sse&key=abc&x=1", "GET /v1beta/models?alt=sse&key=[REDACTED]&x=1"),
        ("http://user:pass@host/path", "http://[REDACTED]@host/path"),
        ("a risk-assessment of task-management", "a risk-assessment of task-management"),
        ("model gpt-5, 3 tokens, http://host:80/a", "model gpt-5, 3 tokens, http://host:80/a"),
    ],
)
def test_what_looks_like_a_secret_is_not_written_wherever_it_stands(text: str, shown: str) -> None:
    assert logs.scrub_text(text) == shown


Anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=20,
)


@given(Anything)
def test_anything_can_be_logged(value: object) -> None:
    json.dumps(logs.scrub(value))


def test_what_is_nested_too_deep_is_cut() -> None:
    deep: object = "canary"
    for _ in range(logs.DEPTH_MAX):
        deep = [deep]
    assert "canary" not in str(logs.scrub([deep]))
