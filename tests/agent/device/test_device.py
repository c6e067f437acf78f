"""The whole device through a real socket: every ending of an update, as said, run and stored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.protocol.image import Behaviour
from tests.agent.device.process import REPOSITORY, DeviceProcess, image, ota_document
from tests.agent.device.scripted_cloud import Job, ScriptedCloud
from tests.agent.platform.device import OTHER_KEY, sign

NEW = image("1.0.1")
BOOT_OLD = "boot: version=1.0.0 slot=A state=valid"
BOOT_NEW = "boot: version=1.0.1 slot=B state=pending_commit"
ROLLBACK = "boot: rollback from=1.0.1 to=1.0.0"


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with ScriptedCloud() as running:
        yield running


@pytest.fixture
def device(tmp_path: Path, cloud: ScriptedCloud) -> Iterator[DeviceProcess]:
    with DeviceProcess(tmp_path, cloud.port) as running:
        running.wait_line(lambda line: line == "ota: connected")
        yield running


def offer(cloud: ScriptedCloud, data: bytes = NEW, job_id: str = "J1", **changes: object) -> Job:
    return cloud.offer(job_id, ota_document(data, **changes), data)  # type: ignore[arg-type]


def last_details(job: Job) -> str:
    return f"{job.status} {job.details['reason']}"


def good_update_follows(cloud: ScriptedCloud, version: str = "1.0.9") -> None:
    data = image(version)
    job = offer(cloud, data, "good")
    cloud.wait_done(job)
    assert job.status == "SUCCEEDED"


def test_update_succeeds_and_stays(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    job = offer(cloud)
    history = cloud.wait_done(job)
    told = [report["statusDetails"] for report in history]
    assert told == [
        {"receive": "1/40"},
        {"self_test": "ready", "updatedBy": "0x01000000"},
        {"self_test": "active", "updatedBy": "0x01000001"},
        {"reason": "accepted  v1.0.1", "updatedBy": "  v1.0.0"},
    ]
    assert device.boots() == [BOOT_OLD, BOOT_NEW]
    assert device.slot_b.read_bytes() == NEW
    device.command("reset")
    device.wait_line(lambda line: line.startswith("boot: version=1.0.1") and "=valid" in line)


def test_three_updates_in_a_row(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    for number in (1, 2, 3):
        job = offer(cloud, image(f"1.0.{number}"), f"J{number}")
        cloud.wait_done(job)
        assert last_details(job) == f"SUCCEEDED accepted  v1.0.{number}"
    slots = [line.split("slot=")[1][0] for line in device.boots()]
    assert slots == ["A", "B", "A", "B"]


ENDINGS = {
    Behaviour.REJECT: "FAILED rejected: 0x00000000",
    Behaviour.HANG: "FAILED rejected: 0x0000000f",
    Behaviour.CRASH: "FAILED rejected: 0x00000010",
    Behaviour.NO_CONNECT: "FAILED rejected: 0x00000010",
}


@pytest.mark.parametrize("behaviour", ENDINGS)
def test_bad_image_is_rolled_back(
    cloud: ScriptedCloud, device: DeviceProcess, behaviour: Behaviour
) -> None:
    data = image("1.0.1", behaviour=behaviour)
    job = offer(cloud, data)
    cloud.wait_done(job)
    assert last_details(job) == ENDINGS[behaviour]
    device.wait_line(lambda line: line == ROLLBACK)
    device.wait_line(lambda line: line.startswith("boot: version=1.0.0"), 2)
    assert device.boots()[:4] == [BOOT_OLD, BOOT_NEW, ROLLBACK, BOOT_OLD]
    good_update_follows(cloud)


@pytest.mark.parametrize(
    ("version", "reason"), [("1.0.0", "rejected: 0x00000010"), ("0.9.0", "rejected: 0x0000000f")]
)
def test_image_that_is_not_newer(
    cloud: ScriptedCloud, device: DeviceProcess, version: str, reason: str
) -> None:
    job = offer(cloud, image(version))
    cloud.wait_done(job)
    assert last_details(job) == f"FAILED {reason}"
    device.wait_line(lambda line: line == f"boot: rollback from={version} to=1.0.0")
    good_update_follows(cloud)


REFUSED = {
    "other signer": (NEW, {"signature": sign(NEW, OTHER_KEY)}, "0x000000e3: 0x00000002"),
    "other product": (image("1.0.1", product="toaster"), {}, "0x000000ee: 0x00000002"),
    "signed text": (b"text" * 999, {}, "0x000000ee: 0x00000001"),
    "too large": (bytes(5 << 20), {}, "0x0000000c: 0x00000005"),
}


@pytest.mark.parametrize(("data", "changes", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_file(
    cloud: ScriptedCloud,
    device: DeviceProcess,
    data: bytes,
    changes: dict[str, bytes],
    reason: str,
) -> None:
    job = offer(cloud, data, "J1", **changes)
    cloud.wait_done(job)
    assert last_details(job) == f"FAILED {reason}"
    assert device.boots() == [BOOT_OLD]
    good_update_follows(cloud)


def test_unsigned_file(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    document = ota_document(NEW)
    del document["afr_ota"]["files"][0]["sig-sha256-ecdsa"]
    job = cloud.offer("J1", document, NEW)
    cloud.wait_done(job)
    assert last_details(job) == "FAILED 0x000000e3: 0x00000001"
    assert device.boots() == [BOOT_OLD]


def test_connection_lost_during_the_download(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    cloud.cut_after_blocks = 13
    job = offer(cloud)
    cloud.wait_done(job)
    assert job.status == "SUCCEEDED"
    requests = [p for topic, p, _ in cloud.published if topic.endswith("/get/cbor")]
    assert len(requests) <= 7
    assert device.slot_b.read_bytes() == NEW


def test_lost_answer_to_the_job_request(tmp_path: Path, cloud: ScriptedCloud) -> None:
    cloud.lose_answers = 1
    cloud.jobs.append(Job("J1", ota_document(NEW), NEW))
    with DeviceProcess(tmp_path, cloud.port):
        cloud.wait(lambda: bool(cloud.done))
        assert cloud.done[0].status == "SUCCEEDED"


def test_idle_device_does_not_poll(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    device.command("check")
    job = cloud.offer("bad", {"afr_ota": {}})
    cloud.wait_done(job)
    assert cloud.sent("$next/get") == 1


def test_cancel_during_the_download(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    cloud.mute_stream = True
    job = offer(cloud)
    cloud.wait(lambda: cloud.sent("/get/cbor") > 0)
    cloud.cancel(job)
    cloud.wait(lambda: cloud.sent("$next/get") == 2)
    cloud.mute_stream = False
    assert job.history == []
    good_update_follows(cloud)
    assert device.boots()[0] == BOOT_OLD


def test_suspend_resume_and_abort(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    cloud.mute_stream = True
    job = offer(cloud)
    cloud.wait(lambda: cloud.sent("/get/cbor") > 0)
    assert device.command("suspend") == "OtaErrNone"
    device.wait_line(lambda line: line.endswith("-> Suspended"))
    assert device.command("resume") == "OtaErrNone"
    cloud.wait(lambda: cloud.sent("$next/get") == 2)
    assert device.command("abort") == "OtaErrNone"
    cloud.wait_done(job)
    assert last_details(job) == "FAILED aborted: 0x00000013"
    cloud.mute_stream = False
    good_update_follows(cloud)


def test_shutdown_and_start(cloud: ScriptedCloud, device: DeviceProcess) -> None:
    assert device.command("shutdown 1") == "Stopped"
    assert device.command("abort") == "OtaErrSignalEventFailed"
    assert device.command("start") == "OtaErrNone"
    assert "unknown command" in device.command("dance")
    good_update_follows(cloud)


def test_silent_stream_fails_the_job_and_the_device_goes_on(
    tmp_path: Path, cloud: ScriptedCloud
) -> None:
    declares = {"request_timer_s": 0.1, "momentum": 2}
    with DeviceProcess(tmp_path, cloud.port, declares=declares):
        cloud.mute_stream = True
        job = offer(cloud)
        cloud.wait_done(job)
        assert last_details(job) == "FAILED aborted: 0x00000000"
        cloud.mute_stream = False
        good_update_follows(cloud)


def test_nothing_is_retained_and_qos_is_as_required(
    cloud: ScriptedCloud, device: DeviceProcess
) -> None:
    cloud.wait_done(offer(cloud))
    for topic, payload, flags in cloud.published:
        assert not flags & 1
        progress = topic.endswith("/update") and b'"receive"' in payload
        assert flags >> 1 == (0 if progress or topic.endswith("/get/cbor") else 1)
    assert not any("get/accepted" in topic_filter for topic_filter in cloud.subscribed)


# -- power --------------------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [0, 1, 20, 39])
def test_power_cut_during_the_download(tmp_path: Path, cloud: ScriptedCloud, blocks: int) -> None:
    with DeviceProcess(tmp_path, cloud.port) as device:
        device.wait_line(lambda line: line == "ota: connected")
        cloud.cut_after_blocks = blocks
        job = offer(cloud)
        cloud.wait(lambda: cloud.cut_after_blocks is None)
        device.power_off()
        device.power_on()
        cloud.wait_done(job)
        assert job.status == "SUCCEEDED"
        assert device.boots()[:2] == [BOOT_OLD, BOOT_OLD]


def test_power_cut_in_self_test_rolls_back(tmp_path: Path, cloud: ScriptedCloud) -> None:
    declares = {"self_test_timer_s": 60.0, "trial_time_s": 60.0}
    with DeviceProcess(tmp_path, cloud.port, declares=declares) as device:
        device.wait_line(lambda line: line == "ota: connected")
        job = offer(cloud, image("1.0.1", behaviour=Behaviour.HANG))
        cloud.wait(lambda: job.details.get("self_test") == "active")
        device.power_off()
        device.power_on()
        cloud.wait_done(job)
        assert last_details(job) == "FAILED rejected: 0x0000000f"
        device.wait_line(lambda line: line == ROLLBACK)
        assert device.boots()[:4] == [BOOT_OLD, BOOT_NEW, ROLLBACK, BOOT_OLD]


def test_sigterm_ends_the_device(device: DeviceProcess) -> None:
    process = device.process
    children = _children(process.pid)
    assert len(children) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_no_orphan_survives_the_boot_loader(device: DeviceProcess) -> None:
    (child,) = _children(device.process.pid)
    gone = os.pidfd_open(child)
    os.kill(device.process.pid, signal.SIGKILL)
    import select

    assert select.select([gone], [], [], 10)[0]
    os.close(gone)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


# -- users' mistakes ----------------------------------------------------------------------------

MISTAKES = {
    "no file": (None, "cannot read"),
    "not JSON": ("{", "not JSON"),
    "not an object": ("[]", "must be a JSON object"),
    "no thing": ("{}", "mqtt is missing"),
    "unknown fault": ({"faults": ["lazy"]}, "unknown fault 'lazy'"),
    "unknown key": ({"colour": 1}, "unknown key colour"),
    "no image": ({}, "no image in"),
    "bad block size": ({"declares": {"block_size": 1000}}, "power of two"),
    "bad port": ({"mqtt": {"host": "h", "port": 0}}, "mqtt.port"),
    "no CA": ({"mqtt": {"host": "h", "port": 1, "ca": "/absent"}}, "mqtt.ca"),
    "CA that is none": ({"mqtt": {"host": "h", "port": 1, "ca": __file__}}, "TLS files"),
}


@pytest.mark.parametrize(("content", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_end_with_one_line(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "config.json"
    if isinstance(content, dict):
        base = {"thing": "t", "root": str(tmp_path), "mqtt": {"host": "127.0.0.1", "port": 1}}
        path.write_text(json.dumps(base | content))
    elif isinstance(content, str):
        path.write_text(content)
    command = [sys.executable, "-m", "agent", "--config", str(path)]
    ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert message in ended.stderr
