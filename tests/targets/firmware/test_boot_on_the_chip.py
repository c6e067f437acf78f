"""The boot loader and the console on an emulated chip without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.protocol.image import Behaviour
from targets.firmware.build import Firmware
from tests.targets.firmware.chip_world import (
    DECLARES,
    DEVICE_PAGE,
    PATIENCE_S,
    RECORDS,
    SLOT_A,
    SLOT_B,
    THING,
    armed,
    boot_line,
    image,
    is_boot,
)
from tests.targets.firmware.emulator import Emulator
from tests.targets.firmware.provisioning import device_page

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def chip(tmp_path: Path, firmware: Firmware) -> Iterator[Emulator]:
    """A chip without a wire; the boot loader and 1.0.0 are in its flash."""
    with Emulator(tmp_path) as emulator:
        emulator.program(0, firmware.boot_bin.read_bytes())
        emulator.program(SLOT_A, image(firmware, "1.0.0", 1))
        yield emulator


def test_factory(chip: Emulator) -> None:
    chip.power_on()
    chip.wait_for(is_boot, PATIENCE_S)
    assert chip.lines[0] == boot_line("1.0.0", "A", "valid", 1)


def test_no_image(chip: Emulator, firmware: Firmware) -> None:
    """Nothing is started that was not confirmed, also when there is nothing else."""
    chip.program(SLOT_A, b"\xff" * 64)
    chip.program(SLOT_B, image(firmware, "1.0.1", 2))
    chip.power_on()
    chip.wait_for(lambda line: line == "ota: the active slot holds no image", PATIENCE_S)
    assert not any(map(is_boot, chip.lines))


def test_trial_and_power_loss(chip: Emulator, firmware: Firmware) -> None:
    """The armed image gets one boot; cut short, the old one is back."""
    new = image(firmware, "1.0.1", 2)
    chip.program(SLOT_B, new)
    chip.program(RECORDS, armed(0, new))
    chip.power_on()
    chip.wait_for(is_boot, PATIENCE_S)
    chip.power_off()
    chip.power_on()
    chip.wait_for(lambda line: line == boot_line("1.0.0", "A", "valid", 1), PATIENCE_S)
    boots = [line for line in chip.lines if line.startswith("boot:")]
    assert boots == [
        boot_line("1.0.1", "B", "pending_commit", 2),
        "boot: rollback from=1.0.1 to=1.0.0",
        boot_line("1.0.0", "A", "valid", 1),
    ]


def test_image_changed_after_it_was_armed(chip: Emulator, firmware: Firmware) -> None:
    new = image(firmware, "1.0.1", 2)
    chip.program(SLOT_B, new[:-1] + bytes([new[-1] ^ 1]))
    chip.program(RECORDS, armed(0, new))
    chip.power_on()
    chip.wait_for(is_boot, PATIENCE_S)
    assert boot_line("1.0.0", "A", "valid", 1) in chip.lines


@pytest.mark.parametrize("behaviour", [Behaviour.CRASH, Behaviour.NO_CONNECT])
def test_trial_that_comes_to_nothing(
    chip: Emulator, firmware: Firmware, behaviour: Behaviour
) -> None:
    new = image(firmware, "1.0.1", 2, behaviour)
    chip.program(DEVICE_PAGE, device_page(THING, [], DECLARES))
    chip.program(SLOT_B, new)
    chip.program(RECORDS, armed(0, new))
    chip.power_on()
    chip.wait_for(lambda line: line == boot_line("1.0.0", "A", "valid", 1), PATIENCE_S)
    assert "boot: rollback from=1.0.1 to=1.0.0" in chip.lines


def test_commands(chip: Emulator) -> None:
    """Also a device that is not provisioned answers, and resets when told to."""
    chip.power_on()
    at = chip.wait_for(lambda line: "provision" in line, PATIENCE_S)
    chip.command("dance")
    at = chip.wait_for(lambda line: line.startswith("command: dance unknown"), PATIENCE_S, at)
    chip.command("reset")
    at = chip.wait_for(lambda line: line == "command: reset OtaErrNone", PATIENCE_S, at)
    chip.wait_for(is_boot, PATIENCE_S, at)
