"""The meter: what a response says it used, read from a copy of its bytes.

::

    chunks ─► inflate ─► framing ─────────────► outline ───► findings ─► Reading
              gzip, br   sse, lines, bodies     the parts    counts,
              zstd …     one event or document  a dialect    model,
                         at a time              names        errors …

Everything here is pure and synchronous: no I/O, no clock, no log.  What a
provider does differently is data in `dialects/`, one table per file.
"""
