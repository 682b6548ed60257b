"""The demo: a simulated upstream that speaks every dialect, traffic through the gateway, and a history.

::

    traffic.py -> gateway -> upstream.py        live calls
    history.py -> books                         the thirty days before
    run.py                                      starts them all and says where to look

`upstream.py` and `apis/` are used by the tests as well: they are plain modules
that need nothing of the gateway.
"""
