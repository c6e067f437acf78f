"""A dumb client that says over a real socket what a recorded device said, packet by packet.

It subscribes to what the device subscribed to, except the answers to its requests.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2

from rig.gateway.codec import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Pingreq,
    Pingresp,
    Puback,
    Publish,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
)
from rig.jobs.service import JobService
from rig.jobs.store import Store, StreamFile, StreamRecord
from rig.trace import Event, Trace
from tests.rig.gateway.clients import Bare

MATTERS = ("jobId", "status", "statusDetails", "versionNumber", "executionNumber", "jobDocument")
UNSEEN = b"\0"
"""Stands for the bytes of a file that its recording does not show."""


def execution_in(payload: bytes) -> dict[str, Any] | None:
    """The execution of a message, None for an empty one of either spelling."""
    return json.loads(payload).get("execution") or None


class RecordedCloud:
    """Does in the service what the cloud of the recording had done: jobs made and cancelled."""

    def __init__(self, jobs: JobService, database: Path, trace: Trace) -> None:
        self._jobs = jobs
        self._database = database
        self._files = contents(trace)
        self._made: set[str] = set()
        self._thing = trace.header.thing

    def make(self, execution: dict[str, Any]) -> None:
        """Make the job of a recorded execution, its stream holding the recorded blocks."""
        job_id, document = execution["jobId"], execution["jobDocument"]
        if job_id in self._made:
            return
        self._made.add(job_id)
        ota = document["afr_ota"]
        size = ota["files"][0]["filesize"]
        blocks = self._files.get(ota["streamname"], {})
        content = bytearray(UNSEEN * size)
        for offset, payload in blocks.items():
            content[offset : offset + len(payload)] = payload
        stored = self._jobs.put_object("images", job_id, bytes(content[:size]))
        file = StreamFile(0, "images", job_id, size, stored.sha256)
        with Store.in_file(self._database) as store, store.transaction() as transaction:
            transaction.put_stream(StreamRecord(ota["streamname"], (file,), 0.0))
        self._jobs.create_job(job_id, (self._thing,), document)

    def end_all(self) -> None:
        """What the recorded cloud did when the device was told that nothing is pending."""
        for execution in self._jobs.pending(self._thing):
            self._jobs.cancel_job(execution.job_id, force=True)


def contents(trace: Trace) -> dict[str, dict[int, bytes]]:
    """Stream name → offset → bytes, of all blocks that the recording shows whole."""
    found: dict[str, dict[int, bytes]] = {}
    for event in trace.events:
        topic = event.data.get("topic", "")
        if event.dir != "to_device" or not topic.endswith("/data/cbor"):
            continue
        try:
            block = cbor2.loads(bytes.fromhex(event.data["payload"]))
            found.setdefault(topic.split("/")[4], {})[block["i"] * 4096] = block["p"]
        except (cbor2.CBORDecodeError, TypeError, KeyError):
            continue  # a block that was spoilt on purpose
    return found


class RecordedDevice:
    """Plays the device side of a recording; every answer that is missing fails an assertion."""

    def __init__(self, port: int, trace: Trace, cloud: RecordedCloud) -> None:
        self._port = port
        self._events = trace.events
        self._cloud = cloud
        self._bare: Bare | None = None
        self._received: list[Packet] = []
        self.blocks = 0

    def play(self) -> None:
        for place, event in enumerate(self._events):
            if event.channel == "mqtt" and event.dir == "from_device":
                self._say(place, event)
            elif event.kind == "PUBLISH" and event.data["topic"].endswith("/jobs/notify-next"):
                self._hear_notification(bytes.fromhex(event.data["payload"]))
        if self._bare is not None:
            self._bare.close()

    # -- one event -----------------------------------------------------------------------------

    def _say(self, place: int, event: Event) -> None:
        data = event.data
        match event.kind:
            case "TCP_OPEN":
                self._bare, self._received = Bare(self._port), []
            case "TCP_CLOSE":
                self._socket.close()
                self._bare = None
            case "CONNECT":
                connect = Connect(data["client_id"], data["clean"], data["keepalive"])
                self._send(connect)
                self._expect(lambda packet: packet == Connack(0))
            case "SUBSCRIBE":
                filters = tuple((f, q) for f, q in data["filters"] if "/$next/get/" not in f)
                if filters:
                    self._send(Subscribe(data["pid"], filters))
                    self._expect(
                        lambda packet: packet == Suback(data["pid"], tuple(q for _, q in filters))
                    )
            case "UNSUBSCRIBE":
                self._send(Unsubscribe(data["pid"], tuple(data["filters"])))
                self._expect(lambda packet: packet == Unsuback(data["pid"]))
            case "PINGREQ":
                self._send(Pingreq())
                self._expect(lambda packet: packet == Pingresp())
            case "DISCONNECT":
                self._send(Disconnect())
            case "PUBLISH":
                self._publish(place, event)

    def _publish(self, place: int, event: Event) -> None:
        data = event.data
        topic, payload = data["topic"], bytes.fromhex(data["payload"])
        if topic.endswith("/$next/get"):
            expected = self._recorded_answer(place, f"{topic}/accepted")
            execution = execution_in(expected)
            if execution is not None:
                self._cloud.make(execution)
        self._send(Publish(topic, payload, data["qos"], data["retain"], pid=data.get("pid")))
        if data["qos"]:
            self._expect(lambda packet: packet == Puback(data["pid"]))
        if topic.endswith("/$next/get"):
            self._check_next(self._hear(f"{topic}/accepted"), expected)
        elif topic.endswith("/update"):
            assert set(json.loads(self._hear(f"{topic}/accepted"))) == {"timestamp"}
        else:
            self._check_blocks(topic, payload)

    # -- what it must hear ---------------------------------------------------------------------

    def _check_next(self, answer: bytes, expected: bytes) -> None:
        theirs, ours = execution_in(expected), execution_in(answer)
        assert (ours is None) is (theirs is None)
        if ours is not None and theirs is not None:
            assert {name: ours.get(name) for name in MATTERS} == {
                name: theirs.get(name) for name in MATTERS
            }

    def _check_blocks(self, topic: str, payload: bytes) -> None:
        """Each block that was asked for, in order, with the bytes that the real device got."""
        request = cbor2.loads(payload)
        bitmap = request["b"]
        wanted = [i for i in range(8 * len(bitmap)) if bitmap[i // 8] >> i % 8 & 1]
        recorded = contents_of(self._events, topic)
        for index in wanted[: request["n"]]:
            block = cbor2.loads(self._hear(topic.replace("/get/", "/data/")))
            assert (block["f"], block["i"]) == (request["f"], index)
            assert block["l"] == len(block["p"]) <= request["l"]
            if index in recorded:
                assert block["p"] == recorded[index]
                self.blocks += 1

    def _hear_notification(self, payload: bytes) -> None:
        execution = execution_in(payload)
        if execution is None:
            self._cloud.end_all()
        else:
            self._cloud.make(execution)
        if self._bare is None:
            return
        wanted = None if execution is None else execution["jobId"]

        def is_it(packet: Packet) -> bool:
            if not isinstance(packet, Publish) or not packet.topic.endswith("/jobs/notify-next"):
                return False
            heard = execution_in(packet.payload)
            return (heard["jobId"] if heard else None) == wanted

        self._expect(is_it)

    def _hear(self, topic: str) -> bytes:
        packet = self._expect(lambda p: isinstance(p, Publish) and p.topic == topic)
        assert isinstance(packet, Publish)
        return packet.payload

    def _recorded_answer(self, place: int, topic: str) -> bytes:
        for event in self._events[place:]:
            if event.dir == "to_device" and event.data.get("topic") == topic:
                return bytes.fromhex(event.data["payload"])
        raise AssertionError(f"the recording has no answer on {topic}")

    # -- the socket ----------------------------------------------------------------------------

    @property
    def _socket(self) -> Bare:
        assert self._bare is not None, "the recorded device speaks without a connection"
        return self._bare

    def _send(self, packet: Packet) -> None:
        self._socket.send(packet)

    def _expect(self, fits: Callable[[Packet], bool]) -> Packet:
        """The first packet that fits, whenever it came since it was due."""
        for place, packet in enumerate(self._received):
            if fits(packet):
                return self._received.pop(place)
        while True:
            packet = self._socket.receive()
            if isinstance(packet, Publish) and packet.qos:
                assert packet.pid is not None
                self._send(Puback(packet.pid))
            if fits(packet):
                return packet
            self._received.append(packet)


def contents_of(events: tuple[Event, ...], get_topic: str) -> dict[int, bytes]:
    """Block index → bytes of the stream that is asked for by this topic."""
    found: dict[int, bytes] = {}
    for event in events:
        if event.data.get("topic") == get_topic.replace("/get/", "/data/"):
            try:
                block = cbor2.loads(bytes.fromhex(event.data["payload"]))
                found[block["i"]] = block["p"]
            except (cbor2.CBORDecodeError, TypeError, KeyError):
                continue
    return found
