"""`wellhead serve`: a supervisor that owns the sockets, and the processes that use them.

::

    supervisor  binds the listeners, starts processes, restarts what dies, forwards signals,
       |        replaces them one after the other on SIGHUP (roll)
       |  line  a socket pair per process: settings go down, "ready" comes up, and its end
       |        means that the supervisor is gone, so a process never outlives it
       +-- upgrade      brings the database up to date; the others get their settings after it
       +-- gateway * N  share one listening socket, which outlives each of them
       `-- control

The supervisor is synchronous and imports nothing of what it supervises.
"""
