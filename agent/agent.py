"""The OTA agent's public interface (OTA spec §1) around the sans-IO machine.

The OTA_* names of the AWS library and the names here are tabled in ``docs/agent.md``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from agent.machine import self_test
from agent.machine.machine import Machine
from agent.machine.ports import (
    AppCallback,
    EventData,
    HttpTransfer,
    JobRecord,
    Platform,
    Ports,
    Timer,
    Timers,
    Transport,
)
from agent.machine.settings import MAX_THING_NAME, MachineSettings
from agent.machine.statistics import Statistics
from agent.protocol.codes import ImageState, JobEvent, OtaErr, PalImageState
from agent.protocol.states import Event, State
from agent.protocol.strerror import (
    job_parse_text,
    os_status_text,
    ota_err_text,
    pal_status_text,
)

__all__ = [
    "OtaAgent",
    "job_parse_text",
    "os_status_text",
    "ota_err_text",
    "pal_status_text",
]

DEFAULT_QUEUE_SIZE = 64
POLL_TIMEOUT_S = 1.0


class OtaAgent:
    """One agent. Any thread may call it; events are handled by whoever runs the event loop."""

    def __init__(
        self,
        settings: MachineSettings,
        *,
        transport: Transport,
        http: HttpTransfer,
        platform: Platform,
        timers: Timers,
        queue_size: int = DEFAULT_QUEUE_SIZE,
        on_queued: Callable[[], None] | None = None,
        on_state: Callable[[State, State], None] | None = None,
    ) -> None:
        """``on_queued`` is called after each queued event (to wake an event loop), ``on_state``
        with the old and the new state after each change."""
        ports = Ports(transport, http, platform, timers, self._call_back)
        self.machine = Machine(settings, ports)
        self._callback: AppCallback | None = None
        self._on_queued = on_queued
        self._on_state = on_state
        self._queue: deque[tuple[Event, EventData]] = deque()
        self._queue_size = queue_size
        self._next: deque[tuple[Event, EventData]] = deque()
        self._arrived = threading.Condition()
        self._turn = threading.RLock()

    # -- life -----------------------------------------------------------------------------------

    def init(self, thing: str | None, callback: AppCallback | None) -> OtaErr:
        """Prepare a session. In any state but STOPPED only the statistics are cleared.

        Events left over from an earlier session are given back; data blocks among them count as
        dropped.
        """
        with self._turn:
            if self.machine.state is not State.STOPPED:
                self.machine.counters.reset()
                return OtaErr.NONE
            if not thing or len(thing) > MAX_THING_NAME:
                return OtaErr.UNINITIALIZED
            self._callback = callback
            self.machine.begin(thing)
            with self._arrived:
                left, self._queue = self._queue, deque()
            self._next.clear()
            for event, payload in left:
                if event is Event.RECEIVED_FILE_BLOCK:
                    self.machine.counters.dropped += 1
                if event in (Event.RECEIVED_FILE_BLOCK, Event.RECEIVED_JOB_DOCUMENT):
                    self.machine.give_back(payload)
            return OtaErr.NONE

    def shutdown(self, unsubscribe: bool = True, wait_s: float = 0.0) -> State:
        """Ask the event loop to end the session; waits at most ``wait_s`` seconds for it.

        Returns the state at that moment. Nothing happens when stopped or stopping.
        """
        if self.machine.state in (State.STOPPED, State.SHUTTING_DOWN):
            return self.machine.state
        self.machine.unsubscribe = unsubscribe
        self.signal_event(Event.SHUTDOWN)
        deadline = time.monotonic() + wait_s
        with self._arrived:
            while self.get_state() is not State.STOPPED:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    break
                self._arrived.wait(left_s)
        return self.machine.state

    def event_processing_task(self) -> None:
        """The event loop: handles events until the agent is stopped. Never mix with
        :meth:`event_process`."""
        if self.machine.state is State.STOPPED:
            return
        self._set_ready()
        while self.event_process() is not State.STOPPED:
            pass

    def event_process(self, timeout_s: float = POLL_TIMEOUT_S) -> State:
        """Handle at most one event, waiting at most ``timeout_s`` seconds for it; returns the
        state afterwards."""
        if self.machine.state is State.INIT:
            self._set_ready()
        item = self._take(timeout_s)
        if item is not None:
            self._handle(*item)
        return self.machine.state

    @property
    def has_events(self) -> bool:
        """Whether :meth:`event_process` would find work at once."""
        return bool(self._next or self._queue)

    # -- reading --------------------------------------------------------------------------------

    def get_state(self) -> State:
        """The state of the agent."""
        return self.machine.state

    def get_image_state(self) -> ImageState:
        """The state of the running image as the agent sees it."""
        return self.machine.image_state

    def get_statistics(self) -> Statistics:
        """The data block counters."""
        return self.machine.counters.read()

    # -- acting ---------------------------------------------------------------------------------

    def signal_event(self, event: Event, payload: EventData = None) -> bool:
        """Queue an event. False when stopped or when the queue is full; never blocks."""
        if self.machine.state is State.STOPPED:
            return False
        block = event is Event.RECEIVED_FILE_BLOCK
        counters = self.machine.counters
        with self._arrived:
            counters.received += block
            if len(self._queue) >= self._queue_size:
                counters.dropped += block
                return False
            self._queue.append((event, payload))
            counters.queued += block
            self._arrived.notify_all()
        if self._on_queued is not None:
            self._on_queued()
        return True

    def check_for_update(self) -> OtaErr:
        """Ask for a job document where the state allows it (OTA spec §1.1)."""
        return self._signalled(Event.REQUEST_JOB_DOCUMENT)

    def activate_new_image(self) -> OtaErr:
        """Switch to the received image and reset; in a device this does not return."""
        activated = self.machine.platform.activate()
        return OtaErr.NONE if activated.value == 0 else OtaErr.ACTIVATE_FAILED

    def set_image_state(self, state: ImageState) -> OtaErr:
        """Decide on the running image (ACCEPTED, REJECTED) or abort the active job (ABORTED)."""
        if state is ImageState.ABORTED:
            return self._signalled(Event.USER_ABORT)
        if self.machine.state is State.STOPPED:
            return OtaErr.AGENT_STOPPED
        with self._turn:
            result = self_test.set_image_state(self.machine, state)
            self._next.extend(self.machine.take_follow_ups())
            return result

    def suspend(self) -> OtaErr:
        """Stop both timers now and have the agent suspended."""
        if self.machine.state is State.STOPPED:
            return OtaErr.AGENT_STOPPED
        self.machine.timers.stop(Timer.REQUEST)
        self.machine.timers.stop(Timer.SELF_TEST)
        return self._signalled(Event.SUSPEND)

    def resume(self) -> OtaErr:
        """Guard a pending image again and have the agent go on."""
        if self.machine.state is State.STOPPED:
            return OtaErr.AGENT_STOPPED
        settings, timers = self.machine.settings, self.machine.timers
        if self.machine.platform.image_state() is PalImageState.PENDING_COMMIT:
            timers.start(Timer.SELF_TEST, settings.self_test_timer_s)
        timers.start(Timer.REQUEST, settings.request_timer_s)
        return self._signalled(Event.RESUME)

    def timer_expired(self, timer: Timer) -> None:
        """For the timers to call, from any thread.

        The self-test timer resets at once and takes no lock: it must work when the event loop
        hangs in the application's self-test.
        """
        if timer is Timer.SELF_TEST:
            self.machine.platform.reset()
        else:
            self.signal_event(Event.REQUEST_TIMER)

    # -- inside ---------------------------------------------------------------------------------

    def _signalled(self, event: Event) -> OtaErr:
        return OtaErr.NONE if self.signal_event(event) else OtaErr.SIGNAL_EVENT_FAILED

    def _call_back(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        if self._callback is not None:
            self._callback(event, payload)

    def _set_ready(self) -> None:
        with self._turn:
            self._change_state(State.READY)

    def _change_state(self, state: State) -> None:
        old, self.machine.state = self.machine.state, state
        if self._on_state is not None and old is not state:
            self._on_state(old, state)

    def _take(self, timeout_s: float) -> tuple[Event, EventData] | None:
        """The next event; what the machine raised itself goes before what came from outside."""
        with self._turn:
            if self._next:
                return self._next.popleft()
        with self._arrived:
            if not self._queue and timeout_s > 0:
                self._arrived.wait(timeout_s)
            return self._queue.popleft() if self._queue else None

    def _handle(self, event: Event, payload: EventData) -> None:
        with self._turn:
            before = self.machine.state
            self._next.extendleft(reversed(self.machine.handle(event, payload)))
            after = self.machine.state
        if after is before:
            return
        if self._on_state is not None:
            self._on_state(before, after)
        with self._arrived:
            self._arrived.notify_all()
