"""Whether a worker does its work, as monitoring wants to know it.

Stricter than `recovery`, which never takes a process that runs for dead: one that is
stopped and speaks no more does not work either.
"""

from wellhead.database.workers import Worker
from wellhead.ledger.processes import is_running, this_process
from wellhead.ledger.recovery import is_gone


def is_up(worker: Worker, has_pending: bool, now_us: int) -> bool:
    """Heard of not too long ago, and running where that can be known."""
    here = this_process()
    if worker.process.host == here.host and is_running(worker.process) is False:
        return False
    return not is_gone(worker, here, now_us, has_pending, lambda _: None)
