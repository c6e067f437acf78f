"""A machine in an in-memory world: every call it makes is one line of a script.

Lines read like the sequences of OTA spec §5.5: ``SUB NN q1``, ``PUB NG q1``, ``UP J {...} q1``,
``SG 07``, ``PAL create``, ``TIMER request 10``, ``CB ACTIVATE``.
"""

from __future__ import annotations

import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cbor2

from agent.machine.machine import Machine
from agent.machine.ports import (
    EventData,
    HttpBlock,
    JobAnswer,
    JobRecord,
    Ports,
    StreamMessage,
    Timer,
)
from agent.machine.self_test import set_image_state
from agent.machine.settings import DataProtocol, MachineSettings
from agent.protocol.codes import ImageState, JobEvent, OtaErr, PalImageState, PalMainStatus
from agent.protocol.job_document import JobDocument
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from agent.protocol.version import Version

THING = "thing1"
STREAM = "AFR_OTA-stream1"
JOB = "AFR_OTA-job1"
OK = PalStatus(PalMainStatus.SUCCESS, 0)
SETTINGS = MachineSettings(
    version=Version(1, 0, 0),
    block_size=256,
    window=2,
    momentum=3,
    status_frequency=4,
    max_file_size=64 * 256,
    data_protocols=(DataProtocol.MQTT, DataProtocol.HTTP),
)

NAMES = {
    f"$aws/things/{THING}/jobs/notify-next": "NN",
    f"$aws/things/{THING}/jobs/$next/get": "NG",
}


def short(topic: str) -> str:
    """The shorthand of OTA spec §0 for a topic."""
    known = NAMES.get(topic)
    if known is not None:
        return known
    rest = topic.removeprefix(f"$aws/things/{THING}/")
    kind, name, *tail = rest.split("/")
    if kind == "streams":
        return {"data": "SD", "get": "SG"}[tail[0]] + ("" if name == STREAM else f"({name})")
    return "UP" if name == JOB else f"UP({name})"


class World:
    """Transport, HTTP, platform, timers and application in one, with a common log."""

    def __init__(self, settings: MachineSettings = SETTINGS) -> None:
        self.log: list[str] = []
        self.offline = False
        self.refuse: set[str] = set()
        """Log line prefixes of calls that fail (transport, http, timers)."""
        self.pal: dict[str, PalStatus] = {}
        """Answers of platform calls, by log line without ``PAL ``; anything else succeeds."""
        self.pal_state = PalImageState.VALID
        self.flash: dict[int, bytes] = {}
        self.short_write = False
        self.on_callback: dict[JobEvent, Callable[[JobRecord | EventData], None]] = {}
        self.given_back: list[EventData] = []
        self.machine = Machine(
            settings, Ports(self, _Http(self), _Pal(self), _Timers(self), self.call)
        )
        self.errors: list[OtaErr] = []

    # -- running --------------------------------------------------------------------------------

    def boot(self) -> list[str]:
        """Init and start; returns what that did."""
        self.machine.begin(THING)
        self.machine.state = State.READY
        return self.send(Event.START)

    def send(self, event: Event, payload: EventData = None) -> list[str]:
        """Handle an event and all that follows from it; returns the log lines it caused."""
        mark = len(self.log)
        self.run(deque([(event, payload)]))
        return self.log[mark:]

    def run(self, queue: deque[tuple[Event, EventData]]) -> None:
        """Handle events until none is left."""
        while queue:
            queue.extendleft(reversed(self.machine.handle(*queue.popleft())))

    def notify(self, document: Any) -> list[str]:
        """A job document on NN."""
        return self.send(Event.RECEIVED_JOB_DOCUMENT, as_bytes(document))

    def answer(self, document: Any) -> list[str]:
        """A job document on NGA."""
        return self.send(Event.RECEIVED_JOB_DOCUMENT, JobAnswer(as_bytes(document)))

    def block(self, index: int, size: int = 256, **changes: Any) -> list[str]:
        """A data message as the stream service sends it, with ``changes`` to its map."""
        return self.data(data_message(index, size, **changes))

    def data(self, payload: bytes, stream: str = STREAM) -> list[str]:
        """Raw bytes on the data topic."""
        return self.send(Event.RECEIVED_FILE_BLOCK, StreamMessage(stream, payload))

    def body(self, index: int, body: bytes) -> list[str]:
        """The body of an HTTP range answer."""
        return self.send(Event.RECEIVED_FILE_BLOCK, HttpBlock(index, body))

    def expire(self) -> list[str]:
        """The request timer expires."""
        return self.send(Event.REQUEST_TIMER)

    def decide(self, state: ImageState) -> OtaErr:
        """The application decides on the image."""
        result = set_image_state(self.machine, state)
        self.run(deque(self.machine.take_follow_ups()))
        return result

    # -- what the machine calls -----------------------------------------------------------------

    def note(self, line: str) -> bool:
        """Log a call; False if it is to fail."""
        self.log.append(line)
        return not any(line.startswith(prefix) for prefix in self.refuse)

    def subscribe(self, topic: str, qos: int) -> bool:
        return self.note(f"SUB {short(topic)} q{qos}")

    def unsubscribe(self, topic: str) -> bool:
        return self.note(f"UNSUB {short(topic)}")

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        name = short(topic)
        if name.startswith("SG"):
            request = cbor2.loads(payload)
            return self.note(f"{name} {request['b'].hex()} q{qos}")
        return self.note(f"{name} {payload.decode()} q{qos}")

    def call(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        if event is JobEvent.PROCESSED:
            assert not isinstance(payload, JobRecord)
            self.given_back.append(payload)
            return
        job = f" {payload.job_id}" if isinstance(payload, JobRecord) and payload.job_id else ""
        self.log.append(f"CB {event.name}{job}")
        action = self.on_callback.get(event)
        if action is not None:
            action(payload)


class _Http:
    def __init__(self, world: World) -> None:
        self.world = world

    def init(self, url: str) -> bool:
        return self.world.note(f"HTTP init {url}")

    def request(self, index: int, first: int, last: int) -> bool:
        return self.world.note(f"HTTP get {first}-{last}")

    def deinit(self) -> bool:
        return self.world.note("HTTP deinit")


class _Timers:
    def __init__(self, world: World) -> None:
        self.world = world

    def start(self, timer: Timer, seconds: float) -> bool:
        return self.world.note(f"TIMER {timer.name.lower()} {seconds:g}")

    def stop(self, timer: Timer) -> bool:
        return self.world.note(f"STOP {timer.name.lower()}")


class _Pal:
    def __init__(self, world: World) -> None:
        self.world = world

    def _do(self, call: str) -> PalStatus:
        self.world.note(f"PAL {call}")
        return self.world.pal.get(call, OK)

    def create_file(self, document: JobDocument) -> PalStatus:
        return self._do("create")

    def write_block(self, offset: int, data: bytes) -> int:
        self.world.flash[offset] = data
        return len(data) - self.world.short_write

    def close_file(self, document: JobDocument) -> PalStatus:
        return self._do("close")

    def abort(self) -> PalStatus:
        return self._do("abort")

    def activate(self) -> PalStatus:
        return self._do("activate")

    def reset(self) -> PalStatus:
        return self._do("reset")

    def set_image_state(self, state: ImageState) -> PalStatus:
        return self._do(f"set {state.name}")

    def image_state(self) -> PalImageState:
        return self.world.pal_state


def data_message(index: int, size: int = 256, **changes: Any) -> bytes:
    """One block in CBOR."""
    message = {"f": 0, "i": index, "l": size, "p": bytes([index & 0xFF]) * size} | changes
    return cbor2.dumps(message)


# -- documents ----------------------------------------------------------------------------------

EMPTY = {"clientToken": "0:thing1", "timestamp": 1}


def as_bytes(document: Any) -> bytes:
    """A document as it is on the wire; bytes stay as they are."""
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def job_document(
    blocks: int = 3,
    *,
    size: int | None = None,
    job_id: Any = JOB,
    stream: str | None = STREAM,
    protocols: Any = ("MQTT",),
    details: dict[str, Any] | None = None,
    url: str | None = None,
    number: int = 1,
    signature: str | None = None,
    **file: Any,
) -> dict[str, Any]:
    """A good job document; ``size`` defaults to one byte less than full ``blocks``."""
    entry: dict[str, Any] = {
        "filepath": "image.bin",
        "filesize": blocks * 256 - 1 if size is None else size,
        "fileid": 0,
        "certfile": "cert.pem",
        "sig-sha256-ecdsa": signature or base64.b64encode(b"signature").decode(),
    }
    if url is not None:
        entry |= {"update_data_url": url, "auth_scheme": "aws.s3.presigned"}
    entry |= file
    afr_ota: dict[str, Any] = {"protocols": protocols, "files": [entry]}
    if stream is not None:
        afr_ota["streamname"] = stream
    execution: dict[str, Any] = {
        "jobId": job_id,
        "status": "QUEUED",
        "executionNumber": number,
        "jobDocument": {"afr_ota": afr_ota},
    }
    if details is not None:
        execution |= {"status": "IN_PROGRESS", "statusDetails": details}
    return {"clientToken": "0:thing1", "timestamp": 1, "execution": execution}


def without(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """A copy of the document lacking one member."""
    copied: dict[str, Any] = json.loads(json.dumps(document))
    inner: Any = copied
    for key in path[:-1]:
        inner = inner[0][key] if isinstance(inner, list) else inner[key]
    del (inner[0] if isinstance(inner, list) else inner)[path[-1]]
    return copied


def settings(**changes: Any) -> MachineSettings:
    """The usual settings with some changed."""
    return replace(SETTINGS, **changes)


# -- expected lines -----------------------------------------------------------------------------

WIRE = ("SUB", "UNSUB", "NG", "SG", "UP", "HTTP")


def wire(lines: list[str]) -> list[str]:
    """Only what goes over a network."""
    return [line for line in lines if line.startswith(WIRE)]


def in_progress(details: str, qos: int = 1, topic: str = "UP") -> str:
    """An IN_PROGRESS status line."""
    return f'{topic} {{"status":"IN_PROGRESS","statusDetails":{{{details}}}}} q{qos}'


def receive(stored: int, blocks: int) -> str:
    """P-RCV."""
    return in_progress(f'"receive":"{stored}/{blocks}"', 0)


def ready(version: str = "0x01000000") -> str:
    """P-RDY."""
    return in_progress(f'"self_test":"ready","updatedBy":"{version}"')


def active(version: str = "0x01000000") -> str:
    """P-ACT."""
    return in_progress(f'"self_test":"active","updatedBy":"{version}"')


def succeeded(version: str, before: str) -> str:
    """P-OK."""
    reason = f'"reason":"accepted  v{version}","updatedBy":"  v{before}"'
    return f'UP {{"status":"SUCCEEDED","statusDetails":{{{reason}}}}} q1'


def failed(reason: str, topic: str = "UP") -> str:
    """P-FT or P-FX."""
    return f'{topic} {{"status":"FAILED","statusDetails":{{"reason":"{reason}"}}}} q1'


def asked(number: int) -> list[str]:
    """The job request of a session, counted from 0."""
    return ["SUB NN q1", f'NG {{"clientToken":"{number}:thing1"}} q1']
