"""What `/ready` looks at, one check each: as good as the worst that is found.

A warning is no failure: what warns goes on trying, and the program does its work
meanwhile.  A fetched price list fails only once it is older than the operator allows;
who never fetched one, or is not to, goes by the prices that came with the program.

Gateways are other processes, perhaps on other machines.  Of them there is what the
database says, which they write to with their bookings, and what waits beside it
because they could not.
"""

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, Field

from wellhead.background import LoopState, Standing
from wellhead.control.background import Background
from wellhead.figures import SpoolFigure, WorkerFigure

FULL_RATIO = 0.9
"""A spool that is fuller than this is as good as full."""
WORKERS_TOLD_MAX = 100


class LoopHealth(BaseModel):
    """How a loop stands; ages are in milliseconds."""

    name: str
    status: Standing
    consecutiveFailures: int  # noqa: N815 (the field's name on the wire, as all of these)
    lastRunAgeMs: int | None = None  # noqa: N815
    lastSuccessAgeMs: int | None = None  # noqa: N815
    lastErrorAgeMs: int | None = None  # noqa: N815
    lastError: str | None = Field(default=None, description="What went wrong then.")  # noqa: N815
    nextRunInMs: int | None = None  # noqa: N815


class FailedLoop(BaseModel):
    """One that has given up."""

    name: str
    failed: bool = True
    consecutiveFailures: int  # noqa: N815


class WorkerHealth(BaseModel):
    """A gateway process, as it said itself when it was last heard of."""

    worker: int = Field(description="Its slot.")
    status: Literal["pass", "fail"]
    lastHeartbeatAgeMs: int = Field(  # noqa: N815
        description="It comes with a commit: every ten seconds while there are calls, else every ten minutes."
    )
    callsOpen: int = Field(description="As the books have it now.")  # noqa: N815
    queued: int = Field(description="Bookings that waited then.")
    commits: int = Field(description="Transactions of bookings, since it started.")
    commitMs: float | None = Field(description="What one of them took on average.")  # noqa: N815
    settlementsLost: int = Field(description="Ends of calls that it could not book.")  # noqa: N815


class WorkerSpooled(BaseModel):
    """What a gateway process could not book yet; one that died leaves it to the next."""

    worker: int = Field(description="Its slot.")
    entries: int
    bytes: int
    oldestAgeMs: int | None = None  # noqa: N815


class Check(BaseModel):
    """One thing it depends on."""

    status: Literal["pass", "warn", "fail"]
    responseTime: int | None = Field(default=None, description="Milliseconds.")  # noqa: N815
    ageMs: int | None = Field(  # noqa: N815
        default=None, description="How long ago the source confirmed the price list."
    )
    loops: list[str] | None = Field(default=None, description="What is done in the background.")
    loopHealth: list[LoopHealth] | None = None  # noqa: N815
    failedLoops: list[FailedLoop] | None = None  # noqa: N815
    workers: list[WorkerHealth] | None = Field(default=None, description="Gateway processes, the first 100.")
    entries: int | None = Field(default=None, description="What waits in spools.")
    bytes: int | None = None
    bytesMax: int | None = Field(default=None, description="What a spool may grow to.")  # noqa: N815
    oldestAgeMs: int | None = Field(default=None, description="Since when it waits.")  # noqa: N815
    spools: list[WorkerSpooled] | None = Field(default=None, description="The first 100.")
    damaged: int | None = Field(default=None, description="Files that were put aside as damaged.")
    output: str | None = Field(default=None, description="What is wrong.")


def pricing(background: Background, now_us: int) -> Check:
    """Whether prices are as up to date as they should be."""
    refreshing = background.refreshing()
    age_s = refreshing.age_s(now_us)
    age_ms = None if age_s is None else round(age_s * 1000)
    if refreshing.is_stale(now_us):
        return Check(status="fail", ageMs=age_ms, output="the price list was not confirmed for too long")
    if refreshing.refused is not None:
        return Check(status="warn", ageMs=age_ms, output="the newest price list is not believed")
    return Check(status="pass", ageMs=age_ms)


def supervisor(loops: Sequence[LoopState], now_us: int) -> Check:
    """How the loops stand: as well as the worst of them."""

    def ago_ms(then_us: int | None) -> int | None:
        return None if then_us is None else max(now_us - then_us, 0) // 1000

    standings = {loop.standing for loop in loops}
    worst = next((one for one in (Standing.FAIL, Standing.WARN) if one in standings), Standing.PASS)
    failed = [FailedLoop(name=one.name, consecutiveFailures=one.failures) for one in loops if one.is_disabled]
    return Check(
        status=worst.value,
        loops=[loop.name for loop in loops],
        loopHealth=[
            LoopHealth(
                name=loop.name,
                status=loop.standing,
                consecutiveFailures=loop.failures,
                lastRunAgeMs=ago_ms(loop.last_run_us),
                lastSuccessAgeMs=ago_ms(loop.last_success_us),
                lastErrorAgeMs=ago_ms(loop.last_error_us),
                lastError=loop.last_error,
                nextRunInMs=None if loop.next_run_us is None else max(loop.next_run_us - now_us, 0) // 1000,
            )
            for loop in loops
        ],
        failedLoops=failed or None,
    )


def writer(workers: Sequence[WorkerFigure], now_us: int) -> Check:
    """Whether there is a gateway process that books."""
    told = [_worker(one, now_us) for one in workers[:WORKERS_TOLD_MAX]]
    if not workers:
        return Check(status="warn", workers=told, output="no gateway process is registered")
    down = [str(one.slot) for one in workers if not one.is_up]
    if not down:
        return Check(status="pass", workers=told)
    output = f"gone, or silent for too long: {', '.join(down[:WORKERS_TOLD_MAX])}"
    return Check(status="fail" if len(down) == len(workers) else "warn", workers=told, output=output)


def _worker(one: WorkerFigure, now_us: int) -> WorkerHealth:
    return WorkerHealth(
        worker=one.slot,
        status="pass" if one.is_up else "fail",
        lastHeartbeatAgeMs=max(now_us - one.heartbeat_us, 0) // 1000,
        callsOpen=one.calls_open,
        queued=one.queued,
        commits=one.commits,
        commitMs=round(one.commit_us / one.commits / 1000, 3) if one.commits else None,
        settlementsLost=one.settlements_lost,
    )


def spool(found: SpoolFigure, now_us: int) -> Check:
    """Whether everything could be booked, and if not, whether there is room for more."""

    def age_ms(since_us: int | None) -> int | None:
        return None if since_us is None else max(now_us - since_us, 0) // 1000

    check = Check(status="pass", entries=found.entries, bytes=found.bytes, oldestAgeMs=age_ms(found.since_us))
    if found.damaged:
        check.status, check.damaged = "warn", found.damaged
        check.output = "a spool was damaged and put aside; what it held is not in the books"
    if not found.workers:
        return check
    check.bytesMax = found.bytes_max
    check.spools = [
        WorkerSpooled(worker=one.slot, entries=one.entries, bytes=one.bytes, oldestAgeMs=age_ms(one.since_us))
        for one in found.workers[:WORKERS_TOLD_MAX]
    ]
    if any(one.bytes > found.bytes_max * FULL_RATIO for one in found.workers):
        check.status, check.output = "fail", "a spool is full; ends of calls will be lost"
    else:
        check.status, check.output = "warn", "calls wait to be booked"
    return check


def upstream(does_answer: bool, took_ms: int) -> Check:
    """Whether the upstream that has to be there is."""
    if does_answer:
        return Check(status="pass", responseTime=took_ms)
    return Check(status="fail", responseTime=took_ms, output="no answer, or one of 500 and above")
