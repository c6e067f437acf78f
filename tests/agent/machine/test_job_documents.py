"""Every row of OTA spec §4.4, custom jobs (§4.5), protocol choice (§4.3) and refreshes (§4.6)."""

from __future__ import annotations

from typing import Any

import pytest

from agent.machine.ports import EventData, JobRecord
from agent.machine.settings import DataProtocol
from agent.protocol.codes import JobEvent, JobParseErr, JobReason, JobStatus, PalMainStatus
from agent.protocol.pal_status import PalStatus
from agent.protocol.states import Event, State
from tests.agent.machine.world import (
    EMPTY,
    World,
    as_bytes,
    failed,
    in_progress,
    job_document,
    settings,
    wire,
    without,
)

AFR = ("execution", "jobDocument", "afr_ota")
FILE = (*AFR, "files")
REFUSED = [failed("0x0000000c: 0x00000004")]
LONG_ID = "J" * 73

NO_JOB: dict[str, Any] = {
    "token and time only": EMPTY,
    "empty execution": {**EMPTY, "execution": {}},
    "empty object": {},
    "token only": {"clientToken": "x"},
    "not JSON": b"nonsense",
    "nothing": b"",
    "binary": bytes(range(256)),
    "an array": b"[1,2]",
    "job id missing": without(job_document(), "execution", "jobId"),
    "job document missing": without(job_document(), "execution", "jobDocument"),
    "job id empty": job_document(job_id=""),
}

REFUSALS: dict[str, Any] = {
    "afr_ota missing": without(job_document(), *AFR),
    "protocols missing": without(job_document(), *AFR, "protocols"),
    "files missing": without(job_document(), *FILE),
    "filesize missing": without(job_document(), *FILE, "filesize"),
    "fileid missing": without(job_document(), *FILE, "fileid"),
    "filesize not a number": job_document(filesize="many"),
    "filesize a fraction": job_document(filesize=1024.5),
    "filesize true": job_document(filesize=True),
    "fileid not a number": job_document(fileid="x"),
    "bad base64": job_document(signature="!!!!"),
    "protocols too long": job_document(protocols=["MQTT", "HTTP", "AND-MORE"]),
    "attr not a number": job_document(attr="x"),
}


def idle(**changes: Any) -> World:
    world = World(settings(**changes))
    world.boot()
    return world


def works_afterwards(world: World) -> bool:
    """The device is alive: a good job starts a download."""
    return wire(world.notify(job_document(job_id="good"))) == ["SUB SD q0", "SG 07 q0"]


@pytest.mark.parametrize("document", NO_JOB.values(), ids=NO_JOB.keys())
def test_no_job_is_silent(document: Any) -> None:
    world = idle()
    assert world.notify(document) == ["CB NO_ACTIVE_JOB"]
    assert world.machine.state is State.WAITING_FOR_JOB
    assert works_afterwards(world)


@pytest.mark.parametrize("document", REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_document_is_reported(document: Any) -> None:
    world = idle()
    lines = world.notify(document)
    assert wire(lines) == REFUSED
    assert "CB PARSE_CUSTOM_JOB AFR_OTA-job1" in lines
    assert "PAL create" not in lines
    assert works_afterwards(world)


@pytest.mark.parametrize("files", [[], [1], "none", 7], ids=["empty", "number", "text", "scalar"])
def test_files_that_hold_no_file(files: Any) -> None:
    document = job_document()
    document["execution"]["jobDocument"]["afr_ota"]["files"] = files
    world = idle()
    assert wire(world.notify(document)) == REFUSED
    assert works_afterwards(world)


def test_job_id_longer_than_supported_is_silent() -> None:
    world = idle()
    assert wire(world.notify(job_document(job_id=LONG_ID))) == []
    assert works_afterwards(world)


@pytest.mark.parametrize("job_id", ["J", "J" * 64, "J" * 72])
def test_job_id_of_supported_length(job_id: str) -> None:
    world = idle()
    world.notify(job_document(job_id=job_id))
    assert world.block(0)[-1].startswith(f"UP({job_id})")


def test_file_of_no_bytes_is_reported() -> None:
    world = idle()
    assert wire(world.notify(job_document(size=0))) == [failed("0x0000000c: 0x00000003")]
    assert "PAL create" not in world.log
    assert works_afterwards(world)


@pytest.mark.parametrize("size", [64 * 256 + 1, 1 << 31, 0xFFFFFFFF])
def test_file_too_large_is_reported(size: int) -> None:
    world = idle()
    assert wire(world.notify(job_document(size=size))) == [failed("0x0000000c: 0x00000005")]
    assert "PAL create" not in world.log
    assert works_afterwards(world)


def test_largest_file_is_taken() -> None:
    world = idle()
    assert wire(world.notify(job_document(size=64 * 256)))[-1] == f"SG {'ff' * 8} q0"


@pytest.mark.parametrize("protocols", [["BLE"], [], "MQTT", ["mqtt"]])
def test_unsupported_protocol_then_a_good_job(protocols: Any) -> None:
    world = idle()
    lines = world.notify(job_document(protocols=protocols))
    if protocols == "MQTT":
        assert wire(lines) in ([failed("aborted: 0x0000000d")], REFUSED)
    else:
        assert wire(lines) == [failed("aborted: 0x0000000d")]
    assert "PAL create" not in lines
    assert works_afterwards(world)


def test_platform_refuses_the_file() -> None:
    world = idle()
    world.pal["create"] = PalStatus(PalMainStatus.RX_FILE_CREATE_FAILED, 5)
    lines = world.notify(job_document())
    assert wire(lines) == [failed("aborted: 0xe4000005")]
    assert world.machine.state is State.WAITING_FOR_JOB
    world.pal.clear()
    assert works_afterwards(world)


def test_unknown_members_and_further_files_are_ignored() -> None:
    document = job_document(extra={"deep": [1, {"x": None}]})
    document["execution"]["jobDocument"]["afr_ota"]["files"].append({"filesize": "nonsense"})
    document["new"] = True
    world = idle()
    assert wire(world.notify(document)) == ["SUB SD q0", "SG 07 q0"]


def test_numbers_as_text() -> None:
    world = idle()
    assert wire(world.notify(job_document(size=1, filesize="0x2ff", fileid="0")))[-1] == "SG 07 q0"


def test_absent_fields_are_not_inherited() -> None:
    world = idle()
    world.notify(job_document(fileType=2, attr=7))
    world.send(Event.USER_ABORT)
    world.notify(without(job_document(job_id="J2"), *FILE, "sig-sha256-ecdsa"))
    transfer = world.machine.transfer
    assert transfer is not None
    assert (transfer.document.file_type, transfer.document.signature) == (0, None)


def test_execution_that_ended_is_not_run_again() -> None:
    world = idle()
    world.notify(job_document())
    world.send(Event.USER_ABORT)
    assert world.notify(job_document()) == []
    assert wire(world.notify(job_document(number=2))) == ["SUB SD q0", "SG 07 q0"]


def test_refused_document_is_refused_once() -> None:
    world = idle()
    document = without(job_document(), *FILE, "filesize")
    assert wire(world.notify(document)) == REFUSED
    assert world.notify(document) == []


def test_document_of_128_kib_and_more() -> None:
    world = idle()
    padded = as_bytes(job_document(padding="x" * 100_000))
    assert wire(world.notify(padded)) == ["SUB SD q0", "SG 07 q0"]
    assert wire(idle().notify(as_bytes({"x": "y" * 200_000}))) == []


# -- custom jobs --------------------------------------------------------------------------------

CUSTOM = {"execution": {"jobId": "AFR_OTA-job1", "jobDocument": {"reboot": True}}}


def claim(status: JobStatus, reason: JobReason, sub_reason: int) -> Any:
    def decide(payload: JobRecord | EventData) -> None:
        assert isinstance(payload, JobRecord)
        payload.parse_err = JobParseErr.NONE
        payload.status, payload.reason, payload.sub_reason = status, reason, sub_reason

    return decide


CLAIMS = {
    "defaults": (JobStatus.IN_PROGRESS, JobReason.RECEIVING, 0, in_progress('"receive":"0/0"', 0)),
    "succeeded": (
        JobStatus.SUCCEEDED,
        JobReason.ACCEPTED,
        0x01020003,
        'UP {"status":"SUCCEEDED","statusDetails":{"reason":"accepted  v1.2.3"',
    ),
    "failed": (JobStatus.FAILED, JobReason.ABORTED, 0x77, failed("aborted: 0x00000077")),
    "rejected": (
        JobStatus.REJECTED,
        JobReason.REJECTED,
        1,
        failed("rejected: 0x00000001").replace("FAILED", "REJECTED"),
    ),
}


@pytest.mark.parametrize(
    ("status", "reason", "sub_reason", "line"), CLAIMS.values(), ids=CLAIMS.keys()
)
def test_claimed_custom_job(
    status: JobStatus, reason: JobReason, sub_reason: int, line: str
) -> None:
    world = idle()
    world.on_callback[JobEvent.PARSE_CUSTOM_JOB] = claim(status, reason, sub_reason)
    lines = world.notify(CUSTOM)
    published = wire(lines)
    assert len(published) == 1
    assert published[0].startswith(line)
    assert lines[-1] == "CB RECEIVED_JOB"
    assert world.machine.state is State.WAITING_FOR_JOB
    assert works_afterwards(world)


def test_claimed_custom_job_with_two_values() -> None:
    world = idle()
    world.on_callback[JobEvent.PARSE_CUSTOM_JOB] = claim(
        JobStatus.FAILED_WITH_VAL, JobReason(0), 0x12
    )
    assert wire(world.notify(CUSTOM)) == [failed("0x00000000: 0x00000012")]


def test_unclaimed_custom_job_fails() -> None:
    assert wire(idle().notify(CUSTOM)) == REFUSED


def test_custom_job_sees_the_document() -> None:
    world = idle()
    seen: list[JobRecord] = []
    world.on_callback[JobEvent.PARSE_CUSTOM_JOB] = lambda record: seen.append(record)  # type: ignore[arg-type]
    world.notify(CUSTOM)
    assert seen[0].job_id == "AFR_OTA-job1"
    assert b'"reboot"' in seen[0].document


# -- protocol choice ----------------------------------------------------------------------------

MQTT, HTTP = DataProtocol.MQTT, DataProtocol.HTTP
CHOICES = [
    ((MQTT,), MQTT, ["MQTT"], "SUB SD q0"),
    ((MQTT,), MQTT, ["HTTP"], None),
    ((HTTP,), HTTP, ["HTTP"], "HTTP init http://u/x?q"),
    ((HTTP,), HTTP, ["MQTT"], None),
    ((HTTP,), HTTP, ["MQTT", "HTTP"], "HTTP init http://u/x?q"),
    ((MQTT, HTTP), MQTT, ["MQTT", "HTTP"], "SUB SD q0"),
    ((MQTT, HTTP), MQTT, ["HTTP", "MQTT"], "SUB SD q0"),
    ((MQTT, HTTP), MQTT, ["HTTP"], "HTTP init http://u/x?q"),
    ((MQTT, HTTP), HTTP, ["MQTT", "HTTP"], "HTTP init http://u/x?q"),
    ((MQTT, HTTP), HTTP, ["MQTT"], "SUB SD q0"),
    ((MQTT, HTTP), HTTP, ["BLE"], None),
]


@pytest.mark.parametrize(("built", "primary", "offered", "first"), CHOICES)
def test_protocol_choice(
    built: tuple[DataProtocol, ...], primary: DataProtocol, offered: list[str], first: str | None
) -> None:
    world = idle(data_protocols=built, primary=primary)
    lines = wire(world.notify(job_document(protocols=offered, url="http://u/x?q")))
    assert lines[0] == (first or failed("aborted: 0x0000000d"))


def test_protocol_without_its_source_is_not_offered() -> None:
    world = idle()
    both = ["MQTT", "HTTP"]
    lines = wire(world.notify(job_document(protocols=both, stream=None, url="http://u/x")))
    assert lines[0] == "HTTP init http://u/x"
    assert wire(idle().notify(job_document(stream=None))) == [failed("aborted: 0x0000000d")]


def test_every_document_is_given_back_once() -> None:
    world = idle()
    documents = [*NO_JOB.values(), *REFUSALS.values(), job_document(job_id="good")]
    for document in documents:
        world.notify(document)
    assert len(world.given_back) == len(documents)
