import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard

from wellhead.meter.inflate import BOMB, BROKEN, FREE_MAX, RATIO_MAX, STEP_MAX, TRUNCATED, UNKNOWN, Inflater

TEXT = b'data: {"usage":{"prompt_tokens":9}}\n\n' * 8


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def br(data: bytes) -> bytes:
    packed: bytes = brotli.compress(data)
    return packed


PACKERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZIP", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", br),
    "zstd": ("zstd", zstandard.ZstdCompressor().compress),
    "gzip then br": ("gzip, br", lambda data: br(gzip.compress(data))),
    "zstd then gzip": ("identity,zstd ,  gzip", lambda data: gzip.compress(zstandard.compress(data))),
    "two gzip members": ("gzip", lambda data: gzip.compress(data[:50]) + gzip.compress(data[50:])),
    "padded gzip": ("gzip", lambda data: gzip.compress(data) + b"\0" * 9),
    "two zstd frames": ("zstd", lambda data: zstandard.compress(data[:50]) + zstandard.compress(data[50:])),
}


def undo(encoding: str, *chunks: bytes) -> tuple[bytes, str | None]:
    inflater = Inflater(encoding)
    plain = b"".join(piece for chunk in chunks for piece in inflater.feed(chunk))
    inflater.finish()
    return plain, inflater.trouble


@pytest.mark.parametrize("name", PACKERS)
def test_an_encoding_is_undone_however_it_is_cut(name: str) -> None:
    encoding, pack = PACKERS[name]
    packed = pack(TEXT)
    assert undo(encoding, packed) == (TEXT, None)
    for cut in range(len(packed)):
        assert undo(encoding, packed[:cut], packed[cut:]) == (TEXT, None)
    assert undo(encoding, *(packed[n : n + 1] for n in range(len(packed)))) == (TEXT, None)


@pytest.mark.parametrize("name", [name for name in PACKERS if not name.startswith(("two", "padded"))])
def test_a_body_cut_off_anywhere_is_said(name: str) -> None:
    encoding, pack = PACKERS[name]
    packed = pack(TEXT)
    for end in range(1, len(packed)):
        plain, trouble = undo(encoding, packed[:end])
        assert TEXT.startswith(plain)
        assert trouble == TRUNCATED


@pytest.mark.parametrize("name", PACKERS)
def test_an_empty_body_is_whole(name: str) -> None:
    assert undo(PACKERS[name][0]) == (b"", None)


def test_what_was_flushed_is_there_at_once() -> None:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    flushed = packer.compress(TEXT) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert b"".join(Inflater("gzip").feed(flushed)) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_what_is_not_in_its_encoding_is_said_and_not_read_on(encoding: str) -> None:
    inflater = Inflater(encoding)
    list(inflater.feed(b"\xff\xff\xff\xff this was never packed"))
    assert inflater.trouble == BROKEN
    assert list(inflater.feed(gzip.compress(TEXT))) == []


def test_an_unknown_encoding_is_said() -> None:
    assert undo("compress", TEXT) == (b"", UNKNOWN)
    assert undo("gzip, aws-chunked", TEXT) == (b"", UNKNOWN)
    assert undo(", ".join(["gzip"] * 9), TEXT) == (b"", UNKNOWN)


def test_no_encoding_passes_everything() -> None:
    assert undo("", TEXT) == (TEXT, None)
    assert undo("identity", TEXT) == (TEXT, None)


def bomb(encoding: str) -> bytes:
    """About 200 MB of zeros."""
    if encoding == "gzip":
        packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
        return b"".join(packer.compress(bytes(10**6)) for _ in range(200)) + packer.flush()
    if encoding == "zstd":
        frames = zstandard.ZstdCompressor().compressobj()
        return b"".join(frames.compress(bytes(10**6)) for _ in range(200)) + frames.flush()
    if encoding == "br":
        stream = brotli.Compressor(quality=1)
        pieces: list[bytes] = [stream.process(bytes(10**6)) for _ in range(200)]
        return b"".join([*pieces, stream.finish()])
    return gzip.compress(bomb("gzip"))


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, gzip"])
def test_a_bomb_stops_at_the_limit_in_little_memory(encoding: str) -> None:
    packed = bomb(encoding)
    inflater = Inflater(encoding)
    given = largest = 0
    tracemalloc.start()
    for n in range(0, len(packed), 16384):
        for piece in inflater.feed(packed[n : n + 16384]):
            given += len(piece)
            largest = max(largest, len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert inflater.trouble == BOMB
    assert given <= FREE_MAX + RATIO_MAX * len(packed)
    assert largest <= 2.5 * STEP_MAX
    assert peak < 12 * 1024 * 1024
