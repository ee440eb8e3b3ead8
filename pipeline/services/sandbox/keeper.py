"""Keeper: the process between us and a sandbox; it builds it, watches it and clears it away.

Run as a program (`python -m`), with an order on stdin and a report on a descriptor; never imported by the rest.

Promises that when it ends, in whatever way, the command and all that it started are gone: they are in a pid namespace
whose `init` the kernel kills when bubblewrap ends, and bubblewrap when the keeper ends (PR_SET_PDEATHSIG). When whoever
asked for the run is killed, the keeper is told by the same means and clears up. Killed itself, it leaves an empty
cgroup at most, which the next one removes; there is no directory to leave.
Promises that a limit of time, processor time, memory or processes that is passed ends the run, and is told as such.

A process of its own, for three reasons: nothing of a worker's memory or environment is one mistake away from the
sandbox; watching fifty times a second does not hold up an event loop; and the thread that starts bubblewrap lives as
long as the sandbox (PR_SET_PDEATHSIG means the thread).

Race, closed: whoever asked may have ended before the kernel is asked to tell; therefore it is looked for afterwards.
"""

import os
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

from pipeline.services.sandbox.building import CannotBuild, build
from pipeline.services.sandbox.cgroup import Cgroup, make_cgroup
from pipeline.services.sandbox.order import Order, Report
from pipeline.services.sandbox.restrictions import adopt_orphans, end_with_parent
from pipeline.services.sandbox.watching import watch

BUILD_SECONDS_MAX: Final = 120.0
"""Building the sandbox and copying the checkout into it."""

TOLD: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class _TooSlow(Exception):
    """Building the sandbox took too long."""


class _ToldToStop(Exception):
    """Whoever asked for the run does not want it any more, or is gone."""


def main() -> None:
    """Carry out the order on stdin and write the report to the descriptor of the first argument."""
    report_fd = int(sys.argv[1])
    try:
        report = _carry_out(Order.from_json(sys.stdin.buffer.read()))
    except _ToldToStop:
        report = Report(how="not_run", detail="The run was given up from outside.")
    os.pwrite(report_fd, report.to_json(), 0)


def _carry_out(order: Order) -> Report:
    _listen(order.parent_pid)
    cgroup = make_cgroup(order.cgroup, order.limits, os.getpid())
    try:
        return _in_cgroup(order, cgroup)
    finally:
        _hear_nothing()
        if cgroup is not None:
            cgroup.kill()
            cgroup.remove()


def _listen(parent_pid: int) -> None:
    """Have the kernel tell us when whoever asked ends."""
    for number in TOLD:
        signal.signal(number, _be_told)
    signal.signal(signal.SIGALRM, _be_late)
    adopt_orphans()
    end_with_parent(signal.SIGTERM)
    if os.getppid() != parent_pid:
        raise _ToldToStop


def _be_told(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _ToldToStop


def _be_late(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _TooSlow


def _hear_nothing() -> None:
    """From here on only clearing away, which nobody is to cut short."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in TOLD:
        signal.signal(number, signal.SIG_IGN)


def _in_cgroup(order: Order, cgroup: Cgroup | None) -> Report:
    signal.setitimer(signal.ITIMER_REAL, BUILD_SECONDS_MAX)
    try:
        with build(order, cgroup) as sandbox:
            try:
                sandbox.fill()
                signal.setitimer(signal.ITIMER_REAL, 0)
                return watch(sandbox)
            finally:
                _hear_nothing()
    except CannotBuild as error:
        return Report(how="not_run", detail=str(error), next_step=error.next_step)
    except _TooSlow:
        return Report(
            how="not_run",
            detail=f"The sandbox was not built and filled within {BUILD_SECONDS_MAX:g} s.",
            next_step="Give it a smaller checkout, or see what slows the disk.",
        )


if __name__ == "__main__":
    main()
