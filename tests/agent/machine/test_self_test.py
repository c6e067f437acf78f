"""The outcome matrix of OTA spec §8.3, the application's decision (§8.4) and its failures."""

from __future__ import annotations

from typing import Any

import pytest

from agent.protocol.codes import ImageState, JobEvent, PalImageState, PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from agent.protocol.version import Version
from tests.agent.machine.world import (
    EMPTY,
    World,
    active,
    failed,
    job_document,
    settings,
    succeeded,
    wire,
    without,
)

PENDING, VALID = PalImageState.PENDING_COMMIT, PalImageState.VALID
READY = {"self_test": "ready", "updatedBy": "0x01000000"}
BEFORE = {"self_test": "active", "updatedBy": "0x01000001"}
AFTER = {"self_test": "active", "updatedBy": "0x01000002"}
ACTIVE = active("0x01000001")


def booted(pal: PalImageState = PENDING, **changes: Any) -> World:
    world = World(settings(version=Version(1, 0, 1), **changes))
    world.pal_state = pal
    world.boot()
    return world


MATRIX: dict[str, tuple[PalImageState, Any, list[str]]] = {
    "pending, version ok": (
        PENDING,
        job_document(details=READY),
        [
            "PAL set TESTING",
            ACTIVE,
            "CB RECEIVED_JOB AFR_OTA-job1",
            "CB START_TEST",
            "STOP self_test",
        ],
    ),
    "pending, same version": (
        PENDING,
        job_document(details=BEFORE),
        [
            "PAL set REJECTED",
            failed("rejected: 0x00000010"),
            "CB RECEIVED_JOB",
            "CB SELF_TEST_FAILED",
            "PAL reset",
        ],
    ),
    "pending, older version": (
        PENDING,
        job_document(details=AFTER),
        [
            "PAL set REJECTED",
            failed("rejected: 0x0000000f"),
            "CB RECEIVED_JOB",
            "CB SELF_TEST_FAILED",
            "PAL reset",
        ],
    ),
    "pending, ordinary job": (PENDING, job_document(), ["PAL reset"]),
    "pending, no job": (PENDING, EMPTY, ["CB NO_ACTIVE_JOB"]),
    "pending, unparsable job": (
        PENDING,
        without(job_document(), "execution", "jobDocument", "afr_ota"),
        ["CB PARSE_CUSTOM_JOB AFR_OTA-job1", failed("0x0000000c: 0x00000004")],
    ),
    "valid, version ok": (
        VALID,
        job_document(details=READY),
        [
            "PAL set TESTING",
            ACTIVE,
            "CB RECEIVED_JOB AFR_OTA-job1",
            "PAL set REJECTED",
            failed("rejected: 0x00000011"),
            "PAL reset",
        ],
    ),
    "valid, same version": (
        VALID,
        job_document(details=BEFORE),
        [
            "PAL set REJECTED",
            failed("rejected: 0x00000010"),
            "CB RECEIVED_JOB",
            "CB SELF_TEST_FAILED",
            "PAL reset",
        ],
    ),
    "valid, older version": (
        VALID,
        job_document(details=AFTER),
        [
            "PAL set REJECTED",
            failed("rejected: 0x0000000f"),
            "CB RECEIVED_JOB",
            "CB SELF_TEST_FAILED",
            "PAL reset",
        ],
    ),
}


@pytest.mark.parametrize(("pal", "document", "expected"), MATRIX.values(), ids=MATRIX.keys())
def test_outcome_matrix(pal: PalImageState, document: Any, expected: list[str]) -> None:
    world = booted(pal)
    lines = world.answer(document)
    assert lines == expected
    assert world.machine.state is State.WAITING_FOR_JOB


def test_valid_image_downloads_an_ordinary_job() -> None:
    assert wire(booted(VALID).answer(job_document())) == ["SUB SD q0", "SG 07 q0"]


@pytest.mark.parametrize(("pal", "starts"), [(PENDING, True), (VALID, False)])
def test_only_a_pending_image_is_guarded(pal: PalImageState, starts: bool) -> None:
    assert ("TIMER self_test 16" in booted(pal).log) == starts


def test_refused_image_does_not_download_either() -> None:
    world = booted(PalImageState.INVALID)
    assert world.notify(job_document()) == ["PAL reset"]


def test_ineffective_reset_never_leads_to_a_download() -> None:
    world = booted()
    for number in range(3):
        lines = world.notify(job_document(job_id=f"J{number}"))
        assert lines == ["PAL reset"]


@pytest.mark.parametrize("value", ["ready", "", None, False, 0, {"x": 1}])
def test_presence_of_self_test_is_enough(value: Any) -> None:
    details = {"self_test": value, "updatedBy": "0x01000000"}
    assert "CB START_TEST" in booted().answer(job_document(details=details))


def test_missing_updated_by_passes() -> None:
    assert "CB START_TEST" in booted().answer(job_document(details={"self_test": "ready"}))


@pytest.mark.parametrize("details", [BEFORE, AFTER])
@pytest.mark.parametrize("job", [{"fileid": 1}, {"fileType": 1}], ids=["file id", "file type"])
def test_only_the_firmware_file_has_a_version(details: dict[str, Any], job: Any) -> None:
    assert "CB START_TEST" in booted().answer(job_document(details=details, **job))


@pytest.mark.parametrize("details", [BEFORE, AFTER])
def test_declared_downgrade_passes(details: dict[str, Any]) -> None:
    world = booted(allow_downgrade=True)
    assert "CB START_TEST" in world.answer(job_document(details=details))


# -- the decision -------------------------------------------------------------------------------


def under_test() -> World:
    world = booted()
    world.answer(job_document(details=READY))
    return world


def test_accepted_later() -> None:
    world = under_test()
    world.decide(ImageState.ACCEPTED)
    assert world.log[-2:] == ["PAL set ACCEPTED", succeeded("1.0.1", "1.0.0")]
    assert world.machine.job_id == ""


def test_rejected() -> None:
    world = under_test()
    world.decide(ImageState.REJECTED)
    assert world.log[-2:] == ["PAL set REJECTED", failed("rejected: 0x00000000")]
    assert "PAL reset" not in world.log


def test_commit_that_fails_is_never_a_success() -> None:
    world = under_test()
    world.pal["set ACCEPTED"] = PalStatus(PalMainStatus.COMMIT_FAILED, 7)
    world.decide(ImageState.ACCEPTED)
    assert world.log[-1] == failed("rejected: 0xeb000007")
    assert world.machine.image_state is ImageState.REJECTED


def test_rejection_that_fails_names_the_platform() -> None:
    world = under_test()
    world.pal["set REJECTED"] = PalStatus(PalMainStatus.REJECT_FAILED, 1)
    world.decide(ImageState.REJECTED)
    assert world.log[-1] == failed("rejected: 0xea000001")


def test_platform_that_cannot_enter_testing() -> None:
    world = booted()
    world.pal["set TESTING"] = PalStatus(PalMainStatus.BAD_IMAGE_STATE, 0)
    lines = world.answer(job_document(details=READY))
    assert failed("rejected: 0xe8000000") in lines
    assert "CB START_TEST" not in lines
    assert "PAL reset" not in lines
    assert "STOP self_test" not in lines


def test_document_repeated_while_deciding_changes_nothing() -> None:
    world = under_test()
    assert world.notify(job_document(details=READY)) == []
    world.decide(ImageState.ACCEPTED)
    assert world.log[-1] == succeeded("1.0.1", "1.0.0")


def test_document_repeated_after_success_is_dropped() -> None:
    world = under_test()
    world.decide(ImageState.ACCEPTED)
    world.pal_state = VALID
    assert world.notify(job_document(details=READY)) == []


def test_second_decision_reports_nothing() -> None:
    world = under_test()
    world.decide(ImageState.ACCEPTED)
    mark = len(world.log)
    world.decide(ImageState.REJECTED)
    assert wire(world.log[mark:]) == []


def test_other_job_while_pending_resets() -> None:
    world = under_test()
    assert world.notify(job_document(job_id="J2")) == ["PAL reset"]


def test_timer_is_stopped_only_after_the_callback() -> None:
    world = booted()
    seen: list[bool] = []
    world.on_callback[JobEvent.START_TEST] = lambda _: seen.append("STOP self_test" in world.log)
    world.answer(job_document(details=READY))
    assert seen == [False]
    assert world.log[-1] == "STOP self_test"


def test_pending_image_is_not_reset_by_suspension_alone() -> None:
    world = booted()
    world.send(Event.SUSPEND)
    assert "PAL reset" not in world.log
    world.send(Event.RESUME)
    assert "CB START_TEST" in world.answer(job_document(details=READY))
