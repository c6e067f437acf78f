"""Agents that take news in a download wrongly, or when they resume (OTA-JOB-031 to 036)."""

from __future__ import annotations

from collections.abc import Callable

from agent.faults.documents import deaf_after
from agent.faults.seams import (
    BLOCK_REQUEST,
    Apply,
    Fault,
    Parts,
    Send,
    fault,
    handler,
    on_publish,
    raw_document,
    read_document,
)
from agent.machine.machine import Machine, Step
from agent.machine.ports import EventData
from agent.machine.transfer import Transfer
from agent.protocol import status, topics
from agent.protocol.codes import JobReason, OtaErr
from agent.protocol.transitions import Handler

CANCELLED = "interrupted-cancelled-in-mid-download"
ABORTED = "interrupted-user-abort"


def _after_news(act: Callable[[Machine, list[tuple[str, bytes]]], object]) -> Apply:
    """Something is done once the device has asked for its job after news in a download.

    ``act`` gets the requests for blocks so far, the last one last.
    """

    def apply(parts: Parts) -> None:
        asked: list[tuple[str, bytes]] = []
        dropped: list[bool] = []

        def publish(send: Send, topic: str, payload: bytes, qos: int) -> bool:
            if topic.endswith(BLOCK_REQUEST):
                asked.append((topic, payload))
            return send(topic, payload, qos)

        def news(inner: Step, m: Machine, payload: EventData) -> OtaErr:
            result = inner(m, payload)
            dropped.append(result is OtaErr.NONE)
            return result

        def request(inner: Step, m: Machine, payload: EventData) -> OtaErr:
            result = inner(m, payload)
            if dropped and dropped.pop():
                act(m, asked)
            return result

        on_publish(publish)(parts)
        handler(Handler.JOB_NOTIFICATION, news)(parts)
        handler(Handler.REQUEST_JOB, request)(parts)

    return apply


def _asks_again(m: Machine, asked: list[tuple[str, bytes]]) -> None:
    m.transport.publish(*asked[-1], 0)


def _does_not_ask(inner: Step, m: Machine, payload: EventData) -> OtaErr:
    result = inner(m, payload)
    m.take_follow_ups()
    return result


def _reports_dropped(parts: Parts) -> None:
    """The job that was dropped is reported FAILED once the device has asked for the next."""
    jobs: list[str] = []

    def news(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        jobs.append(m.job_id)
        return inner(m, payload)

    def report(m: Machine, _asked: list[tuple[str, bytes]]) -> None:
        failed = status.failed(JobReason.ABORTED, 0)
        m.transport.publish(topics.update(m.thing, jobs[-1]), failed.payload, failed.qos)

    _after_news(report)(parts)
    handler(Handler.JOB_NOTIFICATION, news)(parts)


def _reports_after_empty_answer(parts: Parts) -> None:
    """An empty answer in place of the dropped job is reported as that job's failure."""
    jobs: list[str] = []

    def news(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        jobs.append(m.job_id)
        return inner(m, payload)

    def process(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        result = inner(m, payload)
        if jobs and "execution" not in read_document(raw_document(payload)):
            failed = status.failed(JobReason.ABORTED, 0)
            m.transport.publish(topics.update(m.thing, jobs.pop()), failed.payload, failed.qos)
        return result

    handler(Handler.JOB_NOTIFICATION, news)(parts)
    handler(Handler.PROCESS_JOB, process)(parts)


def _deaf_after_cancelling(parts: Parts) -> None:
    dropped: list[bool] = []

    def news(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        dropped.append(True)
        return inner(m, payload)

    handler(Handler.JOB_NOTIFICATION, news)(parts)
    deaf_after(lambda _raw, _table: bool(dropped))(parts)


def _inherits_bitmap(parts: Parts) -> None:
    """A new download begins with what the last one, not completed, had stored."""
    last: list[Transfer] = []

    def begin(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        transfer = m.transfer
        if transfer is not None and last and transfer is not last[-1]:
            for index in range(min(transfer.blocks, last[-1].blocks)):
                if last[-1].bitmap.remaining and not last[-1].bitmap.wanted(index):
                    transfer.bitmap.clear(index)
        if transfer is not None:
            last.append(transfer)
        return inner(m, payload)

    handler(Handler.INIT_FILE, begin)(parts)


def _spoils_running_slot(parts: Parts) -> None:
    """What a transfer that was given up has left is cleared away in the wrong slot."""
    path = parts.platform.settings.running.path(parts.platform.settings.root)
    with path.open("ab") as slot:
        slot.write(b"\xff")


def spoiling(which: Handler) -> Apply:
    def apply(parts: Parts) -> None:
        def spoil(inner: Step, m: Machine, payload: EventData) -> OtaErr:
            _spoils_running_slot(parts)
            return inner(m, payload)

        handler(which, spoil)(parts)

    return apply


def leaks_news(parts: Parts) -> None:
    """Each piece of news in a download costs a buffer; there are ten."""
    left = [10]

    def news(inner: Step, m: Machine, payload: EventData) -> OtaErr:
        left[0] -= 1
        return inner(m, payload)

    handler(Handler.JOB_NOTIFICATION, news)(parts)
    deaf_after(lambda _raw, _table: left[0] <= 0)(parts)


FAULTS: dict[str, Fault] = {
    "ask-after-news": fault(
        "asks for blocks of a download that news has stopped",
        "JOB-031",
        CANCELLED,
        _after_news(_asks_again),
    ),
    "silent-after-news": fault(
        "does not ask for its job when news has stopped its download",
        "JOB-032",
        CANCELLED,
        handler(Handler.JOB_NOTIFICATION, _does_not_ask),
    ),
    "report-dropped": fault(
        "reports a job that news has stopped", "JOB-033", CANCELLED, _reports_dropped
    ),
    "keep-bitmap-after-news": fault(
        "begins anew, after news, with the blocks it had",
        "JOB-034",
        "interrupted-another-job-in-mid-download",
        _inherits_bitmap,
    ),
    "report-after-cancelling": fault(
        "reports a cancelled job when it is told that there is none",
        "JOB-033 JOB-035",
        CANCELLED,
        _reports_after_empty_answer,
    ),
    "deaf-after-cancelling": fault(
        "takes no job after one that was cancelled",
        "JOB-035",
        CANCELLED,
        _deaf_after_cancelling,
    ),
    "spoil-after-news": fault(
        "damages the running image when news stops its download",
        "JOB-036",
        CANCELLED,
        spoiling(Handler.JOB_NOTIFICATION),
    ),
    "leak-news": fault(
        "is deaf after ten pieces of news in downloads",
        "RES-009",
        "long-run-much-news",
        leaks_news,
    ),
    "keep-bitmap-after-resuming": fault(
        "begins another job with the blocks of the one it was suspended in",
        "SUS-006",
        "interrupted-another-job-while-suspended",
        _inherits_bitmap,
    ),
}
