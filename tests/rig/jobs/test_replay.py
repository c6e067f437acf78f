"""The device side of every recording of the C library, answered by the job service.

What the real device got is what it must get here, in every field that matters to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import pytest

from rig.jobs.outcome import Outcome, Reply
from rig.jobs.store import StreamFile, StreamRecord
from rig.trace import Event, read_trace
from tests.rig.jobs.world import World

RECORDINGS = sorted((Path(__file__).parents[3] / "fixtures" / "traces").glob("*.jsonl"))
MATTERS = ("jobId", "status", "statusDetails", "versionNumber", "executionNumber", "jobDocument")

# No block ever came in these: the document is refused, or the stream stays silent on purpose.
WITHOUT_BLOCKS = frozenset({"bad-base64", "no-blocks-momentum"})


@dataclass
class Recording:
    """A recording, its `PUBLISH` events in order."""

    name: str
    events: list[Event] = field(default_factory=list)

    def publishes(self) -> Iterator[tuple[int, Event, str, bytes]]:
        for place, event in enumerate(self.events):
            if event.kind == "PUBLISH":
                yield place, event, event.data["topic"], bytes.fromhex(event.data["payload"])

    def answers(self, place: int, topic: str) -> list[bytes]:
        """What the device received on a topic after this place and before its next own publish."""
        found = []
        for later, event, of, payload in self.publishes():
            if later > place and event.dir == "to_device" and of == topic:
                found.append(payload)
        return found


def read(path: Path) -> Recording:
    return Recording(path.stem, list(read_trace(path).events))


def execution_in(payload: bytes) -> dict[str, Any] | None:
    """The execution of a message, None for an empty one of either spelling."""
    found = json.loads(payload).get("execution")
    return found or None


class Cloud:
    """Does in the service what the recording's cloud had done: jobs made and cancelled."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.made: dict[str, dict[str, Any]] = {}

    def make(self, execution: dict[str, Any]) -> None:
        job_id = execution["jobId"]
        if job_id in self.made:
            return
        document = execution["jobDocument"]
        self.made[job_id] = document
        ota = document["afr_ota"]
        size = ota["files"][0]["filesize"]
        stored = self.world.service.put_object("images", job_id, bytes(size))
        file = StreamFile(0, "images", job_id, size, stored.sha256)
        stream = StreamRecord(ota["streamname"], (file,), self.world.clock.now())
        with self.world.store.transaction() as transaction:
            transaction.put_stream(stream)
        self.world.service.create_job(job_id, ("thing1",), document)

    def cancel_all(self) -> None:
        for execution in self.world.service.pending("thing1"):
            self.world.service.cancel_job(execution.job_id, force=True)


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_recorded_device_gets_what_it_got(path: Path, world: World) -> None:
    recording = read(path)
    cloud = Cloud(world)
    asked = compared = 0
    last_outcome = Outcome()
    for place, event, topic, payload in recording.publishes():
        if event.dir == "to_device":
            if topic.endswith("/notify-next"):
                check_notify_next(world, cloud, last_outcome, payload)
                last_outcome = Outcome()
            continue
        asked += 1
        expected_next = recording.answers(place, f"{topic}/accepted")
        if topic.endswith("/$next/get") and expected_next:
            first = execution_in(expected_next[0])
            if first is not None:
                cloud.make(first)
        outcome = world.service.handle("thing1", topic, payload)
        if topic.endswith("/update"):
            last_outcome = outcome
            check_update(topic, outcome)
        elif topic.endswith("/$next/get"):
            check_next(topic, payload, expected_next[0], outcome)
        else:
            compared += check_blocks(recording, place, topic, payload, outcome)
        world.clock.advance(0.01)
    assert asked > 1
    assert (compared > 0) is (recording.name not in WITHOUT_BLOCKS)


def test_there_are_thirteen_recordings() -> None:
    assert len(RECORDINGS) == 13


def check_notify_next(world: World, cloud: Cloud, outcome: Outcome, payload: bytes) -> None:
    """The recorded message is one that the service has published, or publishes now."""
    expected = execution_in(payload)
    told = [n for n in outcome.notifications if n.topic.endswith("/notify-next")]
    if expected is None:
        if not told:
            # Nobody reported an end: the recording's cloud cancelled.
            world.published.clear()
            cloud.cancel_all()
            told = [n for n in world.published if n.topic.endswith("/notify-next")]
        (message,) = told
        assert "execution" not in json.loads(message.payload)
        return
    world.published.clear()
    cloud.make(expected)
    (message,) = [n for n in world.published if n.topic.endswith("/notify-next")]
    assert_same_execution(execution_in(message.payload), expected)


def check_update(topic: str, outcome: Outcome) -> None:
    (reply,) = outcome.replies
    assert reply.topic == f"{topic}/accepted"
    assert set(json.loads(reply.payload)) == {"timestamp"}


def check_next(topic: str, payload: bytes, expected: bytes, outcome: Outcome) -> None:
    (reply,) = outcome.replies
    assert reply.topic == f"{topic}/accepted"
    answer = json.loads(reply.payload)
    assert answer["clientToken"] == json.loads(payload)["clientToken"]
    if execution_in(expected) is None:
        assert set(answer) == {"clientToken", "timestamp"}
    else:
        assert_same_execution(answer["execution"], execution_in(expected))


def assert_same_execution(ours: dict[str, Any] | None, theirs: dict[str, Any] | None) -> None:
    assert ours is not None
    assert theirs is not None
    assert {name: ours.get(name) for name in MATTERS} == {
        name: theirs.get(name) for name in MATTERS
    }


def check_blocks(
    recording: Recording, place: int, topic: str, payload: bytes, outcome: Outcome
) -> int:
    """The blocks asked for, all on the data topic and each of the length that was recorded.

    Returns how many could be compared: some recorded requests were never answered.
    """
    data_topic = topic.replace("/get/", "/data/")
    ours = [block(reply, data_topic) for reply in outcome.replies]
    request = cbor2.loads(payload)
    wanted = [i for i in range(8 * len(request["b"])) if request["b"][i // 8] >> i % 8 & 1]
    assert [message["i"] for message in ours] == wanted[: request["n"]]
    for message in ours:
        assert message["f"] == request["f"]
        assert message["l"] == len(message["p"])
    recorded: dict[int, int] = {}
    for data in recording.answers(place, data_topic)[: request["n"]]:
        try:
            theirs = cbor2.loads(data)
        except cbor2.CBORDecodeError:
            continue
        if isinstance(theirs, dict):
            recorded[theirs["i"]] = theirs["l"]
    lengths = {message["i"]: message["l"] for message in ours}
    compared = recorded.keys() & lengths.keys()
    assert {i: recorded[i] for i in compared} == {i: lengths[i] for i in compared}
    return len(compared)


def block(reply: Reply, topic: str) -> dict[str, Any]:
    assert reply.topic == topic
    message = cbor2.loads(reply.payload)
    assert isinstance(message, dict)
    return message
