"""Asking for jobs: start, the job request, and a notification during a download."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from agent.machine import lifecycle
from agent.machine.ports import EventData, JobAnswer, Timer
from agent.protocol import topics
from agent.protocol.codes import ImageState, OtaErr, PalImageState
from agent.protocol.states import Event

if TYPE_CHECKING:
    from agent.machine.machine import Machine

TOKEN_THING_CHARACTERS = 53
"""How much of the thing name a client token holds (OTA spec §5.2)."""


def start(m: Machine, _: EventData) -> OtaErr:
    """Guard a pending image by the self-test timer, then ask for a job."""
    if m.platform.image_state() is PalImageState.PENDING_COMMIT:
        m.timers.start(Timer.SELF_TEST, m.settings.self_test_timer_s)
    m.follow(Event.REQUEST_JOB_DOCUMENT)
    return OtaErr.NONE


def client_token(number: int, thing: str) -> str:
    """The token of the ``number``-th job request, counted from 0."""
    return f"{number}:{thing[:TOKEN_THING_CHARACTERS]}"


def request_job(m: Machine, _: EventData) -> OtaErr:
    """Subscribe to job notifications and ask for the next job (OTA spec §2.4, §5.2)."""
    if _ask(m):
        m.timers.stop(Timer.REQUEST)
        m.momentum = 0
        return OtaErr.NONE
    if m.momentum < m.settings.momentum:
        m.timers.start(Timer.REQUEST, m.settings.request_timer_s)
        m.momentum += 1
    else:
        m.timers.stop(Timer.REQUEST)
        m.follow(Event.SHUTDOWN)
    return OtaErr.REQUEST_JOB_FAILED


def _ask(m: Machine) -> bool:
    if not m.transport.subscribe(topics.notify_next(m.thing), 1):
        return False
    token = client_token(m.job_requests, m.thing)
    m.job_requests += 1
    payload = json.dumps({"clientToken": token}, separators=(",", ":")).encode()
    return m.transport.publish(topics.next_get(m.thing), payload, 1)


def job_notification(m: Machine, payload: EventData) -> OtaErr:
    """A job document during a download: drop the download and ask what is next.

    A notification is not even parsed: whatever it says, only the answer to a new request
    counts. But a late *answer* that still names the running job says nothing new and leaves the
    download alone.
    """
    if isinstance(payload, JobAnswer) and _names(payload.document, m.job_id):
        m.give_back(payload)
        return OtaErr.EMPTY_JOB_DOCUMENT
    m.timers.stop(Timer.REQUEST)
    m.platform.set_image_state(ImageState.ABORTED)
    lifecycle.close_transfer(m)
    m.clear_job()
    m.follow(Event.REQUEST_JOB_DOCUMENT)
    m.give_back(payload)
    return OtaErr.NONE


def _names(document: bytes, job_id: str) -> bool:
    try:
        return bool(json.loads(document)["execution"]["jobId"] == job_id)
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
