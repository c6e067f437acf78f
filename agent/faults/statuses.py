"""Agents that report in the wrong way: QoS, topic, form, too often (OTA-CTL-013 to 020)."""

from __future__ import annotations

from agent.faults.seams import (
    Fault,
    Parts,
    Send,
    fault,
    is_last,
    is_status,
    on_publish,
    status_says,
    with_qos,
    without_status,
)

BY_MQTT = "accept-newer-version-by-mqtt"
BAD_SIGNATURE = "signature-refused-bad-signature"
REFUSED = "job-document-malformed-then-good-without-filesize"
FAILED = b'{"status":"FAILED","statusDetails":{"reason":"rejected: 0x00000000"}}'


def _after_terminal(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    sent = send(topic, payload, qos)
    if is_last(topic, payload):
        send(topic, b'{"status":"IN_PROGRESS","statusDetails":{"receive":"1/2"}}', 1)
    return sent


def _ended_twice(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    sent = send(topic, payload, qos)
    if is_last(topic, payload):
        send(topic, FAILED, 1)
    return sent


def _short_status(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    return send(topic, payload[:-1] if is_last(topic, payload) else payload, qos)


def _progress_elsewhere(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    if is_status(topic) and b'"receive"' in payload:
        topic = topic.replace("/update", "-old/update")
    return send(topic, payload, qos)


def _shortened_job_id(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    if is_status(topic):
        before, _, job_id = topic.removesuffix("/update").rpartition("/")
        topic = f"{before}/{job_id[:10]}/update"
    return send(topic, payload, qos)


def _first_job_only(parts: Parts) -> None:
    """The first job's id stays in the topic of every later status."""
    first: list[str] = []

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic):
            first.append(topic)
            topic = first[0]
        return send(topic, payload, qos)

    on_publish(publish)(parts)


FAULTS: dict[str, Fault] = {
    "status-qos0": fault(
        "sends every status with QoS 0", "CTL-013", BY_MQTT, with_qos("/update", 0)
    ),
    "progress-qos1": fault(
        "sends its progress with QoS 1", "CTL-013", BY_MQTT, with_qos("/update", 1, b'"receive"')
    ),
    "progress-elsewhere": fault(
        "reports its progress for a job that nobody offered",
        "CTL-014",
        BY_MQTT,
        on_publish(_progress_elsewhere),
    ),
    "status-of-first-job": fault(
        "reports every job under the id of the first",
        "CTL-017 CTL-018",
        "job-document-malformed-then-good-without-fileid",
        _first_job_only,
    ),
    "short-job-id": fault(
        "keeps ten characters of a job id",
        "CTL-014 JOB-020",
        BY_MQTT,
        on_publish(_shortened_job_id),
    ),
    "broken-final-status": fault(
        "cuts the last byte off its final status", "CTL-015", BY_MQTT, on_publish(_short_status)
    ),
    "own-status-word": fault(
        "has a status word of its own for its progress",
        "CTL-015",
        BY_MQTT,
        status_says(b"IN_PROGRESS", b"DOWNLOADING", b'"receive"'),
    ),
    "details-list": fault(
        "sends its progress as a list, not as an object",
        "CTL-015",
        BY_MQTT,
        status_says(rb'\{"receive":("[^"]*")\}', rb"[\1]"),
    ),
    "details-number": fault(
        "sends numbers in its status details",
        "CTL-016",
        BY_MQTT,
        status_says(rb'"receive":"(\d+)/\d+"', rb'"receive":\1'),
    ),
    "updated-by-number": fault(
        "sends the version that updates as a number",
        "CTL-016",
        BY_MQTT,
        status_says(rb'"updatedBy":"0x01000000"', rb'"updatedBy":16777216'),
    ),
    "ended-twice": fault(
        "reports FAILED after its final status", "CTL-017", REFUSED, on_publish(_ended_twice)
    ),
    "publish-after-terminal": fault(
        "reports progress after the final status",
        "CTL-018",
        REFUSED,
        on_publish(_after_terminal),
    ),
    "long-status": fault(
        "sends statuses of more than 128 bytes",
        "CTL-020",
        BY_MQTT,
        status_says(rb"}$", b" " * 128 + b"}"),
    ),
    "silent-rejection": fault(
        "gives up jobs without reporting FAILED",
        "SIG-004 TST-007 JOB-009 ABT-001",
        BAD_SIGNATURE,
        without_status(b'"FAILED"'),
    ),
    "says-rejected": fault(
        "reports REJECTED where the job is FAILED",
        "SIG-004 JOB-009",
        f"{BAD_SIGNATURE} job-document-malformed-then-good-without-filesize",
        status_says(b'"FAILED"', b'"REJECTED"'),
    ),
}
