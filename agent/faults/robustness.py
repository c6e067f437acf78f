"""Agents that do not bear what is long, much or often (OTA-RES)."""

from __future__ import annotations

from agent.faults.seams import (
    Fault,
    Parts,
    Send,
    fault,
    handler,
    on_publish,
    raw_document,
    together,
)
from agent.faults.transfer import ENDLESS
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, StreamMessage, Timer
from agent.protocol.codes import OtaErr
from agent.protocol.transitions import Handler

BUFFER = 1000
"""Bytes beyond a block; the library has 1530 (OTA spec §10)."""
STREAM_NAME = 40


def _long(m: Machine, payload: EventData, room: int) -> bool:
    return len(raw_document(payload) or b"") > m.settings.block_size + room


def _passes_over_long(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    return OtaErr.EMPTY_JOB_DOCUMENT if _long(m, payload, BUFFER) else inner(m, payload)


def _crashes_on_long(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if _long(m, payload, 1530):
        raise MemoryError("the document does not fit into the buffer")
    return inner(m, payload)


def _drowns(parts: Parts) -> None:
    """More than twice the window of messages, and it takes no more of the transfer."""
    count = [0]

    def request(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        if count[0] <= 2 * m.settings.window:
            count[0] = 0
        return inner(m, payload)

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        count[0] += isinstance(payload, StreamMessage)
        if count[0] <= 2 * m.settings.window:
            return inner(m, payload)
        m.timers.stop(Timer.REQUEST)
        return OtaErr.NONE

    handler(Handler.REQUEST_DATA, request)(parts)
    handler(Handler.PROCESS_DATA, process)(parts)


def _restarts_after_success(parts: Parts) -> None:
    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        sent = send(topic, payload, qos)
        if b'"SUCCEEDED"' in payload:
            parts.platform.reset()
        return sent

    on_publish(publish)(parts)


def _cuts_stream_name(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    """What comes is compared with the name that was kept, and so never belongs to it."""
    name = m.transfer.document.stream_name if m.transfer else None
    if isinstance(payload, StreamMessage) and len(name or "") > STREAM_NAME:
        return OtaErr.NONE
    return inner(m, payload)


FAULTS: dict[str, Fault] = {
    "pass-over-long": fault(
        "passes over documents of more than l + 1000 bytes",
        "RES-001",
        "long-run-long-document",
        handler(Handler.PROCESS_JOB, _passes_over_long),
    ),
    "crash-on-long": fault(
        "crashes on documents that do not fit into its buffer",
        "RES-002",
        "long-run-over-long-document",
        handler(Handler.PROCESS_JOB, _crashes_on_long),
    ),
    "drown": fault(
        "takes and asks for no block any more after a flood",
        "RES-003",
        "data-blocks-flood",
        together(_drowns, ENDLESS),
    ),
    "restart-after-success": fault(
        "resets after each update",
        "RES-004",
        "long-run-ten-updates",
        _restarts_after_success,
    ),
    "cut-stream-name": fault(
        "keeps 40 characters of a stream's name",
        "RES-005",
        "long-run-long-names",
        together(handler(Handler.PROCESS_DATA, _cuts_stream_name), ENDLESS),
        slack_s=10.0,
    ),
}
