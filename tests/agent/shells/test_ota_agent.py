"""The public interface: what each call returns, queues and counts (OTA spec §1, §11)."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from agent.agent import OtaAgent, ota_err_text
from agent.machine.ports import EventData, JobRecord, StreamMessage, Timer
from agent.machine.statistics import Statistics
from agent.protocol.codes import ImageState, JobEvent, OtaErr, PalImageState, PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from tests.agent.machine.world import (
    EMPTY,
    SETTINGS,
    STREAM,
    THING,
    World,
    as_bytes,
    asked,
    data_message,
    failed,
    job_document,
    wire,
)


class Device(World):
    """The agent's public interface over the in-memory world."""

    def __init__(self, queue_size: int = 8) -> None:
        super().__init__()
        ports = self.machine
        self.states: list[State] = []
        self.agent = OtaAgent(
            SETTINGS,
            transport=self,
            http=ports.http,
            platform=ports.platform,
            timers=ports.timers,
            queue_size=queue_size,
            on_state=lambda _, new: self.states.append(new),
        )

    def drain(self) -> None:
        """Handle all queued events."""
        while self.agent.has_events:
            self.agent.event_process(0.0)

    def started(self) -> Device:
        """Init, start, and the first job request out."""
        assert self.agent.init(THING, self.call) is OtaErr.NONE
        self.agent.event_process(0.0)
        self.agent.signal_event(Event.START)
        self.drain()
        assert self.agent.get_state() is State.WAITING_FOR_JOB
        return self

    def message(self, index: int) -> StreamMessage:
        """A good data message; the last block is one byte short."""
        return StreamMessage(STREAM, data_message(index, 255 if index == 2 else 256))

    def downloading(self) -> Device:
        """A download of three blocks has begun."""
        self.started()
        self.agent.signal_event(Event.RECEIVED_JOB_DOCUMENT, as_bytes(job_document()))
        self.drain()
        return self


@pytest.fixture
def device() -> Device:
    return Device()


def test_states_of_a_session(device: Device) -> None:
    assert device.agent.get_state() is State.STOPPED
    assert device.agent.init(THING, device.call) is OtaErr.NONE
    assert device.agent.get_state() is State.INIT
    assert device.agent.event_process(0.0) is State.READY
    device.agent.signal_event(Event.START)
    device.drain()
    assert device.states == [State.READY, State.REQUESTING_JOB, State.WAITING_FOR_JOB]
    assert wire(device.log) == asked(0)


@pytest.mark.parametrize("thing", [None, "", "t" * 129])
def test_init_refuses_a_bad_thing_name(device: Device, thing: str | None) -> None:
    assert device.agent.init(thing, None) is OtaErr.UNINITIALIZED
    assert device.agent.get_state() is State.STOPPED


def test_longest_thing_name(device: Device) -> None:
    assert device.agent.init("t" * 128, None) is OtaErr.NONE


def test_init_while_running_only_clears_the_statistics(device: Device) -> None:
    device.downloading()
    device.agent.signal_event(Event.RECEIVED_FILE_BLOCK, device.message(0))
    device.drain()
    assert device.agent.get_statistics() == Statistics(1, 1, 1, 0)
    assert device.agent.init(None, None) is OtaErr.NONE
    assert device.agent.get_statistics() == Statistics()
    assert device.agent.get_state() is State.WAITING_FOR_FILE_BLOCK


def test_callback_may_be_missing(device: Device) -> None:
    device.agent.init(THING, None)
    device.agent.event_process(0.0)
    device.agent.signal_event(Event.START)
    device.agent.signal_event(Event.RECEIVED_JOB_DOCUMENT, as_bytes(EMPTY))
    device.drain()
    assert device.agent.get_state() is State.WAITING_FOR_JOB


def test_stopped_agent_refuses(device: Device) -> None:
    agent = device.agent
    assert not agent.signal_event(Event.START)
    assert agent.suspend() is OtaErr.AGENT_STOPPED
    assert agent.resume() is OtaErr.AGENT_STOPPED
    assert agent.check_for_update() is OtaErr.SIGNAL_EVENT_FAILED
    assert agent.set_image_state(ImageState.ABORTED) is OtaErr.SIGNAL_EVENT_FAILED
    assert agent.set_image_state(ImageState.ACCEPTED) is OtaErr.AGENT_STOPPED
    assert agent.shutdown() is State.STOPPED
    assert device.log == []


def test_full_queue(device: Device) -> None:
    device.started()
    accepted = [device.agent.signal_event(Event.RECEIVED_FILE_BLOCK, None) for _ in range(10)]
    assert accepted == [True] * 8 + [False] * 2
    assert device.agent.get_statistics() == Statistics(10, 8, 0, 2)
    assert device.agent.check_for_update() is OtaErr.SIGNAL_EVENT_FAILED
    assert device.agent.suspend() is OtaErr.SIGNAL_EVENT_FAILED
    device.drain()
    assert device.agent.get_statistics() == Statistics(10, 8, 0, 10)


def test_flood_is_dropped_and_the_transfer_completes(device: Device) -> None:
    device.downloading()
    for _ in range(50):
        device.agent.signal_event(Event.RECEIVED_FILE_BLOCK, device.message(0))
    device.drain()
    device.agent.signal_event(Event.REQUEST_TIMER)
    for index in (1, 2):
        device.agent.signal_event(Event.RECEIVED_FILE_BLOCK, device.message(index))
    device.drain()
    assert "CB ACTIVATE AFR_OTA-job1" in device.log


def test_one_event_at_a_time(device: Device) -> None:
    device.agent.init(THING, device.call)
    device.agent.signal_event(Event.START)
    assert device.agent.event_process(0.0) is State.REQUESTING_JOB
    assert device.agent.event_process(0.0) is State.WAITING_FOR_JOB
    assert not device.agent.has_events


def test_what_the_agent_raises_goes_before_what_comes_in(device: Device) -> None:
    device.agent.init(THING, device.call)
    device.agent.signal_event(Event.START)
    device.agent.signal_event(Event.RECEIVED_JOB_DOCUMENT, as_bytes(job_document()))
    device.drain()
    assert device.agent.get_state() is State.WAITING_FOR_FILE_BLOCK


def test_suspend_stops_both_timers_at_once(device: Device) -> None:
    device.downloading()
    device.log.clear()
    assert device.agent.suspend() is OtaErr.NONE
    assert device.log == ["STOP request", "STOP self_test"]
    assert device.agent.get_state() is State.WAITING_FOR_FILE_BLOCK
    device.drain()
    assert device.agent.get_state() is State.SUSPENDED


@pytest.mark.parametrize(
    ("pal", "guarded"), [(PalImageState.VALID, False), (PalImageState.PENDING_COMMIT, True)]
)
def test_resume_guards_only_a_pending_image(
    device: Device, pal: PalImageState, guarded: bool
) -> None:
    device.started()
    device.agent.suspend()
    device.drain()
    device.pal_state = pal
    device.log.clear()
    assert device.agent.resume() is OtaErr.NONE
    assert ("TIMER self_test 16" in device.log) == guarded
    device.drain()
    assert wire(device.log) == asked(1)


def test_self_test_timer_resets_even_while_the_loop_hangs(device: Device) -> None:
    hanging, release = threading.Event(), threading.Event()

    def hang(_: JobRecord | EventData) -> None:
        hanging.set()
        release.wait(10)

    device.on_callback[JobEvent.NO_ACTIVE_JOB] = hang
    device.started()
    device.agent.signal_event(Event.RECEIVED_JOB_DOCUMENT, as_bytes(EMPTY))
    loop = threading.Thread(target=device.drain)
    loop.start()
    assert hanging.wait(10)
    device.agent.timer_expired(Timer.SELF_TEST)
    assert device.log[-1] == "PAL reset"
    release.set()
    loop.join(10)


def test_request_timer_becomes_an_event(device: Device) -> None:
    device.downloading()
    device.agent.timer_expired(Timer.REQUEST)
    device.drain()
    assert device.log[-1] == "SG 07 q0"


def test_abort(device: Device) -> None:
    device.downloading()
    assert device.agent.set_image_state(ImageState.ABORTED) is OtaErr.NONE
    device.drain()
    assert failed("aborted: 0x00000013") in device.log
    assert device.agent.get_image_state() is ImageState.ABORTED


def test_rejecting_during_a_download(device: Device) -> None:
    device.downloading()
    assert device.agent.set_image_state(ImageState.REJECTED) is OtaErr.NONE
    device.drain()
    assert device.agent.get_state() is State.WAITING_FOR_JOB


@pytest.mark.parametrize("state", [ImageState.UNKNOWN, ImageState.TESTING])
def test_invalid_image_state(device: Device, state: ImageState) -> None:
    assert device.started().agent.set_image_state(state) is OtaErr.INVALID_ARG


def test_report_that_cannot_be_sent(device: Device) -> None:
    device.downloading()
    device.refuse = {"UP"}
    result = device.agent.set_image_state(ImageState.REJECTED)
    assert result is OtaErr.UPDATE_JOB_STATUS_FAILED


def test_activate(device: Device) -> None:
    assert device.agent.activate_new_image() is OtaErr.NONE
    device.pal["activate"] = PalStatus(PalMainStatus.ACTIVATE_FAILED, 0)
    assert device.agent.activate_new_image() is OtaErr.ACTIVATE_FAILED


@pytest.mark.parametrize("unsubscribe", [True, False])
def test_shutdown(device: Device, unsubscribe: bool) -> None:
    device.downloading()
    device.log.clear()
    assert device.agent.shutdown(unsubscribe) is State.WAITING_FOR_FILE_BLOCK
    device.drain()
    assert device.agent.get_state() is State.STOPPED
    assert wire(device.log) == (["UNSUB NN", "UNSUB SD"] if unsubscribe else [])
    assert device.agent.get_statistics() == Statistics()


def test_second_session(device: Device) -> None:
    device.downloading()
    device.agent.shutdown()
    device.agent.signal_event(Event.RECEIVED_FILE_BLOCK, device.message(0))
    device.agent.event_process(0.0)
    assert device.agent.init(THING, device.call) is OtaErr.NONE
    assert device.agent.get_statistics().dropped == 1
    device.agent.event_process(0.0)
    device.agent.signal_event(Event.START)
    device.drain()
    assert wire(device.log)[-2:] == asked(1)


@pytest.fixture
def running(device: Device) -> Iterator[Device]:
    device.agent.init(THING, device.call)
    loop = threading.Thread(target=device.agent.event_processing_task)
    loop.start()
    yield device
    device.agent.shutdown(wait_s=10)
    loop.join(10)
    assert not loop.is_alive()


def test_event_loop_in_a_thread(running: Device) -> None:
    assert running.agent.signal_event(Event.START)
    assert running.agent.shutdown(unsubscribe=False, wait_s=10.0) is State.STOPPED
    assert wire(running.log) == asked(0)


def test_event_loop_of_a_stopped_agent_returns(device: Device) -> None:
    device.agent.event_processing_task()
    assert device.agent.get_state() is State.STOPPED


def test_error_texts() -> None:
    assert ota_err_text(OtaErr.SAME_FIRMWARE_VERSION) == "OtaErrSameFirmwareVersion"


def test_stream_message_is_a_plain_pair() -> None:
    assert StreamMessage("S", b"x") == ("S", b"x")
