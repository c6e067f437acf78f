"""One event of a trace in words: a short title and what it carries."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rig.judge.story.block import read_block, read_request
from rig.trace import Event

MAX_DETAIL = 170
MAX_TITLE = 90


@dataclass(frozen=True)
class Text:
    """`what` titles the event, `detail` is what it carries, `kind` names it among its like."""

    what: str
    detail: str
    kind: str


def describe(event: Event) -> Text:
    """The words for an event, cut to a length that can be shown; never raises."""
    what, detail = _words(event)
    kind = "block request" if is_request(event) else what.partition(" ")[0]
    if event.channel == "http":
        kind = "HTTP message"
    elif is_status(event):
        kind = "status"
    return Text(cut(what, MAX_TITLE), cut(detail, MAX_DETAIL), kind)


def is_data(event: Event) -> bool:
    """A data block on its way to the device."""
    return event.dir == "to_device" and _is_stream(event, "data")


def is_request(event: Event) -> bool:
    """The device asks for blocks."""
    return event.dir == "from_device" and _is_stream(event, "get")


def is_status(event: Event) -> bool:
    """The device reports that a job is in progress, and nothing of its self-test."""
    topic = event.data.get("topic")
    if event.dir != "from_device" or not isinstance(topic, str) or not topic.endswith("/update"):
        return False
    payload = payload_of(event)
    return b"IN_PROGRESS" in payload and b"self_test" not in payload


def is_transfer(event: Event) -> bool:
    """Whether there are usually many of this kind in a transfer."""
    faulted = event.kind == "FAULT"
    return event.channel == "http" or is_request(event) or is_status(event) or faulted


def block_index(event: Event) -> int | None:
    return read_block(payload_of(event)).index


def payload_of(event: Event) -> bytes:
    """The payload of a packet, empty where there is none or it is not hex."""
    try:
        return bytes.fromhex(event.data.get("payload", ""))
    except (TypeError, ValueError):
        return b""


def cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _is_stream(event: Event, what: str) -> bool:
    topic = event.data.get("topic")
    return (
        event.kind == "PUBLISH"
        and isinstance(topic, str)
        and "/streams/" in topic
        and f"/{what}/" in topic
    )


def _words(event: Event) -> tuple[str, str]:
    data = event.data
    if event.channel == "mqtt":
        return _mqtt(event)
    if event.channel == "http":
        if event.kind == "REQUEST":
            headers = data.get("headers")
            span = headers.get("Range", "") if isinstance(headers, dict) else ""
            target = str(data.get("target", "")).partition("?")[0]
            return f"{data.get('method')} {span}".strip(), target
        return f"HTTP {data.get('status')}", f"{data.get('length')} bytes"
    if event.channel == "console":
        return "console", str(data.get("text", ""))
    if event.channel == "power":
        return f"power {event.kind.lower()}", ""
    if event.kind == "BOOT":
        return (
            f"boot {event.boot}: version {data.get('version')}",
            f"slot {data.get('slot')}, {data.get('state')}",
        )
    if event.kind == "JOB_CREATED":
        return f"job {data.get('job_id')} is offered", _job(data)
    if event.kind == "FLASH":
        place = data.get("what") or f"slot {data.get('slot')}"
        return "the rig flashes", f"{_plain(place)}, {data.get('length')} bytes"
    words = event.kind.replace("_", " ").lower()
    return words, ", ".join(f"{key} {_plain(value)}" for key, value in data.items())


def _mqtt(event: Event) -> tuple[str, str]:
    data = event.data
    if event.kind == "PUBLISH":
        topic = str(data.get("topic", ""))
        flags = "".join(f" {flag}" for flag in ("dup", "retain") if data.get(flag))
        title = f"{_short(topic)}  QoS {data.get('qos')}{flags}"
        return title, _payload_text(event)
    if event.kind in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return event.kind, ", ".join(_filters(data.get("filters")))
    if event.kind == "CONNECT":
        clean = "clean session" if data.get("clean") else "persistent session"
        return "CONNECT", f"{clean}, keep-alive {data.get('keepalive')} s"
    if event.kind == "TCP_CLOSE":
        return "connection ends", str(data.get("reason", ""))
    return event.kind, ", ".join(f"{key} {_plain(value)}" for key, value in data.items())


def _job(data: dict[str, Any]) -> str:
    image = data.get("image")
    if not isinstance(image, dict):
        return _plain(data.get("document", ""))
    return (
        f"version {image.get('version')}, {image.get('size')} bytes, "
        f"signature {data.get('signed')}, {_plain(data.get('protocols'))}"
    )


def _filters(value: Any) -> list[str]:
    if not isinstance(value, list):
        return []
    names = (entry[0] if isinstance(entry, list) and entry else entry for entry in value)
    return [_short(str(name)) for name in names]


def _short(topic: str) -> str:
    """The topic without the part that is the same for all of the device's."""
    parts = topic.split("/", 3)
    if len(parts) != 4 or parts[:2] != ["$aws", "things"]:
        return topic
    tail = parts[3].split("/")
    if tail[0] == "streams" and len(tail) == 4:
        return f"streams/…/{tail[2]}/{tail[3]}"
    return parts[3]


def _payload_text(event: Event) -> str:
    payload = payload_of(event)
    if is_request(event):
        request = read_request(payload)
        if request.defect is not None:
            return request.defect
        return (
            f"{request.wanted.bit_count()} blocks wanted, n {request.count}, "
            f"l {request.block_size}, b {request.bitmap[:16].hex()}"
        )
    if is_data(event):
        block = read_block(payload)
        return block.defect or f"block {block.index}, {block.length} bytes"
    text = payload.decode("utf-8", "replace")
    return _job_message(text) or text


def _job_message(text: str) -> str:
    """What a status, or an answer with a job, says; "" for what is not just one of these."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(message, dict):
        return ""
    execution, details = message.get("execution"), message.get("statusDetails", {})
    if isinstance(execution, dict):
        return f"job {execution.get('jobId')}, {execution.get('status')}" if execution else "no job"
    if set(message) <= {"status", "statusDetails"} and isinstance(details, dict):
        pairs = (f"{name} {_plain(value)}" for name, value in details.items())
        return ", ".join([_plain(message.get("status")), *pairs])
    return "no job" if set(message) == {"timestamp", "clientToken"} else ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
