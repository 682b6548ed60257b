import os
import subprocess
import sys
from dataclasses import replace

from wellhead.ledger.processes import is_running, this_process


def test_this_process_is_running() -> None:
    here = this_process()

    assert here.pid == os.getpid()
    assert is_running(here)


def test_a_process_that_ended_is_not_running_even_before_its_parent_has_noticed() -> None:
    program = (
        "from wellhead.ledger.processes import this_process; print(this_process().started_ticks); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        process = replace(this_process(), pid=child.pid, started_ticks=int(child.stdout.readline()))
        assert is_running(process)

        child.stdin.write("\n")
        child.stdin.flush()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not is_running(process)
    assert not is_running(process)


def test_a_later_process_with_the_same_number_is_another_one() -> None:
    here = this_process()

    assert not is_running(replace(here, started_ticks=here.started_ticks + 1))
