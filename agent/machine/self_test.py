"""The self-test of a new image: may it be tested, and what follows (OTA spec §8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.machine import lifecycle, reporting
from agent.machine.ports import EventData, Timer
from agent.machine.settings import FIRMWARE_FILE_TYPE, SELF_TEST_FILE_ID
from agent.protocol.codes import ImageState, JobEvent, OtaErr, PalImageState
from agent.protocol.job_document import JobDocument
from agent.protocol.states import Event

if TYPE_CHECKING:
    from agent.machine.machine import Execution, Machine


def check_version(m: Machine, updated_by: int | None) -> OtaErr:
    """The running image must be newer than the one that performed the update (OTA spec §8.2)."""
    before = updated_by or 0
    if m.settings.allow_downgrade:
        return OtaErr.NONE
    if before == m.settings.version.packed:
        return OtaErr.SAME_FIRMWARE_VERSION
    if before > m.settings.version.packed:
        return OtaErr.DOWNGRADE_NOT_ALLOWED
    return OtaErr.NONE


def take_self_test_job(
    m: Machine, document: JobDocument, execution: Execution, raw: bytes
) -> OtaErr:
    """A document that carries ``self_test``: start the test, or refuse it and reset.

    Offered again while the application is still deciding, it changes nothing.
    """
    if m.image_state is ImageState.TESTING and m.job_id == document.job_id:
        return OtaErr.EMPTY_JOB_DOCUMENT
    if m.transfer is not None:
        m.timers.stop(Timer.REQUEST)
        lifecycle.close_transfer(m)
    m.execution = execution
    m.updated_by = document.updated_by or 0
    versioned = document.file_id == SELF_TEST_FILE_ID and document.file_type == FIRMWARE_FILE_TYPE
    verdict = m.check_version(m, document.updated_by) if versioned else OtaErr.NONE
    if verdict is not OtaErr.NONE:
        reporting.decide(m, ImageState.REJECTED, verdict)
        m.tell(JobEvent.RECEIVED_JOB, m.record(raw))
        m.tell(JobEvent.SELF_TEST_FAILED)
        m.platform.reset()
        return verdict
    reporting.decide(m, ImageState.TESTING)
    m.tell(JobEvent.RECEIVED_JOB, m.record(raw))
    if m.image_state is not ImageState.TESTING:
        return OtaErr.IMAGE_STATE_MISMATCH
    m.follow(Event.START_SELF_TEST)
    return OtaErr.NONE


def in_self_test(m: Machine, _: EventData) -> OtaErr:
    """Let the application test itself, if the platform agrees that this image is on trial.

    The timer runs on until the callback returns: an image that hangs in it is reset.
    """
    if m.platform.image_state() is PalImageState.PENDING_COMMIT:
        m.tell(JobEvent.START_TEST)
        m.timers.stop(Timer.SELF_TEST)
        return OtaErr.NONE
    reporting.decide(m, ImageState.REJECTED, OtaErr.IMAGE_STATE_MISMATCH)
    m.platform.reset()
    return OtaErr.NONE


def set_image_state(m: Machine, state: ImageState) -> OtaErr:
    """The application's decision on the running image (OTA spec §1.1, §8.4).

    During a download there is no image to decide on: accepting is refused, rejecting ends the job
    and its transfer. Accepting reports success only for a job whose self-test was announced.
    """
    downloading = m.transfer is not None
    if state is ImageState.ABORTED:
        m.follow(Event.USER_ABORT)
        return OtaErr.NONE
    if state is ImageState.ACCEPTED and downloading:
        return OtaErr.IMAGE_STATE_MISMATCH
    if state not in (ImageState.ACCEPTED, ImageState.REJECTED):
        return OtaErr.INVALID_ARG
    result = reporting.decide(m, state)
    if downloading:
        m.timers.stop(Timer.REQUEST)
        m.follow(Event.CLOSE_FILE)
    return result
