"""One simulated device: flash in memory, and for each boot an agent with its own connection."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.asymmetric import ec

from agent.agent import OtaAgent
from agent.config import MqttEndpoint
from agent.connection import Connection, make_client
from agent.fleet.memory_flash import Image, MemoryFlash, MemoryPlatform
from agent.machine.ports import EventData, JobRecord, Timer
from agent.machine.settings import MachineSettings
from agent.mqtt import OtaMqtt
from agent.protocol.codes import ImageState, JobEvent, OtaErr
from agent.protocol.states import Event, State
from agent.protocol.version import Version


@dataclass(frozen=True)
class DeviceKind:
    """What all devices of a fleet share. ``tls`` has their certificate; without it, plain MQTT."""

    endpoint: MqttEndpoint
    signer: ec.EllipticCurvePublicKey
    tls: ssl.SSLContext | None = None
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
    """The agent's timers as moments that the fleet's loop looks at (OTA spec §2.5).

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

    The fleet's loop owns it: it calls :meth:`attend` now and then, and :meth:`ready` when the
    socket of :attr:`connection` is.
    """

    connection: Connection

    def __init__(self, thing: str, kind: DeviceKind) -> None:
        self.thing = thing
        self.flash = MemoryFlash(kind.factory)
        self.finished: list[Finished] = []
        self.failed: list[str] = []
        self._kind = kind
        self._resetting = False
        self._committed: str | None = None
        self.boot()

    @property
    def idle(self) -> bool:
        """Connected, and told that there is nothing to do."""
        waiting = self._agent.get_state() is State.WAITING_FOR_JOB
        return waiting and self._mqtt.asked_at is None and self._committed is None

    def boot(self) -> None:
        """Power on: everything but the flash is new."""
        kind = self._kind
        self.flash.boot()
        self._resetting = False
        client = make_client(replace(kind.endpoint, ca=None), self.thing)
        if kind.tls is not None:
            client.tls_set_context(kind.tls)
        self._timers = DeadlineTimers()
        self._mqtt = OtaMqtt(client, self.thing, self._signal)
        self._mqtt.claim()
        self.connection = Connection(client, kind.endpoint, self._up, self._down)
        self._agent = OtaAgent(
            MachineSettings(
                version=self.flash.running.version,
                block_size=kind.block_size,
                window=kind.window,
                request_timer_s=kind.request_timer_s,
            ),
            transport=self._mqtt,
            http=NoHttp(),
            platform=MemoryPlatform(self.flash, kind.signer, self._reset),
            timers=self._timers,
        )
        self._agent.init(self.thing, self._on_job_event)

    def attend(self) -> None:
        """What time brings: connecting, keep-alive, timers."""
        self.connection.attend()
        for timer in self._timers.due():
            self._agent.timer_expired(timer)
        self._run()

    def ready(self, *, readable: bool, writable: bool) -> None:
        """Move the bytes that the socket is ready for, and have the agent act on them."""
        if writable:
            self.connection.write()
        if readable:
            self.connection.read()
        self._run()

    def power_off(self) -> None:
        """Cut the connection without a word."""
        self.connection.cut()

    # -- inside ---------------------------------------------------------------------------------

    def _run(self) -> None:
        agent = self._agent
        while agent.has_events and not self._resetting:
            agent.event_process(0.0)
        if self._resetting:
            # As the reference device does, the reports before a reset are seen through.
            if self._mqtt.flushed:
                self.power_off()
                self.boot()
        elif self._committed is not None and self._mqtt.flushed:
            self.finished.append(Finished(self._committed, self.flash.running, time.monotonic()))
            self._committed = None
        elif agent.get_state() is State.STOPPED:
            agent.init(self.thing, self._on_job_event)
            agent.signal_event(Event.START)

    def _signal(self, event: Event, payload: EventData) -> bool:
        return self._agent.signal_event(event, payload)

    def _up(self) -> None:
        state = self._agent.get_state()
        if state is State.INIT:
            self._agent.event_process(0.0)
            self._agent.signal_event(Event.START)
        elif state is State.REQUESTING_JOB:
            self._agent.signal_event(Event.REQUEST_JOB_DOCUMENT)
        elif state is not State.STOPPED:
            self._agent.signal_event(Event.RESUME)

    def _down(self, _why: str) -> None:
        self._mqtt.asked_at = None
        if self._agent.get_state() not in (State.INIT, State.STOPPED, State.SUSPENDED):
            self._agent.signal_event(Event.SUSPEND)

    def _reset(self) -> None:
        self._resetting = True

    def _on_job_event(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        if event is JobEvent.ACTIVATE:
            self._agent.activate_new_image()
        elif event is JobEvent.START_TEST:
            job_id = self._agent.machine.job_id
            if self._agent.set_image_state(ImageState.ACCEPTED) is OtaErr.NONE:
                self._committed = job_id
        elif event in (JobEvent.FAIL, JobEvent.SELF_TEST_FAILED):
            self.failed.append(self._agent.machine.job_id)
