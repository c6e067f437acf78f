"""The machine: the agent's state, and one event at a time through the transition table."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable

from agent.machine import control, data, job, lifecycle, self_test
from agent.machine.ports import (
    AppCallback,
    EventData,
    HttpTransfer,
    JobRecord,
    Platform,
    Ports,
    Timers,
    Transport,
)
from agent.machine.settings import MachineSettings
from agent.machine.statistics import Counters
from agent.machine.transfer import Transfer
from agent.protocol.codes import ImageState, JobEvent, OtaErr
from agent.protocol.states import Event, State
from agent.protocol.transitions import Handler, find_transition

log = logging.getLogger(__name__)

Execution = tuple[str, int | None]
"""Job id and execution number (None where the document has none)."""
Step = Callable[["Machine", EventData], OtaErr]
VersionCheck = Callable[["Machine", int | None], OtaErr]

FINISHED_REMEMBERED = 16

HANDLERS: dict[Handler, Step] = {
    Handler.START: control.start,
    Handler.REQUEST_JOB: control.request_job,
    Handler.PROCESS_JOB: job.process_job,
    Handler.IN_SELF_TEST: self_test.in_self_test,
    Handler.INIT_FILE: data.init_file,
    Handler.REQUEST_DATA: data.request_data,
    Handler.PROCESS_DATA: data.process_data,
    Handler.CLOSE_FILE: lifecycle.close_file,
    Handler.USER_ABORT: lifecycle.user_abort,
    Handler.SUSPEND: lifecycle.suspend,
    Handler.RESUME: lifecycle.resume,
    Handler.SHUTDOWN: lifecycle.shutdown,
    Handler.JOB_NOTIFICATION: control.job_notification,
}


class Machine:
    """All state of one agent. Not thread-safe: its owner calls it from one thread at a time."""

    def __init__(self, settings: MachineSettings, ports: Ports) -> None:
        self.settings = settings
        self.transport: Transport = ports.transport
        self.http: HttpTransfer = ports.http
        self.platform: Platform = ports.platform
        self.timers: Timers = ports.timers
        self.callback: AppCallback = ports.callback
        self.handlers: dict[Handler, Step] = dict(HANDLERS)
        self.check_version: VersionCheck = self_test.check_version

        self.state = State.STOPPED
        self.image_state = ImageState.UNKNOWN
        self.thing = ""
        self.execution: Execution | None = None
        """The active job."""
        self.updated_by = 0
        self.transfer: Transfer | None = None
        self.momentum = 0
        self.job_requests = 0
        self.unsubscribe = True
        self.counters = Counters()
        self.finished: deque[Execution] = deque(maxlen=FINISHED_REMEMBERED)
        """Executions that got their terminal status in this process."""
        self._follow_ups: list[tuple[Event, EventData]] = []

    @property
    def job_id(self) -> str:
        """The active job's id, empty without one."""
        return "" if self.execution is None else self.execution[0]

    def begin(self, thing: str) -> None:
        """From STOPPED to INIT with nothing left of an earlier session (OTA spec §1.1)."""
        self.thing = thing
        self.clear_job()
        self.momentum = 0
        self.unsubscribe = True
        self.image_state = ImageState.UNKNOWN
        self.counters.reset()
        self.state = State.INIT

    def handle(self, event: Event, payload: EventData = None) -> list[tuple[Event, EventData]]:
        """Handle one event; returns the events that must be handled next, before any other.

        The state changes only if the handler reports no error (OTA spec §2.3).
        """
        transition = find_transition(self.state, event)
        if transition is None:
            self._unexpected(event, payload)
        else:
            error = self.handlers[transition.handler](self, payload)
            if error is OtaErr.NONE:
                self.state = transition.next_state
            elif error is not OtaErr.EMPTY_JOB_DOCUMENT:
                log.info("%s in %s: %s", event.text, self.state.text, error.name)
        follow_ups, self._follow_ups = self._follow_ups, []
        return follow_ups

    def follow(self, event: Event, payload: EventData = None) -> None:
        """Have ``event`` handled right after the current one."""
        self._follow_ups.append((event, payload))

    def take_follow_ups(self) -> list[tuple[Event, EventData]]:
        """Events raised outside :meth:`handle` (by a decision of the application)."""
        follow_ups, self._follow_ups = self._follow_ups, []
        return follow_ups

    def tell(self, event: JobEvent, payload: JobRecord | EventData = None) -> None:
        """Call the application back."""
        self.callback(event, payload)

    def give_back(self, payload: EventData) -> None:
        """Every job or data event ends with exactly one of these (OTA spec §1.2)."""
        self.callback(JobEvent.PROCESSED, payload)

    def record(self, document: bytes = b"") -> JobRecord:
        """The active job as the application sees it."""
        transfer = self.transfer
        file_type = 0 if transfer is None else transfer.document.file_type
        return JobRecord(document, self.job_id, file_type)

    def clear_job(self) -> None:
        """No job is active and no download runs."""
        self.execution = None
        self.updated_by = 0
        self.transfer = None

    def _unexpected(self, event: Event, payload: EventData) -> None:
        log.info("%s is unexpected in %s", event.text, self.state.text)
        if event is Event.RECEIVED_FILE_BLOCK:
            self.counters.dropped += 1
        if event in (Event.RECEIVED_FILE_BLOCK, Event.RECEIVED_JOB_DOCUMENT):
            self.give_back(payload)
