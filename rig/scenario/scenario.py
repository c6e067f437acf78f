"""One scenario: its trace, its cloud and its device, from the first event to the verdicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rig.judge import Verdict, judge
from rig.scenario.cloud import Cloud, Job, Update
from rig.scenario.device import Device
from rig.scenario.disturbance import Disturbance
from rig.trace import Recorder, read_trace


class RuleBroken(AssertionError):  # noqa: N818 - a verdict, not an error
    """The judge found requirements violated in the scenario's trace."""


@dataclass
class Scenario:
    """What a scenario's test works with; `close` ends it and judges its trace."""

    name: str
    recorder: Recorder
    cloud: Cloud
    device: Device
    disturb: Disturbance
    end: Callable[[], None]

    def proves_alive(self, *, after_restart: bool = False) -> Update:
        """A good update goes all the way: the device was not merely dead or deaf.

        `after_restart` is for where it should take the update at once and is granted a restart.
        """
        current = self.device.running_version()
        update = self.cloud.offer(f"{current.major}.{current.minor}.{current.build + 100}")
        if after_restart and self.device.may_end(update) is None:
            self.device.power_cycle()
        self.device.reports(update, "SUCCEEDED", "accepted")
        self.device.runs(update.image)
        return update

    def expect(self, job: Job, status: str, reason: str) -> None:
        """Write down what the application on the device is known to answer to this job."""
        self.recorder.record("rig", "EXPECT", job_id=job.job_id, status=status, reason=reason)

    def note(self, text: str) -> None:
        self.recorder.record("rig", "NOTE", text=text)

    def close(self, trace_file: Path) -> dict[str, Verdict]:
        """Switch the device off, write the trace and hold it against every rule."""
        self.end()
        self.recorder.save(trace_file)
        return judge(read_trace(trace_file))
