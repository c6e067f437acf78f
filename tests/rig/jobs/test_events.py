"""Job events as they are published: texts, switches, and none that gets lost (job service §1.9)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from rig.jobs.engine import Policy, Target
from rig.jobs.engine.policy import AbortCriterion, FailureType
from rig.jobs.events import EventType
from rig.jobs.job_spec import JobSpec
from rig.jobs.outbox import PATIENCE_S
from rig.jobs.store import schema
from tests.rig.jobs.site import THING_ARN, Site, error_of
from tests.rig.jobs.world import THING, World, make_world

ON = dict.fromkeys(EventType, True)
TIME_MS = 1_700_000_000_000


@pytest.fixture
def watched(world: World) -> World:
    """A world in which all events are switched on."""
    world.service.events.update(ON)
    return world


@pytest.fixture
def other(world: World, tmp_path: Path, store_url: str) -> Iterator[World]:
    """A second process on the database of the first."""
    made = make_world(tmp_path, url=store_url)
    yield made
    made.store.close()


def events_of(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Topic below `$aws/events/` and payload of what control commands published since."""
    prefix = "$aws/events/"
    found = [
        (each.topic.removeprefix(prefix), json.loads(each.payload))
        for each in world.published
        if each.topic.startswith(prefix)
    ]
    world.published.clear()
    return found


def test_nothing_is_published_until_it_is_switched_on(world: World) -> None:
    world.service.create_job("job1", [THING], {})
    world.service.cancel_job("job1")
    assert events_of(world) == []
    world.service.events.update({EventType.JOB: True})
    world.service.create_job("job2", [THING], {})
    world.service.cancel_job("job2")
    topics = [topic for topic, _ in events_of(world)]
    assert topics == ["job/job2/cancellation_in_progress", "job/job2/canceled"]
    world.service.events.update({EventType.JOB: False, EventType.JOB_EXECUTION: True})
    world.service.delete_job("job2")
    assert [topic for topic, _ in events_of(world)] == ["jobExecution/job2/deleted"]


def test_a_device_that_succeeds_completes_its_job(watched: World) -> None:
    spec = JobSpec("job1", (Target.thing(THING),), "{}", description="all of them")
    watched.service.create_specified_job(spec)
    watched.clock.advance(2.5)
    report = {"status": "SUCCEEDED", "statusDetails": {"reason": "done"}}
    outcome = watched.ask("jobs/job1/update", report)
    # Devices wait for their news, so that these come first.
    assert [each.topic.split("/")[1] for each in outcome.notifications] == [
        "things",
        "things",
        "events",
        "events",
    ]
    ended, completed = (json.loads(each.payload) for each in outcome.notifications[2:])
    assert outcome.notifications[2].topic == "$aws/events/jobExecution/job1/succeeded"
    assert ended.pop("eventId") != completed["eventId"]
    assert ended == {
        "eventType": "JOB_EXECUTION",
        "timestamp": TIME_MS // 1000 + 2,
        "operation": "succeeded",
        "jobId": "job1",
        "thingArn": THING_ARN,
        "status": "SUCCEEDED",
        "statusDetails": {"reason": "done"},
    }
    assert outcome.notifications[3].topic == "$aws/events/job/job1/completed"
    assert completed.pop("eventId")
    assert completed.pop("jobProcessDetails")["numberOfSucceededThings"] == 1
    assert completed == {
        "eventType": "JOB",
        "timestamp": TIME_MS // 1000 + 2,
        "operation": "completed",
        "jobId": "job1",
        "status": "COMPLETED",
        "targetSelection": "SNAPSHOT",
        "targets": [THING_ARN],
        "description": "all of them",
        "completedAt": TIME_MS + 2500,
        "createdAt": TIME_MS,
        "lastUpdatedAt": TIME_MS + 2500,
    }


def test_cancel_and_delete_tell_their_beginning_and_their_end(watched: World) -> None:
    watched.service.create_job("job1", [THING], {})
    watched.service.cancel_job("job1", comment="wrong image")
    canceled = events_of(watched)
    assert [(topic, event["status"]) for topic, event in canceled] == [
        ("job/job1/cancellation_in_progress", "CANCELLATION_IN_PROGRESS"),
        ("jobExecution/job1/canceled", "CANCELED"),
        ("job/job1/canceled", "CANCELED"),
    ]
    assert canceled[0][1]["comment"] == "wrong image"
    assert "statusDetails" not in canceled[1][1]
    watched.service.delete_job("job1")
    assert [(topic, event["status"]) for topic, event in events_of(watched)] == [
        ("job/job1/deletion_in_progress", "DELETION_IN_PROGRESS"),
        ("jobExecution/job1/deleted", "DELETED"),
        ("job/job1/deleted", "DELETED"),
    ]


def test_a_job_is_canceled_when_what_has_to_end_with_it_has(watched: World) -> None:
    """The device's request knows its own execution alone; the others are ended after it."""
    things = (THING, "thing2", "thing3")
    for thing in things[1:]:
        watched.service.registry.create_thing(thing)
    policy = Policy(abort=(AbortCriterion(FailureType.FAILED, 50, 1),))
    targets = tuple(map(Target.thing, things))
    watched.service.create_specified_job(JobSpec("job1", targets, "{}", policy))
    outcome = watched.ask("jobs/job1/update", {"status": "FAILED"})
    topics = [each.topic.split("/")[2:] for each in outcome.notifications]
    assert [topic for topic in topics if topic[0].startswith("job")] == [
        ["job", "job1", "cancellation_in_progress"],
        ["jobExecution", "job1", "failed"],
        ["jobExecution", "job1", "canceled"],
        ["jobExecution", "job1", "canceled"],
        ["job", "job1", "canceled"],
    ]


def test_an_event_that_a_process_did_not_live_to_tell_is_told_by_another(
    watched: World, other: World
) -> None:
    watched.service.create_job("job1", [THING], {})
    watched.published.clear()
    watched.service.delete_job("job1", force=True)
    lost = events_of(watched)
    assert len(lost) == 3
    other.clock.advance(PATIENCE_S + 1)
    other.service.catch_up()
    # Word for word, though the job is no more; and each of them.
    assert events_of(other) == lost
    other.clock.advance(3600)
    other.service.catch_up()
    assert events_of(other) == []


def test_the_texts_go_when_they_have_been_told(watched: World, other: World) -> None:
    watched.service.create_job("job1", [THING], {})
    watched.service.cancel_job("job1")
    for each in watched.published:
        assert each.number is not None
        watched.service.told(each.number)
    watched.service.catch_up()
    with watched.store.transaction() as transaction:
        count = select(func.count()).select_from(schema.event_messages)
        assert transaction._connection.scalar(count) == 0
    other.clock.advance(3600)
    other.service.catch_up()
    assert other.published == []


def test_the_switches_are_the_same_for_every_process(watched: World, other: World) -> None:
    other.service.create_job("job1", [THING], {})
    other.service.cancel_job("job1")
    assert len(events_of(other)) == 3
    watched.service.events.update({EventType.JOB_EXECUTION: False})
    other.service.delete_job("job1")
    assert len(events_of(other)) == 2


# -- the control plane ---------------------------------------------------------------------------


def test_switches_come_back_as_they_were_set(site: Site) -> None:
    iot = site.iot
    before = iot.describe_event_configurations()
    assert before["eventConfigurations"]["JOB"] == {"Enabled": False}
    assert len(before["eventConfigurations"]) == 11
    assert "creationDate" not in before
    iot.update_event_configurations(
        eventConfigurations={"JOB": {"Enabled": True}, "THING": {"Enabled": False}}
    )
    site.world.clock.advance(60)
    iot.update_event_configurations(eventConfigurations={"JOB_EXECUTION": {"Enabled": True}})
    shown = iot.describe_event_configurations()
    on = {name for name, each in shown["eventConfigurations"].items() if each["Enabled"]}
    assert on == {"JOB", "JOB_EXECUTION"}
    assert (shown["lastModifiedDate"] - shown["creationDate"]).total_seconds() == 60


def test_what_is_not_published_is_not_promised(site: Site) -> None:
    def switch_on(*names: str) -> None:
        site.iot.update_event_configurations(
            eventConfigurations={name: {"Enabled": True} for name in names}
        )

    code, status, message = error_of(lambda: switch_on("JOB", "CERTIFICATE"))
    assert (code, status) == ("InvalidRequestException", 400)
    assert "CERTIFICATE" in message
    assert site.world.service.events.enabled() == frozenset()
    assert error_of(lambda: switch_on("HOLIDAY"))[0] == "InvalidRequestException"
