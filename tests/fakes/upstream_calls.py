"""Single requests to an upstream, and their bodies."""

from collections.abc import AsyncIterator

from wellhead.ports import UpstreamRequest, UpstreamResponse


def a_request(
    url: str, body: bytes | AsyncIterator[bytes] | None = None, **fields: object
) -> UpstreamRequest:
    values: dict[str, object] = {"method": "POST", "target": b"/v1/x", "headers": [], **fields}
    return UpstreamRequest(base_url=url, body=body, **values)  # type: ignore[arg-type]


async def whole(response: UpstreamResponse) -> bytes:
    parts = []
    while part := await response.read():
        parts.append(part)
    response.close()
    return b"".join(parts)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
