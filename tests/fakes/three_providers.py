"""A gateway before three providers: two of them stand in for the first, and each does as it is told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from fakes.access import a_secret, knowing
from fakes.books import FakeBooks
from fakes.gateway import RunningGateway, running_gateway
from fakes.wire import Exchange, Script, WireAnswer, WireServer, answer, post, raw, talk, until
from wellhead.access import Credential, Key
from wellhead.breaker import Outcome
from wellhead.directory import Auth, AuthType, Directory, Provider, ProviderType
from wellhead.gateway.app import GatewayOptions

CHAT = b"/v1/chat/completions"
ASK = b'{"model":"gpt-5","provider":"a","messages":[{"role":"user","content":"hi"}]}'
ASK_STREAM = b'{"model":"gpt-5","stream":true,"messages":[]}'
TOLD = b'{"id":"c","model":"gpt-5","usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}'
JSON = b"content-type: application/json"
FORM = b"content-type: multipart/form-data; boundary=b"
KEY = a_secret().encode()
BY_KEY = b"authorization: Bearer " + KEY
OWN = b"authorization: Bearer sk-of-the-client"
GET = b"GET /v1/models HTTP/1.1\r\nhost: h\r\n\r\n"
ours = Auth(AuthType.BEARER, "secret-of-b")
SUCCESS, FAILURE, NEUTRAL = Outcome.SUCCESS, Outcome.FAILURE, Outcome.NEUTRAL

fine = answer(TOLD, JSON)
down = answer(b'{"error":{"message":"no  memory"}}', JSON, b"x-own: \xe9", status=b"500 Oh")
RESET = raw(b"", then_reset=True)
limited = answer(b'{"error":{"message":"slow down"}}', JSON, status=b"429 Too Many")

Fields = Mapping[str, Any]
NO_FIELDS: Fields = {}
"""Of a provider's entry, beside those of the place."""


@dataclass
class FakeBreakers:
    """Implements `wellhead.ports.Breakers`: open ones on demand, and what was said to them."""

    open: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, int] = field(default_factory=dict)
    """Open, though a look at them does not tell."""
    entered: list[str] = field(default_factory=list)
    left: list[tuple[str, Outcome]] = field(default_factory=list)

    def is_open(self, subject: str) -> bool:
        return subject in self.open

    async def enter(self, subject: str) -> int | None:
        await asyncio.sleep(0)
        wait_s = self.open.get(subject, self.unseen.get(subject))
        if wait_s is None:
            self.entered.append(subject)
        return wait_s

    def leave(self, subject: str, outcome: Outcome) -> None:
        self.left.append((subject, outcome))

    async def are_left(self) -> list[tuple[str, Outcome]]:
        """What was said, once everything that was entered is left."""
        await until(lambda: len(self.left) >= len(self.entered))
        assert sorted(subject for subject, _ in self.left) == sorted(self.entered)
        return self.left


def in_turn(*scripts: Script) -> Script:
    """Each request is answered by the next one; the last one serves all that follow."""
    left = list(scripts)

    async def script(exchange: Exchange) -> bool | None:
        return await (left.pop(0) if len(left) > 1 else left[0])(exchange)

    return script


def nobody() -> str:
    """Where a connection is refused."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@dataclass
class Place:
    """A gateway before provider a, for which b and then c stand in."""

    gateway: RunningGateway
    breakers: FakeBreakers
    servers: dict[str, WireServer]

    async def ask(self, *lines: bytes, path: bytes = CHAT, body: bytes = ASK) -> WireAnswer:
        return await talk(self.gateway.port, post(path, body, JSON, *lines))

    def asked(self) -> dict[str, int]:
        return {name: len(server.requests) for name, server in self.servers.items()}


@asynccontextmanager
async def a_place(
    a: Script | str = fine,
    b: Script | str = fine,
    c: Script | str = fine,
    *,
    known: tuple[Key | Credential, ...] = (),
    books: FakeBooks | None = None,
    options: GatewayOptions = GatewayOptions(),
    breakers: FakeBreakers | None = None,
    of_a: Fields = NO_FIELDS,
    of_b: Fields = NO_FIELDS,
    of_c: Fields = NO_FIELDS,
) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        servers: dict[str, WireServer] = {}
        providers = []
        for name, script, changes in (("a", a, of_a), ("b", b, of_b), ("c", c, of_c)):
            url = script if isinstance(script, str) else ""
            if not isinstance(script, str):
                servers[name] = await stack.enter_async_context(WireServer(script))
                url = servers[name].url
            auth = Auth(AuthType.PRESERVE) if name == "a" else ours
            fields = {"auth": auth, "fallback": ("b", "c") if name == "a" else (), **changes}
            providers.append(Provider(name, ProviderType.OPENAI, url, **fields))
        breakers = breakers or FakeBreakers()
        books = books or FakeBooks()
        books.directory = knowing(books.directory, *known)
        gateway = await stack.enter_async_context(
            running_gateway(
                Directory(providers=tuple(providers)), books=books, options=options, breakers=breakers
            )
        )
        yield Place(gateway, breakers, servers)


def sent_with(place: Place, name: str = "a") -> list[str]:
    """The credentials that a provider was sent, one after the other."""
    lines = [request.header(b"authorization") or b"" for request in place.servers[name].requests]
    return [line.decode().removeprefix("Bearer ") for line in lines]
