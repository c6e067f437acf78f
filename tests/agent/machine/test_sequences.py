"""The sequences A to I of OTA spec §5.5, line by line."""

from __future__ import annotations

import cbor2
import pytest

from agent.protocol.codes import ImageState, JobEvent, OtaErr, PalImageState, PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from agent.protocol.version import Version
from tests.agent.machine.world import (
    EMPTY,
    World,
    active,
    asked,
    failed,
    job_document,
    ready,
    receive,
    settings,
    succeeded,
    wire,
)

SELF_TEST = {"self_test": "ready", "updatedBy": "0x01000000"}
INGEST_FAILED = "0x000000e0: 0x00000000"


def downloading(blocks: int = 3) -> World:
    world = World()
    world.boot()
    world.notify(job_document(blocks))
    assert world.machine.state is State.WAITING_FOR_FILE_BLOCK
    return world


def test_a_download_to_activation() -> None:
    world = World()
    assert wire(world.boot()) == asked(0)
    assert world.machine.state is State.WAITING_FOR_JOB
    assert wire(world.answer(job_document())) == ["SUB SD q0", "SG 07 q0"]
    assert wire(world.block(0)) == [receive(1, 3)]
    assert wire(world.block(1)) == ["SG 04 q0"]
    lines = world.block(2, 255)
    assert [line for line in lines if not line.startswith(("TIMER", "STOP"))] == [
        "PAL close",
        ready(),
        "CB ACTIVATE AFR_OTA-job1",
        "UNSUB SD",
        "PAL abort",
    ]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert b"".join(world.flash[i * 256] for i in range(3)) == (
        bytes(256) + b"\x01" * 256 + b"\x02" * 255
    )


def test_a_self_test_of_the_new_image() -> None:
    world = World(settings(version=Version(1, 0, 1)))
    world.pal_state = PalImageState.PENDING_COMMIT

    def accept(_: object) -> None:
        world.decide(ImageState.ACCEPTED)

    world.on_callback[JobEvent.START_TEST] = accept
    assert "TIMER self_test 16" in world.boot()
    lines = world.answer(job_document(details=SELF_TEST))
    assert lines == [
        "PAL set TESTING",
        active("0x01000001"),
        "CB RECEIVED_JOB AFR_OTA-job1",
        "CB START_TEST",
        "PAL set ACCEPTED",
        succeeded("1.0.1", "1.0.0"),
        "STOP self_test",
    ]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert world.machine.image_state is ImageState.ACCEPTED


def test_b_bad_signature() -> None:
    world = downloading()
    world.pal["close"] = PalStatus(PalMainStatus.SIGNATURE_CHECK_FAILED, 0x42)
    world.block(0)
    world.block(1)
    lines = world.block(2, 255)
    assert [line for line in lines if not line.startswith(("TIMER", "STOP"))] == [
        "PAL close",
        "PAL set REJECTED",
        failed("0x000000e3: 0x00000042"),
        "CB FAIL AFR_OTA-job1",
        "UNSUB SD",
        "PAL abort",
    ]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert world.machine.image_state is ImageState.UNKNOWN
    assert wire(world.notify(job_document(job_id="J2"))) == ["SUB SD q0", "SG 07 q0"]


@pytest.mark.parametrize(
    ("running", "reason"),
    [(Version(1, 0, 0), "rejected: 0x00000010"), (Version(0, 9, 9), "rejected: 0x0000000f")],
)
def test_c_version_not_newer(running: Version, reason: str) -> None:
    world = World(settings(version=running))
    world.pal_state = PalImageState.PENDING_COMMIT
    world.boot()
    assert world.answer(job_document(details=SELF_TEST)) == [
        "PAL set REJECTED",
        failed(reason),
        "CB RECEIVED_JOB",
        "CB SELF_TEST_FAILED",
        "PAL reset",
    ]


def test_d_silent_stream() -> None:
    world = downloading()
    for _ in range(2):
        assert wire(world.expire()) == ["SG 07 q0"]
    assert [line for line in world.expire() if not line.startswith(("TIMER", "STOP"))] == [
        "PAL set ABORTED",
        failed("aborted: 0x00000000"),
        "UNSUB NN",
        "UNSUB SD",
        "PAL abort",
    ]
    assert world.machine.state is State.STOPPED


def test_d_a_stored_block_starts_the_count_again() -> None:
    world = downloading()
    for _ in range(2):
        world.expire()
    world.block(0)
    for _ in range(3):
        assert wire(world.expire()) == ["SG 06 q0"]
    assert failed("aborted: 0x00000000") in world.expire()


def test_d_request_timer_that_cannot_be_started() -> None:
    world = downloading()
    world.refuse = {"TIMER request"}
    assert failed("aborted: 0x00000000") in world.expire()
    assert world.machine.state is State.STOPPED


def test_e_application_abort() -> None:
    world = downloading()
    world.block(0)
    lines = world.send(Event.USER_ABORT)
    assert [line for line in lines if not line.startswith("STOP")] == [
        "PAL set ABORTED",
        failed("aborted: 0x00000013"),
        "UNSUB SD",
        "PAL abort",
    ]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert world.block(1) == []
    assert world.machine.counters.dropped == 1
    assert wire(world.notify(job_document(job_id="J2"))) == ["SUB SD q0", "SG 07 q0"]


def test_e_abort_without_a_job() -> None:
    world = World()
    world.boot()
    assert world.send(Event.USER_ABORT) == []
    assert world.machine.state is State.WAITING_FOR_JOB


def test_e_abort_that_cannot_be_reported_still_ends_the_transfer() -> None:
    world = downloading()
    world.refuse = {"UP"}
    assert "UNSUB SD" in world.send(Event.USER_ABORT)
    assert world.machine.transfer is None


@pytest.mark.parametrize("payload", [b"", b"junk", b'{"execution":{}}', b"\x00" * 10])
def test_f_notification_during_a_download(payload: bytes) -> None:
    world = downloading()
    world.block(0)
    assert [x for x in world.notify(payload) if not x.startswith("STOP")] == [
        "PAL set ABORTED",
        "UNSUB SD",
        "PAL abort",
        *asked(1),
    ]
    assert world.answer(EMPTY) == ["CB NO_ACTIVE_JOB"]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert wire(world.notify(job_document())) == ["SUB SD q0", "SG 07 q0"]


def test_f_ten_notifications_give_back_ten_buffers() -> None:
    world = downloading()
    for _ in range(10):
        world.notify(b"{}")
        world.answer(job_document())
    assert len(world.given_back) == 1 + 10 + 10
    assert world.machine.state is State.WAITING_FOR_FILE_BLOCK


def test_f_late_answer_for_the_running_job_changes_nothing() -> None:
    world = downloading()
    world.block(0)
    assert world.answer(job_document()) == []
    assert wire(world.block(1)) == ["SG 04 q0"]


def test_f_late_answer_for_another_job_is_a_notification() -> None:
    world = downloading()
    assert asked(1)[1] in world.answer(job_document(job_id="J2"))


def test_g_suspend_and_resume() -> None:
    world = downloading()
    world.block(0)
    assert world.send(Event.SUSPEND) == []
    assert world.machine.state is State.SUSPENDED
    assert world.block(1) == []
    assert world.expire() == []
    assert world.notify(job_document(job_id="J2")) == []
    assert wire(world.send(Event.RESUME)) == asked(1)
    assert wire(world.answer(job_document())) == ["SUB SD q0", "SG 06 q0"]
    world.block(1)
    assert ready() in world.block(2, 255)


def test_g_different_job_after_resume() -> None:
    world = downloading()
    world.block(0)
    world.send(Event.SUSPEND)
    world.send(Event.RESUME)
    lines = world.answer(job_document(job_id="J2", stream="S2"))
    assert [line for line in lines if not line.startswith(("TIMER", "STOP"))] == [
        "PAL set ABORTED",
        "UNSUB SD",
        "PAL abort",
        "CB RECEIVED_JOB J2",
        "PAL create",
        "SUB SD(S2) q0",
        "SG(S2) 07 q0",
    ]


def test_g_same_job_with_another_file_starts_again() -> None:
    world = downloading()
    world.block(0)
    world.send(Event.SUSPEND)
    world.send(Event.RESUME)
    assert wire(world.answer(job_document(4)))[-2:] == ["SUB SD q0", "SG 0f q0"]


def test_g_cancelled_while_suspended() -> None:
    world = downloading()
    world.send(Event.SUSPEND)
    world.send(Event.RESUME)
    assert wire(world.answer(EMPTY)) == ["UNSUB SD"]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert wire(world.notify(job_document(job_id="J2"))) == ["SUB SD q0", "SG 07 q0"]


def test_g_abort_while_suspended_leaves_suspension() -> None:
    world = downloading()
    world.send(Event.SUSPEND)
    assert failed("aborted: 0x00000013") in world.send(Event.USER_ABORT)
    assert world.machine.state is State.WAITING_FOR_JOB


@pytest.mark.parametrize(
    ("unsubscribe", "expected"), [(True, ["UNSUB NN", "UNSUB SD"]), (False, [])]
)
def test_h_shutdown_during_a_download(unsubscribe: bool, expected: list[str]) -> None:
    world = downloading()
    world.block(0)
    world.machine.unsubscribe = unsubscribe
    lines = world.send(Event.SHUTDOWN)
    assert wire(lines) == expected
    assert lines[-1] == "PAL abort"
    assert world.machine.state is State.STOPPED
    assert wire(world.boot()) == asked(1)
    assert wire(world.answer(job_document())) == ["SUB SD q0", "SG 07 q0"]
    world.block(0)
    assert "UNSUB SD" in world.notify(b"")


@pytest.mark.parametrize("broken", ["SUB NN", "NG"])
def test_i_job_request_never_gets_out(broken: str) -> None:
    world = World()
    world.refuse = {broken}
    lines = world.boot()
    for _ in range(3):
        assert "TIMER request 10" in lines
        assert world.machine.state is State.REQUESTING_JOB
        lines = world.expire()
    assert lines[-3:] == ["STOP self_test", "UNSUB NN", "PAL abort"]
    assert world.machine.state is State.STOPPED


def test_i_a_job_request_that_gets_out_starts_the_count_again() -> None:
    world = World()
    world.refuse = {"NG"}
    world.boot()
    world.expire()
    world.refuse.clear()
    assert wire(world.expire()) == asked(2)
    assert world.machine.momentum == 0
    assert world.machine.state is State.WAITING_FOR_JOB


def test_stream_that_cannot_be_subscribed() -> None:
    world = World()
    world.boot()
    world.refuse = {"SUB SD"}
    world.notify(job_document())
    for _ in range(2):
        assert world.machine.state is State.CREATING_FILE
        world.expire()
    assert failed("aborted: 0x00000000") in world.expire()
    assert world.machine.state is State.STOPPED


def test_stream_that_can_be_subscribed_later() -> None:
    world = World()
    world.boot()
    world.refuse = {"SUB SD"}
    world.notify(job_document())
    world.refuse.clear()
    assert wire(world.expire()) == ["SUB SD q0", "SG 07 q0"]


def test_check_for_update_during_a_download_continues_it() -> None:
    world = downloading()
    world.block(0)
    assert wire(world.send(Event.REQUEST_JOB_DOCUMENT)) == asked(1)
    assert wire(world.answer(job_document())) == ["SUB SD q0", "SG 06 q0"]


def test_idle_agent_does_not_poll() -> None:
    world = World()
    world.boot()
    assert world.send(Event.REQUEST_JOB_DOCUMENT) == []
    assert world.expire() == []


def test_long_thing_names_are_cut_in_the_token() -> None:
    world = World()
    world.machine.begin("t" * 128)
    world.machine.state = State.READY
    world.machine.job_requests = 10
    world.send(Event.START)
    assert f'"clientToken":"10:{"t" * 53}"' in world.log[1]


# -- decisions outside self-test ----------------------------------------------------------------


def test_decision_without_a_job() -> None:
    world = World()
    world.boot()
    assert world.decide(ImageState.ACCEPTED) is OtaErr.NO_ACTIVE_JOB
    assert world.decide(ImageState.REJECTED) is OtaErr.NO_ACTIVE_JOB
    assert wire(world.log) == asked(0)


@pytest.mark.parametrize("state", [ImageState.TESTING, ImageState.UNKNOWN])
def test_decision_that_is_none(state: ImageState) -> None:
    world = World()
    world.boot()
    assert world.decide(state) is OtaErr.INVALID_ARG


def test_rejecting_during_a_download_ends_it() -> None:
    world = downloading()
    assert world.decide(ImageState.REJECTED) is OtaErr.NONE
    assert failed("rejected: 0x00000000") in world.log
    assert world.machine.state is State.WAITING_FOR_JOB
    assert world.machine.transfer is None


def test_accepting_during_a_download_is_refused() -> None:
    world = downloading()
    assert world.decide(ImageState.ACCEPTED) is OtaErr.IMAGE_STATE_MISMATCH
    assert wire(world.block(0)) == [receive(1, 3)]


def test_last_block_twice_does_not_harm_a_finished_job() -> None:
    world = downloading()
    message = cbor2.dumps({"f": 0, "i": 0, "l": 256, "p": bytes(256)})
    world.block(1)
    world.block(2, 255)

    def duplicate(_: object) -> None:
        world.data(message)

    world.on_callback[JobEvent.ACTIVATE] = duplicate
    lines = world.data(message)
    assert ready() in lines
    assert not [line for line in lines if "FAILED" in line or "REJECTED" in line]
