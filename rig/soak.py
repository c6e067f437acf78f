"""Many updates in a row, each a case of its own with a trace of its own.

The device goes on with what the update before has left in its flash. Between two updates it is
switched off and on, so that a trace begins with a boot, and the rig holds one trace at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rig.bench import Bench
from rig.case import SOAK_CASE
from rig.closing import case_of_its_own
from rig.run import Run
from rig.scenario import Scenario
from targets.driver import Capability, MemoryMeter

STORY = "One of many updates in a row, on what the one before it has left in flash."


class Soak:
    """The updates of one run; `numbers` count from 1."""

    def __init__(self, bench: Bench, run: Run, updates: int) -> None:
        self._bench = bench
        self._run = run
        self.numbers = range(1, updates + 1)

    @contextmanager
    def update(self, number: int) -> Iterator[Scenario]:
        """A scenario on the device as it is; its memory is asked for at the end."""
        name = f"{SOAK_CASE}{number:0{len(str(self.numbers[-1]))}d}"
        driver = self._bench.driver
        meter = driver if isinstance(driver, MemoryMeter) else None
        if Capability.MEMORY not in driver.capabilities:
            meter = None
        if meter is not None:
            meter.meter_memory(True)
        try:
            with case_of_its_own(self._run, self._bench, name, STORY) as scenario:
                if number == self.numbers[0]:
                    scenario.device.start()
                else:
                    scenario.device.start_with_what_it_has()
                yield scenario
                memory: dict[str, Any] = {"rig": _own_memory()}
                if meter is not None:
                    memory.update(meter.memory_needed())
                scenario.recorder.record("rig", "MEMORY", **memory)
        finally:
            if meter is not None:
                meter.meter_memory(False)


def _own_memory() -> int:
    """The resident memory of the rig, in bytes."""
    status = Path("/proc/self/status").read_text("ascii", "replace")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
