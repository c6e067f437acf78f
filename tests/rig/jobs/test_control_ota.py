"""OTA updates, as boto3 asks for them (job service §5)."""

from __future__ import annotations

from typing import Any

import pytest

from rig.jobs.engine.policy import AbortCriterion, FailureType
from tests.rig.jobs.site import IMAGE, Site, error_of, update_arguments

ROLLOUT = {
    "maximumPerMinute": 50,
    "exponentialRate": {
        "baseRatePerMinute": 5,
        "incrementFactor": 2.0,
        "rateIncreaseCriteria": {"numberOfSucceededThings": 3},
    },
}
ABORT = {
    "abortCriteriaList": [
        {
            "failureType": "ALL",
            "action": "CANCEL",
            "thresholdPercentage": 20.0,
            "minNumberOfExecutedThings": 3,
        }
    ]
}


@pytest.fixture
def uploaded(site: Site) -> Site:
    site.s3.put_object(Bucket="images", Key="fw.bin", Body=IMAGE)
    return site


def test_its_job_is_carried_out_as_asked(uploaded: Site) -> None:
    configs: dict[str, Any] = {
        "awsJobExecutionsRolloutConfig": ROLLOUT,
        "awsJobAbortConfig": ABORT,
        "awsJobTimeoutConfig": {"inProgressTimeoutInMinutes": 9},
        "awsJobPresignedUrlConfig": {"expiresInSec": 600},
        "additionalParameters": {"ticket": "7"},
        "targetSelection": "CONTINUOUS",
    }
    iot = uploaded.iot
    iot.create_ota_update(**update_arguments(**configs))
    job = iot.describe_job(jobId="AFR_OTA-u1")["job"]
    assert job["jobExecutionsRolloutConfig"] == ROLLOUT
    assert job["timeoutConfig"] == {"inProgressTimeoutInMinutes": 9}
    assert job["targetSelection"] == "CONTINUOUS"
    stored = uploaded.world.service.describe_job("AFR_OTA-u1")
    assert stored is not None
    assert stored.policy.abort == (AbortCriterion(FailureType.ALL, 20.0, 3),)
    info = iot.get_ota_update(otaUpdateId="u1")["otaUpdateInfo"]
    for name in ("awsJobExecutionsRolloutConfig", "awsJobPresignedUrlConfig", "targetSelection"):
        assert info[name] == configs[name]
    assert info["additionalParameters"] == {"ticket": "7"}
    document = uploaded.world.accepted("$next/get")["execution"]["jobDocument"]["afr_ota"]
    assert "X-Amz-Expires=600&" in document["files"][0]["update_data_url"]
    assert "ticket" not in str(document)


def test_listing_updates(uploaded: Site) -> None:
    iot = uploaded.iot
    for number in range(3):
        iot.create_ota_update(**update_arguments(otaUpdateId=f"u{number}"))
    pages = iot.get_paginator("list_ota_updates").paginate(PaginationConfig={"PageSize": 2})
    ids = [[update["otaUpdateId"] for update in page["otaUpdates"]] for page in pages]
    assert ids == [["u0", "u1"], ["u2"]]
    assert iot.list_ota_updates(otaUpdateStatus="CREATE_FAILED")["otaUpdates"] == []


def test_deleting_an_update(uploaded: Site) -> None:
    iot, world = uploaded.iot, uploaded.world
    iot.create_ota_update(**update_arguments())
    record = world.service.ota_update("u1")
    assert record is not None
    busy = error_of(lambda: iot.delete_ota_update(otaUpdateId="u1"))
    assert busy[:2] == ("InvalidRequestException", 400)
    iot.delete_ota_update(otaUpdateId="u1", deleteStream=True, forceDeleteAWSJob=True)
    assert error_of(lambda: iot.get_ota_update(otaUpdateId="u1"))[1] == 404
    assert error_of(lambda: iot.describe_job(jobId="AFR_OTA-u1"))[1] == 404
    with world.store.transaction() as transaction:
        assert transaction.stream(record.stream_id or "") is None
    gone = error_of(lambda: iot.delete_ota_update(otaUpdateId="u1"))
    assert gone[:2] == ("ResourceNotFoundException", 404)
    # The id is free again.
    iot.create_ota_update(**update_arguments())


def test_a_finished_update_is_deleted_without_force(uploaded: Site) -> None:
    iot, world = uploaded.iot, uploaded.world
    made = iot.create_ota_update(**update_arguments())
    world.accepted(f"{made['awsIotJobId']}/update", {"status": "SUCCEEDED"})
    iot.delete_ota_update(otaUpdateId="u1")
    assert iot.list_jobs()["jobs"] == []
