"""Several devices of one board side by side: each is a lane with a process and a bench of its own.

Which lane runs a scenario follows from its place in the list alone, so that two runs put it on the
same device. A lane is forked before any bench is open, from what pytest has collected; it sends
back pytest's reports and the cases, and the run goes on as if one device had done it all.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from rig.case import CaseResult
from rig.errors import UsageError
from rig.interruption import interruption
from targets.board import Board

_PR_SET_PDEATHSIG = 1
AT_ONCE = 8
"""Devices side by side at most, unless somebody asks for more."""
PER_CORE_IF_A_PROGRAM = 2
"""A program waits for timers and answers half its time; an emulated chip keeps its core busy."""


@dataclass(frozen=True)
class Reported:
    """What pytest reports of one phase of a test, in its own serialised form."""

    report: dict[str, Any]


@dataclass(frozen=True)
class Began:
    """The test of this number, in the order of collection, has begun."""

    number: int


@dataclass(frozen=True)
class Done:
    """The test of this number has ended so; None for a test that is no case."""

    number: int
    case: CaseResult | None


@dataclass(frozen=True)
class Ended:
    """A lane's last word.

    `more` are cases that no test stands for; `stop` says why it stopped before its last test,
    `exit_code` is given if the whole run is to end with it.
    """

    more: tuple[CaseResult, ...]
    bench_errors: tuple[str, ...]
    refusal: str
    stop: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class Lost:
    """The lane's process is gone without a last word; nobody tells this, it is found out."""


Told = Reported | Began | Done | Ended | Lost


@dataclass
class Lane:
    """One device's tests, by their numbers, and the process that runs them."""

    number: int
    tests: tuple[int, ...]
    process: int
    told: Connection
    ending: bool = False
    """Whether it was told to end: a second time would cut short its tidying up."""

    def end(self) -> None:
        """Have it end in order, closing its bench; it may have ended already."""
        if not self.ending:
            self.ending = True
            self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process, number)


def devices_of(board: Board, wanted: int | None, *, own_broker: bool) -> int:
    """How many devices are tested side by side.

    As many emulated chips as the machine has cores, or twice as many programs, if the broker is the
    bench's own; else there is one. Raises `UsageError` for a wish that cannot be fulfilled.
    """
    if wanted is not None and wanted < 1:
        raise UsageError(f"--devices {wanted}: one device is needed at least")
    why_one = ""
    if not (board.driver == "process" or board.power.kind == "virtual"):
        why_one = f"board {board.name!r} is one device on the bench"
    elif not own_broker:
        why_one = "two devices of one name cannot share the broker of --broker"
    if why_one:
        if wanted not in (None, 1):
            raise UsageError(f"--devices {wanted}: {why_one}; leave it out")
        return 1
    per_core = PER_CORE_IF_A_PROGRAM if board.driver == "process" else 1
    return wanted or min(per_core * len(os.sched_getaffinity(0)), AT_ONCE)


def open_lanes(tests: int, devices: int, run: Callable[[Lane], Ended]) -> list[Lane]:
    """Fork a process for each device; in it `run` does the lane's tests and says how that ended."""
    parent = os.getpid()
    lanes: list[Lane] = []
    for number in range(devices):
        ours, theirs = multiprocessing.Pipe(duplex=False)
        mine = tuple(range(number, tests, devices))
        process = os.fork()
        if process == 0:
            _be_a_lane(parent, Lane(number, mine, os.getpid(), theirs), run)
        theirs.close()
        lanes.append(Lane(number, mine, process, ours))
    return lanes


def _be_a_lane(parent: int, lane: Lane, run: Callable[[Lane], Ended]) -> None:
    """Never returns."""
    status = 1
    try:
        # The run passes on what it is told to do; a terminal's Ctrl-C must not come twice.
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() == parent:
            interruption.take_signals(forget=False)
            lane.told.send(run(lane))
            status = 0
    finally:
        os._exit(status)


def listen(lanes: Sequence[Lane], hear: Callable[[Lane, Any], None]) -> None:
    """Hear what the lanes tell, until all have ended: whatever they send, then `Ended` or `Lost`.

    A signal to this process has the lanes end in order, a second one without waiting for anything,
    a third one at once; `KeyboardInterrupt` is raised, but only when all is heard.
    """
    open_now = {lane.told: lane for lane in lanes}
    ended: set[int] = set()
    interrupts = 0
    while open_now:
        try:
            with interruption.allowed():
                ready = wait(list(open_now))
        except KeyboardInterrupt:
            interrupts += 1
            interruption.answered()
            for lane in open_now.values():
                if interrupts == 1:
                    lane.end()
                else:
                    lane.signal(signal.SIGTERM if interrupts == 2 else signal.SIGKILL)
            continue
        for connection in ready:
            assert isinstance(connection, Connection)
            lane = open_now[connection]
            try:
                told = connection.recv()
            except EOFError:
                del open_now[connection]
                connection.close()
                os.waitpid(lane.process, 0)
                lane.ending = True
                if lane.number not in ended:
                    hear(lane, Lost())
                continue
            if isinstance(told, Ended):
                ended.add(lane.number)
            hear(lane, told)
    if interrupts:
        raise KeyboardInterrupt
