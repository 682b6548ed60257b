"""The downstream side of a call, with no server around it."""

import asyncio
import gc
import weakref

from wellhead.gateway.client import WATCH_AFTER_S, Client, Message, Patience, Upload


class Server:
    """Gives out a body piece by piece, and then waits for the client to leave."""

    def __init__(self, *pieces: bytes) -> None:
        self._messages = [
            {"type": "http.request", "body": piece, "more_body": n < len(pieces)}
            for n, piece in enumerate(pieces, 1)
        ]
        self.asked = 0
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        self.asked += 1
        if self._messages:
            return self._messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    def client(self) -> Client:
        async def send(_message: Message) -> None: ...

        scope = {
            "method": "POST",
            "path": "/v1/files",
            "raw_path": b"/v1/files",
            "query_string": b"",
            "headers": [(b"content-type", b"application/octet-stream"), (b"transfer-encoding", b"chunked")],
            "client": None,
        }
        return Client(scope, self.receive, send)


async def test_an_upload_loses_nothing_when_it_is_a_while_before_anybody_reads_it() -> None:
    """As while a connection to the upstream is made: the watch for leaving must not read it instead."""
    server = Server(b"one", b"two", b"three")
    client, patience = server.client(), Patience()
    upload = await client.body(1000)
    assert isinstance(upload, Upload)
    client.watch(lambda: None, patience)
    await asyncio.sleep(3 * WATCH_AFTER_S)
    assert server.asked == 1
    assert [piece async for piece in upload.pieces] == [b"one", b"two", b"three"]
    client.unwatch()


async def test_leaving_is_noticed_once_the_upload_was_read() -> None:
    server, has_left = Server(b"one", b"two"), asyncio.Event()
    client, patience = server.client(), Patience()
    upload = await client.body(1000)
    assert isinstance(upload, Upload)
    client.watch(has_left.set, patience)
    assert [piece async for piece in upload.pieces] == [b"one", b"two"]
    server.left.set()
    await asyncio.wait_for(has_left.wait(), 5)
    client.unwatch()


async def test_a_client_that_was_watched_goes_without_a_collection_of_garbage() -> None:
    server, patience = Server(), Patience()
    client = server.client()
    client.watch(lambda: None, patience)
    async with asyncio.timeout(5):
        while not server.asked:
            await asyncio.sleep(WATCH_AFTER_S)
    gc.disable()
    try:
        client.unwatch()
        seen = weakref.ref(client)
        del client
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen() is None
    finally:
        gc.enable()
