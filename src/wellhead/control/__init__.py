"""The control plane: what people and programs may ask about the traffic.

::

    request -> guard.py -> app.py -> one file per noun -> ports.Reports -> books
               who may         |
               come here       `- failures.py: every error in one shape

It serves loopback only and never sees the database itself.
"""
