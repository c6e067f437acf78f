"""`iot-jobs-data` as boto3 asks for it: the device's API over HTTP (job service §7.3)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.rig.jobs.site import THING_ARN, Site, error_of
from tests.rig.jobs.test_control import send, signed
from tests.rig.jobs.world import THING

NOBODY = "nobody"


@pytest.fixture
def data(site: Site) -> Any:
    for job_id in ("j1", "j2"):
        site.iot.create_job(jobId=job_id, targets=[THING_ARN], document='{"do": 1}')
        site.world.clock.advance(1)
    site.world.news()
    return site.client("iot-jobs-data")


def test_a_job_over_http_alone(site: Site, data: Any) -> None:
    pending = data.get_pending_job_executions(thingName=THING)
    assert [entry["jobId"] for entry in pending["queuedJobs"]] == ["j1", "j2"]
    assert pending["inProgressJobs"] == []

    started = data.start_next_pending_job_execution(
        thingName=THING, statusDetails={"step": "1"}, stepTimeoutInMinutes=2
    )["execution"]
    assert (started["jobId"], started["thingName"]) == ("j1", THING)
    assert (started["status"], started["versionNumber"]) == ("IN_PROGRESS", 2)
    assert started["statusDetails"] == {"step": "1"}
    assert json.loads(started["jobDocument"]) == {"do": 1}
    assert started["approximateSecondsBeforeTimedOut"] == 120
    assert site.world.news() == []

    described = data.describe_job_execution(thingName=THING, jobId="$next")["execution"]
    assert described == started
    bare = data.describe_job_execution(thingName=THING, jobId="j2", includeJobDocument=False)
    assert "jobDocument" not in bare["execution"]

    updated = data.update_job_execution(
        thingName=THING,
        jobId="j1",
        status="SUCCEEDED",
        expectedVersion=2,
        includeJobExecutionState=True,
        includeJobDocument=True,
    )
    assert updated["executionState"]["status"] == "SUCCEEDED"
    assert updated["executionState"]["versionNumber"] == 3
    assert json.loads(updated["jobDocument"]) == {"do": 1}
    # The device hears of it over MQTT as if it had asked there.
    news = site.world.news()
    assert [kind for kind, _ in news] == ["notify", "notify-next"]
    assert news[1][1]["execution"]["jobId"] == "j2"


def test_nothing_pending_is_an_answer_without_execution(data: Any) -> None:
    for job_id in ("j1", "j2"):
        data.update_job_execution(thingName=THING, jobId=job_id, status="REJECTED")
    assert "execution" not in data.start_next_pending_job_execution(thingName=THING)
    assert "execution" not in data.describe_job_execution(thingName=THING, jobId="$next")


def test_two_services_have_one_path(site: Site, data: Any) -> None:
    """Which one is meant, only the signature's scope says (§0, trap 3)."""
    of_iot = site.iot.list_job_executions_for_thing(thingName=THING)
    assert {entry["jobId"] for entry in of_iot["executionSummaries"]} == {"j1", "j2"}
    assert "queuedJobs" in data.get_pending_job_executions(thingName=THING)
    ours = site.iot.describe_job_execution(thingName=THING, jobId="j1")["execution"]
    theirs = data.describe_job_execution(thingName=THING, jobId="j1")["execution"]
    assert ours["thingArn"] == THING_ARN
    assert theirs["thingName"] == THING


def test_refusals_are_the_models(data: Any) -> None:
    of: dict[str, Any] = {"thingName": THING, "jobId": "j1"}
    stale = error_of(lambda: data.update_job_execution(**of, status="FAILED", expectedVersion=9))
    assert stale[:2] == ("InvalidStateTransitionException", 409)
    assert "Expected version 9 but found version 1" in stale[2]
    data.update_job_execution(**of, status="SUCCEEDED")
    with pytest.raises(data.exceptions.TerminalStateException) as ended:
        data.describe_job_execution(**of)
    assert ended.value.response["ResponseMetadata"]["HTTPStatusCode"] == 410
    again = error_of(lambda: data.update_job_execution(**of, status="FAILED"))
    assert again[:2] == ("InvalidStateTransitionException", 409)
    for status in ("QUEUED", "TIMED_OUT", "CANCELED"):
        wrong = error_of(partial(data.update_job_execution, **of, status=status))
        assert wrong[:2] == ("InvalidRequestException", 400)
    step = error_of(
        lambda: data.start_next_pending_job_execution(thingName=THING, stepTimeoutInMinutes=0)
    )
    assert step[:2] == ("InvalidRequestException", 400)


def test_a_refused_update_tells_the_state(site: Site, data: Any) -> None:
    """The model has no member for it, its text does (§7.3)."""
    body = b'{"status":"FAILED","expectedVersion":9}'
    target = f"/things/{THING}/jobs/j1"
    headers = signed(site, "POST", target, body, "iot-jobs-data")
    status, name, answer = send(site, "POST", target, headers, body)
    assert (status, name) == (409, "InvalidStateTransitionException")
    assert json.loads(answer)["executionState"] == {
        "status": "QUEUED",
        "statusDetails": {},
        "versionNumber": 1,
    }


def test_who_is_not_there_is_not_found(data: Any) -> None:
    for action in (
        lambda: data.get_pending_job_executions(thingName=NOBODY),
        lambda: data.start_next_pending_job_execution(thingName=NOBODY),
        lambda: data.describe_job_execution(thingName=THING, jobId="no"),
        lambda: data.describe_job_execution(thingName=THING, jobId="j1", executionNumber=2),
        lambda: data.update_job_execution(thingName=THING, jobId="no", status="FAILED"),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
