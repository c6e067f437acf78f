"""Thing groups, and jobs that follow them, as boto3 asks (job service §2.1, §3.1, §7.2; T14)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rig.jobs.site import THING_ARN, Site, error_of
from tests.rig.jobs.world import THING

GROUP_ARN = THING_ARN.replace(f":thing/{THING}", ":thinggroup/{}")


@pytest.fixture
def iot(site: Site) -> Any:
    """A client; there are the groups `house`, in it `floor`, in it `room`, and the things a, b."""
    client = site.iot
    client.create_thing_group(thingGroupName="house")
    client.create_thing_group(thingGroupName="floor", parentGroupName="house")
    client.create_thing_group(thingGroupName="room", parentGroupName="floor")
    for name in ("a", "b"):
        client.create_thing(thingName=name)
    return client


def join(iot: Any, thing: str, group: str) -> None:
    iot.add_thing_to_thing_group(thingName=thing, thingGroupName=group)


def leave(iot: Any, thing: str, group: str) -> None:
    iot.remove_thing_from_thing_group(thingName=thing, thingGroupName=group)


def continuous(iot: Any, *groups: str, **members: Any) -> None:
    iot.create_job(
        jobId="j1",
        targets=[GROUP_ARN.format(group) for group in groups],
        document="{}",
        targetSelection="CONTINUOUS",
        **members,
    )


def statuses(iot: Any, thing: str) -> list[tuple[int, str]]:
    """Number and status of each execution of the thing, the latest first."""
    listed = iot.list_job_executions_for_thing(thingName=thing)["executionSummaries"]
    found = [entry["jobExecutionSummary"] for entry in listed]
    return sorted(((e["executionNumber"], e["status"]) for e in found), reverse=True)


# -- registry --------------------------------------------------------------------------------------


def test_groups_stand_in_groups(iot: Any) -> None:
    room = iot.describe_thing_group(thingGroupName="room")
    metadata = room["thingGroupMetadata"]
    assert metadata["parentGroupName"] == "floor"
    path = [group["groupName"] for group in metadata["rootToParentThingGroups"]]
    assert path == ["house", "floor"]
    assert room["thingGroupArn"] == GROUP_ARN.format("room")

    def listed(**members: Any) -> list[str]:
        return [g["groupName"] for g in iot.list_thing_groups(**members)["thingGroups"]]

    assert listed() == ["floor", "house", "room"]
    assert listed(recursive=False) == ["house"]
    assert listed(parentGroup="house") == ["floor", "room"]
    assert listed(parentGroup="house", recursive=False) == ["floor"]
    assert listed(namePrefixFilter="h") == ["house"]
    busy = error_of(lambda: iot.delete_thing_group(thingGroupName="floor"))
    assert busy[:2] == ("InvalidRequestException", 400)
    iot.delete_thing_group(thingGroupName="room")
    assert listed() == ["floor", "house"]


def test_a_group_again_is_the_same_if_it_is_described_the_same(iot: Any) -> None:
    properties = {
        "thingGroupDescription": "all of it",
        "attributePayload": {"attributes": {"a": "1"}},
    }
    made = iot.create_thing_group(thingGroupName="g", thingGroupProperties=properties)
    again = iot.create_thing_group(thingGroupName="g", thingGroupProperties=properties)
    assert made["thingGroupId"] == again["thingGroupId"]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_thing_group(thingGroupName="g")
    more = {"attributePayload": {"attributes": {"b": "2"}, "merge": True}}
    changed = iot.update_thing_group(thingGroupName="g", thingGroupProperties=more)
    assert changed["version"] == 2
    shown = iot.describe_thing_group(thingGroupName="g")["thingGroupProperties"]
    assert shown["thingGroupDescription"] == "all of it"
    assert shown["attributePayload"]["attributes"] == {"a": "1", "b": "2"}
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.update_thing_group(
            thingGroupName="g", thingGroupProperties=properties, expectedVersion=1
        )


def test_members(iot: Any) -> None:
    join(iot, "a", "house")
    join(iot, "a", "house")
    iot.add_thing_to_thing_group(
        thingArn=THING_ARN.replace(THING, "b"), thingGroupArn=GROUP_ARN.format("room")
    )
    assert iot.list_things_in_thing_group(thingGroupName="house")["things"] == ["a"]
    both = iot.list_things_in_thing_group(thingGroupName="house", recursive=True)
    assert both["things"] == ["a", "b"]
    iot.update_thing_groups_for_thing(
        thingName="a", thingGroupsToAdd=["floor"], thingGroupsToRemove=["house"]
    )
    groups = iot.list_thing_groups_for_thing(thingName="a")["thingGroups"]
    assert [group["groupName"] for group in groups] == ["floor"]
    iot.delete_thing(thingName="a")
    assert iot.list_things_in_thing_group(thingGroupName="floor")["things"] == []


def test_groups_that_are_not_there(iot: Any) -> None:
    for action in (
        lambda: iot.create_thing_group(thingGroupName="x", parentGroupName="no"),
        lambda: join(iot, "a", "no"),
        lambda: join(iot, "nobody", "house"),
        lambda: leave(iot, "a", "no"),
        lambda: iot.list_things_in_thing_group(thingGroupName="no"),
        lambda: iot.list_thing_groups(parentGroup="no"),
        lambda: iot.list_thing_groups_for_thing(thingName="nobody"),
        lambda: continuous(iot, "no"),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
    unnamed = error_of(lambda: iot.add_thing_to_thing_group(thingName="a"))
    assert unnamed[:2] == ("InvalidRequestException", 400)


# -- jobs ------------------------------------------------------------------------------------------


def test_a_group_is_all_things_below_it_each_once(iot: Any) -> None:
    join(iot, "a", "house")
    join(iot, "a", "room")
    join(iot, "b", "room")
    continuous(iot, "house", "room")
    counts = iot.describe_job(jobId="j1")["job"]["jobProcessDetails"]
    assert counts["numberOfQueuedThings"] == 2
    by_name = iot.list_jobs(thingGroupName="room")["jobs"]
    assert [job["jobId"] for job in by_name] == ["j1"]
    group_id = iot.describe_thing_group(thingGroupName="floor")["thingGroupId"]
    assert iot.list_jobs(thingGroupId=group_id)["jobs"] == []


def test_a_continuous_job_follows_its_group(site: Site, iot: Any) -> None:
    continuous(iot, "house")
    assert iot.describe_job(jobId="j1")["job"]["status"] == "IN_PROGRESS"
    site.world.news()
    join(iot, "a", "room")
    assert statuses(iot, "a") == [(1, "QUEUED")]
    assert [kind for kind, _ in site.world.news()] == ["notify", "notify-next"]
    # It stays under the job by another way, so nothing happens.
    join(iot, "a", "house")
    leave(iot, "a", "room")
    assert statuses(iot, "a") == [(1, "QUEUED")]
    leave(iot, "a", "house")
    assert statuses(iot, "a") == [(1, "REMOVED")]
    assert site.world.news()[-1][1].get("execution") is None
    join(iot, "a", "floor")
    assert statuses(iot, "a") == [(2, "QUEUED"), (1, "REMOVED")]
    site.world.accepted("j1/update", {"status": "SUCCEEDED"}, "a")
    assert iot.describe_job(jobId="j1")["job"]["status"] == "IN_PROGRESS"


def test_a_snapshot_does_not_follow(iot: Any) -> None:
    join(iot, "a", "house")
    iot.create_job(jobId="j1", targets=[GROUP_ARN.format("house")], document="{}")
    join(iot, "b", "house")
    leave(iot, "a", "house")
    assert (statuses(iot, "a"), statuses(iot, "b")) == ([(1, "QUEUED")], [])


def test_who_joins_does_not_wait_for_the_rollout(site: Site, iot: Any) -> None:
    for number in range(3):
        site.iot.create_thing(thingName=f"t{number}")
        join(iot, f"t{number}", "house")
    continuous(iot, "house", jobExecutionsRolloutConfig={"maximumPerMinute": 1})
    join(iot, "a", "house")
    assert statuses(iot, "a") == [(1, "QUEUED")]
    assert statuses(iot, "t2") == []
    leave(iot, "t2", "house")
    for _ in range(3):
        site.world.clock.advance(60)
        site.world.service.tick()
    assert (statuses(iot, "t1"), statuses(iot, "t2")) == ([(1, "QUEUED")], [])


def test_deleting_a_group_takes_its_things_out_of_the_job(iot: Any) -> None:
    join(iot, "a", "room")
    continuous(iot, "house")
    iot.delete_thing_group(thingGroupName="room")
    assert statuses(iot, "a") == [(1, "REMOVED")]
    iot.delete_thing_group(thingGroupName="floor")
    iot.delete_thing_group(thingGroupName="house")
    iot.associate_targets_with_job(jobId="j1", targets=[THING_ARN])
    assert statuses(iot, THING) == [(1, "QUEUED")]


def test_who_has_done_it_is_not_asked_again_by_another_target(site: Site, iot: Any) -> None:
    join(iot, "a", "room")
    continuous(iot, "house")
    site.world.accepted("j1/update", {"status": "SUCCEEDED"}, "a")
    iot.associate_targets_with_job(jobId="j1", targets=[GROUP_ARN.format("room")])
    assert statuses(iot, "a") == [(1, "SUCCEEDED")]


def test_more_targets(iot: Any) -> None:
    continuous(iot, "house")
    join(iot, "b", "room")
    answer = iot.associate_targets_with_job(
        jobId="j1", targets=[GROUP_ARN.format("room"), THING_ARN]
    )
    assert answer["jobId"] == "j1"
    targets = iot.describe_job(jobId="j1")["job"]["targets"]
    assert targets == [GROUP_ARN.format("house"), GROUP_ARN.format("room"), THING_ARN]
    assert (statuses(iot, THING), statuses(iot, "b")) == ([(1, "QUEUED")], [(1, "QUEUED")])
    many = [THING_ARN.replace(THING, f"x{n}") for n in range(100)]
    for number in range(100):
        iot.create_thing(thingName=f"x{number}")
    with pytest.raises(iot.exceptions.LimitExceededException) as caught:
        iot.associate_targets_with_job(jobId="j1", targets=many)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    assert statuses(iot, "x1") == []
    iot.create_job(jobId="snapshot", targets=[THING_ARN], document="{}")
    fixed = error_of(lambda: iot.associate_targets_with_job(jobId="snapshot", targets=[THING_ARN]))
    assert fixed[:2] == ("InvalidRequestException", 400)
    unknown = error_of(lambda: iot.associate_targets_with_job(jobId="no", targets=[THING_ARN]))
    assert unknown[:2] == ("ResourceNotFoundException", 404)
