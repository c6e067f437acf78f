"""AWS's own device SDK for Python, each of its job clients over each of its MQTT clients.

The four differ in how they ask, not in what they are told: `ask` hides the first, so that one
story can be told with all of them.
"""

from __future__ import annotations

import queue
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from awscrt import mqtt, mqtt5, mqtt_request_response
from awsiot import (
    ServiceStreamOptions,
    V2ServiceException,
    iotjobs,
    mqtt5_client_builder,
    mqtt_connection_builder,
)

PATIENCE_S = 20.0
OPERATIONS = {
    "get_pending_job_executions": "GetPendingJobExecutions",
    "start_next_pending_job_execution": "StartNextPendingJobExecution",
    "describe_job_execution": "DescribeJobExecution",
    "update_job_execution": "UpdateJobExecution",
}


@dataclass(frozen=True)
class Identity:
    """Where the service is, and who the device is. Files are PEM."""

    host: str
    port: int
    ca: str
    certificate: str
    private_key: str
    thing: str

    def arguments(self) -> dict[str, Any]:
        return {
            "endpoint": self.host,
            "port": self.port,
            "cert_filepath": self.certificate,
            "pri_key_filepath": self.private_key,
            "ca_filepath": self.ca,
            "client_id": self.thing,
        }


@dataclass(frozen=True)
class Rejected:
    """A refusal; `state` is the execution's, where the service told it."""

    code: str
    message: str
    state: Any


class Line(Protocol):
    """A connection of one protocol level, and what the job clients take for it."""

    client: Any

    def publish(self, topic: str, payload: str) -> None: ...

    def close(self) -> None: ...


class Mqtt3:
    """The SDK's MQTT 3.1.1 connection."""

    def __init__(self, identity: Identity) -> None:
        self.client = mqtt_connection_builder.mtls_from_path(
            **identity.arguments(), clean_session=True, keep_alive_secs=30
        )
        self.client.connect().result(PATIENCE_S)

    def publish(self, topic: str, payload: str) -> None:
        future, _ = self.client.publish(topic, payload, mqtt.QoS.AT_LEAST_ONCE)
        future.result(PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect().result(PATIENCE_S)


class Mqtt5:
    """The SDK's MQTT 5 client, with what it heard when it connected."""

    def __init__(self, identity: Identity) -> None:
        connected: Future[Any] = Future()
        stopped: Future[None] = Future()
        self._stopped = stopped
        self.client = mqtt5_client_builder.mtls_from_path(
            **identity.arguments(),
            keep_alive_interval_sec=30,
            on_lifecycle_connection_success=lambda data: _settle(connected, data),
            on_lifecycle_connection_failure=lambda data: _settle(connected, data),
            on_lifecycle_stopped=lambda _data: stopped.set_result(None),
        )
        self.client.start()
        outcome = connected.result(PATIENCE_S)
        if isinstance(outcome, mqtt5.LifecycleConnectFailureData):
            self.close()
            raise ConnectionRefused(outcome)

    def publish(self, topic: str, payload: str) -> None:
        packet = mqtt5.PublishPacket(topic=topic, payload=payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        self.client.publish(packet).result(PATIENCE_S)

    def close(self) -> None:
        self.client.stop()
        self._stopped.result(PATIENCE_S)


class ConnectionRefused(Exception):  # noqa: N818 - as the SDK calls it
    """The service did not take the device; `reason` is the CONNACK's reason code, if it came."""

    def __init__(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        super().__init__(str(data.exception))
        self.reason = None if data.connack_packet is None else data.connack_packet.reason_code


def _settle(future: Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


class Jobs(Protocol):
    """What the story needs of a job client."""

    line: Line
    thing: str

    def ask(self, operation: str, **fields: Any) -> Any:
        """The modelled response, or `Rejected`."""

    def listen(self) -> tuple[queue.Queue[Any], queue.Queue[Any]]:
        """What comes on `notify` and on `notify-next` from now on."""


class JobsV1:
    """`IotJobsClient`: subscribes to each answer's topic, and publishes."""

    def __init__(self, line: Line, thing: str) -> None:
        self.line, self.thing = line, thing
        self._client = iotjobs.IotJobsClient(line.client)

    def ask(self, operation: str, **fields: Any) -> Any:
        shape = OPERATIONS[operation]
        where = {"thing_name": self.thing}
        if "job_id" in fields:
            where["job_id"] = fields["job_id"]
        answers: queue.Queue[Any] = queue.Queue()
        wanted = getattr(iotjobs, f"{shape}SubscriptionRequest")(**where)
        for kind in ("accepted", "rejected"):
            subscribe = getattr(self._client, f"subscribe_to_{operation}_{kind}")
            done, _ = subscribe(wanted, mqtt.QoS.AT_LEAST_ONCE, answers.put)
            done.result(PATIENCE_S)
        token = str(uuid.uuid4())
        request = getattr(iotjobs, f"{shape}Request")(client_token=token, **(fields | where))
        getattr(self._client, f"publish_{operation}")(request, mqtt.QoS.AT_LEAST_ONCE).result(
            PATIENCE_S
        )
        answer = answers.get(timeout=PATIENCE_S)
        assert answer.client_token == token
        if isinstance(answer, iotjobs.RejectedError):
            return Rejected(answer.code, answer.message, answer.execution_state)
        return answer

    def listen(self) -> tuple[queue.Queue[Any], queue.Queue[Any]]:
        changed: queue.Queue[Any] = queue.Queue()
        following: queue.Queue[Any] = queue.Queue()
        for shape, subscribe, heard in (
            (
                iotjobs.JobExecutionsChangedSubscriptionRequest,
                self._client.subscribe_to_job_executions_changed_events,
                changed,
            ),
            (
                iotjobs.NextJobExecutionChangedSubscriptionRequest,
                self._client.subscribe_to_next_job_execution_changed_events,
                following,
            ),
        ):
            request = shape(thing_name=self.thing)
            done, _ = subscribe(request, mqtt.QoS.AT_LEAST_ONCE, heard.put)
            done.result(PATIENCE_S)
        return changed, following


class JobsV2:
    """`IotJobsClientV2`: requests with futures, matched by their client token."""

    def __init__(self, line: Line, thing: str) -> None:
        self.line, self.thing = line, thing
        options = mqtt_request_response.ClientOptions(
            max_request_response_subscriptions=4,
            max_streaming_subscriptions=2,
            operation_timeout_in_seconds=int(PATIENCE_S),
        )
        self._client = iotjobs.IotJobsClientV2(line.client, options)
        self._streams: list[Any] = []

    def ask(self, operation: str, **fields: Any) -> Any:
        request = getattr(iotjobs, f"{OPERATIONS[operation]}Request")(
            thing_name=self.thing, **fields
        )
        try:
            return getattr(self._client, operation)(request).result(PATIENCE_S)
        except V2ServiceException as error:
            told = error.modeled_error
            if told is None:
                raise
            return Rejected(told.code, told.message, told.execution_state)

    def listen(self) -> tuple[queue.Queue[Any], queue.Queue[Any]]:
        changed = self._open(
            self._client.create_job_executions_changed_stream,
            iotjobs.JobExecutionsChangedSubscriptionRequest,
        )
        following = self._open(
            self._client.create_next_job_execution_changed_stream,
            iotjobs.NextJobExecutionChangedSubscriptionRequest,
        )
        return changed, following

    def _open(self, create: Callable[..., Any], shape: Callable[..., Any]) -> queue.Queue[Any]:
        heard: queue.Queue[Any] = queue.Queue()
        ready: queue.Queue[Any] = queue.Queue()
        options: Any = ServiceStreamOptions(
            incoming_event_listener=heard.put, subscription_status_listener=ready.put
        )
        stream = create(shape(thing_name=self.thing), options)
        stream.open()
        self._streams.append(stream)
        status = ready.get(timeout=PATIENCE_S)
        established = mqtt_request_response.SubscriptionStatusEventType.SUBSCRIPTION_ESTABLISHED
        assert status.type == established, status
        return heard
