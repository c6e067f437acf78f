"""The machine against the recordings of the AWS C library.

The messages to the device are fed in, the machine's subscribes and publishes are held against those
of the recording. Listed differences only: client tokens (the library loses digits), the recorded
application's own subscription to the answers, and repeated unsubscribes.
"""

from __future__ import annotations

import json
import re
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from agent.machine.machine import Machine
from agent.machine.ports import EventData, JobAnswer, JobRecord, Ports, StreamMessage
from agent.machine.self_test import set_image_state
from agent.machine.settings import MachineSettings
from agent.protocol.codes import ImageState, JobEvent, PalImageState, PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from agent.protocol.version import Version
from tests.agent.machine.world import World

TRACES = Path(__file__).parents[3] / "fixtures" / "traces"
OLD = Version(0, 9, 2)
Line = tuple[str, str, int, str]


class Recording:
    """One recorded run: its declared settings and its MQTT events by connection."""

    def __init__(self, name: str) -> None:
        header, *events = (
            json.loads(line) for line in (TRACES / f"{name}.jsonl").read_text().splitlines()
        )
        self.device: dict[str, Any] = header["device"]
        self.events: list[dict[str, Any]] = [e for e in events if e["channel"] == "mqtt"]


class RecordedDevice(World):
    """The machine as the recorded device: same settings, same images, same application."""

    def __init__(self, recording: Recording) -> None:
        declares = recording.device["declares"]
        super().__init__(
            MachineSettings(
                version=OLD,
                block_size=declares["block_size"],
                window=declares["window"],
                request_timer_s=declares["request_timer_s"],
                momentum=declares["momentum"],
                status_frequency=declares["status_frequency"],
            )
        )
        self.thing = recording.device["thing"]
        self.lines: list[Line] = []
        self.base = self.machine.settings
        self.file: dict[int, bytes] = {}
        self.signature_good = True
        self.decision: ImageState | None = ImageState.ACCEPTED
        self.running: list[Version] = []

    def reboot(self, version: Version, pal_state: PalImageState) -> None:
        settings = MachineSettings(**{**self.base.__dict__, "version": version})
        ports = Ports(
            self, self.machine.http, self.machine.platform, self.machine.timers, self.call
        )
        self.machine = Machine(settings, ports)
        self.pal_state = pal_state
        self.machine.begin(self.thing)
        self.machine.state = State.READY
        self.send(Event.START)

    def subscribe(self, topic: str, qos: int) -> bool:
        self.lines.append(("SUBSCRIBE", topic, qos, ""))
        return True

    def unsubscribe(self, topic: str) -> bool:
        self.lines.append(("UNSUBSCRIBE", topic, 0, ""))
        return True

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        self.lines.append(("PUBLISH", topic, qos, comparable(payload.hex())))
        return True

    def call(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        if event is JobEvent.START_TEST and self.decision is not None:
            set_image_state(self.machine, self.decision)


def comparable(payload: str) -> str:
    """Payload bytes with the client token's counter taken out."""
    return re.sub(rb'"\d*:', b'":', bytes.fromhex(payload)).hex()


def from_device(event: dict[str, Any]) -> list[Line]:
    """The comparable lines of one recorded packet."""
    match event["kind"]:
        case "SUBSCRIBE":
            return [
                ("SUBSCRIBE", topic, qos, "")
                for topic, qos in event["filters"]
                if not topic.endswith("/get/accepted")
            ]
        case "UNSUBSCRIBE":
            return [("UNSUBSCRIBE", topic, 0, "") for topic in event["filters"]]
        case "PUBLISH":
            return [("PUBLISH", event["topic"], event["qos"], comparable(event["payload"]))]
        case _:
            return []


def deliver(device: RecordedDevice, event: dict[str, Any]) -> None:
    """Hand a recorded message to the machine, as the shell would."""
    payload, topic = bytes.fromhex(event["payload"]), event["topic"]
    if topic.endswith("/data/cbor"):
        device.send(Event.RECEIVED_FILE_BLOCK, StreamMessage(topic.split("/")[4], payload))
    elif topic.endswith("$next/get/accepted"):
        device.send(Event.RECEIVED_JOB_DOCUMENT, JobAnswer(payload))
    elif topic.endswith("notify-next"):
        device.send(Event.RECEIVED_JOB_DOCUMENT, payload)


def replay(name: str) -> tuple[list[Line], list[Line]]:
    """What the recorded device sent, and what the machine sends on the same input."""
    recording = Recording(name)
    device = RecordedDevice(recording)
    device.decision = DECISIONS.get(name, ImageState.ACCEPTED)
    if name.startswith("badsig"):
        device.pal["close"] = PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED, 0)
    recorded: list[Line] = []
    boots = 0
    for event in recording.events:
        if event["kind"] == "TCP_OPEN":
            device.reboot(*image_of_boot(name, boots))
            boots += 1
        elif event["dir"] == "from_device":
            lines = from_device(event)
            recorded += lines
            for line in lines:
                if line[0] == "PUBLISH" and recorded.count(line) > device.lines.count(line):
                    stimulate(device, line)
                if b"0x000000e3" in bytes.fromhex(line[3]):
                    device.pal.clear()
        elif event["kind"] == "PUBLISH":
            deliver(device, event)
    return recorded, device.lines


def stimulate(device: RecordedDevice, wanted: Line) -> None:
    """What no message causes: a timer expires, or the application aborts."""
    if b"0x00000013" in bytes.fromhex(wanted[3]):
        device.send(Event.USER_ABORT)
    else:
        device.expire()


DECISIONS = {"selftest-reject": ImageState.REJECTED, "selftest-hang": None}


def image_of_boot(name: str, boot: int) -> tuple[Version, PalImageState]:
    """Which image runs after the ``boot``-th start of a recording."""
    new = OLD if name == "same-version" else Version(0, 9, 3)
    on_trial = boot == 1
    return (new, PalImageState.PENDING_COMMIT) if on_trial else (OLD, PalImageState.VALID)


def condensed(lines: list[Line]) -> list[Line]:
    """Without unsubscribes and repeated block requests: both may differ in number."""
    kept: deque[Line] = deque()
    for line in lines:
        if line[0] == "UNSUBSCRIBE" or (kept and line == kept[-1]):
            continue
        kept.append(line)
    return list(kept)


@pytest.mark.parametrize("name", sorted(path.stem for path in TRACES.glob("*.jsonl")))
def test_machine_sends_what_the_recorded_device_sent(name: str) -> None:
    recorded, sent = replay(name)
    assert len(condensed(recorded)) >= 3
    assert condensed(sent) == condensed(recorded)
