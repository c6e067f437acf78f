"""T3: AWS's device SDK as firmware teams use it, against `otarig serve` over mutual TLS.

Both of its job clients over both of its MQTT clients: all four calls, every refusal that the SDK
models and a device can bring about, `notify` and `notify-next`.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest
from awscrt import mqtt5
from awsiot import iotjobs

from tests.rig.aws.conftest import Service
from tests.rig.aws.device_sdk import (
    PATIENCE_S,
    ConnectionRefused,
    Identity,
    Jobs,
    JobsV1,
    JobsV2,
    Line,
    Mqtt3,
    Mqtt5,
    Rejected,
)

CLIENTS: dict[str, tuple[Callable[[Identity], Line], Callable[[Line, str], Jobs]]] = {
    "IotJobsClient over MQTT 3": (Mqtt3, JobsV1),
    "IotJobsClient over MQTT 5": (Mqtt5, JobsV1),
    "IotJobsClientV2 over MQTT 3": (Mqtt3, JobsV2),
    "IotJobsClientV2 over MQTT 5": (Mqtt5, JobsV2),
}
ERRORS = iotjobs.RejectedErrorCode
STATUS = iotjobs.JobStatus


@pytest.fixture(params=CLIENTS)
def jobs(request: pytest.FixtureRequest, service_5: Service) -> Iterator[Jobs]:
    line_kind, jobs_kind = CLIENTS[request.param]
    identity = service_5.enrol()
    line = line_kind(identity)
    yield jobs_kind(line, identity.thing)
    line.close()


def test_a_job_from_offer_to_success(service_5: Service, jobs: Jobs) -> None:
    pending = jobs.ask("get_pending_job_executions")
    assert (pending.in_progress_jobs, pending.queued_jobs) == ([], [])
    assert jobs.ask("start_next_pending_job_execution").execution is None
    changed, following = jobs.listen()

    service_5.offer("job1")
    (queued,) = changed.get(timeout=PATIENCE_S).jobs[STATUS.QUEUED]
    assert queued.job_id == "job1"
    news = following.get(timeout=PATIENCE_S)
    assert news.execution.job_document == {"operation": "x"}
    # Whole seconds, which the SDK makes a date of; milliseconds would be in a far future.
    assert abs((news.timestamp - datetime.now()).total_seconds()) < PATIENCE_S
    (queued,) = jobs.ask("get_pending_job_executions").queued_jobs
    assert (queued.job_id, queued.version_number, queued.started_at) == ("job1", 1, None)

    told = jobs.ask("describe_job_execution", job_id="$next", include_job_document=True)
    assert told.execution.job_id == "job1"
    assert told.execution.job_document == {"operation": "x"}

    started = jobs.ask(
        "start_next_pending_job_execution",
        status_details={"step": "1"},
        step_timeout_in_minutes=5,
    ).execution
    assert (started.status, started.version_number) == (STATUS.IN_PROGRESS, 2)
    assert started.status_details == {"step": "1"}
    described = jobs.ask("describe_job_execution", job_id="job1", include_job_document=False)
    assert described.execution.job_document is None
    assert described.execution.started_at is not None

    updated = jobs.ask(
        "update_job_execution",
        job_id="job1",
        status=STATUS.IN_PROGRESS,
        status_details={"step": "2"},
        expected_version=2,
        include_job_execution_state=True,
        include_job_document=True,
    )
    assert updated.execution_state.version_number == 3
    assert updated.execution_state.status_details == {"step": "2"}
    assert updated.job_document == {"operation": "x"}
    jobs.ask("update_job_execution", job_id="job1", status=STATUS.SUCCEEDED)
    assert changed.get(timeout=PATIENCE_S).jobs == {}
    assert following.get(timeout=PATIENCE_S).execution is None
    iot = service_5.client("iot")
    assert iot.describe_job(jobId="job1")["job"]["status"] == "COMPLETED"


def test_every_refusal_arrives_as_the_sdk_models_it(service_5: Service, jobs: Jobs) -> None:
    """Codes, and the execution's state where the device needs it to go on (§1.5)."""
    service_5.offer("job1")
    refused: dict[str, Rejected] = {}

    def expect(code: str, operation: str, **fields: object) -> Rejected:
        answer = jobs.ask(operation, **fields)
        assert isinstance(answer, Rejected), answer
        assert answer.code == code
        assert answer.message
        refused[code] = answer
        return answer

    expect(ERRORS.RESOURCE_NOT_FOUND, "describe_job_execution", job_id="never")
    expect(ERRORS.RESOURCE_NOT_FOUND, "update_job_execution", job_id="never", status=STATUS.FAILED)
    expect(ERRORS.INVALID_REQUEST, "start_next_pending_job_execution", step_timeout_in_minutes=0)
    expect(ERRORS.INVALID_REQUEST, "update_job_execution", job_id="job1", status=STATUS.TIMED_OUT)
    stale = expect(
        ERRORS.VERSION_MISMATCH,
        "update_job_execution",
        job_id="job1",
        status=STATUS.IN_PROGRESS,
        expected_version=99,
    )
    assert (stale.state.status, stale.state.version_number) == (STATUS.QUEUED, 1)
    assert not isinstance(
        jobs.ask("update_job_execution", job_id="job1", status=STATUS.FAILED), Rejected
    )
    over = expect(
        ERRORS.INVALID_STATE_TRANSITION,
        "update_job_execution",
        job_id="job1",
        status=STATUS.IN_PROGRESS,
    )
    assert over.state.status == STATUS.FAILED
    expect(ERRORS.TERMINAL_STATE_REACHED, "describe_job_execution", job_id="job1")
    assert set(refused) == {
        ERRORS.RESOURCE_NOT_FOUND,
        ERRORS.INVALID_REQUEST,
        ERRORS.VERSION_MISMATCH,
        ERRORS.INVALID_STATE_TRANSITION,
        ERRORS.TERMINAL_STATE_REACHED,
    }


def test_bytes_that_are_no_json_are_refused_as_such(service_5: Service) -> None:
    """`InvalidJson`, which the job clients themselves cannot bring about."""
    identity = service_5.enrol()
    line = Mqtt3(identity)
    heard: queue.Queue[object] = queue.Queue()
    client = iotjobs.IotJobsClient(line.client)
    wanted = iotjobs.GetPendingJobExecutionsSubscriptionRequest(thing_name=identity.thing)
    done, _ = client.subscribe_to_get_pending_job_executions_rejected(
        wanted, mqtt5.QoS.AT_LEAST_ONCE, heard.put
    )
    done.result(PATIENCE_S)
    line.publish(f"$aws/things/{identity.thing}/jobs/get", "{")
    error = heard.get(timeout=PATIENCE_S)
    line.close()
    assert isinstance(error, iotjobs.RejectedError)
    assert error.code == ERRORS.INVALID_JSON


def test_the_sdk_works_with_the_broker_that_comes_along(service: Service) -> None:
    """MQTT 3.1.1 on amqtt: the same calls, once through."""
    identity = service.enrol()
    line = Mqtt3(identity)
    jobs = JobsV2(line, identity.thing)
    _, following = jobs.listen()
    service.offer("job1")
    assert following.get(timeout=PATIENCE_S).execution.job_id == "job1"
    started = jobs.ask("start_next_pending_job_execution").execution
    assert started.job_id == "job1"
    jobs.ask("update_job_execution", job_id="job1", status=STATUS.SUCCEEDED)
    assert jobs.ask("start_next_pending_job_execution").execution is None
    line.close()


def test_mqtt_5_without_such_a_broker_is_refused_with_a_line_that_helps(service: Service) -> None:
    with pytest.raises(ConnectionRefused) as refused:
        Mqtt5(service.enrol())
    assert refused.value.reason == mqtt5.ConnectReasonCode.UNSUPPORTED_PROTOCOL_VERSION
    line = service.terminal.wait_for("MQTT 5")
    assert "--broker" in line


def test_a_certificate_of_another_thing_does_not_get_in(service_5: Service) -> None:
    identity = service_5.enrol()
    other = service_5.enrol("other-thing")
    stolen = type(identity)(**{**vars(identity), "thing": other.thing})
    with pytest.raises(ConnectionRefused) as refused:
        Mqtt5(stolen)
    assert refused.value.reason == mqtt5.ConnectReasonCode.NOT_AUTHORIZED
