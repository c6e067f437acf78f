"""One simulated device: flash in memory, and for each boot a machine with its own connection."""

from __future__ import annotations

import ssl
import time
from collections import deque
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from agent.config import MqttEndpoint
from agent.fleet.link import Link
from agent.fleet.memory_flash import Image, MemoryFlash, MemoryPlatform
from agent.machine import self_test
from agent.machine.machine import Machine
from agent.machine.ports import EventData, JobAnswer, JobRecord, Ports, StreamMessage, Timer
from agent.machine.settings import MachineSettings
from agent.protocol import topics
from agent.protocol.codes import ImageState, JobEvent, OtaErr
from agent.protocol.states import Event, State
from agent.protocol.version import Version


@dataclass(frozen=True)
class DeviceKind:
    """What all devices of a fleet share."""

    endpoint: MqttEndpoint
    signer: ec.EllipticCurvePublicKey
    factory: Version = field(default_factory=lambda: Version(1, 0, 0))
    window: int = 8
    block_size: int = 4096
    request_timer_s: float = 10.0


@dataclass(frozen=True)
class Finished:
    """An update that the device committed; ``at`` is when the service had acknowledged its last
    report, in ``time.monotonic`` seconds."""

    job_id: str
    image: Image
    at: float


class DeadlineTimers:
    """The machine's timers as moments that the fleet's loop looks at (OTA spec §2.5).

    The self-test timer needs no thread of its own here: no image hangs in its self-test.
    """

    def __init__(self) -> None:
        self.deadlines: dict[Timer, float] = {}

    def start(self, timer: Timer, seconds: float) -> bool:
        """Start or restart; ``seconds`` from now."""
        self.deadlines[timer] = time.monotonic() + seconds
        return True

    def stop(self, timer: Timer) -> bool:
        """Stop; harmless when not running."""
        self.deadlines.pop(timer, None)
        return True

    def due(self) -> list[Timer]:
        """Those that have expired; they run no more."""
        now = time.monotonic()
        expired = [timer for timer, when in self.deadlines.items() if now >= when]
        for timer in expired:
            del self.deadlines[timer]
        return expired


class NoHttp:
    """These devices fetch by MQTT alone."""

    def init(self, url: str) -> bool:
        return False

    def request(self, index: int, first: int, last: int) -> bool:
        return False

    def deinit(self) -> bool:
        return True


class SimulatedDevice:
    """A device that accepts every image whose signature is right.

    ``tls`` has its certificate; without it, it speaks plain MQTT.

    The fleet's loop owns it: it calls :meth:`attend` now and then, and :meth:`ready` when the
    socket is.
    """

    link: Link

    def __init__(self, thing: str, kind: DeviceKind, tls: ssl.SSLContext | None = None) -> None:
        self.thing = thing
        self.flash = MemoryFlash(kind.factory)
        self.finished: list[Finished] = []
        self.failed: list[str] = []
        self._kind = kind
        self._tls = tls
        self._notify_next = topics.notify_next(thing).encode()
        self._answer = topics.next_get_accepted(thing).encode()
        prefix, _, suffix = topics.stream_data(thing, "+").partition("+")
        self._data_prefix, self._data_suffix = prefix.encode(), suffix.encode()
        self._committed: str | None = None
        self.boot()

    @property
    def idle(self) -> bool:
        """Connected, and told that there is nothing to do."""
        waiting = self._machine.state is State.WAITING_FOR_JOB
        return waiting and self._answered and self._committed is None and self.link.online

    def boot(self) -> None:
        """Power on: everything but the flash is new."""
        kind = self._kind
        self.flash.boot()
        self._resetting = False
        self._answered = False
        self._events: deque[tuple[Event, EventData]] = deque()
        self._timers = DeadlineTimers()
        self.link = Link(
            self.thing, kind.endpoint, self._tls, self._up, self._down, self._on_message
        )
        settings = MachineSettings(
            version=self.flash.running.version,
            block_size=kind.block_size,
            window=kind.window,
            request_timer_s=kind.request_timer_s,
        )
        platform = MemoryPlatform(self.flash, kind.signer, self._reset)
        self._machine = Machine(
            settings, Ports(self.link, NoHttp(), platform, self._timers, self._on_job_event)
        )
        self._machine.begin(self.thing)

    # -- for the loop ---------------------------------------------------------------------------

    @property
    def sock(self) -> object | None:
        return self.link.sock

    @property
    def events(self) -> int:
        return self.link.events

    @property
    def online(self) -> bool:
        return self.link.online

    def attend(self) -> None:
        """What time brings: connecting, keep-alive, timers."""
        self.link.attend()
        for timer in self._timers.due():
            if timer is Timer.SELF_TEST:
                self._reset()
            else:
                self._events.append((Event.REQUEST_TIMER, None))
        self._run()
        self.link.flush()
        self._settle()

    def ready(self, *, readable: bool, writable: bool) -> None:
        """Move the bytes that the socket is ready for, and have the machine act on them."""
        self.link.ready(readable=readable)
        self._settle()

    def power_off(self) -> None:
        """Cut the connection without a word."""
        self.link.cut()

    # -- inside ---------------------------------------------------------------------------------

    def _run(self) -> None:
        """Have the machine handle what has come, what it raised itself before all else."""
        machine, events = self._machine, self._events
        while events and not self._resetting:
            events.extendleft(reversed(machine.handle(*events.popleft())))

    def _settle(self) -> None:
        """What follows once the link has done with what it read."""
        if self._resetting:
            # As the reference device does, the reports before a reset are seen through.
            if self.link.flushed:
                self.power_off()
                self.boot()
        elif self._committed is not None:
            if self.link.flushed:
                self.finished.append(
                    Finished(self._committed, self.flash.running, time.monotonic())
                )
                self._committed = None
        elif self._machine.state is State.STOPPED:
            self._machine.begin(self.thing)
            if self.link.online:
                self._up()

    def _up(self) -> None:
        machine = self._machine
        if machine.state is State.INIT:
            machine.state = State.READY
            self._events.append((Event.START, None))
        elif machine.state is State.REQUESTING_JOB:
            self._events.append((Event.REQUEST_JOB_DOCUMENT, None))
        elif machine.state is not State.STOPPED:
            self._events.append((Event.RESUME, None))
        self._run()

    def _down(self) -> None:
        self._answered = False
        if self._machine.state not in (State.INIT, State.STOPPED, State.SUSPENDED):
            self._events.append((Event.SUSPEND, None))
            self._run()

    def _on_message(self, topic: bytes, payload: bytes) -> None:
        if topic.startswith(self._data_prefix) and topic.endswith(self._data_suffix):
            stream = topic[len(self._data_prefix) : -len(self._data_suffix)].decode()
            self._events.append((Event.RECEIVED_FILE_BLOCK, StreamMessage(stream, payload)))
        elif topic == self._notify_next:
            self._events.append((Event.RECEIVED_JOB_DOCUMENT, payload))
        elif topic == self._answer:
            self._answered = True
            self._events.append((Event.RECEIVED_JOB_DOCUMENT, JobAnswer(payload)))
        self._run()

    def _reset(self) -> None:
        self._resetting = True

    def _on_job_event(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        machine = self._machine
        if event is JobEvent.ACTIVATE:
            machine.platform.activate()
        elif event is JobEvent.START_TEST:
            job_id = machine.job_id
            if self_test.set_image_state(machine, ImageState.ACCEPTED) is OtaErr.NONE:
                self._committed = job_id
        elif event in (JobEvent.FAIL, JobEvent.SELF_TEST_FAILED):
            self.failed.append(machine.job_id)
