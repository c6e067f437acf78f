"""How long each phase of one update took, from its trace alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rig.judge.story import Execution, Kind, Story, Transfer, tell
from rig.judge.story import seen as s
from rig.trace import Trace

BLOCK, TOTAL = "block", "update"
PHASES = {
    TOTAL: "from the offer to the report of success",
    "job": "from the offer to the first request for data",
    "download": "from there to the last data",
    BLOCK: "the download, divided by its blocks",
    "verify": "from the last data to the report that the image is ready",
    "restart": "from there to the boot marker of the new image",
    "self-test": "from there to the report of success",
}
"""What is measured, in the order in which it is shown."""


@dataclass(frozen=True)
class UpdateMeasures:
    """One update: `seconds` by phase, `memory` in bytes by whose it is and what it is."""

    seconds: Mapping[str, float]
    memory: Mapping[str, int]


def measures_of(trace: Trace) -> UpdateMeasures | None:
    """The measures of the last update that a trace shows whole, None if it shows none."""
    story = tell(trace)
    for execution in reversed(story.executions):
        seconds = _seconds(story, execution)
        if seconds is not None:
            return UpdateMeasures(seconds, _memory(trace))
    return None


def _seconds(story: Story, execution: Execution) -> dict[str, float] | None:
    transfer = next((t for t in story.transfers if t.job_id == execution.job_id), None)
    ready = next(iter(execution.of_kind(Kind.READY)), None)
    success = next(iter(execution.of_kind(Kind.SUCCEEDED)), None)
    if transfer is None or execution.created is None or ready is None or success is None:
        return None
    arrived = _arrivals(transfer)
    boot = story.boot_after(ready)
    if not arrived or boot is None:
        return None
    offered, last = execution.created.t, arrived[-1].t
    found = {
        TOTAL: success.t - offered,
        "job": transfer.first.t - offered,
        "download": last - transfer.first.t,
        BLOCK: (last - transfer.first.t) / len(arrived),
        "verify": ready.t - last,
        "restart": boot.t - ready.t,
        "self-test": success.t - boot.t,
    }
    return found if all(value >= 0 for value in found.values()) else None


def _arrivals(transfer: Transfer) -> list[s.Seen]:
    """The data that came, by MQTT or by HTTP, in order."""
    if transfer.by_http:
        return [asked.answered for asked in transfer.ranges if asked.answered is not None]
    return [datum.seen for datum in transfer.data]


def _memory(trace: Trace) -> dict[str, int]:
    for event in reversed(trace.events):
        if (event.channel, event.kind) == ("rig", "MEMORY"):
            return {
                name: value
                for name, value in event.data.items()
                if isinstance(value, int) and not isinstance(value, bool) and value >= 0
            }
    return {}
