"""Deliberate faults: each turns the reference agent into one that breaks named requirements.

They exist so that a conformance suite can show that it catches such devices. A fault takes a seam
that is there anyway (the handler table, the transport, the platform's signature check, the boot
plan); the agent's own code knows nothing of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, Transport
from agent.platform.ab_platform import AbPlatform
from agent.platform.boot_plan import (
    BootPlan,
    plan_boot,
    plan_commit_first,
    plan_without_rollback,
)
from agent.platform.boot_state import BootState
from agent.platform.signature import SignatureVerdict
from agent.protocol.bitmap import BlockBitmap
from agent.protocol.codes import OtaErr
from agent.protocol.stream import decode_request, encode_request
from agent.protocol.transitions import Handler

if TYPE_CHECKING:
    from agent.mqtt import OtaMqtt

Send = Callable[[str, bytes, int], bool]
Publish = Callable[[Send, str, bytes, int], bool]
Plan = Callable[[BootState, bool], BootPlan]

TERMINAL = (b'"FAILED"', b'"SUCCEEDED"', b'"REJECTED"')


class UnknownFaultError(Exception):
    """No fault of that name; the message is one line for the user."""


@dataclass
class Parts:
    """The running agent's seams."""

    machine: Machine
    platform: AbPlatform
    mqtt: OtaMqtt


@dataclass(frozen=True)
class Fault:
    """One way to be wrong: what it does, which requirements that breaks, and how."""

    description: str
    breaks: tuple[str, ...]
    apply: Callable[[Parts], None] | None = None
    plan: Plan | None = None


class _WrappedTransport:
    """A transport whose publishes go through a fault."""

    def __init__(self, inner: Transport, publish: Publish) -> None:
        self._inner = inner
        self._publish = publish

    def subscribe(self, topic: str, qos: int) -> bool:
        return self._inner.subscribe(topic, qos)

    def unsubscribe(self, topic: str) -> bool:
        return self._inner.unsubscribe(topic)

    def publish(self, topic: str, payload: bytes, qos: int) -> bool:
        return self._publish(self._inner.publish, topic, payload, qos)


def _on_publish(publish: Publish) -> Callable[[Parts], None]:
    def apply(parts: Parts) -> None:
        parts.machine.transport = _WrappedTransport(parts.machine.transport, publish)

    return apply


def _is_status(topic: str) -> bool:
    return topic.endswith("/update")


def _is_last(topic: str, payload: bytes) -> bool:
    return _is_status(topic) and any(word in payload for word in TERMINAL)


# -- publishes ----------------------------------------------------------------------------------


def _after_terminal(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    sent = send(topic, payload, qos)
    if _is_last(topic, payload):
        send(topic, b'{"status":"IN_PROGRESS","statusDetails":{"receive":"1/2"}}', 1)
    return sent


def _new_version_as_updater(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    if _is_status(topic) and b'"ready"' in payload:
        payload = re.sub(rb"0x([0-9a-f]{8})", lambda m: b"0x%08x" % (int(m[1], 16) + 1), payload)
    return send(topic, payload, qos)


def _status_at_qos0(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    return send(topic, payload, 0 if _is_status(topic) else qos)


def _without_active(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    return True if _is_status(topic) and b'"active"' in payload else send(topic, payload, qos)


def _without_failed(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    if _is_status(topic) and b'"FAILED"' in payload:
        return True
    return send(topic, payload, qos)


def _all_bits_wanted(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    if topic.endswith("/get/cbor"):
        request = decode_request(payload, "cbor")
        size = len(request.bitmap or b"")
        forgetful = replace(request, bitmap=BlockBitmap(8 * size).to_bytes())
        payload = encode_request(forgetful, "cbor")
    return send(topic, payload, qos)


def _short_status(send: Send, topic: str, payload: bytes, qos: int) -> bool:
    return send(topic, payload[:-1] if _is_last(topic, payload) else payload, qos)


# -- handlers and platform ----------------------------------------------------------------------


def _wrap(handler: Handler, wrapper: Callable[[Step, Parts], Step]) -> Callable[[Parts], None]:
    def apply(parts: Parts) -> None:
        handlers = parts.machine.handlers
        handlers[handler] = wrapper(handlers[handler], parts)

    return apply


def _download_goes_on(inner: Step, _parts: Parts) -> Step:
    def user_abort(m: Machine, payload: EventData) -> OtaErr:
        transfer, request = m.transfer, m.handlers[Handler.REQUEST_DATA]
        result = inner(m, payload)
        if transfer is not None:
            m.transfer = transfer
            request(m, None)
        return result

    return user_abort


def _skip_signature(parts: Parts) -> None:
    def accept(
        _digest: bytes, _signature: bytes | None, _keys: Sequence[object]
    ) -> SignatureVerdict:
        return SignatureVerdict.VALID

    parts.platform.check_signature = accept


def _any_version(parts: Parts) -> None:
    parts.machine.check_version = lambda _m, _updated_by: OtaErr.NONE


def _retain(parts: Parts) -> None:
    parts.mqtt.retain = True


FAULTS: dict[str, Fault] = {
    "skip-signature": Fault(
        "accepts every received file, signed or not",
        ("OTA-SIG-004", "OTA-SIG-006", "OTA-SIG-007"),
        apply=_skip_signature,
    ),
    "ignore-same-version": Fault(
        "tests and accepts an image that is not newer",
        ("OTA-TST-007", "OTA-TST-008", "OTA-TST-010"),
        apply=_any_version,
    ),
    "never-roll-back": Fault(
        "its boot loader keeps every image it has once started",
        ("OTA-TST-012", "OTA-TST-019", "OTA-TST-022", "OTA-RES-010"),
        plan=plan_without_rollback,
    ),
    "publish-after-terminal": Fault(
        "reports progress after the final status",
        ("OTA-CTL-018",),
        apply=_on_publish(_after_terminal),
    ),
    "retain": Fault("publishes with the retain flag", ("OTA-CTL-007",), apply=_retain),
    "commit-before-self-test": Fault(
        "makes a new image permanent as soon as it runs",
        ("OTA-TST-012", "OTA-TST-019", "OTA-TST-022", "OTA-RES-010"),
        plan=plan_commit_first,
    ),
    "wrong-updated-by": Fault(
        "names another version than the running one as the updater",
        ("OTA-SIG-003",),
        apply=_on_publish(_new_version_as_updater),
    ),
    "status-qos0": Fault(
        "sends every status with QoS 0", ("OTA-CTL-013",), apply=_on_publish(_status_at_qos0)
    ),
    "no-self-test-active": Fault(
        "does not report that the self-test runs",
        ("OTA-TST-001", "OTA-TST-004"),
        apply=_on_publish(_without_active),
    ),
    "forget-bitmap": Fault(
        "asks for blocks it has already stored",
        ("OTA-DAT-010", "OTA-SUS-004", "OTA-DAT-008"),
        apply=_on_publish(_all_bits_wanted),
    ),
    "silent-rejection": Fault(
        "gives up jobs without reporting FAILED",
        ("OTA-SIG-004", "OTA-TST-007", "OTA-JOB-009", "OTA-ABT-001"),
        apply=_on_publish(_without_failed),
    ),
    "download-after-abort": Fault(
        "goes on asking for blocks after the application aborted the job",
        ("OTA-ABT-002",),
        apply=_wrap(Handler.USER_ABORT, _download_goes_on),
    ),
    "broken-final-status": Fault(
        "cuts the last byte off its final status",
        ("OTA-CTL-015",),
        apply=_on_publish(_short_status),
    ),
}


def check_faults(names: Sequence[str]) -> None:
    """Raises :class:`UnknownFaultError` for a name that is not in :data:`FAULTS`."""
    for name in names:
        if name not in FAULTS:
            raise UnknownFaultError(f"unknown fault {name!r}; known: {', '.join(sorted(FAULTS))}")


def apply_faults(
    names: Sequence[str], machine: Machine, platform: AbPlatform, mqtt: OtaMqtt
) -> None:
    """Break a freshly made agent in the named ways."""
    parts = Parts(machine, platform, mqtt)
    for name in names:
        apply = FAULTS[name].apply
        if apply is not None:
            apply(parts)


def boot_plan(names: Sequence[str]) -> Plan:
    """The boot loader's decision, right or wrong."""
    plans = [FAULTS[name].plan for name in names]
    return next((plan for plan in plans if plan is not None), plan_boot)
