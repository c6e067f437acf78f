"""Agents that take aborts, suspension, lost connections, shutdown wrongly (ABT, SUS, SHT)."""

from __future__ import annotations

from agent.faults.documents import deaf_after
from agent.faults.news import spoiling
from agent.faults.seams import (
    BLOCK_REQUEST,
    NOTIFY_NEXT,
    Fault,
    Parts,
    Send,
    fault,
    handler,
    is_status,
    on_publish,
    with_qos,
    without_unsubscribing,
)
from agent.machine import data, lifecycle
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData, JobRecord, StreamMessage, Timer
from agent.platform.boot_state import BootState
from agent.protocol import status, topics
from agent.protocol.bitmap import BlockBitmap
from agent.protocol.codes import ImageState, JobEvent, JobReason, OtaErr
from agent.protocol.states import State
from agent.protocol.transitions import Handler

LOST = "interrupted-connection-lost-in-mid-download"
SUSPENDED = "interrupted-suspended-and-resumed"
ABORTED = "interrupted-user-abort"
AFTER_ABORT = b'"aborted: 0x00000013"'


def _download_goes_on(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    transfer, request = m.transfer, m.handlers[Handler.REQUEST_DATA]
    result = inner(m, payload)
    if transfer is not None:
        m.transfer = transfer
        request(m, None)
    return result


def _aborts_in_silence(_inner: Step, m: Machine, _payload: EventData) -> OtaErr:
    m.timers.stop(Timer.REQUEST)
    m.platform.set_image_state(ImageState.ABORTED)
    lifecycle.close_transfer(m)
    m.clear_job()
    return OtaErr.NONE


def _aborts_nothing(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if m.execution is None:
        failed = status.failed(JobReason.ABORTED, OtaErr.USER_ABORT)
        m.transport.publish(topics.update(m.thing, "none"), failed.payload, failed.qos)
    return inner(m, payload)


def _deaf_after_abort(parts: Parts) -> None:
    aborted: list[bool] = []

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if is_status(topic) and AFTER_ABORT in payload:
            aborted.append(True)
        return send(topic, payload, qos)

    on_publish(publish)(parts)
    deaf_after(lambda _raw, _table: bool(aborted))(parts)


def _asks_while_suspended(parts: Parts) -> None:
    """It asks when it is suspended, and again for each block that comes then."""
    m, inner = parts.machine, parts.machine.callback
    asked: list[tuple[str, bytes]] = []

    def suspend(right: Step, m: Machine, payload: EventData) -> OtaErr:
        for topic, request in 3 * asked[-1:]:
            m.transport.publish(topic, request, 0)
        return right(m, payload)

    def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
        if topic.endswith(BLOCK_REQUEST):
            asked.append((topic, payload))
        return send(topic, payload, qos)

    def callback(event: JobEvent, payload: JobRecord | EventData) -> None:
        inner(event, payload)
        if isinstance(payload, StreamMessage) and m.state is State.SUSPENDED and asked:
            m.transport.publish(*asked[-1], 0)

    on_publish(publish)(parts)
    handler(Handler.SUSPEND, suspend)(parts)
    m.callback = callback


def _stores_while_suspended(parts: Parts) -> None:
    """Blocks that come while it is suspended are stored, in silence."""
    m, inner = parts.machine, parts.machine.callback

    def callback(event: JobEvent, payload: JobRecord | EventData) -> None:
        inner(event, payload)
        if isinstance(payload, StreamMessage) and m.state is State.SUSPENDED and m.transfer:
            data.ingest(m, m.transfer, payload)

    m.callback = callback


def _stays_suspended(_inner: Step, _m: Machine, _payload: EventData) -> OtaErr:
    return OtaErr.PANIC


def _starts_over(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if m.transfer is not None:
        m.transfer.bitmap = BlockBitmap(m.transfer.blocks)
    return inner(m, payload)


def _loses_blocks(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    if m.transfer is not None:
        m.platform.create_file(m.transfer.document)
    return inner(m, payload)


def _commits_on_resuming(parts: Parts) -> None:
    def resume(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        m.timers.stop(Timer.SELF_TEST)
        parts.platform.save_record(BootState(parts.platform.settings.running))
        return inner(m, payload)

    handler(Handler.RESUME, resume)(parts)


def _always_unsubscribes(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    m.unsubscribe = True
    return inner(m, payload)


def _reports_shutdown(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    thing, job = m.thing, m.job_id or "none"
    result = inner(m, payload)
    failed = status.failed(JobReason.ABORTED, 0)
    m.transport.publish(topics.update(thing, job), failed.payload, failed.qos)
    return result


def _starts_once(parts: Parts) -> None:
    started: list[bool] = []

    def start(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        if started:
            return OtaErr.NONE
        started.append(True)
        return inner(m, payload)

    handler(Handler.START, start)(parts)


FAULTS: dict[str, Fault] = {
    "abort-silently": fault(
        "does not report an abort",
        "ABT-001",
        ABORTED,
        handler(Handler.USER_ABORT, _aborts_in_silence),
    ),
    "abort-qos0": fault(
        "reports an abort with QoS 0", "ABT-001", ABORTED, with_qos("/update", 0, AFTER_ABORT)
    ),
    "download-after-abort": fault(
        "goes on asking for blocks after the application aborted the job",
        "ABT-002",
        ABORTED,
        handler(Handler.USER_ABORT, _download_goes_on),
    ),
    "abort-nothing": fault(
        "reports an abort when there is no job",
        "ABT-003",
        "interrupted-abort-without-a-job",
        handler(Handler.USER_ABORT, _aborts_nothing),
    ),
    "deaf-after-abort": fault("takes no job after an abort", "ABT-004", ABORTED, _deaf_after_abort),
    "spoil-after-abort": fault(
        "damages the running image when it aborts",
        "ABT-005",
        ABORTED,
        spoiling(Handler.USER_ABORT),
    ),
    "ask-while-suspended": fault(
        "asks for blocks while it is suspended", "SUS-001", SUSPENDED, _asks_while_suspended
    ),
    "store-while-suspended": fault(
        "stores blocks while it is suspended",
        "SUS-002",
        SUSPENDED,
        _stores_while_suspended,
    ),
    "resume-silently": fault(
        "does not ask for its job when it is resumed",
        "SUS-003",
        SUSPENDED,
        handler(Handler.RESUME, _stays_suspended),
    ),
    "start-over": fault(
        "asks for all blocks again when it is resumed",
        "SUS-004",
        SUSPENDED,
        handler(Handler.RESUME, _starts_over),
    ),
    "lose-blocks": fault(
        "loses what it has stored when it is resumed",
        "SUS-005",
        SUSPENDED,
        handler(Handler.RESUME, _loses_blocks),
    ),
    "commit-on-resuming": fault(
        "commits an image on trial when it is resumed",
        "SUS-007",
        "self-test-suspended-and-resumed",
        _commits_on_resuming,
        slack_s=15.0,
    ),
    "silent-after-reconnecting": fault(
        "does not ask for its job after a lost connection",
        "SUS-008",
        LOST,
        handler(Handler.RESUME, _stays_suspended),
    ),
    "stay-subscribed-at-shutdown": fault(
        "leaves notify-next subscribed when it is shut down",
        "SHT-001",
        "shutdown-unsubscribes",
        without_unsubscribing(NOTIFY_NEXT),
    ),
    "always-unsubscribe": fault(
        "unsubscribes when it is shut down, told to or not",
        "SHT-001",
        "shutdown-leaves-subscribed",
        handler(Handler.SHUTDOWN, _always_unsubscribes),
    ),
    "report-shutdown": fault(
        "reports its shutdown",
        "SHT-002",
        "shutdown-unsubscribes",
        handler(Handler.SHUTDOWN, _reports_shutdown),
    ),
    "start-once": fault(
        "does nothing when it is started again", "SHT-003", "shutdown-unsubscribes", _starts_once
    ),
}
