"""Each deliberate fault makes a device that does what its description says; a good one does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import cbor2
import pytest

from agent.faults import UnknownFaultError, check_faults
from agent.protocol.image import Behaviour
from tests.agent.device.process import DeviceProcess, image, ota_document
from tests.agent.device.scripted_cloud import Job, ScriptedCloud
from tests.agent.platform.device import OTHER_KEY, sign

NEW = image("1.0.1")
Sign = Callable[[ScriptedCloud, DeviceProcess], bool]


@pytest.fixture
def cloud() -> Iterator[ScriptedCloud]:
    with ScriptedCloud() as running:
        yield running


def run(cloud: ScriptedCloud, data: bytes = NEW, signature: bytes | None = None) -> Job:
    """One update; ends with the job, or when the device asks again without having ended it."""
    job = cloud.offer("J1", ota_document(data, signature=signature), data)
    asked = cloud.sent("$next/get")
    cloud.wait(lambda: job in cloud.done or cloud.sent("$next/get") > asked + 1)
    return job


def took_a_bad_signature(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    return run(cloud, signature=sign(NEW, OTHER_KEY)).status == "SUCCEEDED"


def took_the_same_version(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    return run(cloud, image("1.0.0")).status == "SUCCEEDED"


def kept_a_rejected_image(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud, image("1.0.1", behaviour=Behaviour.REJECT))
    device.wait_line(lambda line: line.startswith("boot: ") and "state=valid" in line, 3)
    return device.boots()[-1] == "boot: version=1.0.1 slot=B state=valid"


def statuses(cloud: ScriptedCloud) -> list[tuple[bytes, int]]:
    return [(body, flags) for topic, body, flags in cloud.published if topic.endswith("/update")]


def spoke_after_the_end(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud)
    device.command("shutdown 1")
    return b"SUCCEEDED" not in statuses(cloud)[-1][0]


def retained(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud)
    return any(flags & 1 for _, _, flags in cloud.published)


def named_another_updater(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud)
    return not any(b'"ready","updatedBy":"0x01000000"' in body for body, _ in statuses(cloud))


def last_status_at_qos0(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud)
    return statuses(cloud)[-1][1] == 0


def never_said_active(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    run(cloud)
    return not any(b'"active"' in body for body, _ in statuses(cloud))


def bits_came_back(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    cloud.offer("J1", ota_document(NEW), NEW)
    cloud.wait(lambda: cloud.sent("/get/cbor") >= 2)
    requests = [cbor2.loads(b)["b"] for t, b, _ in cloud.published if t.endswith("/get/cbor")]
    return int.from_bytes(requests[1], "little") & 0xFF != 0


def died_silently(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    cloud.offer("J1", ota_document(NEW, signature=sign(NEW, OTHER_KEY)), NEW)
    device.wait_line(lambda line: "event FAIL" in line)
    asked = cloud.sent("$next/get")
    device.command("shutdown 1")
    device.command("start")
    cloud.wait(lambda: cloud.sent("$next/get") > asked)  # All that came before has arrived too.
    return not any(b"FAILED" in body for body, _ in statuses(cloud))


def asked_after_the_abort(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    cloud.mute_stream = True
    job = cloud.offer("J1", ota_document(NEW), NEW)
    cloud.wait(lambda: cloud.sent("/get/cbor") > 0)
    device.command("abort")
    cloud.wait_done(job)
    device.command("shutdown 1")
    topics = [topic for topic, _, _ in cloud.published]
    return topics[-1].endswith("/get/cbor")


def final_status_unreadable(cloud: ScriptedCloud, device: DeviceProcess) -> bool:
    cloud.offer("J1", ota_document(NEW), NEW)
    cloud.wait(lambda: any(b"SUCCEEDED" in body for body, _ in statuses(cloud)))
    try:
        json.loads(statuses(cloud)[-1][0])
    except ValueError:
        return True
    return False


SIGNS: dict[str, Sign] = {
    "skip-signature": took_a_bad_signature,
    "ignore-same-version": took_the_same_version,
    "never-roll-back": kept_a_rejected_image,
    "publish-after-terminal": spoke_after_the_end,
    "retain": retained,
    "commit-before-self-test": kept_a_rejected_image,
    "wrong-updated-by": named_another_updater,
    "status-qos0": last_status_at_qos0,
    "no-self-test-active": never_said_active,
    "forget-bitmap": bits_came_back,
    "silent-rejection": died_silently,
    "download-after-abort": asked_after_the_abort,
    "broken-final-status": final_status_unreadable,
}


@pytest.mark.parametrize("broken", [True, False], ids=["broken", "good"])
@pytest.mark.parametrize("name", SIGNS)
def test_fault_shows(tmp_path: Path, cloud: ScriptedCloud, name: str, broken: bool) -> None:
    faults = [name] if broken else []
    with DeviceProcess(tmp_path, cloud.port, faults=faults) as device:
        device.wait_line(lambda line: line == "ota: connected")
        assert SIGNS[name](cloud, device) == broken


def test_unknown_fault_lists_the_known_ones() -> None:
    with pytest.raises(UnknownFaultError, match=r"unknown fault 'x'; known: .*skip-signature"):
        check_faults(["retain", "x"])
