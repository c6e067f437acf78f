"""Agents that err on the control plane: subscriptions, job requests, whose topics (OTA-CTL)."""

from __future__ import annotations

import json
from collections.abc import Callable

from agent.faults.seams import (
    JOB_REQUEST,
    NOTIFY_NEXT,
    Apply,
    Fault,
    Parts,
    Send,
    execution_of,
    fault,
    handler,
    is_last,
    on_publish,
    on_subscribe,
    raw_document,
    read_document,
    with_qos,
)
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, JobAnswer
from agent.protocol.codes import OtaErr
from agent.protocol.transitions import Handler

Subscribe = Callable[[str, int], bool]
BY_MQTT = "accept-newer-version-by-mqtt"
REFUSED = "job-document-malformed-then-good-without-filesize"
MANY_REQUESTS = 40


def _without_notify_next(send: Subscribe, topic: str, qos: int) -> bool:
    return topic.endswith(NOTIFY_NEXT) or send(topic, qos)


def _notify_next_with_qos_0(send: Subscribe, topic: str, qos: int) -> bool:
    return send(topic, 0 if topic.endswith(NOTIFY_NEXT) else qos)


def _asks_first(parts: Parts) -> None:
    """The subscription waits until the request is out."""
    waiting: list[tuple[str, int]] = []
    inner = parts.machine.transport

    def subscribe(send: Subscribe, topic: str, qos: int) -> bool:
        if topic.endswith(NOTIFY_NEXT):
            waiting.append((topic, qos))
            return True
        return send(topic, qos)

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        sent = send(topic, payload, qos)
        while waiting:
            inner.subscribe(*waiting.pop())
        return sent

    on_subscribe(subscribe)(parts)
    on_publish(publish)(parts)


def _token(make: Callable[[str], object]) -> Apply:
    """The client token of job requests is what ``make`` makes of the right one."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if topic.endswith(JOB_REQUEST):
            token = make(json.loads(payload)["clientToken"])
            payload = json.dumps({} if token is None else {"clientToken": token}).encode()
        return send(topic, payload, qos)

    return on_publish(publish)


def _for_another_thing(send: Subscribe, topic: str, qos: int) -> bool:
    if topic.endswith(NOTIFY_NEXT):
        send(topic.replace("/jobs/", "-2/jobs/"), qos)
    return send(topic, qos)


def _takes(wanted: Callable[[EventData], bool]) -> Apply:
    """Job documents that are not wanted are not looked at."""

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        return inner(m, payload) if wanted(payload) else OtaErr.EMPTY_JOB_DOCUMENT

    return handler(Handler.PROCESS_JOB, process)


def _offers_a_job(payload: EventData) -> bool:
    return bool(execution_of(read_document(raw_document(payload))))


def _polls(parts: Parts) -> None:
    """An answer that there is no job is answered by asking again, three times."""
    left = [3]

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        result = inner(m, payload)
        if not _offers_a_job(payload) and left[0]:
            left[0] -= 1
            m.handlers[Handler.REQUEST_JOB](m, None)
        return result

    handler(Handler.PROCESS_JOB, process)(parts)


def _asks_many_times(parts: Parts) -> None:
    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        times = MANY_REQUESTS if topic.endswith(JOB_REQUEST) else 1
        sent = [send(topic, payload, qos) for _ in range(times)]
        return all(sent)

    parts.connection.client.max_inflight_messages_set(MANY_REQUESTS)
    on_publish(publish)(parts)


def _deaf_after_the_first(parts: Parts) -> None:
    """Once it has ended a job, it takes none until it is reset."""
    ended: list[bool] = []

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_last(topic, payload):
            ended.append(True)
        return send(topic, payload, qos)

    on_publish(publish)(parts)
    _takes(lambda _payload: not ended)(parts)


def _retain(parts: Parts) -> None:
    parts.mqtt.retain = True


FAULTS: dict[str, Fault] = {
    "no-notify-next": fault(
        "never subscribes notify-next",
        "CTL-001",
        BY_MQTT,
        on_subscribe(_without_notify_next),
    ),
    "notify-next-qos0": fault(
        "subscribes notify-next with QoS 0",
        "CTL-002",
        BY_MQTT,
        on_subscribe(_notify_next_with_qos_0),
    ),
    "ask-before-subscribing": fault(
        "asks for a job before it subscribes notify-next", "CTL-003", BY_MQTT, _asks_first
    ),
    "job-request-qos0": fault(
        "asks for a job with QoS 0", "CTL-004", BY_MQTT, with_qos(JOB_REQUEST, 0)
    ),
    "no-client-token": fault(
        "asks for a job without a client token", "CTL-005", BY_MQTT, _token(lambda _token: None)
    ),
    "client-token-number": fault(
        "sends a number as client token", "CTL-005", BY_MQTT, _token(lambda _token: 7)
    ),
    "client-token-long": fault(
        "sends a client token of 65 characters", "CTL-005", BY_MQTT, _token(lambda t: f"{t:x>65}")
    ),
    "client-token-form": fault(
        "sends a client token of a form of its own",
        "CTL-006",
        BY_MQTT,
        _token(lambda token: f"request-{token}"),
    ),
    "retain": fault("publishes with the retain flag", "CTL-007", BY_MQTT, _retain),
    "foreign-thing": fault(
        "subscribes the jobs of another thing too",
        "CTL-008",
        BY_MQTT,
        on_subscribe(_for_another_thing),
    ),
    "deaf-to-news": fault(
        "does not look at what notify-next brings",
        "CTL-009 JOB-002",
        BY_MQTT,
        _takes(lambda payload: isinstance(payload, JobAnswer)),
    ),
    "deaf-to-answers": fault(
        "does not look at answers, for it never subscribed them",
        "CTL-010",
        "jobs-waiting-at-start",
        _takes(lambda payload: not isinstance(payload, JobAnswer) or not _offers_a_job(payload)),
    ),
    "polls-while-idle": fault(
        "asks again when it was told that there is no job", "CTL-011", BY_MQTT, _polls
    ),
    "asks-too-often": fault(
        "asks for a job 40 times in a row",
        "CTL-012",
        "lost-job-request",
        _asks_many_times,
    ),
    "deaf-after-the-first": fault(
        "takes no other job after the first until it is reset",
        "CTL-019",
        REFUSED,
        _deaf_after_the_first,
    ),
}
