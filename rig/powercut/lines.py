"""What was cut, when, and what came of it, in one line."""

from __future__ import annotations

from rig.powercut.agent_slots import DiskOutcome
from rig.powercut.cuts import Cut
from rig.powercut.operations import Layout


def chip_brick(name: str, layout: Layout, cut: Cut, flaw: str) -> str:
    """A cut at an operation of the flash controller."""
    return (
        f"brick: {name}, power cut {cut.moment.value} operation {cut.number}, "
        f"{layout.described(cut.operation)}: {flaw}"
    )


def file_brick(name: str, outcome: DiskOutcome) -> str:
    """A cut at an operation of the file system."""
    return (
        f"brick: {name}, power cut in operation {outcome.number}, {outcome.operation}, what was "
        f"not synced is {outcome.survival.value}: {outcome.flaw}"
    )
