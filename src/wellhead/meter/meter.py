"""The meter: a tap on one response."""

from collections.abc import Iterable

from wellhead.meter.dialect import Dialect
from wellhead.meter.findings import Findings, plan_of
from wellhead.meter.framing import Framing, choose, label_of
from wellhead.meter.inflate import Inflater
from wellhead.meter.outline import Trouble
from wellhead.usage import Reading

BOM = b"\xef\xbb\xbf"

FAULT = "meter_failed"


class Meter:
    """Reads usage out of one response, fed in whatever chunks it came.

    A meter rides along with somebody else's traffic and must not be able to
    disturb it.  So `feed` never raises and never waits; what went wrong is said
    once, in the reading's `trouble`.
    """

    __slots__ = (
        "_findings",
        "_framing",
        "_head",
        "_headers",
        "_inflater",
        "_label",
        "_reading",
        "_status",
        "_trouble",
    )

    def __init__(
        self,
        dialect: Dialect,
        *,
        status: int,
        content_type: str,
        content_encoding: str = "",
        variant: str | None = None,
        headers: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Ready to read the response with this head; header names are in lower case."""
        self._trouble: Trouble = {}
        self._findings = Findings(plan_of(dialect, variant), status, self._trouble)
        self._status = status
        self._label = label_of(content_type)
        self._headers = headers
        self._inflater = Inflater(content_encoding) if content_encoding else None
        self._head = b""
        self._framing: Framing | None = None
        self._reading: Reading | None = None

    @property
    def streamed(self) -> bool:
        """The response is a stream of events, by its framing (until bytes came: by its Content-Type)."""
        if self._framing is None:
            return self._label in ("events", "lines")
        return self._framing.streamed

    @property
    def has_end(self) -> bool:
        """The dialect's end marker was read, if it has one, or an error; what may follow has no meaning."""
        found = self._findings
        return found.marked or found.error_type is not None or found.error_message is not None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body as they came."""
        if self._reading is not None or not chunk:
            return
        try:
            if self._inflater is not None:
                for plain in self._inflater.feed(chunk):
                    self._take(plain)
            elif self._framing is not None:
                self._framing.feed(chunk)
            else:
                self._take(chunk)
        except Exception:  # A fault of ours must not reach the traffic; no test may ever see it.
            self._trouble.setdefault(FAULT)

    def finish(self) -> Reading:
        """The reading, once the body has ended or broken off; the same however often it is asked for."""
        if self._reading is None:
            try:
                self._end()
                self._reading = self._findings.reading(self._headers)
            except Exception:  # As in `feed`.
                self._reading = Reading(trouble=tuple(self._trouble | {FAULT: None}))
        return self._reading

    def _take(self, data: bytes) -> None:
        if self._framing is None:
            data = self._head = self._head + data
            if BOM.startswith(data):
                return  # No more than a byte order mark, or the beginning of one.
            data = self._head = data.removeprefix(BOM).lstrip()
            self._framing = choose(self._label, data, self._findings, final=False)
        if self._framing is not None:
            self._framing.feed(data)

    def _end(self) -> None:
        if self._framing is None:
            self._framing = choose(self._label, self._head, self._findings, final=True)
            if self._framing is not None:
                self._framing.feed(self._head)
        if self._framing is not None:
            self._framing.finish()
        else:
            # Nothing came; only an answer with content should have had some.
            self._findings.ended = self._status in (204, 205) or self._status >= 300
        if self._inflater is not None:
            self._inflater.finish()
            if self._inflater.trouble:
                self._trouble.setdefault(self._inflater.trouble)
                self._findings.ended = False
