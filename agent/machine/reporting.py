"""Job status reports: what goes to the job's update topic, and what that ends (OTA spec §5.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.protocol import status, topics
from agent.protocol.codes import ImageState, JobReason, OtaErr
from agent.protocol.status import StatusMessage
from agent.protocol.version import Version

if TYPE_CHECKING:
    from agent.machine.machine import Execution, Machine


def publish(m: Machine, job_id: str, message: StatusMessage) -> OtaErr:
    """Send one status for ``job_id``."""
    topic = topics.update(m.thing, job_id)
    if m.transport.publish(topic, message.payload, message.qos):
        return OtaErr.NONE
    return OtaErr.UPDATE_JOB_STATUS_FAILED


def publish_last(m: Machine, execution: Execution, message: StatusMessage) -> OtaErr:
    """Send a terminal status. Nothing may follow it for this execution, so it is remembered."""
    m.finished.append(execution)
    return publish(m, execution[0], message)


def decide(m: Machine, wanted: ImageState, sub_reason: int = 0) -> OtaErr:
    """Put platform and agent into an image state and report it if a job is active.

    A platform that cannot enter TESTING or ACCEPTED makes it REJECTED, with the platform's status
    as the reason unless a better one is given (OTA spec §1.1, §5.4, §8.4).
    """
    state = wanted
    pal = m.platform.set_image_state(wanted)
    if pal.value != 0:
        sub_reason = sub_reason or pal.value
        if wanted in (ImageState.TESTING, ImageState.ACCEPTED):
            state = ImageState.REJECTED
    m.image_state = state
    execution = m.execution
    if execution is None:
        return OtaErr.NO_ACTIVE_JOB
    version = m.settings.version
    match state:
        case ImageState.TESTING:
            return publish(m, m.job_id, status.self_test_active(version))
        case ImageState.ACCEPTED:
            message = status.accepted(version, Version.unpack(m.updated_by))
        case ImageState.REJECTED:
            message = status.failed(JobReason.REJECTED, sub_reason)
        case _:
            message = status.failed(JobReason.ABORTED, sub_reason)
    result = publish_last(m, execution, message)
    m.execution = None
    return result
