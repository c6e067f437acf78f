"""What a scenario waits for: events of the trace, read with the vocabulary both sides share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from agent.protocol import topics
from agent.protocol.status import ParsedStatus, StatusError, parse_status
from agent.protocol.topics import ReservedApi, parse_reserved
from rig.trace import Event

TERMINAL = frozenset({"SUCCEEDED", "FAILED", "REJECTED"})
Predicate = Callable[[Event], bool]


@dataclass(frozen=True)
class ReportedStatus:
    """A status that the device published for a job execution; `position` is its event's."""

    job_id: str
    status: str
    details: dict[str, str]
    position: int = -1

    @property
    def reason(self) -> str:
        return self.details.get("reason", "")

    def __str__(self) -> str:
        return f"{self.status} {self.details}"


def published(event: Event, api: ReservedApi) -> bool:
    """Whether the event is a PUBLISH of the device to this reserved topic."""
    if event.kind != "PUBLISH" or event.dir != "from_device":
        return False
    reserved = parse_reserved(event.data["topic"])
    return reserved is not None and reserved.api is api


def reported_status(event: Event, position: int = -1) -> ReportedStatus | None:
    """The status the device reports with this event, or None."""
    if not published(event, ReservedApi.UPDATE):
        return None
    reserved = parse_reserved(event.data["topic"])
    assert reserved is not None
    try:
        parsed: ParsedStatus = parse_status(bytes.fromhex(event.data["payload"]))
    except StatusError:
        return None
    return ReportedStatus(reserved.job_id or "", parsed.status, dict(parsed.details), position)


def is_boot(event: Event) -> bool:
    """A boot marker was seen on the console."""
    return event.kind == "BOOT"


def is_job_request(event: Event) -> bool:
    """The device asks for its next job (NG)."""
    return published(event, ReservedApi.DESCRIBE)


def is_empty_answer(event: Event) -> bool:
    """The service tells the device that no job is pending (NGA without an execution)."""
    if event.kind != "PUBLISH" or event.dir != "to_device":
        return False
    topic: str = event.data["topic"]
    if not topic.endswith(f"/{topics.NEXT}/get/accepted"):
        return False
    return "execution" not in json.loads(bytes.fromhex(event.data["payload"]))


def is_lost_answer(event: Event) -> bool:
    """The rig took the answer to a job request on its way to the device."""
    return event.kind == "FAULT" and str(event.data.get("topic", "")).endswith(
        f"/{topics.NEXT}/get/accepted"
    )


def is_held(event: Event, packet: str) -> bool:
    """The rig keeps back a packet of this kind on its way to the device."""
    return (
        event.kind == "FAULT"
        and event.data.get("action") == "Hold"
        and event.data.get("packet") == packet
    )


def is_news(event: Event) -> bool:
    """A job document on its way to the device that it has not asked for (NN)."""
    return (
        event.kind == "PUBLISH"
        and event.dir == "to_device"
        and event.data["topic"].endswith("/jobs/notify-next")
    )


def is_block_request(event: Event) -> bool:
    """The device asks for blocks of a stream (SG)."""
    return published(event, ReservedApi.STREAM_GET)


def is_download(event: Event) -> bool:
    """The device asks for a part of its image by HTTP."""
    return event.channel == "http" and event.kind == "REQUEST"


def is_unsubscribed_stream(event: Event) -> bool:
    """The device unsubscribes the data topic of a stream."""
    return event.kind == "UNSUBSCRIBE" and any(
        "/streams/" in name for name in event.data["filters"]
    )


def is_data_block(event: Event) -> bool:
    """A block on its way to the device (SD)."""
    return (
        event.kind == "PUBLISH"
        and event.dir == "to_device"
        and "/streams/" in event.data["topic"]
        and "/data/" in event.data["topic"]
    )
