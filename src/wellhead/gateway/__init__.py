"""The data plane: one request in, one request out, and the books on the side.

::

    client.py       the downstream side of a call: read the body, answer, notice that the client left
    front.py        what stands before it: who is alive, who is ready, whether there is room
    readiness.py    whether a gateway can do its work
    app.py          the whole path of a call on one screen
    door.py         who calls, by which key, and whether that is a good one
    plan.py         what becomes of a request: where it goes, and the bytes that leave
    credentials.py  which of several credentials for an upstream serves a call
    vocabulary.py   counts tokens before they are spent, where an operator gives a vocabulary
    booking.py      what the books are told of a call, at its opening and at its end
    relay.py        response bytes on their way: client first, meter second
    upstream.py     the upstream side of a call: one request over the wire, on a pool of connections
    headers.py      which header lines go on and which end here
    hiding.py       the chunk of a stream that the client did not ask for
    replies.py      our own answers, in the caller's dialect
    server.py       what the server library must do differently for a proxy
    heads.py        request heads that are refused though the parser takes them
    terms.py        how long a client may take, and how many calls there may be

A gateway process imports neither the web framework nor anything of control.
"""
