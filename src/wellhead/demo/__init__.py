"""The demo: a simulated upstream that speaks every dialect, traffic through the gateway, and a history.

::

    traffic.py -> gateway -> upstream.py        live calls
    beginning.py -> books                       a company (company.py) and the thirty days before (history.py)
    run.py                                      starts them all and says where to look

`upstream.py` and `apis/` are used by the tests as well: they are plain modules
that need nothing of the gateway.
"""
