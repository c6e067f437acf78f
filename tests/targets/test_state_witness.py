"""What the witness makes of writes, with a chip that halts when told; real chips are elsewhere."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from agent.protocol.states import State
from rig.errors import BenchError
from rig.trace import Header, Recorder, RecorderSwitch
from targets.sections import Slot
from targets.state_variable import StateVariable
from targets.state_witness import StateWitness, Write

VARIABLE = StateVariable("agent.state", 0x2000_0010, 1, {s.value: s for s in State})
SLOT = Slot(name="A", address=0x4000, size=0x1000)
INSIDE, OUTSIDE = 0x4800, 0x0100


class ScriptedChip:
    """Halts at the writes of a script, then breaks or runs for ever."""

    def __init__(self, writes: list[Write], failure: BenchError | None = None) -> None:
        self.watched: tuple[int, int] | None = None
        self.used_up = threading.Event()
        self._writes = deque(writes)
        self._failure = failure

    def watch(self, address: int, size: int) -> None:
        self.watched = address, size

    def take_write(self, address: int, size: int, note: Callable[[Write], None]) -> bool:
        assert self.watched == (address, size)
        if self._writes:
            note(self._writes.popleft())
            return True
        self.used_up.set()
        if self._failure is not None:
            raise self._failure
        return False


def seconds() -> Iterator[float]:
    """A clock on which a second goes by with each look."""
    now = 0.0
    while True:
        now += 1.0
        yield now


def followed(chip: ScriptedChip) -> tuple[StateWitness, Recorder]:
    recorder, switch = Recorder(Header("case", "board", "thing", {})), RecorderSwitch()
    switch.use(recorder)
    ticks = seconds()
    witness = StateWitness(chip, VARIABLE, [SLOT], switch, lambda: next(ticks))
    assert chip.used_up.wait(20.0)
    witness.close()
    return witness, recorder


def test_changes_are_told_once_and_only_of_images() -> None:
    chip = ScriptedChip(
        [
            Write(7, OUTSIDE),  # the boot loader uses the same memory for something else
            Write(State.INIT, INSIDE),
            Write(State.READY, INSIDE),
            Write(State.READY, INSIDE),
            Write(State.REQUESTING_JOB, OUTSIDE),
            Write(77, INSIDE),
        ]
    )
    witness, recorder = followed(chip)
    assert chip.watched == (VARIABLE.address, VARIABLE.size)
    told = [e.data for e in recorder.events if e.kind == "STATE"]
    assert told == [
        {"value": 0, "state": "Init"},
        {"value": 1, "state": "Ready"},
        {"value": 77, "state": ""},
    ]
    assert witness.failure is None


def test_the_cost_is_told_at_the_end() -> None:
    _, recorder = followed(ScriptedChip([Write(State.INIT, INSIDE), Write(State.READY, INSIDE)]))
    cost = recorder.events[-1]
    assert (cost.channel, cost.kind) == ("probe", "FOLLOWED")
    # From the look before to the end of each: the clock was looked at twice for a halt.
    assert cost.data == {"variable": "agent.state", "halts": 2, "stood_s": 4.0}


def test_a_probe_that_is_gone_is_kept_for_whoever_asks() -> None:
    witness, _ = followed(ScriptedChip([], BenchError("the probe is gone")))
    assert str(witness.failure) == "the probe is gone"


def test_a_core_without_a_free_watchpoint_is_told_at_once() -> None:
    class Full(ScriptedChip):
        def watch(self, address: int, size: int) -> None:
            raise BenchError("no free watchpoint")

    with pytest.raises(BenchError, match="no free watchpoint"):
        StateWitness(Full([]), VARIABLE, [SLOT], RecorderSwitch())
