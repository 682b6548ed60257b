"""Content encodings on demand (`x-sim-encoding`): every chunk is flushed, so a stream stays a stream."""

import zlib
from collections.abc import Callable, Iterable, Iterator

import brotli  # type: ignore[import-untyped]
import zstandard

GZIP_WBITS = 31
ZLIB_WBITS = 15


def encoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The chunks, each compressed and flushed by itself, and the encoding's own end."""
    compress, finish = ENCODERS[encoding]()
    for chunk in chunks:
        yield compress(chunk)
    yield finish()


Encoder = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def _deflate(wbits: int) -> Encoder:
    stream = zlib.compressobj(wbits=wbits)
    return lambda chunk: stream.compress(chunk) + stream.flush(zlib.Z_SYNC_FLUSH), stream.flush


def _brotli() -> Encoder:
    stream = brotli.Compressor(quality=4)
    return lambda chunk: stream.process(chunk) + stream.flush(), stream.finish


def _zstd() -> Encoder:
    stream = zstandard.ZstdCompressor().compressobj()
    return (
        lambda chunk: stream.compress(chunk) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK),
        stream.flush,
    )


ENCODERS: dict[str, Callable[[], Encoder]] = {
    "gzip": lambda: _deflate(GZIP_WBITS),
    "deflate": lambda: _deflate(ZLIB_WBITS),
    "br": _brotli,
    "zstd": _zstd,
}
