"""The agent's state as the chip has it, followed over the debug wire while the device runs.

A watchpoint halts the core at each write to the variable. Somebody then reads what was written and
lets the core go on: this takes a millisecond or a few, and nothing in the firmware is changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rig.errors import BenchError
from rig.trace import RecorderSwitch
from targets.sections import Slot
from targets.state_variable import StateVariable

LOOK_S = 0.001
"""Between two looks at whether the core has halted."""


class Write(NamedTuple):
    """What was written to the watched place, and where the core went on, or is about to."""

    value: int
    pc: int


class WatchingSession(Protocol):
    """A hold on a chip with a watchpoint unit. Everything raises `BenchError`."""

    def watch(self, address: int, size: int) -> None:
        """Halt the core at each write there, until the session ends."""

    def take_write(self, address: int, size: int, note: Callable[[Write], None]) -> bool:
        """Whether the core had halted at a write; noted while it stands, then it goes on."""


class StateWitness:
    """Follows from construction to `close`, in a thread of its own."""

    def __init__(
        self,
        session: WatchingSession,
        variable: StateVariable,
        slots: Sequence[Slot],
        recorder: RecorderSwitch,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`slots` are where images run: what a boot loader writes there means something else.

        `clock` gives seconds. Raises `BenchError` without a watchpoint.
        """
        self.failure: BenchError | None = None
        self._session = session
        self._variable = variable
        self._slots = tuple(range(slot.address, slot.address + slot.size) for slot in slots)
        self._recorder = recorder
        self._clock = clock
        self._last: int | None = None
        self._halts = 0
        self._stood_s = 0.0
        self._ending = threading.Event()
        session.watch(variable.address, variable.size)
        self._thread = threading.Thread(target=self._follow, name="state-witness", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Follow no more, and record what it cost; the core may be halted at a write thereafter.

        `stood_s` is how long the core stood still at most: a halt may be as old as the look before.
        """
        self._ending.set()
        self._thread.join()
        self._recorder.record(
            "probe", "FOLLOWED", variable=self._variable.name, halts=self._halts,
            stood_s=round(self._stood_s, 6),
        )  # fmt: skip

    def _follow(self) -> None:
        address, size = self._variable.address, self._variable.size
        ran = self._clock()
        try:
            while not self._ending.is_set():
                looked = self._clock()
                if self._session.take_write(address, size, self._note):
                    looked = self._clock()
                    self._halts += 1
                    self._stood_s += looked - ran
                else:
                    self._ending.wait(LOOK_S)
                ran = looked
        except BenchError as error:
            self.failure = error

    def _note(self, write: Write) -> None:
        """A state that is written once more is no change."""
        if write.value == self._last or not any(write.pc in slot for slot in self._slots):
            return
        self._last = write.value
        state = self._variable.states.get(write.value)
        self._recorder.record(
            "probe", "STATE", value=write.value, state="" if state is None else state.text
        )
