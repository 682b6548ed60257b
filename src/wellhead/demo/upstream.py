"""The simulated upstream: one ASGI app that speaks every dialect and fails on demand.

::

    request -> Ask -> apis/*.py -> Answer -> faults, encoding, timing -> wire

Start it by itself with ``python -m wellhead.demo.upstream --port 0``; it prints its
address.  `GET /sim/stats` says what it saw.  Endpoints are found below any prefix, so
a provider's base URL may carry a path.  What a request may ask for:

=====================  =====================================================
``model`` or header    see `faults.Fault` and ``fail-NNN``
``x-sim-fault``
``x-sim-encoding``     ``gzip``, ``deflate``, ``br`` or ``zstd``
``x-sim-ttft-ms``      wait before the head
``x-sim-interval-ms``  wait before each further chunk of a stream
``x-sim-pieces``       pieces of text in the answer
``x-sim-piece-chars``  characters in each
=====================  =====================================================
"""

import argparse
import asyncio
import hashlib
import re
import socket
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum, auto
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec
import uvicorn

from wellhead.demo.answer import Answer, Api, Ask, document
from wellhead.demo.apis import anthropic, gemini, ollama, openai_chat, openai_media, openai_responses
from wellhead.demo.encoding import ENCODERS, encoded
from wellhead.demo.faults import GARBAGE_BYTES, Family, Fault, Trouble, error_chunk, refusal, trouble
from wellhead.demo.sightings import Sightings
from wellhead.demo.speech import Wishes

Scope = dict[str, Any]
Message = dict[str, Any]

CHUNKS_BEFORE_FAULT = 3
SLOW_TTFT_S = 2.0
SLOW_INTERVAL_S = 0.2

_GEMINI = r"/v1(?:beta)?/(?:models|tunedModels)/(?P<model>[^:]+):"
ROUTES: tuple[tuple[str, re.Pattern[str], Api, Family], ...] = tuple(
    (method, re.compile(pattern + "$"), api, family)
    for method, pattern, api, family in (
        ("POST", "/v1/chat/completions", openai_chat.chat, Family.OPENAI),
        ("POST", "/v1/completions", openai_chat.completions, Family.OPENAI),
        ("POST", "/v1/responses", openai_responses.responses, Family.OPENAI),
        ("POST", "/v1/embeddings", openai_media.embeddings, Family.OPENAI),
        ("POST", "/v1/images/generations", openai_media.images, Family.OPENAI),
        ("POST", "/v1/audio/transcriptions", openai_media.transcription, Family.OPENAI),
        ("GET", "/v1/models", openai_media.models, Family.OPENAI),
        ("POST", "/v1/messages", anthropic.messages, Family.ANTHROPIC),
        ("POST", "/v1/messages/count_tokens", anthropic.count_tokens, Family.ANTHROPIC),
        ("POST", _GEMINI + "generateContent", gemini.generate, Family.GEMINI),
        ("POST", _GEMINI + "streamGenerateContent", gemini.stream, Family.GEMINI),
        ("POST", _GEMINI + "embedContent", gemini.embed, Family.GEMINI),
        ("POST", _GEMINI + "batchEmbedContents", gemini.batch_embed, Family.GEMINI),
        ("POST", _GEMINI + "countTokens", gemini.count_tokens, Family.GEMINI),
        ("POST", "/api/chat", ollama.chat, Family.OLLAMA),
        ("POST", "/api/generate", ollama.generate, Family.OLLAMA),
        ("POST", "/api/embed", ollama.embed, Family.OLLAMA),
        ("GET", "/api/tags", ollama.tags, Family.OLLAMA),
        ("POST", "/api/show", ollama.show, Family.OLLAMA),
    )
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long it thinks; zero in tests."""

    ttft_s: float = 0.0
    interval_s: float = 0.0


AT_ONCE = Timing()


class Ending(Enum):
    """How an answer ended, if the client waited for it."""

    SENT = auto()
    SEVERED = auto()


class SimulatedUpstream:
    """The app; `sightings` holds what it saw."""

    def __init__(self, timing: Timing = AT_ONCE) -> None:
        self.timing = timing
        self.sightings = Sightings()

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["path"] == "/sim/stats":
            await _transmit(document(self.sightings.as_json()), send)
            return
        body = await _body(receive)
        if body is None:
            return
        self.sightings.request(scope, body)
        exchange = asyncio.create_task(self._answer(scope, body, send))
        # Once the body is in, the next message can only be that the client has gone.
        gone = asyncio.create_task(receive())
        try:
            await asyncio.wait({exchange, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not exchange.done():
                self.sightings.cut_by_client += 1
            elif exchange.result() is Ending.SEVERED:
                # The server holds an unfinished answer for a mistake unless it knows the connection is gone.
                await gone
        finally:
            exchange.cancel()
            gone.cancel()
            await asyncio.gather(exchange, gone, return_exceptions=True)

    async def _answer(self, scope: Scope, body: bytes, send: Any) -> Ending:
        ask, answer, family = respond(scope, body)
        wrong = trouble(ask)
        timing = self._timing(ask, wrong)
        self.sightings.open += 1
        self.sightings.streams_open += answer.streamed
        try:
            if wrong.fault is Fault.HANG:
                await asyncio.Event().wait()
            await asyncio.sleep(timing.ttft_s)
            await _transmit(spoilt(answer, family, wrong), send, timing.interval_s, wrong.fault)
            self.sightings.bodies_sent += 1
            return Ending.SENT
        except _Severed:
            self.sightings.severed += 1
            return Ending.SEVERED
        finally:
            self.sightings.open -= 1
            self.sightings.streams_open -= answer.streamed

    def _timing(self, ask: Ask, wrong: Trouble) -> Timing:
        slow = wrong.fault is Fault.SLOW
        usual = Timing(SLOW_TTFT_S, SLOW_INTERVAL_S) if slow else self.timing
        ttft, interval = ask.headers.get("x-sim-ttft-ms"), ask.headers.get("x-sim-interval-ms")
        return Timing(
            float(ttft) / 1000 if ttft else usual.ttft_s,
            float(interval) / 1000 if interval else usual.interval_s,
        )


def respond(scope: Scope, body: bytes) -> tuple[Ask, Answer, Family]:
    """The whole simulation without any I/O: what is answered to a request."""
    ask = _ask(scope, body)
    for method, pattern, api, family in ROUTES:
        found = pattern.search(ask.path)
        if found and scope["method"] == method:
            ask = replace(ask, model=found.groupdict().get("model") or ask.model)
            status = trouble(ask).status
            answer = refusal(family, status) if status else _tried(api, ask, family)
            return ask, replace(answer, headers=answer.headers | _request_id(family, ask)), family
    family = Family.OLLAMA if "/api/" in ask.path else Family.OPENAI
    return ask, refusal(family, 404), family


def spoilt(answer: Answer, family: Family, wrong: Trouble) -> Answer:
    """The answer as the fault that was asked for leaves it; what the wire does is `_transmit`'s."""
    chunks: Iterable[bytes] = answer.chunks
    if wrong.fault is Fault.GARBAGE:
        chunks = [GARBAGE_BYTES]
    elif wrong.fault is Fault.ERROR_EVENT and answer.streamed:
        chunks = [*islice(answer.chunks, CHUNKS_BEFORE_FAULT), error_chunk(family, answer)]
    encoding = answer.headers.get("content-encoding")
    return replace(answer, chunks=encoded(chunks, encoding) if encoding else chunks)


def _ask(scope: Scope, body: bytes) -> Ask:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    try:
        decoded = msgspec.json.decode(body) if body else {}
    except msgspec.DecodeError:
        decoded = None
    fields = decoded if isinstance(decoded, dict) else {}
    model = str(fields.get("model") or openai_media.form_model(body))
    pieces, chars = headers.get("x-sim-pieces"), headers.get("x-sim-piece-chars")
    fault = headers.get("x-sim-fault", model)
    endless = Fault.ENDLESS in (fault, unquote(scope["path"]).rpartition("/")[2].partition(":")[0])
    wishes = Wishes(int(pieces) if pieces else None, int(chars) if chars else None, endless)
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
    return Ask(unquote(scope["path"]), query, headers, body, fields, model, wishes)


def _tried(api: Api, ask: Ask, family: Family) -> Answer:
    """The API's answer, encoded if that was asked for; 400 for a body that should have been JSON."""
    is_form = ask.headers.get("content-type", "").startswith("multipart/")
    if not ask.json and ask.body and not is_form:
        return refusal(family, 400)
    answer = api(ask)
    encoding = ask.headers.get("x-sim-encoding")
    if encoding not in ENCODERS:
        return answer
    return replace(answer, headers=answer.headers | {"content-encoding": encoding, "vary": "accept-encoding"})


def _request_id(family: Family, ask: Ask) -> dict[str, str]:
    names = {Family.OPENAI: "x-request-id", Family.ANTHROPIC: "request-id"}
    digest = hashlib.sha256(ask.body).hexdigest()
    return {names[family]: f"req_{digest[:24]}"} if family in names else {}


class _Severed(Exception):  # noqa: N818 (it is how a fault ends, not an error)
    """The connection was broken on purpose."""


async def _transmit(answer: Answer, send: Any, interval_s: float = 0.0, fault: Fault | None = None) -> None:
    if fault is Fault.NOT_HTTP:
        _sever(send, b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    chunks, length = answer.chunks, None
    if not answer.streamed:
        whole = b"".join(chunks)
        chunks, length = _split(whole) if fault else [whole], len(whole)
    headers = {"content-type": answer.content_type} | answer.headers
    if length is not None:
        headers["content-length"] = str(length)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    for number, chunk in enumerate(chunks):
        if number:
            await asyncio.sleep(interval_s)
        await _misbehave(fault, number, send)
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _misbehave(fault: Fault | None, number: int, send: Any) -> None:
    """What goes wrong before the chunk of that number."""
    if fault is Fault.HEAD_ONLY and number == 0:
        # An empty part makes the server send the head.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.Event().wait()
    if number != CHUNKS_BEFORE_FAULT:
        return
    if fault is Fault.STALL:
        await asyncio.Event().wait()
    if fault is Fault.CUT:
        _sever(send)
    if fault is Fault.RESET:
        _sever(send, reset=True)


def _split(whole: bytes) -> list[bytes]:
    """One document in pieces, so that a fault can strike in the middle of it."""
    step = max(1, len(whole) // (2 * CHUNKS_BEFORE_FAULT))
    return [whole[start : start + step] for start in range(0, len(whole), step)]


def _sever(send: Any, last_words: bytes = b"", *, reset: bool = False) -> None:
    """Break the connection below HTTP, which ASGI has no word for: uvicorn's transport is taken for it."""
    transport: asyncio.Transport = send.__self__.transport
    if last_words:
        transport.write(last_words)
    if reset:
        linger_0s = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_0s)
        transport.abort()
    else:
        transport.close()
    raise _Severed


async def _body(receive: Any) -> bytes | None:
    """The whole request body; `None` if the client left before it was in."""
    parts: list[bytes] = []
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def server(app: SimulatedUpstream) -> uvicorn.Server:
    """A server for it; run it with a socket of `listener`."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            backlog=2048,
        )
    )


def listener(port: int = 0) -> socket.socket:
    """A loopback socket; port 0 takes a free one."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    return listening


def address(listening: socket.socket) -> str:
    host, port = listening.getsockname()
    return f"http://{host}:{port}"


def main() -> None:
    """Serve until a signal; the first line on stdout is the address."""
    options = argparse.ArgumentParser(
        prog="python -m wellhead.demo.upstream", description=__doc__.splitlines()[0]
    )
    options.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options.add_argument("--ttft-ms", type=float, default=0.0, help="wait before the head of an answer")
    options.add_argument(
        "--interval-ms", type=float, default=0.0, help="wait before each further chunk of a stream"
    )
    chosen = options.parse_args()
    listening = listener(chosen.port)
    sys.stdout.write(f"{address(listening)}\n")
    sys.stdout.flush()
    server(SimulatedUpstream(Timing(chosen.ttft_ms / 1000, chosen.interval_ms / 1000))).run(
        sockets=[listening]
    )


if __name__ == "__main__":
    main()
