"""Ending things: transfers, jobs, the agent; and suspension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.machine import reporting
from agent.machine.ports import EventData, Timer
from agent.machine.settings import DataProtocol
from agent.protocol import topics
from agent.protocol.codes import ImageState, OtaErr
from agent.protocol.states import Event, State

if TYPE_CHECKING:
    from agent.machine.machine import Machine


def close_transfer(m: Machine) -> None:
    """Leave the stream or end the HTTP download, and drop an open file (OTA spec §2.4 otaClose).

    The platform is asked to abort also after success and also when nothing was open.
    """
    transfer = m.transfer
    if transfer is not None and transfer.open_at_source:
        transfer.open_at_source = False
        if transfer.protocol is DataProtocol.HTTP:
            m.http.deinit()
        elif m.unsubscribe:
            m.transport.unsubscribe(transfer.data_topic)
    m.platform.abort()
    m.transfer = None


def close_file(m: Machine, _: EventData) -> OtaErr:
    """The transfer is over, well or badly."""
    m.timers.stop(Timer.REQUEST)
    close_transfer(m)
    return OtaErr.NONE


def user_abort(m: Machine, _: EventData) -> OtaErr:
    """The application gives up the active job. The transfer ends even if the report cannot be
    sent: continuing a job the user has aborted is worse than not reporting it."""
    if m.execution is None:
        return OtaErr.NO_ACTIVE_JOB
    m.timers.stop(Timer.REQUEST)
    reporting.decide(m, ImageState.ABORTED, OtaErr.USER_ABORT)
    close_transfer(m)
    m.clear_job()
    return OtaErr.NONE


def suspend(m: Machine, _: EventData) -> OtaErr:
    """Nothing but the state changes: file, bitmap and job are kept."""
    return OtaErr.NONE


def resume(m: Machine, _: EventData) -> OtaErr:
    """Ask the service what to go on with."""
    m.follow(Event.REQUEST_JOB_DOCUMENT)
    return OtaErr.NONE


def shutdown(m: Machine, _: EventData) -> OtaErr:
    """Forget everything of this session; no status is published (OTA spec §1.1)."""
    m.state = State.SHUTTING_DOWN
    m.timers.stop(Timer.REQUEST)
    m.timers.stop(Timer.SELF_TEST)
    if m.unsubscribe:
        m.transport.unsubscribe(topics.notify_next(m.thing))
    close_transfer(m)
    m.clear_job()
    m.thing = ""
    m.momentum = 0
    m.image_state = ImageState.UNKNOWN
    m.counters.reset()
    return OtaErr.NONE
