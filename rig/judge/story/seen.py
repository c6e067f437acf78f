"""Typed observations: what the reading pass makes of the events of a trace.

Each carries the line of its event and the time `t` in seconds. `conn` is the network connection.
Messages of the device are classes of their own; what they say is decoded, and what could not be
decoded is kept as a `defect` for the rules to judge.

Nobody changes an observation. They are not frozen only because a frozen dataclass takes three
times as long to make, and a trace has a hundred thousand of them; each is equal to itself alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.protocol.states import State
from rig.judge.story.block import Block, BlockRequest
from rig.judge.story.offer import Offer
from rig.judge.story.report import Report


@dataclass(slots=True, eq=False)
class Seen:
    """Anything that was seen at one line of the trace."""

    line: int
    t: float
    conn: int | None


@dataclass(slots=True, eq=False)
class TcpOpened(Seen):
    """The device opened a network connection."""


@dataclass(slots=True, eq=False)
class Connected(Seen):
    """The gateway accepted the device's CONNECT."""


@dataclass(slots=True, eq=False)
class Closed(Seen):
    """A network connection ended; `by_device` tells which side ended it."""

    by_device: bool


@dataclass(slots=True, eq=False)
class Subscribed(Seen):
    """SUBSCRIBE of the device: pairs of topic filter and asked-for QoS."""

    filters: tuple[tuple[str, int], ...]

    def qos_of(self, topic: str) -> int | None:
        """The QoS asked for this very filter, None when it is not among them."""
        return next((qos for name, qos in self.filters if name == topic), None)


@dataclass(slots=True, eq=False)
class Unsubscribed(Seen):
    """UNSUBSCRIBE of the device."""

    filters: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Pinged(Seen):
    """PINGREQ of the device: a sign of life and nothing else."""


@dataclass(slots=True, eq=False)
class Acknowledged(Seen):
    """PUBACK: of the device for a delivery, or (`by_device` False) of the gateway."""

    by_device: bool
    pid: int | None


@dataclass(slots=True, eq=False)
class Published(Seen):
    """PUBLISH of the device to a reserved topic."""

    topic: str
    qos: int
    retain: bool
    dup: bool
    pid: int | None
    payload: bytes


@dataclass(slots=True, eq=False)
class JobRequested(Published):
    """The device asks for its next job (NG)."""


@dataclass(slots=True, eq=False)
class Reported(Published):
    """The device reports the status of a job (UP)."""

    job_id: str
    report: Report


@dataclass(slots=True, eq=False)
class BlocksRequested(Published):
    """The device asks for blocks of a stream (SG)."""

    stream: str
    request: BlockRequest


@dataclass(slots=True, eq=False)
class Delivered(Seen):
    """A job document reached the device, as news (`on_notify_next`) or as an answer."""

    on_notify_next: bool
    size: int
    offer: Offer
    subscribed: bool
    """Whether the device had subscribed to the topic on that connection."""


@dataclass(slots=True, eq=False)
class DataDelivered(Seen):
    """A data message reached the device (SD)."""

    stream: str
    block: Block


@dataclass(slots=True, eq=False)
class HttpAsked(Seen):
    """An HTTP request of the device; `range` is (first, last) of a single byte range."""

    method: str
    target: str
    range: tuple[int, int] | None
    range_text: str | None


@dataclass(slots=True, eq=False)
class HttpAnswered(Seen):
    """The answer to an HTTP request; `length` is that of the body in bytes."""

    status: int
    length: int


@dataclass(slots=True, eq=False)
class Booted(Seen):
    """What the rig knows of an image that began to run; `state` as the boot loader calls it.

    `packed` is the version as one number, None when `version` is not "major.minor.build".
    """

    version: str
    packed: int | None
    slot: str | None
    state: str | None
    marker: str | None


@dataclass(slots=True, eq=False)
class Flashed(Seen):
    """The rig put an image into a slot, everything else erased: this one will run."""

    slot: str
    sha256: str


@dataclass(slots=True, eq=False)
class SlotRead(Seen):
    """What was read back from a slot."""

    slot: str
    active: bool
    length: int
    sha256: str


@dataclass(slots=True, eq=False)
class StateRead(Seen):
    """What the agent's state had become, read from the device's memory; None: no such state."""

    state: State | None
    value: int


@dataclass(slots=True, eq=False)
class PowerChanged(Seen):
    """The rig changed the power: ON, OFF or CUT; RESET of the probe counts as one."""

    kind: str


@dataclass(slots=True, eq=False)
class Commanded(Seen):
    """The application on the device was told something, and answered."""

    name: str
    arguments: tuple[str, ...]


@dataclass(slots=True, eq=False)
class JobCreated(Seen):
    """What a scenario offered."""

    job_id: str
    signed: str | None
    image: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class JobCancelled(Seen):
    """A job was cancelled at the service."""

    job_id: str


@dataclass(slots=True, eq=False)
class FaultFired(Seen):
    """A fault that the rig put in the way, with whatever the trace says of it."""

    data: Mapping[str, Any]


@dataclass(slots=True, eq=False)
class Expected(Seen):
    """What a scenario knows the application on the device to do."""

    data: Mapping[str, Any]
