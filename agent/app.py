"""The demo application: what runs in the device's process once an image has been started.

One thread waits for the MQTT socket, console commands, the timers and wake-ups of other threads,
and runs the OTA agent between them, so a data block is handled where it is read.
"""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections.abc import Callable

from agent.agent import OtaAgent, ota_err_text
from agent.config import AgentConfig
from agent.connection import Connection, make_client
from agent.console import CommandReader, say
from agent.http import HttpDownload
from agent.machine.ports import EventData, JobRecord
from agent.machine.settings import DataProtocol, MachineSettings
from agent.mqtt import OtaMqtt
from agent.platform.ab_platform import AbPlatform, FailingCall, PlatformSettings
from agent.platform.boot_loader import EXIT_RESET, Boot
from agent.platform.boot_state import BootStateStore
from agent.platform.filesystem import OsFilesystem
from agent.protocol.codes import ImageState, JobEvent, JobParseErr, JobReason, JobStatus, OtaErr
from agent.protocol.image import Behaviour
from agent.protocol.states import Event, State
from agent.timers import LoopTimers

EXIT_CRASH = 139
FAIL_USAGE = f"fail {'|'.join(FailingCall)}"
MAX_BLINKS = 0xFFFF
FLUSH_S = 2.0
"""How long a reset waits for reports to be acknowledged."""
IDLE_S = 1.0
"""The longest wait of the loop; keep-alive is looked at that often."""


def machine_settings(config: AgentConfig, boot: Boot) -> MachineSettings:
    """The machine's settings from the device's declaration and the running image."""
    declares = config.declares
    return MachineSettings(
        version=boot.header.version,
        block_size=declares.block_size,
        window=declares.window,
        request_timer_s=declares.request_timer_s,
        self_test_timer_s=declares.self_test_timer_s,
        momentum=declares.momentum,
        status_frequency=declares.status_frequency,
        max_file_size=config.slot_size,
        data_protocols=tuple(DataProtocol(name) for name in declares.data_protocols),
        primary=DataProtocol(declares.primary_data_protocol),
        allow_downgrade=declares.allow_downgrade,
    )


class Application:
    """One run of one image."""

    def __init__(self, config: AgentConfig, boot: Boot) -> None:
        """Raises ``OSError`` if a certificate cannot be used."""
        self._config = config
        self._behaviour = Behaviour(boot.header.behaviour)
        self._loop_thread = threading.get_ident()
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._commands: CommandReader | None = CommandReader()
        self._user_suspended = False
        self._user_stopped = False
        self._greet_after: int | None = None
        self._reasks = 0

        fs = OsFilesystem()
        self.platform = AbPlatform(
            PlatformSettings(
                config.root, boot.slot, config.product, config.slot_size, config.signer_keys
            ),
            BootStateStore(config.root, fs),
            fs,
            self._restart,
        )
        client = make_client(config.mqtt, config.thing)
        self.timers = LoopTimers(lambda timer: self.agent.timer_expired(timer))
        self.mqtt = OtaMqtt(client, config.thing, self._signal)
        self.http = HttpDownload(self._signal, config.declares.request_timer_s, config.http_ca)
        self.connection = Connection(client, config.mqtt, self._up, self._down)
        self.agent = OtaAgent(
            machine_settings(config, boot),
            transport=self.mqtt,
            http=self.http,
            platform=self.platform,
            timers=self.timers,
            on_queued=self._wake,
            on_state=lambda old, new: say(f"ota: state {old.text} -> {new.text}"),
        )

    # -- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Run for ever; a reset ends the process."""
        self.mqtt.claim()
        self.agent.init(self._config.thing, self._on_job_event)
        while True:
            self._pump()
            self._wait(with_commands=True)

    def _pump(self) -> None:
        """Let the agent handle everything that is queued."""
        agent = self.agent
        while True:
            self.timers.run_due()
            self._reask_if_unanswered()
            while agent.has_events:
                agent.event_process(0.0)
            if agent.get_state() is not State.STOPPED or self._user_stopped:
                break
            say("ota: the agent gave up; starting it again")
            self._start()
        if self._greet_after is not None and self.mqtt.requests > self._greet_after:
            self._greet_after = None
            say("ota: connected")

    def _wait(self, *, with_commands: bool, limit: float | None = None) -> None:
        """Wait for something to do and do the network's part of it."""
        online = self._behaviour is not Behaviour.NO_CONNECT
        if online:
            self.connection.attend()
        if self.agent.has_events and limit is None:
            return
        poll = select.poll()
        sock = self.connection.socket
        if sock is not None:
            poll.register(sock, self.connection.events)
        poll.register(self._wake_in, select.POLLIN)
        commands = self._commands if with_commands else None
        if commands is not None:
            poll.register(commands.fd, select.POLLIN)
        ready = dict(poll.poll(1000 * self._timeout_s(online, limit)))
        if self._wake_in.fileno() in ready:
            self._drain_wakeups()
        if sock is not None and sock.fileno() in ready:
            if ready[sock.fileno()] & select.POLLOUT:
                self.connection.write()
            self.connection.read()
        if commands is not None and commands.fd in ready:
            self._obey(commands)

    def _timeout_s(self, online: bool, limit: float | None) -> float:
        now, asked_at = time.monotonic(), self.mqtt.asked_at
        deadlines = [
            None if asked_at is None else asked_at + self._config.declares.request_timer_s,
            now + IDLE_S if limit is None else limit,
            self.timers.deadline,
            self.connection.deadline if online else None,
        ]
        return max(0.0, min(when for when in deadlines if when is not None) - now)

    def _wake(self) -> None:
        if threading.get_ident() != self._loop_thread:
            try:
                self._wake_out.send(b"!")
            except BlockingIOError:
                return

    def _drain_wakeups(self) -> None:
        try:
            self._wake_in.recv(4096)
        except BlockingIOError:
            return

    def _signal(self, event: Event, payload: EventData) -> bool:
        return self.agent.signal_event(event, payload)

    # -- connection -----------------------------------------------------------------------------

    def _up(self) -> None:
        """Start, or continue where the lost connection left the agent.

        A lost connection suspends by the bare event: the self-test timer goes on, so a pending
        image that loses its connection is not guarded any longer than one that keeps it.
        """
        self._greet_after = self.mqtt.requests
        state = self.agent.get_state()
        if state in (State.INIT, State.READY):
            # Ready: a command that came before the first connection has run the event loop.
            self._start()
        elif state is State.REQUESTING_JOB:
            self.agent.signal_event(Event.REQUEST_JOB_DOCUMENT)
        elif state is not State.STOPPED and not self._user_suspended:
            self.agent.signal_event(Event.RESUME)

    def _down(self, why: str) -> None:
        say(f"ota: {why}")
        self.mqtt.asked_at = None
        if self.agent.get_state() not in (State.INIT, State.STOPPED, State.SUSPENDED):
            self.agent.signal_event(Event.SUSPEND)

    def _start(self) -> OtaErr:
        self._user_stopped = self._user_suspended = False
        self._reasks = 0
        result = self.agent.init(self._config.thing, self._on_job_event)
        self.agent.event_process(0.0)
        self.agent.signal_event(Event.START)
        return result

    def _reask_if_unanswered(self) -> None:
        """The agent waits for ever for a lost answer (OTA spec §2.4); the application does not.

        As often as the agent would try a request that cannot be sent, and no more: an idle
        device does not poll.
        """
        asked_at, declares = self.mqtt.asked_at, self._config.declares
        if asked_at is None or time.monotonic() < asked_at + declares.request_timer_s:
            return
        self.mqtt.asked_at = None
        if self.agent.get_state() is State.WAITING_FOR_JOB and self._reasks < declares.momentum:
            self._reasks += 1
            say("ota: no answer to the job request; asking again")
            self.agent.signal_event(Event.SUSPEND)
            self.agent.signal_event(Event.RESUME)

    # -- what the agent tells -------------------------------------------------------------------

    def _on_job_event(self, event: JobEvent, payload: JobRecord | EventData) -> None:
        if event is JobEvent.PROCESSED:
            return
        job = f" job={payload.job_id}" if isinstance(payload, JobRecord) and payload.job_id else ""
        say(f"ota: event {event.name}{job}")
        match event:
            case JobEvent.ACTIVATE:
                result = self.agent.activate_new_image()
                say(f"ota: activation failed: {ota_err_text(result)}")
            case JobEvent.START_TEST:
                self._self_test()
            case JobEvent.PARSE_CUSTOM_JOB if isinstance(payload, JobRecord):
                claim_blink_job(payload)
            case _:
                return

    def _self_test(self) -> None:
        """The image's own opinion of itself, as written in its header."""
        if self._behaviour is Behaviour.HANG:
            threading.Event().wait()
        if self._behaviour is Behaviour.REJECT:
            self.agent.set_image_state(ImageState.REJECTED)
            self.platform.reset()
        else:
            self.agent.set_image_state(ImageState.ACCEPTED)

    def _restart(self) -> None:
        """Reset. In the loop's thread reports are given a moment to be acknowledged; in a timer's
        thread the loop may hang, so there is nothing to wait for."""
        if threading.get_ident() == self._loop_thread:
            limit = time.monotonic() + FLUSH_S
            while not self.mqtt.flushed and time.monotonic() < limit:
                self._wait(with_commands=False, limit=limit)
        say("ota: reset")
        os._exit(EXIT_RESET)

    # -- commands -------------------------------------------------------------------------------

    def _obey(self, reader: CommandReader) -> None:
        lines = reader.read()
        if lines is None:
            self._commands = None
            return
        for line in lines:
            if line:
                name, *arguments = line.split()
                self._pump()
                say(f"command: {name} {self._execute(name, arguments)}")

    def _execute(self, name: str, arguments: list[str]) -> str:
        commands: dict[str, Callable[[], OtaErr]] = {
            "suspend": self._suspend,
            "resume": self._resume,
            "abort": lambda: self.agent.set_image_state(ImageState.ABORTED),
            "check": self.agent.check_for_update,
            "start": self._start,
        }
        if name == "shutdown":
            return self._shutdown(unsubscribe=arguments != ["0"])
        if name == "fail":
            return self._fail(arguments)
        if name == "reset":
            say("command: reset OtaErrNone")
            self.platform.reset()
        command = commands.get(name)
        if command is None:
            return "unknown command; use " + ", ".join(
                [*commands, "shutdown [0|1]", FAIL_USAGE, "reset"]
            )
        return ota_err_text(command())

    def _fail(self, arguments: list[str]) -> str:
        """For tests of what the agent does about it: the platform's next such call fails."""
        try:
            (call,) = map(FailingCall, arguments)
        except ValueError:
            return f"use {FAIL_USAGE}"
        self.platform.fail_next = call
        return ota_err_text(OtaErr.NONE)

    def _suspend(self) -> OtaErr:
        self._user_suspended = True
        return self.agent.suspend()

    def _resume(self) -> OtaErr:
        self._user_suspended = False
        return self.agent.resume()

    def _shutdown(self, *, unsubscribe: bool) -> str:
        self._user_stopped = True
        self.agent.shutdown(unsubscribe)
        self._pump()
        return self.agent.get_state().text


def claim_blink_job(record: JobRecord) -> None:
    """The application's one job of its own: `{"blink":N}`, which succeeds as version 0.0.N."""
    try:
        times = json.loads(record.document)["execution"]["jobDocument"]["blink"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    if isinstance(times, int) and 0 <= times <= MAX_BLINKS:
        record.parse_err, record.status = JobParseErr.NONE, JobStatus.SUCCEEDED
        record.reason, record.sub_reason = JobReason.ACCEPTED, times


Alteration = Callable[[Application], None]
"""What is done to a freshly made application before it runs."""


def run_image(config: AgentConfig, alter: Alteration | None, boot: Boot) -> int:
    """What the boot loader starts: the image in the slot, as its header says it behaves.

    Returns the exit status of the image's process.
    """
    if Behaviour(boot.header.behaviour) is Behaviour.CRASH:
        return EXIT_CRASH
    application = Application(config, boot)
    if alter is not None:
        alter(application)
    application.run()
    return 0
