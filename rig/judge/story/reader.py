"""The reading pass: events of a trace become typed observations, in order.

Hostile values are no reason to fail: an event that lacks what its kind needs is left out, unknown
channels and kinds too (trace format).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.states import state_of
from rig.judge.story import seen as s
from rig.judge.story.block import read_block, read_request
from rig.judge.story.offer import read_offer
from rig.judge.story.report import packed_version, read_report
from rig.trace import Event, Trace

_RANGE = re.compile(r"bytes=(\d{1,12})-(\d{1,12})", re.ASCII)
RESERVED = "$aws/"
CONTROL_APIS = ("/jobs/", "/streams/")


# What other commands set off may be seen before their answer: they count from when they were
# given. A device may speak until it has answered that it is suspended.
SILENCING = "suspend"


@dataclass
class Reader:
    """Reads the events of one trace; `thing` is the device's thing name.

    `foreign` collects what the device published or subscribed to outside its own thing.
    """

    thing: str
    foreign: list[tuple[s.Seen, str]] = field(default_factory=list)
    _subscribed: dict[int | None, set[str]] = field(default_factory=dict)

    def read(self, trace: Trace) -> Iterator[s.Seen]:
        """The observations of the trace."""
        readers: dict[tuple[str, str], Callable[[Event, s.Seen], s.Seen | None]] = {
            ("mqtt", "TCP_OPEN"): self._opened,
            ("mqtt", "TCP_CLOSE"): self._closed,
            ("mqtt", "CONNACK"): self._connack,
            ("mqtt", "SUBSCRIBE"): self._subscribe,
            ("mqtt", "UNSUBSCRIBE"): self._unsubscribe,
            ("mqtt", "PUBLISH"): self._publish,
            ("mqtt", "PUBACK"): self._puback,
            ("mqtt", "PINGREQ"): lambda _, at: s.Pinged(*_at(at)),
            ("http", "REQUEST"): _http_request,
            ("http", "RESPONSE"): _http_response,
            ("probe", "READ"): _slot_read,
            ("probe", "FLASH"): _flashed,
            ("probe", "STATE"): _state_read,
            ("probe", "RESET"): lambda _, at: s.PowerChanged(*_at(at), kind="RESET"),
            ("power", "ON"): lambda event, at: s.PowerChanged(*_at(at), kind=event.kind),
            ("power", "OFF"): lambda event, at: s.PowerChanged(*_at(at), kind=event.kind),
            ("power", "CUT"): lambda event, at: s.PowerChanged(*_at(at), kind=event.kind),
            ("rig", "BOOT"): _boot,
            ("rig", "COMMAND"): _command,
            ("rig", "ANSWER"): _answer,
            ("rig", "JOB_CREATED"): _job_created,
            ("rig", "JOB_CANCELLED"): _job_cancelled,
            ("rig", "FAULT"): lambda event, at: s.FaultFired(*_at(at), data=event.data),
            ("rig", "EXPECT"): lambda event, at: s.Expected(*_at(at), data=event.data),
        }
        for position, event in enumerate(trace.events):
            reader = readers.get((event.channel, event.kind))
            if reader is None:
                continue
            line = event.line if event.line is not None else position + 2
            observation = reader(event, s.Seen(line, event.t, event.conn))
            if observation is not None:
                yield observation

    # -- MQTT ----------------------------------------------------------------------------------

    def _opened(self, event: Event, at: s.Seen) -> s.Seen:
        self._subscribed[event.conn] = set()
        return s.TcpOpened(*_at(at))

    def _closed(self, event: Event, at: s.Seen) -> s.Seen:
        return s.Closed(*_at(at), by_device=event.dir == "from_device")

    def _connack(self, event: Event, at: s.Seen) -> s.Seen | None:
        return s.Connected(*_at(at)) if event.data.get("rc") == 0 else None

    def _puback(self, event: Event, at: s.Seen) -> s.Seen:
        pid = event.data.get("pid")
        return s.Acknowledged(*_at(at), event.dir == "from_device", _whole(pid))

    def _subscribe(self, event: Event, at: s.Seen) -> s.Seen | None:
        raw = event.data.get("filters")
        if not isinstance(raw, list):
            return None
        filters = tuple(
            (pair[0], pair[1])
            for pair in raw
            if isinstance(pair, list)
            and len(pair) == 2
            and isinstance(pair[0], str)
            and type(pair[1]) is int
        )
        observation = s.Subscribed(*_at(at), filters)
        for name, _ in filters:
            self._subscribed.setdefault(event.conn, set()).add(name)
            self._note_foreign(observation, name)
        return observation

    def _unsubscribe(self, event: Event, at: s.Seen) -> s.Seen | None:
        raw = event.data.get("filters")
        if not isinstance(raw, list):
            return None
        filters = tuple(name for name in raw if isinstance(name, str))
        observation = s.Unsubscribed(*_at(at), filters)
        for name in filters:
            self._subscribed.setdefault(event.conn, set()).discard(name)
            self._note_foreign(observation, name)
        return observation

    def _publish(self, event: Event, at: s.Seen) -> s.Seen | None:
        topic, text = event.data.get("topic"), event.data.get("payload", "")
        if not isinstance(topic, str) or not topic.startswith(RESERVED):
            return None
        try:
            payload = bytes.fromhex(text)
        except (TypeError, ValueError):
            return None
        if event.dir == "to_device":
            return self._delivery(event, at, topic, payload)
        return self._device_publish(event, at, topic, payload)

    def _delivery(self, event: Event, at: s.Seen, topic: str, payload: bytes) -> s.Seen | None:
        own = f"$aws/things/{self.thing}/"
        if topic in (f"{own}jobs/notify-next", f"{own}jobs/$next/get/accepted"):
            return s.Delivered(
                *_at(at),
                on_notify_next=topic.endswith("notify-next"),
                size=len(payload),
                offer=read_offer(payload),
                subscribed=topic in self._subscribed.get(event.conn, ()),
            )
        parts = topic.removeprefix(own).split("/")
        if len(parts) == 4 and parts[0] == "streams" and parts[2] == "data":
            return s.DataDelivered(*_at(at), stream=parts[1], block=read_block(payload))
        return None

    def _device_publish(self, event: Event, at: s.Seen, topic: str, payload: bytes) -> s.Seen:
        data = event.data
        common = (
            *_at(at),
            topic,
            _whole(data.get("qos")) or 0,
            data.get("retain") is True,
            data.get("dup") is True,
            _whole(data.get("pid")),
            payload,
        )
        own = f"$aws/things/{self.thing}/"
        parts = topic.removeprefix(own).split("/") if topic.startswith(own) else []
        match parts:
            case ["jobs", "$next", "get"]:
                return s.JobRequested(*common)
            case ["jobs", job_id, "update"]:
                return s.Reported(*common, job_id=job_id, report=read_report(payload))
            case ["streams", stream, "get", _]:
                return s.BlocksRequested(*common, stream=stream, request=read_request(payload))
        published = s.Published(*common)
        self._note_foreign(published, topic)
        return published

    def _note_foreign(self, observation: s.Seen, topic: str) -> None:
        inside = topic.startswith("$aws/things/") and any(api in topic for api in CONTROL_APIS)
        if inside and not topic.startswith(f"$aws/things/{self.thing}/"):
            self.foreign.append((observation, topic))


# -- the other channels -------------------------------------------------------------------------


def _http_request(event: Event, at: s.Seen) -> s.Seen | None:
    method, target = event.data.get("method"), event.data.get("target")
    headers = event.data.get("headers")
    if not isinstance(method, str) or not isinstance(target, str):
        return None
    lowered = {
        str(key).lower(): str(value)
        for key, value in (headers.items() if isinstance(headers, dict) else ())
    }
    text = lowered.get("range")
    match = _RANGE.fullmatch(text.strip()) if text else None
    span = (int(match[1]), int(match[2])) if match else None
    return s.HttpAsked(*_at(at), method, target, span, text)


def _http_response(event: Event, at: s.Seen) -> s.Seen | None:
    status, length = _whole(event.data.get("status")), _whole(event.data.get("length"))
    return None if status is None else s.HttpAnswered(*_at(at), status, length or 0)


def _slot_read(event: Event, at: s.Seen) -> s.Seen | None:
    slot, sha256 = event.data.get("slot"), event.data.get("sha256")
    if not isinstance(slot, str) or not isinstance(sha256, str):
        return None
    length = _whole(event.data.get("length")) or 0
    return s.SlotRead(*_at(at), slot, event.data.get("active") is True, length, sha256)


def _flashed(event: Event, at: s.Seen) -> s.Seen | None:
    slot, sha256 = event.data.get("slot"), event.data.get("sha256")
    if not isinstance(slot, str) or not isinstance(sha256, str):
        return None
    return s.Flashed(*_at(at), slot, sha256)


def _state_read(event: Event, at: s.Seen) -> s.Seen | None:
    value, text = _whole(event.data.get("value")), _text(event.data.get("state"))
    if value is None or text is None:
        return None
    return s.StateRead(*_at(at), state_of(text), value)


def _boot(event: Event, at: s.Seen) -> s.Seen | None:
    version = event.data.get("version")
    if not isinstance(version, str):
        return None
    slot, state, marker = (_text(event.data.get(key)) for key in ("slot", "state", "marker"))
    return s.Booted(*_at(at), version, packed_version(f"v{version}"), slot, state, marker)


def _command(event: Event, at: s.Seen) -> s.Seen | None:
    name, arguments = event.data.get("name"), event.data.get("arguments")
    if not isinstance(name, str):
        return None
    if name == SILENCING and "result" not in event.data:
        return None
    words = tuple(str(word) for word in arguments) if isinstance(arguments, list) else ()
    return s.Commanded(*_at(at), name, words)


def _answer(event: Event, at: s.Seen) -> s.Seen | None:
    return s.Commanded(*_at(at), SILENCING, ()) if event.data.get("name") == SILENCING else None


def _job_created(event: Event, at: s.Seen) -> s.Seen | None:
    job_id, image = event.data.get("job_id"), event.data.get("image")
    if not isinstance(job_id, str):
        return None
    signed = _text(event.data.get("signed"))
    return s.JobCreated(*_at(at), job_id, signed, image if isinstance(image, dict) else {})


def _job_cancelled(event: Event, at: s.Seen) -> s.Seen | None:
    job_id = event.data.get("job_id")
    return s.JobCancelled(*_at(at), job_id) if isinstance(job_id, str) else None


def _at(at: s.Seen) -> tuple[int, float, int | None]:
    return at.line, at.t, at.conn


def _whole(value: Any) -> int | None:
    return value if type(value) is int else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
