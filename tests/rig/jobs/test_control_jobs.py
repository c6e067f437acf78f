"""Jobs and their executions, as boto3 asks for them (job service §3, §7.2)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.rig.jobs.site import THING_ARN, Site, error_of
from tests.rig.jobs.world import THING

PLACEHOLDER = "${aws:iot:s3-presigned-url:https://s3.us-east-1.amazonaws.com/b/k}"
DOCUMENT = json.dumps({"reboot": PLACEHOLDER})
POLICY: dict[str, Any] = {
    "jobExecutionsRolloutConfig": {
        "maximumPerMinute": 10,
        "exponentialRate": {
            "baseRatePerMinute": 2,
            "incrementFactor": 1.5,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 10},
        },
    },
    "abortConfig": {
        "criteriaList": [
            {
                "failureType": "FAILED",
                "action": "CANCEL",
                "thresholdPercentage": 12.5,
                "minNumberOfExecutedThings": 2,
            }
        ]
    },
    "timeoutConfig": {"inProgressTimeoutInMinutes": 30},
    "jobExecutionsRetryConfig": {
        "criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 2}]
    },
    "presignedUrlConfig": {
        "roleArn": "arn:aws:iam::000000000000:role/otarig-ota-role",
        "expiresInSec": 120,
    },
}


def create(site: Site, job_id: str = "j1", **members: Any) -> Any:
    arguments = {"targets": [THING_ARN], "document": DOCUMENT} | members
    given = {name: value for name, value in arguments.items() if value is not None}
    return site.iot.create_job(jobId=job_id, **given)


def things(site: Site, count: int) -> list[str]:
    """The ARNs of new things."""
    return [site.iot.create_thing(thingName=f"t{n}")["thingArn"] for n in range(count)]


def test_a_job_from_begin_to_end(site: Site) -> None:
    iot = site.iot
    made = create(site, description="again", **POLICY)
    arn = "arn:aws:iot:us-east-1:000000000000:job/j1"
    del made["ResponseMetadata"]
    assert made == {"jobArn": arn, "jobId": "j1", "description": "again"}
    answer = iot.describe_job(jobId="j1")
    job = answer["job"]
    assert {name: job[name] for name in POLICY} == POLICY
    assert (job["status"], job["targetSelection"]) == ("IN_PROGRESS", "SNAPSHOT")
    assert job["targets"] == [THING_ARN]
    assert (job["isConcurrent"], job["forceCanceled"]) == (False, False)
    assert job["jobProcessDetails"]["numberOfQueuedThings"] == 1
    assert iot.get_job_document(jobId="j1")["document"] == DOCUMENT

    site.world.accepted("start-next")
    site.world.accepted("j1/update", {"status": "SUCCEEDED"})
    job = iot.describe_job(jobId="j1")["job"]
    assert job["status"] == "COMPLETED"
    assert job["completedAt"] >= job["createdAt"]
    assert job["jobProcessDetails"] == {
        "processingTargets": [],
        "numberOfCanceledThings": 0,
        "numberOfSucceededThings": 1,
        "numberOfFailedThings": 0,
        "numberOfRejectedThings": 0,
        "numberOfQueuedThings": 0,
        "numberOfInProgressThings": 0,
        "numberOfRemovedThings": 0,
        "numberOfTimedOutThings": 0,
    }
    iot.delete_job(jobId="j1")
    assert error_of(lambda: iot.describe_job(jobId="j1"))[:2] == ("ResourceNotFoundException", 404)


def test_the_device_gets_an_object_with_a_fresh_url(site: Site) -> None:
    """A string over HTTP is an object over MQTT, and the placeholder a URL (§3.5)."""
    create(site, **POLICY)
    execution = site.world.accepted("$next/get")["execution"]
    url = execution["jobDocument"]["reboot"]
    assert url.startswith(f"{site.url}/b/k?")
    assert "X-Amz-Expires=120&" in url


def test_a_document_from_an_object(site: Site) -> None:
    source = "https://images.s3.us-east-1.amazonaws.com/job.json"
    missing = error_of(lambda: create(site, document=None, documentSource=source))
    assert missing[:2] == ("InvalidRequestException", 400)
    site.s3.put_object(Bucket="images", Key="job.json", Body=b'{"a": 1}')
    create(site, document=None, documentSource=source)
    answer = site.iot.describe_job(jobId="j1")
    assert answer["documentSource"] == source
    assert json.loads(site.iot.get_job_document(jobId="j1")["document"]) == {"a": 1}


def test_a_rollout_is_concurrent_while_it_lasts(site: Site) -> None:
    arns = things(site, 3)
    config = {"maximumPerMinute": 2}
    create(site, targets=arns, jobExecutionsRolloutConfig=config)
    job = site.iot.describe_job(jobId="j1")["job"]
    assert job["isConcurrent"]
    assert job["jobProcessDetails"]["processingTargets"] == ["t2"]
    assert job["jobProcessDetails"]["numberOfQueuedThings"] == 2
    site.iot.update_job(jobId="j1", jobExecutionsRolloutConfig={"maximumPerMinute": 5})
    site.world.clock.advance(60)
    site.world.service.tick()
    job = site.iot.describe_job(jobId="j1")["job"]
    assert not job["isConcurrent"]
    assert job["jobExecutionsRolloutConfig"] == {"maximumPerMinute": 5}
    assert job["jobProcessDetails"]["numberOfQueuedThings"] == 3


def test_changing_a_job_leaves_the_rest_of_it(site: Site) -> None:
    create(site, **POLICY)
    presign = {"expiresInSec": 60}
    timeout = {"inProgressTimeoutInMinutes": 5}
    site.iot.update_job(
        jobId="j1", description="new", timeoutConfig=timeout, presignedUrlConfig=presign
    )
    job = site.iot.describe_job(jobId="j1")["job"]
    changed = POLICY | {"timeoutConfig": timeout, "presignedUrlConfig": presign}
    assert {name: job[name] for name in POLICY} == changed
    assert job["description"] == "new"


def test_canceling(site: Site) -> None:
    iot = site.iot
    arns = things(site, 2)
    create(site, targets=arns, description="d")
    site.world.accepted("start-next", thing="t0")
    answer = iot.cancel_job(jobId="j1", reasonCode="TOO_LATE", comment="no more")
    assert answer["description"] == "d"
    job = iot.describe_job(jobId="j1")["job"]
    assert (job["status"], job["reasonCode"], job["comment"]) == ("CANCELED", "TOO_LATE", "no more")
    counts = job["jobProcessDetails"]
    assert (counts["numberOfCanceledThings"], counts["numberOfInProgressThings"]) == (1, 1)
    assert error_of(lambda: iot.cancel_job(jobId="j1"))[:2] == ("InvalidRequestException", 400)


def test_a_job_id_is_taken_once(site: Site) -> None:
    create(site)
    with pytest.raises(site.iot.exceptions.ResourceAlreadyExistsException) as caught:
        create(site)
    assert caught.value.response["resourceId"] == "j1"
    assert caught.value.response["resourceArn"].endswith(":job/j1")


def test_deleting_needs_an_end_or_force(site: Site) -> None:
    create(site)
    iot = site.iot
    with pytest.raises(iot.exceptions.InvalidStateTransitionException):
        iot.delete_job(jobId="j1")
    iot.delete_job(jobId="j1", force=True)
    assert site.world.accepted("get")["queuedJobs"] == []
    assert error_of(lambda: iot.delete_job(jobId="j1"))[:2] == ("ResourceNotFoundException", 404)


def test_lists_come_in_pages(site: Site) -> None:
    for number in range(5):
        create(site, f"j{number}")
    create(site, "c", targetSelection="CONTINUOUS")
    site.iot.cancel_job(jobId="j3")
    pages = site.iot.get_paginator("list_jobs").paginate(PaginationConfig={"PageSize": 2})
    found = [page["jobs"] for page in pages]
    assert [len(jobs) for jobs in found] == [2, 2, 2]
    assert sorted(job["jobId"] for jobs in found for job in jobs) == [
        "c",
        "j0",
        "j1",
        "j2",
        "j3",
        "j4",
    ]
    canceled = site.iot.list_jobs(status="CANCELED")["jobs"]
    assert [job["jobId"] for job in canceled] == ["j3"]
    continuous = site.iot.list_jobs(targetSelection="CONTINUOUS")["jobs"]
    assert [job["jobId"] for job in continuous] == ["c"]
    token = error_of(lambda: site.iot.list_jobs(nextToken="e30="))
    assert token[:2] == ("InvalidRequestException", 400)


# -- executions ------------------------------------------------------------------------------------


def test_executions_of_a_job_and_of_a_thing(site: Site) -> None:
    arns = things(site, 3)
    create(site, targets=arns)
    create(site, "j2", targets=arns[:1])
    site.world.accepted("start-next", thing="t1")
    iot = site.iot
    listed = iot.list_job_executions_for_job(jobId="j1")["executionSummaries"]
    assert [entry["thingArn"] for entry in listed] == arns
    summary = listed[1]["jobExecutionSummary"]
    assert (summary["status"], summary["executionNumber"]) == ("IN_PROGRESS", 1)
    assert summary["retryAttempt"] == 0
    assert "startedAt" in summary
    assert "startedAt" not in listed[0]["jobExecutionSummary"]
    queued = iot.list_job_executions_for_job(jobId="j1", status="QUEUED")["executionSummaries"]
    assert [entry["thingArn"] for entry in queued] == [arns[0], arns[2]]
    of_thing = iot.list_job_executions_for_thing(thingName="t0")["executionSummaries"]
    assert {entry["jobId"] for entry in of_thing} == {"j1", "j2"}
    only = iot.list_job_executions_for_thing(thingName="t0", jobId="j2")["executionSummaries"]
    assert [entry["jobId"] for entry in only] == ["j2"]


def test_canceling_an_execution(site: Site) -> None:
    create(site)
    site.world.accepted("start-next")
    iot, of = site.iot, {"jobId": "j1", "thingName": THING}
    with pytest.raises(iot.exceptions.InvalidStateTransitionException):
        iot.cancel_job_execution(**of)
    with pytest.raises(iot.exceptions.VersionConflictException):
        iot.cancel_job_execution(**of, force=True, expectedVersion=1)
    iot.cancel_job_execution(
        **of, force=True, expectedVersion=2, statusDetails={"why": "enough of it"}
    )
    execution = iot.describe_job_execution(**of)["execution"]
    assert (execution["status"], execution["versionNumber"]) == ("CANCELED", 3)
    assert execution["statusDetails"] == {"detailsMap": {"why": "enough of it"}}
    assert execution["forceCanceled"]
    assert [kind for kind, _ in site.world.news()][-2:] == ["notify", "notify-next"]


def test_deleting_an_execution(site: Site) -> None:
    create(site)
    site.world.accepted("start-next")
    iot, of = site.iot, {"jobId": "j1", "thingName": THING, "executionNumber": 1}
    with pytest.raises(iot.exceptions.InvalidStateTransitionException):
        iot.delete_job_execution(**of)
    iot.delete_job_execution(**of, force=True)
    assert error_of(lambda: iot.delete_job_execution(**of))[1] == 404
    assert iot.list_job_executions_for_job(jobId="j1")["executionSummaries"] == []


# -- what cannot be --------------------------------------------------------------------------------

BAD_JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "no document": ({"document": None}, "one of document and documentSource"),
    "two documents": ({"documentSource": "https://x"}, "one of document and documentSource"),
    "no JSON": ({"document": "{"}, "is not JSON"),
    "a long document": ({"document": "1" * 32_769}, "document has 32769 characters"),
    "many objects": ({"document": json.dumps([PLACEHOLDER] * 11)}, "more than 10 objects"),
    "no ARN": ({"targets": [THING]}, "is not the ARN of a thing"),
    "a job": ({"targets": [THING_ARN.replace(":thing/", ":job/")]}, "is not the ARN of a thing"),
    "id": ({"job_id": "get"}, "is a word of the job topics"),
    "timeout": ({"timeoutConfig": {"inProgressTimeoutInMinutes": 0}}, "0, is not 1 to 10080"),
    "pace": ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1001}}, "is not 1 to 1000"),
    "template parameters": ({"documentParameters": {"a": "b"}}, "is not offered"),
    "window": (
        {"schedulingConfig": {"maintenanceWindows": [{"startTime": "x", "durationInMinutes": 5}]}},
        "maintenance window cannot be read",
    ),
    "time": ({"schedulingConfig": {"startTime": "tomorrow"}}, "is not like 2027-01-31T23:05"),
    "upside down": (
        {"schedulingConfig": {"startTime": "2033-01-02T00:00", "endTime": "2033-01-01T00:00"}},
        "endTime is not after its startTime",
    ),
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_bad_jobs_are_invalid_requests(site: Site, name: str) -> None:
    members, message = BAD_JOBS[name]
    code, status, text = error_of(lambda: create(site, **members))
    assert (code, status) == ("InvalidRequestException", 400)
    assert message in text
    assert site.iot.list_jobs()["jobs"] == []


def test_unknown_targets_and_jobs(site: Site) -> None:
    iot = site.iot
    nobody = THING_ARN.replace(THING, "nobody")
    group = THING_ARN.replace(f":thing/{THING}", ":thinggroup/g")
    for action in (
        lambda: create(site, targets=[nobody]),
        lambda: create(site, targets=[group]),
        lambda: iot.update_job(jobId="no", description="x"),
        lambda: iot.get_job_document(jobId="no"),
        lambda: iot.list_job_executions_for_job(jobId="no"),
        lambda: iot.list_job_executions_for_thing(thingName="nobody"),
        lambda: iot.cancel_job_execution(jobId="no", thingName=THING),
    ):
        assert error_of(action)[:2] == ("ResourceNotFoundException", 404)
