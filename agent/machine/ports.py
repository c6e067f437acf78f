"""What the machine needs from outside, each as small as the OTA library's own interfaces.

Handlers need the result of these calls at once (OTA spec §2.4), so they are calls and not returned
effects. Tests put recorders in their place; nothing here knows sockets, clocks or threads.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from agent.protocol.codes import (
    ImageState,
    JobEvent,
    JobParseErr,
    JobReason,
    JobStatus,
    PalImageState,
)
from agent.protocol.job_document import JobDocument
from agent.protocol.pal_status import PalStatus


class Timer(enum.Enum):
    """The two one-shot timers of OTA spec §2.5."""

    REQUEST = "OtaRequestTimer"
    SELF_TEST = "OtaSelfTestTimer"


class Transport(Protocol):
    """MQTT as the machine sees it; every call says whether it worked *locally*."""

    def subscribe(self, topic: str, qos: int) -> bool: ...

    def unsubscribe(self, topic: str) -> bool: ...

    def publish(self, topic: str, payload: bytes, qos: int) -> bool: ...


class HttpTransfer(Protocol):
    """Ranged HTTP download; answers come back as events, never as results."""

    def init(self, url: str) -> bool: ...

    def request(self, index: int, first: int, last: int) -> bool:
        """Ask for block ``index``: bytes ``first`` to ``last``, both inclusive."""

    def deinit(self) -> bool: ...


class Platform(Protocol):
    """The platform layer of OTA spec §9."""

    def create_file(self, document: JobDocument) -> PalStatus: ...

    def write_block(self, offset: int, data: bytes) -> int: ...

    def close_file(self, document: JobDocument) -> PalStatus: ...

    def abort(self) -> PalStatus: ...

    def activate(self) -> PalStatus: ...

    def reset(self) -> PalStatus: ...

    def set_image_state(self, state: ImageState) -> PalStatus: ...

    def image_state(self) -> PalImageState: ...


class Timers(Protocol):
    """One-shot timers; starting a running one starts it anew."""

    def start(self, timer: Timer, seconds: float) -> bool: ...

    def stop(self, timer: Timer) -> bool: ...


@dataclass
class JobRecord:
    """The job as the application's callback sees it (OTA spec §1.2).

    For ``PARSE_CUSTOM_JOB`` the application may claim the job: it sets ``parse_err`` to NONE and
    chooses ``status``, ``reason`` and ``sub_reason``.
    """

    document: bytes
    job_id: str
    file_type: int = 0
    parse_err: JobParseErr = JobParseErr.UNKNOWN
    status: JobStatus = JobStatus.IN_PROGRESS
    reason: JobReason = JobReason.RECEIVING
    sub_reason: int = 0


class StreamMessage(NamedTuple):
    """One message on a stream's data topic, undecoded."""

    stream: str
    payload: bytes


@dataclass(frozen=True)
class HttpBlock:
    """The body of one range answer; ``index`` is the block that was asked for."""

    index: int
    body: bytes


class JobAnswer(NamedTuple):
    """A job document that answers our own request, as opposed to a notification."""

    document: bytes


EventData = bytes | JobAnswer | StreamMessage | HttpBlock | None
"""What comes with an event; ``bytes`` is a job document that was pushed to us."""
AppCallback = Callable[[JobEvent, "JobRecord | EventData"], None]


@dataclass(frozen=True)
class Ports:
    """Everything outside the machine."""

    transport: Transport
    http: HttpTransfer
    platform: Platform
    timers: Timers
    callback: AppCallback
