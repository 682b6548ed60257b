"""Content encodings, undone step by step on the meter's own copy.

Each step gives at most `STEP_MAX` bytes or so, and the whole at most `RATIO_MAX`
times what came in (after the first `FREE_MAX` bytes): a decompression bomb is
left alone there, and said.  Several encodings in a row are undone last to first.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import brotli  # type: ignore[import-untyped]
import zstandard

STEP_MAX = 1024 * 1024
"""Bytes that one step may give (a zstd step may give 2 MiB)."""
RATIO_MAX = 100
"""A body that grows by more than this is no text; real ones grow by 5 to 20."""
FREE_MAX = 8 * 1024 * 1024
"""Bytes that may come out before the ratio counts."""
WINDOW_MAX = 8 * 1024 * 1024
"""Bytes of history that a zstd frame may ask for (RFC 8878 names 8 MiB for the web)."""
ZSTD_SLICE = 64
"""Bytes given to zstd at a time: it has no limit of its own, and 4 bytes can make a block of 128 KiB."""

CODECS_MAX = 4
"""Encodings in a row."""

BROKEN = "encoding_broken"
TRUNCATED = "encoding_truncated"
UNKNOWN = "encoding_unknown"
BOMB = "encoding_ratio_exceeded"
"""The body grew by more than `RATIO_MAX`; what came after is not read."""


ERRORS = (zlib.error, brotli.error, zstandard.ZstdError)
"""What the codecs raise for data they cannot read."""


class Codec(Protocol):
    """One encoding being undone."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes, in bounded pieces; raises one of `ERRORS`."""
        ...

    def is_whole(self) -> bool:
        """Whether the data may end here."""
        ...


class Gzip:
    """gzip: one member after another, perhaps padded with zeros."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._member.eof:
                data = data.lstrip(b"\0")
                if not data:
                    return
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._began = True
            yield from _unpack(self._member, data)
            data = self._member.unused_data

    def is_whole(self) -> bool:
        return self._member.eof or not self._began


class Deflate:
    """deflate, which should have a zlib header but comes without one from some servers (RFC 9110, 8.4.1.2).

    A raw stream that looks like a header would begin with a stored block with odd padding; none does.
    """

    def __init__(self) -> None:
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            data = self._head = self._head + data
            if len(data) < 2:
                return
            has_header = data[0] & 0x0F == 8 and (data[0] * 256 + data[1]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS)
        if not self._stream.eof:
            yield from _unpack(self._stream, data)

    def is_whole(self) -> bool:
        return self._stream.eof if self._stream else not self._head


def _unpack(stream: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Feed a zlib stream; a full step may have left plain bytes inside even when all input is taken."""
    while True:
        plain = stream.decompress(data, STEP_MAX)
        yield plain
        data = stream.unconsumed_tail
        if stream.eof or not (data or len(plain) == STEP_MAX):
            return


class Brotli:
    """br."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        if self._stream.is_finished():
            return
        self._began = True
        yield self._stream.process(data, output_buffer_limit=STEP_MAX)
        while not self._stream.can_accept_more_data() and not self._stream.is_finished():
            yield self._stream.process(b"", output_buffer_limit=STEP_MAX)

    def is_whole(self) -> bool:
        return self._stream.is_finished() or not self._began


class Zstd:
    """zstd: one frame after another."""

    def __init__(self) -> None:
        self._context = zstandard.ZstdDecompressor(max_window_size=WINDOW_MAX)
        self._frame = self._context.decompressobj()
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), ZSTD_SLICE):
            rest = data[start : start + ZSTD_SLICE]
            while rest:
                if self._frame.eof:
                    self._frame = self._context.decompressobj()
                self._began = True
                yield self._frame.decompress(rest)
                rest = self._frame.unused_data

    def is_whole(self) -> bool:
        return self._frame.eof or not self._began


CODECS: Mapping[str, Callable[[], Codec]] = {
    "gzip": Gzip,
    "x-gzip": Gzip,
    "deflate": Deflate,
    "br": Brotli,
    "zstd": Zstd,
}


class Inflater:
    """Undoes the encodings named in a Content-Encoding header."""

    def __init__(self, content_encoding: str) -> None:
        names = [name.strip().lower() for name in content_encoding.split(",")]
        names = [name for name in names if name not in ("", "identity")]
        self.trouble: str | None = None
        """Once set, nothing more is read."""
        if len(names) > CODECS_MAX or any(name not in CODECS for name in names):
            self.trouble = UNKNOWN
            names = []
        self._codecs = [CODECS[name]() for name in reversed(names)]
        self._taken = 0
        self._given = [0] * len(self._codecs)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The plain bytes of a chunk, in bounded pieces (some may be empty); never raises."""
        if self.trouble:
            return
        self._taken += len(chunk)
        try:
            yield from self._undo(0, chunk)
        except ERRORS:
            self.trouble = BROKEN

    def _undo(self, depth: int, data: bytes) -> Iterator[bytes]:
        if depth == len(self._codecs):
            yield data
            return
        for plain in self._codecs[depth].feed(data):
            self._given[depth] += len(plain)
            if self._given[depth] > FREE_MAX + RATIO_MAX * self._taken:
                self.trouble = BOMB
            if self.trouble:
                return
            if plain:
                yield from self._undo(depth + 1, plain)

    def finish(self) -> None:
        """Say whether the data broke off."""
        if not self.trouble and not all(codec.is_whole() for codec in self._codecs):
            self.trouble = TRUNCATED
