"""Agents that verify or activate wrongly (OTA-SIG)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agent.faults.seams import (
    Apply,
    Fault,
    Parts,
    Send,
    Table,
    document,
    fault,
    file_of,
    is_status,
    on_publish,
    platform,
    status_says,
    together,
    with_qos,
    without_status,
)
from agent.machine.ports import EventData, JobRecord
from agent.platform.ab_platform import AbPlatform
from agent.platform.boot_state import BootState, Trial, TrialPhase
from agent.platform.signature import SignatureVerdict, check_signature, digest_file
from agent.protocol import status, topics
from agent.protocol.codes import JobEvent
from agent.protocol.pal_status import PalStatus

BY_MQTT = "accept-newer-version-by-mqtt"
BAD_SIGNATURE = "signature-refused-bad-signature"


def accepting(*wrong: SignatureVerdict) -> Apply:
    """Signatures with these verdicts count as valid."""

    def apply(parts: Parts) -> None:
        def check(
            digest: bytes, signature: bytes | None, keys: Sequence[object]
        ) -> SignatureVerdict:
            verdict = check_signature(digest, signature, parts.platform.settings.signer_keys)
            return SignatureVerdict.VALID if verdict in wrong else verdict

        parts.platform.check_signature = check

    return apply


skip_signature = accepting(*SignatureVerdict)


def arm_received_image(pal: AbPlatform) -> None:
    """Have the boot loader try what is in the other slot, verified or not."""
    root, other = pal.settings.root, pal.settings.running.other
    digest = digest_file(other.path(root)).hex()
    pal.save_record(BootState(pal.settings.running, Trial(other, TrialPhase.ARMED, digest)))


def _arms_refused_image(parts: Parts) -> None:
    """An image whose signature does not hold is what the next reset starts."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic) and b'"0x000000e3: ' in payload:
            arm_received_image(parts.platform)
        return send(topic, payload, qos)

    on_publish(publish)(parts)


def _never_told(event: JobEvent) -> Apply:
    """The application never hears of this event."""

    def apply(parts: Parts) -> None:
        inner = parts.machine.callback

        def callback(told: JobEvent, payload: JobRecord | EventData) -> None:
            if told is not event:
                inner(told, payload)

        parts.machine.callback = callback

    return apply


def _ready(parts: Parts) -> None:
    m = parts.machine
    message = status.self_test_ready(m.settings.version)
    m.transport.publish(topics.update(m.thing, m.job_id), message.payload, message.qos)


def _ready_at_once(parts: Parts) -> None:
    """It is ready with the first block."""

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        sent = send(topic, payload, qos)
        if is_status(topic) and b'"receive":"1/' in payload:
            _ready(parts)
        return sent

    on_publish(publish)(parts)


def _ready_before_verification(parts: Parts) -> None:
    def close(right: Callable[[object], PalStatus], file: object) -> PalStatus:
        _ready(parts)
        return right(file)

    platform(close_file=close)(parts)


def _every_file_is_firmware(table: Table) -> None:
    if file_of(table):
        file_of(table)["fileType"] = 0


FAULTS: dict[str, Fault] = {
    "stop-after-last-block": fault(
        "does and reports nothing once it has all blocks",
        "SIG-001",
        BY_MQTT,
        together(without_status(b'"ready"'), _never_told(JobEvent.ACTIVATE)),
    ),
    "ready-qos0": fault(
        "reports ready with QoS 0", "SIG-001", BY_MQTT, with_qos("/update", 0, b'"ready"')
    ),
    "ready-at-once": fault(
        "reports ready with the first block", "SIG-002", BY_MQTT, _ready_at_once
    ),
    "ready-before-verifying": fault(
        "reports ready before it verifies", "SIG-002", BAD_SIGNATURE, _ready_before_verification
    ),
    "wrong-updated-by": fault(
        "names another version than the running one as the updater",
        "SIG-003",
        BY_MQTT,
        status_says(b'"0x01000000"', b'"0x01000001"', b'"ready"'),
    ),
    "decimal-updated-by": fault(
        "names the version that updates in decimal",
        "SIG-003",
        BY_MQTT,
        status_says(b'"0x01000000"', b'"16777216"', b'"ready"'),
    ),
    "skip-signature": fault(
        "accepts every received file, signed or not",
        "SIG-004 SIG-006 SIG-007",
        BAD_SIGNATURE,
        skip_signature,
    ),
    "signature-reason": fault(
        "gives another reason for signatures that do not hold",
        "SIG-005",
        BAD_SIGNATURE,
        status_says(b"0x000000e3: 0x0000000[12]", b"0x000000ee: 0x00000000"),
    ),
    "any-signer": fault(
        "accepts images signed by anybody",
        "SIG-006",
        "signature-refused-untrusted-signer",
        accepting(SignatureVerdict.MISMATCH),
    ),
    "accept-unsigned": fault(
        "accepts images without signature",
        "SIG-007",
        "signature-refused-unsigned",
        accepting(SignatureVerdict.MISSING),
    ),
    "certificate-reason": fault(
        "does not say that it has no usable signer certificate",
        "SIG-008",
        "signature-no-usable-certificate",
        status_says(b"0x000000e7: ", b"0x000000e3: "),
    ),
    "boot-refused-image": fault(
        "reports that the signature does not hold, and starts the image at the next reset",
        "SIG-009",
        BAD_SIGNATURE,
        _arms_refused_image,
    ),
    "never-activate": fault(
        "does not reset into a new image", "SIG-010", BY_MQTT, _never_told(JobEvent.ACTIVATE)
    ),
    "all-firmware": fault(
        "takes every file for firmware",
        "SIG-011",
        "accept-file-of-another-type",
        document(_every_file_is_firmware),
    ),
    "file-type-version": fault(
        "names its own version when a file of another type is there",
        "SIG-012",
        "accept-file-of-another-type",
        status_says(rb"accepted  v0\.0\.\d+", b"accepted  v1.0.0"),
    ),
}
