"""Pieces: cuts a stream of bytes at a separator.

::

    {"a":1}\\n{"b":2}\\n{"c"      two whole pieces, and one to be continued
    `-----'   `-----'   `--

The usual piece is of no interest.  So it is not even looked at on its own: the
bytes between the first and the last separator of a chunk are searched for the
hints in one go, and only where one is found are they cut into pieces.  The
first few pieces always count: they name the model and the id.

Line ends are LF, CRLF and CR, mixed as they come; a CRLF may come in two chunks.
"""

from collections.abc import Iterable

PIECE_MAX = 4 * 1024 * 1024
"""Bytes: a longer event, line or element is skipped; those after it are still read."""
FIRST_PIECES = 4
"""So many pieces are handed out whether they hold a hint or not."""

TOO_LONG = "event_too_long"


class Pieces:
    """Hands out the pieces of interest; holds back one unfinished piece at most."""

    __slots__ = ("_cr", "_first", "_held", "_hints", "_separator", "_skipping", "too_long")

    def __init__(self, separator: bytes, hints: Iterable[bytes]) -> None:
        self._separator = separator
        self._hints = tuple(hints)
        self._held = bytearray()
        self._first = FIRST_PIECES
        self._cr = False
        self._skipping = False
        self.too_long = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """The pieces of interest that this chunk (never empty) completes."""
        if self._cr or b"\r" in chunk:
            chunk = self._with_lf(chunk)
        held, separator = self._held, self._separator
        if held:
            # The separator itself may have come in two chunks.
            searched = max(0, len(held) + 1 - len(separator))
            held += chunk
            end = held.rfind(separator, searched)
            if end < 0:
                self._bound()
                return []
            whole = bytes(held[:end])
            del held[: end + len(separator)]
        else:
            end = chunk.rfind(separator)
            if end < 0:
                held += chunk
                self._bound()
                return []
            whole = chunk[:end]
            if end + len(separator) < len(chunk):
                held += chunk[end + len(separator) :]
        if held:
            self._bound()
        return self._interesting(whole)

    def finish(self) -> list[bytes]:
        """The last piece, which nothing ended."""
        whole = bytes(self._held)
        self._held.clear()
        return self._interesting(whole)

    def _with_lf(self, chunk: bytes) -> bytes:
        """The chunk with LF for all line ends; an LF whose CR came in the last chunk is gone."""
        if self._cr:
            chunk = chunk.removeprefix(b"\n")
        self._cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _bound(self) -> None:
        """Let go of an unfinished piece that is too long (its last byte may begin the separator)."""
        if len(self._held) > PIECE_MAX + 1:
            self._skipping = True
            self.too_long = True
            del self._held[:-1]

    def _interesting(self, whole: bytes) -> list[bytes]:
        if self._skipping:
            # The rest of a piece that was let go.
            self._skipping = False
            _, found, whole = whole.partition(self._separator)
            if not found:
                return []
        if not self._first and not self._has_hint(whole):
            if len(whole) > PIECE_MAX:
                self.too_long = self.too_long or any(
                    len(piece) > PIECE_MAX for piece in whole.split(self._separator)
                )
            return []
        pieces = []
        for cut in whole.split(self._separator):
            piece = cut.strip(b"\n")
            if not piece or (piece.startswith(b":") and b"\n" not in piece):
                continue  # Nothing, or a keep-alive comment.
            if self._first:
                self._first -= 1
            elif not self._has_hint(piece):
                continue
            if len(piece) > PIECE_MAX:
                self.too_long = True
            else:
                pieces.append(piece)
        return pieces

    def _has_hint(self, data: bytes) -> bool:
        for hint in self._hints:  # noqa: SIM110 -- a generator would cost more than the searching
            if hint in data:
                return True
        return False
