"""Updates of an emulated chip by the real service, over the wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.jobs.http_faults import (
    AnswerStatus,
    Close,
    HttpAction,
    HttpFault,
    NoAnswer,
    Truncate,
    WholeFile,
)
from targets.firmware.build import Firmware
from tests.targets.firmware.chip_world import (
    PATIENCE_S,
    SLOT_A,
    SLOT_B,
    World,
    boot_line,
    image,
    is_boot,
)

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def world(tmp_path: Path, firmware: Firmware) -> Iterator[World]:
    world = World(tmp_path, firmware)
    try:
        yield world
    finally:
        world.close()


@pytest.mark.parametrize("protocol", ["MQTT", "HTTP"])
def test_there_and_back_again(world: World, protocol: str) -> None:
    """Two updates: into slot B, and from there into slot A."""
    world.chip.power_on()
    for number, slot in ((1, "B"), (2, "A")):
        version = f"1.0.{number}"
        new = image(world.firmware, version, 10 + number)
        world.offer(f"job-{number}", new, protocol)
        assert world.reason(f"job-{number}") == f"SUCCEEDED accepted  v{version}"
        wanted = boot_line(version, slot, "pending_commit", 10 + number)
        world.chip.wait_for(wanted.__eq__, PATIENCE_S)
        world.chip.read_console()
    world.chip.power_off()
    assert world.chip.flash[SLOT_A:].startswith(image(world.firmware, "1.0.2", 12))
    assert world.modem.bad_frames == 0


@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 8192, 8193])
def test_files_of_all_sizes(world: World, size: int) -> None:
    """What is no firmware is stored as it is, without self-test or reset."""
    content = bytes(number % 251 for number in range(size))
    world.chip.power_on()
    world.offer("file", content, file_type=7)
    assert world.reason("file") == "SUCCEEDED accepted  v0.0.7"
    world.chip.power_off()
    assert world.chip.flash[SLOT_B : SLOT_B + size] == content
    assert sum(map(is_boot, world.chip.lines)) == 1


def test_modem_comes_late(world: World) -> None:
    """A wire that says nonsense costs a new connection and nothing else."""
    world.chip.power_on()
    at = world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
    world.modem.write(b"\xc0\x00\x12nonsense\xc0")
    at = world.chip.wait_for(lambda line: line == "ota: connection lost", PATIENCE_S, at)
    world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S, at)
    world.offer("job", image(world.firmware, "1.0.1", 2))
    assert world.reason("job").startswith("SUCCEEDED")


@pytest.mark.parametrize(
    "action",
    [AnswerStatus(403), AnswerStatus(500), Truncate(100), Close(), NoAnswer(), WholeFile()],
    ids=lambda action: type(action).__name__,
)
def test_http_answers_that_are_no_range(world: World, action: HttpAction) -> None:
    """The third and fourth answer are spoilt; nothing of them gets into the image."""
    world.server.download.faults.add(HttpFault(3, action, count=2))
    world.chip.power_on()
    new = image(world.firmware, "1.0.1", 2)
    world.offer("job", new, "HTTP")
    assert world.reason("job") == "SUCCEEDED accepted  v1.0.1"
    world.chip.power_off()
    assert world.chip.flash[SLOT_B:].startswith(new)


def test_http_that_never_answers_well(world: World) -> None:
    world.server.download.faults.add(HttpFault(3, AnswerStatus(403), count=None))
    world.chip.power_on()
    world.offer("job", image(world.firmware, "1.0.1", 2), "HTTP")
    assert world.reason("job") == "FAILED aborted: 0x00000000"
    world.server.download.faults.clear()
    world.offer("next", image(world.firmware, "1.0.1", 3), "HTTP")
    assert world.reason("next") == "SUCCEEDED accepted  v1.0.1"


def test_names_of_greatest_length(tmp_path: Path, firmware: Firmware) -> None:
    """A thing name of 128 characters and a job id of 64."""
    world = World(tmp_path, firmware, thing="t" * 128)
    try:
        world.chip.power_on()
        job = "j" * (64 - len("AFR_OTA-"))
        world.offer(job, image(firmware, "1.0.1", 2))
        assert world.reason(job) == "SUCCEEDED accepted  v1.0.1"
    finally:
        world.close()


def document_of(size: int) -> dict[str, object]:
    """A document without a file; its defect shows only to who reads it to its end."""
    return {"note": "x" * size, "afr_ota": {"protocols": ["MQTT"]}}


def test_longest_document(world: World) -> None:
    """With what is around it, the block size and 1500 bytes."""
    world.chip.power_on()
    world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
    world.server.jobs.create_job("long", (world.thing,), document_of(1024 + 1500 - 350))
    assert world.reason_of("long") == "FAILED 0x0000000c: 0x00000004"


def test_document_that_is_too_long(world: World) -> None:
    """It is let pass, and the device takes the next job."""
    world.chip.power_on()
    world.chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
    world.server.jobs.create_job("long", (world.thing,), document_of(20_000))
    world.chip.wait_for(lambda line: line == "ota: a message is too large", PATIENCE_S)
    world.server.jobs.delete_job("long", force=True)
    world.offer("good", image(world.firmware, "1.0.1", 2))
    assert world.reason("good") == "SUCCEEDED accepted  v1.0.1"


def test_shutdown_and_start(world: World) -> None:
    """A stopped agent takes no job; started again, it does."""
    chip = world.chip
    chip.power_on()
    at = chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
    chip.command("shutdown")
    at = chip.wait_for(lambda line: line == "command: shutdown Stopped", PATIENCE_S, at)
    for name in ("suspend", "resume", "check", "abort"):
        chip.command(name)
        wanted = f"command: {name} OtaErrAgentStopped"
        at = chip.wait_for(wanted.__eq__, PATIENCE_S, at)
    world.offer("job", image(world.firmware, "1.0.1", 2))
    chip.command("start")
    at = chip.wait_for(lambda line: line == "command: start OtaErrNone", PATIENCE_S, at)
    assert world.reason("job") == "SUCCEEDED accepted  v1.0.1"


def test_reset_by_command(world: World) -> None:
    chip = world.chip
    chip.power_on()
    at = chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S)
    chip.command("reset")
    at = chip.wait_for(lambda line: line == "command: reset OtaErrNone", PATIENCE_S, at)
    at = chip.wait_for(is_boot, PATIENCE_S, at)
    chip.wait_for(lambda line: line == "ota: connected", PATIENCE_S, at)
