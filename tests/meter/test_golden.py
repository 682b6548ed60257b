"""Every recorded or written response gives the reading that stands beside it, however it is cut.

`tests/data/responses/<name>.txt` is a response head and body as they came over the
wire; `<name>.json` is what a reader of that file would note down.  Files named
`written-...` follow the providers' documentation, the others were recorded.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict

from wellhead.meter.catalogue import DIALECTS
from wellhead.meter.meter import Meter
from wellhead.usage import Reading

RESPONSES = Path(__file__).parents[1] / "data" / "responses"
NAMES = sorted(path.stem for path in RESPONSES.glob("*.json"))


@dataclass(frozen=True)
class Golden:
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    expected: dict[str, Any]

    def meter(self) -> Meter:
        return Meter(
            DIALECTS[self.expected["dialect"]],
            status=self.status,
            content_type=dict(self.headers)[b"content-type"].decode(),
            variant=self.expected.get("variant"),
            headers=self.headers,
        )

    def read(self, *chunks: bytes) -> Reading:
        meter = self.meter()
        for chunk in chunks:
            meter.feed(chunk)
        return meter.finish()


def golden(name: str) -> Golden:
    head, _, body = (RESPONSES / f"{name}.txt").read_bytes().partition(b"\r\n\r\n")
    status_line, *lines = head.split(b"\r\n")
    pairs = [line.partition(b":") for line in lines]
    return Golden(
        status=int(status_line.split()[1]),
        headers=[(name.lower(), value.strip()) for name, _, value in pairs],
        body=body,
        expected=json.loads((RESPONSES / f"{name}.json").read_bytes()),
    )


def noted(reading: Reading) -> dict[str, Any]:
    """A reading in the form of the golden files: what is not known is left out."""
    fields = asdict(reading) | {"usage": asdict(reading.usage)}
    fields["usage"] = {name: count for name, count in fields["usage"].items() if count is not None}
    if fields["usage_extra"] is not None:
        fields["usage_extra"] = json.loads(fields["usage_extra"])
    keep = ("usage", "usage_source", "ended")
    return {name: value for name, value in fields.items() if name in keep or value not in (None, ())}


def test_every_response_has_an_expected_reading() -> None:
    assert {path.stem for path in RESPONSES.glob("*.txt")} == set(NAMES)


def test_every_dialect_and_variation_has_a_response() -> None:
    shown = {(e["dialect"], e.get("variant")) for e in (golden(name).expected for name in NAMES)}
    for dialect in DIALECTS.values():
        assert (dialect.name, None) in shown
    assert {("openai_chat", variant) for variant in DIALECTS["openai_chat"].variants} <= shown


@pytest.mark.parametrize("name", NAMES)
def test_reading_is_as_noted(name: str) -> None:
    response = golden(name)
    meter = response.meter()
    meter.feed(response.body)
    reading = meter.finish()
    assert noted(reading) == response.expected["reading"]
    assert meter.streamed is response.expected["streamed"]
    assert meter.finish() is reading


@pytest.mark.parametrize("name", NAMES)
def test_parts_never_exceed_their_whole(name: str) -> None:
    response = golden(name)
    usage = response.read(response.body).usage
    if usage.input_tokens is not None:
        assert (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0) <= usage.input_tokens
    if usage.output_tokens is not None:
        assert (usage.reasoning_tokens or 0) <= usage.output_tokens
    assert (usage.cache_write_1h_tokens or 0) <= (usage.cache_write_tokens or 0)


def endings(body: bytes) -> set[bytes]:
    """The same body with each kind of line endings; a body without any is one."""
    lf = body.replace(b"\r\n", b"\n")
    return {lf, lf.replace(b"\n", b"\r\n"), lf.replace(b"\n", b"\r")}


def assert_same_when_cut(response: Golden, body: bytes, cuts: Iterable[int]) -> None:
    whole = response.read(body)
    assert noted(whole) == response.expected["reading"]
    for cut in cuts:
        assert response.read(body[:cut], body[cut:]) == whole, f"cut at {cut}"


SHORT = [name for name in NAMES if len(golden(name).body) < 10_000]


@pytest.mark.parametrize("name", SHORT)
def test_a_cut_at_any_byte_changes_nothing_whatever_the_line_endings(name: str) -> None:
    response = golden(name)
    for body in endings(response.body):
        assert_same_when_cut(response, body, range(len(body) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_byte_by_byte_changes_nothing(name: str) -> None:
    response = golden(name)
    for body in endings(response.body):
        reading = response.read(*(body[n : n + 1] for n in range(len(body))))
        assert noted(reading) == response.expected["reading"]
