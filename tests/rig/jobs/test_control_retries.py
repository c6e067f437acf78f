"""Retries as an AWS client sees them (§2.1)."""

from __future__ import annotations

from tests.rig.jobs.site import THING_ARN, Site
from tests.rig.jobs.world import THING


def test_a_retry_is_the_next_execution_and_says_so(site: Site) -> None:
    rule = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    site.iot.create_job(
        jobId="j1", targets=[THING_ARN], document="{}", jobExecutionsRetryConfig=rule
    )
    data = site.client("iot-jobs-data")
    for number in (1, 2):
        execution = data.start_next_pending_job_execution(thingName=THING)["execution"]
        assert execution["executionNumber"] == number
        data.update_job_execution(thingName=THING, jobId="j1", status="FAILED")
    assert "execution" not in data.start_next_pending_job_execution(thingName=THING)
    listed = site.iot.list_job_executions_for_job(jobId="j1")["executionSummaries"]
    pairs = [(1, 0), (2, 1)]
    told = [each["jobExecutionSummary"] for each in listed]
    assert [(each["executionNumber"], each["retryAttempt"]) for each in told] == pairs
    first = site.iot.describe_job_execution(thingName=THING, jobId="j1", executionNumber=1)
    assert first["execution"]["status"] == "FAILED"
    assert site.iot.describe_job(jobId="j1")["job"]["status"] == "COMPLETED"
