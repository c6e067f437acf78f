"""The device in a scenario: what it is told, and what its three witnesses show of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from textwrap import shorten

from agent.protocol.version import Version
from rig.errors import BenchError
from rig.judge.story.story import REACTION_S
from rig.scenario.cloud import Job
from rig.scenario.images import Image
from rig.scenario.observing import (
    TERMINAL,
    Predicate,
    ReportedStatus,
    is_block_request,
    is_boot,
    is_data_block,
    is_download,
    is_empty_answer,
    is_held,
    is_job_request,
    is_lost_answer,
    is_news,
    reported_status,
)
from rig.scenario.state_path import StatePath, states_read
from rig.trace import Event, Recorder, TraceTimeout
from targets.board import Board
from targets.driver import Connection, Driver

SILENCE = 1.5
"""How many times its timer makes a silence: after one a device would have done something."""


def _ends(job: Job) -> Predicate:
    def terminal(event: Event) -> bool:
        report = reported_status(event)
        return bool(report and report.job_id == job.job_id and report.status in TERMINAL)

    return terminal


class DeviceFailure(AssertionError):  # noqa: N818 - a verdict, not an error
    """The device did not do what the scenario demands of it."""


class Device:
    """One device under test, between provisioning and the end of a scenario."""

    def __init__(
        self,
        driver: Driver,
        board: Board,
        recorder: Recorder,
        connection: Connection,
        factory: Image,
        check_bench: Callable[[], None],
    ) -> None:
        """`check_bench` raises `BenchError` if what the device talks to has failed."""
        self._check_bench = check_bench
        self.driver = driver
        self.board = board
        self.factory = factory
        self._recorder = recorder
        self._connection = connection
        self._stands_still_s = 0.0

    # -- what is done to it --------------------------------------------------------------------

    def start(self) -> None:
        """Flash the factory image, switch on, and wait until the device is told of no job.

        Raises `BenchError` if it shows no boot marker: it is then not even known to run.
        """
        self._start(self._connection)

    def start_anew(self, *, trusting: bool = True) -> None:
        """Switch off and start from the factory, on demand without any signer to trust."""
        self.driver.power_off()
        keys = self._connection.signer_keys if trusting else ()
        self._start(replace(self._connection, signer_keys=keys))

    def _start(self, connection: Connection) -> None:
        self.driver.provision(self.factory.content, connection)
        self._boot()

    def start_with_what_it_has(self) -> None:
        """Switch on with what is in flash, and wait until the device is told of no job."""
        self.driver.attach(self._connection)
        self._boot()

    def _boot(self) -> None:
        mark = self.mark()
        self.driver.power_on()
        try:
            self._recorder.wait(
                is_boot,
                self.patience_s,
                since=mark,
                look_after=lambda: self._refuse_an_early_end(mark),
            )
        except TraceTimeout:
            self._refuse_an_early_end(mark)
            raise BenchError(
                f"the board {self.board.name!r} shows no boot marker within "
                f"{self.patience_s:g} s after power-on; does its firmware start? Look at its "
                "console in the trace, and at the console section of its board file"
            ) from None
        self.wait(is_job_request, "to ask for a job after power-on", since=mark)
        self.is_told_of_no_job(since=mark)

    def start_as_it_is(self) -> None:
        """Switch on with what is in flash already; whether it boots is not waited for."""
        self.driver.attach(self._connection)
        self.driver.power_on()

    def power_on(self) -> None:
        """Switch on, and wait until the device asks for a job."""
        mark = self.mark()
        self.driver.power_on()
        self.wait(is_job_request, "to ask for a job after power-on", since=mark)

    def power_cycle(self) -> None:
        """Cut the power and switch on again."""
        self.driver.power_cut()
        self.power_on()

    def command(self, name: str, *arguments: str) -> None:
        """Tell the application on the device: suspend, resume, abort …"""
        self.driver.command(name, *arguments)

    def fails_next(self, call: str) -> None:
        """The next create_file, commit or reset of the device's platform layer fails."""
        self._recorder.record("rig", "FAULT", at=call)
        self.driver.command("fail", call)

    # -- what it says --------------------------------------------------------------------------

    def mark(self) -> int:
        """The present end of the trace, for `since`."""
        return len(self._recorder.events)

    def wait(
        self, predicate: Predicate, what: str, *, since: int = 0, patience_s: float | None = None
    ) -> Event:
        """The first event since `since` that satisfies; else the device failed to do `what`."""
        patience = self.patience_s if patience_s is None else patience_s
        try:
            return self._recorder.wait(
                predicate, patience, since=since, look_after=self._look_after
            )
        except TraceTimeout as timeout:
            state = "did not" if self.driver.is_running() else "stopped running"
            raise DeviceFailure(f"the device was {what}, but {state}: {timeout}") from None

    def _look_after(self) -> bool:
        """A probe, a wire or a broker that failed is no silent device: it is told by raising."""
        self._check_bench()
        return self.driver.is_running()

    def _refuse_an_early_end(self, since: int) -> None:
        """Raises `BenchError` if the device is gone, which was not even seen to boot."""
        if self._look_after():
            return
        lines = [e.data["text"] for e in self._recorder.events[since:] if e.channel == "console"]
        said = f"; its last line: {shorten(lines[-1], 200)}" if lines else " and said nothing"
        raise BenchError(
            f"the device {self.board.name!r} ended before it showed a boot marker{said}"
        )

    @property
    def patience_s(self) -> float:
        """How long a device may take for one step, from the timers it declares."""
        declares = self.board.declares
        return (
            self.board.slack_s
            + self._stands_still_s
            + declares.request_timer_s * (declares.momentum + 1)
            + declares.self_test_timer_s
            + declares.trial_time_s
        )

    @contextlib.contextmanager
    def standing_still(self, limit_s: float) -> Iterator[None]:
        """Within, the device may take that much longer: its core is stopped now and then."""
        self._stands_still_s = limit_s
        try:
            yield
        finally:
            self._stands_still_s = 0.0

    def may(self, predicate: Predicate, since: int = 0) -> Event | None:
        """The first such event, None from a device that does not do it for good.

        For what a device should do and is not failed for: the judge sees that it did not.
        """
        try:
            return self._recorder.wait(predicate, self._silence_s, since=since)
        except TraceTimeout:
            return None

    @property
    def _silence_s(self) -> float:
        return self.board.declares.request_timer_s + REACTION_S + self.board.slack_s

    def ends(self, job: Job, status: str = "an end") -> ReportedStatus:
        """Wait for the job's terminal status, whichever it is."""
        event = self.wait(_ends(job), f"to report {status} for {job.job_id}")
        report = reported_status(event, position=self._recorder.events.index(event))
        assert report is not None
        return report

    def may_end(self, job: Job) -> ReportedStatus | None:
        """The job's terminal status, None from a device that keeps silent about it for good.

        For what a device should report and is not failed for: the judge calls it silent then.
        """
        event = self.may(_ends(job))
        return None if event is None else reported_status(event)

    def reports(self, job: Job, status: str, reason: str = "") -> ReportedStatus:
        """Wait for the job's terminal status; it must be this, for a reason that begins so."""
        report = self.ends(job, status)
        if report.status != status or not report.reason.startswith(reason):
            raise DeviceFailure(
                f"the device was to report {status} {reason!r} for {job.job_id}: "
                f"it reported {report}"
            )
        return report

    def reaches_self_test(self, job: Job, stage: str) -> None:
        """Wait until the device reports self_test `ready` or `active` for the job."""

        def at_stage(event: Event) -> bool:
            report = reported_status(event)
            return bool(
                report and report.job_id == job.job_id and report.details.get("self_test") == stage
            )

        self.wait(at_stage, f"to report self_test {stage} for {job.job_id}")

    def never_reported_terminal(self, job: Job) -> None:
        """Demand that the device has ended the job by no word of its own."""
        for event in self._recorder.events:
            report = reported_status(event)
            if report and report.job_id == job.job_id and report.status in TERMINAL:
                raise DeviceFailure(
                    f"the device was to leave {job.job_id} alone: it reported {report}"
                )

    def asks_for_a_job(self, since: int) -> None:
        self.wait(is_job_request, "to ask for a job", since=since)

    def asks_for_a_job_after_booting(self, image: Image) -> None:
        self.boots(image)
        self.asks_for_a_job(since=self._boot_position())

    def is_told_of_no_job(self, since: int) -> None:
        """Wait until a job request was answered with "there is none"."""
        self.wait(is_empty_answer, "to be told that there is no job", since=since)

    def misses_answer(self) -> None:
        """Wait until the answer to a job request of the last boot was lost on its way."""
        self.wait(is_lost_answer, "to be answered in vain", since=self._boot_position())

    def is_kept_waiting_for(self, packet: str, since: int) -> None:
        """Wait until the rig keeps back a packet of this kind that the device waits for."""
        self.wait(lambda event: is_held(event, packet), f"to wait for {packet}", since=since)

    def gets_news(self, since: int) -> None:
        """Wait until a job document that the device has not asked for was sent to it."""
        self.wait(is_news, "to take a job document", since=since)

    def asks_for_blocks(self, since: int = 0) -> Event:
        return self.wait(is_block_request, "to ask for blocks", since=since)

    def gets_block(self, nth: int) -> None:
        """Wait until the nth data block of this scenario was sent to the device."""
        count = 0

        def nth_block(event: Event) -> bool:
            nonlocal count
            count += is_data_block(event)
            return count == nth

        self.wait(nth_block, f"to take data block {nth}")

    def asked_for_no_blocks(self, since: int) -> None:
        """Demand that nothing was downloaded, by neither protocol, since the mark."""
        for event in self._recorder.events[since:]:
            if is_block_request(event) or is_download(event):
                raise DeviceFailure(f"the device was to download nothing, but {event.brief()}")

    def used_only(self, protocol: str, since: int = 0) -> None:
        """Demand that every byte of the image came by this data protocol."""
        by_protocol = {"MQTT": is_block_request, "HTTP": is_download}
        events = self._recorder.events[since:]
        used = [name for name, asks in by_protocol.items() if any(map(asks, events))]
        if used != [protocol]:
            raise DeviceFailure(
                f"the device was to download by {protocol} only: it used {used or 'neither'}"
            )

    def is_connected(self, since: int) -> None:
        """Wait until the device was let in after `since`."""
        self.wait(lambda event: event.kind == "CONNACK", "to connect", since=since)

    def connected_times(self, at_least: int) -> None:
        """Demand so many accepted connections."""
        times = sum(event.kind == "CONNECT" for event in self._recorder.events)
        if times < at_least:
            raise DeviceFailure(
                f"the device was to connect {at_least} times at least: it did {times} times"
            )

    def is_left_alone(self) -> None:
        """Let pass what a device that should be silent would need to do something about it."""
        self._lets_pass(self.board.declares.request_timer_s)

    def outlasts_self_test_timer(self) -> None:
        """Let pass what a device that guards itself against a failed self-test would wait."""
        self._lets_pass(self.board.declares.self_test_timer_s)

    def _lets_pass(self, timer_s: float) -> None:
        with contextlib.suppress(TraceTimeout):
            self._recorder.wait(lambda _event: False, SILENCE * timer_s, since=self.mark())

    def is_silent_on(self, what: Callable[[Event], bool], since: int, until: int) -> None:
        """Demand that no event between the marks is `what`."""
        for event in self._recorder.events[since:until]:
            if what(event):
                raise DeviceFailure(f"the device was to be silent, but sent {event.to_json()}")

    # -- what runs and what is in flash --------------------------------------------------------

    def took_states(self, *path: str, since: int = 0) -> None:
        """The agent's state, as read from the chip, took just this path (`StatePath`).

        Several texts are one path.
        """
        wanted = StatePath(" ".join(path))

        def taken() -> list[str]:
            return states_read(self._recorder.events[since:])

        def is_decided(_: Event) -> bool:
            return wanted.is_taken_by(taken()) or wanted.is_left_by(taken())

        with contextlib.suppress(DeviceFailure):
            self.wait(is_decided, "to come to the end of a path of states", since=since)
        if not wanted.is_taken_by(taken()):
            raise DeviceFailure(
                f"the agent's state was to take the path {wanted.text}, but took "
                f"{' '.join(taken()) or 'none'}"
            )

    def runs(self, image: Image) -> None:
        """Second and third witness: the boot marker, and the slot it names read back."""
        boot = self._last_boot()
        if boot.data["marker"] != image.marker:
            raise DeviceFailure(
                f"image {image.version} was to run (marker {image.marker}): the boot marker "
                f"shows version {boot.data['version']}, marker {boot.data['marker']}"
            )
        readings = {reading.slot: reading for reading in self.driver.read_slots()}
        slot = boot.data["slot"]
        if slot not in readings:
            raise BenchError(f"the boot marker names slot {slot!r}, which cannot be read back")
        reading = readings[slot]
        if reading.sha256 != image.sha256:
            raise DeviceFailure(
                f"slot {slot} was to hold image {image.version} (sha256 {image.sha256[:16]}…, "
                f"{image.size} bytes): it holds {reading.sha256[:16]}…, {reading.length} bytes"
            )

    def keeps(self, image: Image) -> None:
        """The image runs now and still after a power cycle, so it is there for good.

        No job may be pending.
        """
        self.runs(image)
        mark = self.mark()
        self.power_cycle()
        self.is_told_of_no_job(since=mark)
        self.runs(image)

    def boots(self, image: Image, since: int = 0) -> None:
        """Wait until the boot marker of this very image shows."""
        self.wait(
            lambda event: is_boot(event) and event.data["marker"] == image.marker,
            f"to boot image {image.version} (marker {image.marker})",
            since=since,
        )

    def never_booted(self, image: Image) -> None:
        """Demand that no boot marker ever showed this image."""
        self.booted_times(image, 0)

    def booted_times(self, image: Image, times: int) -> None:
        """Demand just so many boots of this image."""
        seen = sum(
            is_boot(event) and event.data["marker"] == image.marker
            for event in self._recorder.events
        )
        if seen != times:
            raise DeviceFailure(
                f"image {image.version} was to be booted {times} times: it was {seen} times"
            )

    def returns_to(self, image: Image, since: int) -> None:
        """Wait until the device has booted this image after `since` and asks for a job again."""
        self.boots(image, since)
        self.asks_for_a_job(since=self._boot_position())
        self.runs(image)

    def running_version(self) -> Version:
        """The version that the last boot marker named."""
        return Version.parse(self._last_boot().data["version"])

    def _last_boot(self) -> Event:
        return self._recorder.events[self._boot_position()]

    def _boot_position(self) -> int:
        events = self._recorder.events
        for position in range(len(events) - 1, -1, -1):
            if is_boot(events[position]):
                return position
        raise DeviceFailure("the device showed no boot marker; look at its console in the trace")
