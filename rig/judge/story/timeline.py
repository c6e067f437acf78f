"""Where in the device's life an observation is: its boots, its connections, its quiet spans."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from rig.judge.story import seen as s


@dataclass(frozen=True)
class Run:
    """The device from one start to the next. `boot` is None where the rig saw no boot marker.

    `witnessed` tells whether the start itself was seen. Where a trace has no boots, a new
    connection may be a restart or not: then every connection is a run that is not witnessed.
    """

    number: int
    start: s.Seen
    boot: s.Booted | None
    witnessed: bool

    @property
    def is_pending(self) -> bool:
        """Whether the image runs on trial, by its boot marker."""
        return self.boot is not None and self.boot.state == "pending_commit"


def in_story_order(observations: Sequence[s.Seen]) -> list[s.Seen]:
    """Put each boot behind what the connections of the boot before still had to say.

    The console and the network are recorded by different threads: the last packets of a device
    that restarts may be recorded just after the boot marker that follows them.
    """
    ordered: list[s.Seen] = []
    waiting: list[s.Seen] = []
    open_connections: set[int | None] = set()
    for observation in observations:
        if isinstance(observation, s.TcpOpened | s.PowerChanged | s.Booted):
            ordered += waiting
            waiting = []
        if isinstance(observation, s.TcpOpened):
            open_connections.add(observation.conn)
        is_network = isinstance(observation, _NETWORK)
        if (isinstance(observation, s.Booted) and open_connections) or (waiting and not is_network):
            waiting.append(observation)
        else:
            ordered.append(observation)
        if isinstance(observation, s.Closed):
            open_connections.discard(observation.conn)
            if not open_connections:
                ordered += waiting
                waiting = []
    return ordered + waiting


_NETWORK = (
    s.Closed,
    s.Subscribed,
    s.Unsubscribed,
    s.Pinged,
    s.Acknowledged,
    s.Published,
    s.Delivered,
    s.DataDelivered,
)
_DISTURBING = (s.Closed, s.Booted, s.PowerChanged, s.Commanded)


class Timeline:
    """The runs of a trace, and how long the device was left alone after something."""

    def __init__(self, ordered: Sequence[s.Seen], end_t: float) -> None:
        self.end_t = end_t
        self.has_boots = any(isinstance(observation, s.Booted) for observation in ordered)
        self.runs: list[Run] = []
        self._run_numbers: dict[int, int] = {}
        self._disturbances: list[s.Seen] = []
        for observation in ordered:
            self._place(observation)
        self._disturbances.sort(key=lambda seen: seen.line)
        self._lines = [seen.line for seen in self._disturbances]

    def _place(self, observation: s.Seen) -> None:
        starts = s.Booted if self.has_boots else s.TcpOpened
        if isinstance(observation, starts) or not self.runs:
            boot = observation if isinstance(observation, s.Booted) else None
            witnessed = boot is not None or not self.runs
            self.runs.append(Run(len(self.runs), observation, boot, witnessed))
        self._run_numbers[observation.line] = len(self.runs) - 1
        if isinstance(observation, _DISTURBING):
            self._disturbances.append(observation)

    def run_of(self, observation: s.Seen) -> Run:
        """The run that the observation belongs to."""
        return self.runs[self._run_numbers[observation.line]]

    def next_run(self, run: Run) -> Run | None:
        """The run after this one, None for the last."""
        return self.runs[run.number + 1] if run.number + 1 < len(self.runs) else None

    def calm_after(self, observation: s.Seen) -> float:
        """Seconds until the device was disturbed (connection, power, boot, command) or the end."""
        position = bisect_right(self._lines, observation.line)
        until = self._disturbances[position].t if position < len(self._disturbances) else self.end_t
        return until - observation.t
