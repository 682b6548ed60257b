"""Promise 1: what a client sends reaches the upstream byte for byte, and the answer comes back the same way.

Generated conversations go through the real program: several requests on one
connection, one after the other or pipelined, every framing, encoding, method and
odd path, written in random pieces on both sides.  Both ends are raw sockets, so
what is compared is what was on the wire.  The number in a failing test's name is
the seed of its conversation.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from random import Random

import pytest
import pytest_asyncio

from fakes.stand import MB, Stand, a_stand
from fakes.wire import Exchange, Script, WireAnswer, WireClient, WireRequest, talk
from wellhead.demo.encoding import ENCODERS
from wellhead.gateway.heads import CREDENTIALS

pytestmark = pytest.mark.asyncio(loop_scope="module")

Lines = list[tuple[bytes, bytes]]

CONVERSATIONS = 24
MORE_CONVERSATIONS = 376
"""In the soak runs."""
EXCHANGES = 12
BODY_MAX = 8 * MB
PIECES_MAX = 40

METHODS = (b"POST", b"POST", b"POST", b"GET", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD", b"PROPFIND")
TARGETS = (
    b"/v1/chat/completions",
    b"/v1/chat/completions?api-version=2024-10-21",
    b"/v1/messages?beta=true",
    b"/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=AIza-not-a-key",
    b"/api/chat",
    b"/",
    b"//",
    b"//v1//chat/completions",
    b"/v1/../v1/./files/..",
    b"/v1/%2e%2e/%2E/%2f%2F%00%ff",
    b"/v1/files/%zz%",
    b"/v1/x?",
    b"/v1/x??&&=&a=%20&a=+&a",
    b"/v1/x?key=&key=a&q=/../%2e?",
    b"/v1/a;b=c/(d)'!*$,+@:&=~_-.",
    b'/v1/"<>^`{|}\\',
    b"/openai/v1/models",
)
NAMES = (
    b"X-One",
    b"x-two",
    b"Accept",
    b"accept-encoding",
    b"User-Agent",
    b"Cookie",
    b"Authorization",
    b"traceparent",
    b"X-Forwarded-For",
    b"Via",
    b"x_under.score",
    b"X-!#$%&'*+-.^_`|~",
    b"Forwarded",
    b"Range",
    b"If-None-Match",
    b"X-Stainless-Retry-Count",
)
ANSWER_NAMES = (
    b"Set-Cookie",
    b"set-cookie",
    b"Date",
    b"Server",
    b"x-request-id",
    b"X-RateLimit-Remaining",
    b"Vary",
    b"ETag",
    b"Cache-Control",
    b"Access-Control-Allow-Origin",
    b"Via",
    b"Location",
    b"Retry-After",
)
HOP_BY_HOP: Lines = [
    (b"Keep-Alive", b"timeout=5"),
    (b"TE", b"trailers"),
    (b"Proxy-Connection", b"keep-alive"),
    (b"X-Hop", b"named by Connection"),
]
ANSWER_HOP_BY_HOP: Lines = [(b"Keep-Alive", b"timeout=5"), (b"X-Hop", b"named by Connection")]
STATUSES = (
    200,
    200,
    200,
    200,
    201,
    206,
    299,
    302,
    307,
    400,
    401,
    404,
    418,
    429,
    500,
    503,
    529,
    599,
    204,
    304,
)
BODILESS = (204, 304)
FRAMING = (b"content-length", b"transfer-encoding")
CALL = b"x-wellhead-call"
PLAN = b"x-plan"


@dataclass
class Planned:
    """One exchange as both ends are to see it; header lines without the framing."""

    number: int
    method: bytes
    target: bytes
    lines: Lines
    hop_by_hop: Lines
    body: bytes | None
    chunked: bool
    status: int
    answer_lines: Lines
    answer_hop_by_hop: Lines
    answer_body: bytes
    answer_framing: str
    """`length`, `chunked` or `close`."""
    random: Random = field(repr=False)

    def request(self) -> list[bytes]:
        """The request as it is written, piece by piece."""
        lines = [(b"Host", b"h"), *self.lines, *_with_connection(self.hop_by_hop, self.random)]
        lines.append((PLAN, b"%d" % self.number))
        if self.body is None:
            return cut(head(b"%s %s HTTP/1.1" % (self.method, self.target), lines), self.random)
        lines.append(framing_line(self.chunked, self.body))
        start = head(b"%s %s HTTP/1.1" % (self.method, self.target), lines)
        return cut(start + framed(self.chunked, self.body, self.random), self.random)

    def answer(self) -> list[bytes]:
        """The answer as it is written, piece by piece."""
        lines = [*self.answer_lines, *_with_connection(self.answer_hop_by_hop, self.random)]
        bodiless = self.method == b"HEAD" or self.status in BODILESS
        chunked = self.answer_framing == "chunked"
        if self.status not in BODILESS and self.answer_framing != "close":
            lines.insert(self.random.randint(0, len(lines)), framing_line(chunked, self.answer_body))
        start = head(b"HTTP/1.1 %d Whatever" % self.status, lines)
        if not bodiless:
            start += framed(chunked, self.answer_body, self.random)
        return cut(start, self.random)

    @property
    def closes(self) -> bool:
        """The upstream ends its connection after the answer."""
        return self.answer_framing == "close"


def _with_connection(hop_by_hop: Lines, random: Random) -> Lines:
    if not hop_by_hop:
        return []
    return random.sample([*hop_by_hop, (b"Connection", b"x-hop, keep-alive")], len(hop_by_hop) + 1)


def head(start: bytes, lines: Lines) -> bytes:
    return b"\r\n".join([start, *[b"%s: %s" % line for line in lines], b"", b""])


def framing_line(chunked: bool, body: bytes) -> tuple[bytes, bytes]:
    return (b"Transfer-Encoding", b"chunked") if chunked else (b"Content-Length", b"%d" % len(body))


def framed(chunked: bool, body: bytes, random: Random) -> bytes:
    if not chunked:
        return body
    chunks = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in cut(body, random)]
    return b"".join(chunks) + b"0\r\n\r\n"


def cut(data: bytes, random: Random) -> list[bytes]:
    """The same bytes in random pieces, now and then in very small ones."""
    if not data:
        return []
    count = random.choice((1, 2, 5, PIECES_MAX))
    ends = sorted({random.randint(1, min(len(data), random.choice((100, len(data))))) for _ in range(count)})
    starts = [0, *ends]
    return [piece for piece in map(lambda a, b: data[a:b], starts, [*ends, len(data)]) if piece]


def a_size(random: Random) -> int:
    """Mostly small, now and then up to the largest."""
    return (
        int(BODY_MAX ** random.random() - 1) if random.random() < 0.9 else random.choice((0, 65536, BODY_MAX))
    )


def some_bytes(random: Random, size: int) -> bytes:
    """Noise, repeated where it is long, as making it is slow."""
    noise = random.randbytes(min(size, 65_537))
    return (noise * (size // max(len(noise), 1) + 1))[:size]


def some_text(random: Random, size: int) -> bytes:
    return bytes(random.choices(b'abc "{}[]:,\\', k=min(size, 4096))) * (size // 4096 + 1)


def some_lines(random: Random, names: tuple[bytes, ...]) -> Lines:
    lines = [(random.choice(names), _value(random)) for _ in range(random.randint(0, 8))]
    # Credentials of one name that differ are refused.
    first = dict(reversed(lines))
    return [(name, first[name] if name.lower() in CREDENTIALS else value) for name, value in lines]


def _value(random: Random) -> bytes:
    kind = random.random()
    if kind < 0.1:
        return b""
    if kind < 0.15:
        return b"v" * 4096
    legal = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])
    return bytes(random.choices(legal, k=random.randint(1, 40))).strip(b" \t")


def a_request_body(random: Random, method: bytes) -> tuple[bytes | None, Lines]:
    """A body with its content type, or none."""
    if method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE") and random.random() < 0.8:
        return None, []
    size, kind = a_size(random), random.random()
    if kind < 0.5:
        padding = some_text(random, size).replace(b"\\", b"").replace(b'"', b"")
        return b'{"model":"m","stream":true,"pad": "%s"}' % padding, [(b"Content-Type", b"application/json")]
    if kind < 0.7:
        part = b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n%s\r\n--b--\r\n'
        return part % some_bytes(random, size), [(b"Content-Type", b"multipart/form-data; boundary=b")]
    if kind < 0.9:
        return some_bytes(random, size), [(b"Content-Type", b"application/octet-stream")]
    return some_bytes(random, size), []


def an_answer_body(random: Random) -> tuple[bytes, Lines]:
    """A body with its type and encoding; what is said of it need not be true."""
    size, kind = a_size(random), random.random()
    if kind < 0.3:
        return some_bytes(random, size), random.choice(([], [(b"Content-Encoding", b"gzip")]))
    event = b'data: {"choices":[{"delta":{"content":"%s"}}]}\r\n\r\n' % some_text(random, 20)[:20]
    plain = event * (size // len(event) + 1)
    lines = [(b"Content-Type", random.choice((b"text/event-stream", b"application/json")))]
    if kind < 0.6:
        return plain, lines
    encoding = random.choice(list(ENCODERS))
    compress, finish = ENCODERS[encoding]()
    return compress(plain) + finish(), [*lines, (b"content-encoding", encoding.encode())]


def a_plan(random: Random, number: int) -> Planned:
    method = random.choice(METHODS)
    body, typed = a_request_body(random, method)
    status = random.choice(STATUSES)
    answer_body, answer_typed = an_answer_body(random)
    hops = random.random() < 0.2
    bodiless = method == b"HEAD" or status in BODILESS
    return Planned(
        number,
        method,
        random.choice(TARGETS),
        some_lines(random, NAMES) + typed,
        HOP_BY_HOP if hops else [],
        body,
        random.random() < 0.4,
        status,
        some_lines(random, ANSWER_NAMES) + answer_typed,
        ANSWER_HOP_BY_HOP if hops else [],
        b"" if status in BODILESS else answer_body,
        "length" if bodiless else random.choice(("length", "chunked", "chunked", "close")),
        random,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand() -> AsyncIterator[Stand]:
    # Each answer is for one request, whatever its status.
    async with a_stand({"retries": {"max": 0}, "breaker": {"failures": 0}}) as made:
        yield made


MORE = range(CONVERSATIONS, CONVERSATIONS + MORE_CONVERSATIONS)


@pytest.mark.parametrize(
    "seed", [*range(CONVERSATIONS), *(pytest.param(seed, marks=pytest.mark.soak) for seed in MORE)]
)
async def test_a_conversation_passes_byte_for_byte(stand: Stand, seed: int) -> None:
    random = Random(seed)
    plans = [a_plan(random, number) for number in range(EXCHANGES)]
    stand.upstream.requests.clear()
    stand.upstream.script = answering(plans)
    client = await stand.client()
    while plans:
        together = [plans.pop(0) for _ in range(min(random.choice((1, 1, 4)), len(plans)))]
        writing = asyncio.create_task(write(client, [piece for plan in together for piece in plan.request()]))
        for plan in together:
            got = await client.answer(plan.method.decode())
            check_answer(plan, got)
            check_request(plan, stand.upstream.requests.pop(0))
        await writing
    client.close()


@pytest.mark.parametrize("target", [b"/v1/caf\xe9", b"/v1/x?q=\xff"])
async def test_a_target_that_is_not_ascii_is_no_http_and_goes_nowhere(stand: Stand, target: bytes) -> None:
    stand.upstream.requests.clear()
    said = await talk(stand.port, b"GET " + target + b" HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (said.status, said.header(b"connection")) == (400, b"close")
    assert stand.upstream.requests == []


def answering(plans: list[Planned]) -> Script:
    by_number = {b"%d" % plan.number: plan for plan in plans}

    async def script(exchange: Exchange) -> bool:
        plan = by_number[exchange.request.header(PLAN) or b""]
        for piece in plan.answer():
            await exchange.send(piece)
            await asyncio.sleep(0)
        return plan.closes

    return script


async def write(client: WireClient, pieces: list[bytes]) -> None:
    for piece in pieces:
        await client.send(piece)
        await asyncio.sleep(0)


def lowered(lines: Lines) -> Lines:
    return [(name.lower(), value) for name, value in lines]


def check_request(plan: Planned, got: WireRequest) -> None:
    assert got.line == b"%s %s HTTP/1.1" % (plan.method, plan.target)
    assert got.body == (plan.body or b"")
    assert got.lines[0][0] == b"host"
    framing = [line for line in got.lines if line[0] in FRAMING]
    assert [line for line in got.lines[1:] if line not in framing] == [
        *lowered(plan.lines),
        (PLAN, b"%d" % plan.number),
    ]
    if plan.body is None:
        assert framing == []
    else:
        assert framing in (
            [(b"content-length", b"%d" % len(plan.body))],
            [(b"transfer-encoding", b"chunked")],
        )


def check_answer(plan: Planned, got: WireAnswer) -> None:
    assert got.status == plan.status
    assert got.complete
    assert got.body == (b"" if plan.method == b"HEAD" else plan.answer_body)
    framing = [line for line in got.lines if line[0] in FRAMING]
    calls = [value for name, value in got.lines if name == CALL]
    assert len(calls) == 1
    assert re.fullmatch(rb"[1-9][0-9]{15,18}", calls[0])
    passed = [line for line in got.lines if line not in framing and line[0] != CALL]
    assert passed == lowered(plan.answer_lines)
    if plan.status in BODILESS:
        assert framing == []
    elif plan.answer_framing == "length":
        assert framing == [(b"content-length", b"%d" % len(plan.answer_body))]
    else:
        assert framing == [(b"transfer-encoding", b"chunked")]
