"""The control plane: what people and programs may ask about the traffic, and decide for it.

::

    request -> guard.py -> roles.py -> one file per noun -> ports.Reports -> books
               who may     who needs                     `-> registry.Registry -> keys, limits, ...
               come here   to be who   `- failures.py: every error in one shape
                           `- operators.py: who is asking
                                passwords.py sessions.py throttle.py

Every route says which role it needs, or cannot be made.  Nothing here sees the
database itself, and no answer holds a secret that was shown or sent before.
"""
