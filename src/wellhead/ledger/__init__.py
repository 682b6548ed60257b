"""The ledger: who writes the books, when, and what happens to the calls of a worker that died.

::

    gateway -> Writer (queue, one thread) -> Clerk (one connection, one slot) -> wellhead.database
                                               |
                                     ids, rollup, fit, recovery
"""
