"""Server-sent events: the data of one event out of its lines.

::

    event: message_start        the name, for data that does not state its `type`
    data: {"type":              data of several lines is joined by line ends
    data:  "message_start"}     one space after the colon is dropped, if there is one
    : keep-alive                comments and other fields pass

After the event-stream format of the WHATWG HTML standard, with one leniency: the
last event counts even without the blank line that should end it.
"""

BLANK_LINE = b"\n\n"


def parse_event(event: bytes) -> tuple[str | None, bytes]:
    """Name and data of an event, given its lines with LF between them."""
    if event.startswith(b"data:") and b"\n" not in event:
        return None, event[5:].removeprefix(b" ")
    name = None
    data = []
    for line in event.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return name, b"\n".join(data)
